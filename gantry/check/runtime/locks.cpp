// SPDX-License-Identifier: MIT
#include <gantry/check/runtime/detail/locks.hpp>

#include <linux/futex.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace gantry::check::runtime {
namespace {

// What a location at a program's address stands for; atomics have tag 0.
constexpr std::uint64_t lock_tag = 1;
constexpr std::uint64_t queue_tag = 2;
constexpr std::uint64_t round_tag = 3;

std::uint64_t number(const void* p) noexcept {
    return reinterpret_cast<std::uint64_t>(p);
}

operation make(operation_kind kind, order o, std::uint64_t operand) noexcept {
    operation op;
    op.kind = kind;
    op.size = 16;
    op.success = o;
    op.operand = {operand, 0};
    return op;
}

// Performs what may have to wait. Who has only some patience looks, and if it is in vain waits, or its time is up.
bool attempt(modelled_thread& t, operation op, const void* lock, patience p, const timespec* until, const void* site) {
    if (p != patience::endless) {
        if (active->access(t, op, number(lock), lock_tag, site).wrote) {
            return true;
        }
        if (p == patience::none) {
            return false;
        }
        if (active->choose(t, 2, site) == 1) {
            pass_time_until(t, *until);
            return false;
        }
    }
    op.await = true;
    op.timed = p == patience::some;
    return active->access(t, op, number(lock), lock_tag, site).wrote;
}

// Locks: 0 is free, otherwise the holder's number plus one.
bool take(modelled_thread& t, const void* lock, patience p, const timespec* until, const void* site) {
    return attempt(t, make(operation_kind::cas, order::acquire, t.id + 1U), lock, p, until, site);
}

void give_back(modelled_thread& t, const void* lock, const void* site) {
    active->access(t, make(operation_kind::store, order::release, 0), number(lock), lock_tag, site);
}

auto held_by(modelled_thread& t, const void* lock) {
    return std::ranges::find(t.held, lock, &holding::lock);
}

int refusal(patience p) noexcept {
    return p == patience::none ? EBUSY : ETIMEDOUT;
}

int kind_of(const pthread_mutex_t* m) noexcept {
    return m->__data.__kind & 3;
}

void enqueue(modelled_thread& t, const void* queue, const void* site) {
    const accessed result =
        active->access(t, make(operation_kind::enqueue, order::kernel, t.id + 1U), number(queue), queue_tag, site);
    if (byte_of(result.seen, 15) != 0) {
        active->fail(fault::unsupported, "more than 16 threads wait at one place", site);
    }
}

void await_dequeue(modelled_thread& t, const void* queue, bool timed, const void* site) {
    operation op = make(operation_kind::look, order::kernel, t.id + 1U);
    op.await = true;
    op.timed = timed;
    active->access(t, op, number(queue), queue_tag, site);
}

// Takes back an enqueue(). Who was let go in the meantime passes that on: the call is not to be lost.
void leave(modelled_thread& t, const void* queue, const void* site) {
    const accessed result =
        active->access(t, make(operation_kind::leave, order::kernel, t.id + 1U), number(queue), queue_tag, site);
    if (!queue_holds(result.seen, t.id + 1U)) {
        wake(t, queue, 1, site);
    }
}

// In a mutex's kind, as the C library keeps it.
constexpr int robust_bit = 16;

constexpr std::uint64_t second_ns = 1'000'000'000;
// When modelled clocks start.
constexpr std::uint64_t epoch_s = 1'700'000'000;
// Where modelled clocks stop.
constexpr time_t latest_s = 4'000'000'000;
constexpr std::uint64_t latest_ns = (latest_s - epoch_s) * second_ns;

// Runs the program's own code from within a hook.
template<class F>
void as_program(modelled_thread& t, F f) {
    struct back {
        ~back() { running = nullptr; }
    } const at_the_end;
    running = &t;
    f();
}

std::uint8_t guard_size(const void* guard) noexcept {
    const graph& g = active->strategy().current();
    std::uint8_t size = 1;
    for (location_id l = 0; l < g.location_count(); ++l) {
        if (const location& each = g.location_at(l); each.address == number(guard)) {
            size = each.size;
        }
    }
    return size;
}

} // namespace

int lock_mutex(modelled_thread& t, pthread_mutex_t* m, patience p, const timespec* until, const void* site) {
    if ((m->__data.__kind & robust_bit) != 0) {
        active->fail(fault::unsupported, "robust mutexes are not modelled", site);
    }
    if (const auto h = held_by(t, m); h != t.held.end()) {
        const int kind = kind_of(m);
        if (kind == PTHREAD_MUTEX_RECURSIVE) {
            ++h->depth;
            return 0;
        }
        if (kind == PTHREAD_MUTEX_ERRORCHECK && p != patience::none) {
            return EDEADLK;
        }
        if (p == patience::endless) {
            active->fail(fault::lock_misuse, "a thread locks a mutex that it holds", site);
        }
        if (p == patience::some) {
            pass_time_until(t, *until);
        }
        return refusal(p);
    }
    if (!take(t, m, p, until, site)) {
        return refusal(p);
    }
    t.held.push_back({m, 1, false});
    return 0;
}

int unlock_mutex(modelled_thread& t, pthread_mutex_t* m, const void* site) {
    const auto h = held_by(t, m);
    if (h == t.held.end()) {
        if (kind_of(m) == PTHREAD_MUTEX_ERRORCHECK) {
            return EPERM;
        }
        active->fail(fault::lock_misuse, "a thread unlocks a mutex that it does not hold", site);
    }
    if (--h->depth == 0) {
        t.held.erase(h);
        give_back(t, m, site);
    }
    return 0;
}

int lock_spin(modelled_thread& t, const void* lock, patience p, const void* site) {
    if (held_by(t, lock) != t.held.end() && p == patience::endless) {
        active->fail(fault::lock_misuse, "a thread locks a spin lock that it holds", site);
    }
    if (!take(t, lock, p, nullptr, site)) {
        return EBUSY;
    }
    t.held.push_back({lock, 1, false});
    return 0;
}

int unlock_spin(modelled_thread& t, const void* lock, const void* site) {
    const auto h = held_by(t, lock);
    if (h == t.held.end()) {
        active->fail(fault::lock_misuse, "a thread unlocks a spin lock that it does not hold", site);
    }
    t.held.erase(h);
    give_back(t, lock, site);
    return 0;
}

// Readers and writers: the writer's number plus one in the low half, readers counted in the high half.
int lock_shared(modelled_thread& t, const void* lock, patience p, const timespec* until, const void* site) {
    const auto h = held_by(t, lock);
    if (h != t.held.end() && !h->shared && p == patience::endless) {
        active->fail(fault::lock_misuse, "a thread locks a read-write lock for reading that it holds for writing",
                     site);
    }
    if (!attempt(t, make(operation_kind::share, order::acquire, 0), lock, p, until, site)) {
        return refusal(p);
    }
    if (h != t.held.end()) {
        ++h->depth;
    } else {
        t.held.push_back({lock, 1, true});
    }
    return 0;
}

int lock_alone(modelled_thread& t, const void* lock, patience p, const timespec* until, const void* site) {
    if (held_by(t, lock) != t.held.end() && p == patience::endless) {
        active->fail(fault::lock_misuse, "a thread locks a read-write lock for writing that it holds", site);
    }
    if (!take(t, lock, p, until, site)) {
        return refusal(p);
    }
    t.held.push_back({lock, 1, false});
    return 0;
}

int unlock_shared_or_alone(modelled_thread& t, const void* lock, const void* site) {
    const auto h = held_by(t, lock);
    if (h == t.held.end()) {
        active->fail(fault::lock_misuse, "a thread unlocks a read-write lock that it does not hold", site);
    }
    const bool shared = h->shared;
    if (--h->depth == 0) {
        t.held.erase(h);
    }
    if (shared) {
        active->access(t, make(operation_kind::unshare, order::release, 0), number(lock), lock_tag, site);
    } else {
        give_back(t, lock, site);
    }
    return 0;
}

void destroy_lock(modelled_thread& t, const void* lock, const char* kind, const void* site) {
    const accessed found =
        active->access(t, make(operation_kind::load, order::relaxed, 0), number(lock), lock_tag, site);
    if (!(found.seen == value{})) {
        active->fail(fault::lock_misuse, std::string(kind) + " is destroyed while it is held", site);
    }
}

int wait_on_condition(modelled_thread& t, const void* condition, pthread_mutex_t* m, const timespec* until,
                      const void* site) {
    const auto h = held_by(t, m);
    if (h == t.held.end()) {
        active->fail(fault::lock_misuse, "a wait with a mutex that is not held", site);
    }
    const unsigned depth = h->depth;
    enqueue(t, condition, site);
    h->depth = 1;
    unlock_mutex(t, m, site);
    // A wait ends by a call, a timed one when its time is up, or for no reason (so often only: a loop around it would
    // have no end).
    const bool may_time_out = until != nullptr;
    const bool may_be_spurious = t.spurious < active->options().spurious_max;
    std::uint32_t how = 0;
    if (may_time_out || may_be_spurious) {
        how = active->choose(t, 1U + (may_time_out ? 1U : 0U) + (may_be_spurious ? 1U : 0U), site);
    }
    const bool timed_out = may_time_out && how == 1;
    if (how == 0) {
        await_dequeue(t, condition, may_time_out, site);
    } else {
        if (timed_out) {
            pass_time_until(t, *until);
        } else {
            ++t.spurious;
        }
        leave(t, condition, site);
    }
    lock_mutex(t, m, patience::endless, nullptr, site);
    held_by(t, m)->depth = depth;
    return timed_out ? ETIMEDOUT : 0;
}

int wake(modelled_thread& t, const void* queue, unsigned count, const void* site, bool touches) {
    const accessed result = active->access(t, make(operation_kind::dequeue, order::kernel, std::min(count, 16U)),
                                           number(queue), queue_tag, site, touches);
    int gone = 0;
    while (gone < 16 && static_cast<unsigned>(gone) < count && byte_of(result.seen, static_cast<unsigned>(gone)) != 0) {
        ++gone;
    }
    return gone;
}

void destroy_condition(modelled_thread& t, const void* condition, const void* site) {
    const accessed found =
        active->access(t, make(operation_kind::load, order::relaxed, 0), number(condition), queue_tag, site);
    if (!(found.seen == value{})) {
        active->fail(fault::lock_misuse, "a condition variable is destroyed while threads wait for it", site);
    }
}

// A semaphore is its count. Making one is writing it: who uses it must come after.
void make_semaphore(modelled_thread& t, sem_t* s, unsigned count, const void* site) {
    active->plain(t, number(s), 1, true, site);
    active->access(t, make(operation_kind::store, order::relaxed, count), number(s), lock_tag, site);
}

void post_semaphore(modelled_thread& t, sem_t* s, const void* site) {
    active->access(t, make(operation_kind::add, order::acq_rel, 1), number(s), lock_tag, site);
}

int wait_semaphore(modelled_thread& t, sem_t* s, patience p, const timespec* until, const void* site) {
    if (attempt(t, make(operation_kind::decrease, order::acq_rel, 0), s, p, until, site)) {
        return 0;
    }
    errno = p == patience::none ? EAGAIN : ETIMEDOUT;
    return -1;
}

int count_of_semaphore(modelled_thread& t, sem_t* s, const void* site) {
    return static_cast<int>(
        active->access(t, make(operation_kind::load, order::relaxed, 0), number(s), lock_tag, site).seen.low);
}

// A barrier counts arrivals, and the rounds that are over; how many a round takes is written into its memory.
int make_barrier(modelled_thread& t, pthread_barrier_t* b, unsigned count, const void* site) {
    if (count == 0) {
        return EINVAL;
    }
    active->plain(t, number(b), sizeof count, true, site);
    std::memcpy(b, &count, sizeof count);
    return 0;
}

namespace {

unsigned size_of_barrier(modelled_thread& t, const pthread_barrier_t* b, const void* site) {
    unsigned count = 0;
    active->plain(t, number(b), sizeof count, false, site);
    std::memcpy(&count, b, sizeof count);
    if (count == 0) {
        active->fail(fault::lock_misuse, "a barrier is used that is not there", site);
    }
    return count;
}

} // namespace

int wait_barrier(modelled_thread& t, pthread_barrier_t* b, const void* site) {
    const unsigned count = size_of_barrier(t, b, site);
    const std::uint64_t before =
        active->access(t, make(operation_kind::add, order::acq_rel, 1), number(b), lock_tag, site).seen.low;
    const std::uint64_t round = before / count;
    if (before % count == count - 1) {
        active->access(t, make(operation_kind::store, order::release, round + 1), number(b), round_tag, site);
        return PTHREAD_BARRIER_SERIAL_THREAD;
    }
    operation wait = make(operation_kind::load, order::acquire, 0);
    wait.expected = {round, 0};
    wait.await = true;
    active->access(t, wait, number(b), round_tag, site);
    return 0;
}

void destroy_barrier(modelled_thread& t, pthread_barrier_t* b, const void* site) {
    const unsigned count = size_of_barrier(t, b, site);
    const std::uint64_t arrived =
        active->access(t, make(operation_kind::load, order::relaxed, 0), number(b), lock_tag, site).seen.low;
    if (arrived % count != 0) {
        active->fail(fault::lock_misuse, "a barrier is destroyed while threads wait at it", site);
    }
    std::memset(b, 0, sizeof count);
}

// 0: nobody yet; 1: somebody is at it; 2: done.
void call_once(modelled_thread& t, const void* flag, void (*function)(), const void* site) {
    for (;;) {
        if (active->access(t, make(operation_kind::cas, order::acquire, 1), number(flag), lock_tag, site).wrote) {
            try {
                as_program(t, function);
            } catch (...) {
                give_back(t, flag, site);
                throw;
            }
            active->access(t, make(operation_kind::store, order::release, 2), number(flag), lock_tag, site);
            return;
        }
        operation wait = make(operation_kind::load, order::acquire, 0);
        wait.expected = {1, 0};
        wait.await = true;
        if (active->access(t, wait, number(flag), lock_tag, site).seen.low == 2) {
            return;
        }
    }
}

// The guard says whether the object is there. Compiled code has looked at it before it calls: at one byte, or at all
// eight (g++ for aarch64). The functions below must do likewise.
bool begin_static(modelled_thread& t, const void* guard, const void* site) {
    take(t, guard, patience::endless, nullptr, site);
    operation look = make(operation_kind::load, order::acquire, 0);
    look.size = guard_size(guard);
    if (active->access(t, look, number(guard), 0, site).seen.low == 0) {
        return true;
    }
    give_back(t, guard, site);
    return false;
}

void end_static(modelled_thread& t, const void* guard, bool made, const void* site) {
    if (made) {
        operation there = make(operation_kind::store, order::release, 1);
        there.size = guard_size(guard);
        active->access(t, there, number(guard), 0, site);
    }
    give_back(t, guard, site);
}

long futex(modelled_thread& t, const void* word, int what, std::uint32_t v, const timespec* until, const void* site) {
    switch (what & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: {
        enqueue(t, word, site);
        active->fence(t, order::kernel, nullptr); // as the kernel does before it looks
        operation look = make(operation_kind::load, order::relaxed, 0);
        look.size = 4;
        if (active->access(t, look, number(word), 0, site).seen.low != v) {
            leave(t, word, site);
            errno = EAGAIN;
            return -1;
        }
        if (until != nullptr && active->choose(t, 2, site) == 1) {
            if ((what & FUTEX_CMD_MASK) == FUTEX_WAIT) { // says how long, not until when
                pass_time(t, *until);
            } else {
                pass_time_until(t, *until);
            }
            leave(t, word, site);
            errno = ETIMEDOUT;
            return -1;
        }
        await_dequeue(t, word, until != nullptr, site);
        return 0;
    }
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        active->fence(t, order::kernel, nullptr);
        return wake(t, word, v, site, false);
    default:
        active->fail(fault::unsupported, "a futex operation that is not modelled", site);
    }
}

// Later than what this thread, and those whose looks at the clock happen before, were told; faster each time, so that a
// loop until a deadline comes to an end. A loop that has none comes to where clocks stop, and is one that spins then.
timespec time_now(modelled_thread& t) {
    t.spin.timed = true;
    t.time_ns = std::min(active->time_before(t) + t.tick_ns, latest_ns);
    t.tick_ns = std::min(t.tick_ns * 2, latest_ns);
    t.looked_ns = t.time_ns;
    t.looks.push_back({t.clock[t.id], t.time_ns});
    timespec now{};
    now.tv_sec = static_cast<time_t>(epoch_s + t.time_ns / second_ns);
    now.tv_nsec = static_cast<long>(t.time_ns % second_ns);
    return now;
}

void pass_time(modelled_thread& t, const timespec& how_long) {
    const auto seconds = static_cast<std::uint64_t>(std::clamp<time_t>(how_long.tv_sec, 0, latest_s));
    t.time_ns = std::min(active->time_before(t) + seconds * second_ns + static_cast<std::uint64_t>(how_long.tv_nsec),
                         latest_ns);
    t.looks.push_back({t.clock[t.id], t.time_ns});
}

void pass_time_until(modelled_thread& t, const timespec& until) {
    const auto seconds = static_cast<std::uint64_t>(std::clamp<time_t>(until.tv_sec, 0, latest_s));
    if (seconds >= epoch_s) {
        t.time_ns = std::max(active->time_before(t),
                             (seconds - epoch_s) * second_ns + static_cast<std::uint64_t>(until.tv_nsec));
        t.looks.push_back({t.clock[t.id], t.time_ns});
    }
}

} // namespace gantry::check::runtime

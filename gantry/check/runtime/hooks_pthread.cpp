// SPDX-License-Identifier: MIT
// The C library's threads, locks and waits, made of modelled threads and of atomic operations on locations that stand
// for the lock, the queue of waiters and so on. Outside of a model every function is the C library's own.
#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/session.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>

#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace gantry::check::runtime {

void* host_symbol(const char* name) noexcept {
    return dlsym(RTLD_NEXT, name);
}

void host_fatal(const char* what) noexcept {
    const auto abort_now = reinterpret_cast<void (*)()>(host_symbol("abort"));
    std::fprintf(stderr, "gantry::model: %s\n", what);
    abort_now();
    _exit(134);
}

int host_pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*entry)(void*), void* argument) {
    using type = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto next = reinterpret_cast<type>(host_symbol("pthread_create"));
    return next(handle, attributes, entry, argument);
}

namespace {

// What a location at a program's address stands for; atomics have tag 0.
constexpr std::uint64_t lock_tag = 1;
constexpr std::uint64_t queue_tag = 2;

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

// Whether a thread waits, and whether it may give up.
enum class patience : std::uint8_t { none, some, endless };

// Locks: 0 is free, otherwise the holder's number plus one.
bool take(modelled_thread& t, const void* lock, patience p, const void* site) {
    operation op = make(operation_kind::cas, order::acquire, t.id + 1U);
    op.await = p != patience::none;
    op.timed = p == patience::some;
    return active->access(t, op, number(lock), lock_tag, site).wrote;
}

void give_back(modelled_thread& t, const void* lock, const void* site) {
    active->access(t, make(operation_kind::store, order::release, 0), number(lock), lock_tag, site);
}

auto held_by(modelled_thread& t, const pthread_mutex_t* m) {
    return std::ranges::find_if(t.held, [&](const auto& h) { return h.first == m; });
}

bool recursive(const pthread_mutex_t* m) noexcept {
    return (m->__data.__kind & 3) == PTHREAD_MUTEX_RECURSIVE;
}

int lock(modelled_thread& t, pthread_mutex_t* m, patience p, const void* site) {
    if (const auto h = held_by(t, m); h != t.held.end()) {
        if (recursive(m)) {
            ++h->second;
            return 0;
        }
        if (p == patience::endless) {
            active->fail(fault::lock_misuse, "a thread locks a mutex that it holds", site);
        }
        return p == patience::none ? EBUSY : ETIMEDOUT;
    }
    if (p == patience::some && active->choose(t, 2, site) == 1) {
        return ETIMEDOUT;
    }
    if (!take(t, m, p, site)) {
        return EBUSY;
    }
    t.held.emplace_back(m, 1U);
    return 0;
}

int unlock(modelled_thread& t, pthread_mutex_t* m, const void* site) {
    const auto h = held_by(t, m);
    if (h == t.held.end()) {
        active->fail(fault::lock_misuse, "a thread unlocks a mutex that it does not hold", site);
    }
    if (--h->second == 0) {
        t.held.erase(h);
        give_back(t, m, site);
    }
    return 0;
}

// Queues of waiting threads: condition variables and futexes.
void enqueue(modelled_thread& t, const void* queue, const void* site) {
    const accessed result =
        active->access(t, make(operation_kind::enqueue, order::acq_rel, t.id + 1U), number(queue), queue_tag, site);
    if (byte_of(result.seen, 15) != 0) {
        active->fail(fault::unsupported, "more than 16 threads wait at one place", site);
    }
}

void await_dequeue(modelled_thread& t, const void* queue, bool timed, const void* site) {
    operation op = make(operation_kind::look, order::acquire, t.id + 1U);
    op.await = true;
    op.timed = timed;
    active->access(t, op, number(queue), queue_tag, site);
}

// The answer is how many were let go.
int dequeue(modelled_thread& t, const void* queue, unsigned count, const void* site) {
    const accessed result = active->access(t, make(operation_kind::dequeue, order::acq_rel, std::min(count, 16U)),
                                           number(queue), queue_tag, site);
    int gone = 0;
    while (gone < 16 && static_cast<unsigned>(gone) < count && byte_of(result.seen, static_cast<unsigned>(gone)) != 0) {
        ++gone;
    }
    return gone;
}

// Takes back an enqueue(). Who was let go in the meantime passes that on: the call is not to be lost.
void leave(modelled_thread& t, const void* queue, const void* site) {
    const accessed result =
        active->access(t, make(operation_kind::leave, order::acq_rel, t.id + 1U), number(queue), queue_tag, site);
    if (!queue_holds(result.seen, t.id + 1U)) {
        dequeue(t, queue, 1, site);
    }
}

constexpr std::uint64_t second_ns = 1'000'000'000;
// When modelled clocks start.
constexpr std::uint64_t epoch_s = 1'700'000'000;

// The thread's clock says at least that time from now on.
void pass_time(modelled_thread& t, const timespec& until) {
    const auto seconds = static_cast<std::uint64_t>(until.tv_sec);
    if (seconds >= epoch_s) {
        t.time_ns = std::max(t.time_ns, (seconds - epoch_s) * second_ns + static_cast<std::uint64_t>(until.tv_nsec));
    }
}

int wait_on_condition(modelled_thread& t, pthread_cond_t* c, pthread_mutex_t* m, const timespec* until,
                      const void* site) {
    const auto h = held_by(t, m);
    if (h == t.held.end()) {
        active->fail(fault::lock_misuse, "a wait with a mutex that is not held", site);
    }
    const unsigned depth = h->second;
    enqueue(t, c, site);
    h->second = 1;
    unlock(t, m, site);
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
        await_dequeue(t, c, may_time_out, site);
    } else {
        if (timed_out) {
            pass_time(t, *until);
        } else {
            ++t.spurious;
        }
        leave(t, c, site);
    }
    lock(t, m, patience::endless, site);
    held_by(t, m)->second = depth;
    return timed_out ? ETIMEDOUT : 0;
}

// Readers and writers: the writer's number plus one in the low half, readers counted in the high half.
int share(modelled_thread& t, pthread_rwlock_t* l, patience p, const void* site) {
    if (p == patience::some && active->choose(t, 2, site) == 1) {
        return ETIMEDOUT;
    }
    operation op = make(operation_kind::share, order::acquire, 0);
    op.await = p != patience::none;
    op.timed = p == patience::some;
    return active->access(t, op, number(l), lock_tag, site).wrote ? 0 : EBUSY;
}

int take_alone(modelled_thread& t, pthread_rwlock_t* l, patience p, const void* site) {
    if (p == patience::some && active->choose(t, 2, site) == 1) {
        return ETIMEDOUT;
    }
    return take(t, l, p, site) ? 0 : EBUSY;
}

int unlock_shared_or_alone(modelled_thread& t, pthread_rwlock_t* l, const void* site) {
    const value seen = active->access(t, make(operation_kind::load, order::relaxed, 0), number(l), lock_tag, site).seen;
    if (seen.low == t.id + 1U) {
        give_back(t, l, site);
    } else if (seen.high > 0) {
        active->access(t, make(operation_kind::unshare, order::release, 0), number(l), lock_tag, site);
    } else {
        active->fail(fault::lock_misuse, "a thread unlocks a read-write lock that it does not hold", site);
    }
    return 0;
}

// Runs the program's own code from within a hook.
template<class F>
void as_program(modelled_thread& t, F f) {
    struct back {
        ~back() { running = nullptr; }
    } const at_the_end;
    running = &t;
    f();
}

long futex(modelled_thread& t, const void* word, int what, std::uint32_t v, const timespec* until, const void* site) {
    switch (what & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: {
        enqueue(t, word, site);
        active->fence(t, order::seq_cst, nullptr); // as the kernel does before it looks
        operation look = make(operation_kind::load, order::relaxed, 0);
        look.size = 4;
        if (active->access(t, look, number(word), 0, site).seen.low != v) {
            leave(t, word, site);
            errno = EAGAIN;
            return -1;
        }
        if (until != nullptr && active->choose(t, 2, site) == 1) {
            timespec when = *until;
            if ((what & FUTEX_CMD_MASK) == FUTEX_WAIT) { // says how long, not until when
                when.tv_sec += static_cast<time_t>(epoch_s + t.time_ns / second_ns + 1);
            }
            pass_time(t, when);
            leave(t, word, site);
            errno = ETIMEDOUT;
            return -1;
        }
        await_dequeue(t, word, until != nullptr, site);
        return 0;
    }
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        active->fence(t, order::seq_cst, nullptr);
        return dequeue(t, word, v, site);
    default:
        active->fail(fault::unsupported, "a futex operation that is not modelled", site);
    }
}

struct range {
    std::uintptr_t low = 0;
    std::uintptr_t high = 0;
};

int find_unwinder(dl_phdr_info* info, std::size_t, void* data) {
    if (std::strstr(info->dlpi_name, "libgcc_s.so") == nullptr) {
        return 0;
    }
    auto& found = *static_cast<range*>(data);
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
            found.low = info->dlpi_addr + header.p_vaddr;
            found.high = found.low + header.p_memsz;
        }
    }
    return 1;
}

// What the unwinder locks and makes once is its own: it lasts for the life of the process and orders nothing in the
// program.
bool from_unwinder(const void* site) noexcept {
    const entry not_the_program;
    static const range unwinder = [] {
        range found;
        dl_iterate_phdr(find_unwinder, &found);
        return found;
    }();
    const auto p = reinterpret_cast<std::uintptr_t>(site);
    return p >= unwinder.low && p < unwinder.high;
}

template<class F>
F next(const char* name) noexcept {
    return reinterpret_cast<F>(host_symbol(name));
}

} // namespace
} // namespace gantry::check::runtime

namespace rt = gantry::check::runtime;
using gantry::check::fault;

#define GANTRY_SITE __builtin_return_address(0)

// Outside of a model, and for the unwinder: the C library's function of the same name.
#define GANTRY_HOST(function, ...)                                                                                     \
    const void* const site = GANTRY_SITE;                                                                              \
    if (rt::running == nullptr || rt::from_unwinder(site)) {                                                           \
        const rt::entry not_the_program;                                                                               \
        static const auto host = rt::next<decltype(&function)>(#function);                                             \
        return host(__VA_ARGS__);                                                                                      \
    }                                                                                                                  \
    rt::entry in;                                                                                                      \
    rt::modelled_thread& self = in.thread();                                                                           \
    static_cast<void>(site);                                                                                           \
    static_cast<void>(self)

#pragma GCC visibility push(default)

extern "C" {

int pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*entry)(void*), void* argument) {
    GANTRY_HOST(pthread_create, handle, attributes, entry, argument);
    rt::modelled_thread& child = rt::active->create(self, entry, argument, site);
    *handle = child.on->handle;
    return 0;
}

int pthread_join(pthread_t handle, void** result) {
    GANTRY_HOST(pthread_join, handle, result);
    rt::modelled_thread* const child = rt::active->thread_of(handle);
    if (child == nullptr) {
        rt::active->fail(fault::lock_misuse, "join of an unknown thread", site);
    }
    rt::active->join(self, *child, site);
    if (result != nullptr) {
        *result = child->result;
    }
    return 0;
}

// Fibers may share a thread pointer; each has a thread's name all the same.
pthread_t pthread_self() noexcept {
    GANTRY_HOST(pthread_self);
    return self.on->handle;
}

int pthread_detach(pthread_t handle) {
    GANTRY_HOST(pthread_detach, handle);
    rt::modelled_thread* const child = rt::active->thread_of(handle);
    if (child == nullptr || child->joined || child->detached) {
        rt::active->fail(fault::lock_misuse, "detach of a thread that cannot be detached", site);
    }
    child->detached = true;
    return 0;
}

int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
    GANTRY_HOST(pthread_mutex_lock, m);
    return rt::lock(self, m, rt::patience::endless, site);
}

int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
    GANTRY_HOST(pthread_mutex_trylock, m);
    return rt::lock(self, m, rt::patience::none, site);
}

int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
    GANTRY_HOST(pthread_mutex_unlock, m);
    return rt::unlock(self, m, site);
}

int pthread_mutex_destroy(pthread_mutex_t* m) noexcept {
    GANTRY_HOST(pthread_mutex_destroy, m);
    if (rt::held_by(self, m) != self.held.end()) {
        rt::active->fail(fault::lock_misuse, "a mutex is destroyed while it is held", site);
    }
    return 0;
}

int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
    GANTRY_HOST(pthread_cond_wait, c, m);
    return rt::wait_on_condition(self, c, m, nullptr, site);
}

int pthread_cond_signal(pthread_cond_t* c) noexcept {
    GANTRY_HOST(pthread_cond_signal, c);
    rt::dequeue(self, c, 1, site);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
    GANTRY_HOST(pthread_cond_broadcast, c);
    rt::dequeue(self, c, 16, site);
    return 0;
}

int pthread_cond_destroy(pthread_cond_t* c) noexcept {
    GANTRY_HOST(pthread_cond_destroy, c);
    return 0;
}

int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m, const timespec* until) {
    GANTRY_HOST(pthread_cond_timedwait, c, m, until);
    return rt::wait_on_condition(self, c, m, until, site);
}

int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* until) {
    GANTRY_HOST(pthread_cond_clockwait, c, m, clock, until);
    return rt::wait_on_condition(self, c, m, until, site);
}

int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* until) noexcept {
    GANTRY_HOST(pthread_mutex_timedlock, m, until);
    return rt::lock(self, m, rt::patience::some, site);
}

int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock, const timespec* until) noexcept {
    GANTRY_HOST(pthread_mutex_clocklock, m, clock, until);
    return rt::lock(self, m, rt::patience::some, site);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_rdlock, l);
    return rt::share(self, l, rt::patience::endless, site);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_tryrdlock, l);
    return rt::share(self, l, rt::patience::none, site);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t* l, const timespec* until) noexcept {
    GANTRY_HOST(pthread_rwlock_timedrdlock, l, until);
    return rt::share(self, l, rt::patience::some, site);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t* l, clockid_t clock, const timespec* until) noexcept {
    GANTRY_HOST(pthread_rwlock_clockrdlock, l, clock, until);
    return rt::share(self, l, rt::patience::some, site);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_wrlock, l);
    return rt::take_alone(self, l, rt::patience::endless, site);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_trywrlock, l);
    return rt::take_alone(self, l, rt::patience::none, site);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t* l, const timespec* until) noexcept {
    GANTRY_HOST(pthread_rwlock_timedwrlock, l, until);
    return rt::take_alone(self, l, rt::patience::some, site);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t* l, clockid_t clock, const timespec* until) noexcept {
    GANTRY_HOST(pthread_rwlock_clockwrlock, l, clock, until);
    return rt::take_alone(self, l, rt::patience::some, site);
}

int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_unlock, l);
    return rt::unlock_shared_or_alone(self, l, site);
}

// 0: nobody yet; 1: somebody is at it; 2: done.
int pthread_once(pthread_once_t* flag, void (*function)()) {
    GANTRY_HOST(pthread_once, flag, function);
    using gantry::check::operation_kind;
    using gantry::check::order;
    for (;;) {
        if (rt::active
                ->access(self, rt::make(operation_kind::cas, order::acquire, 1), rt::number(flag), rt::lock_tag, site)
                .wrote) {
            try {
                rt::as_program(self, function);
            } catch (...) {
                rt::give_back(self, flag, site);
                throw;
            }
            rt::active->access(self, rt::make(operation_kind::store, order::release, 2), rt::number(flag), rt::lock_tag,
                               site);
            return 0;
        }
        auto wait = rt::make(operation_kind::load, order::acquire, 0);
        wait.expected = {1, 0};
        wait.await = true;
        if (rt::active->access(self, wait, rt::number(flag), rt::lock_tag, site).seen.low == 2) {
            return 0;
        }
    }
}

// Static objects of functions. The guard's first byte says that the object is there, and is read by compiled code.
int __cxa_guard_acquire(long long* guard) {
    if (rt::running == nullptr) {
        static int (*host)(long long*) = nullptr; // not a guarded static: this is how those are made
        if (host == nullptr) {
            host = rt::next<int (*)(long long*)>("__cxa_guard_acquire");
        }
        return host(guard);
    }
    const void* const site = GANTRY_SITE;
    rt::entry in;
    rt::take(in.thread(), guard, rt::patience::endless, site);
    auto look = rt::make(gantry::check::operation_kind::load, gantry::check::order::acquire, 0);
    look.size = 1;
    if (rt::active->access(in.thread(), look, rt::number(guard), 0, site).seen.low == 0) {
        return 1;
    }
    rt::give_back(in.thread(), guard, site);
    return 0;
}

void __cxa_guard_release(long long* guard) {
    if (rt::running == nullptr) {
        static void (*host)(long long*) = nullptr;
        if (host == nullptr) {
            host = rt::next<void (*)(long long*)>("__cxa_guard_release");
        }
        host(guard);
        return;
    }
    const void* const site = GANTRY_SITE;
    rt::entry in;
    auto made = rt::make(gantry::check::operation_kind::store, gantry::check::order::release, 1);
    made.size = 1;
    rt::active->access(in.thread(), made, rt::number(guard), 0, site);
    rt::give_back(in.thread(), guard, site);
}

void __cxa_guard_abort(long long* guard) {
    if (rt::running == nullptr) {
        static void (*host)(long long*) = nullptr;
        if (host == nullptr) {
            host = rt::next<void (*)(long long*)>("__cxa_guard_abort");
        }
        host(guard);
        return;
    }
    rt::entry in;
    rt::give_back(in.thread(), guard, GANTRY_SITE);
}

int __cxa_atexit(void (*destroy)(void*), void* object, void* library) noexcept {
    if (rt::running == nullptr) {
        static int (*host)(void (*)(void*), void*, void*) = nullptr;
        if (host == nullptr) {
            host = rt::next<int (*)(void (*)(void*), void*, void*)>("__cxa_atexit");
        }
        return host(destroy, object, library);
    }
    rt::entry in;
    rt::active->at_exit({destroy, object});
    return 0;
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
    GANTRY_HOST(clock_gettime, clock, now);
    self.time_ns += self.tick_ns;
    self.tick_ns *= 2;
    now->tv_sec = static_cast<time_t>(rt::epoch_s + self.time_ns / rt::second_ns);
    now->tv_nsec = static_cast<long>(self.time_ns % rt::second_ns);
    return 0;
}

int sched_yield() noexcept {
    GANTRY_HOST(sched_yield);
    return 0;
}

int nanosleep(const timespec* wanted, timespec* left) {
    GANTRY_HOST(nanosleep, wanted, left);
    self.time_ns +=
        static_cast<std::uint64_t>(wanted->tv_sec) * rt::second_ns + static_cast<std::uint64_t>(wanted->tv_nsec);
    return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* wanted, timespec* left) {
    GANTRY_HOST(clock_nanosleep, clock, flags, wanted, left);
    return 0;
}

long syscall(long which, ...) noexcept {
    va_list arguments;
    va_start(arguments, which);
    long a[6];
    for (long& each : a) {
        each = va_arg(arguments, long);
    }
    va_end(arguments);
    GANTRY_HOST(syscall, which, a[0], a[1], a[2], a[3], a[4], a[5]);
    switch (which) {
    case SYS_futex:
        return rt::futex(self, reinterpret_cast<const void*>(a[0]), static_cast<int>(a[1]),
                         static_cast<std::uint32_t>(a[2]), reinterpret_cast<const timespec*>(a[3]), site);
    case SYS_membarrier:
        rt::active->fence(self, gantry::check::order::seq_cst, nullptr);
        return 0;
    default:
        rt::active->fail(fault::unsupported, "a system call that is not modelled", site);
    }
}

int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* library) noexcept {
    using type = int (*)(void (*)(void*), void*, void*);
    if (rt::running == nullptr) {
        static const auto host = rt::next<type>("__cxa_thread_atexit");
        return host(destroy, object, library);
    }
    rt::entry in;
    in.thread().exits.push_back({destroy, object});
    return 0;
}

void abort() noexcept {
    if (rt::running == nullptr) {
        static const auto host = rt::next<void (*)()>("abort");
        host();
        _exit(134);
    }
    rt::entry in;
    rt::active->fail(fault::aborted, "abort() was called", GANTRY_SITE);
}

void __assert_fail(const char* condition, const char* file, unsigned line, const char* function) noexcept {
    if (rt::running == nullptr) {
        static const auto host = rt::next<void (*)(const char*, const char*, unsigned, const char*)>("__assert_fail");
        host(condition, file, line, function);
        _exit(134);
    }
    gantry::check::fail(condition, file, static_cast<int>(line));
}

} // extern "C"

#pragma GCC visibility pop

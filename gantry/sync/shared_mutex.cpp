// SPDX-License-Identifier: MIT
#include <gantry/sync/detail/spin_then_sleep.hpp>
#include <gantry/sync/shared_mutex.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

namespace gantry::sync {

namespace detail {

constinit thread_local reader reader_here{.line = nullptr, .held = 0};
constinit std::array<reader_line, tuning::shared_mutex_lines> reader_lines{};
constinit std::atomic<std::uint32_t> reader_lines_used{0};

namespace {

// Gives the line back when the thread ends. thread_locals that are destroyed later count themselves.
struct line_keeper {
    line_keeper() = default;
    line_keeper(const line_keeper&) = delete;
    line_keeper& operator=(const line_keeper&) = delete;
    ~line_keeper() {
        ended = true;
        reader_line* const line = std::exchange(reader_here.line, nullptr);
        if (line == nullptr)
            return;
        // A lock that the thread leaves locked stays locked: then the line is lost.
        if (std::exchange(reader_here.held, 0) == 0)
            line->owned.store(0, std::memory_order_release); // order: line.w
    }
    bool used = false;
    static constinit thread_local bool ended;
};
constinit thread_local bool line_keeper::ended = false;
thread_local line_keeper keeper;

void claim_line() noexcept {
    if (reader_here.line != nullptr || line_keeper::ended)
        return;
    for (std::uint32_t i = 0; i != reader_lines.size(); ++i) {
        std::uint32_t free = 0;
        if (reader_lines[i].owned.load(std::memory_order_relaxed) != 0) // relaxed: revalidated
            continue;
        // order: line.r; relaxed: revalidated
        if (!reader_lines[i].owned.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                                           std::memory_order_relaxed))
            continue;
        std::uint32_t used = reader_lines_used.load(std::memory_order_relaxed); // relaxed: revalidated
        while (used <= i &&
               !reader_lines_used.compare_exchange_weak(used, i + 1, std::memory_order_relaxed,
                                                        std::memory_order_relaxed)) { // relaxed: revalidated
        }
        keeper.used = true; // constructs it, so that its destructor will run
        reader_here.line = &reader_lines[i];
        return;
    }
}

// Waits until the slot holds something else than the lock.
bool await_slot(reader_line& line, const reader_line::slot& slot, const void* lock, steady_deadline deadline) noexcept {
    const auto occupied = [&] {
        return slot.load(std::memory_order_acquire) == lock;
    }; // order: leave.r
    if (spin_while(occupied))
        return true;
    line.waiters.fetch_add(1, std::memory_order_relaxed); // relaxed: revalidated
    bool left = false;
    for (;;) {
        const std::uint32_t emptied = line.emptied.load(std::memory_order_relaxed); // relaxed: revalidated
        asymmetric_fence_heavy(); // the reader sees that somebody waits, or this look sees the slot empty
        left = !occupied();
        if (left || wait_on_until(line.emptied, emptied, deadline) == wait_result::timeout)
            break;
    }
    line.waiters.fetch_sub(1, std::memory_order_relaxed); // relaxed: stale-ok
    return left;
}

} // namespace

void wake_writers(reader_line& line) noexcept {
    line.emptied.fetch_add(1, std::memory_order_relaxed); // relaxed: revalidated
    wake_all(line.emptied);
}

} // namespace detail

bool shared_mutex::try_lock_shared_slow() noexcept {
    std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
    while ((seen & writer) == 0) {
        const std::uint32_t reads = reads_.load(std::memory_order_relaxed); // relaxed: stale-ok
        const bool bias = reads >= tuning::shared_mutex_bias_reads;
        GANTRY_DEBUG_ASSERT((seen & readers_mask) != readers_mask);
        if (!word_.compare_exchange_weak(seen, (seen + reader_one) | (bias ? biased : 0), std::memory_order_acquire,
                                         std::memory_order_relaxed)) // order: hand_over.r; relaxed: revalidated
            continue;
        if (bias)
            detail::claim_line();
        else
            reads_.store(reads + 1, std::memory_order_relaxed); // relaxed: stale-ok
        return true;
    }
    return false;
}

// Registers, if a writer is there.
bool shared_mutex::join(std::uint64_t one, std::uint64_t mask, std::uint64_t& seen) noexcept {
    seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
    GANTRY_ASSERT((seen & mask) != mask);
    // relaxed: revalidated
    return (seen & writer) != 0 &&
           word_.compare_exchange_strong(seen, seen + one, std::memory_order_relaxed, std::memory_order_relaxed);
}

// Waits for the unit. False: not in time, and the registration is taken out. When it was taken out by somebody else at
// the last moment, the unit is there or about to come, and is taken: nobody else was told.
bool shared_mutex::await(std::uint64_t one, std::uint64_t mask, std::uint64_t same, std::uint64_t as,
                         std::atomic<std::uint32_t>& units, steady_deadline deadline) noexcept {
    if (detail::take_one(units, deadline))
        return true;
    std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
    while ((seen & mask) != 0 && (seen & same) == (as & same)) {
        if (word_.compare_exchange_weak(seen, seen - one, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) // relaxed: revalidated
            return false;
    }
    return detail::take_one(units, no_deadline);
}

bool shared_mutex::lock_shared_slow(steady_deadline deadline) noexcept {
    for (bool kept_out = false;;) {
        if (try_lock_shared_slow())
            return true;
        // relaxed: revalidated
        if (detail::spin_while([this] { return (word_.load(std::memory_order_relaxed) & writer) != 0; }))
            continue;
        std::uint64_t seen = 0;
        if (kept_out) {
            if (join(heir_one, heirs_mask, seen))
                return await(heir_one, heirs_mask, phase, seen, gates_[(seen & phase) != 0 ? 1 : 0], deadline);
        } else if (join(looker_one, lookers_mask, seen)) {
            if (!await(looker_one, lookers_mask, 0, seen, looks_, deadline))
                return false;
            kept_out = true;
        }
    }
}

void shared_mutex::tell_drained() noexcept {
    detail::put(drained_, 1);
    wake_one(drained_);
}

bool shared_mutex::try_lock() noexcept {
    std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
    while ((seen & (writer | readers_mask)) == 0) {
        // order: hand_over.r, leave.r; relaxed: revalidated
        if (word_.compare_exchange_weak(seen, (seen | writer) & ~biased, std::memory_order_acquire,
                                        std::memory_order_relaxed))
            return drain(seen, steady_deadline::min());
    }
    return false;
}

bool shared_mutex::lock_slow(steady_deadline deadline) noexcept {
    for (;;) {
        // Readers that count themselves are gone in a moment, unless they sleep: then they are to be waited for, and to
        // keep others out meanwhile.
        const auto occupied = [this] {
            return (word_.load(std::memory_order_relaxed) & (writer | readers_mask)) != 0; // relaxed: revalidated
        };
        if (occupied())
            static_cast<void>(detail::spin_while(occupied));
        std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        while ((seen & writer) == 0) {
            // order: hand_over.r, leave.r; relaxed: revalidated
            if (word_.compare_exchange_weak(seen, (seen | writer) & ~biased, std::memory_order_acquire,
                                            std::memory_order_relaxed))
                return drain(seen, deadline);
        }
        if (join(writer_waits_one, writers_wait_mask, seen) &&
            !await(writer_waits_one, writers_wait_mask, 0, seen, turns_, deadline))
            return false;
    }
}

// The caller has just set `writer`; `before` is the word as it was then. Waits until all readers have left, or gives
// the word back.
bool shared_mutex::drain(std::uint64_t before, steady_deadline deadline) noexcept {
    const bool revoked = (before & biased) == 0 || revoke(deadline);
    bool counted = (before & readers_mask) != 0; // the last of them owes a unit
    if (revoked && counted && detail::take_one(drained_, deadline))
        counted = false;
    if (!revoked || counted) {
        std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        for (;;) {
            if (counted && (seen & readers_mask) == 0) {
                static_cast<void>(detail::take_one(drained_, no_deadline));
                counted = false;
                if (revoked)
                    break; // everybody is gone after all
            }
            // Readers that this writer has not waited for are still in their slots: the next one must look there, too.
            const std::uint64_t next = without_writer(seen) | (revoked ? 0 : biased);
            // It has done nothing that anybody must see.
            // relaxed: revalidated
            if (word_.compare_exchange_weak(seen, next, std::memory_order_relaxed, std::memory_order_relaxed)) {
                let_in(seen);
                return false;
            }
        }
    }
    if ((before & readers_mask) != 0) {
        // The unit came from the last reader; the others' ends are in the word that it changed.
        static_cast<void>(word_.load(std::memory_order_acquire)); // order: leave.r
    }
    reads_.store(0, std::memory_order_relaxed); // relaxed: stale-ok
    return true;
}

// Waits until no thread's line has this lock; false: not in time.
bool shared_mutex::revoke(steady_deadline deadline) noexcept {
    asymmetric_fence_heavy(); // a reader sees that the bias is gone, or is seen below
    const std::uint32_t used = detail::reader_lines_used.load(std::memory_order_relaxed); // relaxed: revalidated
    for (std::uint32_t i = 0; i != used; ++i) {
        for (const detail::reader_line::slot& slot : detail::reader_lines[i].slots) {
            if (slot.load(std::memory_order_acquire) == this && // order: leave.r
                !detail::await_slot(detail::reader_lines[i], slot, this, deadline))
                return false;
        }
    }
    return true;
}

// The word once the writer that it shows has gone: the heirs are in, the lookers and one writer that waits are told.
std::uint64_t shared_mutex::without_writer(std::uint64_t seen) noexcept {
    const std::uint64_t heirs = (seen & heirs_mask) / heir_one;
    std::uint64_t next = (seen & ~(writer | heirs_mask | lookers_mask)) + heirs * reader_one;
    if (heirs != 0)
        next ^= phase;
    if ((seen & writers_wait_mask) != 0)
        next -= writer_waits_one;
    return next;
}

// Pays what without_writer() took out. As long as a unit is owed, its thread keeps the lock alive.
void shared_mutex::let_in(std::uint64_t before) noexcept {
    const auto heirs = static_cast<std::uint32_t>((before & heirs_mask) / heir_one);
    const auto lookers = static_cast<std::uint32_t>((before & lookers_mask) / looker_one);
    const bool told = (before & writers_wait_mask) != 0;
    std::atomic<std::uint32_t>& gate = gates_[(before & phase) != 0 ? 1 : 0];
    std::atomic<std::uint32_t>& looks = looks_;
    std::atomic<std::uint32_t>& turns = turns_;
    if (heirs != 0) {
        detail::put(gate, heirs);
        wake_all(gate);
    }
    if (lookers != 0) {
        detail::put(looks, lookers);
        wake_all(looks);
    }
    if (told) {
        detail::put(turns, 1);
        wake_one(turns);
    }
}

void shared_mutex::unlock_slow() noexcept {
    std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
    // order: hand_over.w; relaxed: revalidated
    while (!word_.compare_exchange_weak(seen, without_writer(seen), std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
    let_in(seen);
}

} // namespace gantry::sync

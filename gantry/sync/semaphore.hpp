// SPDX-License-Identifier: MIT
#pragma once
//
// semaphore: a bounded number of permits, handed out in order of arrival.
// binary_semaphore: one with a single permit, which can serve as a mutex that any thread may unlock.
//
// Use it when at most so many threads may do something at once, or one thread lets another one go on; when the order
// of arrival must be kept and a waiter must be able to give up.
// Do not use it when the one who locks is the one who unlocks -> sync/mutex.hpp, which knows its holder and does not
// switch threads at each hand-over; when values are handed over -> channel/channel.hpp.
//
//     gantry::sync::semaphore connections({.permits = 2, .max = 2});
//     {
//         const gantry::sync::semaphore_guard one(connections);
//         EXPECT_EQ(connections.available(), 1U);
//     }
//     EXPECT_EQ(connections.release(), release_result::would_exceed);
//
// A permit that is released while somebody waits is given to the one who came first: a newcomer cannot overtake, and
// try_acquire() fails. binary_semaphore meets Lockable and TimedLockable.
//
// Threads: every member from any thread, also a release() without an acquire().
// Progress: acquire() spins for a bounded time, then sleeps; try_acquire() is lock-free; release() may wait for a
// thread
//   that joins or leaves the queue. Nothing allocates. Fair: first come, first served, in the order of joining.
// Ordering: what happened before a release() is seen after the acquire() that takes one of its permits. Linearization:
//   the compare-exchange of the state; where somebody waits, the hand-over under the queue's lock.
// Cost: 40 bytes; one compare-exchange to acquire and one to release while nobody waits; else a short lock on each
// side,
//   and a system call on each side when the waiter sleeps.
// Failure: release() says would_exceed, and changes nothing, if there were more than `max` permits then. A timed waiter
//   that gives up leaves the queue; if its permit came at that moment, it has it and says so. At most 2^31 - 1 permits.
// Lifetime: may be destroyed as soon as nobody waits and no release() or timed acquire is under way, but for a
// release()
//   whose permit has been taken: it only uses the address after that.
// Origin: Dijkstra 1965; permits given to the first waiter as in Java's fair Semaphore and tokio's.
//
// Ordering ledger
//   permit : release, state compare-exchange, and release_to_waiters, state store (release)  ->  try_acquire, state
//   compare-exchange (acquire)   carries:
//            what the releaser did
//   grant : release_to_waiters, waiter state exchange (release)  ->  acquire_slow, waiter state loads (acquire)
//           carries: what the releaser did
// Relaxed used as: revalidated (a look at the state before a compare-exchange; falling asleep),
//   under-lock (the state while somebody
//   waits; the queue), stale-ok (available)

#include <gantry/base/assert.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/sync/detail/spin_credit.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/thread_safety.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace gantry::sync {

enum class release_result : std::uint8_t {
    released,
    would_exceed, // there would be more than `max` permits: nothing was changed
};

struct semaphore_options {
    std::uint32_t permits = 0; // at the start
    std::uint32_t max = 1;
};

class semaphore {
public:
    static constexpr std::uint32_t permits_limit = (std::uint32_t{1} << 31U) - 1;

    constexpr explicit semaphore(semaphore_options options) : state_(options.permits << 1U), max_(options.max) {
        GANTRY_ASSERT(options.max >= 1 && options.max <= permits_limit && options.permits <= options.max);
    }
    semaphore(const semaphore&) = delete;
    semaphore& operator=(const semaphore&) = delete;
    ~semaphore() = default;

    void acquire() noexcept {
        if (!try_acquire())
            static_cast<void>(acquire_slow(no_deadline));
    }

    // False: no permit is there, or others wait for it.
    [[nodiscard]] bool try_acquire() noexcept {
        std::uint32_t seen = state_.load(std::memory_order_relaxed); // relaxed: revalidated
        while (seen >= one_permit) {
            if (state_.compare_exchange_weak(seen, seen - one_permit, std::memory_order_acquire,
                                             std::memory_order_relaxed)) // order: permit.r; relaxed: revalidated
                return true;
        }
        return false;
    }

    // False: it gave up, without a permit.
    template<class Rep, class Period>
    [[nodiscard]] bool try_acquire_for(std::chrono::duration<Rep, Period> duration) noexcept {
        return try_acquire() || acquire_slow(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] bool try_acquire_until(std::chrono::time_point<Clock, Duration> time) noexcept {
        return try_acquire() || until_deadline(
                                    time, [this](steady_deadline deadline) { return acquire_slow(deadline); },
                                    [](bool got) { return !got; });
    }

    // All `permits` or none.
    release_result release(std::uint32_t permits = 1) noexcept {
        for (;;) {
            std::uint32_t seen = state_.load(std::memory_order_relaxed); // relaxed: revalidated
            while (seen != somebody_waits) {
                if (permits > max_ - (seen >> 1U))
                    return release_result::would_exceed;
                if (state_.compare_exchange_weak(seen, seen + (permits << 1U), std::memory_order_release,
                                                 std::memory_order_relaxed)) // order: permit.w; relaxed: revalidated
                    return release_result::released;
            }
            if (const auto result = release_to_waiters(permits))
                return *result;
        }
    }

    // A figure for people: it may be old by the time it is read.
    [[nodiscard]] std::uint32_t available() const noexcept {
        return state_.load(std::memory_order_relaxed) >> 1U; // relaxed: stale-ok
    }
    [[nodiscard]] std::uint32_t max() const noexcept { return max_; }

private:
    struct waiter;

    static constexpr std::uint32_t somebody_waits = 1;
    static constexpr std::uint32_t one_permit = 2;

    [[nodiscard]] bool acquire_slow(steady_deadline deadline) noexcept;
    // Nothing: the last waiter has left.
    [[nodiscard]] std::optional<release_result> release_to_waiters(std::uint32_t permits) noexcept;
    [[nodiscard]] bool leave(waiter& mine) noexcept;

    // Shared atomics: twice the permits; or somebody_waits, and then there are none.
    std::atomic<std::uint32_t> state_;

    detail::spin_credit spinning_;

    // Constant after construction.
    std::uint32_t max_;

    // Guarded by queue_lock_. The state changes to somebody_waits and back under it only.
    detail::mutex_core queue_lock_;
    std::uint32_t waiters_ = 0;
    waiter* first_ = nullptr;
    waiter* last_ = nullptr;
};

class GANTRY_CAPABILITY("mutex") binary_semaphore : public semaphore {
public:
    // Unlocked from the start, unless told otherwise.
    constexpr explicit binary_semaphore(std::uint32_t permits = 1) : semaphore({.permits = permits, .max = 1}) {}

    void lock() noexcept GANTRY_ACQUIRE() GANTRY_NO_THREAD_SAFETY_ANALYSIS { acquire(); }
    [[nodiscard]] bool try_lock() noexcept GANTRY_TRY_ACQUIRE(true) GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        return try_acquire();
    }
    template<class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> duration) noexcept
        GANTRY_TRY_ACQUIRE(true) GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        return try_acquire_for(duration);
    }
    template<class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) noexcept
        GANTRY_TRY_ACQUIRE(true) GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        return try_acquire_until(time);
    }
    // Asserted in debug builds: it is locked.
    void unlock() noexcept GANTRY_RELEASE() GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        const release_result result = release();
        GANTRY_DEBUG_ASSERT(result == release_result::released);
    }
};

// Holds one permit while it lives.
class semaphore_guard {
public:
    explicit semaphore_guard(semaphore& of) noexcept : of_(of) { of_.acquire(); }
    semaphore_guard(const semaphore_guard&) = delete;
    semaphore_guard& operator=(const semaphore_guard&) = delete;
    ~semaphore_guard() { of_.release(); }

private:
    semaphore& of_;
};

} // namespace gantry::sync

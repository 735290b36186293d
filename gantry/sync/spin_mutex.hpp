// SPDX-License-Identifier: MIT
#pragma once
//
// spin_mutex: mutual exclusion in one byte; waiters never sleep.
//
// Use it when a critical section is a few instructions, threads are no more than CPUs, and the byte or the last
// nanosecond counts.
// Do not use it when threads may outnumber CPUs, or the holder may block or be preempted for long -> sync/mutex.hpp;
// when waiters must be served in order -> sync/ticket_mutex.hpp, sync/mcs_mutex.hpp.
//
//     gantry::sync::spin_mutex m;
//     std::scoped_lock lock(m);
//
// It meets Lockable and TimedLockable.
//
// Threads: every member from any thread; unlock() by the thread that holds the lock. Not recursive.
// Progress: lock() waits for as long as another thread holds the lock, first with growing numbers of pause
//   instructions between its looks, then yielding the CPU; a holder that lost its CPU gets it back only when the
//   scheduler thinks so. try_lock() and unlock() are wait-free. Nothing allocates. Not fair.
// Ordering: what happened before an unlock() is seen after the lock() or successful try_lock*() that follows it.
//   Linearization: the exchange that finds it unlocked; the store of unlock().
// Cost: 1 byte; one atomic read-modify-write to lock, one store to unlock; no system call but the yields.
// Failure: none at run time. Misuse is reported in debug builds: README.md.
// Lifetime: may be destroyed as soon as no thread holds it or waits for it; unlock() uses nothing after its store.
// Origin: test-and-test-and-set with exponential back-off (Rudolph and Segall 1984; Anderson 1990).
//
// Ordering ledger
//   hand_over : unlock, store (release)  ->  try_lock, exchange (acquire)   carries: everything done under the lock
// Relaxed used as: revalidated (a look before the exchange), stale-ok (is_locked)

#include <gantry/base/backoff.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/sync/detail/lockable.hpp>

#include <atomic>
#include <chrono>

namespace gantry::sync {

namespace detail {

class spin_mutex_core {
public:
    static constexpr const char* kind = "spin_mutex";

    void lock() noexcept {
        if (!try_lock())
            static_cast<void>(lock_until(no_deadline));
    }

    [[nodiscard]] bool try_lock() noexcept {
        return !locked_.exchange(true, std::memory_order_acquire); // order: hand_over.r
    }

    [[nodiscard]] bool lock_until(steady_deadline deadline) noexcept {
        backoff backoff;
        do {
            // Waiters only read until it looks free: the line stays shared and the holder's store is not held up.
            while (is_locked()) {
                if (deadline != no_deadline && std::chrono::steady_clock::now() >= deadline)
                    return false;
                backoff.pause();
            }
        } while (!try_lock());
        return true;
    }

    void unlock() noexcept {
        locked_.store(false, std::memory_order_release); // order: hand_over.w
    }

    [[nodiscard]] bool is_locked() const noexcept {
        return locked_.load(std::memory_order_relaxed); // relaxed: revalidated
    }

private:
    std::atomic<bool> locked_{false};
};

} // namespace detail

using spin_mutex = detail::lockable<detail::spin_mutex_core, GANTRY_LOCK_CHECKS>;

} // namespace gantry::sync

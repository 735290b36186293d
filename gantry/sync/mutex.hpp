// SPDX-License-Identifier: MIT
#pragma once
//
// mutex: mutual exclusion in one 32-bit word; a thread that finds it locked spins briefly, then sleeps.
//
// Use it when a critical section is short and threads may outnumber CPUs: the default lock of the library.
// Do not use it when waiters must be served in order of arrival -> a fair lock; when readers dominate -> a shared lock.
//
//     gantry::sync::mutex m;
//     std::scoped_lock lock(m);
//
// It meets Lockable and TimedLockable: std::scoped_lock, std::unique_lock and std::lock work with it.
//
// Threads: every member from any thread; unlock() by the thread that holds the lock. Not recursive.
// Progress: lock() blocks; try_lock() and unlock() are wait-free but for the system call. Nothing allocates. Not fair.
// Ordering: what happened before an unlock() is seen after the lock() or successful try_lock*() that follows it.
//   Linearization: the read-modify-write of the word that finds it unlocked; the exchange of unlock().
// Cost: 4 bytes; one atomic read-modify-write to lock and one to unlock when nobody else wants it; one system call for
//   each sleep, and for each unlock while somebody may sleep.
// Failure: none at run time. Misuse (unlocking what is not held, recursion, contradicting orders of locks, destroying
//   what is locked) is reported in debug builds: README.md.
// Lifetime: may be destroyed as soon as no thread holds it or waits for it; the unlock() of the thread that was last
//   only uses the address after it has let go, so the next holder may destroy the mutex at once.
// Origin: the three-state lock of Drepper, "Futexes Are Tricky", 2004, plus a bounded spin.
//
// Ordering ledger
//   hand_over : unlock, word exchange (release)  ->  try_lock, compare-exchange (acquire), and lock_until,
//               compare-exchange and exchange (acquire)   carries: everything done under the lock
// Relaxed used as: revalidated (a look before or a failure of the compare-exchange), stale-ok (is_locked)

#include <gantry/base/wait.hpp>
#include <gantry/sync/detail/lockable.hpp>

#include <atomic>
#include <cstdint>

namespace gantry::sync {

namespace detail {

class mutex_core {
public:
    static constexpr const char* kind = "mutex";

    void lock() noexcept {
        if (!try_lock())
            static_cast<void>(lock_until(no_deadline));
    }

    [[nodiscard]] bool try_lock() noexcept {
        std::uint32_t seen = unlocked;
        return word_.compare_exchange_strong(seen, locked, std::memory_order_acquire,
                                             std::memory_order_relaxed); // order: hand_over.r; relaxed: revalidated
    }

    [[nodiscard]] bool lock_until(steady_deadline deadline) noexcept;

    void unlock() noexcept {
        if (word_.exchange(unlocked, std::memory_order_release) == contended) // order: hand_over.w
            wake_one(word_);
    }

    [[nodiscard]] bool is_locked() const noexcept {
        return word_.load(std::memory_order_relaxed) != unlocked; // relaxed: stale-ok
    }

private:
    static constexpr std::uint32_t unlocked = 0;
    static constexpr std::uint32_t locked = 1;
    static constexpr std::uint32_t contended = 2; // locked, and somebody may sleep

    std::atomic<std::uint32_t> word_{unlocked};
};

} // namespace detail

using mutex = detail::lockable<detail::mutex_core, GANTRY_LOCK_CHECKS>;

} // namespace gantry::sync

// SPDX-License-Identifier: MIT
#pragma once
//
// ticket_mutex: mutual exclusion in order of arrival: each thread draws a number and waits for its turn.
//
// Use it when no thread may be overtaken and locks are few: it is the simplest fair lock, and large.
// Do not use it when throughput matters more than order -> sync/mutex.hpp: a hand-over to a thread that sleeps costs a
// switch of threads each time; when there are many locks -> sync/mcs_mutex.hpp, 24 bytes; when waiters must be able
// to give up -> binary_semaphore of sync/semaphore.hpp.
//
//     gantry::sync::ticket_mutex m;
//     std::scoped_lock lock(m);
//
// It meets Lockable. There are no timed forms: a number that was drawn must be served.
//
// Turns are called on several words, numbers modulo their count, so that a hand-over wakes the thread whose turn it is
// and seldom another one: a waiter sleeps on its own word.
//
// Threads: every member from any thread; unlock() by the thread that holds the lock. Not recursive.
// Progress: lock() spins for a bounded time, then sleeps; try_lock() and unlock() are wait-free but for the system
//   call. Nothing allocates. Fair: first come, first served, in the order of the draws.
// Ordering: what happened before an unlock() is seen after the lock() or successful try_lock() that follows it.
//   Linearization: where the turn is seen to have come, or the compare-exchange of try_lock(); the exchange of
//   unlock().
// Cost: 76 bytes; one read-modify-write to lock and one to unlock; when somebody sleeps, a system call for each.
//   Spinning waiters share lines with the lock.
// Failure: none at run time. Misuse is reported in debug builds: README.md. At most 2^31 threads at once.
// Lifetime: may be destroyed as soon as no thread holds it or waits for it; the unlock() of the thread that was last
//   only uses the address after it has let go.
// Origin: the ticket lock (Reed and Kanodia 1979; Mellor-Crummey and Scott 1991); turns on several words as in
//   Anderson's array lock (1990) and Dice and Kogan's waiting array (2019); sleeping on them is ours.
//
// Ordering ledger
//   turn : unlock, turn exchange (release)  ->  lock, turn loads (acquire), try_lock, turn load (acquire)   carries:
//          everything done under the lock
// Relaxed used as: revalidated (a look at what a compare-exchange or a later look decides), stale-ok (is_locked), owner
//   (the number drawn by the holder)

#include <gantry/base/tuning.hpp>
#include <gantry/sync/detail/lockable.hpp>
#include <gantry/sync/detail/spin_credit.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace gantry::sync {

namespace detail {

class ticket_mutex_core {
public:
    static constexpr const char* kind = "ticket_mutex";

    void lock() noexcept {
        const std::uint32_t mine = next_.fetch_add(1, std::memory_order_relaxed); // relaxed: revalidated
        if (!has_come(turn(mine).load(std::memory_order_acquire), mine))          // order: turn.r
            wait(mine);
        holder_ = mine;
    }

    [[nodiscard]] bool try_lock() noexcept {
        std::uint32_t mine = next_.load(std::memory_order_relaxed);     // relaxed: revalidated
        if (!has_come(turn(mine).load(std::memory_order_acquire), mine) // order: turn.r
            || !next_.compare_exchange_strong(mine, mine + 1, std::memory_order_relaxed,
                                              std::memory_order_relaxed)) // relaxed: revalidated
            return false;
        holder_ = mine;
        return true;
    }

    void unlock() noexcept {
        const std::uint32_t next = holder_ + 1;
        auto& word = turn(next);
        if ((word.exchange(next << 1U, std::memory_order_release) & asleep) != 0) // order: turn.w
            wake_all(word);
    }

    [[nodiscard]] bool is_locked() const noexcept {
        const std::uint32_t next = next_.load(std::memory_order_relaxed);             // relaxed: stale-ok
        return !has_come(turns_[next % turns].load(std::memory_order_relaxed), next); // relaxed: stale-ok
    }

private:
    static constexpr std::uint32_t turns = tuning::ticket_mutex_turns;
    static_assert((turns & (turns - 1)) == 0, "numbers wrap around");
    static constexpr std::uint32_t asleep = 1;

    // A word holds twice the number that was last called on it, plus one if somebody sleeps there. The highest bit of
    // a number is lost, so words and numbers are compared without it.
    [[nodiscard]] static bool has_come(std::uint32_t word, std::uint32_t number) noexcept {
        return word >> 1U == (number & (~std::uint32_t{0} >> 1U));
    }
    [[nodiscard]] std::atomic<std::uint32_t>& turn(std::uint32_t number) noexcept { return turns_[number % turns]; }

    void wait(std::uint32_t mine) noexcept;

    std::atomic<std::uint32_t> next_{0};
    std::uint32_t holder_ = 0; // guarded by the lock
    spin_credit spinning_;
    std::array<std::atomic<std::uint32_t>, turns> turns_{}; // all say 0, whose turn it is
};

} // namespace detail

using ticket_mutex = detail::lockable<detail::ticket_mutex_core, GANTRY_LOCK_CHECKS>;

} // namespace gantry::sync

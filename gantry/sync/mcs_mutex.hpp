// SPDX-License-Identifier: MIT
#pragma once
//
// mcs_mutex: mutual exclusion in order of arrival: waiters form a queue, each waits on a word of its own.
//
// Use it when no thread may be overtaken: 24 bytes, and a hand-over touches nobody but the next in the queue.
// Do not use it when throughput matters more than order -> sync/mutex.hpp: a hand-over to a thread that sleeps costs a
// switch of threads each time; when waiters must be able to give up -> binary_semaphore of sync/semaphore.hpp.
//
//     gantry::sync::mcs_mutex m;
//     std::scoped_lock lock(m);
//
// It meets Lockable: a waiter's node lies on the stack of lock() and leaves the queue before lock() returns. There are
// no timed forms: the queue is linked in one direction, so a waiter cannot leave its middle.
//
// Threads: every member from any thread; unlock() by the thread that holds the lock. Not recursive.
// Progress: lock() spins for a bounded time, then sleeps. unlock() may have to wait for a thread that has joined the
//   queue and not yet linked itself to the one before. try_lock() is wait-free. Nothing allocates. Fair: first come,
//   first served, in the order of the exchanges of the tail.
// Ordering: what happened before an unlock() is seen after the lock() or successful try_lock() that follows it.
//   Linearization: where a thread learns that it is its turn, or its compare-exchange of an empty queue; the
//   hand-over, or the compare-exchange that empties the queue, in unlock().
// Cost: 24 bytes; one read-modify-write to lock and one to unlock; a waiter one or two more. When the next one sleeps,
// a
//   system call for each of the two.
// Failure: none at run time. Misuse is reported in debug builds: README.md.
// Lifetime: may be destroyed as soon as no thread holds it or waits for it; the unlock() of the thread that was last
//   only uses the address after it has let go.
// Origin: Mellor-Crummey and Scott, 1991, in the variant of the K42 system whose holder keeps its place in the lock
//   itself (Auslander, Edelsohn, Krieger, Rosenburg, Wisniewski; described in Scott's "Shared-Memory
//   Synchronization", 2013); sleeping is ours.
//
// Ordering ledger
//   free : unlock, tail compare-exchange (release)  ->  try_lock and lock_slow, tail compare-exchange (acquire)
//          carries: everything done under the lock
//   turn : unlock, state exchange (release)  ->  lock_slow, state loads (acquire)   carries: everything done under the
//          lock
//   join : lock_slow, tail compare-exchange (release)  ->  lock_slow, tail compare-exchange (acquire), and unlock
//          carries: the fields of the node that joins
//   link : lock_slow, next store (release)  ->  lock_slow and unlock, next load (acquire)   carries: the fields of the
//          node that is linked
// Relaxed used as: revalidated (a look at the tail before a compare-exchange; falling asleep), under-lock (the lock's
// own link)
//   pre-publish (fields of a node that has not joined), stale-ok (is_locked)

#include <gantry/sync/detail/lockable.hpp>
#include <gantry/sync/detail/spin_credit.hpp>

#include <atomic>
#include <cstdint>

namespace gantry::sync {

namespace detail {

class mcs_mutex_core {
public:
    static constexpr const char* kind = "mcs_mutex";

    void lock() noexcept {
        if (!try_lock())
            lock_slow();
    }

    [[nodiscard]] bool try_lock() noexcept {
        node* seen = nullptr;
        return tail_.compare_exchange_strong(seen, holder(), std::memory_order_acquire,
                                             std::memory_order_relaxed); // order: free.r; relaxed: revalidated
    }

    void unlock() noexcept;

    [[nodiscard]] bool is_locked() const noexcept {
        return tail_.load(std::memory_order_relaxed) != nullptr; // relaxed: stale-ok
    }

private:
    struct node;

    void lock_slow() noexcept;
    [[nodiscard]] node* wait_for_link(std::atomic<node*>& link) noexcept;

    // Stands in the queue for whoever holds the lock: no node has this address, and nobody follows it.
    [[nodiscard]] node* holder() noexcept { return reinterpret_cast<node*>(this); }

    std::atomic<node*> tail_{nullptr}; // nullptr: unlocked; holder(): locked, nobody waits; else the last waiter
    std::atomic<node*> next_{nullptr}; // the waiter behind the holder
    spin_credit spinning_;
};

} // namespace detail

using mcs_mutex = detail::lockable<detail::mcs_mutex_core, GANTRY_LOCK_CHECKS>;

} // namespace gantry::sync

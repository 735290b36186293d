// SPDX-License-Identifier: MIT
#pragma once
//
// condition_variable: threads sleep until another thread has changed, under a lock, what they wait for.
//
// Use it when a thread must wait for a condition on data that a lock guards; always with a predicate.
// Do not use it when values are handed over -> channel/channel.hpp; when one known thread is woken -> base/wait.hpp.
//
//     std::unique_lock lock(m);
//     ready_changed.wait(lock, [&] { return ready; });
//
// Works with every lock object that has lock() and unlock(), first of all std::unique_lock<gantry::sync::mutex>. All
// waits on one condition variable must use the same mutex, and the condition must be changed under it.
//
// Threads: every member from any thread; wait*() with the lock held. Progress: waits block; notify_* are wait-free but
//   for the system call. Nothing allocates.
// Ordering: none of its own: the lock carries the data. A wait releases the lock and falls asleep in one step with
//   respect to notifications made after the condition was changed under the lock: none is lost. Linearization: a
//   notification at its increment of the generation, a wait where it reads the generation under the lock.
// Cost: 8 bytes; notify_* cost one load when nobody waits, else one read-modify-write and one system call.
// Failure: waits may return for no reason; timed waits report std::cv_status. If lock() throws, so does the wait.
// Lifetime: may be destroyed once every waiter has been notified: the destructor waits for them to let go. With
//   waiters that nobody notified it waits for ever.
// Origin: an event count over a futex (Drepper 2004; Rust's Condvar). A wait misses a notification only if exactly
//   2^32 of them fall between its unlock and its sleep.
//
// Ordering ledger
//   leave : wait, waiters fetch_sub (release)  ->  destructor, waiters load (acquire)   carries: the waiter's last use
// Relaxed used as: under-lock (the generation and the count, written before the lock is released and read by a notifier
//   that held it later), revalidated (the generation, compared again by the kernel)

#include <gantry/base/backoff.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/sync/thread_safety.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace gantry::sync {

class condition_variable {
public:
    constexpr condition_variable() noexcept = default;
    condition_variable(const condition_variable&) = delete;
    condition_variable& operator=(const condition_variable&) = delete;
    ~condition_variable() {
        backoff backoff;
        while (waiters_.load(std::memory_order_acquire) != 0) // order: leave.r
            backoff.pause();
    }

    template<class Lock>
    void wait(Lock& lock) {
        static_cast<void>(sleep(lock, no_deadline));
    }
    template<class Lock, class Predicate>
    void wait(Lock& lock, Predicate predicate) {
        while (!predicate())
            wait(lock);
    }

    template<class Lock, class Clock, class Duration>
    std::cv_status wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> time) {
        const std::cv_status status = sleep(lock, deadline_at(time));
        if constexpr (!std::is_same_v<Clock, std::chrono::steady_clock>) {
            // A clock that was set back: not yet. The caller looks again, since the lock was free in between.
            if (status == std::cv_status::timeout && Clock::now() < time)
                return std::cv_status::no_timeout;
        }
        return status;
    }
    // The predicate's last answer.
    template<class Lock, class Clock, class Duration, class Predicate>
    [[nodiscard]] bool wait_until(Lock& lock, std::chrono::time_point<Clock, Duration> time, Predicate predicate) {
        while (!predicate()) {
            if (wait_until(lock, time) == std::cv_status::timeout)
                return predicate();
        }
        return true;
    }

    template<class Lock, class Rep, class Period>
    std::cv_status wait_for(Lock& lock, std::chrono::duration<Rep, Period> duration) {
        return sleep(lock, deadline_after(duration));
    }
    template<class Lock, class Rep, class Period, class Predicate>
    [[nodiscard]] bool wait_for(Lock& lock, std::chrono::duration<Rep, Period> duration, Predicate predicate) {
        return wait_until(lock, deadline_after(duration), std::move(predicate));
    }

    void notify_one() noexcept {
        if (somebody_waits()) {
            generation_.fetch_add(1, std::memory_order_relaxed); // relaxed: revalidated
            wake_one(generation_);
        }
    }
    void notify_all() noexcept {
        if (somebody_waits()) {
            generation_.fetch_add(1, std::memory_order_relaxed); // relaxed: revalidated
            wake_all(generation_);
        }
    }

private:
    // The notifier changed the condition under the lock. Either that came before the waiter looked, then the waiter
    // does not sleep; or after the waiter released the lock, then its increment, made before, must be seen here.
    [[nodiscard]] bool somebody_waits() const noexcept {
        return waiters_.load(std::memory_order_relaxed) != 0; // relaxed: under-lock
    }

    template<class Lock>
    std::cv_status sleep(Lock& lock, steady_deadline deadline) GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        waiters_.fetch_add(1, std::memory_order_relaxed);                             // relaxed: under-lock
        const std::uint32_t generation = generation_.load(std::memory_order_relaxed); // relaxed: under-lock
        lock.unlock();
        const wait_result result = wait_on_until(generation_, generation, deadline);
        waiters_.fetch_sub(1, std::memory_order_release); // order: leave.w
        lock.lock();
        return result == wait_result::timeout ? std::cv_status::timeout : std::cv_status::no_timeout;
    }

    std::atomic<std::uint32_t> generation_{0};
    std::atomic<std::uint32_t> waiters_{0};
};

} // namespace gantry::sync

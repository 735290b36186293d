// SPDX-License-Identifier: MIT
#pragma once
//
// event: a switch that threads wait for until it is set. auto_reset_event: the same, and each set() lets one through.
//
// Use it when a state begins that many wait for, and perhaps ends again (event: ready, stop asked for), or when one
// thread tells another "look again", and several calls may become one (auto_reset_event). Do not use it when each
// signal counts -> a semaphore; when the condition is about data under a lock -> condition_variable.hpp; for a
// lock-free structure of your own -> eventcount.hpp.
//
//     gantry::sync::event ready;
//     std::jthread waiter([&] { ready.wait(); });
//     ready.set();
//
// Threads: every member from any thread. Progress: set, reset and is_set are lock-free but for the system call; waits
//   block. Nothing allocates.
// Ordering: what happened before set() is seen after a wait that it ended, and after an is_set() that said so.
//   Linearization: the read-modify-write of the word, a wait at its look. Every wait that has begun when set() is
//   called ends, even if reset() follows at once.
// Cost: 4 bytes; set() one read-modify-write, and a system call if somebody sleeps; a wait for what is set one load, or
//   one read-modify-write with auto_reset_event.
// Failure: none. A wait misses a set() that a reset() follows only if 2^30 of them fall between its look and its sleep.
// Lifetime: may be destroyed as soon as the wait returned that was the last use: set() uses only the address after it.
// Origin: the events of Windows NT; the number of the setting in the word (as in condition variables over futexes) is
//   what makes set() and reset() in a row reach everybody, which SetEvent() and PulseEvent() do not promise.
//
// Ordering ledger
//   set  : event::set, word compare-exchange (release)  ->  event::wait and is_set, word load (acquire)
//          carries: what happened before set()
//   pass : auto_reset_event::set, word exchange (release)  ->  try_wait, compare-exchange, and wait, exchange (acquire)
//          carries: the same
// Relaxed used as: revalidated (a look before a compare-exchange), stale-ok (auto_reset_event::is_set,
//   and reset(), which orders nothing)

#include <gantry/base/backoff.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/sync/detail/spin_then_sleep.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace gantry::sync {

class event {
public:
    constexpr event() noexcept = default;
    explicit constexpr event(bool set) noexcept : word_(set ? is_on : 0) {}
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event() = default;

    void set() noexcept {
        std::uint32_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        // One that is set is written again: who waits for it next must see what happened before this set(), too.
        // order: set.w; relaxed: revalidated
        while (!word_.compare_exchange_weak(seen, (seen & is_on) != 0 ? seen : ((seen & ~asleep) | is_on) + one_setting,
                                            std::memory_order_release, std::memory_order_relaxed)) {
        }
        if ((seen & asleep) != 0)
            wake_all(word_);
    }

    void reset() noexcept {
        word_.fetch_and(~is_on, std::memory_order_relaxed); // relaxed: stale-ok
    }

    [[nodiscard]] bool is_set() const noexcept {
        return (word_.load(std::memory_order_acquire) & is_on) != 0; // order: set.r
    }

    void wait() const noexcept { static_cast<void>(await(no_deadline)); }

    template<class Rep, class Period>
    [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> duration) const noexcept {
        return await(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] bool wait_until(std::chrono::time_point<Clock, Duration> time) const noexcept {
        return until_deadline(
            time, [this](steady_deadline deadline) { return await(deadline); }, [](bool came) { return !came; });
    }

private:
    static constexpr std::uint32_t is_on = 1;
    static constexpr std::uint32_t asleep = 2; // somebody may sleep; never together with is_on
    static constexpr std::uint32_t one_setting = 4;

    [[nodiscard]] bool await(steady_deadline deadline) const noexcept {
        std::uint32_t seen = word_.load(std::memory_order_acquire); // order: set.r
        const std::uint32_t setting = seen / one_setting;
        const auto over = [setting](std::uint32_t word) {
            return (word & is_on) != 0 || word / one_setting != setting;
        };
        if (over(seen))
            return true;
        for (bool spun = false;; spun = true) {
            if (!spun && detail::spin_while([&] {
                    return !over(word_.load(std::memory_order_acquire)); // order: set.r
                }))
                return true;
            seen = word_.load(std::memory_order_acquire); // order: set.r
            if (over(seen))
                return true;
            // relaxed: revalidated
            if ((seen & asleep) == 0 && !word_.compare_exchange_strong(seen, seen | asleep, std::memory_order_relaxed,
                                                                       std::memory_order_relaxed))
                continue;
            if (wait_on_until(word_, seen | asleep, deadline) == wait_result::timeout)
                return over(word_.load(std::memory_order_acquire)); // order: set.r
        }
    }

    mutable std::atomic<std::uint32_t> word_{0};
};

class auto_reset_event {
public:
    constexpr auto_reset_event() noexcept = default;
    explicit constexpr auto_reset_event(bool set) noexcept : word_(set ? is_on : off) {}
    auto_reset_event(const auto_reset_event&) = delete;
    auto_reset_event& operator=(const auto_reset_event&) = delete;
    ~auto_reset_event() = default;

    // Lets one wait through, now or later; a second set() before that changes nothing.
    void set() noexcept {
        if (word_.exchange(is_on, std::memory_order_release) == asleep) // order: pass.w
            wake_one(word_);
    }

    void reset() noexcept {
        std::uint32_t seen = is_on;
        word_.compare_exchange_strong(seen, off, std::memory_order_relaxed,
                                      std::memory_order_relaxed); // relaxed: stale-ok
    }

    [[nodiscard]] bool is_set() const noexcept {
        return word_.load(std::memory_order_relaxed) == is_on; // relaxed: stale-ok
    }

    // Passes if it is set.
    [[nodiscard]] bool try_wait() noexcept {
        std::uint32_t seen = is_on;
        // order: pass.r; relaxed: revalidated
        return word_.compare_exchange_strong(seen, off, std::memory_order_acquire, std::memory_order_relaxed);
    }

    void wait() noexcept { static_cast<void>(await(no_deadline)); }

    template<class Rep, class Period>
    [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> duration) noexcept {
        return await(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] bool wait_until(std::chrono::time_point<Clock, Duration> time) noexcept {
        return until_deadline(
            time, [this](steady_deadline deadline) { return await(deadline); }, [](bool came) { return !came; });
    }

private:
    static constexpr std::uint32_t off = 0;
    static constexpr std::uint32_t is_on = 1;
    static constexpr std::uint32_t asleep = 2; // off, and somebody may sleep

    [[nodiscard]] bool await(steady_deadline deadline) noexcept {
        if (detail::spin_while([this] { return !try_wait(); }))
            return true;
        // As in mutex: from here on the word says `asleep`, also when this thread passes, for it cannot know whether
        // another one sleeps.
        while (word_.exchange(asleep, std::memory_order_acquire) != is_on) { // order: pass.r
            if (wait_on_until(word_, asleep, deadline) == wait_result::timeout)
                return try_wait(); // the same as a newcomer's: whom set() woke marks the word again
        }
        return true;
    }

    std::atomic<std::uint32_t> word_{off};
};

} // namespace gantry::sync

// SPDX-License-Identifier: MIT
#pragma once
//
// latch: a count that goes down to zero once; threads wait for that.
//
// Use it when threads wait until a known number of things have happened, once.
// Do not use it when it happens again -> barrier.hpp; when one thing happens, perhaps again -> event.hpp.
//
//     gantry::sync::latch done(1);
//     std::jthread worker([&] { done.count_down(); });
//     done.wait();
//
// The names are std::latch's; there are timed waits, too.
//
// Threads: every member from any thread; the count must not be taken below zero. Progress: count_down() and try_wait()
//   are wait-free but for the system call; waits block. Nothing allocates.
// Ordering: what happened before any count_down() is seen after a wait that returned. Linearization: count_down() at
// its
//   decrement, a wait at its look that finds zero.
// Cost: 4 bytes; one read-modify-write to count down, one load to wait when it is over.
// Failure: none at run time; counting below zero is asserted in debug builds.
// Lifetime: may be destroyed as soon as a wait has returned, if nobody else waits: the last count_down() only uses the
//   address after it.
// Origin: std::latch; the mark of sleepers in the word itself makes the decrement the last access.
//
// Ordering ledger
//   down : count_down, word fetch_sub (release)  ->  try_wait and wait, word load (acquire)
//          carries: what happened before each count_down
// Relaxed used as: revalidated (setting the mark of sleepers)

#include <gantry/base/assert.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/sync/detail/spin_then_sleep.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace gantry::sync {

class latch {
public:
    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return std::numeric_limits<std::int32_t>::max(); }

    explicit constexpr latch(std::ptrdiff_t expected) : word_(static_cast<std::uint32_t>(expected) * one) {
        GANTRY_ASSERT(expected >= 0 && expected <= max());
    }
    latch(const latch&) = delete;
    latch& operator=(const latch&) = delete;
    ~latch() = default;

    void count_down(std::ptrdiff_t update = 1) noexcept {
        const std::uint32_t change = static_cast<std::uint32_t>(update) * one;
        const std::uint32_t was = word_.fetch_sub(change, std::memory_order_release); // order: down.w
        GANTRY_DEBUG_ASSERT(update >= 0 && was >= change);
        if (was == (change | asleep))
            wake_all(word_);
    }

    [[nodiscard]] bool try_wait() const noexcept {
        return word_.load(std::memory_order_acquire) < one; // order: down.r
    }

    void wait() const noexcept { static_cast<void>(await(no_deadline)); }

    template<class Rep, class Period>
    [[nodiscard]] bool wait_for(std::chrono::duration<Rep, Period> duration) const noexcept {
        return await(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] bool wait_until(std::chrono::time_point<Clock, Duration> time) const noexcept {
        return until_deadline(
            time, [this](steady_deadline deadline) { return await(deadline); }, [](bool over) { return !over; });
    }

    void arrive_and_wait(std::ptrdiff_t update = 1) noexcept {
        count_down(update);
        wait();
    }

private:
    static constexpr std::uint32_t asleep = 1; // somebody may sleep
    static constexpr std::uint32_t one = 2;

    [[nodiscard]] bool await(steady_deadline deadline) const noexcept {
        for (bool spun = false;; spun = true) {
            std::uint32_t seen = word_.load(std::memory_order_acquire); // order: down.r
            if (seen < one)
                return true;
            if (!spun && detail::spin_while([this] {
                    return word_.load(std::memory_order_relaxed) >= one; // relaxed: revalidated
                }))
                continue;
            // relaxed: revalidated
            if ((seen & asleep) == 0 && !word_.compare_exchange_strong(seen, seen | asleep, std::memory_order_relaxed,
                                                                       std::memory_order_relaxed))
                continue;
            if (wait_on_until(word_, seen | asleep, deadline) == wait_result::timeout)
                return try_wait();
        }
    }

    mutable std::atomic<std::uint32_t> word_;
};

} // namespace gantry::sync

// SPDX-License-Identifier: MIT
#pragma once
//
// barrier: threads wait for each other at the end of each phase; the last to arrive is the phase's leader.
//
// Use it when a fixed group of threads works in phases, each of which needs the whole result of the one before.
// Do not use it when something happens once -> latch.hpp; when tasks are forked and joined.
//
//     gantry::sync::barrier all(2);
//     std::jthread other([&] { all.arrive_and_wait(); });
//     const bool led = all.arrive_and_wait() == gantry::sync::barrier_role::leader; // one of the two
//
// The names are std::barrier's, and so is the completion function, which the last to arrive calls before anybody goes
// on. What is more: waits say who led, and there are timed waits.
//
// Threads: every member from any thread; no more arrivals in a phase than are expected. Progress: arrive() is wait-free
//   but for the system call and the completion; waits block. Nothing allocates.
// Ordering: what happened before an arrival is seen by the completion function and after each wait for that phase; what
//   the completion did, too. Linearization: an arrival at its decrement of the count.
// Cost: 12 bytes and the completion; one read-modify-write an arrival, one more by the last; spins, then sleeps.
// Failure: none at run time; the completion function must not throw. More arrivals than expected are asserted in debug
//   builds. A timed wait that fails has arrived all the same: wait again with the same token. The leader is who arrived
//   last, if it waits: in a phase that is ended by arrive_and_drop(), or by an arrival that nobody waits for, nobody is
//   told.
// Lifetime: may be destroyed once every wait for the last phase has returned.
// Origin: the central barrier with a phase number instead of a reversed sense (Hensgen, Finkel, Manber 1988); std's.
//
// Ordering ledger
//   arrive : arrive, left fetch_sub (release)  ->  the last one's fetch_sub (acquire)   carries: the phase's work
//   next   : the last arrival, phase exchange (release)  ->  wait, phase load (acquire)
//            carries: the phase's work, the completion's, and the count of the next phase
// Relaxed used as: owner (the phase, which cannot change before the reader has arrived; the count, set by the last
// while
//   all others wait), revalidated (setting the mark of sleepers)

#include <gantry/base/assert.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/sync/detail/spin_then_sleep.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

namespace gantry::sync {

enum class barrier_role : std::uint8_t { follower, leader };

struct no_completion {
    constexpr void operator()() const noexcept {}
};

template<class Completion = no_completion>
class barrier {
    static_assert(std::is_nothrow_invocable_v<Completion&>, "nobody could catch what a completion function throws");

public:
    class arrival_token {
    public:
        arrival_token(arrival_token&&) noexcept = default;
        arrival_token& operator=(arrival_token&&) noexcept = default;
        arrival_token(const arrival_token&) = delete;
        arrival_token& operator=(const arrival_token&) = delete;
        ~arrival_token() = default;

    private:
        friend barrier;
        constexpr arrival_token(std::uint32_t phase, barrier_role role) noexcept : phase_(phase), role_(role) {}
        std::uint32_t phase_;
        barrier_role role_;
    };

    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept { return std::numeric_limits<std::int32_t>::max(); }

    explicit constexpr barrier(std::ptrdiff_t expected, Completion completion = Completion())
        : completion_(std::move(completion)), left_(static_cast<std::uint32_t>(expected)),
          expected_(static_cast<std::uint32_t>(expected)) {
        GANTRY_ASSERT(expected >= 0 && expected <= max());
    }
    barrier(const barrier&) = delete;
    barrier& operator=(const barrier&) = delete;
    ~barrier() = default;

    [[nodiscard]] arrival_token arrive(std::ptrdiff_t update = 1) {
        const std::uint32_t phase = phase_.load(std::memory_order_relaxed) & ~asleep; // relaxed: owner
        const auto count = static_cast<std::uint32_t>(update);
        const std::uint32_t before = left_.fetch_sub(count, std::memory_order_acq_rel); // order: arrive.rw
        GANTRY_DEBUG_ASSERT(update >= 1 && before >= count);
        if (before != count)
            return arrival_token(phase, barrier_role::follower);
        completion_();
        // relaxed: owner
        left_.store(expected_.load(std::memory_order_relaxed), std::memory_order_relaxed);
        // Who waited may be gone, and the barrier with them, right after the exchange: below it is only an address.
        const std::uint32_t was = phase_.exchange(phase + one_phase, std::memory_order_release); // order: next.w
        if ((was & asleep) != 0)
            wake_all(phase_);
        return arrival_token(phase, barrier_role::leader);
    }

    // Until the phase of the token is over.
    barrier_role wait(arrival_token&& token) const noexcept {
        static_cast<void>(await(token.phase_, no_deadline));
        return token.role_;
    }
    // False: not in time; the token is still good.
    template<class Rep, class Period>
    [[nodiscard]] bool wait_for(const arrival_token& token,
                                std::chrono::duration<Rep, Period> duration) const noexcept {
        return await(token.phase_, deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] bool wait_until(const arrival_token& token,
                                  std::chrono::time_point<Clock, Duration> time) const noexcept {
        return until_deadline(
            time, [&](steady_deadline deadline) { return await(token.phase_, deadline); },
            [](bool over) { return !over; });
    }

    // Most callers do not care who led.
    barrier_role arrive_and_wait() { return wait(arrive()); }

    // Arrives, and is not expected in the phases that follow.
    void arrive_and_drop() {
        expected_.fetch_sub(1, std::memory_order_relaxed); // relaxed: owner (read after the decrement that follows)
        static_cast<void>(arrive());
    }

private:
    // The phase counts up by two; its lowest bit says that somebody may sleep.
    static constexpr std::uint32_t asleep = 1;
    static constexpr std::uint32_t one_phase = 2;

    [[nodiscard]] bool await(std::uint32_t phase, steady_deadline deadline) const noexcept {
        for (bool spun = false;; spun = true) {
            std::uint32_t seen = phase_.load(std::memory_order_acquire); // order: next.r
            if ((seen & ~asleep) != phase)
                return true;
            if (!spun && detail::spin_while([&] {
                    return (phase_.load(std::memory_order_relaxed) & ~asleep) == phase; // relaxed: revalidated
                }))
                continue;
            // relaxed: revalidated
            if (seen == phase && !phase_.compare_exchange_strong(seen, phase | asleep, std::memory_order_relaxed,
                                                                 std::memory_order_relaxed))
                continue;
            if (wait_on_until(phase_, phase | asleep, deadline) == wait_result::timeout)
                return (phase_.load(std::memory_order_acquire) & ~asleep) != phase; // order: next.r
        }
    }

    [[no_unique_address]] Completion completion_;
    std::atomic<std::uint32_t> left_;     // arrivals that are missing in this phase
    std::atomic<std::uint32_t> expected_; // arrivals of the next
    mutable std::atomic<std::uint32_t> phase_{0};
};

} // namespace gantry::sync

// SPDX-License-Identifier: MIT
#pragma once
//
// wait_on / wake_one / wake_all: sleep until a 32-bit word is no longer what it was. The only place that blocks.
// parker: one thread sleeps until another gives it a token.
//
// Use it when you build a lock, a channel or a pool: every blocking call of the library ends here, so the model checker
// and the tests have one place to take over.
// Do not use it when a lock or a channel says what you mean -> sync/mutex.hpp, channel/channel.hpp.
//
//     while (word.load(std::memory_order_acquire) == 0) // order: word.r
//         gantry::wait_on(word, 0);
//
// wait_on() compares and falls asleep in one step with respect to wake_*(): a thread that changes the word and then
// wakes cannot be missed. It may also return for no reason, so callers look again.
//
// Threads: everything from any thread; park() of one parker from one thread at a time, unpark() from any.
// Progress: waits block; wakes and unpark are wait-free but for the system call. Nothing allocates.
// Ordering: wait_on and wake_* order nothing, the caller's accesses to the word do. What happened before unpark() is
//   seen after the park() that takes its token. Linearization: unpark at its exchange, park where it takes the token.
// Cost: one system call a wait and a wake; parker: 4 bytes, no system call when the token is there or nobody sleeps.
// Failure: none can happen at run time. Time-outs saturate: hours::max() waits for ever, the past returns at once.
// Lifetime: wake_* only uses the address: the word may be gone by then (whoever sleeps there instead wakes for no
//   reason, which waits allow). A parker must outlive every unpark() on it. errno is left as it was.
// Origin: futex(2), Franke, Russell and Kirkwood 2002; the token semantics of Rust's Thread::park.
//
// Ordering ledger
//   token : unpark, state exchange (release)  ->  take_token, state exchange (acquire), and the fetch_sub and
//           compare-exchange (acquire) of park   carries: what the waker did before
// Relaxed used as: revalidated (a failed look at the state; the loop looks again)

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace gantry {

using steady_deadline = std::chrono::steady_clock::time_point;

// The deadline that never comes.
inline constexpr steady_deadline no_deadline = steady_deadline::max();

enum class wait_result : std::uint8_t {
    woken,   // by a wake, or for no reason
    changed, // the word was not the expected value
    timeout, // the deadline passed
};

// Sleeps while `word` holds `expected`.
wait_result wait_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;

// The same, until the deadline at most.
[[nodiscard]] wait_result wait_on_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                                        steady_deadline deadline) noexcept;

// Wakes one sleeper, or all; returns how many.
std::uint32_t wake_one(const std::atomic<std::uint32_t>& word) noexcept;
std::uint32_t wake_all(const std::atomic<std::uint32_t>& word) noexcept;

// Any duration as nanoseconds, rounded up, clamped to what fits; NaN counts as zero.
template<class Rep, class Period>
[[nodiscard]] constexpr std::chrono::nanoseconds saturated(std::chrono::duration<Rep, Period> duration) noexcept {
    using std::chrono::nanoseconds;
    constexpr double limit = 9.2e18; // just inside 64 bits of nanoseconds, 292 years
    const double wanted = std::chrono::duration<double, std::nano>(duration).count();
    if (wanted >= limit)
        return nanoseconds::max();
    if (wanted <= -limit)
        return nanoseconds::min();
    if (wanted != wanted)
        return nanoseconds::zero();
    return std::chrono::ceil<nanoseconds>(duration);
}

// Now plus the duration; a negative one is over at once.
template<class Rep, class Period>
[[nodiscard]] steady_deadline deadline_after(std::chrono::duration<Rep, Period> duration) noexcept {
    const auto now = std::chrono::steady_clock::now();
    const auto wanted = saturated(duration);
    if (wanted <= wanted.zero())
        return now;
    return wanted >= no_deadline - now ? no_deadline : now + wanted;
}

// A time point of any clock as a deadline. A clock that can be set may not be there by then.
template<class Clock, class Duration>
[[nodiscard]] steady_deadline deadline_at(std::chrono::time_point<Clock, Duration> time) noexcept {
    const auto wanted = saturated(time.time_since_epoch());
    if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
        return steady_deadline(wanted);
    } else {
        const auto now = saturated(Clock::now().time_since_epoch());
        if (wanted <= now)
            return std::chrono::steady_clock::now();
        if (wanted == wanted.max())
            return no_deadline;
        std::int64_t left = 0;
        if (__builtin_sub_overflow(wanted.count(), now.count(), &left))
            return no_deadline;
        return deadline_after(std::chrono::nanoseconds(left));
    }
}

// Calls attempt(deadline) until timed_out(its result) is false or `time` has passed on its own clock.
template<class Clock, class Duration, class Attempt, class TimedOut>
auto until_deadline(std::chrono::time_point<Clock, Duration> time, Attempt attempt, TimedOut timed_out) {
    for (;;) {
        auto result = attempt(deadline_at(time));
        if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
            return result;
        } else {
            if (!timed_out(result) || Clock::now() >= time)
                return result;
        }
    }
}

class parker {
public:
    constexpr parker() noexcept = default;
    parker(const parker&) = delete;
    parker& operator=(const parker&) = delete;
    ~parker() = default;

    // Sleeps until there is a token and takes it.
    void park() noexcept { static_cast<void>(park_until(no_deadline)); }

    // The same with a limit; false: no token came in time.
    template<class Rep, class Period>
    [[nodiscard]] bool park_for(std::chrono::duration<Rep, Period> duration) noexcept {
        return park_until(deadline_after(duration));
    }
    [[nodiscard]] bool park_until(steady_deadline deadline) noexcept;

    // Leaves a token (there is at most one) and wakes the sleeper.
    void unpark() noexcept;

private:
    static constexpr std::uint32_t empty = 0;
    static constexpr std::uint32_t token = 1;
    static constexpr std::uint32_t asleep = std::numeric_limits<std::uint32_t>::max(); // empty - 1

    std::atomic<std::uint32_t> state_{empty};
};

} // namespace gantry

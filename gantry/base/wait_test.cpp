// SPDX-License-Identifier: MIT
#include <gantry/base/wait.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <latch>
#include <limits>
#include <thread>
#include <vector>

namespace {

using gantry::wait_result;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

// Ordering ledger
//   word : store (release)  ->  load (acquire)   carries: nothing but the hint that the test may go on
// Relaxed used as: revalidated

// A wait on a word that has changed returns at once, whatever the deadline.
TEST(wait, changed_word_does_not_sleep) {
    const std::atomic<std::uint32_t> word{1};
    EXPECT_EQ(gantry::wait_on(word, 0), wait_result::changed);
    EXPECT_EQ(gantry::wait_on_until(word, 0, gantry::no_deadline), wait_result::changed);
    EXPECT_EQ(gantry::wait_on_until(word, 0, steady_clock::time_point::min()), wait_result::changed);
}

// A deadline in the past, however far, is a time-out at once; one in the future comes at it, not before.
TEST(wait, deadlines) {
    const std::atomic<std::uint32_t> word{1};
    EXPECT_EQ(gantry::wait_on_until(word, 1, steady_clock::time_point::min()), wait_result::timeout);
    EXPECT_EQ(gantry::wait_on_until(word, 1, steady_clock::time_point()), wait_result::timeout);
    EXPECT_EQ(gantry::wait_on_until(word, 1, steady_clock::now() - 1h), wait_result::timeout);
    const auto deadline = steady_clock::now() + 5ms;
    while (gantry::wait_on_until(word, 1, deadline) != wait_result::timeout) {
    }
    EXPECT_GE(steady_clock::now(), deadline);
}

// Waiting and waking leave errno alone.
TEST(wait, errno_is_kept) {
    const std::atomic<std::uint32_t> word{1};
    errno = 77;
    EXPECT_EQ(gantry::wait_on(word, 0), wait_result::changed);
    EXPECT_EQ(gantry::wait_on_until(word, 1, steady_clock::now()), wait_result::timeout);
    EXPECT_EQ(gantry::wake_all(word), 0);
    EXPECT_EQ(errno, 77);
}

// The sample of the header: a waker that changes the word first is never missed; one wake ends at most one sleep.
TEST(wait, wakes_reach_sleepers) {
    for (int round = 0; round != 200; ++round) {
        std::atomic<std::uint32_t> word{0};
        std::vector<std::jthread> sleepers;
        for (int i = 0; i != 3; ++i) {
            sleepers.emplace_back([&word] {
                while (word.load(std::memory_order_acquire) == 0) // order: word.r
                    gantry::wait_on(word, 0);
            });
        }
        word.store(1, std::memory_order_release); // order: word.w
        if (round % 2 == 0) {
            gantry::wake_all(word);
        } else {
            for (int i = 0; i != 3; ++i)
                EXPECT_LE(gantry::wake_one(word), 1);
        }
    }
}

// A signal does not end a wait early with a time-out, nor lengthen it for ever.
TEST(wait, signals_are_survived) {
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = [](int) {
    };
    ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
    std::atomic<std::uint32_t> done{0};
    const std::atomic<std::uint32_t> word{0};
    const pthread_t waiter = ::pthread_self();
    std::jthread pest([&] {
        while (done.load(std::memory_order_acquire) == 0) { // order: word.r
            ::pthread_kill(waiter, SIGUSR1);
            std::this_thread::yield();
        }
    });
    const auto deadline = steady_clock::now() + 20ms;
    EXPECT_EQ(gantry::wait_on_until(word, 0, deadline), wait_result::timeout);
    EXPECT_GE(steady_clock::now(), deadline);
    done.store(1, std::memory_order_release); // order: word.w
    pest.join();
    ASSERT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
}

// Any duration becomes nanoseconds: rounded up, clamped, NaN as zero.
TEST(wait, saturated) {
    using std::chrono::duration;
    using std::chrono::nanoseconds;
    EXPECT_EQ(gantry::saturated(3us), 3000ns);
    EXPECT_EQ(gantry::saturated(-3us), -3000ns);
    EXPECT_EQ(gantry::saturated(std::chrono::hours::max()), nanoseconds::max());
    EXPECT_EQ(gantry::saturated(std::chrono::hours::min()), nanoseconds::min());
    EXPECT_EQ(gantry::saturated(nanoseconds::max()), nanoseconds::max());
    EXPECT_EQ(gantry::saturated(duration<double, std::nano>(1.5)), 2ns);
    EXPECT_EQ(gantry::saturated(duration<double>(std::numeric_limits<double>::infinity())), nanoseconds::max());
    EXPECT_EQ(gantry::saturated(duration<double>(-std::numeric_limits<double>::infinity())), nanoseconds::min());
    EXPECT_EQ(gantry::saturated(duration<double>(std::numeric_limits<double>::quiet_NaN())), 0ns);
    EXPECT_EQ(gantry::saturated(duration<long, std::pico>(1)), 1ns);
    static_assert(gantry::saturated(1s) == 1'000'000'000ns);
}

// Deadlines saturate at "never" and do not lie before now; other clocks are converted.
TEST(wait, deadline_conversions) {
    using std::chrono::system_clock;
    const auto before = steady_clock::now();
    EXPECT_EQ(gantry::deadline_after(std::chrono::hours::max()), gantry::no_deadline);
    EXPECT_EQ(gantry::deadline_after(std::chrono::nanoseconds::max()), gantry::no_deadline);
    EXPECT_GE(gantry::deadline_after(std::chrono::hours::min()), before);
    const auto over = gantry::deadline_after(-1s);
    EXPECT_LE(over, steady_clock::now());
    EXPECT_GE(gantry::deadline_after(1s), before + 1s);
    EXPECT_EQ(gantry::deadline_at(before), before);
    EXPECT_EQ(gantry::deadline_at(system_clock::time_point::max()), gantry::no_deadline);
    const auto long_over = gantry::deadline_at(system_clock::time_point::min());
    EXPECT_LE(long_over, steady_clock::now());
    const auto converted = gantry::deadline_at(system_clock::now() + 1h);
    EXPECT_GT(converted, steady_clock::now() + 59min);
    EXPECT_LT(converted, steady_clock::now() + 61min);
    using hours_point = std::chrono::time_point<steady_clock, std::chrono::hours>;
    EXPECT_EQ(gantry::deadline_at(hours_point::max()), gantry::no_deadline);
}

// A clock that was set back is asked again before a time-out is believed.
struct late_clock {
    using duration = std::chrono::milliseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<late_clock>;
    [[maybe_unused]] static constexpr bool is_steady = false;
    static inline int asked = 0;
    static time_point now() { return time_point(duration(asked++)); }
};
TEST(wait, until_deadline_believes_the_clock) {
    late_clock::asked = 0;
    int attempts = 0;
    const bool got = gantry::until_deadline(
        late_clock::time_point(5ms),
        [&](gantry::steady_deadline) {
            ++attempts;
            return false;
        },
        [](bool result) { return !result; });
    EXPECT_FALSE(got);
    EXPECT_EQ(attempts, 3); // each attempt asks twice, once for its deadline: 0, 1; 2, 3; 4, 5
}

// A token given before park() is there, there is at most one, and it is used up.
TEST(parker, one_token) {
    gantry::parker parker;
    parker.unpark();
    parker.unpark();
    parker.park();
    EXPECT_FALSE(parker.park_for(1ms));
    EXPECT_FALSE(parker.park_for(-1h));
    EXPECT_FALSE(parker.park_until(steady_clock::time_point::min()));
    parker.unpark();
    EXPECT_TRUE(parker.park_for(-1h)); // the token counts more than the time
    EXPECT_FALSE(parker.park_for(0ms));
}

// A parked thread goes on when it is given the token, and sees what happened before.
TEST(parker, unpark_wakes_and_publishes) {
    gantry::parker there;
    gantry::parker back;
    int value = 0;
    constexpr int rounds = 2000;
    std::jthread other([&] {
        for (int i = 0; i != rounds; ++i) {
            there.park();
            ++value;
            back.unpark();
        }
    });
    for (int i = 0; i != rounds; ++i) {
        EXPECT_EQ(value, i);
        there.unpark();
        if (i % 2 == 0) {
            back.park();
        } else {
            EXPECT_TRUE(back.park_for(std::chrono::hours::max()));
        }
    }
}

} // namespace

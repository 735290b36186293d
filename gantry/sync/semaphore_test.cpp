// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/sync/semaphore.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using namespace gantry::sync;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

// The sample of the header.
TEST(semaphore, sample) {
    gantry::sync::semaphore connections({.permits = 2, .max = 2});
    {
        const gantry::sync::semaphore_guard one(connections);
        EXPECT_EQ(connections.available(), 1U);
    }
    EXPECT_EQ(connections.release(), release_result::would_exceed);
    EXPECT_EQ(connections.available(), 2U);
}

// A release that would exceed the bound changes nothing, however many permits it brings.
TEST(semaphore, bound) {
    semaphore s({.permits = 1, .max = 3});
    EXPECT_EQ(s.max(), 3U);
    EXPECT_EQ(s.release(3), release_result::would_exceed);
    EXPECT_EQ(s.release(0), release_result::released);
    EXPECT_EQ(s.release(2), release_result::released);
    EXPECT_EQ(s.release(~0U), release_result::would_exceed);
    EXPECT_EQ(s.available(), 3U);
    for (int i = 0; i != 3; ++i)
        EXPECT_TRUE(s.try_acquire());
    EXPECT_FALSE(s.try_acquire());
    semaphore large({.permits = semaphore::permits_limit, .max = semaphore::permits_limit});
    EXPECT_EQ(large.release(), release_result::would_exceed);
    EXPECT_TRUE(large.try_acquire());
    EXPECT_EQ(large.release(), release_result::released);
}

// With a waiter the bound counts what would be left when it is served.
TEST(semaphore, bound_with_waiters) {
    semaphore s({.permits = 0, .max = 1});
    std::jthread waiter([&] { s.acquire(); });
    while (s.release(2) != release_result::released) // one for the waiter, once it waits, and one more
        std::this_thread::yield();
    waiter.join();
    EXPECT_EQ(s.available(), 1U);
}

// First come, first served: threads that queue one after the other are served in that order, and nobody overtakes.
TEST(semaphore, order_of_arrival) {
    for (int round = 0; round != 20; ++round) {
        binary_semaphore s(0);
        std::vector<int> served;
        std::vector<std::jthread> threads;
        for (int i = 0; i != 4; ++i) {
            threads.emplace_back([&, i] {
                s.acquire();
                served.push_back(i);
                s.release();
            });
            std::this_thread::sleep_for(2ms); // gives it time to queue; the order is not asserted if it did not
        }
        EXPECT_FALSE(s.try_acquire());
        s.release();
        threads.clear();
        if (served == std::vector{0, 1, 2, 3})
            return;
    }
    FAIL() << "in 20 rounds the order was never that of arrival";
}

// A waiter that gives up leaves the queue: the permit goes to the next one, wherever it stood.
TEST(semaphore, giving_up_loses_no_permit) {
    for (int round = 0; round != 200; ++round) {
        semaphore s({.permits = 0, .max = 8});
        std::atomic<unsigned> got{0};
        std::vector<std::jthread> threads;
        for (int i = 0; i != 4; ++i) {
            threads.emplace_back([&, i] {
                if (i % 2 == 0) {
                    s.acquire();
                    got.fetch_add(1, std::memory_order_relaxed);
                } else if (s.try_acquire_for(std::chrono::microseconds(20 * round % 200))) {
                    got.fetch_add(1, std::memory_order_relaxed);
                }
            });
        }
        for (int i = 0; i != 4; ++i)
            EXPECT_EQ(s.release(), release_result::released);
        threads.clear();
        EXPECT_EQ(got.load(std::memory_order_relaxed) + s.available(), 4U);
    }
}

// Time-outs: not before the time; the past is over at once.
TEST(semaphore, time_outs) {
    semaphore s({.permits = 0, .max = 1});
    const auto deadline = steady_clock::now() + 3ms;
    EXPECT_FALSE(s.try_acquire_until(deadline));
    EXPECT_GE(steady_clock::now(), deadline);
    EXPECT_FALSE(s.try_acquire_for(-1h));
    EXPECT_FALSE(s.try_acquire_until(std::chrono::system_clock::now() + 2ms));
    EXPECT_EQ(s.release(), release_result::released);
    EXPECT_TRUE(s.try_acquire_for(std::chrono::hours::max()));
}

// Any thread may unlock a binary semaphore.
TEST(binary_semaphore, unlocked_by_another_thread) {
    binary_semaphore m;
    m.lock();
    std::jthread([&] { m.unlock(); }).join();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

#if GANTRY_DEBUG_CHECKS
TEST(binary_semaphore_death, unlocking_what_is_not_locked) {
    EXPECT_DEATH(
        {
            binary_semaphore m;
            m.unlock();
        },
        "assertion failed");
}
#endif
TEST(semaphore_death, impossible_options) {
    EXPECT_DEATH(semaphore({.permits = 2, .max = 1}), "assertion failed");
    EXPECT_DEATH(semaphore({.permits = 0, .max = 0}), "assertion failed");
}

} // namespace

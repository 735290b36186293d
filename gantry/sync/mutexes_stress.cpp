// SPDX-License-Identifier: MIT
// Every lock on real threads, more of them than CPUs.
#include <gantry/base/prng.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/sync/mcs_mutex.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/semaphore.hpp>
#include <gantry/sync/spin_mutex.hpp>
#include <gantry/sync/ticket_mutex.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using namespace gantry::sync;
using gantry::prng;
using gantry::test::seed;

template<class Mutex>
class mutexes_stress : public testing::Test {};
using mutexes =
    testing::Types<mutex, spin_mutex, ticket_mutex, mcs_mutex, binary_semaphore,
                   detail::lockable<detail::mutex_core, true>, detail::lockable<detail::mcs_mutex_core, true>>;
TYPED_TEST_SUITE(mutexes_stress, mutexes);

// Two plain counters under one lock never disagree, however it is taken, and every successful lock is counted.
TYPED_TEST(mutexes_stress, exclusion) {
    TypeParam m;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::vector<std::uint64_t> locked(6, 0);
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i != locked.size(); ++i) {
        threads.emplace_back([&, i, random = prng(seed(), i)]() mutable {
            std::uint64_t mine = 0;
            for (int step = 0; step != 20'000; ++step) {
                const auto how = random.uniform_below(4);
                if (how == 0) {
                    if (!m.try_lock())
                        continue;
                } else if (how == 1) {
                    if constexpr (requires { m.try_lock_for(std::chrono::nanoseconds(1)); }) {
                        if (!m.try_lock_for(std::chrono::nanoseconds(random.uniform_below(20'000))))
                            continue;
                    } else {
                        m.lock();
                    }
                } else {
                    m.lock();
                }
                ASSERT_EQ(first, second);
                ++first;
                if (random.uniform_below(200) == 0)
                    std::this_thread::yield(); // lose the CPU with the lock held
                ++second;
                m.unlock();
                ++mine;
            }
            locked[i] = mine;
        });
    }
    threads.clear();
    std::uint64_t sum = 0;
    for (const std::uint64_t mine : locked)
        sum += mine;
    EXPECT_EQ(first, sum);
    EXPECT_EQ(second, sum);
}

// Locks that come and go: the last of three holders destroys each, while the others are on their way out.
TYPED_TEST(mutexes_stress, short_lives) {
    struct object {
        TypeParam m;
        int holders = 3;
    };
    constexpr int rounds = 2'000;
    std::vector<object*> objects;
    for (int i = 0; i != rounds; ++i)
        objects.push_back(new object);
    std::latch start(3);
    const auto visit = [&] {
        start.arrive_and_wait();
        for (object* const o : objects) {
            o->m.lock();
            const bool last = --o->holders == 0;
            o->m.unlock();
            if (last)
                delete o;
        }
    };
    std::jthread one(visit);
    std::jthread two(visit);
    visit();
}

// Never more holders than permits; timed waiters come and go; permits taken and given back are as many at the end.
TEST(semaphore_stress, permits) {
    constexpr std::uint32_t permits = 3;
    semaphore s({.permits = permits, .max = permits});
    std::atomic<std::uint32_t> inside{0};
    std::atomic<std::uint32_t> most{0};
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i != 8; ++i) {
        threads.emplace_back([&, random = prng(seed(), i)]() mutable {
            for (int step = 0; step != 4'000; ++step) {
                const auto how = random.uniform_below(4);
                if (how == 0) {
                    if (!s.try_acquire())
                        continue;
                } else if (how < 3) {
                    if (!s.try_acquire_for(std::chrono::nanoseconds(random.uniform_below(50'000))))
                        continue;
                } else {
                    s.acquire();
                }
                const std::uint32_t now = inside.fetch_add(1, std::memory_order_relaxed) + 1;
                ASSERT_LE(now, permits);
                std::uint32_t before = most.load(std::memory_order_relaxed);
                while (before < now &&
                       !most.compare_exchange_weak(before, now, std::memory_order_relaxed, std::memory_order_relaxed)) {
                }
                if (random.uniform_below(100) == 0)
                    std::this_thread::yield();
                inside.fetch_sub(1, std::memory_order_relaxed);
                ASSERT_EQ(s.release(), release_result::released);
            }
        });
    }
    threads.clear();
    EXPECT_EQ(s.available(), permits);
    EXPECT_EQ(s.release(), release_result::would_exceed);
    EXPECT_GE(most.load(std::memory_order_relaxed), 1U);
}

// Producer and consumers: as many permits arrive as were released, in groups of any size, whoever gives up in between.
TEST(semaphore_stress, groups) {
    constexpr std::uint32_t total = 20'000;
    semaphore s({.permits = 0, .max = semaphore::permits_limit});
    std::atomic<std::uint32_t> taken{0};
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i != 4; ++i) {
        threads.emplace_back([&, random = prng(seed(), 100 + i)]() mutable {
            while (taken.load(std::memory_order_relaxed) < total) {
                if (s.try_acquire_for(std::chrono::nanoseconds(random.uniform_below(100'000))))
                    taken.fetch_add(1, std::memory_order_relaxed);
            }
        });
    }
    prng random(seed(), 99);
    for (std::uint32_t released = 0; released != total;) {
        const std::uint32_t group = std::min(total - released, static_cast<std::uint32_t>(random.uniform_below(6)));
        ASSERT_EQ(s.release(group), release_result::released);
        released += group;
    }
    threads.clear();
    EXPECT_EQ(taken.load(std::memory_order_relaxed), total);
    EXPECT_EQ(s.available(), 0U);
}

} // namespace

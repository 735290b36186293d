// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/mutex.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace {

using gantry::prng;
using gantry::sync::condition_variable;
using gantry::sync::mutex;

// GANTRY_SEED=n repeats a run's decisions (not its schedule).
std::uint64_t seed() {
    static const std::uint64_t value = [] {
        const char* const given = std::getenv("GANTRY_SEED");
        const std::uint64_t chosen = given ? std::strtoull(given, nullptr, 10) : std::random_device()();
        std::cout << "GANTRY_SEED=" << chosen << '\n';
        return chosen;
    }();
    return value;
}

// Two plain counters under one lock never disagree, however it is taken: lock, try_lock, timed, by more threads than
// CPUs; and every successful lock is counted.
TEST(mutex_stress, exclusion) {
    mutex m;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::vector<std::uint64_t> locked(6, 0);
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i != locked.size(); ++i) {
        threads.emplace_back([&, i, random = prng(seed(), i)]() mutable {
            std::uint64_t mine = 0;
            for (int step = 0; step != 50'000; ++step) {
                switch (random.uniform_below(4)) {
                case 0:
                    if (!m.try_lock())
                        continue;
                    break;
                case 1:
                    if (!m.try_lock_for(std::chrono::nanoseconds(random.uniform_below(2000))))
                        continue;
                    break;
                default:
                    m.lock();
                }
                ASSERT_EQ(first, second);
                ++first;
                if (random.uniform_below(1000) == 0)
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

// A bounded buffer with one notify_one for each change: a lost wake-up hangs, a lost or doubled item shows in the sum.
TEST(condition_variable_stress, bounded_buffer) {
    mutex m;
    condition_variable not_full;
    condition_variable not_empty;
    std::deque<std::uint64_t> buffer;
    constexpr std::uint64_t each = 20'000;
    constexpr std::uint64_t threads_a_side = 3;
    std::uint64_t sum = 0;
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i != threads_a_side; ++i) {
        threads.emplace_back([&] {
            for (std::uint64_t value = 1; value <= each; ++value) {
                {
                    std::unique_lock lock(m);
                    not_full.wait(lock, [&] { return buffer.size() < 2; });
                    buffer.push_back(value);
                }
                not_empty.notify_one();
            }
        });
        threads.emplace_back([&, random = prng(seed(), i)]() mutable {
            for (std::uint64_t taken = 0; taken != each;) {
                {
                    std::unique_lock lock(m);
                    const auto patience = std::chrono::microseconds(random.uniform_below(200));
                    if (random.uniform_below(2) == 0) {
                        not_empty.wait(lock, [&] { return !buffer.empty(); });
                    } else if (!not_empty.wait_for(lock, patience, [&] { return !buffer.empty(); })) {
                        continue;
                    }
                    sum += buffer.front();
                    buffer.pop_front();
                    ++taken;
                }
                not_full.notify_one();
            }
        });
    }
    threads.clear();
    EXPECT_EQ(sum, threads_a_side * each * (each + 1) / 2);
}

} // namespace

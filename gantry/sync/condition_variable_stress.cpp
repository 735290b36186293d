// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/mutex.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using gantry::prng;
using gantry::sync::condition_variable;
using gantry::sync::mutex;
using gantry::test::seed;

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

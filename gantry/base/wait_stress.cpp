// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/base/wait.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace {

using gantry::test::seed;

// Tokens race with time-outs: each unpark is followed by one successful park before the next, so none may vanish.
TEST(wait_stress, tokens_survive_time_outs) {
    gantry::parker there;
    gantry::parker back;
    std::uint32_t handed = 0;
    constexpr std::uint32_t rounds = 20'000;
    std::jthread other([&] {
        gantry::prng random(seed(), 1);
        for (std::uint32_t i = 0; i != rounds; ++i) {
            while (!there.park_for(std::chrono::nanoseconds(random.uniform_below(20'000)))) {
            }
            ++handed;
            back.unpark();
        }
    });
    gantry::prng random(seed(), 2);
    for (std::uint32_t i = 0; i != rounds; ++i) {
        ASSERT_EQ(handed, i);
        there.unpark();
        while (!back.park_for(std::chrono::nanoseconds(random.uniform_below(20'000)))) {
        }
    }
}

} // namespace

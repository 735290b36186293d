// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/base/wait.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

namespace {

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

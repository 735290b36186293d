// SPDX-License-Identifier: MIT
#pragma once
// The seed of a stress test's decisions.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace gantry::test {

// GANTRY_SEED=n repeats a run's decisions (not its schedule); otherwise another one for each process. It is printed.
inline std::uint64_t seed() {
    static const std::uint64_t value = [] {
        const char* const given = std::getenv("GANTRY_SEED");
        const std::uint64_t chosen = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
        std::cout << "GANTRY_SEED=" << chosen << '\n';
        return chosen;
    }();
    return value;
}

} // namespace gantry::test

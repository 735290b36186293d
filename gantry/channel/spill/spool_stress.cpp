// SPDX-License-Identifier: MIT
// What spool_test.cpp says holds for seeds that nobody has tried yet: some thousand, or for a long run
// twenty thousand each time.
#include <gantry/base/assert.hpp>
#include <gantry/channel/spill/test_kill_torture.hpp>
#include <gantry/channel/spill/test_spool_actions.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using gantry::channel::test::action_options;
using gantry::channel::test::spool_actions;

std::uint64_t new_seed() {
    const char* const given = std::getenv("GANTRY_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10)
                            : static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

void run_many(action_options options) {
    const std::uint64_t runs = std::getenv("GANTRY_STRESS_LONG") != nullptr ? 20'000
                               : GANTRY_DEBUG_CHECKS != 0                   ? 100
                                                                            : 2'000;
    options.seed = new_seed();
    SCOPED_TRACE("GANTRY_SEED=" + std::to_string(options.seed));
    for (std::uint64_t i = 0; i != runs; ++i, ++options.seed) {
        const std::string wrong = spool_actions(options).run();
        ASSERT_TRUE(wrong.empty()) << wrong;
    }
}

TEST(SpoolStress, PowerCuts) {
    run_many({.faults = false});
}
TEST(SpoolStress, Faults) {
    run_many({.faults = true});
}
TEST(SpoolStress, Damage) {
    run_many({.faults = false, .power = false, .damage = true});
}

// GANTRY_KILLS says how many, as `./dev stress spill --kills N` does.
TEST(SpillStress, Kills) {
    const char* const given = std::getenv("GANTRY_KILLS");
    const std::uint64_t kills = given != nullptr ? std::strtoull(given, nullptr, 10) : 20;
    const std::string path = gantry::channel::test::torture_folder("kills");
    EXPECT_EQ(gantry::channel::test::kill_often(path, kills, new_seed()), "");
}

} // namespace

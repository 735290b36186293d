// SPDX-License-Identifier: MIT
// The exact explorer against the oracle, for longer than a unit test may take: no execution missed, none made up, none
// twice.
#include <gantry/check/explore/test_programs.hpp>

#include <gtest/gtest.h>

#include <cstdlib>

namespace gantry::check {
namespace {

TEST(exact_explorer_stress, agrees_with_the_oracle_on_random_programs) {
    // `./dev stress check` asks for all of them; ctest, under each sanitizer, for some.
    compare_with_oracle(std::getenv("GANTRY_STRESS_LONG") != nullptr ? 10'000 : 500);
}

} // namespace
} // namespace gantry::check

// SPDX-License-Identifier: MIT
// The exact explorer against the oracle, for longer than a unit test may take: no execution missed, none made up, none
// twice.
#include <gantry/check/explore/test_programs.hpp>

#include <gtest/gtest.h>

namespace gantry::check {
namespace {

TEST(exact_explorer_stress, agrees_with_the_oracle_on_random_programs) {
    compare_with_oracle(10'000);
}

} // namespace
} // namespace gantry::check

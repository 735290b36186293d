// SPDX-License-Identifier: MIT
// Every reason has a name of its own; a result is a value or a reason, and a refused value is in it.
#include <gantry/channel/result.hpp>
#include <gantry/channel/test_generators.hpp>
#include <gantry/check/smallcheck/smallcheck.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace gantry::channel {
namespace {

TEST(errc, names_are_different_and_known) {
    std::set<std::string_view> names;
    for (const errc reason : check::smallcheck::all<errc>(0)) {
        names.insert(to_string(reason));
    }
    EXPECT_EQ(names.size(), 4U);
    EXPECT_FALSE(names.contains(to_string(errc{})));
}

TEST(result, refused_values_come_back_whatever_the_reason) {
    std::set<errc> reasons;
    bool accepted = false;
    EXPECT_TRUE(rc::check("nothing is lost on the way", [&] {
        const auto value = *rc::gen::arbitrary<int>();
        const auto refusal = *rc::gen::arbitrary<std::optional<errc>>();
        push_result<int> pushed =
            refusal ? push_result<int>(std::unexpected(refused<int>{*refusal, value})) : push_result<int>();
        const push_result<int> moved = std::move(pushed);
        RC_ASSERT(moved.has_value() != refusal.has_value());
        if (refusal) {
            RC_ASSERT(moved.error().reason == *refusal && moved.error().value == value);
        }
    }));
    EXPECT_TRUE(rc::check("and all kinds of them can be made", [&] {
        const auto pushed = *rc::gen::arbitrary<push_result<int>>();
        const auto popped = *rc::gen::arbitrary<pop_result<int>>();
        accepted = accepted || (pushed.has_value() && popped.has_value());
        if (!pushed) {
            reasons.insert(pushed.error().reason);
        }
    }));
    EXPECT_EQ(reasons.size(), 4U);
    EXPECT_TRUE(accepted);
}

} // namespace
} // namespace gantry::channel

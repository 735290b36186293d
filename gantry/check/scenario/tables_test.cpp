// SPDX-License-Identifier: MIT
// The tables of a size are all of them, each once up to a permutation of threads, from small to big, as many as the
// closed form says; what shrinks still fails and nothing a step smaller does; a table comes back from its token.
#include <gantry/base/prng.hpp>
#include <gantry/check/scenario/detail/tables.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gantry::check::detail {
namespace {

std::size_t size_of(const table& it) {
    return std::accumulate(it.begin(), it.end(), std::size_t{0},
                           [](std::size_t sum, const auto& list) { return sum + list.size(); });
}

table sorted(table it) {
    std::ranges::sort(it);
    return it;
}

TEST(tables, two_threads_of_up_to_two_of_three_operations) {
    // Lists: 3 + 9 = 12. Tables of one thread: 12. Of two: C(13, 2) = 78.
    EXPECT_EQ(count({3, 2, 2}), 90U);
    EXPECT_EQ(count({3, 2, 2}) - count({3, 1, 2}), 78U);
    EXPECT_EQ(count({1, 3, 1}), 3U);
    EXPECT_EQ(count({0, 3, 3}), 0U);
    EXPECT_EQ(count({5, 0, 3}), 0U);
    EXPECT_EQ(count({1000, 8, 1000}), UINT64_MAX) << "more than fit is the largest number";
}

TEST(tables, are_all_of_them_once_from_small_to_big) {
    for (const bounds& within : {bounds{3, 2, 2}, bounds{2, 3, 2}, bounds{1, 4, 3}, bounds{4, 1, 3}, bounds{2, 2, 3}}) {
        std::set<table> seen;
        std::pair<std::size_t, std::size_t> last{0, 0};
        for_each_table(within, [&](const table& it) {
            const std::pair now(size_of(it), it.size());
            EXPECT_LE(last, now);
            last = now;
            EXPECT_TRUE(seen.insert(sorted(it)).second) << spelled(it);
            EXPECT_LE(it.size(), within.threads_max);
            for (const auto& list : it) {
                EXPECT_FALSE(list.empty());
                EXPECT_LE(list.size(), within.length_max);
                EXPECT_LT(*std::ranges::max_element(list), within.operations);
            }
            return true;
        });
        EXPECT_EQ(seen.size(), count(within));
    }
}

TEST(tables, end_when_told) {
    int visited = 0;
    for_each_table({3, 2, 2}, [&](const table&) { return ++visited < 5; });
    EXPECT_EQ(visited, 5);
    for_each_table({0, 2, 2}, [&](const table&) { return ++visited != 0; });
    EXPECT_EQ(visited, 5);
}

TEST(tables, drawn_ones_lie_within_the_bounds) {
    prng random(1);
    std::set<table> seen;
    for (int i = 0; i < 200; ++i) {
        const table it = draw({4, 3, 2}, [&](std::uint64_t below) { return random.uniform_below(below); });
        EXPECT_EQ(it.size(), 3U);
        for (const auto& list : it) {
            EXPECT_TRUE(list.size() == 1 || list.size() == 2);
            EXPECT_LT(*std::ranges::max_element(list), 4U);
        }
        seen.insert(it);
    }
    EXPECT_GT(seen.size(), 150U);
}

TEST(shrink, ends_at_the_smallest_that_fails) {
    // Fails where one thread has a 2 and another one at least a 1.
    const auto fails = [](const table& it) {
        for (std::size_t a = 0; a < it.size(); ++a) {
            for (std::size_t b = 0; b < it.size(); ++b) {
                if (a != b && std::ranges::max(it[a]) >= 2 && std::ranges::max(it[b]) >= 1) {
                    return true;
                }
            }
        }
        return false;
    };
    prng random(2);
    for (int i = 0; i < 200; ++i) {
        table it = draw({5, 4, 4}, [&](std::uint64_t below) { return random.uniform_below(below); });
        if (!fails(it)) {
            continue;
        }
        shrink(it, fails);
        EXPECT_EQ(sorted(it), (table{{1}, {2}})) << spelled(it);
    }
}

TEST(token, of_a_table_comes_back) {
    prng random(3);
    for (int i = 0; i < 100; ++i) {
        const table it = draw({12, 3, 3}, [&](std::uint64_t below) { return random.uniform_below(below); });
        const auto parsed = parse_token(spelled(it) + ":AB-_9", 12);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->first, it);
        EXPECT_EQ(parsed->second, "AB-_9");
    }
    EXPECT_EQ(spelled({{0, 11}, {2}}), "0.11/2");
    for (const char* const bad :
         {"", ":", "0", "0/", "0/:A", "0.:A", "0..1:A", "0/12:A", "a:A", "0 :A", "-1:A", "0;1:A"}) {
        EXPECT_FALSE(parse_token(bad, 12)) << bad;
    }
    std::string many = "0";
    for (int i = 0; i < 100; ++i) {
        many += "/0";
    }
    EXPECT_FALSE(parse_token(many + ":A", 12)) << "more threads than a model has";
}

} // namespace
} // namespace gantry::check::detail

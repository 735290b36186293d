// SPDX-License-Identifier: MIT
// The mean, sum, count and extremes are those of all points, exact for whole numbers, over more points than can be told
// apart in a plain double.
#include <gantry/base/prng.hpp>
#include <gantry/sketch/moving_average.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace {
using namespace gantry::sketch;

TEST(MovingAverage, SampleRuns) {
    gantry::sketch::moving_average m;
    m.insert(1000);
    m.insert(2000);
    const double mean = m.mean(); // 1500
    EXPECT_EQ(mean, 1500);
    m.insert(3000);
    EXPECT_EQ(m.mean(), 2000);
    EXPECT_EQ(m.sum(), 6000);
    EXPECT_EQ(m.min(), 1000);
    EXPECT_EQ(m.max(), 3000);
    EXPECT_EQ(m.count(), 3U);
    m.clear();
    EXPECT_EQ(m.count(), 0U);
    EXPECT_EQ(m.mean(), 0);
    EXPECT_FALSE(m.min());
    EXPECT_FALSE(m.max());
}

// Doubles: 2^41 points, half of them too small to move a plain sum.
TEST(MovingAverage, StaysRightOverTwoToTheFortyPoints) {
    moving_average m;
    m.insert(0x1p60);
    m.insert(1);
    for (int i = 0; i < 40; ++i) {
        const moving_average copy = m;
        ASSERT_TRUE(m.merge(i % 2 == 0 ? m : copy));
    }
    EXPECT_EQ(m.count(), std::uint64_t{1} << 41);
    EXPECT_EQ(m.sum(), 0x1p100 + 0x1p40);
    m.insert(-0x1p100);
    EXPECT_EQ(m.sum(), 0x1p40);
    EXPECT_EQ(m.min(), -0x1p100);
    EXPECT_EQ(m.max(), 0x1p60);
}

// Integers: exact over their whole range.
TEST(MovingAverage, IsExactForIntegers) {
    basic_moving_average<std::int64_t> s;
    basic_moving_average<std::uint64_t> u;
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    for (int i = 0; i < 1'000; ++i) {
        s.insert(i % 2 == 0 ? most : least);
        u.insert(std::numeric_limits<std::uint64_t>::max());
    }
    EXPECT_TRUE(s.sum() == -500);
    EXPECT_EQ(s.mean(), -0.5);
    EXPECT_TRUE(u.sum() == uint128{std::numeric_limits<std::uint64_t>::max()} * 1'000);
    EXPECT_EQ(u.mean(), 0x1p64);
    EXPECT_EQ(s.min(), least);
    EXPECT_EQ(s.max(), most);
}

// Merging is inserting, in any split.
TEST(MovingAverage, MergesAsIfInserted) {
    gantry::prng random(1);
    for (int round = 0; round < 100; ++round) {
        moving_average all;
        moving_average parts[3];
        for (int i = 0; i < 500; ++i) {
            const auto v = static_cast<double>(static_cast<std::int64_t>(random()) >> 12);
            all.insert(v);
            parts[random.uniform_below(3)].insert(v);
        }
        ASSERT_TRUE(parts[0].merge(parts[1]));
        ASSERT_TRUE(parts[0].merge(parts[2]));
        EXPECT_EQ(parts[0].count(), all.count());
        EXPECT_EQ(parts[0].sum(), all.sum());
        EXPECT_EQ(parts[0].mean(), all.mean());
        EXPECT_EQ(parts[0].min(), all.min());
        EXPECT_EQ(parts[0].max(), all.max());
    }
}

TEST(MovingAverage, RefusesNaNAndTakesInfinities) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    moving_average m;
    EXPECT_FALSE(m.insert(std::numeric_limits<double>::quiet_NaN()));
    EXPECT_EQ(m.nan_count(), 1U);
    EXPECT_EQ(m.count(), 0U);
    EXPECT_TRUE(m.insert(infinity));
    EXPECT_TRUE(m.insert(1));
    EXPECT_EQ(m.mean(), infinity);
    EXPECT_EQ(m.min(), 1);
    EXPECT_TRUE(m.insert(-infinity));
    EXPECT_TRUE(std::isnan(m.mean()));

    moving_average beyond; // a finite sum that no double holds
    beyond.insert(std::numeric_limits<double>::max());
    beyond.insert(std::numeric_limits<double>::max());
    EXPECT_EQ(beyond.sum(), infinity);
}

// The count is never exceeded, neither by a point nor by a merge.
TEST(MovingAverage, RefusesToOverflow) {
    basic_moving_average<int> m;
    m.insert(1);
    basic_moving_average<int> rest; // 2^64 - 1 points in all
    rest.insert(1);
    for (int i = 0; i < 63; ++i) {
        const auto copy = rest;
        ASSERT_TRUE(m.merge(copy));
        ASSERT_TRUE(rest.merge(copy));
    }
    EXPECT_EQ(m.count(), std::uint64_t{1} << 63);
    EXPECT_FALSE(m.merge(m));
    ASSERT_TRUE(rest.count() == std::uint64_t{1} << 63);
    EXPECT_FALSE(m.merge(rest));
    EXPECT_TRUE(m.sum() == int128{1} << 63);
}

} // namespace

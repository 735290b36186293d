// SPDX-License-Identifier: MIT
// Every answer keeps the promise of ckms.hpp, and its certified ranks contain the truth, while a random stream grows.
#include <gantry/sketch/ckms.hpp>
#include <gantry/sketch/moving_average.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace {
using namespace gantry::sketch;

double promised(ckms_mode mode, double e, std::uint64_t rank, std::uint64_t n) {
    switch (mode) {
    case ckms_mode::low_biased:
        return e * static_cast<double>(rank);
    case ckms_mode::high_biased:
        return e * static_cast<double>(n - rank);
    default:
        return e * static_cast<double>(n);
    }
}

TEST(Ckms, KeepsItsPromiseOnRandomOrder) {
    std::mt19937_64 rng(1);
    for (const ckms_mode mode : {ckms_mode::uniform, ckms_mode::low_biased, ckms_mode::high_biased}) {
        for (const double e : {0.1, 0.01}) {
            ckms<double> s{{.mode = mode, .epsilon = e}};
            std::vector<double> all;
            for (int i = 0; i < 100'000; ++i) {
                const auto v = static_cast<double>(rng() % 1'000'000'000);
                s.insert(v);
                all.push_back(v);
                if (i % 9'999 != 0) {
                    continue;
                }
                ASSERT_TRUE(s.valid());
                std::sort(all.begin(), all.end());
                for (double q = 0; q <= 1; q += 1.0 / 64) {
                    const auto a = *s.query(q);
                    const auto less = std::lower_bound(all.begin(), all.end(), a.value) - all.begin();
                    const auto upto = std::upper_bound(all.begin(), all.end(), a.value) - all.begin();
                    const auto first = static_cast<std::uint64_t>(less) + 1;
                    const auto last = static_cast<std::uint64_t>(upto);
                    ASSERT_LE(a.rank_min, first);
                    ASSERT_LE(last, a.rank_max);
                    const std::uint64_t off = first > a.rank ? first - a.rank : a.rank > last ? a.rank - last : 0;
                    ASSERT_LE(off, a.error);
                    ASSERT_LE(static_cast<double>(a.error), promised(mode, e, a.rank, all.size()));
                }
            }
        }
    }
}

TEST(Ckms, ServesTelemsUse) {
    ckms<std::uint32_t> s{{.mode = ckms_mode::low_biased, .epsilon = 0.01}};
    EXPECT_FALSE(s.query(0.5));
    s.insert(10);
    const auto a = s.query(0.5);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->value, 10u);
    EXPECT_EQ(a->rank_min, 1u);
    EXPECT_EQ(a->rank_max, 1u);
    EXPECT_EQ(s.count(), 1u);
    EXPECT_LE(s.bytes(), 256u);

    moving_average m;
    m.insert(1000);
    m.insert(2000);
    EXPECT_EQ(m.mean(), 1500);
    EXPECT_EQ(m.count(), 2u);
}

} // namespace

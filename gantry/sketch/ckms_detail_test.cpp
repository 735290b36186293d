// SPDX-License-Identifier: MIT
// The parts beneath ckms: keys keep the order of the numbers, small sorts sort, the allowance is the error function's
// least value, and a steady stream allocates nothing.
#include <gantry/sketch/ckms_test_support.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <vector>

namespace {
using namespace gantry::sketch;
using namespace gantry::sketch::detail;

template<class T>
class OrderedKey : public testing::Test {};
using numbers = testing::Types<float, double, std::uint8_t, std::int8_t, std::int16_t, std::uint32_t, std::int32_t,
                               std::uint64_t, std::int64_t>;
TYPED_TEST_SUITE(OrderedKey, numbers);

// Order is kept and the way back is exact, from the least number to the greatest.
TYPED_TEST(OrderedKey, KeepsOrder) {
    using T = TypeParam;
    using limits = std::numeric_limits<T>;
    std::vector<T> v = {limits::lowest(), limits::max(), T{0}, T{1}, limits::min(), limits::denorm_min()};
    if constexpr (limits::has_infinity) {
        v.push_back(limits::infinity());
        v.push_back(-limits::infinity());
    }
    gantry::prng random(1);
    for (int i = 0; i < 2'000; ++i) {
        if constexpr (std::floating_point<T>) {
            v.push_back(std::ldexp(static_cast<T>(static_cast<std::int64_t>(random())),
                                   static_cast<int>(random.uniform_below(160)) - 120));
        } else {
            v.push_back(static_cast<T>(random()));
        }
    }
    for (const T a : v) {
        EXPECT_EQ(from_key<T>(to_key(a)), a);
        for (const T b : {v[0], v[1], v[2], v[3], v[4], v[5], v[random.uniform_below(v.size())]}) {
            EXPECT_EQ(to_key(a) < to_key(b), a < b) << +a << " " << +b;
        }
    }
    EXPECT_EQ(to_key(T{0}), to_key(static_cast<T>(-T{0})));
}

template<class Key>
void sort_small_blocks() {
    gantry::prng random(2);
    std::array<Key, 600> scratch;
    for (std::size_t size = 0; size < 600; size += 1 + size / 40) {
        for (const int bits : {1, 7, 8, 9, 20, 32, 64}) {
            for (const int shape : {0, 1, 2, 3}) {
                std::vector<Key> keys(size);
                for (Key& k : keys) {
                    k = static_cast<Key>(random() >> (64 - bits));
                }
                std::vector<Key> expected = keys;
                std::sort(expected.begin(), expected.end());
                keys = shape == 1 ? expected : keys;
                if (shape == 2) {
                    keys.assign(expected.rbegin(), expected.rend());
                } else if (shape == 3 && size > 1) {
                    keys = expected;
                    std::swap(keys[0], keys[size - 1]);
                }
                sort_keys(keys.data(), size, scratch.data());
                ASSERT_EQ(keys, expected);
            }
        }
    }
}

TEST(SortKeys, Sorts) {
    sort_small_blocks<std::uint32_t>();
    sort_small_blocks<std::uint64_t>();
}

// hidden_max() never allows what width_max() does not, and falls short of it by at most one.
TEST(CkmsAllowance, HiddenMaxIsTheLargestThatFits) {
    gantry::prng random(3);
    for (const ckms_options& o : test::all_options()) {
        const bool targeted = o.mode == ckms_mode::targeted;
        const ckms_target only{.quantile = 0, .epsilon = o.epsilon};
        for (int i = 0; i < 3'000; ++i) {
            const std::uint64_t n = 1 + (random() >> random.uniform_below(64)) / 2;
            const double scale = i % 3 == 0 ? 1 + static_cast<double>(random.uniform_below(100)) : 1;
            const ckms_allowance a(o.mode, targeted ? o.targets.data() : &only, targeted ? o.targets.size() : 1, scale,
                                   n);
            const std::uint64_t before = random.uniform_below(n);
            const std::uint64_t delta = random.uniform_below(std::min<std::uint64_t>(n - before, n / 50 + 1));
            const std::uint64_t right = before + delta + 1;
            const std::uint64_t hidden = std::min(a.hidden_max(before, delta), before); // there is no more to hide
            if (hidden > 0) {
                ASSERT_LE(hidden + 1 + delta, a.width_max(before - hidden, right)) << test::describe(o);
            }
            if (n < (std::uint64_t{1} << 50) && hidden + 2 <= before) {
                ASSERT_GT(hidden + 3 + delta, a.width_max(before - hidden - 2, right)) << test::describe(o);
            }
        }
    }
}

// The allowance is the least value of the error function over the gap, and two allowances never exceed their union's.
TEST(CkmsAllowance, IsTheLeastOfTheErrorFunction) {
    for (const ckms_options& o : test::all_options()) {
        const bool targeted = o.mode == ckms_mode::targeted;
        const std::vector<ckms_target> t =
            targeted ? o.targets : std::vector<ckms_target>{{.quantile = 0, .epsilon = o.epsilon}};
        for (const std::uint64_t n : {1U, 10U, 137U}) {
            const ckms_allowance a(o.mode, t.data(), t.size(), 1, n);
            for (std::uint64_t left = 0; left < n; ++left) {
                for (std::uint64_t right = left + 1; right <= n; ++right) {
                    double least = std::numeric_limits<double>::infinity();
                    for (std::uint64_t r = left; r <= right; ++r) {
                        for (const ckms_target& target : t) {
                            const auto rank = static_cast<double>(r);
                            const auto count = static_cast<double>(n);
                            const double e = 2 * target.epsilon;
                            const double place = target.quantile * count;
                            if (targeted && static_cast<double>(left) < place && place < static_cast<double>(right)) {
                                least = std::min(least, e * count); // the target itself, between two ranks
                            }
                            least = std::min(least, o.mode == ckms_mode::uniform      ? e * count
                                                    : o.mode == ckms_mode::low_biased ? e * rank
                                                    : o.mode == ckms_mode::high_biased
                                                        ? e * (count - rank)
                                                        : e * std::max(rank / target.quantile,
                                                                       (count - rank) / (1 - target.quantile)));
                        }
                    }
                    const auto width = static_cast<double>(a.width_max(left, right));
                    ASSERT_LE(width, std::max(1.0, least * (1 + 1e-12)));
                    ASSERT_GE(width, std::max(1.0, std::floor(least * (1 - 1e-12)))) << least;
                }
            }
        }
    }
}

// CKMS.md's equivalence: epsilon' at a gap's left end allows what epsilon allows at its right end.
TEST(CkmsAllowance, CorrectedEpsilonIsTheRightEnd) {
    gantry::prng random(4);
    for (int i = 0; i < 100'000; ++i) {
        const double phi = 0.5 + 0.499 * static_cast<double>(random.uniform_below(1'000)) / 1'000;
        const double e = 0.0001 + 0.1 * static_cast<double>(random.uniform_below(1'000)) / 1'000;
        const double corrected = e / (1 + 2 * e / (1 - phi));
        const double n = 1e6;
        const double left = n * static_cast<double>(random.uniform_below(1'000)) / 1'000;
        const double width = 2 * corrected * (n - left) / (1 - phi); // the widest gap that epsilon' allows at left
        EXPECT_NEAR(width, 2 * e * (n - left - width) / (1 - phi), 1e-6 * n);
    }
}

// A gap that arrivals crowd into is not filled; one that they pass by is.
TEST(Ckms, HotPlacesStayOpen) {
    ckms<double> s({.mode = ckms_mode::uniform, .epsilon = 0.01});
    for (const double v : test::arrivals("random", 100'000)) {
        s.insert(v);
    }
    s.flush();
    const std::size_t before = s.tuples();
    for (int i = 0; i < 60; ++i) {
        s.insert(500'000'000.25 + i / 1'000.0);
    }
    s.flush();
    EXPECT_GT(s.tuples(), before + 40);
    for (const double v : test::arrivals("random", 20'000)) {
        s.insert(v);
    }
    EXPECT_LE(s.tuples(), before + 40);
}

} // namespace

// SPDX-License-Identifier: MIT
// Every answer keeps the promise of ckms.hpp, and its certified ranks contain the truth, in every mode, after every
// batch, for every order of arrival, weighted or not, capped or not; and the summary stays small.
#include <gantry/sketch/ckms_test_support.hpp>
#include <gantry/sketch/test_generators.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstdint>
#include <iostream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace {
using namespace gantry::sketch;
using namespace gantry::sketch::test;

class CkmsOrder : public testing::TestWithParam<std::string> {};

// The promise holds after every batch, whatever its size, in every mode.
TEST_P(CkmsOrder, KeepsThePromiseAfterEveryBatch) {
    for (const ckms_options& options : all_options()) {
        SCOPED_TRACE(describe(options));
        ckms<double> s(options);
        oracle<double> truth;
        gantry::prng random(7);
        std::size_t next_check = 1;
        std::size_t i = 0;
        for (const double v : arrivals(GetParam(), 9'000)) {
            s.insert(v);
            truth.insert(v);
            if (++i >= next_check) {
                ASSERT_EQ(judge_both(s, truth, options), "");
                next_check = i + 1 + random.uniform_below(i + 50);
            }
        }
        ASSERT_EQ(judge_both(s, truth, options), "");
    }
}

// No order makes the summary more than a few times larger than random order does.
TEST_P(CkmsOrder, StaysSmall) {
    const std::vector<double> values = arrivals(GetParam(), 200'000);
    for (const auto& [options, most] : {
             std::pair{ckms_options{.mode = ckms_mode::uniform, .epsilon = 0.01}, 2'000},
             std::pair{ckms_options{.mode = ckms_mode::low_biased, .epsilon = 0.01}, 4'000},
             std::pair{ckms_options{.mode = ckms_mode::high_biased, .epsilon = 0.01}, 4'000},
             std::pair{ckms_options{.mode = ckms_mode::targeted, .targets = some_targets}, 8'000},
         }) {
        SCOPED_TRACE(describe(options));
        ckms<double> s(options);
        std::size_t greatest = 0;
        for (const double v : values) {
            s.insert(v);
            greatest = std::max(greatest, s.tuples());
        }
        EXPECT_LE(greatest, static_cast<std::size_t>(most));
        EXPECT_TRUE(s.valid());
    }
}

// A cap is kept after every flush; the epsilon reported is the one that holds.
TEST_P(CkmsOrder, KeepsTheCapAndReportsTheEpsilonThatHolds) {
    for (const std::size_t cap : {16U, 40U, 200U}) {
        for (ckms_options options : all_options()) {
            options.tuples_max = cap;
            SCOPED_TRACE(describe(options));
            ckms<double> s(options);
            oracle<double> truth;
            double epsilon = s.effective_epsilon();
            std::size_t i = 0;
            for (const double v : arrivals(GetParam(), 2'500)) {
                s.insert(v);
                truth.insert(v);
                ASSERT_LE(s.tuples(), cap);
                if (++i % 700 == 0) {
                    ASSERT_GE(s.effective_epsilon(), epsilon);
                    epsilon = s.effective_epsilon();
                    ASSERT_EQ(judge_both(s, truth, options), "");
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Every, CkmsOrder, testing::ValuesIn(orders),
                         [](const testing::TestParamInfo<std::string>& order) { return order.param; });

// Random order at the figures of the goals: under 2,000 tuples and 40 kB after a million elements.
TEST(Ckms, KeepsFewTuplesOfAMillionRandomElements) {
    ckms<double> s({.mode = ckms_mode::high_biased, .epsilon = 0.01});
    for (const double v : arrivals("random", 1'000'000)) {
        s.insert(v);
    }
    s.flush();
    EXPECT_LE(s.tuples(), 1'000U);
    EXPECT_LE(s.bytes(), 40'000U);
    EXPECT_EQ(s.effective_epsilon(), 0.01);
}

// A weighted insertion is as many insertions of the value, also beyond 32-bit counts.
TEST(Ckms, WeightsAreExact) {
    for (const std::uint64_t heaviest : {3ULL, 1'000ULL, 1ULL << 33, 1ULL << 46}) {
        for (const ckms_options& options : all_options()) {
            SCOPED_TRACE(describe(options) + ", weights up to " + std::to_string(heaviest));
            gantry::prng random(heaviest);
            ckms<float> s(options);
            oracle<float> truth;
            for (int i = 0; i < 3'000; ++i) {
                const auto v = static_cast<float>(random.uniform_below(5'000));
                const std::uint64_t w = random.uniform_below(4) == 0 ? 1 : random.uniform_below(heaviest);
                ASSERT_TRUE(w == 1 ? s.insert(v) : s.insert(v, w));
                truth.insert(v, w);
                if (i % 900 == 0) {
                    ASSERT_EQ(judge_both(s, truth, options), "");
                }
            }
            ASSERT_EQ(judge_both(s, truth, options), "");
        }
    }
}

// A value's known copies cost one tuple and are known exactly, however many they are.
TEST(Ckms, DuplicatesAreExact) {
    ckms<std::uint32_t> s({.mode = ckms_mode::low_biased, .epsilon = 0.001});
    gantry::prng random(3);
    oracle<std::uint32_t> truth;
    for (int i = 0; i < 100'000; ++i) {
        const auto v = static_cast<std::uint32_t>(random.uniform_below(100));
        s.insert(v);
        truth.insert(v);
    }
    s.flush();
    EXPECT_LE(s.tuples(), 100U);
    for (const double q : quantiles()) {
        const auto a = s.query(q);
        EXPECT_EQ(a->error, 0U) << q;
        EXPECT_EQ(truth.ranks(a->value), (std::pair{a->rank_min, a->rank_max})) << q;
    }
}

// Count, sum, minimum and maximum are exact, buffered or not.
TEST(Ckms, CountsAndSumsExactly) {
    ckms<std::int64_t> s;
    EXPECT_TRUE(s.empty());
    EXPECT_FALSE(s.min());
    EXPECT_FALSE(s.max());
    EXPECT_EQ(s.mean(), 0);
    const std::int64_t least = std::numeric_limits<std::int64_t>::min();
    const std::int64_t most = std::numeric_limits<std::int64_t>::max();
    for (int i = 0; i < 3; ++i) {
        s.insert(least);
    }
    s.insert(most, 5);
    EXPECT_EQ(s.count(), 8U);
    EXPECT_TRUE(s.sum() == int128{least} * 3 + int128{most} * 5);
    EXPECT_EQ(*s.min(), least);
    EXPECT_EQ(*s.max(), most);

    ckms<double> d;
    d.insert(1e100);
    for (int i = 0; i < 1'000; ++i) {
        d.insert(1);
    }
    d.insert(-1e100);
    EXPECT_EQ(d.sum(), 1'000);
    d.insert(0.1, 10);
    EXPECT_NEAR(d.sum(), 1'001, 1e-12);
}

// NaN is refused and counted; infinities are the least and the greatest; there is one zero.
TEST(Ckms, TakesSpecialValues) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    ckms<double> s({.mode = ckms_mode::low_biased, .epsilon = 0.01});
    EXPECT_FALSE(s.insert(std::numeric_limits<double>::quiet_NaN()));
    EXPECT_FALSE(s.insert(-std::numeric_limits<double>::signaling_NaN(), 3));
    EXPECT_EQ(s.nan_count(), 4U);
    EXPECT_TRUE(s.empty());
    s.insert(-0.0);
    s.insert(0.0);
    s.flush();
    EXPECT_EQ(s.tuples(), 1U);
    EXPECT_FALSE(std::signbit(s.query(0.5)->value));
    s.insert(std::numeric_limits<double>::denorm_min());
    s.insert(infinity);
    EXPECT_EQ(s.sum(), infinity);
    s.insert(-infinity);
    EXPECT_TRUE(std::isnan(s.sum()));
    EXPECT_EQ(s.query(0)->value, -infinity);
    EXPECT_EQ(s.query(1)->value, infinity);
    EXPECT_EQ(s.query(0.7)->value, std::numeric_limits<double>::denorm_min());
    EXPECT_FALSE(s.query(std::numeric_limits<double>::quiet_NaN()));
    EXPECT_EQ(s.query(-infinity)->value, -infinity);
    EXPECT_EQ(s.query(2)->value, infinity);
}

// A target at either end, and at the zero with a sign, promises nothing beyond the exact extremes.
TEST(Ckms, TakesTargetsAtBothEnds) {
    for (const double q : {0.0, -0.0, 1.0}) {
        const ckms_options options{.mode = ckms_mode::targeted, .targets = {{.quantile = q, .epsilon = 0.1}}};
        ckms<double> s(options);
        oracle<double> truth;
        for (const double v : arrivals("random", 5'000)) {
            s.insert(v);
            truth.insert(v);
        }
        EXPECT_EQ(judge_both(s, truth, options), "");
        EXPECT_TRUE(ckms<double>::deserialise(s.serialise()));
    }
}

// The count never overflows: what would exceed 2^64 - 1 is refused and changes nothing.
TEST(Ckms, RefusesToOverflow) {
    ckms<int> s;
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    EXPECT_TRUE(s.insert(1, most - 1));
    EXPECT_TRUE(s.insert(2, 0));
    EXPECT_EQ(s.count(), most - 1);
    EXPECT_FALSE(s.insert(2, 2));
    EXPECT_TRUE(s.insert(3));
    EXPECT_FALSE(s.insert(3));
    EXPECT_EQ(s.count(), most);
    EXPECT_EQ(s.query(1)->value, 3);
    EXPECT_EQ(s.query(0.5)->value, 1);
    EXPECT_TRUE(s.sum() == int128{most} + 2);
    s.flush();
    EXPECT_TRUE(s.valid());
    ckms<int> one;
    one.insert(4);
    EXPECT_EQ(s.merge(one).error(), ckms_merge_error::count_overflow);
    EXPECT_EQ(s.query(1)->value, 3);
}

template<class T>
class CkmsOf : public testing::Test {};
using elements = testing::Types<float, double, std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t,
                                std::int32_t, std::uint64_t, std::int64_t, char>;
TYPED_TEST_SUITE(CkmsOf, elements);

// Every element type keeps its order over its whole range.
TYPED_TEST(CkmsOf, KeepsThePromise) {
    using T = TypeParam;
    gantry::prng random(11);
    for (const ckms_options& options : all_options()) {
        SCOPED_TRACE(describe(options));
        ckms<T> s(options);
        oracle<T> truth;
        for (int i = 0; i < 4'000; ++i) {
            T v = static_cast<T>(random());
            if constexpr (std::floating_point<T>) {
                v = std::ldexp(static_cast<T>(static_cast<std::int64_t>(random())),
                               static_cast<int>(random.uniform_below(200)) - 160);
            }
            v = i == 1'000   ? std::numeric_limits<T>::max()
                : i == 2'000 ? std::numeric_limits<T>::lowest()
                : i == 3'000 ? T{0}
                             : v;
            s.insert(v);
            truth.insert(v);
            if (i % 1'500 == 0) {
                ASSERT_EQ(judge_both(s, truth, options), "");
            }
        }
        ASSERT_EQ(judge_both(s, truth, options), "");
    }
}

// Whatever is done with sketches in whatever order, the promise holds.
RC_GTEST_PROP(Ckms, KeepsThePromiseUnderAnyActions, ()) {
    const auto options = *rc::gen::arbitrary<ckms_options>();
    RC_ASSERT(options.fault() == nullptr);
    RC_LOG(describe(options));
    struct pair {
        ckms<std::int32_t> sketch;
        oracle<std::int32_t> truth;
    };
    std::vector<pair> all(3, pair{ckms<std::int32_t>(options), {}});
    const int actions = *rc::gen::inRange(1, 30);
    for (int i = 0; i < actions; ++i) {
        pair& p = all[*rc::gen::inRange<std::size_t>(0, all.size())];
        switch (*rc::gen::inRange(0, 5)) {
        case 0: { // a batch, dense in a small range
            const int base = *rc::gen::inRange(-1'000, 1'000);
            const int step = *rc::gen::inRange(-3, 4);
            const int size = *rc::gen::inRange(1, 1'000);
            for (int k = 0; k < size; ++k) {
                p.sketch.insert(base + k * step);
                p.truth.insert(base + k * step);
            }
            break;
        }
        case 1:
            for (const int v : *rc::gen::arbitrary<std::vector<int>>()) {
                const auto weight = *rc::gen::inRange<std::uint64_t>(0, 5'000);
                p.sketch.insert(v, weight);
                p.truth.insert(v, weight);
            }
            break;
        case 2:
            p.sketch.flush();
            break;
        case 3: {
            const pair& other = all[*rc::gen::inRange<std::size_t>(0, all.size())];
            if (options.mode == ckms_mode::targeted) {
                RC_ASSERT(p.sketch.merge(other.sketch).error() == ckms_merge_error::targeted);
            } else {
                const oracle<std::int32_t> copy = other.truth;
                RC_ASSERT(p.sketch.merge(other.sketch).has_value());
                p.truth.insert(copy);
            }
            break;
        }
        default: {
            auto back = ckms<std::int32_t>::deserialise(p.sketch.serialise());
            RC_ASSERT(back.has_value());
            p.sketch = std::move(*back);
        }
        }
        RC_ASSERT(judge_both(p.sketch, p.truth, options) == "");
    }
}

// A judge that cannot fail judges nothing: each kind of broken answer is found.
TEST(Ckms, TheJudgeFindsBrokenAnswers) {
    struct broken : ckms<double> {
        using ckms<double>::ckms;
        [[nodiscard]] std::optional<answer> query(double q) const {
            auto a = ckms<double>::query(flaw == 1 ? q + 0.03 : q);
            if (a && flaw == 1) {
                a->rank = target_rank(q, count());
            }
            if (a && flaw == 2) {
                ++a->rank_min;
            }
            if (a && flaw == 3) {
                --a->rank_max;
            }
            if (a && flaw == 4) {
                a->value += 0.5;
            }
            if (a && flaw == 5 && a->error > 0) {
                a->error = 0;
            }
            return a;
        }
        int flaw = 0;
    };
    const ckms_options options{.mode = ckms_mode::uniform, .epsilon = 0.01};
    broken s(options);
    oracle<double> truth;
    for (const double v : arrivals("random", 20'000)) {
        s.insert(v);
        truth.insert(v);
    }
    EXPECT_EQ(judge(s, truth, options), "");
    for (s.flaw = 1; s.flaw <= 5; ++s.flaw) {
        EXPECT_NE(judge(s, truth, options), "") << s.flaw;
    }
    s.flaw = 0;
    s.insert(1);
    EXPECT_NE(judge(s, truth, options), "");
}

// Options say what is wrong with them.
TEST(Ckms, OptionsNameTheirFault) {
    EXPECT_EQ(ckms_options{}.fault(), nullptr);
    EXPECT_EQ((ckms_options{.mode = ckms_mode::targeted, .targets = some_targets}).fault(), nullptr);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (const ckms_options& o : std::vector<ckms_options>{
             {.mode = static_cast<ckms_mode>(4)},
             {.epsilon = 0},
             {.epsilon = 0.51},
             {.epsilon = nan},
             {.targets = some_targets},
             {.tuples_max = 15},
             {.mode = ckms_mode::targeted},
             {.mode = ckms_mode::targeted, .targets = {{.quantile = 1.1, .epsilon = 0.1}}},
             {.mode = ckms_mode::targeted, .targets = {{.quantile = nan, .epsilon = 0.1}}},
             {.mode = ckms_mode::targeted, .targets = {{.quantile = 0.5, .epsilon = 0}}},
             {.mode = ckms_mode::targeted, .targets = std::vector<ckms_target>(33)},
         }) {
        EXPECT_NE(o.fault(), nullptr) << describe(o);
    }
}

// The sample of ckms.hpp and README.md says what it should.
TEST(Ckms, SampleRuns) {
    std::ostringstream captured;
    std::streambuf* const before = std::cout.rdbuf(captured.rdbuf());
    gantry::sketch::ckms<std::uint32_t> latencies{{.mode = gantry::sketch::ckms_mode::high_biased, .epsilon = 0.01}};
    for (std::uint32_t ms : {12U, 15U, 11U, 90U, 14U}) {
        latencies.insert(ms);
    }
    if (const auto p99 = latencies.query(0.99)) {
        std::cout << p99->value << " is of rank " << p99->rank_min << " to " << p99->rank_max << '\n';
    }
    std::cout.rdbuf(before);
    EXPECT_EQ(captured.str(), "90 is of rank 5 to 5\n");
}

} // namespace

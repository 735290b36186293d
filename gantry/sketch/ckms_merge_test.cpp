// SPDX-License-Identifier: MIT
// A sketch made by merging keeps the promise for the greatest epsilon that went in, whatever the tree of merges.
#include <gantry/sketch/ckms_test_support.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace {
using namespace gantry::sketch;
using namespace gantry::sketch::test;

struct part {
    ckms<double> sketch;
    oracle<double> truth;
};

std::vector<ckms_options> mergeable_options() {
    std::vector<ckms_options> options;
    for (const double e : {0.1, 0.01, 0.001}) {
        for (const ckms_mode mode : {ckms_mode::uniform, ckms_mode::low_biased, ckms_mode::high_biased}) {
            options.push_back({.mode = mode, .epsilon = e});
        }
    }
    return options;
}

// Deals the stream out to `parts` sketches: in turn, or in one piece each.
std::vector<part> deal(const std::vector<double>& values, std::size_t parts, bool in_turn,
                       const ckms_options& options) {
    std::vector<part> all(parts, part{ckms<double>(options), {}});
    for (std::size_t i = 0; i < values.size(); ++i) {
        part& p = all[in_turn ? i % parts : i * parts / values.size()];
        p.sketch.insert(values[i]);
        p.truth.insert(values[i]);
    }
    return all;
}

void merge(part& into, const part& from) {
    ASSERT_TRUE(into.sketch.merge(from.sketch));
    into.truth.insert(from.truth);
}

class CkmsMerge : public testing::TestWithParam<std::string> {};

TEST_P(CkmsMerge, KeepsThePromiseInABalancedTree) {
    for (const ckms_options& options : mergeable_options()) {
        for (const bool in_turn : {false, true}) {
            SCOPED_TRACE(describe(options));
            std::vector<part> parts = deal(arrivals(GetParam(), 8'000), 16, in_turn, options);
            for (std::size_t step = 1; step < parts.size(); step *= 2) {
                for (std::size_t i = 0; i + step < parts.size(); i += 2 * step) {
                    merge(parts[i], parts[i + step]);
                    ASSERT_EQ(judge_both(parts[i].sketch, parts[i].truth, options), "");
                }
            }
        }
    }
}

TEST_P(CkmsMerge, KeepsThePromiseInAChain) {
    for (const ckms_options& options : mergeable_options()) {
        for (const bool in_turn : {false, true}) {
            SCOPED_TRACE(describe(options));
            std::vector<part> parts = deal(arrivals(GetParam(), 5'000), 25, in_turn, options);
            part all{ckms<double>(options), {}};
            for (const part& p : parts) {
                merge(all, p);
                ASSERT_EQ(judge_both(all.sketch, all.truth, options), "");
            }
        }
    }
}

// One great sketch and small ones, merged both ways round, with insertions in between.
TEST_P(CkmsMerge, KeepsThePromiseWhenSizesDiffer) {
    for (const ckms_options& options : mergeable_options()) {
        SCOPED_TRACE(describe(options));
        const std::vector<double> values = arrivals(GetParam(), 6'000);
        part great{ckms<double>(options), {}};
        for (std::size_t i = 0; i < values.size(); ++i) {
            great.sketch.insert(values[i]);
            great.truth.insert(values[i]);
            if (i % 700 == 0) {
                part small{ckms<double>(options), {}};
                for (std::size_t k = 0; k < i / 100; ++k) {
                    small.sketch.insert(values[values.size() - 1 - k]);
                    small.truth.insert(values[values.size() - 1 - k]);
                }
                if (i % 1'400 == 0) {
                    std::swap(great, small);
                }
                merge(great, small);
                ASSERT_EQ(judge_both(great.sketch, great.truth, options), "");
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Every, CkmsMerge, testing::ValuesIn(orders),
                         [](const testing::TestParamInfo<std::string>& order) { return order.param; });

// Different epsilons: the greater holds. A cap: the receiver's.
TEST(CkmsMerging, TakesTheGreaterEpsilonAndItsOwnCap) {
    const auto make = [](double epsilon, std::size_t cap, std::uint64_t seed) {
        const ckms_options options{.mode = ckms_mode::high_biased, .epsilon = epsilon, .tuples_max = cap};
        part p{ckms<double>(options), {}};
        for (const double v : arrivals("random", 4'000, seed)) {
            p.sketch.insert(v);
            p.truth.insert(v);
        }
        p.sketch.flush();
        return p;
    };
    const ckms_options judged{.mode = ckms_mode::high_biased};
    const part fine = make(0.01, 0, 1);
    const part coarse = make(0.05, 0, 2);
    const part capped = make(0.01, 50, 3);
    ASSERT_GT(capped.sketch.effective_epsilon(), 0.05);
    for (const auto& [a, b] : {std::pair{&fine, &coarse}, {&coarse, &fine}, {&fine, &capped}, {&coarse, &capped}}) {
        part p = *a;
        merge(p, *b);
        EXPECT_EQ(p.sketch.effective_epsilon(), std::max(a->sketch.effective_epsilon(), b->sketch.effective_epsilon()));
        EXPECT_EQ(judge_both(p.sketch, p.truth, judged), "");
    }
    part p = capped;
    merge(p, fine);
    EXPECT_LE(p.sketch.tuples(), 50U);
    EXPECT_EQ(judge_both(p.sketch, p.truth, judged), "");
}

TEST(CkmsMerging, RefusesWithAReasonAndChangesNothing) {
    ckms<double> uniform({.epsilon = 0.01});
    ckms<double> low({.mode = ckms_mode::low_biased, .epsilon = 0.01});
    ckms<double> targeted({.mode = ckms_mode::targeted, .targets = some_targets});
    for (ckms<double>* s : {&uniform, &low, &targeted}) {
        s->insert(1);
        s->insert(2);
    }
    const auto before = uniform.serialise();
    EXPECT_EQ(uniform.merge(low).error(), ckms_merge_error::mode_mismatch);
    EXPECT_EQ(uniform.merge(targeted).error(), ckms_merge_error::mode_mismatch);
    EXPECT_EQ(targeted.merge(targeted).error(), ckms_merge_error::targeted);
    EXPECT_EQ(uniform.serialise(), before);
}

// With itself, with an empty one, and of one element a time.
TEST(CkmsMerging, TakesEmptyOnesAndItself) {
    const ckms_options options{.mode = ckms_mode::low_biased, .epsilon = 0.01};
    part p{ckms<double>(options), {}};
    const part none = p;
    merge(p, none);
    EXPECT_TRUE(p.sketch.empty());
    for (const double v : arrivals("lognormal", 1'000)) {
        part one = none;
        one.sketch.insert(v);
        one.truth.insert(v);
        one.sketch.insert(std::numeric_limits<double>::quiet_NaN());
        merge(p, one);
    }
    EXPECT_EQ(p.sketch.nan_count(), 1'000U);
    EXPECT_EQ(judge_both(p.sketch, p.truth, options), "");
    const double sum = p.sketch.sum();
    for (int i = 0; i < 40; ++i) {
        const oracle<double> copy = p.truth;
        ASSERT_TRUE(p.sketch.merge(p.sketch));
        p.truth.insert(copy);
    }
    EXPECT_EQ(p.sketch.count(), 1'000ULL << 40);
    EXPECT_EQ(p.sketch.sum(), sum * 0x1p40);
    EXPECT_EQ(judge_both(p.sketch, p.truth, options), "");
}

} // namespace

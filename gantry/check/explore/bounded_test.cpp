// SPDX-License-Identifier: MIT
// A bounded search must show executions of the program only, each once; without a bound all of them, and with a bound
// those that need no more than it allows.
#include <gantry/check/explore/bounded.hpp>
#include <gantry/check/explore/test_programs.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace gantry::check {
namespace {

constexpr std::uint64_t seed = 20261126;
constexpr bounds no_bounds{UINT32_MAX, UINT32_MAX};

struct outcome {
    std::set<std::string> pictures;
    std::size_t complete = 0;
    std::size_t deadlocks = 0;
    bool met = false;
};

// `divide`: after each execution a piece is given away and taken back.
outcome explore_bounded(const program& p, bounds allowed, bool divide = false, std::size_t slots = 1U << 16U) {
    std::vector<std::atomic<std::uint64_t>> memory(slots);
    bounded_explorer e(allowed, seen_table(memory));
    outcome all;
    while (e.more()) {
        const ending how = run_once(e, p);
        EXPECT_EQ(e.diverged(), "");
        if (how == ending::complete) {
            ++all.complete;
            all.pictures.insert(picture(e.current(), p));
        }
        all.deadlocks += how == ending::deadlock ? 1U : 0U;
        if (divide && e.backlog() > 0) {
            EXPECT_TRUE(e.take(e.give()));
        }
    }
    all.met = e.met_a_bound();
    EXPECT_NEAR(e.share_done(), 1.0, 1e-6);
    return all;
}

// Store buffering, sequentially consistent or not.
program store_buffering(order o) {
    const auto access = [&](operation_kind kind, unsigned location) {
        instruction i;
        i.location = location;
        i.op.kind = kind;
        i.op.operand = {1, 0};
        i.op.success = o;
        return i;
    };
    return {{access(operation_kind::store, 0), access(operation_kind::load, 1)},
            {access(operation_kind::store, 1), access(operation_kind::load, 0)}};
}

TEST(bounded_explorer, finds_everything_when_nothing_is_bounded) {
    for (int i = 0; i < 60; ++i) {
        std::mt19937_64 random(seed + static_cast<std::uint64_t>(i));
        const program p = random_program(random);
        const std::set<std::string> right = oracle::executions(p).complete;
        const outcome found = explore_bounded(p, no_bounds, i % 2 == 0);
        ASSERT_EQ(found.pictures, right) << "program " << seed + static_cast<std::uint64_t>(i) << "\n" << text_of(p);
        ASSERT_EQ(found.complete, right.size()) << "an execution came twice\n" << text_of(p);
        ASSERT_FALSE(found.met);
    }
}

// More is allowed, more is found; never anything else.
TEST(bounded_explorer, finds_more_the_more_is_allowed) {
    for (int i = 0; i < 40; ++i) {
        std::mt19937_64 random(seed + static_cast<std::uint64_t>(i));
        const program p = random_program(random);
        std::set<std::string> before;
        for (std::uint32_t most = 0; most < 4; ++most) {
            const outcome found = explore_bounded(p, {most, most});
            ASSERT_TRUE(std::ranges::includes(found.pictures, before)) << "bound " << most << "\n" << text_of(p);
            before = found.pictures;
            if (!found.met) {
                ASSERT_EQ(found.pictures, oracle::executions(p).complete) << "bound " << most << "\n" << text_of(p);
            }
        }
    }
}

// Both threads read 0: one thread's store, all of the other, and back is two changes of thread, of which the way back
// is none that somebody was stopped for; with one stale read nobody has to be stopped.
TEST(bounded_explorer, counts_preemptions_and_stale_reads) {
    const program weak = store_buffering(order::relaxed);
    EXPECT_EQ(explore_bounded(weak, {0, 0}).complete, 2U);
    EXPECT_EQ(explore_bounded(weak, {1, 0}).complete, 3U);
    EXPECT_EQ(explore_bounded(weak, {0, 1}).complete, 3U); // neither order of the threads, but both read 0
    EXPECT_EQ(explore_bounded(weak, {1, 1}).complete, 4U);
    EXPECT_EQ(explore_bounded(store_buffering(order::seq_cst), {1, 1}).complete, 3U);
}

// A table that is full costs time, not executions.
TEST(bounded_explorer, loses_nothing_when_its_table_is_full) {
    const program p = store_buffering(order::relaxed);
    const outcome found = explore_bounded(p, no_bounds, false, 2);
    EXPECT_EQ(found.pictures, oracle::executions(p).complete);
}

TEST(bounded_explorer, refuses_what_is_no_piece) {
    std::vector<std::atomic<std::uint64_t>> memory(64);
    bounded_explorer e(no_bounds, seen_table(memory));
    for (const char* text : {"", "x", "0.5 1 x", "0.5  1", "0.5 1 ", "0.5 -1", "0.5 99999999999"}) {
        EXPECT_FALSE(e.take(text)) << text;
    }
    EXPECT_EQ(e.backlog(), 1U);
}

TEST(seen_table, tells_new_from_old) {
    std::vector<std::atomic<std::uint64_t>> memory(128);
    seen_table seen(memory);
    for (std::uint64_t n = 0; n < 60; ++n) {
        EXPECT_TRUE(seen.insert(n * 7));
    }
    for (std::uint64_t n = 1; n < 60; ++n) {
        EXPECT_FALSE(seen.insert(n * 7));
    }
}

} // namespace
} // namespace gantry::check

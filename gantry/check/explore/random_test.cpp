// SPDX-License-Identifier: MIT
// Random walks must show executions of the program and no others, all of them when the program is small; and a token
// must lead to the execution that it was made from.
#include <gantry/check/explore/random.hpp>
#include <gantry/check/explore/script.hpp>
#include <gantry/check/explore/test_programs.hpp>

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace gantry::check {
namespace {

constexpr std::uint64_t seed = 20261123;

// The order in which the events were added is one in which they happened; a read-modify-write is one step.
std::vector<thread_id> turns_of(const graph& g) {
    std::vector<thread_id> turns;
    for (event_id e = 0; e < g.size(); ++e) {
        if (g.at(e).kind != event_kind::write || !g.at(e).exclusive) {
            turns.push_back(g.at(e).thread);
        }
    }
    return turns;
}

constexpr walk ways[] = {walk::uniform, walk::pct, walk::long_tail};

// Every walk, however it goes, is one of the oracle's executions, and ends in a deadlock only if there is one.
TEST(random_explorer, shows_only_executions_of_the_program) {
    for (std::uint64_t i = seed; i < seed + 400; ++i) {
        std::mt19937_64 random(i);
        const program p = random_program(random, flavour_of(i));
        const oracle::answer right = oracle::executions(p);
        random_explorer walks({.way = ways[i % 3], .depth = 4, .seed = seed});
        for (int n = 0; n < 50; ++n) {
            const ending end = run_once(walks, p);
            const std::string found = picture(walks.current(), p, rounds::last);
            if (end == ending::complete) {
                ASSERT_TRUE(right.complete.contains(found)) << "program " << i << "\n" << found << text_of(p);
            } else if (end == ending::deadlock) {
                ASSERT_FALSE(right.deadlocks.empty()) << "program " << i << "\n" << found << text_of(p);
            }
        }
    }
}

// Of small programs it shows everything before long, and finds every deadlock.
TEST(random_explorer, shows_all_executions_of_small_programs) {
    int compared = 0;
    for (std::uint64_t i = seed; compared < 100; ++i) {
        std::mt19937_64 random(i);
        const program p = random_program(random, flavour_of(i));
        const oracle::answer right = oracle::executions(p);
        if (right.complete.size() > 12) {
            continue;
        }
        ++compared;
        std::set<std::string> found;
        bool deadlock = false;
        random_explorer walks({.way = ways[i % 3], .depth = 12, .seed = seed});
        for (int n = 0; n < 50'000 && (found.size() < right.complete.size() || deadlock == right.deadlocks.empty());
             ++n) {
            const ending end = run_once(walks, p);
            if (end == ending::complete) {
                found.insert(picture(walks.current(), p, rounds::last));
            }
            deadlock = deadlock || end == ending::deadlock;
        }
        ASSERT_EQ(found, right.complete) << "program " << i << "\n" << text_of(p);
        ASSERT_EQ(deadlock, !right.deadlocks.empty()) << "program " << i << "\n" << text_of(p);
    }
}

// One thread sleeps through all that the other does: fair dice need a million tries for that.
TEST(random_explorer, priorities_and_long_stretches_find_what_fair_dice_do_not) {
    program p(2);
    instruction access;
    for (std::uint64_t n = 1; n <= 20; ++n) {
        access.op.kind = operation_kind::store;
        access.op.operand = {n, 0};
        p[0].push_back(access);
    }
    access.op.kind = operation_kind::load;
    p[1].push_back(access);
    for (const walk way : ways) {
        bool found = false;
        random_explorer walks({.way = way, .seed = seed});
        for (int n = 0; n < 200; ++n) {
            ASSERT_EQ(run_once(walks, p), ending::complete);
            const graph& g = walks.current();
            const event& read = g.at(g.thread(2)[0]);
            found = found || read.data.low == 20;
        }
        EXPECT_EQ(found, way != walk::uniform) << static_cast<int>(way);
    }
}

// Two that share a search walk where one alone would have walked.
TEST(random_explorer, executions_can_be_dealt_out) {
    std::mt19937_64 random(seed);
    const program p = random_program(random);
    for (const walk way : {walk::uniform, walk::long_tail}) {
        random_explorer alone({.way = way, .seed = seed});
        random_explorer even({.way = way, .seed = seed, .first = 0, .stride = 2});
        random_explorer odd({.way = way, .seed = seed, .first = 1, .stride = 2});
        for (int n = 0; n < 100; ++n) {
            random_explorer& other = n % 2 == 0 ? even : odd;
            ASSERT_EQ(run_once(alone, p), run_once(other, p));
            ASSERT_EQ(picture(alone.current(), p), picture(other.current(), p));
        }
    }
}

TEST(random_explorer, a_token_leads_to_its_execution) {
    for (int i = 0; i < 300; ++i) {
        std::mt19937_64 random(seed + static_cast<std::uint64_t>(i));
        const program p = random_program(random, flavour_of(static_cast<std::uint64_t>(i)));
        random_explorer walk(seed + static_cast<std::uint64_t>(i));
        if (run_once(walk, p) != ending::complete) {
            continue;
        }
        const std::string token = token_of(script_of(walk.current(), turns_of(walk.current())));
        const auto script = parse_token(token);
        ASSERT_TRUE(script.has_value()) << token;
        script_explorer again(*script);
        ASSERT_TRUE(again.more());
        ASSERT_EQ(run_once(again, p), ending::complete) << again.diverged();
        EXPECT_FALSE(again.more());
        EXPECT_EQ(picture(again.current(), p), picture(walk.current(), p)) << token;
    }
}

TEST(random_explorer, refuses_what_is_no_token) {
    EXPECT_FALSE(parse_token("not a token").has_value());
    EXPECT_FALSE(parse_token("AA_").has_value());
    EXPECT_FALSE(parse_token("8").has_value());
    const std::vector<scripted> far{{40, 1}, {0, 70'000}, {3, 3}};
    const auto back = parse_token(token_of(far));
    ASSERT_TRUE(back.has_value());
    ASSERT_EQ(back->size(), 3U);
    EXPECT_EQ((*back)[0].thread, 40);
    EXPECT_EQ((*back)[1].behind, 70'000U);
}

} // namespace
} // namespace gantry::check

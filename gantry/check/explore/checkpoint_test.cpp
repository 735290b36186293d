// SPDX-License-Identifier: MIT
// What is left of a search must come back from text as it was: graphs, pieces, whole checkpoints; whatever is not such
// a text must be refused; and a file must be the old one or the new one, whatever the disk does.
#include <gantry/check/explore/checkpoint.hpp>
#include <gantry/check/explore/exact.hpp>
#include <gantry/check/explore/test_programs.hpp>
#include <gantry/check/graph/graph_text.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace gantry::check {
namespace {

constexpr std::uint64_t seed = 20261126;

// Explores a program; after `stop` executions everything that is left is written down and read by another explorer.
std::map<std::string, int> explore_in_two(const program& p, int stop) {
    std::map<std::string, int> pictures;
    exact_explorer first;
    const auto run = [&](exact_explorer& e) {
        if (run_once(e, p) == ending::complete) {
            ++pictures[picture(e.current(), p)];
        }
        EXPECT_EQ(e.diverged(), "");
    };
    for (; first.more() && stop > 0; --stop) {
        run(first);
    }
    exact_explorer second;
    second.drop();
    thread_names names;
    first.share_names(names);
    second.share_names(names);
    while (first.backlog() > 0) {
        EXPECT_TRUE(second.take(first.give()));
    }
    while (second.more()) {
        run(second);
    }
    EXPECT_NEAR(first.share_done() + second.share_done(), 1.0, 1e-9);
    return pictures;
}

TEST(graph_text, a_search_goes_on_from_text) {
    for (int i = 0; i < 200; ++i) {
        std::mt19937_64 random(seed + static_cast<std::uint64_t>(i));
        const program p = random_program(random);
        ASSERT_EQ(explore_in_two(p, 1 + i % 7), explore(p).pictures)
            << "program " << seed + static_cast<std::uint64_t>(i) << "\n"
            << text_of(p);
    }
}

TEST(graph_text, refuses_what_is_no_graph) {
    std::mt19937_64 random(seed);
    exact_explorer e;
    static_cast<void>(run_once(e, random_program(random)));
    const std::string text = text_of(e.current());
    ASSERT_TRUE(graph_from(text).has_value());
    EXPECT_EQ(text_of(*graph_from(text)), text);
    for (std::size_t length = 0; length < text.size(); ++length) {
        EXPECT_FALSE(graph_from(text.substr(0, length)).has_value());
    }
    // Changed anywhere it is either refused or another graph; it never crashes.
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char c : {'0', '9', ',', ']', 'x'}) {
            std::string changed = text;
            changed[at] = c;
            if (const auto g = graph_from(changed)) {
                EXPECT_TRUE(graph_from(text_of(*g)).has_value());
            }
        }
    }
}

checkpoint some_checkpoint() {
    checkpoint c;
    c.program = "00112233";
    c.base = 0x5555'5555'4000;
    c.model = "a \"model\"\n";
    c.bounds = "steps 2000";
    c.executions = 12;
    c.graphs = 10;
    c.blocked = 2;
    c.seconds = 1.5;
    c.outcomes = {{{1, -2}, 3}, {{}, 4}};
    c.names = {{0, 0}, {1, 7}};
    c.pieces = {"0.5 {}", "0.25 {\"events\":[]}"};
    return c;
}

TEST(checkpoint, comes_back_from_text) {
    const auto back = checkpoint_from(text_of(some_checkpoint()));
    ASSERT_TRUE(back.has_value()) << back.error();
    EXPECT_EQ(*back, some_checkpoint());
}

TEST(checkpoint, refuses_what_was_cut_or_changed) {
    const std::string text = text_of(some_checkpoint());
    for (std::size_t length = 0; length < text.size(); ++length) {
        EXPECT_FALSE(checkpoint_from(text.substr(0, length)).has_value()) << length;
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        const auto read = checkpoint_from(changed);
        if (read.has_value()) {
            EXPECT_EQ(*read, some_checkpoint()) << at; // white space at most
        } else {
            EXPECT_TRUE(read.error().starts_with("not a checkpoint: ")) << read.error();
        }
    }
    EXPECT_EQ(checkpoint_from("{\"gantry-check checkpoint\":2}\n").error(),
              "not a checkpoint: its version is 2, expected 1");
}

// Any operation may be the last before the power goes: the file is then the old one or the new one, and the new one if
// save() said so.
TEST(checkpoint, is_old_or_new_after_a_power_cut) {
    checkpoint older = some_checkpoint();
    older.executions = 1;
    bool finished = false;
    for (std::uint64_t n = 0; !finished; ++n) {
        ASSERT_LT(n, 1000U);
        fault_storage disk({.seed = n});
        bool told_old = false;
        bool told_new = false;
        const auto write = [&](const checkpoint& c) {
            const auto where = disk.open_directory("/d", {.create = true});
            return where && save(c, **where, "check").has_value();
        };
        disk.crash_at(n);
        told_old = write(older);
        told_new = told_old && write(some_checkpoint());
        finished = !disk.crashed();
        disk.restart();
        const auto where = disk.open_directory("/d", {.create = true});
        ASSERT_TRUE(where.has_value());
        const auto read = load_checkpoint(**where, "check");
        if (told_new) {
            ASSERT_TRUE(read.has_value()) << disk.report();
            EXPECT_EQ(*read, some_checkpoint()) << disk.report();
        } else if (told_old) {
            ASSERT_TRUE(read.has_value()) << disk.report();
            EXPECT_TRUE(*read == older || *read == some_checkpoint()) << disk.report();
        } else if (read.has_value()) {
            EXPECT_EQ(*read, older) << disk.report();
        }
        // What a dead process left beside it is no obstacle.
        EXPECT_TRUE(save(older, **where, "check").has_value()) << disk.report();
    }
}

} // namespace
} // namespace gantry::check

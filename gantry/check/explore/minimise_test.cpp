// SPDX-License-Identifier: MIT
// Minimising must keep the fault, find the smallest way to it where that is known, and stop at its limits.
#include <gantry/check/explore/minimise.hpp>
#include <gantry/check/explore/random.hpp>
#include <gantry/check/explore/test_programs.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace gantry::check {
namespace {

instruction store(unsigned location, std::uint64_t what) {
    instruction i;
    i.location = location;
    i.op.kind = operation_kind::store;
    i.op.operand = {what, 0};
    return i;
}

instruction load(unsigned location) {
    instruction i;
    i.location = location;
    return i;
}

using predicate = std::function<bool(const graph&)>;

std::vector<scripted> steps_of(const graph& g) {
    std::vector<thread_id> turns;
    for (event_id e = 0; e < g.size(); ++e) {
        if (g.at(e).kind != event_kind::write || !g.at(e).exclusive) {
            turns.push_back(g.at(e).thread);
        }
    }
    return script_of(g, turns);
}

// Runs the whole program; the steps after the one that makes the fault true do not count.
rerun running(const program& p, const predicate& faulty) {
    return [&p, faulty](std::vector<scripted> script, std::size_t steps_max) -> std::optional<std::vector<scripted>> {
        script_explorer e(std::move(script), true);
        if (run_once(e, p) != ending::complete || !faulty(e.current())) {
            return std::nullopt;
        }
        const std::vector<scripted> steps = steps_of(e.current());
        return steps.size() <= steps_max ? std::optional(steps) : std::nullopt;
    };
}

std::vector<scripted> found_at_random(const program& p, const predicate& faulty) {
    random_explorer walk(20261126U);
    for (int n = 0; n < 100'000; ++n) {
        if (run_once(walk, p) == ending::complete && faulty(walk.current())) {
            return steps_of(walk.current());
        }
    }
    ADD_FAILURE() << "no walk shows the fault";
    return {};
}

std::uint64_t behind_in(std::span<const scripted> s) {
    std::uint64_t sum = 0;
    for (const scripted& step : s) {
        sum += step.behind;
    }
    return sum;
}

std::size_t changes_in(std::span<const scripted> s) {
    std::size_t sum = 0;
    for (std::size_t i = 1; i < s.size(); ++i) {
        sum += s[i].thread != s[i - 1].thread ? 1U : 0U;
    }
    return sum;
}

std::uint64_t read_by(const graph& g, thread_id t, std::size_t which) {
    for (const event_id id : g.thread(t)) {
        if (g.at(id).kind == event_kind::read && which-- == 0) {
            return g.at(id).data.low;
        }
    }
    return UINT64_MAX;
}

// Message passing: the second thread sees the flag and not the data. One stale read is needed, and no more changes of
// thread than: 0 starts both, 1 writes, 2 reads, 0 joins.
TEST(minimise, needs_one_stale_read_for_message_passing) {
    const program p{{store(0, 1), store(1, 1)}, {load(1), load(0)}};
    const predicate faulty = [](const graph& g) {
        return read_by(g, 2, 0) == 1 && read_by(g, 2, 1) == 0;
    };
    const minimised m = minimise(found_at_random(p, faulty), running(p, faulty), {});
    EXPECT_EQ(behind_in(m.script), 1U);
    EXPECT_LE(changes_in(m.script), 3U);
    script_explorer again(m.script);
    EXPECT_EQ(run_once(again, p), ending::complete);
    EXPECT_TRUE(faulty(again.current()));
}

// What needs no stale read is left without one, what needs one change of thread with few.
TEST(minimise, makes_an_interleaving_of_what_is_one) {
    program p{{}, {}, {store(1, 1), load(1), load(0), store(1, 2)}};
    for (unsigned i = 0; i < 6; ++i) {
        p[0].push_back(store(0, i + 1));
        p[1].push_back(load(0));
    }
    const predicate faulty = [](const graph& g) {
        return read_by(g, 2, 5) == 3; // the last read sees the third write
    };
    std::vector<scripted> found;
    for (std::uint64_t seed = 1; behind_in(found) < 3; ++seed) {
        ASSERT_LT(seed, 100U);
        random_explorer walk(seed);
        for (int n = 0; n < 1'000; ++n) {
            if (run_once(walk, p) == ending::complete && faulty(walk.current())) {
                found = steps_of(walk.current());
                break;
            }
        }
    }
    const minimised m = minimise(found, running(p, faulty), {});
    EXPECT_LE(m.script.size(), found.size());
    EXPECT_EQ(behind_in(m.script), 0U);
    EXPECT_LE(changes_in(m.script), 6U);
}

// A run that stops at the fault: what comes after is left out, and so is what does not lead there.
TEST(minimise, leaves_out_what_the_fault_does_not_need) {
    // The "program": any steps of three threads; the fault is thread 2's third step after thread 1's second.
    const rerun run = [](const std::vector<scripted>& script,
                         std::size_t steps_max) -> std::optional<std::vector<scripted>> {
        std::vector<scripted> taken;
        unsigned ones = 0;
        unsigned twos = 0;
        for (const scripted& s : script) {
            taken.push_back(s);
            ones += s.thread == 1 ? 1U : 0U;
            twos += s.thread == 2 && ones >= 2 ? 1U : 0U;
            if (twos == 3) {
                return taken.size() <= steps_max ? std::optional(taken) : std::nullopt;
            }
        }
        return std::nullopt;
    };
    std::vector<scripted> found;
    for (int i = 0; i < 40; ++i) {
        found.push_back({static_cast<thread_id>(i % 3), static_cast<std::uint32_t>(i % 2)});
    }
    found = *run(found, found.size());
    const minimised m = minimise(found, run, {});
    EXPECT_EQ(m.script.size(), 5U);
    EXPECT_EQ(behind_in(m.script), 0U);
    EXPECT_EQ(changes_in(m.script), 1U);
    EXPECT_GT(m.runs, 0U);
}

TEST(minimise, stops_at_its_limits) {
    std::uint64_t calls = 0;
    const rerun never = [&](const std::vector<scripted>&, std::size_t) -> std::optional<std::vector<scripted>> {
        ++calls;
        return std::nullopt;
    };
    const std::vector<scripted> found(1'000, scripted{1, 1});
    const minimised m = minimise(found, never, {.runs_max = 50});
    EXPECT_EQ(m.runs, 50U);
    EXPECT_EQ(calls, 50U);
    EXPECT_EQ(m.script.size(), found.size());
    EXPECT_EQ(minimise(found, never, {.seconds_max = 0}).runs, 0U);
    EXPECT_EQ(calls, 50U);
}

} // namespace
} // namespace gantry::check

// SPDX-License-Identifier: MIT
#pragma once
//
// test_programs: little concurrent programs by chance, and their comparison with the brute-force oracle.
//
// Use it when an explorer is tested.
// Do not use it when the program is compiled code -> GANTRY_MODEL.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: about 4 ms a program, nearly all of it the oracle's.
// Failure: GoogleTest failures that name the seed. Lifetime: n/a. Origin: n/a.

#include <gantry/check/explore/exact.hpp>
#include <gantry/check/explore/program.hpp>
#include <gantry/check/graph/oracle.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

namespace gantry::check {

struct exploration {
    std::map<std::string, int> pictures;
    std::map<std::string, int> deadlocks;
    std::size_t complete = 0;
    std::size_t others = 0; // deadlocks included
};

inline exploration explore(const program& p) {
    exact_explorer e;
    exploration all;
    while (e.more()) {
        const ending end = run_once(e, p);
        if (end == ending::complete) {
            ++all.complete;
            ++all.pictures[picture(e.current(), p)];
        } else {
            ++all.others;
            if (end == ending::deadlock) {
                ++all.deadlocks[picture(e.current(), p)];
            }
        }
        EXPECT_EQ(e.diverged(), "");
    }
    return all;
}

// For messages: one line an instruction.
inline std::string text_of(const program& p) {
    constexpr const char* kinds[] = {"load", "store", "exchange", "add",     "sub",   "and",  "or",    "xor",
                                     "nand", "cas",   "enqueue",  "dequeue", "leave", "look", "share", "unshare"};
    constexpr const char* orders[] = {"rlx", "con", "acq", "rel", "acq_rel", "sc", "kernel", "light", "heavy", "end"};
    std::string text;
    for (std::size_t t = 0; t < p.size(); ++t) {
        for (std::size_t n = 0; n < p[t].size(); ++n) {
            const instruction& i = p[t][n];
            const auto number = [](std::uint64_t v) {
                return " " + std::to_string(v);
            };
            const std::string success = std::string(" ") + orders[static_cast<int>(i.op.success)];
            text += std::to_string(t + 1) + "." + std::to_string(n) + ": ";
            switch (i.kind) {
            case instruction_kind::access:
                text +=
                    kinds[static_cast<int>(i.op.kind)] + (" x" + std::to_string(i.location)) +
                    number(i.op.operand.low) + success +
                    (i.op.kind == operation_kind::cas ? std::string("/") + orders[static_cast<int>(i.op.failure)]
                                                      : "") +
                    (i.op.await ? " awaits not" + number(i.op.expected.low) + (i.op.timed ? " for a time" : "") : "") +
                    (i.op.kind == operation_kind::cas ? " expects" + number(i.op.expected.low) : "");
                break;
            case instruction_kind::fence:
                text += "fence" + success;
                break;
            case instruction_kind::choice:
                text += "choice of" + number(i.op.operand.low);
                break;
            case instruction_kind::start:
                text += "start" + number(i.location + 1);
                break;
            case instruction_kind::join:
                text += "join" + number(i.location + 1);
                break;
            }
            text += i.when ? " when last was" + number(*i.when) : "";
            text += i.back ? " or back" + number(*i.back) + " on" + number(i.op.expected.low) : "";
            text += "\n";
        }
    }
    return text;
}

// What a random program may have beside accesses and fences.
struct flavour {
    bool choices = false;
    bool threads = false; // started and joined in the middle
    bool loops = false;
    bool queues = false;     // the operations that locks and waiting are made of
    bool asymmetric = false; // light and heavy fences
};

inline program random_program(std::mt19937_64& random, const flavour& with = {}) {
    const auto below = [&](unsigned n) {
        return static_cast<unsigned>(random() % n);
    };
    const order any[] = {order::relaxed, order::acquire, order::release, order::acq_rel, order::seq_cst};
    const order reading[] = {order::relaxed, order::acquire, order::seq_cst};
    program p;
    unsigned accesses = 3 + below(with.asymmetric ? 4 : 5);
    unsigned heavy_fences = 3; // the oracle has no place for more
    const unsigned threads = below(4) == 0 ? 2 : 3;
    p.resize(threads);
    const bool mostly_sc = below(3) == 0;
    const auto any_order = [&] {
        if (with.asymmetric && below(3) != 0) {
            return order::relaxed; // what the fences are for
        }
        return mostly_sc && below(4) != 0 ? order::seq_cst : any[below(5)];
    };
    const auto as_load = [](order o) {
        return o == order::release || o == order::acq_rel ? order::acquire : o;
    };
    const auto add_fence = [](auto& t, order o) {
        instruction fence;
        fence.kind = instruction_kind::fence;
        fence.op.success = o;
        t.push_back(fence);
    };
    while (accesses-- > 0) {
        auto& t = p[below(threads)];
        if (with.asymmetric && !t.empty() && below(3) != 0) {
            if (heavy_fences == 0 || below(2) == 0) {
                add_fence(t, order::light);
            } else {
                --heavy_fences;
                add_fence(t, order::heavy_begin);
                add_fence(t, order::heavy_end);
            }
        } else if (below(5) == 0) {
            add_fence(t, mostly_sc || below(2) == 0 ? order::seq_cst : any[1 + below(4)]);
        }
        if (with.choices && below(4) == 0) {
            instruction choice;
            choice.kind = instruction_kind::choice;
            choice.op.operand = {2 + below(2), 0};
            t.push_back(choice);
        }
        instruction i;
        i.location = below(2);
        i.op.operand = {1 + below(2), 0};
        const order o = any_order();
        if (with.choices && below(4) == 0) {
            i.when = below(2);
        }
        if (with.loops && below(3) == 0) {
            // One load or two, the last of which decides, or a compare-exchange behind a load.
            const bool two = below(2) == 0;
            i.when.reset();
            i.op.success = as_load(o);
            i.op.expected = {below(2), 0};
            if (two) {
                if (below(2) == 0) {
                    i.back = 0;
                }
                t.push_back(i);
                i.location = below(2);
                i.op.success = as_load(any_order());
            }
            if (below(3) == 0) {
                i.op.kind = operation_kind::cas;
                i.op.expected = {below(3), 0};
                i.op.success = any_order();
                i.op.failure = reading[below(3)];
            }
            i.back = two ? 1 : 0;
            t.push_back(i);
            continue;
        }
        if (with.queues && below(2) == 0) {
            constexpr operation_kind kinds[] = {
                operation_kind::enqueue, operation_kind::enqueue, operation_kind::dequeue, operation_kind::leave,
                operation_kind::look,    operation_kind::share,   operation_kind::unshare};
            i.op.kind = kinds[below(7)];
            const bool locks = i.op.kind == operation_kind::share || i.op.kind == operation_kind::unshare;
            i.location = locks ? 3 : 2;
            i.op.size = 16;
            i.op.operand = {1 + below(2), 0};
            i.op.success = i.op.kind == operation_kind::look ? as_load(o) : o;
            i.op.await = i.op.kind == operation_kind::look || i.op.kind == operation_kind::share;
            i.op.timed = i.op.await && below(6) == 0;
            t.push_back(i);
            if (i.op.kind == operation_kind::unshare && below(2) == 0) { // somebody writes
                t.back().op.kind = operation_kind::cas;
                t.back().op.await = true;
                t.back().op.failure = reading[below(3)];
            }
            continue;
        }
        switch (below(8)) {
        case 0:
            i.op.kind = operation_kind::cas;
            i.op.expected = {below(3), 0};
            i.op.success = o;
            i.op.failure = reading[below(3)];
            i.op.await = below(3) == 0;
            i.op.timed = i.op.await && below(6) == 0;
            break;
        case 1: {
            constexpr operation_kind kinds[] = {operation_kind::add, operation_kind::exchange, operation_kind::sub,
                                                operation_kind::bit_or, operation_kind::bit_xor};
            i.op.kind = kinds[below(5)];
            i.op.success = o;
            break;
        }
        case 2:
        case 3:
        case 4:
            i.op.kind = operation_kind::store;
            i.op.success = o == order::acquire || o == order::acq_rel ? order::release : o;
            break;
        default:
            i.op.kind = operation_kind::load;
            i.op.success = as_load(o);
            i.op.await = below(8) == 0; // leaves 0 only
            i.op.timed = i.op.await && below(6) == 0;
            break;
        }
        t.push_back(i);
    }
    if (with.threads) {
        // The last thread, and the one before it perhaps, is somebody else's child.
        for (unsigned child = threads - 1; child > 0 && child + 2 >= threads; --child) {
            if (child + 1 < threads && below(2) == 0) {
                break;
            }
            auto& t = p[below(child)];
            const auto at = below(static_cast<unsigned>(t.size()) + 1U);
            instruction i;
            i.kind = instruction_kind::start;
            i.location = child;
            // Not into a loop: a thread is started once.
            const auto in_loop = [&](std::size_t where) {
                for (std::size_t k = where; k < t.size(); ++k) {
                    if (t[k].back && k - *t[k].back < where) {
                        return true;
                    }
                }
                return false;
            };
            if (in_loop(at)) {
                t.insert(t.begin(), i);
            } else {
                t.insert(t.begin() + at, i);
            }
            if (below(2) == 0) {
                i.kind = instruction_kind::join;
                t.push_back(i);
            }
        }
    }
    return p;
}

inline flavour flavour_of(std::uint64_t number) {
    return {number % 2 == 1, number / 2 % 2 == 1, number / 4 % 2 == 1, number / 8 % 2 == 1, number / 16 % 2 == 1};
}

// Explores one program and compares with the oracle: no execution missed, none made up, none twice; the same deadlocks,
// or, where a loop may go round for some time before it is stuck, deadlocks at all.
inline void compare_with_oracle(const program& p, const std::string& seed) {
    const bool loops = std::ranges::any_of(p, [](const auto& t) {
        return std::ranges::any_of(t, [](const instruction& i) { return i.back.has_value(); });
    });
    exact_explorer e;
    std::set<std::string> all;
    std::set<std::string> found;
    std::set<std::string> deadlocks;
    while (e.more()) {
        const ending end = run_once(e, p);
        ASSERT_EQ(e.diverged(), "") << seed << "\n" << text_of(p);
        if (end == ending::complete || (end == ending::deadlock && !loops)) {
            ASSERT_TRUE(all.insert(picture(e.current(), p)).second) << seed << " twice:\n"
                                                                    << picture(e.current(), p) << text_of(p);
        }
        if (end == ending::complete) {
            found.insert(picture(e.current(), p, rounds::last));
        } else if (end == ending::deadlock) {
            deadlocks.insert(picture(e.current(), p, rounds::last));
        }
    }
    const auto compare = [&](const std::set<std::string>& is, const std::set<std::string>& right, const char* what) {
        for (const std::string& text : right) {
            ASSERT_TRUE(is.contains(text)) << seed << " missed" << what << ":\n" << text << text_of(p);
        }
        for (const std::string& text : is) {
            ASSERT_TRUE(right.contains(text)) << seed << " inconsistent" << what << ":\n" << text << text_of(p);
        }
    };
    const oracle::answer right = oracle::executions(p);
    compare(found, right.complete, "");
    if (!loops) {
        compare(deadlocks, right.deadlocks, " deadlock");
    } else if (deadlocks.empty() != right.deadlocks.empty()) {
        FAIL() << seed << (deadlocks.empty() ? " missed" : " made up") << " a deadlock:\n"
               << *(deadlocks.empty() ? right.deadlocks : deadlocks).begin() << text_of(p);
    }
}

// So many random programs, or GANTRY_PROGRAMS, from GANTRY_SEED, of all flavours in turn.
inline void compare_with_oracle(int ordinarily) {
    const char* wanted = std::getenv("GANTRY_SEED");
    const std::uint64_t seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 20261123;
    const char* many = std::getenv("GANTRY_PROGRAMS");
    const int programs = many != nullptr ? std::atoi(many) : ordinarily;
    std::printf("seed %llu, %d programs\n", static_cast<unsigned long long>(seed), programs);
    for (std::uint64_t i = seed; i < seed + static_cast<std::uint64_t>(programs); ++i) {
        std::mt19937_64 random(i);
        compare_with_oracle(random_program(random, flavour_of(i)), "GANTRY_SEED=" + std::to_string(i));
        if (::testing::Test::HasFatalFailure()) {
            return;
        }
    }
}

} // namespace gantry::check

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
    std::size_t complete = 0;
    std::size_t others = 0;
};

inline exploration explore(const program& p) {
    exact_explorer e;
    exploration all;
    while (e.more()) {
        if (run_once(e, p) == ending::complete) {
            ++all.complete;
            ++all.pictures[picture(e.current(), p)];
        } else {
            ++all.others;
        }
        EXPECT_EQ(e.diverged(), "");
    }
    return all;
}

// For messages: one line an instruction.
inline std::string text_of(const program& p) {
    std::string text;
    for (std::size_t t = 0; t < p.size(); ++t) {
        for (const instruction& i : p[t]) {
            text += std::to_string(t + 1) + ": ";
            text += i.fence ? "fence"
                            : "kind " + std::to_string(static_cast<int>(i.op.kind)) + (i.op.await ? " awaits" : "");
            text += " x" + std::to_string(i.location) + " operand " + std::to_string(i.op.operand.low) + " expected " +
                    std::to_string(i.op.expected.low) + " order " + std::to_string(static_cast<int>(i.op.success)) +
                    "/" + std::to_string(static_cast<int>(i.op.failure)) + "\n";
        }
    }
    return text;
}

inline program random_program(std::mt19937_64& random) {
    const auto below = [&](unsigned n) {
        return static_cast<unsigned>(random() % n);
    };
    const order any[] = {order::relaxed, order::acquire, order::release, order::acq_rel, order::seq_cst};
    program p;
    unsigned accesses = 3 + below(5);
    const unsigned threads = below(4) == 0 ? 2 : 3;
    p.resize(threads);
    const bool mostly_sc = below(3) == 0;
    while (accesses-- > 0) {
        auto& t = p[below(threads)];
        if (below(5) == 0) {
            instruction fence;
            fence.fence = true;
            fence.op.success = mostly_sc || below(2) == 0 ? order::seq_cst : any[1 + below(4)];
            t.push_back(fence);
        }
        instruction i;
        i.location = below(2);
        i.op.operand = {1 + below(2), 0};
        const order o = mostly_sc && below(4) != 0 ? order::seq_cst : any[below(5)];
        switch (below(8)) {
        case 0:
            i.op.kind = operation_kind::cas;
            i.op.expected = {below(3), 0};
            i.op.success = o;
            i.op.failure = o == order::seq_cst ? order::seq_cst : below(2) == 0 ? order::relaxed : order::acquire;
            i.op.await = below(3) == 0;
            break;
        case 1:
            i.op.kind = below(2) == 0 ? operation_kind::add : operation_kind::exchange;
            i.op.success = o;
            break;
        case 2:
        case 3:
        case 4:
            i.op.kind = operation_kind::store;
            i.op.success = o == order::acquire || o == order::acq_rel ? order::release : o;
            break;
        default:
            i.op.kind = operation_kind::load;
            i.op.success = o == order::release || o == order::acq_rel ? order::acquire : o;
            i.op.await = below(8) == 0; // leaves 0 only
            break;
        }
        t.push_back(i);
    }
    return p;
}

// Explores so many random programs, or GANTRY_PROGRAMS, from GANTRY_SEED, and compares with the oracle.
inline void compare_with_oracle(int ordinarily) {
    const char* wanted = std::getenv("GANTRY_SEED");
    const std::uint64_t seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 20261123;
    const char* many = std::getenv("GANTRY_PROGRAMS");
    const int programs = many != nullptr ? std::atoi(many) : ordinarily;
    std::printf("seed %llu, %d programs\n", static_cast<unsigned long long>(seed), programs);
    for (int i = 0; i < programs; ++i) {
        std::mt19937_64 random(seed + static_cast<std::uint64_t>(i));
        const program p = random_program(random);
        const exploration all = explore(p);
        std::set<std::string> found;
        for (const auto& [text, times] : all.pictures) {
            found.insert(text);
            ASSERT_EQ(times, 1) << "GANTRY_SEED=" << seed + static_cast<std::uint64_t>(i) << " twice:\n"
                                << text << text_of(p);
        }
        const std::set<std::string> right = oracle::executions(p);
        for (const std::string& text : right) {
            ASSERT_TRUE(found.contains(text)) << "GANTRY_SEED=" << seed + static_cast<std::uint64_t>(i) << " missed:\n"
                                              << text << text_of(p);
        }
        for (const std::string& text : found) {
            ASSERT_TRUE(right.contains(text))
                << "GANTRY_SEED=" << seed + static_cast<std::uint64_t>(i) << " inconsistent:\n"
                << text << text_of(p);
        }
    }
}

} // namespace gantry::check

// SPDX-License-Identifier: MIT
// The exact explorer must visit each RC11 execution of a program once: counts of the litmus table, closed forms, and
// random programs against the brute-force oracle.
#include <gantry/check/explore/exact.hpp>
#include <gantry/check/explore/program.hpp>
#include <gantry/check/graph/oracle.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

namespace gantry::check {
namespace {

enum class column { rlx, ra, sc, acq_rel_fence, seq_cst_fence };
constexpr column columns[] = {column::rlx, column::ra, column::sc, column::acq_rel_fence, column::seq_cst_fence};

// One access of a litmus test; its orders follow from the column.
struct cell {
    operation_kind kind;
    unsigned location;
    std::uint64_t operand = 0;
};

constexpr cell w(unsigned location, std::uint64_t operand = 1) {
    return {operation_kind::store, location, operand};
}

constexpr cell r(unsigned location) {
    return {operation_kind::load, location};
}

constexpr cell add(unsigned location, std::uint64_t operand = 1) {
    return {operation_kind::add, location, operand};
}

program in_column(const std::vector<std::vector<cell>>& threads, column c) {
    program p;
    for (const auto& cells : threads) {
        auto& t = p.emplace_back();
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i > 0 && (c == column::acq_rel_fence || c == column::seq_cst_fence)) {
                instruction fence;
                fence.fence = true;
                fence.op.success = c == column::acq_rel_fence ? order::acq_rel : order::seq_cst;
                t.push_back(fence);
            }
            instruction access;
            access.location = cells[i].location;
            access.op.kind = cells[i].kind;
            access.op.operand = {cells[i].operand, 0};
            if (c == column::sc) {
                access.op.success = order::seq_cst;
            } else if (c == column::ra) {
                access.op.success = cells[i].kind == operation_kind::store  ? order::release
                                    : cells[i].kind == operation_kind::load ? order::acquire
                                                                            : order::acq_rel;
            }
            t.push_back(access);
        }
    }
    return p;
}

struct exploration {
    std::map<std::string, int> pictures;
    std::size_t complete = 0;
    std::size_t others = 0;
};

exploration explore(const program& p) {
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

// The counts of the two oracles named in MODEL.md, for every column.
TEST(exact_explorer, counts_the_litmus_table) {
    struct row {
        const char* name;
        std::vector<std::vector<cell>> threads;
        std::size_t counts[5];
    };
    const row table[] = {
        {"SB", {{w(0), r(1)}, {w(1), r(0)}}, {4, 4, 3, 4, 3}},
        {"MP", {{w(0), w(1)}, {r(1), r(0)}}, {4, 3, 3, 3, 3}},
        {"LB", {{r(0), w(1)}, {r(1), w(0)}}, {3, 3, 3, 3, 3}},
        {"S", {{w(0, 2), w(1)}, {r(1), w(0)}}, {4, 3, 3, 3, 3}},
        {"R", {{w(0), w(1)}, {w(1, 2), r(0)}}, {4, 4, 3, 4, 3}},
        {"2+2W", {{w(0), w(1, 2)}, {w(1), w(0, 2)}}, {4, 4, 3, 4, 3}},
        {"WRC", {{w(0)}, {r(0), w(1)}, {r(1), r(0)}}, {8, 7, 7, 7, 7}},
        {"ISA2", {{w(0), w(1)}, {r(1), w(2)}, {r(2), r(0)}}, {8, 7, 7, 7, 7}},
        {"IRIW", {{w(0)}, {w(1)}, {r(0), r(1)}, {r(1), r(0)}}, {16, 16, 15, 16, 15}},
        {"CoRR", {{w(0)}, {r(0), r(0)}}, {3, 3, 3, 3, 3}},
        {"CoWW", {{w(0), w(0, 2)}}, {1, 1, 1, 1, 1}},
        {"CoRW", {{r(0), w(0)}}, {1, 1, 1, 1, 1}},
        {"CoWR", {{w(0), r(0)}}, {1, 1, 1, 1, 1}},
        {"2xfetch_add", {{add(0)}, {add(0)}}, {2, 2, 2, 2, 2}},
    };
    for (const row& line : table) {
        for (std::size_t c = 0; c < 5; ++c) {
            const program p = in_column(line.threads, columns[c]);
            const exploration all = explore(p);
            EXPECT_EQ(all.complete, line.counts[c]) << line.name << " column " << c;
            EXPECT_EQ(all.pictures.size(), all.complete) << line.name << " column " << c << ": a graph came twice";
            EXPECT_EQ(all.others, 0U) << line.name << " column " << c;
            EXPECT_EQ(oracle::executions(p).size(), line.counts[c]) << line.name << " column " << c << ": the oracle";
        }
    }
}

// The read-modify-write in the middle stays relaxed in every column: it continues the release sequence.
TEST(exact_explorer, counts_message_passing_through_a_release_sequence) {
    const std::size_t counts[] = {12, 9, 9, 9, 9};
    for (std::size_t c = 0; c < 5; ++c) {
        program p = in_column({{w(0), w(1)}, {add(1)}, {r(1), r(0)}}, columns[c]);
        p[1][0].op.success = order::relaxed;
        const exploration all = explore(p);
        EXPECT_EQ(all.complete, counts[c]) << "column " << c;
        EXPECT_EQ(all.pictures.size(), all.complete) << "column " << c;
    }
}

// N threads with one fetch_add each: N! graphs; N stores to one location: N!; one store and N readers: 2^N.
TEST(exact_explorer, closed_forms) {
    std::size_t factorial = 1;
    for (std::size_t n = 1; n <= 6; ++n) {
        factorial *= n;
        const std::vector<std::vector<cell>> adders(n, {add(0)});
        EXPECT_EQ(explore(in_column(adders, column::rlx)).complete, factorial);
        EXPECT_EQ(explore(in_column(adders, column::sc)).complete, factorial);
        const std::vector<std::vector<cell>> writers(n, {w(0)});
        EXPECT_EQ(explore(in_column(writers, column::rlx)).complete, factorial);
        std::vector<std::vector<cell>> readers(n + 1, {r(0)});
        readers[n / 2] = {w(0)};
        EXPECT_EQ(explore(in_column(readers, column::rlx)).complete, std::size_t{1} << n);
    }
}

// For messages: one line an instruction.
std::string text_of(const program& p) {
    std::string text;
    for (std::size_t t = 0; t < p.size(); ++t) {
        for (const instruction& i : p[t]) {
            text += std::to_string(t + 1) + ": ";
            text += i.fence ? "fence" : "kind " + std::to_string(static_cast<int>(i.op.kind));
            text += " x" + std::to_string(i.location) + " operand " + std::to_string(i.op.operand.low) + " expected " +
                    std::to_string(i.op.expected.low) + " order " + std::to_string(static_cast<int>(i.op.success)) +
                    "/" + std::to_string(static_cast<int>(i.op.failure)) + "\n";
        }
    }
    return text;
}

program random_program(std::mt19937_64& random) {
    const auto below = [&](unsigned n) {
        return static_cast<unsigned>(random() % n);
    };
    const order any[] = {order::relaxed, order::acquire, order::release, order::acq_rel, order::seq_cst};
    program p;
    unsigned accesses = 3 + below(5);
    const unsigned threads = 2 + below(2);
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
            break;
        }
        t.push_back(i);
    }
    return p;
}

// On random programs the explorer and the brute-force oracle find the same executions, each once.
TEST(exact_explorer, agrees_with_the_oracle_on_random_programs) {
    const char* wanted = std::getenv("GANTRY_SEED");
    const std::uint64_t seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 20261123;
    RecordProperty("seed", std::to_string(seed));
    const char* many = std::getenv("GANTRY_PROGRAMS");
    const int programs = many != nullptr ? std::atoi(many) : 500;
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

} // namespace
} // namespace gantry::check

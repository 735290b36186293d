// SPDX-License-Identifier: MIT
// The exact explorer must visit each RC11 execution of a program once: counts of the litmus table, closed forms, and
// random programs against the brute-force oracle.
#include <gantry/check/explore/exact.hpp>
#include <gantry/check/explore/program.hpp>
#include <gantry/check/explore/test_programs.hpp>
#include <gantry/check/graph/oracle.hpp>

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

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
                fence.kind = instruction_kind::fence;
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
            EXPECT_EQ(oracle::executions(p).complete.size(), line.counts[c])
                << line.name << " column " << c << ": the oracle";
        }
    }
}

// With that fence between the two accesses of each thread.
program with_fences(const std::vector<std::vector<cell>>& threads, const std::string& fences) {
    const std::map<char, std::vector<order>> orders{
        {'l', {order::light}},   {'h', {order::heavy_begin, order::heavy_end}},
        {'s', {order::seq_cst}}, {'r', {order::release}},
        {'a', {order::acquire}}, {' ', {}}};
    program p = in_column(threads, column::rlx);
    for (std::size_t t = 0; t < p.size(); ++t) {
        auto place = p[t].begin() + 1;
        for (const order o : orders.at(fences[t])) {
            instruction fence;
            fence.kind = instruction_kind::fence;
            fence.op.success = o;
            place = p[t].insert(place, fence) + 1;
        }
    }
    return p;
}

// A light fence counts towards a heavy one, as if both were seq_cst, and towards nothing else. The last two say what
// follows from this: kernels fence the other threads one after the other, so that what one of them did may be missing
// elsewhere until membarrier returns, or be done already.
TEST(exact_explorer, counts_asymmetric_fences) {
    struct row {
        const char* name;
        std::vector<std::vector<cell>> threads;
        std::vector<std::pair<std::string, std::size_t>> counts;
    };
    const std::vector<std::vector<cell>> late{{w(0), r(1)}, {r(2), r(3)}, {w(1), w(2)}, {w(3), r(4)}, {w(4), r(0)}};
    const row table[] = {
        {"SB", {{w(0), r(1)}, {w(1), r(0)}}, {{"lh", 3}, {"hl", 3}, {"ll", 4}, {"hh", 3}, {"ls", 4}, {"hs", 3}}},
        {"MP",
         {{w(0), w(1)}, {r(1), r(0)}},
         {{"lh", 3}, {"hl", 3}, {"ll", 4}, {"hh", 3}, {"ls", 4}, {"sl", 4}, {"hs", 3}, {"sh", 3}}},
        {"S", {{w(0, 2), w(1)}, {r(1), w(0)}}, {{"lh", 3}, {"hl", 3}, {"ll", 4}, {"ls", 4}, {"sl", 4}}},
        {"R", {{w(0), w(1)}, {w(1, 2), r(0)}}, {{"lh", 3}, {"hl", 3}, {"ll", 4}, {"ls", 4}, {"sl", 4}}},
        {"2+2W", {{w(0), w(1, 2)}, {w(1), w(0, 2)}}, {{"lh", 3}, {"ll", 4}, {"ls", 4}}},
        {"MP through a read-modify-write",
         {{w(0), w(1)}, {add(1)}, {r(1), r(0)}},
         {{"l h", 9}, {"h l", 9}, {"l l", 12}}},
        {"IRIW", {{w(0)}, {w(1)}, {r(0), r(1)}, {r(1), r(0)}}, {{"  lh", 15}, {"  ll", 16}, {"  ls", 16}}},
        {"SB of three", {{w(0), r(1)}, {w(1), r(2)}, {w(2), r(0)}}, {{"hll", 8}, {"hhl", 7}, {"hsl", 8}, {"ssl", 8}}},
        {"SB of four",
         {{w(0), r(1)}, {w(1), r(2)}, {w(2), r(3)}, {w(3), r(0)}},
         {{"hlhl", 15}, {"hhll", 16}, {"hlsl", 16}, {"hshl", 15}}},
        {"read early", {{w(0), w(2)}, {r(2), r(1)}, {w(1), r(0)}}, {{"hll", 8}, {"hal", 7}}},
        {"known late", late, {{"lhllh", 32}, {"lhrlh", 31}}},
    };
    for (const row& line : table) {
        for (const auto& [fences, count] : line.counts) {
            const program p = with_fences(line.threads, fences);
            const exploration all = explore(p);
            EXPECT_EQ(all.complete, count) << line.name << " " << fences;
            EXPECT_EQ(all.pictures.size(), all.complete) << line.name << " " << fences << ": a graph came twice";
            EXPECT_EQ(oracle::executions(p).complete.size(), count) << line.name << " " << fences << ": the oracle";
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

// Store buffering where one of the loads is the first thing that a thread does which the storing thread starts: the
// creation orders the two in the order of seq_cst, so both loads cannot miss the stores.
TEST(exact_explorer, creation_of_a_thread_orders_seq_cst_accesses) {
    program p = in_column({{w(0)}, {w(1), r(0)}, {r(1)}}, column::sc);
    instruction start;
    start.kind = instruction_kind::start;
    start.location = 2;
    p[0].push_back(start);
    EXPECT_EQ(explore(p).complete, 3U);
    EXPECT_EQ(oracle::executions(p).complete.size(), 3U);
}

// On random programs the explorer and the brute-force oracle find the same executions, each once.
TEST(exact_explorer, agrees_with_the_oracle_on_random_programs) {
    compare_with_oracle(500);
}

} // namespace
} // namespace gantry::check

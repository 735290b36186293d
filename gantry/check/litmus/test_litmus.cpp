// SPDX-License-Identifier: MIT
// litmus: the classic shapes of weak-memory behaviour, as ordinary C++, through the model checker. Each shape runs in
// five columns: all accesses relaxed; release stores and acquire loads; all seq_cst; relaxed with an acq_rel fence
// between the operations of each thread; the same with a seq_cst fence. The verdict is A when the weak outcome was seen
// and - when it was not; the number is how many different execution graphs there are.
#include <gantry/check/litmus/test_modelled.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using gantry::check::model_options;
using gantry::check::model_result;

// What is right, in the columns from relaxed on: verdict and number of graphs.
struct row {
    std::string_view name;
    std::array<const char*, columns - 1> right;
};

constexpr row table[] = {
    {"SB", {"A4", "A4", "-3", "A4", "-3"}},          {"MP", {"A4", "-3", "-3", "-3", "-3"}},
    {"LB", {"-3", "-3", "-3", "-3", "-3"}},          {"S", {"A4", "-3", "-3", "-3", "-3"}},
    {"R", {"A4", "A4", "-3", "A4", "-3"}},           {"2+2W", {"A4", "A4", "-3", "A4", "-3"}},
    {"WRC", {"A8", "-7", "-7", "-7", "-7"}},         {"ISA2", {"A8", "-7", "-7", "-7", "-7"}},
    {"IRIW", {"A16", "A16", "-15", "A16", "-15"}},   {"CoRR", {"-3", "-3", "-3", "-3", "-3"}},
    {"CoWW", {"-1", "-1", "-1", "-1", "-1"}},        {"CoRW", {"-1", "-1", "-1", "-1", "-1"}},
    {"CoWR", {"-1", "-1", "-1", "-1", "-1"}},        {"MP+RMW", {"A12", "-9", "-9", "-9", "-9"}},
    {"2xfetch_add", {"-2", "-2", "-2", "-2", "-2"}},
};

} // namespace

int main(int argc, char** argv) {
    bool json = false;
    bool check = false;
    bool wrong = false;
    model_options options;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (std::strcmp(argv[i], "--check") == 0) {
            check = true;
        } else if (std::strcmp(argv[i], "--random") == 0) {
            options.mode = gantry::check::search::random;
            options.executions_max = 2000;
        } else {
            const bool help = std::strcmp(argv[i], "--help") == 0;
            std::fprintf(help ? stdout : stderr,
                         "usage: %s [--json] [--check] [--random]\n"
                         "Runs the litmus table: A or - for the weak outcome seen or not, and the number of graphs.\n"
                         "--check compares them with the table that is known to be right, and fails when they differ.\n"
                         "--random tries 2000 random executions a cell instead of all.\n",
                         argv[0]);
            return help ? 0 : 2;
        }
    }
    each_shape([&]<class Shape>() {
        if (!json) {
            std::printf("%-12s", Shape::name);
        }
        const row* const known =
            std::find_if(std::begin(table), std::end(table), [](const row& each) { return each.name == Shape::name; });
        each_column([&]<column C>() {
            if constexpr (C != column::plain) {
                constexpr auto c = static_cast<std::size_t>(C);
                const model_result result = gantry::check::model(options, [] { modelled<Shape, C>(); });
                if (!result.ok()) {
                    std::fprintf(stderr, "%s %s: %s\n", Shape::name, column_names[c], result.report.c_str());
                    wrong = true;
                    return;
                }
                const bool seen = std::any_of(result.outcomes.begin(), result.outcomes.end(),
                                              [](const auto& each) { return Shape::weak(round_of(each.first)); });
                const char* const verdict = seen ? "A" : "-";
                const std::string found = verdict + std::to_string(result.graphs);
                const char* const right = known->right[c - 1];
                // At random: the verdict alone.
                if (check && (options.mode == gantry::check::search::exact ? found != right : verdict[0] != right[0])) {
                    std::fprintf(stderr, "%s %s: %s, should be %s\n", Shape::name, column_names[c], found.c_str(),
                                 right);
                    wrong = true;
                }
                if (json) {
                    std::printf("{\"test\":\"%s\",\"column\":\"%s\",\"verdict\":\"%s\",\"graphs\":%llu}\n", Shape::name,
                                column_names[c], verdict, static_cast<unsigned long long>(result.graphs));
                } else {
                    std::printf("  %s%-6llu", verdict, static_cast<unsigned long long>(result.graphs));
                }
            }
        });
        if (!json) {
            std::printf("\n");
        }
    });
    return wrong ? 1 : 0;
}

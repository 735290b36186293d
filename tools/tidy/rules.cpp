// SPDX-License-Identifier: MIT
#include <tools/tidy/rules.hpp>

#include <algorithm>
#include <iterator>

namespace tidy {

namespace {

constexpr std::array table = {
    rule{"layers",
         "Includes point downwards: base <- sync <- reclaim <- container <- channel <- exec; sketch, simd, check -> "
         "base;\n"
         "tests, models, benchmarks of anything -> check; apps -> gantry, never another app. Own files are included "
         "with\n"
         "angle brackets from the root, they exist, and detail/ stays inside its module. Core headers need only the\n"
         "standard library, POSIX and lower gantry headers.",
         check_layers},
    rule{"header",
         "SPDX line first in every source; #pragma once; a public header's comment defines, says when to use it and "
         "when\n"
         "not, and has the paragraphs Threads Progress Ordering Cost Failure Lifetime Origin, in at most 60 lines.",
         check_header},
    rule{"ledger",
         "Every atomic access of library code carries `order: edge.side` or `relaxed: word`; every edge is declared in "
         "the\n"
         "file's Ordering ledger and has both sides. The grammar is in tools/tidy/README.md.",
         check_ledger},
    rule{"atomics",
         "No atomic call with the default order, no operators on atomics, no memory_order_consume, no volatile for "
         "data\n"
         "without a comment `volatile: reason`.",
         check_atomics},
    rule{"markdown",
         "Links and anchors resolve; code fences name their language; every cpp block stands verbatim in a compiled\n"
         "source; every example is mentioned; commands (./dev x, build/release/bin/x) exist.",
         check_markdown},
    rule{"samples", "The sample in a public header's comment stands verbatim in examples/ or in a test.",
         check_samples},
    rule{"orphans",
         "Every source is built, every public header is installed, every module has a README.md, every page of docs/ "
         "is\n"
         "linked, decisions are docs/decisions/NNNN-name.md with a number of their own.",
         check_orphans},
    rule{"words",
         "No TODO without an issue (`TODO(#12)`), no commented-out code, no tabs, no trailing blanks, a newline at the "
         "end,\n"
         "120 columns in C++, no absolute paths of one machine, empty suppression files.",
         check_words},
    rule{"benchmarks",
         "Benchmarks are named <workload>/<implementation>/<parameters>, parameters as key:value; they use real time, "
         "set\n"
         "their items, and a module has one BENCHMARK_MAIN.",
         check_benchmarks},
};

} // namespace

std::span<const rule> all_rules() {
    return table;
}

std::vector<finding> run(const tree& all, std::span<const std::string> names) {
    std::vector<finding> findings;
    for (const auto& each : table) {
        if (names.empty() || std::ranges::find(names, each.name) != names.end()) {
            reporter report(each.name);
            each.check(all, report);
            std::ranges::move(report.take(), std::back_inserter(findings));
        }
    }
    std::ranges::sort(findings);
    const auto repeated = std::ranges::unique(findings);
    findings.erase(repeated.begin(), repeated.end());
    return findings;
}

} // namespace tidy

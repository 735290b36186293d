// SPDX-License-Identifier: MIT
#pragma once
//
// certificate: what scenarios() ran and found, and how far that goes.
//
// Use it when the outcome of scenarios() is read by a program, or printed.
// Do not use it when one model was run -> model_result.
//
// Threads: a value. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: a value.
// Origin: the bounded proofs of SmallCheck and Lincheck, with the bounds spelled out.

#include <gantry/check/model.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gantry::check {

struct certificate {
    // The bounds.
    std::uint32_t threads_max = 0;
    std::uint32_t operations_max = 0;      // of each thread
    std::vector<std::string> operations{}; // as text
    std::string condition{};               // linearizable, quiescent or sequential
    std::uint64_t tables_within = 0;       // how many tables there are within the bounds

    // What was run.
    std::uint64_t tables = 0;        // of those within the bounds
    std::uint64_t tables_cut = 0;    // of these, explored in part only
    std::uint64_t tables_random = 0; // beyond the bounds
    std::uint64_t graphs = 0;        // executions that came to their end
    std::uint64_t blocked = 0;       // executions given up because a thread waited for a stale value
    bool exhaustive = false;         // every table within the bounds, in every execution
    bool interrupted = false;        // by model_options::stop
    double seconds = 0;

    // The smallest table that failed, if one did.
    fault found = fault::none;
    std::vector<std::vector<std::string>> table{}; // a list for each thread
    std::uint64_t shrinks = 0;                     // smaller tables that were tried for it
    std::string report{};
    std::string token{}; // replays the failing execution

    [[nodiscard]] bool ok() const noexcept { return found == fault::none; }
};

// A line, and below it the table that failed with its report.
[[nodiscard]] inline std::string text_of(const certificate& proof) {
    const auto number = [](auto value) {
        return std::to_string(value);
    };
    std::string text = number(proof.tables) + " of " + number(proof.tables_within) + " tables of up to " +
                       number(proof.threads_max) + " threads x " + number(proof.operations_max) + " operations of " +
                       number(proof.operations.size()) + " (";
    for (std::size_t i = 0; i < proof.operations.size(); ++i) {
        text += (i == 0 ? "" : ", ") + proof.operations[i];
    }
    text += "), threads permuted once; " + number(proof.graphs) + " graphs, " + number(proof.blocked) + " blocked, ";
    text += proof.tables_cut == 0 ? "none pruned" : number(proof.tables_cut) + " tables explored in part only";
    if (proof.tables_random != 0) {
        text += "; beyond that " + number(proof.tables_random) + " random tables";
    }
    text += ": " + (proof.ok() ? proof.condition : name_of(proof.found)) +
            (proof.exhaustive    ? ", exhaustive"
             : proof.interrupted ? ", interrupted"
                                 : "");
    if (!proof.ok()) {
        for (std::size_t i = 0; i < proof.table.size(); ++i) {
            text += "\n  thread " + number(i) + ":";
            for (const std::string& each : proof.table[i]) {
                text += ' ' + each;
            }
        }
        text += '\n' + proof.report;
    }
    return text;
}

} // namespace gantry::check

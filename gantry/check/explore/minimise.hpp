// SPDX-License-Identifier: MIT
#pragma once
//
// minimise: from the steps of an execution with a fault to fewer steps that lead to the same fault.
//
// Use it when a counterexample is to be shown to people.
// Do not use it when all that counts is whether there is one.
//
// First it tries the most ordinary executions: one thread after the other, with one change of thread. Then it edits the
// steps that were found: it leaves out ever smaller parts, puts reads and writes back to the newest, and changes places
// of neighbouring stretches of two threads, as long as something gets better.
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: bounded by runs and seconds. Failure: at the limit the best
// so far is the answer. Lifetime: n/a.
// Origin: delta debugging (Zeller, Hildebrandt, TSE 2002), with the search for few preemptions of CHESS before it.

#include <gantry/check/explore/script.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace gantry::check {

// Runs the program along the script, roughly, and answers with the steps that it took to the same fault; no value when
// it came to none or to another. `steps_max`: longer executions are of no use.
using rerun = std::function<std::optional<std::vector<scripted>>(std::vector<scripted> script, std::size_t steps_max)>;

struct minimise_limits {
    std::uint64_t runs_max = 4'000;
    double seconds_max = 2;
};

struct minimised {
    std::vector<scripted> script;
    std::uint64_t runs = 0;
};

// Fewer steps are better; of as many, fewer that are stale or out of order; then fewer changes of thread.
[[nodiscard]] minimised minimise(std::vector<scripted> found, const rerun& run, const minimise_limits& limits);

} // namespace gantry::check

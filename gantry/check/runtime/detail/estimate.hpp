// SPDX-License-Identifier: MIT
#pragma once
//
// guess_size(): how many executions an exact search would have, from random descents.
//
// Use it when working on the checker's runtime.
// Do not use it when the search itself takes a second.
//
// Threads: one thread. Progress: blocking. Ordering: n/a. Cost: as many executions as fit into the time.
// Failure: a fault that is found on the way is in the result. Lifetime: n/a.
// Origin: Knuth, "Estimating the efficiency of backtrack programs", 1975.

#include <gantry/check/runtime/detail/search.hpp>

#include <string>

namespace gantry::check::runtime {

[[nodiscard]] size_estimate guess_size(session& s, const subject& what, const model_options& options,
                                       double seconds_max);

// Prints it as a line on standard error.
void say_size(const std::string& name, const size_estimate& guess);

} // namespace gantry::check::runtime

// SPDX-License-Identifier: MIT
#pragma once
//
// explain: from the steps of an execution with a fault to a report: a smaller execution with the same fault, what
// happened in it, names and reasons.
//
// Use it when a search has found a fault.
// Do not use it when only whether there is a fault counts.
//
// Threads: one thread. Progress: blocking. Ordering: n/a. Cost: up to model_options::minimise seconds.
// Failure: an execution that does not show its fault again keeps the report that it came with. Lifetime: n/a.
// Origin: n/a.

#include <gantry/check/model.hpp>
#include <gantry/check/runtime/detail/search.hpp>
#include <gantry/check/runtime/detail/session.hpp>

namespace gantry::check::runtime {

// `result` says what was found, with a token; its token, report and execution are written anew. The session is one that
// was there before the program ran: it knows the memory as it was.
void explain(session& s, const model_options& options, const subject& what, model_result& result);

} // namespace gantry::check::runtime

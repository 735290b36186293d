// SPDX-License-Identifier: MIT
#pragma once
//
// text: executions and code addresses as text for people.
//
// Use it when a report is written.
// Do not use it when exploring: names are looked up by another process.
//
// Threads: one thread. Progress: blocking. Ordering: n/a. Cost: milliseconds for each new address.
// Failure: an address that has no name stays a number. Lifetime: n/a. Origin: n/a.

#include <gantry/check/graph/graph.hpp>

#include <string>

namespace gantry::check {

// "file:line (function)" of the call that returns to `site`.
[[nodiscard]] std::string place_of(const void* site);

[[nodiscard]] const char* name_of(order o) noexcept;

// The execution, a line an event, in an order in which it can have happened.
[[nodiscard]] std::string trace_of(const graph& g);

} // namespace gantry::check

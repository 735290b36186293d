// SPDX-License-Identifier: MIT
#pragma once
//
// text: a counterexample as text for people.
//
// Use it when a report is written.
// Do not use it when programs are to read it -> report/detail/json.hpp.
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: n/a. Origin: n/a.

#include <gantry/check/counterexample.hpp>
#include <gantry/check/graph/event.hpp>

#include <string>

namespace gantry::check {

[[nodiscard]] const char* name_of(order o) noexcept;

// A line a step and a column a thread, the objects, and why stale reads are allowed.
[[nodiscard]] std::string text_of(const counterexample& c);

} // namespace gantry::check

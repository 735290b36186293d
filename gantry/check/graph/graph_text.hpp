// SPDX-License-Identifier: MIT
#pragma once
//
// graph_text: an execution graph as a line of JSON, and back: for other processes and for checkpoints.
//
// Use it when a graph leaves the process that made it.
// Do not use it when people are to read it -> the reports.
//
// Threads: pure functions. Progress: allocates. Ordering: n/a. Cost: about 100 bytes and a microsecond an event.
// Failure: graph_from() answers null to whatever is not the text of a graph; it never trusts a number.
// Lifetime: n/a. Origin: n/a; the format is docs/formats/check-checkpoint.md.

#include <gantry/check/graph/graph.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace gantry::check {

[[nodiscard]] std::string text_of(const graph& g);
[[nodiscard]] std::optional<graph> graph_from(std::string_view text);

} // namespace gantry::check

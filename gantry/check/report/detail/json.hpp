// SPDX-License-Identifier: MIT
#pragma once
//
// json: a result and its counterexample as one JSON object; docs/formats/model-report.md says what is in it.
//
// Use it when programs are to read a report.
// Do not use it when people are -> report/detail/text.hpp, html_of().
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: bytes that are not UTF-8 are replaced.
// Lifetime: n/a. Origin: n/a.

#include <gantry/check/model.hpp>

#include <string>

namespace gantry::check {

// On one line.
[[nodiscard]] std::string json_of(const std::string& model, const model_options& options, const model_result& r);

// The places of the steps that an edge joins, for the page: {"kind", "from", "to"} in an array, fit to stand in HTML.
[[nodiscard]] std::string edges_json_of(const counterexample& c);

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#pragma once
//
// final_report: what a run did, as text for people or one JSON object for machines.
//
// Use it when a run ends, in order or not. Do not use it when figures are wanted while nodes are being built.
//
// Threads: any, while the stages run too: every figure is read on its own. Progress: allocates. Ordering: exact once
// the stages have ended, a snapshot before. Cost: n/a. Failure: n/a. Lifetime: values. Origin: n/a.

#include <apps/telem/core/topology.hpp>

namespace telem {

struct totals {
    std::uint64_t accepted = 0;  // points
    std::uint64_t malformed = 0; // lines
    std::uint64_t refused = 0;   // points with a name that did not fit
    std::uint64_t datagrams = 0;
    std::uint64_t dropped = 0; // datagrams, by the kernel
};

[[nodiscard]] totals total(const topology& of);
[[nodiscard]] std::string report_text(const topology& of);
[[nodiscard]] std::string report_json(const topology& of);

} // namespace telem

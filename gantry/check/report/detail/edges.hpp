// SPDX-License-Identifier: MIT
#pragma once
//
// edges: why one thing does not happen before another, and what would make it so.
//
// Use it when a report is written.
// Do not use it when only the answer counts -> graph::happens_before.
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: linear in the execution. Failure: n/a. Lifetime: n/a.
// Origin: n/a.

#include <gantry/check/graph/graph.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace gantry::check {

// What would have ordered an access that thread `first` made before its event number `from` before one that thread
// `second` makes after `until` events: the pairs of write and read on the way from one to the other that do not
// synchronise, and what they lack.
[[nodiscard]] std::string missing_edge(const graph& g, thread_id first, std::uint32_t from, thread_id second,
                                       std::uint32_t until);

// Why a read may see something older than that write, as a sentence. `name` tells how an event is called.
[[nodiscard]] std::string why_unordered(const graph& g, event_id write, event_id read,
                                        const std::function<std::string(event_id)>& name);

// A release and an acquire that pair up: a write or a fence, and the read or the fence that gains from it.
[[nodiscard]] std::vector<std::pair<event_id, event_id>> synchronised(const graph& g);

} // namespace gantry::check

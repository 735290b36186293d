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

#include <cstdint>
#include <span>
#include <string>

namespace gantry::check {

// "file:line (function)" of the call that returns to `site`.
[[nodiscard]] std::string place_of(const void* site);

[[nodiscard]] const char* name_of(order o) noexcept;

// Something that is no event (a plain access) and yet belongs into the picture: what the thread did before its event
// number `before`.
struct remark {
    thread_id thread = 0;
    std::uint32_t before = 0;
    std::string text;
    const void* site = nullptr;
};

// The execution, a line an event and a column a thread, in an order in which it can have happened.
[[nodiscard]] std::string trace_of(const graph& g, std::span<const remark> remarks);

// What would have ordered an access that thread `first` made before its event number `from` before one that thread
// `second` makes after `until` events: the pairs of write and read on the way from one to the other that do not
// synchronise, and what they lack.
[[nodiscard]] std::string missing_edge(const graph& g, thread_id first, std::uint32_t from, thread_id second,
                                       std::uint32_t until);

} // namespace gantry::check

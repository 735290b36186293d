// SPDX-License-Identifier: MIT
#pragma once
//
// story: an execution as steps in an order in which it can have happened, with names and reasons.
//
// Use it when a report is written.
// Do not use it when exploring: it looks up names.
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: milliseconds. Failure: what has no name gets a letter.
// Lifetime: a value. Origin: n/a.

#include <gantry/check/counterexample.hpp>
#include <gantry/check/graph/graph.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace gantry::check {

// Something that is no event (a plain access) and yet belongs into the picture: what the thread did before its event
// number `before`.
struct remark {
    thread_id thread = 0;
    std::uint32_t before = 0;
    std::string text;
    const void* site = nullptr;
    std::vector<const void*> stack{}; // the site and its callers, innermost first
};

// What an address stands for besides an atomic; the upper byte of a location's address.
enum class location_tag : std::uint8_t { atomic, lock, queue };

// What the runtime knows beyond the graph.
class narration {
public:
    virtual ~narration() = default;
    // The name is empty when nothing in the source is called that.
    [[nodiscard]] virtual counterexample_object object_of(const location& l) const = 0;
    [[nodiscard]] virtual std::span<const void* const> stack_of(event_id e) const = 0;
    // Empty when the value is nothing that has a name, such as a pointer into a block of memory.
    [[nodiscard]] virtual std::string meaning_of(std::uint64_t word) const = 0;
    // What meaning_of() spoke of.
    [[nodiscard]] virtual std::vector<counterexample_object> others() const = 0;
    // An event that a race is about: the two accesses are remarks otherwise.
    [[nodiscard]] virtual std::optional<std::pair<thread_id, std::uint32_t>> guilty() const = 0;
};

// `at_race`: the first remark and the last are two accesses that nothing orders.
[[nodiscard]] counterexample story_of(const graph& g, std::span<const remark> remarks, const narration& known,
                                      bool at_race);

} // namespace gantry::check

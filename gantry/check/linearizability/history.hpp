// SPDX-License-Identifier: MIT
#pragma once
//
// history: what threads asked of a shared object, what they got, and when: the input of check_history().
//
// Use it when operations on a concurrent object were recorded (recorder.hpp), read (history_json.hpp) or made by hand.
// Do not use it when only one thread works: compare with a std container at each step.
//
//     const history<request, response> all = {
//         {.thread = 0, .what = {.what = verb::push, .value = 7}, .result = response{}, .call = 1, .end = 4},
//         {.thread = 1, .what = {.what = verb::pop}, .result = response{7}, .call = 2, .end = 3},
//     };
//
// Threads: a value. Progress: n/a.
// Ordering: only the order of stamps matters. An operation precedes another if its end is less than the other's call;
// equal stamps overlap.
// Cost: a vector. Failure: n/a. Lifetime: a value.
// Origin: Herlihy and Wing, "Linearizability" (TOPLAS 1990), section 2: invocation and response events; we keep an
// operation as one record instead of two events.

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace gantry::check {

// The end of an operation that has not returned: it may have taken effect, or not.
inline constexpr std::uint64_t pending = std::numeric_limits<std::uint64_t>::max();

template<class Operation, class Result>
struct record {
    std::uint32_t thread = 0;
    Operation what{};
    std::optional<Result> result{}; // none: pending, or nobody looked; any result is right
    std::uint64_t call = 0;         // less than end
    std::uint64_t end = pending;

    [[nodiscard]] bool is_pending() const noexcept { return end == pending; }
    [[nodiscard]] friend bool operator==(const record&, const record&) = default;
};

template<class Operation, class Result>
using history = std::vector<record<Operation, Result>>;

} // namespace gantry::check

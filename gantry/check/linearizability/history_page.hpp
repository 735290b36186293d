// SPDX-License-Identifier: MIT
#pragma once
//
// history_page(): a history as one HTML page with a picture: a line for each thread, a bar for each operation, numbers
// for the order that was found, red for the operation that fits nowhere.
//
// Use it when a history is not explained and a person is to see why.
// Do not use it when a program reads the answer -> history_result.
//
//     const std::string page = history_page(bars, result, "queue");
//
// Threads: a function. Progress: allocates. Ordering: n/a.
// Cost: linear; of a long history it shows the 400 operations around the place where the search got stuck.
// Failure: n/a; every text is escaped. Lifetime: nothing is kept; the page needs no other file and runs no script.
// Origin: the pictures of Herlihy and Wing (1990); Porcupine draws them as HTML, too.

#include <gantry/check/linearizability/linearizability.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gantry::check {

struct page_bar {
    std::uint32_t thread = 0;
    std::uint64_t call = 0;
    std::uint64_t end = pending;
    std::string label{};
};

// One bar for each operation of the history that `result` is about, in the same order.
[[nodiscard]] std::string history_page(std::span<const page_bar> bars, const history_result& result,
                                       std::string_view title);

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#pragma once
//
// read_history(), write_history(): histories as lines of JSON (docs/formats/history.md), and check_file(), which picks
// the specification that a file names.
//
// Use it when a history is recorded here and judged elsewhere, or kept with a bug report; gantry-linear reads it.
// Do not use it when both happen in one program -> check_history() on what recorder::take() gave.
//
//     const std::string text = write_history({.object = "queue", .all = log.take()});
//
// Threads: functions; calls are independent. Progress: allocates. Ordering: n/a.
// Cost: linear in the text; memory about 72 bytes an operation.
// Failure: the reader takes text from anywhere; what the format does not allow is refused with the line and what was
// expected there. write_history() takes what read_history() would accept.
// Lifetime: nothing is kept.
// Origin: one event a line as in Jepsen's histories; one operation a line here, so that no pairing can go wrong.

#include <gantry/check/linearizability/history.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/specifications.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace gantry::check {

struct history_file {
    std::string object{};       // one of history_objects(), or empty
    std::uint64_t capacity = 0; // of "queue"
    std::uint64_t k = 1;        // of "relaxed-queue"
    history<request, response> all{};

    [[nodiscard]] friend bool operator==(const history_file&, const history_file&) = default;
};

struct history_error {
    std::size_t line = 0; // from 1; 0: the file as a whole
    std::string what{};
};

[[nodiscard]] std::expected<history_file, history_error> read_history(std::string_view text);
[[nodiscard]] std::string write_history(const history_file& file);

// The names that `object` may have: register, counter, set, map, stack, queue, relaxed-queue.
[[nodiscard]] std::span<const std::string_view> history_objects() noexcept;

// Refused: no object, or an operation that the object does not have (the line is that of write_history()).
[[nodiscard]] std::expected<history_result, history_error> check_file(const history_file& file,
                                                                      const history_options& options = {});

} // namespace gantry::check

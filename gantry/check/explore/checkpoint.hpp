// SPDX-License-Identifier: MIT
#pragma once
//
// checkpoint: what is left of a search that was stopped, as a file: another run goes on from there.
//
// Use it when an exact search takes longer than one may run at a time.
// Do not use it when a failure is to be repeated -> replay tokens.
//
// The file is written beside the old one and takes its place in one step; both survive what storage.hpp says. It is
// checked as a whole when it is read: a file that was cut, changed, or belongs to another program, model or bounds is
// refused with a sentence that says so.
//
// Threads: pure functions. Progress: blocking. Ordering: n/a. Cost: proportional to what is left.
// Failure: a storage_error, or the sentence. Lifetime: n/a. Origin: n/a; the format is
// docs/formats/check-checkpoint.md.

#include <gantry/base/storage.hpp>
#include <gantry/check/explore/divisible.hpp>

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::check {

struct checkpoint {
    std::string program;    // a hash of the executable: pieces hold addresses of its code
    std::uint64_t base = 0; // where it was loaded
    std::string model;      // which of its models
    std::string bounds;     // the options that decide what belongs to the search, as text
    std::uint64_t executions = 0;
    std::uint64_t graphs = 0;
    std::uint64_t blocked = 0;
    double seconds = 0;
    std::map<std::vector<std::int64_t>, std::uint64_t> outcomes;
    std::vector<thread_names::creation> names;
    std::vector<std::string> pieces; // divisible::give()

    friend bool operator==(const checkpoint&, const checkpoint&) = default;
};

[[nodiscard]] std::string text_of(const checkpoint& c);
[[nodiscard]] std::expected<checkpoint, std::string> checkpoint_from(std::string_view text);

// Replaces the file of that name, or leaves the old one.
[[nodiscard]] storage_result<void> save(const checkpoint& c, storage_directory& where, std::string_view name);
[[nodiscard]] std::expected<checkpoint, std::string> load_checkpoint(storage_directory& where, std::string_view name);

} // namespace gantry::check

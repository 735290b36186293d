// SPDX-License-Identifier: MIT
#pragma once
//
// inspect_spool, inspect_elements, repair_spool: what lies in a spool's directory, without opening the spool.
//
// Use it when a program or a person wants to know what is there, or what damage cost (gantry-spill does).
// Do not use it when the elements are to be consumed -> spool.hpp.
//
//     const auto report = inspect_spool(storage, path, true);
//     for (const segment_report& each : report->segments)
//         lost += each.lost;
//
// Threads: any. Progress: blocking (reads). Ordering: n/a. Cost: two reads for each segment; with `everything`, all
// bytes. Failure: values; damage is no failure but in the report. Inspecting changes nothing and takes no lock: of a
// spool that is in use it sees some moment of each file. repair_spool() takes the lock and needs as much room again as
// the largest segment.
// Lifetime: n/a. Origin: n/a.

#include <gantry/base/storage.hpp>
#include <gantry/channel/spill/detail/format.hpp>
#include <gantry/channel/spill/spool.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace gantry::channel {

struct segment_report {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0; // first - 1: no elements
    bool sealed = false;    // has a footer
    bool foreign = false;   // of another spool, or nothing in it is of one

    // With `everything`.
    std::uint64_t elements = 0;
    std::uint64_t lost = 0;
    std::uint64_t damaged_bytes = 0;
    std::uint64_t torn_bytes = 0;
};

struct spool_report {
    std::uint64_t identity = 0;
    bool position_readable = false;
    std::uint64_t all = 0;                            // acknowledged up to here
    std::vector<detail::sequence_range> acknowledged; // and these
    std::uint64_t bytes = 0;
    std::vector<segment_report> segments;
};

[[nodiscard]] spool_result<spool_report> inspect_spool(storage& storage, const std::string& path, bool everything);

// Calls `each` for the elements in order; `all`: for those that are acknowledged, too.
[[nodiscard]] spool_result<void> inspect_elements(storage& storage, const std::string& path, bool all,
                                                  const std::function<void(std::uint64_t, storage_bytes)>& each);

struct repair_report {
    std::uint64_t kept = 0;
    std::uint64_t lost = 0;
};

// Writes the elements that can be read into new segments and removes the old ones.
[[nodiscard]] spool_result<repair_report> repair_spool(storage& storage, const std::string& path);

} // namespace gantry::channel

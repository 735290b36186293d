// SPDX-License-Identifier: MIT
#pragma once
//
// symbols: names for addresses, from the debug information of the process itself: places in the source, variables.
//
// Use it when a report is written.
// Do not use it when exploring: reading debug information takes milliseconds.
//
// Threads: one thread. Progress: blocking. Ordering: n/a. Cost: some 10 ms at first, microseconds for each new address,
// next to nothing for a known one. Failure: built without libdw, or without debug information (-g), an address is named
// by its file and offset, a variable not at all. Lifetime: what was read is kept for the life of the process.
// Origin: DWARF 5; libdw of elfutils reads it.

#include <gantry/check/counterexample.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gantry::check {

// The call that returns to `site`: the place itself, then the places that the calls around it were inlined into.
[[nodiscard]] const std::vector<code_place>& places_of(const void* site);

// Whether the address lies in the runtime itself.
[[nodiscard]] bool of_the_runtime(const void* address);

// Of these the one that people want to see: their own line, not the standard library's inlined into it.
[[nodiscard]] const code_place& own_place_of(const void* site);

// Whether the source is the user's: known, and none of the system's headers.
[[nodiscard]] bool own(const code_place& place);

// "file:line (function)" of the same.
[[nodiscard]] std::string place_of(const void* site);
[[nodiscard]] std::string text_of(const code_place& place);

// A function that is being executed: an address within it, and its frame pointer.
struct active_frame {
    const void* inside = nullptr;
    std::uintptr_t frame_pointer = 0;
};

struct named_variable {
    std::string name;     // with the member or element: x, s.head_, slots[2]
    std::string function; // that it is a local of
};

[[nodiscard]] std::optional<named_variable> local_at(const active_frame& frame, std::uintptr_t address);
[[nodiscard]] std::optional<named_variable> global_at(std::uintptr_t address);
// A thread_local of the executable, by its offset from the start of the executable's block.
[[nodiscard]] std::optional<named_variable> thread_local_at(std::uintptr_t offset);

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#pragma once
//
// Where a thread is, as functions' names.
//
// The names come from the symbol table of the program's file, so that functions that are not exported have one, too;
// where it was stripped, from the dynamic symbols; else a frame is shown as the file and an offset, for addr2line.

#include <array>
#include <cstddef>
#include <string>

namespace gantry::sync::detail {

struct call_stack {
    std::array<void*, 16> frames{};
    std::size_t size = 0;
};

// The stack of the caller, without the `skipped` innermost frames.
[[nodiscard]] call_stack current_stack(std::size_t skipped);

// "f < g < main", the innermost first, up to main() or the thread's first function.
[[nodiscard]] std::string names_of(const call_stack& stack);

} // namespace gantry::sync::detail

// SPDX-License-Identifier: MIT
#pragma once
//
// machine: executes a string of bytes as a concurrent program on a fixed set of objects, so that random bytes are
// random programs. It is compiled like any model.
//
// Use it when the checker itself is to be tried on programs that nobody would write.
// Do not use it when a program is to be checked -> GANTRY_MODEL.
//
// Threads: one program at a time; it is the body of a model. Progress: what the bytes say. Ordering: n/a. Cost: n/a.
// Failure: what the bytes do wrong is for the checker to report. Lifetime: its objects are static: the runtime puts
// them back. Origin: n/a.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::check::fuzz {

inline constexpr std::size_t scripts_max = 5;

// One string of bytes for each thread; the first is the body's.
using scripts = std::array<std::vector<std::uint8_t>, scripts_max>;

// What the next execution runs. Must not change between executions of one model.
extern scripts loaded;

void run_loaded();

// The program as text, for people.
[[nodiscard]] std::string text_of(const scripts& s);

// How many kinds of instruction there are. Numbers from `wild_first` on are what correct programs do not do.
[[nodiscard]] unsigned instruction_count() noexcept;
[[nodiscard]] unsigned wild_first() noexcept;
[[nodiscard]] unsigned number_of(std::string_view name) noexcept;

} // namespace gantry::check::fuzz

// SPDX-License-Identifier: MIT
#pragma once
//
// checkpoint_file: checkpoints on disk, and whether one belongs to the program that runs.
//
// Use it when working on the checker's runtime.
// Do not use it when the format is meant -> explore/checkpoint.hpp.
//
// Threads: one thread. Progress: blocking. Ordering: n/a. Cost: reads the executable once. Failure: a sentence.
// Lifetime: n/a. Origin: n/a.

#include <gantry/check/explore/checkpoint.hpp>

#include <expected>
#include <string>

namespace gantry::check::runtime {

// Fills in which program this is, and where it was loaded.
void name_program(checkpoint& c);

// Reads the file; what does not go with `wanted` (program, place, model, bounds) is refused.
[[nodiscard]] std::expected<checkpoint, std::string> read_checkpoint(const std::string& path, const checkpoint& wanted);

// Empty, or what went wrong.
[[nodiscard]] std::string write_checkpoint(const std::string& path, const checkpoint& c);

} // namespace gantry::check::runtime

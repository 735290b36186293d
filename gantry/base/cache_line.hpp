// SPDX-License-Identifier: MIT
#pragma once
//
// cache_line_bytes: the distance that keeps two variables from slowing each other down.
//
// Use it when two threads write neighbouring variables: alignas(cache_line_bytes) on each.
// Do not use it when one thread owns both: alignment only costs memory.
//
// Threads: n/a. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: n/a.
// Origin: two lines on x86-64 (the adjacent-line prefetcher fetches pairs) and on aarch64 (128-byte lines exist), as
// measured by folly and crossbeam; a constant of ours, since std::hardware_destructive_interference_size may change
// with a compiler flag and so must not shape a type in a header.

#include <cstddef>

namespace gantry {

inline constexpr std::size_t cache_line_bytes = 128;

} // namespace gantry

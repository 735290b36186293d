// SPDX-License-Identifier: MIT
#pragma once
//
// real_threads: the shapes of test_shapes.hpp on real threads, many rounds, every outcome counted.
//
// Use it when a shape is to meet the processor and the compiler's code for it. Do not use it when the answer must be
// complete: the machine shows some of what is allowed, never all -> test_modelled.hpp.
//
// Threads: run_on_threads() is called by one thread at a time. Progress: blocking. Ordering: n/a. Cost: n/a. Failure:
// n/a. Lifetime: n/a. Origin: the array of instances and the synchronised rounds are litmus7's (Alglave, Maranget).

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

namespace gantry::check::litmus {

// Four registers, then x, y and z.
using real_outcome = std::array<int, 7>;
using real_counts = std::map<real_outcome, std::uint64_t>;

// Rounds of the shape and column with these numbers, for so long, at least one batch.
[[nodiscard]] real_counts run_on_threads(std::size_t shape, std::size_t column, double seconds);

} // namespace gantry::check::litmus

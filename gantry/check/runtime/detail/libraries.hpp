// SPDX-License-Identifier: MIT
#pragma once
//
// libraries: which of the loaded objects announce their accesses, because they were compiled with -fsanitize=thread,
// and which do not.
//
// Use it when working on the checker's runtime.
// Do not use it when a program wants to know -> check::unseen_libraries.
//
// Threads: any number. Progress: blocking. Ordering: n/a. Cost: a look at each object's relocations. Failure: n/a.
// Lifetime: n/a. Origin: n/a.

#include <link.h>

namespace gantry::check::runtime {

// Whether the object calls the compiler's entry points.
[[nodiscard]] bool announces(const dl_phdr_info& object) noexcept;

} // namespace gantry::check::runtime

// SPDX-License-Identifier: MIT
#pragma once
//
// keys: pthread_key_t and its values in a model.
//
// Use it when working on the checker's runtime.
// Do not use it when thread_local is meant: that is the thread pointer's doing (detail/fiber.hpp).
//
// A key's number depends on the thread that makes it and on how many it made before, like every address. Keys that
// library code makes, or that are older than the model, outlive an execution: the library remembers their numbers.
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: a scan of the thread's values. Failure: error numbers.
// Lifetime: values end with the execution. Origin: n/a.

#include <gantry/check/runtime/detail/session.hpp>

namespace gantry::check::runtime {

// Forgets the keys of the execution before.
void clear_keys() noexcept;
// Runs the destructors of a thread's values, as that thread.
void end_values(modelled_thread& t);

} // namespace gantry::check::runtime

// SPDX-License-Identifier: MIT
#pragma once
//
// cache_padded<T>: a T that shares no cache line with its neighbours; base's cache_aligned<T> by its name among locks.
//
// Use it when threads write neighbouring objects: an array of locks or counters, one for each thread.
// Do not use it when one thread owns both -> a plain T: padding only costs memory.
//
//     std::vector<gantry::sync::cache_padded<gantry::sync::mutex>> stripes(16);
//     const std::scoped_lock lock(*stripes[3]);
//
// Threads: as T. Progress: as T. Ordering: as T. Cost: sizeof(T) rounded up to 128 bytes. Failure: as T.
// Lifetime: as T. Origin: crossbeam's name for it; see base/cache_line.hpp.

#include <gantry/base/cache_line.hpp>

namespace gantry::sync {

template<class T>
using cache_padded = cache_aligned<T>;

} // namespace gantry::sync

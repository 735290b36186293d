// SPDX-License-Identifier: MIT
#pragma once
//
// cache_line_bytes: the distance that keeps two variables from slowing each other down; cache_aligned<T>: a T that
// keeps it to everything around it.
//
// Use it when two threads write neighbouring variables: alignas(cache_line_bytes) on each member, or an array of
// cache_aligned<T>, one for each thread.
// Do not use it when one thread owns both: alignment only costs memory.
//
//     std::vector<gantry::cache_aligned<std::uint64_t>> counts(threads);
//     ++*counts[mine];
//
// Threads: as T. Progress: n/a. Ordering: n/a.
// Cost: sizeof(T) rounded up to the next multiple of 128 bytes. Failure: as T. Lifetime: as T.
// Origin: two lines on x86-64 (the adjacent-line prefetcher fetches pairs) and on aarch64 (128-byte lines exist), as
// measured by folly and crossbeam; a constant of ours, since std::hardware_destructive_interference_size may change
// with a compiler flag and so must not shape a type in a header.

#include <concepts>
#include <cstddef>
#include <utility>

namespace gantry {

inline constexpr std::size_t cache_line_bytes = 128;

template<class T>
struct alignas(cache_line_bytes) cache_aligned {
    cache_aligned() = default;
    template<class... Args>
    requires(sizeof...(Args) != 0 && std::constructible_from<T, Args...>)
    explicit constexpr cache_aligned(Args&&... args) : value(std::forward<Args>(args)...) {}

    [[nodiscard]] constexpr T& operator*() noexcept { return value; }
    [[nodiscard]] constexpr const T& operator*() const noexcept { return value; }
    [[nodiscard]] constexpr T* operator->() noexcept { return &value; }
    [[nodiscard]] constexpr const T* operator->() const noexcept { return &value; }

    T value{};
};

} // namespace gantry

// SPDX-License-Identifier: MIT
#pragma once
//
// startup_heap: the memory that the modelled program's static objects took before the first model ran. It is part of
// what every execution finds as it was at the start, as the objects themselves are.
//
// Use it when working on the checker's runtime.
// Do not use it when a model is running -> heap.
//
// Threads: any number before close(). Progress: lock-free. Ordering: n/a. Cost: a bump; only the last block is used
// again. Failure: null when it is closed or used up: the C library's memory serves then, and is not put back.
// Lifetime: the process's. Origin: n/a.

#include <cstddef>
#include <cstdint>
#include <span>

namespace gantry::check::runtime::startup_heap {

inline constexpr std::uint64_t base = 0x4f00'0000'0000;
inline constexpr std::uint64_t size = std::uint64_t{16} << 20U;

[[nodiscard]] inline bool owns(std::uint64_t address) noexcept {
    return address - base < size;
}

[[nodiscard]] inline bool owns(const void* p) noexcept {
    return owns(reinterpret_cast<std::uint64_t>(p));
}

[[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) noexcept;
void release(void* p) noexcept;
[[nodiscard]] std::size_t size_of(const void* p) noexcept;

// Nothing is allocated from now on.
void close() noexcept;

[[nodiscard]] std::span<char> used() noexcept;

} // namespace gantry::check::runtime::startup_heap

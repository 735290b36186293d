// SPDX-License-Identifier: MIT
#include <gantry/check/runtime/detail/startup_heap.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <atomic>

namespace gantry::check::runtime::startup_heap {
namespace {

constexpr std::uint64_t smallest_alignment = 16;
constexpr std::uint64_t closed = UINT64_MAX;

std::atomic<std::uint64_t> top{0}; // where the next block may begin; 0: nothing was allocated yet
std::uint64_t last_byte = base;    // of what was allocated until it was closed

struct header {
    std::uint64_t bytes;
    std::uint64_t start; // of the header's own memory, padding included
};

static_assert(sizeof(header) == smallest_alignment);

bool mapped() noexcept {
    static const bool done =
        mmap(reinterpret_cast<void*>(base), size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == reinterpret_cast<void*>(base);
    return done;
}

header* header_of(const void* p) noexcept {
    return reinterpret_cast<header*>(reinterpret_cast<std::uint64_t>(p) - sizeof(header));
}

} // namespace

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (bytes > size || alignment > size || !mapped()) {
        return nullptr;
    }
    const std::uint64_t aligned = std::max<std::uint64_t>(alignment, smallest_alignment) - 1;
    std::uint64_t from = top.load(std::memory_order_relaxed); // relaxed: revalidated
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    do {
        if (from == closed) {
            return nullptr;
        }
        start = (std::max(from, base) + sizeof(header) + aligned) & ~aligned;
        end = (start + std::max<std::size_t>(bytes, 1) + smallest_alignment - 1) & ~(smallest_alignment - 1);
        if (end > base + size) {
            return nullptr;
        }
        // relaxed: owner, who hands the block over by other means
    } while (!top.compare_exchange_weak(from, end, std::memory_order_relaxed, std::memory_order_relaxed));
    auto* const p = reinterpret_cast<void*>(start);
    *header_of(p) = {bytes, std::max(from, base)};
    return p;
}

void release(void* p) noexcept {
    const header h = *header_of(p);
    std::uint64_t end =
        (reinterpret_cast<std::uint64_t>(p) + std::max<std::uint64_t>(h.bytes, 1) + smallest_alignment - 1) &
        ~(smallest_alignment - 1);
    // relaxed: owner
    static_cast<void>(top.compare_exchange_strong(end, h.start, std::memory_order_relaxed, std::memory_order_relaxed));
}

std::size_t size_of(const void* p) noexcept {
    return header_of(p)->bytes;
}

void close() noexcept {
    // relaxed: owner, as nobody allocates any more
    if (const std::uint64_t end = top.exchange(closed, std::memory_order_relaxed); end != closed && end != 0) {
        last_byte = end;
    }
}

std::span<char> used() noexcept {
    return {reinterpret_cast<char*>(base), reinterpret_cast<char*>(last_byte)};
}

} // namespace gantry::check::runtime::startup_heap

// SPDX-License-Identifier: MIT
#include <gantry/check/runtime/detail/heap.hpp>
#include <gantry/check/runtime/detail/host.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace gantry::check::runtime {

static_assert(sizeof(heap::block) % heap::granule == 0);

namespace {

std::uint64_t granules(std::uint64_t bytes) noexcept {
    return (std::max<std::uint64_t>(bytes, 1) + heap::granule - 1) / heap::granule;
}

void* reserve(std::uint64_t where, std::uint64_t bytes) {
    const int fixed = where != 0 ? MAP_FIXED_NOREPLACE : 0;
    void* const p = mmap(reinterpret_cast<void*>(where), bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
    if (p == MAP_FAILED) {
        host_fatal("cannot reserve the modelled heap");
    }
    return p;
}

} // namespace

heap::heap() {
    // Kept for the life of the process: the place is the same for each session.
    static std::uint8_t* const states = [] {
        reserve(base, per_thread * threads);
        return static_cast<std::uint8_t*>(reserve(0, per_thread * threads / granule));
    }();
    states_ = states;
}

void heap::clear() noexcept {
    for (std::size_t t = 0; t < threads; ++t) {
        if (used_[t] != 0) {
            std::memset(states_ + t * per_thread / granule, 0, used_[t] / granule + 1);
            used_[t] = 0;
        }
        freed_[t].clear();
    }
    again_.clear();
}

void* heap::allocate(thread_id t, std::size_t bytes, std::size_t alignment, allocator how, const void* site) noexcept {
    alignment = std::max(alignment, granule);
    const std::uint64_t low = base + t * per_thread;
    // A granule that belongs to nobody lies between two blocks.
    std::uint64_t start = low + used_[t] + granule + sizeof(block);
    start = (start + alignment - 1) & ~(alignment - 1);
    const std::uint64_t end = start + std::max<std::size_t>(bytes, 1);
    if (bytes > per_thread || end + granule > low + per_thread) {
        return nullptr;
    }
    used_[t] = (end - low + granule - 1) & ~(granule - 1);
    auto* const b = reinterpret_cast<block*>(start - sizeof(block));
    *b = {bytes, site, nullptr, 0, 0, t, 0, how, false, false};
    std::memset(states_ + (start - sizeof(block) - base) / granule, static_cast<int>(state::header),
                sizeof(block) / granule);
    std::memset(states_ + (start - base) / granule, static_cast<int>(state::alive), granules(bytes));
    std::memset(reinterpret_cast<void*>(start), fresh_byte, bytes);
    return reinterpret_cast<void*>(start);
}

// Allocators keep blocks by size; granules are the sizes they tell apart.
heap::block* heap::reusable(thread_id t, std::size_t bytes, std::size_t alignment) const noexcept {
    const auto& mine = freed_[t];
    for (auto b = mine.rbegin(); b != mine.rend(); ++b) {
        if (granules((*b)->size) == granules(bytes) && start_of(**b) % alignment == 0) {
            return *b;
        }
    }
    return nullptr;
}

void* heap::reuse(block& b, thread_id t, std::uint32_t epoch, std::size_t bytes, allocator how, const void* site) {
    std::erase(freed_[t], &b);
    if (!b.again) {
        again_.push_back(&b);
    }
    b.size = bytes;
    b.site = site;
    b.epoch = epoch;
    b.owner = t;
    b.how = how;
    b.freed = false;
    b.again = true;
    std::memset(states_ + (start_of(b) - base) / granule, static_cast<int>(state::alive), granules(bytes));
    std::memset(reinterpret_cast<void*>(start_of(b)), fresh_byte, bytes);
    return reinterpret_cast<void*>(start_of(b));
}

const heap::block* heap::reused_around(std::uint64_t address) const noexcept {
    const auto found = std::ranges::find_if(
        again_, [&](const block* b) { return address - start_of(*b) < granules(b->size) * granule; });
    return found != again_.end() ? *found : nullptr;
}

heap::block* heap::block_at(const void* p) const noexcept {
    const auto address = reinterpret_cast<std::uint64_t>(p);
    if (!owns(address) || address % granule != 0 || address < base + sizeof(block) ||
        state_of(address) < state::alive || state_of(address - granule) != state::header) {
        return nullptr;
    }
    return reinterpret_cast<block*>(address - sizeof(block));
}

heap::block* heap::block_around(std::uint64_t address) const noexcept {
    const std::uint64_t low = base + (address - base) / per_thread * per_thread;
    std::uint64_t at = address & ~(granule - 1);
    while (at > low && state_of(at) != state::header) {
        at -= granule;
    }
    return state_of(at) == state::header ? reinterpret_cast<block*>(at + granule - sizeof(block)) : nullptr;
}

bool heap::usable(std::uint64_t address, std::size_t size) const noexcept {
    if (state_of(address) != state::alive || state_of(address + size - 1) != state::alive) {
        return false;
    }
    // Blocks are apart by a granule at least; only the last granule of a block may be used in part.
    const std::uint64_t end = address + size;
    const std::uint64_t next = (end + granule - 1) & ~(granule - 1);
    if (end % granule == 0 || state_of(next) == state::alive) {
        return true;
    }
    const block* b = block_around(address);
    return b != nullptr && end <= start_of(*b) + b->size;
}

void heap::release(block& b, thread_id by, std::uint32_t epoch, const void* site) {
    b.freed = true;
    b.free_thread = by;
    b.free_epoch = epoch;
    b.free_site = site;
    std::memset(states_ + (start_of(b) - base) / granule, static_cast<int>(state::freed), granules(b.size));
    freed_[by].push_back(&b);
}

const heap::block* heap::first_leak() const noexcept {
    for (std::size_t t = 0; t < threads; ++t) {
        const std::uint64_t low = t * per_thread / granule;
        for (std::uint64_t i = 0; i < used_[t] / granule;) {
            if (static_cast<state>(states_[low + i]) != state::header) {
                ++i;
                continue;
            }
            const auto* const b = reinterpret_cast<const block*>(base + (low + i) * granule);
            if (!b->freed) {
                return b;
            }
            i += (sizeof(block) + b->size) / granule;
        }
    }
    return nullptr;
}

} // namespace gantry::check::runtime

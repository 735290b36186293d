// SPDX-License-Identifier: MIT
#pragma once
//
// heap: the modelled program's memory: each thread allocates from a place of its own, upwards, or uses a block again
// that it freed itself, so that an address depends on nothing but what its thread did, and a stale pointer is
// recognised.
//
// Use it when working on the checker's runtime.
// Do not use it when the runtime itself needs memory -> host_malloc.
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: a bump, and a state byte for each 16 bytes.
// Failure: null when a thread's gigabyte is used up. Lifetime: clear() takes everything back.
// Origin: n/a.

#include <gantry/check/graph/event.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gantry::check::runtime {

enum class allocator : std::uint8_t { c, scalar_new, array_new };

class heap {
public:
#if defined(__x86_64__)
    static constexpr std::uint64_t base = 0x5000'0000'0000;
#else
    static constexpr std::uint64_t base = 0x50'0000'0000; // some kernels give a process 39 bits
#endif
    static constexpr std::uint64_t per_thread = std::uint64_t{256} << 20U;
    static constexpr std::size_t threads = 64;
    static constexpr std::size_t granule = 16;
    // What fresh memory holds: the same in each execution, and no valid pointer.
    static constexpr std::uint8_t fresh_byte = 0xA5;

    enum class state : std::uint8_t { never, header, alive, freed };

    struct alignas(granule) block {
        std::uint64_t size;
        const void* site;      // who allocated it
        const void* free_site; // who freed it, last
        std::uint32_t free_epoch;
        std::uint32_t epoch; // of the owner, when it used the block again
        thread_id owner;
        thread_id free_thread;
        allocator how;
        bool freed;
        bool again; // had another life before
    };

    heap();
    heap(const heap&) = delete;
    heap& operator=(const heap&) = delete;
    // The next heap lies in the same place.
    ~heap() { clear(); }

    void clear() noexcept;
    void* allocate(thread_id t, std::size_t bytes, std::size_t alignment, allocator how, const void* site) noexcept;
    // The block that the thread freed last of those that would do for the request, or null.
    [[nodiscard]] block* reusable(thread_id t, std::size_t bytes, std::size_t alignment) const noexcept;
    // Gives a block that reusable() named a second life.
    void* reuse(block& b, thread_id t, std::uint32_t epoch, std::size_t bytes, allocator how, const void* site);
    // The block in its second life that the address lies in, or null.
    [[nodiscard]] const block* reused_around(std::uint64_t address) const noexcept;
    [[nodiscard]] static bool owns(const void* p) noexcept { return owns(reinterpret_cast<std::uint64_t>(p)); }
    [[nodiscard]] static bool owns(std::uint64_t address) noexcept { return address - base < per_thread * threads; }
    // Of an address that owns() says yes to.
    [[nodiscard]] state state_of(std::uint64_t address) const noexcept {
        return static_cast<state>(states_[(address - base) / granule]);
    }
    // The block whose first byte this is, or null.
    [[nodiscard]] block* block_at(const void* p) const noexcept;
    // The block that the address lies in or behind, or null.
    [[nodiscard]] block* block_around(std::uint64_t address) const noexcept;
    // Whether all the bytes belong to one block that is alive.
    [[nodiscard]] bool usable(std::uint64_t address, std::size_t size) const noexcept;
    void release(block& b, thread_id by, std::uint32_t epoch, const void* site);
    [[nodiscard]] static std::uint64_t start_of(const block& b) noexcept {
        return reinterpret_cast<std::uint64_t>(&b) + sizeof(block);
    }
    // A block that was never freed, or null.
    [[nodiscard]] const block* first_leak() const noexcept;

private:
    std::uint8_t* states_;
    std::array<std::uint64_t, threads> used_{};      // bytes of each thread's place
    std::array<std::vector<block*>, threads> freed_; // by that thread, and not used again
    std::vector<block*> again_;
};

} // namespace gantry::check::runtime

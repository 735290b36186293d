// SPDX-License-Identifier: MIT
#pragma once
//
// asymmetric_fence_light / asymmetric_fence_heavy: a pair of fences that puts the whole price on the rare side.
//
// Use it when two threads each store, then load what the other stores (store buffering: hazard pointers, epochs, the
// fast path of a lock), and one side runs far more often than the other: light on the frequent side.
// Do not use it when both sides are equally frequent -> std::atomic_thread_fence(seq_cst) on both; nor to order plain
// data between threads -> release and acquire on an atomic.
//
//     mine.store(1, std::memory_order_relaxed); // relaxed: revalidated
//     gantry::asymmetric_fence_light();
//     const bool first = other.load(std::memory_order_relaxed) == 0; // relaxed: revalidated
//
// A light fence together with a heavy one orders like two seq_cst fences; two light ones order nothing.
//
// Two ways, chosen at first use: membarrier(2), where light is a compiler barrier and heavy makes the kernel execute a
// full barrier on every CPU that runs a thread of this process; and fences, where both sides are seq_cst fences. The
// second one is taken where the kernel refuses membarrier, or when the environment says GANTRY_MEMBARRIER=off.
//
// Threads: everything from any thread at any time, also first. Progress: light is wait-free; heavy is a system call
//   that interrupts the other running threads of the process.
// Ordering: above. In the terms of the model: heavy is a seq_cst fence of the caller at call and at return, and of
//   every other thread at some place of each in between (check/MODEL.md).
// Cost: light well under 1 ns with membarrier, about 4 ns with fences; heavy 1 to 3 us, or about 4 ns (README.md).
// Failure: none. Lifetime: the choice holds for the life of the process and for its forks.
// Origin: Dice, Huang, Yang, "Asymmetric Dekker Synchronization", 2001; P1202; folly's AsymmetricThreadFence. Ours
//   needs no start-up code: whoever comes first decides, and until then light is the strong fence, which suits both.
//
// Ordering ledger
//   pair : asymmetric_fence_light, a fence (seq_cst) or the compiler's half of one  ->  asymmetric_fence_heavy, a fence
//          (seq_cst) or membarrier   carries: nothing of its own, and works both ways: it orders the callers' stores
//          before their loads, and their ledgers name what for
// Relaxed used as: stale-ok (the mode: a thread that does not see it yet uses the strong light fence, and asks again)

#include <atomic>
#include <cstdint>

namespace gantry {

enum class asymmetric_fence_mode : std::uint8_t {
    undecided, // nobody has used a fence yet; never returned by asymmetric_fence_mode_in_force()
    membarrier,
    fences,
};

namespace detail {
extern constinit std::atomic<asymmetric_fence_mode> asymmetric_fence_chosen;
void asymmetric_fence_light_slow() noexcept;
} // namespace detail

// The frequent side.
inline void asymmetric_fence_light() noexcept {
    if (detail::asymmetric_fence_chosen.load(std::memory_order_relaxed) == // relaxed: stale-ok
        asymmetric_fence_mode::membarrier) [[likely]] {
        // The compiler must not reorder; the CPU is heavy's part.
        std::atomic_signal_fence(std::memory_order_seq_cst); // order: pair.w
    } else {
        detail::asymmetric_fence_light_slow();
    }
}

// The rare side.
void asymmetric_fence_heavy() noexcept;

// Which way is in force; decides if nobody has yet.
[[nodiscard]] asymmetric_fence_mode asymmetric_fence_mode_in_force() noexcept;

} // namespace gantry

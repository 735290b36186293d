// SPDX-License-Identifier: MIT
#pragma once
//
// tuning: every number of the library that decides how rare a path is (spin counts, block and batch sizes).
//
// Use it when you write library code whose rare path depends on a count: the number belongs here, so that the model
// build can make it tiny and the model checker meets the rare path in a handful of steps.
// Do not use it when a number is part of a promise (a capacity, a format): that is a parameter or a constant of the
// component.
//
// GANTRY_MODEL_BUILD (defined by the model checker's CMake target, for the library's own sources and for the code
// under test alike) selects the tiny set. The two sets give different bodies to the same inline functions, so one
// program must not mix them. This is enforced, not hoped for: the constants live in an inline namespace named after
// the set, every translation unit that includes this header refers to a symbol of that namespace, and the library
// (tuning.cpp) defines the symbol of its own set only. A mixed program does not link; the linker names `release_build`
// or `model_build`. The reference is a constant: nothing runs at start-up.
//
// Threads: constants. Progress: n/a. Ordering: n/a.
// Cost: one read-only pointer per program. Failure: a mixed program fails to link.
// Lifetime: static. Origin: RocksDB and TigerBeetle shrink such constants for their simulators; the link check is ours.

#include <cstddef>
#include <cstdint>

namespace gantry::tuning {

#if defined(GANTRY_MODEL_BUILD)
inline namespace model_build {
inline constexpr bool is_model_build = true;
#else
inline namespace release_build {
inline constexpr bool is_model_build = false;
#endif

namespace detail {
constexpr auto pick(auto release, decltype(release) model) noexcept {
    return is_model_build ? model : release;
}
} // namespace detail

// backoff: rounds of 1, 2, 4, ... pause instructions before the first yield, and yields before it says "park".
inline constexpr std::uint32_t backoff_spin_rounds = detail::pick(std::uint32_t{6}, 0);
inline constexpr std::uint32_t backoff_yield_rounds = detail::pick(std::uint32_t{4}, 1);

// sync::mutex: looks at the lock word, one pause instruction apart, before the thread parks.
inline constexpr std::uint32_t mutex_spin_looks = detail::pick(std::uint32_t{100}, 1);

// sync::ticket_mutex, mcs_mutex and semaphore: the same for a thread that waits for its turn, and whether locks learn
// if that pays; and the words on which a ticket_mutex calls turns.
inline constexpr std::uint32_t fair_mutex_spin_looks = detail::pick(std::uint32_t{100}, 1);
inline constexpr bool fair_mutex_spin_learns = detail::pick(true, false);
inline constexpr std::uint32_t ticket_mutex_turns = detail::pick(std::uint32_t{16}, 2);

// sync::shared_mutex: reads without a writer between them after which the lock is biased; lines for threads that read
// biased locks; locks that one thread may read that way at once.
inline constexpr std::uint32_t shared_mutex_bias_reads = detail::pick(std::uint32_t{256}, 2);
inline constexpr std::size_t shared_mutex_lines = detail::pick(std::size_t{256}, 2);
inline constexpr std::size_t shared_mutex_slots = detail::pick(std::size_t{8}, 1);

// Channels: how often an operation tries again before it sleeps, and how often who changed a channel looks whether
// somebody awake takes what there is before it wakes a sleeper; whether channels learn if spinning pays: after so many
// spins in vain only one in so many waits spins.
inline constexpr std::uint32_t channel_spin_looks = detail::pick(std::uint32_t{200}, 1);
inline constexpr std::uint32_t channel_call_looks = detail::pick(std::uint32_t{8}, 0);
inline constexpr bool channel_spin_learns = detail::pick(true, false);
inline constexpr std::uint32_t channel_spin_misses = detail::pick(std::uint32_t{16}, 1);
inline constexpr std::uint32_t channel_spin_trial = detail::pick(std::uint32_t{32}, 1);

// A rendezvous: how often the longest waiter may be passed over for one that is awake.
inline constexpr std::uint32_t rendezvous_passes = detail::pick(std::uint32_t{64}, 1);

// Unbounded channel: a block of elements is about this large, and never smaller than so many elements.
inline constexpr std::size_t channel_block_bytes = detail::pick(std::size_t{4096}, 0);
inline constexpr std::size_t channel_block_slots_min = detail::pick(std::size_t{8}, 2);

// Reclamation: so many objects or bytes a thread retires before it looks for what can be freed.
inline constexpr std::size_t reclaim_look_objects = detail::pick(std::size_t{128}, 1);
inline constexpr std::size_t reclaim_look_bytes = detail::pick(std::size_t{64} << 10U, 1);

// Containers: what a thread keeps of nodes' memory for its next nodes, for each size of node.
inline constexpr std::size_t node_memory_bytes = detail::pick(std::size_t{16} << 10U, 0);

// container::deque: slots of the first array, a power of two, it never gets smaller; how often the owner must find
// nothing before a larger one is halved.
inline constexpr std::size_t deque_slots_min = detail::pick(std::size_t{64}, 2);
inline constexpr std::uint32_t deque_drains = detail::pick(std::uint32_t{64}, 1);

// container::queue: a segment is about this large, and never smaller than so many slots; a pop looks so often whether
// its slot is being filled before it spoils the slot.
inline constexpr std::size_t queue_segment_bytes = detail::pick(std::size_t{4096}, 0);
inline constexpr std::size_t queue_segment_slots_min = detail::pick(std::size_t{8}, 2);
inline constexpr std::uint32_t queue_pop_looks = detail::pick(std::uint32_t{20}, 1);

// Spilling channel: bytes that are written and read at once; an element that is larger has a block of its own.
inline constexpr std::size_t spill_block_bytes = detail::pick(std::size_t{256} << 10U, 24);

extern const char linked_with; // Defined by the library in the namespace of its own set.
[[gnu::used]] inline constexpr const char* link_check = &linked_with;

} // namespace release_build or model_build

} // namespace gantry::tuning

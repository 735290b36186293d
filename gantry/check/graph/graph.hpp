// SPDX-License-Identifier: MIT
#pragma once
//
// graph: one execution of a concurrent program under RC11: events in program order, reads-from, modification order, and
// the clocks from which happens-before is read off.
//
// Use it when working on the checker itself: a pure data structure, no program runs here.
// Do not use it when checking your own code: <gantry/check/model.hpp> is all that is needed.
//
// Events are numbered in the order they were added. Every event is added after the events that it depends on
// (program order, reads-from, creation and join), with one exception: a read that was made to read from a later write.
// So clocks are computed once, when an event gets its source. Each event has four vector clocks: happens-before, the
// causal prefix (program order and reads-from, whatever the orders), what its relaxed reads could acquire at a later
// fence, and, for a write, what an acquiring reader gains (the release sequence is folded in).
//
// What a thread learns by way of the kernel (order::kernel) is not in its happens-before. It is kept with the read that
// it was learned by, in place of what a write hands on, and added where coherence and the seq_cst axiom are asked.
//
// Threads: one thread. Progress: allocates when it grows; a copy into a graph that was as big does not.
// Ordering: n/a. Cost: a location's accesses are scanned linearly. Failure: n/a. Lifetime: a value.
// Origin: RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017) with release sequences as C++20 has them
// (a thread's own later relaxed stores do not belong to it).

#include <gantry/check/graph/event.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gantry::check {

struct location {
    std::uint64_t address = 0;
    std::uint32_t epoch = 0; // which object at that address: plain memory may be an atomic again later
    std::uint8_t size = 0;
    value initial;
    std::vector<event_id> writes; // modification order; the initial write is not listed
    std::vector<event_id> reads;
};

class graph {
public:
    void clear();

    // Copies what `keep` says (indexed by event), renumbering; `renamed` receives the new numbers. A kept read-modify-
    // write read whose write is dropped stays a read. The sources of kept reads must be kept.
    void assign_restricted(const graph& from, std::span<const std::uint8_t> keep, std::vector<event_id>& renamed);

    [[nodiscard]] event_id size() const noexcept { return static_cast<event_id>(events_.size()); }
    [[nodiscard]] const event& at(event_id e) const noexcept { return events_[static_cast<std::size_t>(e)]; }
    [[nodiscard]] const operation& operation_of(const event& e) const noexcept { return operations_[e.operation]; }
    [[nodiscard]] std::size_t thread_count() const noexcept { return threads_.size(); }
    [[nodiscard]] std::span<const event_id> thread(thread_id t) const noexcept;
    // The event that created the thread, or no_event.
    [[nodiscard]] event_id creation_of(thread_id t) const noexcept {
        return t < created_by_.size() ? created_by_[t] : no_event;
    }
    [[nodiscard]] const location& location_at(location_id l) const noexcept { return locations_[l]; }
    [[nodiscard]] std::size_t location_count() const noexcept { return locations_.size(); }

    // The location that starts at the address in that epoch, or no_location.
    [[nodiscard]] location_id find_location(std::uint64_t address, std::uint32_t epoch) const noexcept;
    location_id add_location(std::uint64_t address, std::uint32_t epoch, std::uint8_t size, const value& initial);

    // A read without a source: `set_source` follows.
    event_id add_read(thread_id t, location_id l, const operation& op, const void* site);
    // Makes the read see that write and computes its clocks. May be called again while nothing follows the read.
    void set_source(event_id read, event_id write);
    // A write at `position` (1..number of writes + 1) of the modification order. `half` is the read of a read-modify-
    // write, or no_event.
    event_id add_write(thread_id t, location_id l, order o, const value& data, event_id half, std::uint32_t position,
                       const void* site);
    // Moves a write that nobody reads yet.
    void move_write(event_id write, std::uint32_t position);
    // Takes back a read that was added last.
    void remove_read();
    event_id add_fence(thread_id t, order o, const void* site);
    event_id add_choice(thread_id t, std::uint64_t chosen, const void* site);
    void change_choice(event_id choice, std::uint64_t chosen) noexcept {
        events_[static_cast<std::size_t>(choice)].data.low = chosen;
    }
    event_id add_create(thread_id t, thread_id child, const void* site);
    event_id add_finish(thread_id t);
    event_id add_join(thread_id t, thread_id child, const void* site);

    // Clocks: how many events of each thread are in the set.
    [[nodiscard]] std::span<const std::uint32_t> happens_before(event_id e) const noexcept { return row(e, 0); }
    [[nodiscard]] bool happens_before(event_id a, event_id b) const noexcept;
    // happens_before(), or by way of the kernel.
    [[nodiscard]] bool ordered(event_id a, event_id b) const noexcept;
    // Whether a is in b's causal prefix: program order and reads-from lead from a to b.
    [[nodiscard]] bool causes(event_id a, event_id b) const noexcept;

    // The lowest place in modification order that the read, or the predecessor of the write, may use: 0 is the
    // initial write. What happens before the event was overwritten below it.
    [[nodiscard]] std::uint32_t floor_of(event_id e) const noexcept;
    // The same for the access that the thread would add next.
    [[nodiscard]] std::uint32_t floor_for(thread_id t, location_id l) const noexcept;
    [[nodiscard]] std::uint32_t position_of(event_id write) const noexcept {
        return write == initial_write ? 0U : at(write).position;
    }
    [[nodiscard]] event_id write_at(location_id l, std::uint32_t position) const noexcept {
        return position == 0 ? initial_write : locations_[l].writes[position - 1];
    }
    [[nodiscard]] const value& value_of(location_id l, event_id write) const noexcept {
        return write == initial_write ? locations_[l].initial : at(write).data;
    }
    // The read of the read-modify-write that reads this write and (sooner or later) writes, or no_event. `except` is
    // not looked at.
    [[nodiscard]] event_id consumer_of(location_id l, event_id write, event_id except) const noexcept;
    // Whether a write placed there would come between a read-modify-write and its source.
    [[nodiscard]] bool splits_rmw(location_id l, std::uint32_t position) const noexcept;

    // Everything but the seq_cst axiom is kept by the way events are added; seq_cst.hpp looks after that.
    [[nodiscard]] static bool seq_cst(const event& e) noexcept {
        return e.memory_order == order::seq_cst ||
               (e.kind == event_kind::fence && e.memory_order != order::light && e.memory_order >= order::kernel);
    }
    [[nodiscard]] static bool is_fence(const event& e, order o) noexcept {
        return e.kind == event_kind::fence && e.memory_order == o;
    }
    [[nodiscard]] bool has_seq_cst_pair() const noexcept { return seq_cst_count_ > 1; }
    [[nodiscard]] bool has_seq_cst_fences() const noexcept { return seq_cst_fences_ > 0; }
    // Light fences, and heavy ones whose other halves they are.
    [[nodiscard]] bool has_asymmetric_fences() const noexcept { return light_fences_ > 0 && heavy_fences_ > 0; }
    // The end of the heavy fence that begins there, or no_event: the thread has not come to it.
    [[nodiscard]] event_id end_of_heavy(event_id begin) const noexcept;

private:
    static constexpr std::size_t clocks_per_event = 4;

    [[nodiscard]] std::span<std::uint32_t> row(event_id e, std::size_t which) noexcept {
        return {clocks_.data() + (static_cast<std::size_t>(e) * clocks_per_event + which) * width_, width_};
    }
    [[nodiscard]] std::span<const std::uint32_t> row(event_id e, std::size_t which) const noexcept {
        return {clocks_.data() + (static_cast<std::size_t>(e) * clocks_per_event + which) * width_, width_};
    }
    event_id append(thread_id t, event_kind kind, order o, const void* site);
    void start_clocks(event_id e);
    void join_clock(event_id e, std::size_t which, event_id from, std::size_t from_which);
    void need_thread(thread_id t);
    [[nodiscard]] std::uint32_t floor_after(event_id before, location_id l, event_id except) const noexcept;
    [[nodiscard]] event_id predecessor(const event& e) const noexcept;
    void join_kernel(std::span<std::uint32_t> known) const noexcept;
    void count(const event& e, std::uint32_t by) noexcept;
    void clear_counts() noexcept;
    void join_other_halves(event_id fence, order half);

    std::vector<event> events_;
    std::vector<operation> operations_;
    std::vector<std::uint32_t> clocks_;
    std::vector<std::vector<event_id>> threads_;
    std::vector<event_id> created_by_; // per thread
    std::vector<location> locations_;
    std::size_t width_ = 4;
    std::vector<event_id> kernel_reads_;
    std::uint32_t seq_cst_count_ = 0;
    std::uint32_t seq_cst_fences_ = 0;
    std::uint32_t light_fences_ = 0;
    std::uint32_t heavy_fences_ = 0;
};

} // namespace gantry::check

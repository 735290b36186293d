// SPDX-License-Identifier: MIT
#include <gantry/check/graph/graph.hpp>

#include <algorithm>

namespace gantry::check {

namespace {

constexpr std::size_t hb_row = 0;
constexpr std::size_t cause_row = 1;
constexpr std::size_t pending_row = 2; // what the thread's relaxed reads could acquire at a fence
constexpr std::size_t gain_row = 3;    // what an acquiring reader of this write gains

} // namespace

void graph::clear() {
    events_.clear();
    operations_.clear();
    clocks_.clear();
    threads_.clear();
    created_by_.clear();
    locations_.clear();
    kernel_reads_.clear();
    clear_counts();
}

void graph::clear_counts() noexcept {
    seq_cst_count_ = 0;
    seq_cst_fences_ = 0;
    light_fences_ = 0;
    heavy_fences_ = 0;
}

void graph::count(const event& e, std::uint32_t by) noexcept {
    seq_cst_count_ += seq_cst(e) ? by : 0U;
    if (e.kind == event_kind::fence) {
        seq_cst_fences_ += seq_cst(e) ? by : 0U;
        light_fences_ += e.memory_order == order::light ? by : 0U;
        heavy_fences_ += e.memory_order == order::heavy_begin ? by : 0U;
    }
}

std::span<const event_id> graph::thread(thread_id t) const noexcept {
    if (t >= threads_.size()) {
        return {};
    }
    return threads_[t];
}

void graph::assign_restricted(const graph& from, std::span<const std::uint8_t> keep, std::vector<event_id>& renamed) {
    // Vectors within vectors are kept for their storage.
    events_.clear();
    operations_.clear();
    clocks_.clear();
    kernel_reads_.clear();
    clear_counts();
    for (auto& t : threads_) {
        t.clear();
    }
    threads_.resize(from.threads_.size());
    created_by_.assign(from.threads_.size(), no_event);
    std::size_t locations = 0;
    width_ = from.width_;
    renamed.assign(from.events_.size(), no_event);
    std::vector<location_id> places(from.locations_.size(), no_location);
    for (std::size_t i = 0; i < from.events_.size(); ++i) {
        if (keep[i] == 0) {
            continue;
        }
        renamed[i] = static_cast<event_id>(events_.size());
        const event& old = from.events_[i];
        events_.push_back(old);
        const auto first = clocks_.size();
        clocks_.resize(first + clocks_per_event * width_);
        std::copy_n(from.clocks_.begin() + static_cast<std::ptrdiff_t>(i * clocks_per_event * width_),
                    clocks_per_event * width_, clocks_.begin() + static_cast<std::ptrdiff_t>(first));
        if (old.location != no_location && places[old.location] == no_location) {
            places[old.location] = static_cast<location_id>(locations);
            if (locations == locations_.size()) {
                locations_.emplace_back();
            }
            const location& l = from.locations_[old.location];
            location& to = locations_[locations++];
            to.address = l.address;
            to.epoch = l.epoch;
            to.size = l.size;
            to.initial = l.initial;
            to.writes.clear();
            to.reads.clear();
        }
        threads_[old.thread].push_back(renamed[i]);
        count(old, 1);
        if (old.kind == event_kind::read && old.memory_order == order::kernel) {
            kernel_reads_.push_back(renamed[i]);
        }
        if (old.kind == event_kind::create) {
            created_by_[old.other] = renamed[i];
        }
    }
    locations_.resize(locations);
    const auto rename = [&](event_id e) {
        return e < 0 ? e : renamed[static_cast<std::size_t>(e)];
    };
    for (event& e : events_) {
        e.source = rename(e.source);
        e.release_fence = rename(e.release_fence);
        if (e.kind == event_kind::read) {
            operations_.push_back(from.operations_[e.operation]);
            e.operation = static_cast<std::uint32_t>(operations_.size() - 1);
        }
        if (e.location != no_location) {
            e.location = places[e.location];
        }
    }
    for (std::size_t l = 0; l < places.size(); ++l) {
        if (places[l] == no_location) {
            continue;
        }
        location& to = locations_[places[l]];
        for (const event_id w : from.locations_[l].writes) {
            if (keep[static_cast<std::size_t>(w)] != 0) {
                to.writes.push_back(rename(w));
                events_[static_cast<std::size_t>(rename(w))].position = static_cast<std::uint32_t>(to.writes.size());
            }
        }
        for (const event_id r : from.locations_[l].reads) {
            if (keep[static_cast<std::size_t>(r)] != 0) {
                to.reads.push_back(rename(r));
            }
        }
    }
}

location_id graph::find_location(std::uint64_t address, std::uint32_t epoch) const noexcept {
    for (std::size_t l = locations_.size(); l-- > 0;) {
        if (locations_[l].address == address && locations_[l].epoch == epoch) {
            return static_cast<location_id>(l);
        }
    }
    return no_location;
}

location_id graph::add_location(std::uint64_t address, std::uint32_t epoch, std::uint8_t size, const value& initial) {
    locations_.push_back({address, epoch, size, initial, {}, {}});
    return static_cast<location_id>(locations_.size() - 1);
}

void graph::need_thread(thread_id t) {
    if (t >= threads_.size()) {
        threads_.resize(t + 1U);
        created_by_.resize(t + 1U, no_event);
    }
    if (t >= width_) {
        const std::size_t wider = (t / 4U + 1U) * 4U;
        std::vector<std::uint32_t> clocks(events_.size() * clocks_per_event * wider);
        for (std::size_t r = 0; r < events_.size() * clocks_per_event; ++r) {
            std::copy_n(clocks_.begin() + static_cast<std::ptrdiff_t>(r * width_), width_,
                        clocks.begin() + static_cast<std::ptrdiff_t>(r * wider));
        }
        clocks_ = std::move(clocks);
        width_ = wider;
    }
}

event_id graph::predecessor(const event& e) const noexcept {
    return e.index > 0 ? threads_[e.thread][e.index - 1] : created_by_[e.thread];
}

event_id graph::append(thread_id t, event_kind kind, order o, const void* site) {
    need_thread(t);
    const event_id id = size();
    event e;
    e.kind = kind;
    e.memory_order = o;
    e.site = site;
    e.thread = t;
    e.index = static_cast<std::uint32_t>(threads_[t].size());
    threads_[t].push_back(id);
    events_.push_back(e);
    clocks_.resize(clocks_.size() + clocks_per_event * width_);
    count(e, 1);
    start_clocks(id);
    return id;
}

// The clocks of an event that learns nothing from elsewhere.
void graph::start_clocks(event_id id) {
    event& e = events_[static_cast<std::size_t>(id)];
    const event_id before = predecessor(e);
    for (std::size_t which = 0; which < clocks_per_event; ++which) {
        std::ranges::fill(row(id, which), 0U);
    }
    if (before >= 0) {
        join_clock(id, hb_row, before, hb_row);
        join_clock(id, cause_row, before, cause_row);
        if (e.index > 0) { // fences speak of their own thread only
            join_clock(id, pending_row, before, pending_row);
            e.release_fence = at(before).release_fence;
        }
    }
    row(id, hb_row)[e.thread] = e.index + 1;
    row(id, cause_row)[e.thread] = e.index + 1;
}

void graph::join_clock(event_id e, std::size_t which, event_id from, std::size_t from_which) {
    const auto into = row(e, which);
    const auto other = row(from, from_which);
    for (std::size_t t = 0; t < width_; ++t) {
        into[t] = std::max(into[t], other[t]);
    }
}

event_id graph::add_read(thread_id t, location_id l, const operation& op, const void* site) {
    const event_id id = append(t, event_kind::read, op.success, site);
    event& e = events_.back();
    e.location = l;
    e.operation = static_cast<std::uint32_t>(operations_.size());
    operations_.push_back(op);
    locations_[l].reads.push_back(id);
    if (op.success == order::kernel) {
        kernel_reads_.push_back(id);
    }
    return id;
}

void graph::set_source(event_id read, event_id write) {
    event& e = events_[static_cast<std::size_t>(read)];
    const operation& op = operations_[e.operation];
    e.source = write;
    e.data = value_of(e.location, write);
    e.exclusive = writes_after(op, e.data);
    e.blocked = stays_blocked(op, e.data);
    const order o = op.kind == operation_kind::cas && !e.exclusive ? op.failure : op.success;
    seq_cst_count_ -= e.memory_order == order::seq_cst ? 1U : 0U;
    seq_cst_count_ += o == order::seq_cst ? 1U : 0U;
    e.memory_order = o;
    start_clocks(read);
    if (o == order::kernel) {
        join_clock(read, gain_row, read, hb_row);
        join_kernel(row(read, gain_row));
    }
    if (write != initial_write) {
        join_clock(read, cause_row, write, cause_row);
        join_clock(read, o == order::kernel ? gain_row : acquires(o) ? hb_row : pending_row, write, gain_row);
    }
}

event_id graph::add_write(thread_id t, location_id l, order o, const value& data, event_id half, std::uint32_t position,
                          const void* site) {
    const event_id id = append(t, event_kind::write, o, site);
    event& e = events_.back();
    e.location = l;
    e.data = data;
    e.source = half;
    e.exclusive = half != no_event;
    if (releases(o)) {
        join_clock(id, gain_row, id, hb_row);
    } else if (e.release_fence >= 0) {
        join_clock(id, gain_row, e.release_fence, hb_row);
    }
    if (o == order::kernel) {
        join_clock(id, gain_row, id, hb_row);
        join_kernel(row(id, gain_row));
    }
    if (half >= 0 && at(half).source >= 0) {
        join_clock(id, gain_row, at(half).source, gain_row);
    }
    location& place = locations_[l];
    place.writes.insert(place.writes.begin() + static_cast<std::ptrdiff_t>(position - 1), id);
    for (std::size_t i = position - 1; i < place.writes.size(); ++i) {
        events_[static_cast<std::size_t>(place.writes[i])].position = static_cast<std::uint32_t>(i + 1);
    }
    return id;
}

void graph::move_write(event_id write, std::uint32_t position) {
    const event& e = at(write);
    auto& writes = locations_[e.location].writes;
    const std::size_t first = std::min(e.position, position) - 1U;
    writes.erase(writes.begin() + static_cast<std::ptrdiff_t>(e.position - 1));
    writes.insert(writes.begin() + static_cast<std::ptrdiff_t>(position - 1), write);
    for (std::size_t i = first; i < writes.size(); ++i) {
        events_[static_cast<std::size_t>(writes[i])].position = static_cast<std::uint32_t>(i + 1);
    }
}

event_id graph::add_fence(thread_id t, order o, const void* site) {
    const event_id id = append(t, event_kind::fence, o, site);
    if (acquires(o)) {
        join_clock(id, hb_row, id, pending_row);
    }
    if (o == order::heavy_end) {
        join_other_halves(id, order::light);
    } else if (o == order::light) {
        join_other_halves(id, order::heavy_begin);
    }
    if (releases(o)) {
        events_.back().release_fence = id;
    }
    return id;
}

// A light and a heavy fence synchronise as two fences do: the one stands before a write, and the other after a read
// that the write's release sequence led to. What the thread read before its last fence of the kind has come with that.
void graph::join_other_halves(event_id fence, order half) {
    if (!has_asymmetric_fences()) {
        return;
    }
    const auto own = thread(at(fence).thread);
    for (std::size_t i = at(fence).index; i-- > 0 && !is_fence(at(own[i]), at(fence).memory_order);) {
        const event& read = at(own[i]);
        if (read.kind != event_kind::read || read.memory_order == order::kernel) {
            continue;
        }
        for (event_id w = read.source; w >= 0;) {
            const event& write = at(w);
            const auto writer = thread(write.thread);
            for (std::size_t before = write.index; before-- > 0;) {
                if (is_fence(at(writer[before]), half)) {
                    join_clock(fence, hb_row, writer[before], hb_row);
                    break;
                }
            }
            w = write.exclusive ? at(write.source).source : no_event;
        }
    }
}

event_id graph::end_of_heavy(event_id begin) const noexcept {
    const auto own = thread(at(begin).thread);
    const std::size_t next = at(begin).index + 1U;
    return next < own.size() && is_fence(at(own[next]), order::heavy_end) ? own[next] : no_event;
}

event_id graph::add_choice(thread_id t, std::uint64_t chosen, const void* site) {
    const event_id id = append(t, event_kind::choice, order::relaxed, site);
    events_.back().data.low = chosen;
    return id;
}

event_id graph::add_create(thread_id t, thread_id child, const void* site) {
    const event_id id = append(t, event_kind::create, order::relaxed, site);
    need_thread(child);
    events_.back().other = child;
    created_by_[child] = id;
    return id;
}

event_id graph::add_finish(thread_id t) {
    return append(t, event_kind::finish, order::relaxed, nullptr);
}

event_id graph::add_join(thread_id t, thread_id child, const void* site) {
    const event_id last = threads_[child].back();
    const event_id id = append(t, event_kind::join, order::relaxed, site);
    events_.back().other = child;
    events_.back().source = last;
    join_clock(id, hb_row, last, hb_row);
    join_clock(id, cause_row, last, cause_row);
    return id;
}

bool graph::happens_before(event_id a, event_id b) const noexcept {
    return a != b && row(b, hb_row)[at(a).thread] > at(a).index;
}

bool graph::causes(event_id a, event_id b) const noexcept {
    return a != b && row(b, cause_row)[at(a).thread] > at(a).index;
}

// Adds what came by way of the kernel to what an event knows. What a read is told is complete: it knows all that came
// to it in this way before.
void graph::join_kernel(std::span<std::uint32_t> known) const noexcept {
    for (const event_id r : kernel_reads_) {
        const event& e = at(r);
        if (e.source == no_event || known[e.thread] <= e.index) {
            continue;
        }
        const auto told = row(r, gain_row);
        for (std::size_t t = 0; t < width_; ++t) {
            known[t] = std::max(known[t], told[t]);
        }
    }
}

bool graph::ordered(event_id a, event_id b) const noexcept {
    const event& x = at(a);
    const auto known = row(b, hb_row);
    return a != b && (known[x.thread] > x.index || std::ranges::any_of(kernel_reads_, [&](event_id r) {
                          const event& e = at(r);
                          return e.source != no_event && known[e.thread] > e.index &&
                                 row(r, gain_row)[x.thread] > x.index;
                      }));
}

std::uint32_t graph::floor_of(event_id id) const noexcept {
    return floor_after(predecessor(at(id)), at(id).location, id);
}

std::uint32_t graph::floor_for(thread_id t, location_id l) const noexcept {
    const auto events = thread(t);
    return floor_after(events.empty() ? creation_of(t) : events.back(), l, no_event);
}

std::uint32_t graph::floor_after(event_id before, location_id place, event_id except) const noexcept {
    if (before < 0) {
        return 0;
    }
    std::vector<std::uint32_t> more;
    auto known = row(before, hb_row);
    if (!kernel_reads_.empty()) {
        more.assign(known.begin(), known.end());
        join_kernel(more);
        known = more;
    }
    const auto seen = [&](const event& other) {
        return known[other.thread] > other.index;
    };
    const location& l = locations_[place];
    std::uint32_t floor = 0;
    for (std::size_t p = l.writes.size(); p > 0; --p) {
        if (l.writes[p - 1] != except && seen(at(l.writes[p - 1]))) {
            floor = static_cast<std::uint32_t>(p);
            break;
        }
    }
    for (const event_id r : l.reads) {
        if (r != except && at(r).source >= 0 && seen(at(r))) {
            floor = std::max(floor, at(at(r).source).position);
        }
    }
    return floor;
}

void graph::remove_read() {
    const event& e = events_.back();
    seq_cst_count_ -= e.memory_order == order::seq_cst ? 1U : 0U;
    if (operations_.back().success == order::kernel) {
        kernel_reads_.pop_back();
    }
    locations_[e.location].reads.pop_back();
    threads_[e.thread].pop_back();
    operations_.pop_back();
    events_.pop_back();
    clocks_.resize(clocks_.size() - clocks_per_event * width_);
}

event_id graph::consumer_of(location_id l, event_id write, event_id except) const noexcept {
    for (const event_id r : locations_[l].reads) {
        if (r != except && at(r).source == write && at(r).exclusive) {
            return r;
        }
    }
    return no_event;
}

bool graph::splits_rmw(location_id l, std::uint32_t position) const noexcept {
    const auto& writes = locations_[l].writes;
    return position <= writes.size() && at(writes[position - 1]).exclusive;
}

} // namespace gantry::check

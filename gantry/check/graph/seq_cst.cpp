// SPDX-License-Identifier: MIT
#include <gantry/check/graph/seq_cst.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace gantry::check {

namespace {

constexpr std::uint32_t nowhere = UINT32_MAX;

bool accesses(const event& e) noexcept {
    return e.location != no_location && (e.kind == event_kind::write || e.source != no_event);
}

bool fence_of_seq_cst(const event& e) noexcept {
    return e.kind == event_kind::fence && graph::seq_cst(e);
}

// A fence, or an access that is complete.
bool seq_cst(const event& e) noexcept {
    return graph::seq_cst(e) && (e.kind != event_kind::read || e.source != no_event);
}

class walk {
public:
    explicit walk(const graph& g)
        : g_(g), fences_(g.has_seq_cst_fences()), reached_(g.thread_count(), nowhere), below_(reached_),
          overwritten_(g.location_count(), nowhere), after_(overwritten_) {}

    // As a member of the cycle, or between two of its fences.
    void leave(event_id id) {
        const event& e = g_.at(id);
        if (seq_cst(e)) {
            leave_access(id);
        } else {
            overwrite(e.location, place(e));
        }
        run();
    }

    // By reads-from, modification order and from-reads, between two fences.
    void leave_by_eco(event_id id) {
        come_after(g_.at(id));
        run();
    }

    [[nodiscard]] bool reached(const event& e) const noexcept { return reached_[e.thread] <= e.index; }

    // Whether a fence was reached that happens before the event.
    [[nodiscard]] bool reached_fence_before(event_id id) const {
        for (thread_id t = 0; t < reached_.size(); ++t) {
            const auto events = g_.thread(t);
            for (std::uint32_t i = reached_[t]; i < events.size() && g_.ordered(events[i], id); ++i) {
                if (fence_of_seq_cst(g_.at(events[i]))) {
                    return true;
                }
            }
        }
        return false;
    }

private:
    [[nodiscard]] std::uint32_t place(const event& e) const noexcept {
        return e.kind == event_kind::write ? e.position : g_.position_of(e.source);
    }

    // The first event of the thread that the event happens before; the size when there is none.
    [[nodiscard]] std::uint32_t first_after(event_id id, thread_id t) const {
        const event& e = g_.at(id);
        if (t == e.thread) {
            return e.index + 1U;
        }
        const auto events = g_.thread(t);
        const auto found = std::ranges::partition_point(events, [&](event_id other) { return !g_.ordered(id, other); });
        return static_cast<std::uint32_t>(found - events.begin());
    }

    // The beginning of a thread is no event, but it stands before the thread's first one.
    [[nodiscard]] bool begins_after(thread_id t, event_id id) const {
        const event_id created = g_.creation_of(t);
        return created >= 0 && (created == id || g_.ordered(id, created));
    }

    void run() {
        while (!work_.empty()) {
            const event_id next = work_.back();
            work_.pop_back();
            if (g_.at(next).kind == event_kind::fence) {
                leave_fence(next);
            } else {
                leave_access(next);
            }
        }
    }

    // The seq_cst events of the thread from there on.
    void reach(thread_id t, std::uint32_t from) {
        const auto events = g_.thread(t);
        const std::uint32_t end = std::min(reached_[t], static_cast<std::uint32_t>(events.size()));
        reached_[t] = std::min(reached_[t], from);
        for (std::uint32_t i = from; i < end; ++i) {
            if (seq_cst(g_.at(events[i]))) {
                work_.push_back(events[i]);
            }
        }
    }

    void reach_fence(thread_id t, std::uint32_t from) {
        const auto events = g_.thread(t);
        const std::uint32_t end = std::min(reached_[t], static_cast<std::uint32_t>(events.size()));
        for (std::uint32_t i = from; i < end; ++i) {
            if (fence_of_seq_cst(g_.at(events[i]))) {
                reach(t, i);
                return;
            }
        }
    }

    void reach_fences_after(event_id id) {
        for (thread_id t = 0; fences_ && t < reached_.size(); ++t) {
            reach_fence(t, first_after(id, t));
        }
    }

    // The writes behind that place, by modification order or from-reads.
    void overwrite(location_id l, std::uint32_t from) {
        const auto& writes = g_.location_at(l).writes;
        const std::uint32_t end = std::min(overwritten_[l], static_cast<std::uint32_t>(writes.size()));
        overwritten_[l] = std::min(overwritten_[l], from);
        for (std::uint32_t p = from; p < end; ++p) {
            const event& w = g_.at(writes[p]);
            if (seq_cst(w)) {
                reach(w.thread, w.index);
            }
            reach_fences_after(writes[p]);
        }
    }

    // What comes after the access in its location: all but a read of the same write.
    void come_after(const event& e) {
        const std::uint32_t from = 2 * place(e) + (e.kind == event_kind::write ? 1U : 2U);
        const std::uint32_t end = after_[e.location];
        if (from >= end) {
            return;
        }
        after_[e.location] = from;
        const location& l = g_.location_at(e.location);
        for (std::uint32_t p = place(e); p < l.writes.size() && 2 * (p + 1U) < end; ++p) {
            reach_fences_after(l.writes[p]);
        }
        for (const event_id r : l.reads) {
            const event& read = g_.at(r);
            if (read.source == no_event) {
                continue;
            }
            const std::uint32_t key = 2 * place(read) + 1U;
            if (key >= from && key < end && &read != &e) {
                reach_fences_after(r);
            }
        }
    }

    void leave_access(event_id id) {
        const event& e = g_.at(id);
        reach(e.thread, e.index + 1U);
        overwrite(e.location, place(e));
        const auto own = g_.thread(e.thread);
        if (fences_ && e.index + 1U < own.size()) {
            reach_fences_after(own[e.index + 1U]);
        }
        std::uint32_t away = e.index + 1U;
        while (away < own.size() && g_.at(own[away]).location == e.location) {
            ++away;
        }
        for (thread_id t = 0; t < reached_.size(); ++t) {
            if (t == e.thread) {
                continue;
            }
            if (away < own.size()) {
                leave_by_detour(own[away], t);
            }
            leave_within_location(id, t);
        }
    }

    // Program order to another location, happens-before, program order from another location.
    void leave_by_detour(event_id first, thread_id t) {
        if (begins_after(t, first)) {
            reach(t, 0);
            return;
        }
        const auto events = g_.thread(t);
        const std::uint32_t from = first_after(first, t);
        const std::uint32_t end = std::min(reached_[t], static_cast<std::uint32_t>(events.size()));
        bool mixed = false; // whether what lies behind has more than one location, or none
        for (std::uint32_t i = from; i < end; ++i) {
            const event& e = g_.at(events[i]);
            if (i > from && seq_cst(e) && (mixed || e.location != g_.at(events[from]).location)) {
                reach(t, i);
                return;
            }
            mixed = mixed || e.location == no_location || e.location != g_.at(events[from]).location;
        }
    }

    // Happens-before to the same location.
    void leave_within_location(event_id id, thread_id t) {
        const auto events = g_.thread(t);
        bool fences_left = fences_;
        for (std::uint32_t i = first_after(id, t); i < std::min<std::size_t>(reached_[t], events.size()); ++i) {
            const event& e = g_.at(events[i]);
            if (e.location != g_.at(id).location || !accesses(e)) {
                continue;
            }
            if (fences_left) { // those after the first one are all
                fences_left = false;
                reach_fences_after(events[i]);
            }
            if (seq_cst(e)) {
                reach(t, i);
            }
        }
    }

    void leave_fence(event_id id) {
        for (thread_id t = 0; t < reached_.size(); ++t) {
            const auto events = g_.thread(t);
            const std::uint32_t from = first_after(id, t);
            if (from >= events.size()) {
                continue;
            }
            const event& first = g_.at(events[from]);
            const bool at_once = t == g_.at(id).thread || begins_after(t, id) || fence_of_seq_cst(first) ||
                                 (seq_cst(first) && led_to_within_location(id, first, events[from]));
            reach(t, at_once ? from : from + 1U);
            const std::uint32_t end = std::min(below_[t], static_cast<std::uint32_t>(events.size()));
            below_[t] = std::min(below_[t], from);
            for (std::uint32_t i = from; i < end; ++i) {
                const event& e = g_.at(events[i]);
                if (accesses(e)) {
                    overwrite(e.location, place(e));
                    come_after(e);
                }
            }
        }
    }

    // The first event of its thread that the fence happens before: whether something of its location lies between.
    [[nodiscard]] bool led_to_within_location(event_id fence, const event& e, event_id id) const {
        const location& l = g_.location_at(e.location);
        const auto between = [&](event_id other) {
            const event& o = g_.at(other);
            return other != id && accesses(o) && g_.ordered(fence, other) &&
                   (g_.ordered(other, id) || (e.kind == event_kind::write && place(o) < e.position));
        };
        return std::ranges::any_of(l.writes, between) || std::ranges::any_of(l.reads, between);
    }

    const graph& g_;
    bool fences_;
    std::vector<std::uint32_t> reached_;     // per thread: its seq_cst events from here on
    std::vector<std::uint32_t> below_;       // per thread: from here on, a reached fence happens before
    std::vector<std::uint32_t> overwritten_; // per location: the writes behind this place have been passed
    std::vector<std::uint32_t> after_;       // per location: twice the place, and one for a read
    std::vector<event_id> work_;
};

} // namespace

bool closes_seq_cst_cycle(const graph& g, event_id access) {
    const event& e = g.at(access);
    const bool member = graph::seq_cst(e);
    const std::uint32_t place = e.kind == event_kind::write ? e.position : g.position_of(e.source);
    // Nothing leads away from the newest access of a location.
    if (!g.has_seq_cst_pair() || (!member && !g.has_seq_cst_fences()) ||
        place == g.location_at(e.location).writes.size()) {
        return false;
    }
    walk from(g);
    from.leave(access);
    if ((member && from.reached(e)) || (g.has_seq_cst_fences() && from.reached_fence_before(access))) {
        return true;
    }
    if (!g.has_seq_cst_fences()) {
        return false;
    }
    walk by_eco(g);
    by_eco.leave_by_eco(access);
    return by_eco.reached_fence_before(access);
}

} // namespace gantry::check

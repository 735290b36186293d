// SPDX-License-Identifier: MIT
#include <gantry/check/graph/seq_cst.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
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

// The first event of the thread that the event happens before; the size when there is none.
std::uint32_t first_after(const graph& g, event_id id, thread_id t) {
    const event& e = g.at(id);
    if (t == e.thread) {
        return e.index + 1U;
    }
    const auto events = g.thread(t);
    const auto found = std::ranges::partition_point(events, [&](event_id other) { return !g.ordered(id, other); });
    return static_cast<std::uint32_t>(found - events.begin());
}

std::uint32_t place_of(const graph& g, const event& e) noexcept {
    return e.kind == event_kind::write ? e.position : g.position_of(e.source);
}

// What a fence leads to as a fence does: by happens-before, with one step of reads-from, modification order and
// from-reads in between. `found(t, i)` is told that the thread's events from i on are led to, again and again.
class spread {
public:
    explicit spread(const graph& g) : g_(g), below_(g.thread_count(), nowhere), after_(g.location_count(), nowhere) {}

    template<class Found>
    void leave(event_id fence, Found found) {
        for (thread_id t = 0; t < below_.size(); ++t) {
            const std::uint32_t from = first_after(g_, fence, t);
            found(t, from);
            const auto events = g_.thread(t);
            const std::uint32_t end = std::min(below_[t], static_cast<std::uint32_t>(events.size()));
            below_[t] = std::min(below_[t], from);
            for (std::uint32_t i = from; i < end; ++i) {
                if (accesses(g_.at(events[i]))) {
                    come_after(events[i], found);
                }
            }
        }
    }

    // What comes after the access in its location: all but a read of the same write.
    template<class Found>
    void come_after(event_id access, Found found) {
        const event& e = g_.at(access);
        const std::uint32_t from = 2 * place_of(g_, e) + (e.kind == event_kind::write ? 1U : 2U);
        const std::uint32_t end = after_[e.location];
        if (from >= end) {
            return;
        }
        after_[e.location] = from;
        const location& l = g_.location_at(e.location);
        const auto pass = [&](event_id id) {
            for (thread_id t = 0; t < below_.size(); ++t) {
                found(t, first_after(g_, id, t));
            }
        };
        for (std::uint32_t p = place_of(g_, e); p < l.writes.size() && 2 * (p + 1U) < end; ++p) {
            pass(l.writes[p]);
        }
        for (const event_id r : l.reads) {
            const event& read = g_.at(r);
            if (read.source == no_event) {
                continue;
            }
            const std::uint32_t key = 2 * place_of(g_, read) + 1U;
            if (key >= from && key < end && r != access) {
                pass(r);
            }
        }
    }

private:
    const graph& g_;
    std::vector<std::uint32_t> below_; // per thread: from here on, a fence that was left happens before
    std::vector<std::uint32_t> after_; // per location: twice the place, and one for a read
};

class walk {
public:
    explicit walk(const graph& g)
        : g_(g), fences_(g.has_seq_cst_fences()), reached_(g.thread_count(), nowhere), below_(reached_),
          overwritten_(g.location_count(), nowhere), between_fences_(g) {
        if (g.has_asymmetric_fences()) {
            halves_.emplace(g);
        }
    }

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
        between_fences_.come_after(id, [this](thread_id t, std::uint32_t i) { reach_fence(t, i); });
        run();
    }

    // The same, between a heavy fence and a light one.
    void leave_by_eco_to_light(event_id id) {
        halves_->from_heavy.come_after(id, [this](thread_id t, std::uint32_t i) { reach_light(t, i); });
        run();
    }

    // The same, between a light fence and a heavy one.
    void leave_by_eco_to_heavy(event_id id) {
        halves_->from_light.come_after(id, [this](thread_id t, std::uint32_t i) { reach_heavy(t, i); });
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

    // Whether a heavy fence was reached that comes to its end before the event.
    [[nodiscard]] bool reached_heavy_before(event_id id) const {
        return any_before(reached_, [&](event_id fence) {
            const event_id end = graph::is_fence(g_.at(fence), order::heavy_begin) ? g_.end_of_heavy(fence) : no_event;
            return end != no_event && g_.ordered(end, id);
        });
    }

    // Whether a light fence was reached that happens before the event.
    [[nodiscard]] bool reached_light_before(event_id id) const {
        return any_before(halves_->reached, [&](event_id fence) {
            return graph::is_fence(g_.at(fence), order::light) && g_.ordered(fence, id);
        });
    }

private:
    // What is known of asymmetric fences. The light ones are reached from heavy ones alone, and lead to those alone.
    struct halves {
        explicit halves(const graph& g) : from_heavy(g), from_light(g), reached(g.thread_count(), nowhere) {}

        spread from_heavy;                  // from the ends of those that were reached
        spread from_light;                  // from those that were reached
        std::vector<std::uint32_t> reached; // per thread: its light fences from here on
    };

    template<class Property>
    [[nodiscard]] bool any_before(const std::vector<std::uint32_t>& reached, Property property) const {
        for (thread_id t = 0; t < reached.size(); ++t) {
            const auto events = g_.thread(t);
            if (reached[t] < events.size() && std::ranges::any_of(events.subspan(reached[t]), property)) {
                return true;
            }
        }
        return false;
    }

    [[nodiscard]] std::uint32_t place(const event& e) const noexcept { return place_of(g_, e); }
    [[nodiscard]] std::uint32_t first_after(event_id id, thread_id t) const { return check::first_after(g_, id, t); }

    // The beginning of a thread is no event, but it stands before the thread's first one.
    [[nodiscard]] bool begins_after(thread_id t, event_id id) const {
        const event_id created = g_.creation_of(t);
        return created >= 0 && (created == id || g_.ordered(id, created));
    }

    void run() {
        while (!work_.empty()) {
            const event_id next = work_.back();
            work_.pop_back();
            if (graph::is_fence(g_.at(next), order::light)) {
                halves_->from_light.leave(next, [this](thread_id t, std::uint32_t i) { reach_heavy(t, i); });
            } else if (g_.at(next).kind == event_kind::fence) {
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

    void reach_light(thread_id t, std::uint32_t from) {
        const auto events = g_.thread(t);
        const std::uint32_t end = std::min(halves_->reached[t], static_cast<std::uint32_t>(events.size()));
        halves_->reached[t] = std::min(halves_->reached[t], from);
        for (std::uint32_t i = from; i < end; ++i) {
            if (graph::is_fence(g_.at(events[i]), order::light)) {
                work_.push_back(events[i]);
            }
        }
    }

    void reach_heavy(thread_id t, std::uint32_t from) {
        const auto events = g_.thread(t);
        const std::uint32_t end = std::min(reached_[t], static_cast<std::uint32_t>(events.size()));
        for (std::uint32_t i = from; i < end; ++i) {
            if (graph::is_fence(g_.at(events[i]), order::heavy_begin)) {
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
                    between_fences_.come_after(events[i],
                                               [this](thread_id other, std::uint32_t k) { reach_fence(other, k); });
                }
            }
        }
        if (halves_ && graph::is_fence(g_.at(id), order::heavy_begin)) {
            if (const event_id end = g_.end_of_heavy(id); end != no_event) {
                halves_->from_heavy.leave(end, [this](thread_id t, std::uint32_t i) { reach_light(t, i); });
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
    spread between_fences_;
    std::optional<halves> halves_;
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
    if (by_eco.reached_fence_before(access)) {
        return true;
    }
    if (!g.has_asymmetric_fences()) {
        return false;
    }
    walk to_light(g);
    to_light.leave_by_eco_to_light(access);
    if (to_light.reached_heavy_before(access)) {
        return true;
    }
    walk to_heavy(g);
    to_heavy.leave_by_eco_to_heavy(access);
    return to_heavy.reached_light_before(access);
}

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#include <gantry/check/explore/exact.hpp>
#include <gantry/check/graph/graph_text.hpp>
#include <gantry/check/graph/seq_cst.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace gantry::check {

exact_explorer::exact_explorer() {
    pending_.push_back({std::make_unique<graph>(), 1});
}

void exact_explorer::begin() {
    std::swap(graph_, *pending_.back().at);
    pool_.push_back(std::move(pending_.back().at));
    share_ = pending_.back().share;
    pending_.pop_back();
    pending_before_ = pending_.size();
    threads_.clear();
    threads_.resize(std::max<std::size_t>(1, graph_.thread_count()));
    threads_[0].now = state::running;
    replayed_ = 0;
    settled_ = !replaying();
}

ending exact_explorer::end(bool stopped) {
    const double each = share_ / static_cast<double>(pending_.size() - pending_before_ + 1);
    for (std::size_t i = pending_before_; i < pending_.size(); ++i) {
        pending_[i].share = each;
    }
    done_ += each;
    if (stopped || replaying()) {
        return ending::abandoned;
    }
    bool everybody = true;
    bool newest = true;
    for (std::size_t t = 0; t < threads_.size(); ++t) {
        if (threads_[t].now == state::absent || threads_[t].now == state::finished) {
            continue;
        }
        everybody = false;
        // What the thread looked at in vain: the read that it awaits, or a round of the loop that it spins in.
        const auto events = graph_.thread(static_cast<thread_id>(t));
        const std::size_t looked = threads_[t].now == state::blocked    ? 1
                                   : threads_[t].now == state::spinning ? threads_[t].round
                                                                        : 0;
        for (std::size_t i = events.size() - looked; i < events.size(); ++i) {
            const event& e = graph_.at(events[i]);
            newest = newest && (e.kind != event_kind::read ||
                                (!graph_.operation_of(e).timed &&
                                 graph_.position_of(e.source) == graph_.location_at(e.location).writes.size()));
        }
    }
    if (everybody) {
        return ending::complete;
    }
    return newest ? ending::deadlock : ending::blocked;
}

void exact_explorer::diverge(std::string what) {
    if (diverged_.empty()) {
        diverged_ = std::move(what);
    }
}

const event* exact_explorer::next_of(thread_id t) const noexcept {
    const auto events = graph_.thread(t);
    const std::uint32_t at = threads_[t].replayed;
    return at < events.size() ? &graph_.at(events[at]) : nullptr;
}

bool exact_explorer::has_happened(event_id e) const noexcept {
    return e < 0 || threads_[graph_.at(e).thread].replayed > graph_.at(e).index;
}

// A read waits for the write it reads from, so that plain memory holds what was written before it; the half of a
// read-modify-write whose write is still to be added comes last of all, because adding needs the whole graph.
bool exact_explorer::ready(const event& e) const noexcept {
    if (e.kind == event_kind::join) {
        return has_happened(e.source);
    }
    if (e.kind != event_kind::read) {
        return true;
    }
    if (!has_happened(e.source)) {
        return false;
    }
    const bool half = e.exclusive && graph_.thread(e.thread).size() == e.index + 1U;
    return !half || replayed_ + 1 == graph_.size();
}

void exact_explorer::pass(thread_id t) {
    ++threads_[t].replayed;
    ++replayed_;
}

bool exact_explorer::expect(const event* e, event_kind kind, std::uint64_t address) {
    if (e->kind == kind && (e->location == no_location || graph_.location_at(e->location).address == address)) {
        return true;
    }
    diverge("thread " + std::to_string(e->thread) + " did something else than before although it was told the same");
    return false;
}

thread_id exact_explorer::pick() {
    if (!diverged_.empty()) {
        return no_thread;
    }
    settled_ = !replaying();
    for (std::size_t t = 0; t < threads_.size(); ++t) {
        const thread_progress& p = threads_[t];
        if (p.now != state::running) {
            continue;
        }
        const event* next = next_of(static_cast<thread_id>(t));
        if (replaying() ? next != nullptr && ready(*next)
                        : p.joining == no_thread || threads_[p.joining].now == state::finished) {
            return static_cast<thread_id>(t);
        }
    }
    if (replaying()) {
        diverge("a thread ended earlier than before although it was told the same");
    }
    return no_thread;
}

std::span<const std::uint32_t> exact_explorer::clock(thread_id t) const noexcept {
    const auto events = graph_.thread(t);
    const std::uint32_t at = threads_[t].replayed;
    if (at > 0) {
        return graph_.happens_before(events[at - 1]);
    }
    const event_id created = graph_.creation_of(t);
    return created >= 0 ? graph_.happens_before(created) : std::span<const std::uint32_t>{};
}

accessed exact_explorer::access(thread_id t, const operation& op, const target& where) {
    if (!diverged_.empty() || threads_[t].now != state::running) {
        return {};
    }
    if (const event* e = next_of(t); e != nullptr) {
        return replay_access(t, op, where, *e);
    }
    if (!settled_) {
        return {};
    }
    location_id l = graph_.find_location(where.address, where.epoch);
    if (l == no_location) {
        l = graph_.add_location(where.address, where.epoch, op.size, where.initial);
    }
    if (reads(op)) {
        return new_read(t, op, where, l);
    }
    accessed result;
    result.state = progress::done;
    result.wrote = true;
    result.newest = true; // this execution goes on with the last place; others have other executions
    new_write(t, l, op.success, written(op, {}), no_event, where.site);
    pass(t);
    return result;
}

accessed exact_explorer::replay_access(thread_id t, const operation& op, const target& where, const event& e) {
    accessed result;
    if (!expect(&e, reads(op) ? event_kind::read : event_kind::write, where.address) || !ready(e)) {
        return result;
    }
    if (reads(op) ? !(graph_.operation_of(e) == op) : !(e.data == written(op, {}))) {
        diverge("thread " + std::to_string(t) + " did not write or ask for the same although it was told the same");
        return result;
    }
    // Whether a write that is later in modification order has already been passed in this execution.
    const auto newest = [&](location_id l, std::uint32_t position) {
        const auto& writes = graph_.location_at(l).writes;
        return std::none_of(writes.begin() + static_cast<std::ptrdiff_t>(position), writes.end(),
                            [&](event_id w) { return has_happened(w); });
    };
    if (e.kind == event_kind::read) {
        result.seen = e.data;
        result.stale = graph_.position_of(e.source) < graph_.location_at(e.location).writes.size();
        const bool exclusive = e.exclusive;
        const bool blocked = e.blocked;
        pass(t);
        if (blocked) {
            threads_[t].now = state::blocked;
            return {};
        }
        if (exclusive) {
            if (const event* half = next_of(t); half != nullptr) {
                result.wrote = true;
                result.newest = newest(half->location, half->position);
                pass(t);
            } else {
                const auto events = graph_.thread(t);
                return finish_rmw(t, events.back(), op, where.site);
            }
        }
    } else {
        result.wrote = true;
        result.newest = newest(e.location, e.position);
        pass(t);
    }
    result.state = progress::done;
    return result;
}

accessed exact_explorer::new_read(thread_id t, const operation& op, const target& where, location_id l) {
    const event_id read = graph_.add_read(t, l, op, where.site);
    const auto last = static_cast<std::uint32_t>(graph_.location_at(l).writes.size());
    const std::uint32_t floor = graph_.floor_of(read);
    // The oldest source is pushed first: the search then meets nearly sequential executions before strange ones.
    for (std::uint32_t position = floor; position < last; ++position) {
        const event_id write = graph_.write_at(l, position);
        graph_.set_source(read, write);
        const event& e = graph_.at(read);
        if (e.blocked) {
            continue; // only the newest write can make a thread wait for good; see MODEL.md
        }
        if (e.exclusive) {
            if (const event_id rival = graph_.consumer_of(l, write, read); rival != no_event) {
                if (!graph_.causes(rival, read)) {
                    push_conflicting_rmw(read, write, rival);
                }
                continue;
            }
        }
        if (!closes_seq_cst_cycle(graph_, read)) {
            push(graph_);
        }
    }
    graph_.set_source(read, graph_.write_at(l, last));
    pass(t);
    const event& e = graph_.at(read);
    if (e.blocked) {
        threads_[t].now = state::blocked;
        return {};
    }
    if (e.exclusive) {
        return finish_rmw(t, read, op, where.site);
    }
    accessed result;
    result.state = progress::done;
    result.seen = e.data;
    return result;
}

// The read half is the last event of its thread: adds the write half, right behind what the read read.
accessed exact_explorer::finish_rmw(thread_id t, event_id read, const operation& op, const void* site) {
    const event e = graph_.at(read);
    accessed result;
    result.state = progress::done;
    result.seen = e.data;
    result.wrote = true;
    new_write(t, e.location, op.success, written(op, e.data), read, site);
    result.newest = graph_.at(graph_.size() - 1).position == graph_.location_at(e.location).writes.size();
    pass(t);
    return result;
}

void exact_explorer::new_write(thread_id t, location_id l, order o, const value& data, event_id half,
                               const void* site) {
    const auto end = static_cast<std::uint32_t>(graph_.location_at(l).writes.size()) + 1U;
    const std::uint32_t last = half != no_event ? graph_.position_of(graph_.at(half).source) + 1U : end;
    const event_id write = graph_.add_write(t, l, o, data, half, last, site);
    if (half == no_event) {
        for (std::uint32_t position = graph_.floor_of(write) + 1U; position < end; ++position) {
            graph_.move_write(write, position);
            // Behind the moved write stands what it pushed back: the first after it must not be glued to the one
            // before.
            if (!graph_.splits_rmw(l, position + 1U) && !closes_seq_cst_cycle(graph_, write)) {
                push(graph_);
            }
        }
        graph_.move_write(write, end);
    }
    revisit(graph_, write, graph_.size());
}

// Two read-modify-writes read the same write: no execution by itself, but the second may make the first, or an earlier
// read, read from it.
void exact_explorer::push_conflicting_rmw(event_id read, event_id write, event_id rival) {
    scratch_ = graph_;
    const event e = scratch_.at(read);
    const operation op = scratch_.operation_of(e);
    const event_id second = scratch_.add_write(e.thread, e.location, op.success, written(op, e.data), read,
                                               scratch_.position_of(write) + 1U, e.site);
    revisit(scratch_, second, rival);
}

// Makes reads that were added before the write, no later than `last_target`, read from it.
void exact_explorer::revisit(const graph& from, event_id write, event_id last_target) {
    const location_id l = from.at(write).location;
    const auto& all = from.location_at(l).reads;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const event_id read = all[i];
        if (read > last_target || from.at(read).source == no_event || from.causes(read, write)) {
            continue;
        }
        bool maximal = maximally_added(from, read, write);
        for (event_id e = read + 1; maximal && e < write; ++e) {
            maximal = from.causes(e, write) || maximally_added(from, e, write);
        }
        if (maximal) {
            push_revisit(from, write, read);
        }
    }
}

// Whether the event is what the search adds first when nothing but the events before it, and those that the write
// needs, are there. Of all graphs that differ only in what a revisit deletes, exactly one has only such events: it
// alone revisits, so that no graph is made twice.
bool exact_explorer::maximally_added(const graph& from, event_id id, event_id write) const {
    const event& e = from.at(id);
    if (e.kind == event_kind::choice) {
        return e.data.low == 0;
    }
    if (e.kind != event_kind::read && e.kind != event_kind::write) {
        return true;
    }
    const auto previous = [&](event_id x) {
        return x <= id || from.causes(x, write);
    };
    const location& l = from.location_at(e.location);
    event_id origin = id;
    if (e.kind == event_kind::write) {
        for (const event_id r : l.reads) {
            if (from.at(r).source == id && previous(r)) {
                return false;
            }
        }
    } else {
        origin = e.source;
        if (origin != initial_write && !previous(origin)) {
            return false;
        }
    }
    for (std::size_t p = from.position_of(origin); p < l.writes.size(); ++p) {
        if (l.writes[p] != write && l.writes[p] != id && previous(l.writes[p])) {
            return false;
        }
    }
    return true;
}

void exact_explorer::push_revisit(const graph& from, event_id write, event_id read) {
    keep_.assign(static_cast<std::size_t>(from.size()), 0);
    for (event_id e = 0; e < from.size(); ++e) {
        keep_[static_cast<std::size_t>(e)] = e <= read || e == write || from.causes(e, write) ? 1 : 0;
    }
    auto g = spare();
    g->assign_restricted(from, keep_, renamed_);
    place_and_push(std::move(g), renamed_[static_cast<std::size_t>(write)], renamed_[static_cast<std::size_t>(read)]);
}

// Pushes the graph once for every place that the revisiting write can have in modification order.
void exact_explorer::place_and_push(std::unique_ptr<graph> g, event_id write, event_id read) {
    const event w = g->at(write);
    const auto end = static_cast<std::uint32_t>(g->location_at(w.location).writes.size());
    std::uint32_t first = g->floor_of(write) + 1U;
    std::uint32_t last = end;
    if (w.source != no_event) {
        first = last = g->position_of(g->at(w.source).source) + 1U;
    }
    for (std::uint32_t position = first; position <= last; ++position) {
        g->move_write(write, position);
        if (position < g->floor_of(read) || g->splits_rmw(w.location, position + 1U)) {
            continue;
        }
        g->set_source(read, write);
        if ((g->at(read).blocked && position != end) || closes_seq_cst_cycle(*g, write) ||
            closes_seq_cst_cycle(*g, read)) {
            continue;
        }
        if (position == last) {
            pending_.push_back({std::move(g), 0});
            return;
        }
        push(*g);
    }
    pool_.push_back(std::move(g));
}

std::unique_ptr<graph> exact_explorer::spare() {
    if (pool_.empty()) {
        return std::make_unique<graph>();
    }
    auto g = std::move(pool_.back());
    pool_.pop_back();
    return g;
}

void exact_explorer::push(const graph& g) {
    auto copy = spare();
    *copy = g;
    pending_.push_back({std::move(copy), 0});
}

std::string exact_explorer::give() {
    std::string piece = text_of_share(pending_.front().share) + ' ' + text_of(*pending_.front().at);
    pool_.push_back(std::move(pending_.front().at));
    pending_.erase(pending_.begin());
    return piece;
}

bool exact_explorer::take(std::string_view piece) {
    const auto space = piece.find(' ');
    double share = 0;
    if (space == std::string_view::npos ||
        std::from_chars(piece.data(), piece.data() + space, share).ptr != piece.data() + space) {
        return false;
    }
    auto g = graph_from(piece.substr(space + 1));
    if (g) {
        // What waits longest lies in front.
        pending_.insert(pending_.begin(), {std::make_unique<graph>(std::move(*g)), share});
    }
    return g.has_value();
}

void exact_explorer::keep_share(std::size_t part, std::size_t parts) {
    std::vector<unfinished> mine;
    for (std::size_t i = part; i < pending_.size(); i += parts) {
        mine.push_back(std::move(pending_[i]));
    }
    pending_ = std::move(mine);
    done_ = 0;
}

void exact_explorer::share_names(thread_names& names) noexcept {
    if (names.all().empty()) {
        names.assign(names_->all());
    }
    names_ = &names;
}

void exact_explorer::restart() {
    drop();
    auto root = spare();
    root->clear();
    pending_.push_back({std::move(root), 1});
    done_ = 0;
}

std::size_t exact_explorer::keep_one(std::uint64_t n) {
    const std::size_t left = pending_.size() - pending_before_;
    if (left > 0) {
        std::swap(pending_[pending_before_ + n % left], pending_.back());
        while (pending_.size() > 1) {
            pool_.push_back(std::move(pending_.front().at));
            pending_.erase(pending_.begin());
        }
    } else {
        pending_.clear();
    }
    return left;
}

progress exact_explorer::fence(thread_id t, order o, const void* site) {
    if (const event* e = next_of(t); e != nullptr) {
        if (!expect(e, event_kind::fence, 0)) {
            return progress::wait;
        }
    } else if (!settled_) {
        return progress::wait;
    } else {
        graph_.add_fence(t, o, site);
    }
    pass(t);
    return progress::done;
}

// A round that changed nothing is left out: where it could have ended otherwise, the round before could have, too. So
// the thread stays where it is, and later writes revisit the reads of the round before.
progress exact_explorer::spin(thread_id t, std::uint32_t events) {
    if (next_of(t) != nullptr) {
        return progress::done;
    }
    threads_[t].now = state::spinning;
    threads_[t].round = events;
    return progress::wait;
}

progress exact_explorer::choose(thread_id t, std::uint32_t options, const void* site, std::uint32_t& chosen) {
    if (const event* e = next_of(t); e != nullptr) {
        if (!expect(e, event_kind::choice, 0)) {
            return progress::wait;
        }
        chosen = static_cast<std::uint32_t>(e->data.low);
    } else if (!settled_) {
        return progress::wait;
    } else {
        const event_id choice = graph_.add_choice(t, 0, site);
        for (std::uint32_t other = 1; other < options; ++other) {
            graph_.change_choice(choice, other);
            push(graph_);
        }
        graph_.change_choice(choice, 0);
        chosen = 0;
    }
    pass(t);
    return progress::done;
}

progress exact_explorer::create(thread_id t, const void* site, thread_id& child) {
    if (const event* e = next_of(t); e != nullptr) {
        if (!expect(e, event_kind::create, 0)) {
            return progress::wait;
        }
        child = e->other;
    } else if (!settled_) {
        return progress::wait;
    } else {
        child = names_->name(t, threads_[t].children);
        if (child == no_thread) {
            diverge("the program starts more than 64 threads");
            return progress::wait;
        }
        graph_.add_create(t, child, site);
    }
    if (child >= threads_.size()) {
        threads_.resize(child + 1U);
    }
    threads_[child].now = state::running;
    ++threads_[t].children;
    pass(t);
    return progress::done;
}

progress exact_explorer::join(thread_id t, thread_id child, const void* site) {
    threads_[t].joining = child;
    if (const event* e = next_of(t); e != nullptr) {
        if (!expect(e, event_kind::join, 0) || !ready(*e)) {
            return progress::wait;
        }
    } else if (!settled_ || threads_[child].now != state::finished) {
        return progress::wait;
    } else {
        graph_.add_join(t, child, site);
    }
    threads_[t].joining = no_thread;
    pass(t);
    return progress::done;
}

progress exact_explorer::finish(thread_id t) {
    if (const event* e = next_of(t); e != nullptr) {
        if (!expect(e, event_kind::finish, 0)) {
            return progress::wait;
        }
    } else if (!settled_) {
        return progress::wait;
    } else {
        graph_.add_finish(t);
    }
    threads_[t].now = state::finished;
    pass(t);
    return progress::done;
}

} // namespace gantry::check

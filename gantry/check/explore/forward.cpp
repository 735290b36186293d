// SPDX-License-Identifier: MIT
#include <gantry/check/explore/forward.hpp>
#include <gantry/check/graph/seq_cst.hpp>

#include <algorithm>

namespace gantry::check {

void forward_explorer::begin() {
    graph_.clear();
    threads_.assign(1, {});
    turn_ = no_thread;
    last_ = no_thread;
    writes_ = 0;
    step_ = 0;
}

bool forward_explorer::can_run(thread_id t) const noexcept {
    const thread_progress& p = threads_[t];
    switch (p.now) {
    case state::finished:
        return false;
    case state::waiting:
        return p.writes_seen < writes_;
    case state::running:
        break;
    }
    return p.joining == no_thread || threads_[p.joining].now == state::finished;
}

std::uint64_t forward_explorer::fresh_only() const noexcept {
    std::uint64_t bits = 0;
    for (std::size_t t = 0; t < threads_.size(); ++t) {
        bits |= static_cast<std::uint64_t>(threads_[t].fresh_only) << (t % 64U);
    }
    return bits;
}

thread_id forward_explorer::pick() {
    able_.clear();
    for (std::size_t t = 0; t < threads_.size(); ++t) {
        if (can_run(static_cast<thread_id>(t))) {
            able_.push_back(static_cast<thread_id>(t));
        }
    }
    return turn_ = able_.empty() || !diverged_.empty() ? no_thread : next_thread(able_);
}

void forward_explorer::stepped(thread_id t) {
    threads_[t].now = state::running;
    turn_ = no_thread;
    last_ = t;
    ++step_;
}

ending forward_explorer::end(bool stopped) {
    if (stopped || !diverged_.empty()) {
        return ending::abandoned;
    }
    const bool complete =
        std::ranges::all_of(threads_, [](const thread_progress& p) { return p.now == state::finished; });
    const bool times_out =
        std::ranges::any_of(threads_, [](const thread_progress& p) { return p.now == state::waiting && p.timed; });
    return complete ? ending::complete : times_out ? ending::blocked : ending::deadlock;
}

std::span<const std::uint32_t> forward_explorer::clock(thread_id t) const noexcept {
    const auto events = graph_.thread(t);
    const event_id last = events.empty() ? graph_.creation_of(t) : events.back();
    return last >= 0 ? graph_.happens_before(last) : std::span<const std::uint32_t>{};
}

bool forward_explorer::try_source(event_id read, std::uint32_t position) {
    const location_id l = graph_.at(read).location;
    const event_id write = graph_.write_at(l, position);
    graph_.set_source(read, write);
    const event& e = graph_.at(read);
    return !e.blocked && (!e.exclusive || graph_.consumer_of(l, write, read) == no_event) &&
           !closes_seq_cst_cycle(graph_, read);
}

// Behind the moved write stands what it pushed back: that must not be glued to the one before.
bool forward_explorer::fits(event_id write, location_id l, std::uint32_t position) {
    graph_.move_write(write, position);
    return !graph_.splits_rmw(l, position + 1U) && !closes_seq_cst_cycle(graph_, write);
}

// The write stands last, at `end`.
void forward_explorer::place(event_id write, location_id l, std::uint32_t end) {
    const std::uint32_t most = end - 1U - graph_.floor_of(write);
    std::uint32_t back = 0;
    if (most > 0 && wants_places()) {
        places_.assign(1, 0);
        for (std::uint32_t candidate = 1; candidate <= most; ++candidate) {
            if (fits(write, l, end - candidate)) {
                places_.push_back(candidate);
            }
        }
        back = one_of(places_);
        graph_.move_write(write, end - back);
        return;
    }
    for (back = how_far(most); back > 0 && !fits(write, l, end - back); --back) {
    }
    if (back == 0) {
        graph_.move_write(write, end);
    }
}

// A thread that chose the newest and does not like it waits, though something older would let it go: it may see the
// newest for ever.
bool forward_explorer::find_source(thread_id t, event_id read, std::uint32_t end, std::uint32_t& behind) {
    const std::uint32_t most = end - graph_.floor_of(read);
    const bool freely = obeyed() || !threads_[t].fresh_only;
    if (wants_places()) {
        places_.clear();
        for (std::uint32_t candidate = 0; candidate <= most; ++candidate) {
            if ((freely || candidate == 0 || places_.empty()) &&
                (try_source(read, end - candidate) || (candidate == 0 && graph_.at(read).blocked))) {
                places_.push_back(candidate);
            }
        }
        if (places_.empty()) {
            return false;
        }
        behind = places_.size() == 1 ? places_.front() : one_of(places_);
        return try_source(read, end - behind);
    }
    behind = freely ? how_far(most) : 0;
    // From the chosen one towards the newest, which is always possible unless the thread has to wait; then the others.
    for (std::uint32_t tried = 0; tried <= most; ++tried) {
        if (try_source(read, end - behind)) {
            return true;
        }
        if (tried == 0 && behind == 0 && graph_.at(read).blocked) {
            return false;
        }
        behind = behind == 0 ? most : behind - 1;
    }
    return false;
}

accessed forward_explorer::access(thread_id t, const operation& op, const target& where) {
    accessed result;
    if (turn_ != t) {
        return result;
    }
    location_id l = graph_.find_location(where.address, where.epoch);
    if (l == no_location) {
        l = graph_.add_location(where.address, where.epoch, op.size, where.initial);
    }
    const auto end = static_cast<std::uint32_t>(graph_.location_at(l).writes.size());
    if (!reads(op)) {
        const event_id write = graph_.add_write(t, l, op.success, written(op, {}), no_event, end + 1U, where.site);
        place(write, l, end + 1U);
        ++writes_;
        threads_[t].fresh_only = false;
        result.state = progress::done;
        result.wrote = true;
        result.newest = graph_.at(write).position == end + 1U;
        stepped(t);
        return result;
    }
    const event_id read = graph_.add_read(t, l, op, where.site);
    std::uint32_t behind = 0;
    if (!find_source(t, read, end, behind)) {
        graph_.remove_read();
        threads_[t].now = state::waiting;
        threads_[t].timed = op.timed;
        threads_[t].writes_seen = writes_;
        turn_ = no_thread;
        return result;
    }
    const event e = graph_.at(read);
    result.state = progress::done;
    result.seen = e.data;
    result.stale = behind > 0;
    if (e.exclusive) {
        const std::uint32_t position = graph_.position_of(e.source) + 1U;
        graph_.add_write(t, l, op.success, written(op, e.data), read, position, where.site);
        ++writes_;
        threads_[t].fresh_only = false;
        result.wrote = true;
        result.newest = position == end + 1U;
    }
    stepped(t);
    return result;
}

progress forward_explorer::fence(thread_id t, order o, const void* site) {
    if (turn_ != t) {
        return progress::wait;
    }
    graph_.add_fence(t, o, site);
    stepped(t);
    return progress::done;
}

progress forward_explorer::choose(thread_id t, std::uint32_t options, const void* site, std::uint32_t& chosen) {
    if (turn_ != t) {
        return progress::wait;
    }
    chosen = chosen_of(options);
    graph_.add_choice(t, chosen, site);
    stepped(t);
    return progress::done;
}

progress forward_explorer::create(thread_id t, const void* site, thread_id& child) {
    if (turn_ != t) {
        return progress::wait;
    }
    child = static_cast<thread_id>(threads_.size());
    threads_.emplace_back();
    graph_.add_create(t, child, site);
    stepped(t);
    return progress::done;
}

progress forward_explorer::join(thread_id t, thread_id child, const void* site) {
    threads_[t].joining = child;
    if (turn_ != t || threads_[child].now != state::finished) {
        return progress::wait;
    }
    threads_[t].joining = no_thread;
    graph_.add_join(t, child, site);
    stepped(t);
    return progress::done;
}

progress forward_explorer::finish(thread_id t) {
    if (turn_ != t) {
        return progress::wait;
    }
    graph_.add_finish(t);
    stepped(t);
    threads_[t].now = state::finished;
    return progress::done;
}

// Spinning on values that are no longer the newest: the newest ones are next. Spinning on the newest: until somebody
// writes.
progress forward_explorer::spin(thread_id t, std::uint32_t events) {
    thread_progress& p = threads_[t];
    const auto all = graph_.thread(t);
    const bool newest = std::ranges::all_of(all.last(events), [&](event_id id) {
        const event& e = graph_.at(id);
        return e.kind != event_kind::read ||
               graph_.position_of(e.source) == graph_.location_at(e.location).writes.size();
    });
    if (!newest) {
        p.now = state::running;
        p.fresh_only = true;
        return progress::done;
    }
    p.now = state::waiting;
    p.timed = false;
    p.writes_seen = writes_;
    turn_ = no_thread;
    return progress::wait;
}

} // namespace gantry::check

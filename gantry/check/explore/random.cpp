// SPDX-License-Identifier: MIT
#include <gantry/check/explore/random.hpp>

#include <algorithm>
#include <bit>
#include <string_view>

namespace gantry::check {

namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

} // namespace

std::vector<scripted> script_of(const graph& g, std::span<const thread_id> turns) {
    std::vector<scripted> script;
    std::vector<std::uint32_t> done(g.thread_count());
    const auto happened = [&](event_id e) {
        return done[g.at(e).thread] > g.at(e).index;
    };
    const auto newer = [&](location_id l, std::uint32_t position) {
        const auto& writes = g.location_at(l).writes;
        return static_cast<std::uint32_t>(
            std::count_if(writes.begin() + static_cast<std::ptrdiff_t>(position), writes.end(), happened));
    };
    for (const thread_id t : turns) {
        const auto events = g.thread(t);
        if (done[t] >= events.size()) {
            break;
        }
        const event& e = g.at(events[done[t]]);
        scripted step{t, 0};
        if (e.kind == event_kind::read) {
            step.behind = newer(e.location, g.position_of(e.source));
        } else if (e.kind == event_kind::write) {
            step.behind = newer(e.location, e.position);
        } else if (e.kind == event_kind::choice) {
            step.behind = static_cast<std::uint32_t>(e.data.low);
        }
        ++done[t];
        const bool half = e.kind == event_kind::read && e.exclusive && done[t] < events.size();
        done[t] += half ? 1U : 0U;
        script.push_back(step);
    }
    return script;
}

// Two digits of 64 a step: most threads and distances fit; what does not fit is spelled after an escape.
std::string token_of(std::span<const scripted> script) {
    std::string token;
    for (const scripted& s : script) {
        if (s.thread < 15 && s.behind < 4) {
            token += digits[s.thread * 4U + s.behind];
            continue;
        }
        token += digits[63];
        token += digits[s.thread & 63U];
        std::uint32_t rest = s.behind;
        for (int i = 0; i < 6; ++i) {
            token += digits[rest & 63U];
            rest >>= 6U;
        }
    }
    return token.empty() ? "." : token;
}

std::optional<std::vector<scripted>> parse_token(const std::string& token) {
    std::vector<scripted> script;
    if (token == ".") {
        return script;
    }
    for (std::size_t i = 0; i < token.size(); ++i) {
        const auto digit = [&](std::size_t at) {
            return at < token.size() ? digits.find(token[at]) : digits.npos;
        };
        const std::size_t d = digit(i);
        if (d == digits.npos) {
            return std::nullopt;
        }
        if (d < 60) {
            script.push_back({static_cast<thread_id>(d / 4), static_cast<std::uint32_t>(d % 4)});
            continue;
        }
        scripted s;
        for (std::size_t k = 0; k < 7; ++k) {
            const std::size_t part = digit(i + 1 + k);
            if (d != 63 || part == digits.npos) {
                return std::nullopt;
            }
            if (k == 0) {
                s.thread = static_cast<thread_id>(part);
            } else {
                s.behind |= static_cast<std::uint32_t>(part << (6 * (k - 1)));
            }
        }
        i += 7;
        script.push_back(s);
    }
    return script;
}

void random_explorer::begin() {
    graph_.clear();
    threads_.assign(1, {});
    turn_ = no_thread;
    writes_ = 0;
    step_ = 0;
    dice_ = (seed_ + executions_) * 0x9E37'79B9'7F4A'7C15U;
    ++executions_;
}

// splitmix64.
std::uint64_t random_explorer::roll() {
    dice_ += 0x9E37'79B9'7F4A'7C15U;
    std::uint64_t z = dice_;
    z = (z ^ (z >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return z ^ (z >> 31U);
}

// How far behind the newest: half of the time not at all, a quarter one, and so on.
std::uint32_t random_explorer::how_far(std::uint32_t most) {
    if (most == 0) {
        return 0;
    }
    if (follows_) {
        return step_ < script_.size() ? std::min(most, script_[step_].behind) : 0;
    }
    return std::min(most, static_cast<std::uint32_t>(std::countr_zero(roll() | (std::uint64_t{1} << 63U))));
}

bool random_explorer::can_run(thread_id t) const noexcept {
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

thread_id random_explorer::pick() {
    if (follows_ && step_ < script_.size()) {
        const thread_id t = script_[step_].thread;
        if (t < threads_.size() && can_run(t)) {
            return turn_ = t;
        }
        if (turn_ != t || diverged_.empty()) {
            diverged_ = "the token does not belong to this program";
        }
        return turn_ = no_thread;
    }
    std::size_t runnable = 0;
    for (std::size_t t = 0; t < threads_.size(); ++t) {
        runnable += can_run(static_cast<thread_id>(t)) ? 1U : 0U;
    }
    if (runnable == 0) {
        return turn_ = no_thread;
    }
    std::uint64_t which = follows_ ? 0 : (roll() >> 32U) * runnable >> 32U;
    for (std::size_t t = 0;; ++t) {
        if (can_run(static_cast<thread_id>(t)) && which-- == 0) {
            return turn_ = static_cast<thread_id>(t);
        }
    }
}

void random_explorer::stepped(thread_id t) {
    threads_[t].now = state::running;
    turn_ = no_thread;
    ++step_;
}

ending random_explorer::end(bool stopped) {
    if (stopped || !diverged_.empty()) {
        return ending::abandoned;
    }
    const bool complete =
        std::ranges::all_of(threads_, [](const thread_progress& p) { return p.now == state::finished; });
    const bool times_out =
        std::ranges::any_of(threads_, [](const thread_progress& p) { return p.now == state::waiting && p.timed; });
    return complete ? ending::complete : times_out ? ending::blocked : ending::deadlock;
}

std::span<const std::uint32_t> random_explorer::clock(thread_id t) const noexcept {
    const auto events = graph_.thread(t);
    const event_id last = events.empty() ? graph_.creation_of(t) : events.back();
    return last >= 0 ? graph_.happens_before(last) : std::span<const std::uint32_t>{};
}

bool random_explorer::try_source(event_id read, std::uint32_t position) {
    const location_id l = graph_.at(read).location;
    const event_id write = graph_.write_at(l, position);
    graph_.set_source(read, write);
    const event& e = graph_.at(read);
    return !e.blocked && (!e.exclusive || graph_.consumer_of(l, write, read) == no_event) &&
           graph_.sequentially_consistent();
}

accessed random_explorer::access(thread_id t, const operation& op, const target& where) {
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
        const value data = written(op, {});
        const event_id write = graph_.add_write(t, l, op.success, data, no_event, end + 1U, where.site);
        for (std::uint32_t back = how_far(end - graph_.floor_of(write));; --back) {
            graph_.move_write(write, end + 1U - back);
            if (back == 0 || (!graph_.splits_rmw(l, end + 2U - back) && graph_.sequentially_consistent())) {
                break;
            }
        }
        ++writes_;
        threads_[t].fresh_only = false;
        result.state = progress::done;
        result.wrote = true;
        result.newest = graph_.at(write).position == end + 1U;
        stepped(t);
        return result;
    }
    const event_id read = graph_.add_read(t, l, op, where.site);
    const std::uint32_t most = end - graph_.floor_of(read);
    std::uint32_t back = threads_[t].fresh_only && !follows_ ? 0 : how_far(most);
    bool found = false;
    // From the chosen one towards the newest, which is always possible unless the thread has to wait; then the others.
    for (std::uint32_t tried = 0; tried <= most && !found; ++tried) {
        found = try_source(read, end - back);
        back = found ? back : (back == 0 ? most : back - 1);
    }
    if (!found) {
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
    result.stale = back > 0;
    if (e.exclusive) {
        const std::uint32_t place = graph_.position_of(e.source) + 1U;
        graph_.add_write(t, l, op.success, written(op, e.data), read, place, where.site);
        ++writes_;
        threads_[t].fresh_only = false;
        result.wrote = true;
        result.newest = place == end + 1U;
    }
    stepped(t);
    return result;
}

progress random_explorer::fence(thread_id t, order o, const void* site) {
    if (turn_ != t) {
        return progress::wait;
    }
    graph_.add_fence(t, o, site);
    stepped(t);
    return progress::done;
}

progress random_explorer::choose(thread_id t, std::uint32_t options, const void* site, std::uint32_t& chosen) {
    if (turn_ != t) {
        return progress::wait;
    }
    chosen = how_far(options - 1);
    graph_.add_choice(t, chosen, site);
    stepped(t);
    return progress::done;
}

progress random_explorer::create(thread_id t, const void* site, thread_id& child) {
    if (turn_ != t) {
        return progress::wait;
    }
    child = static_cast<thread_id>(threads_.size());
    threads_.emplace_back();
    graph_.add_create(t, child, site);
    stepped(t);
    return progress::done;
}

progress random_explorer::join(thread_id t, thread_id child, const void* site) {
    threads_[t].joining = child;
    if (turn_ != t || threads_[child].now != state::finished) {
        return progress::wait;
    }
    threads_[t].joining = no_thread;
    graph_.add_join(t, child, site);
    stepped(t);
    return progress::done;
}

progress random_explorer::finish(thread_id t) {
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
progress random_explorer::spin(thread_id t, std::uint32_t events) {
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

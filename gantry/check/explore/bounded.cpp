// SPDX-License-Identifier: MIT
#include <gantry/check/explore/bounded.hpp>

#include <algorithm>
#include <charconv>

namespace gantry::check {

namespace {

// splitmix64's finish.
std::uint64_t mixed(std::uint64_t z) noexcept {
    z = (z ^ (z >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return z ^ (z >> 31U);
}

// A number that says where the event stands.
std::uint64_t name_of(const graph& g, event_id e) noexcept {
    return e < 0 ? 0 : ((g.at(e).thread + std::uint64_t{1}) << 32U) + g.at(e).index + 1U;
}

} // namespace

// What the program will do follows from what its threads have been told, whatever the order in which it was told: a sum
// over events. Orders, sizes and values follow from the rest.
std::uint64_t bounded_explorer::state(std::uint64_t more) const noexcept {
    std::uint64_t sum = mixed(more + 0x9E37'79B9'7F4A'7C15U);
    for (event_id id = 0; id < graph_.size(); ++id) {
        const event& e = graph_.at(id);
        std::uint64_t h = mixed(name_of(graph_, id) * 8U + static_cast<std::uint64_t>(e.kind));
        if (e.location != no_location) {
            const location& l = graph_.location_at(e.location);
            h = mixed(h ^ mixed(l.address * 3U + l.epoch));
            const event_id other = e.kind == event_kind::read ? e.source : graph_.write_at(e.location, e.position - 1U);
            h = mixed(h + name_of(graph_, other));
        } else {
            h = mixed(h + e.data.low + (std::uint64_t{e.other} << 32U));
        }
        sum += h;
    }
    return sum;
}

void bounded_explorer::begin() {
    forward_explorer::begin();
    path_ = std::move(pending_.back().path);
    share_ = pending_.back().share;
    pending_.pop_back();
    depth_ = 0;
    preemptions_ = 0;
    stale_ = 0;
    preempts_at_ = SIZE_MAX;
    repeated_ = false;
}

std::uint32_t bounded_explorer::decide(std::uint32_t options) {
    if (options == 1) {
        return 0;
    }
    if (depth_ < path_.size()) {
        const std::uint32_t decision = path_[depth_++];
        if (decision >= options) {
            give_up("an execution had other possibilities than before although it was told the same");
            return 0;
        }
        return decision;
    }
    share_ /= options;
    for (std::uint32_t other = options; other-- > 1;) {
        pending_.push_back({path_, share_});
        pending_.back().path.push_back(other);
    }
    path_.push_back(0);
    ++depth_;
    return 0;
}

thread_id bounded_explorer::next_thread(std::span<const thread_id> able) {
    if (steps() > preempts_at_) {
        ++preemptions_;
    }
    preempts_at_ = SIZE_MAX;
    const bool goes_on = std::ranges::find(able, last()) != able.end();
    if (depth_ == path_.size()) {
        std::uint64_t threads = 0;
        for (const thread_id t : able) {
            threads |= std::uint64_t{1} << (t % 64U);
        }
        const std::uint64_t spent = (std::uint64_t{preemptions_} << 32U) + stale_;
        // Who ran last counts only as long as it could go on.
        const std::uint64_t ran = goes_on ? last() + 1U : 0U;
        if (!seen_.insert(state(mixed(threads) + mixed(~spent) + mixed(fresh_only() * 64U + ran)))) {
            repeated_ = true;
            return no_thread;
        }
    }
    if (!goes_on) {
        return able[decide(static_cast<std::uint32_t>(able.size()))];
    }
    if (preemptions_ == allowed_.preemptions_max) {
        met_ = met_ || able.size() > 1;
        return last();
    }
    // The one that ran comes first, then the others as they stand.
    const std::uint32_t decision = decide(static_cast<std::uint32_t>(able.size()));
    if (decision == 0) {
        return last();
    }
    preempts_at_ = steps();
    const auto own = static_cast<std::uint32_t>(std::ranges::find(able, last()) - able.begin());
    return able[decision <= own ? decision - 1 : decision];
}

std::uint32_t bounded_explorer::one_of(std::span<const std::uint32_t> places) {
    if (places.size() > 1 && stale_ == allowed_.stale_max) {
        met_ = true;
        return places.front();
    }
    const std::uint32_t decision = decide(static_cast<std::uint32_t>(places.size()));
    stale_ += decision > 0 ? 1U : 0U;
    return places[decision];
}

ending bounded_explorer::end(bool stopped) {
    done_ += share_;
    if (repeated_) {
        return ending::repeated;
    }
    const ending how = forward_explorer::end(stopped);
    if (how == ending::complete && !seen_.insert(state(0))) {
        return ending::repeated;
    }
    return how;
}

std::string bounded_explorer::give() {
    std::string piece = text_of_share(pending_.front().share);
    for (const std::uint32_t decision : pending_.front().path) {
        piece += ' ' + std::to_string(decision);
    }
    pending_.erase(pending_.begin());
    return piece;
}

bool bounded_explorer::take(std::string_view piece) {
    unfinished one;
    const char* const end = piece.data() + piece.size();
    auto [at, error] = std::from_chars(piece.data(), end, one.share);
    while (error == std::errc() && at != end && *at == ' ') {
        const auto next = std::from_chars(at + 1, end, one.path.emplace_back());
        at = next.ptr;
        error = next.ec;
    }
    if (error != std::errc() || at != end) {
        return false;
    }
    pending_.insert(pending_.begin(), std::move(one));
    return true;
}

void bounded_explorer::keep_share(std::size_t part, std::size_t parts) {
    std::vector<unfinished> mine;
    for (std::size_t i = part; i < pending_.size(); i += parts) {
        mine.push_back(std::move(pending_[i]));
    }
    pending_ = std::move(mine);
    done_ = 0;
}

} // namespace gantry::check

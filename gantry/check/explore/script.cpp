// SPDX-License-Identifier: MIT
#include <gantry/check/explore/script.hpp>

#include <algorithm>
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
        if (t >= done.size() || done[t] >= events.size()) {
            script.push_back({t, 0}); // the step that it did not come to
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

thread_id script_explorer::next_thread(std::span<const thread_id> able) {
    while (roughly_ && at() < script_.size() && std::ranges::find(able, script_[at()].thread) == able.end()) {
        ++left_out_;
    }
    if (at() >= script_.size()) {
        return able.front();
    }
    const thread_id wanted = script_[at()].thread;
    if (std::ranges::find(able, wanted) == able.end()) {
        give_up("the token does not belong to this program");
        return no_thread;
    }
    return wanted;
}

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#include <gantry/check/graph/graph_text.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace gantry::check {

namespace {

using nlohmann::json;

constexpr thread_id threads_max = 64;
constexpr auto last_kind = static_cast<std::uint64_t>(event_kind::choice);
constexpr auto last_operation = static_cast<std::uint64_t>(operation_kind::decrease);
constexpr auto last_order = static_cast<std::uint64_t>(order::heavy_end);

std::uint64_t number(const void* site) noexcept {
    return reinterpret_cast<std::uint64_t>(site);
}

// Reads numbers off an array; what is not there, or too large, spoils it for good.
class reader {
public:
    explicit reader(const json& array) : array_(array), good_(array.is_array()) {}

    std::uint64_t next(std::uint64_t most = UINT64_MAX) {
        if (!good_ || at_ >= array_.size() || !array_[at_].is_number_unsigned()) {
            good_ = false;
            return 0;
        }
        const auto n = array_[at_++].get<std::uint64_t>();
        good_ = n <= most;
        return good_ ? n : 0;
    }

    const void* site() { return reinterpret_cast<const void*>(next()); }

    value whole() {
        const std::uint64_t low = next();
        return {low, next()};
    }

    // Good so far, and nothing is left.
    [[nodiscard]] bool ended() const { return good_ && at_ == array_.size(); }
    [[nodiscard]] bool good() const { return good_; }

private:
    const json& array_;
    std::size_t at_ = 0;
    bool good_;
};

// Builds a graph anew, event by event, as it was built; clocks come out as they were.
class builder {
public:
    [[nodiscard]] bool add_location(const json& text) {
        reader in(text);
        const std::uint64_t address = in.next();
        const auto epoch = static_cast<std::uint32_t>(in.next(UINT32_MAX));
        const auto size = static_cast<std::uint8_t>(in.next(16));
        const value initial = in.whole();
        if (!in.ended() || size == 0) {
            return false;
        }
        graph_.add_location(address, epoch, size, initial);
        return true;
    }

    [[nodiscard]] bool add_event(const json& text) {
        reader in(text);
        const auto kind = static_cast<event_kind>(in.next(last_kind));
        const auto t = static_cast<thread_id>(in.next(threads_max));
        const void* const site = in.site();
        if (!in.good() || (t != 0 && graph_.creation_of(t) == no_event)) {
            return false;
        }
        switch (kind) {
        case event_kind::read:
            return add_read(in, t, site);
        case event_kind::write:
            return add_write(in, t, site);
        case event_kind::fence: {
            const auto o = static_cast<order>(in.next(last_order));
            graph_.add_fence(t, o, site);
            break;
        }
        case event_kind::choice: {
            const std::uint64_t chosen = in.next();
            graph_.add_choice(t, chosen, site);
            break;
        }
        case event_kind::create: {
            const auto child = static_cast<thread_id>(in.next(threads_max));
            if (!in.good() || child == 0 || graph_.creation_of(child) != no_event) {
                return false;
            }
            graph_.add_create(t, child, site);
            break;
        }
        case event_kind::finish:
            graph_.add_finish(t);
            break;
        case event_kind::join: {
            const auto child = static_cast<thread_id>(in.next(threads_max));
            const auto events = graph_.thread(child);
            if (!in.good() || child == t || events.empty() || graph_.at(events.back()).kind != event_kind::finish) {
                return false;
            }
            graph_.add_join(t, child, site);
            break;
        }
        }
        return in.ended();
    }

    [[nodiscard]] std::optional<graph> take() {
        return awaited_.empty() ? std::optional<graph>(std::move(graph_)) : std::nullopt;
    }

private:
    [[nodiscard]] bool add_read(reader& in, thread_id t, const void* site) {
        const auto l = static_cast<location_id>(in.next(UINT32_MAX));
        operation op;
        op.kind = static_cast<operation_kind>(in.next(last_operation));
        op.size = static_cast<std::uint8_t>(in.next(16));
        op.success = static_cast<order>(in.next(last_order));
        op.failure = static_cast<order>(in.next(last_order));
        op.await = in.next(1) != 0;
        op.timed = in.next(1) != 0;
        op.operand = in.whole();
        op.expected = in.whole();
        const auto source = static_cast<event_id>(in.next(INT32_MAX)) - 1; // 0: the initial write
        if (!in.ended() || l >= graph_.location_count() || !reads(op) || op.size == 0) {
            return false;
        }
        const event_id read = graph_.add_read(t, l, op, site);
        if (source > read) { // made to read from a write that came later
            awaited_.emplace_back(source, read);
            return true;
        }
        return set_source(read, source);
    }

    [[nodiscard]] bool set_source(event_id read, event_id source) {
        const bool fits =
            source == initial_write || (source < graph_.size() && graph_.at(source).kind == event_kind::write &&
                                        graph_.at(source).location == graph_.at(read).location);
        if (fits) {
            graph_.set_source(read, source);
        }
        return fits;
    }

    [[nodiscard]] bool add_write(reader& in, thread_id t, const void* site) {
        const auto l = static_cast<location_id>(in.next(UINT32_MAX));
        const auto o = static_cast<order>(in.next(last_order));
        const value data = in.whole();
        const bool half = in.next(1) != 0;
        const auto place = in.next(UINT32_MAX); // in the whole modification order
        if (!in.ended() || l >= graph_.location_count() || place == 0) {
            return false;
        }
        const auto events = graph_.thread(t);
        event_id read = no_event;
        if (half) {
            if (events.empty() || graph_.at(events.back()).kind != event_kind::read ||
                graph_.at(events.back()).location != l || !graph_.at(events.back()).exclusive) {
                return false;
            }
            read = events.back();
        }
        // Among those that are there already.
        auto& places = places_[l];
        const auto at = std::ranges::lower_bound(places, place);
        if (at != places.end() && *at == place) {
            return false;
        }
        const auto position = static_cast<std::uint32_t>(at - places.begin()) + 1U;
        places.insert(at, place);
        const event_id write = graph_.add_write(t, l, o, data, read, position, site);
        for (std::size_t i = 0; i < awaited_.size(); ++i) {
            if (awaited_[i].first == write) {
                const event_id waiting = awaited_[i].second;
                awaited_.erase(awaited_.begin() + static_cast<std::ptrdiff_t>(i));
                return graph_.thread(graph_.at(waiting).thread).back() == waiting && set_source(waiting, write);
            }
        }
        return true;
    }

    graph graph_;
    std::map<location_id, std::vector<std::uint64_t>> places_;
    std::vector<std::pair<event_id, event_id>> awaited_; // write to come, read
};

} // namespace

std::string text_of(const graph& g) {
    json locations = json::array();
    for (std::size_t i = 0; i < g.location_count(); ++i) {
        const location& l = g.location_at(static_cast<location_id>(i));
        locations.push_back({l.address, l.epoch, l.size, l.initial.low, l.initial.high});
    }
    json events = json::array();
    for (event_id id = 0; id < g.size(); ++id) {
        const event& e = g.at(id);
        json line{static_cast<unsigned>(e.kind), e.thread, number(e.site)};
        const auto add = [&](auto... more) {
            (line.push_back(more), ...);
        };
        switch (e.kind) {
        case event_kind::read: {
            const operation& op = g.operation_of(e);
            add(e.location, static_cast<unsigned>(op.kind), op.size, static_cast<unsigned>(op.success),
                static_cast<unsigned>(op.failure), unsigned{op.await}, unsigned{op.timed}, op.operand.low,
                op.operand.high, op.expected.low, op.expected.high, static_cast<std::uint64_t>(e.source + 1));
            break;
        }
        case event_kind::write:
            add(e.location, static_cast<unsigned>(e.memory_order), e.data.low, e.data.high, unsigned{e.exclusive},
                e.position);
            break;
        case event_kind::fence:
            add(static_cast<unsigned>(e.memory_order));
            break;
        case event_kind::choice:
            add(e.data.low);
            break;
        case event_kind::create:
        case event_kind::join:
            add(e.other);
            break;
        case event_kind::finish:
            break;
        }
        events.push_back(std::move(line));
    }
    return json{{"locations", std::move(locations)}, {"events", std::move(events)}}.dump();
}

std::optional<graph> graph_from(std::string_view text) {
    const json whole = json::parse(text, nullptr, false);
    if (!whole.is_object() || !whole.contains("locations") || !whole.contains("events") ||
        !whole["locations"].is_array() || !whole["events"].is_array()) {
        return std::nullopt;
    }
    builder to;
    for (const json& l : whole["locations"]) {
        if (!to.add_location(l)) {
            return std::nullopt;
        }
    }
    for (const json& e : whole["events"]) {
        if (!to.add_event(e)) {
            return std::nullopt;
        }
    }
    return to.take();
}

} // namespace gantry::check

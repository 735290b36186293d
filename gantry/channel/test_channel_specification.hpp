// SPDX-License-Identifier: MIT
#pragma once
//
// channel_specification: the sequential channel that real ones promise to behave like: FIFO, a limit, close.
//
// Use it when a stress test or a model judges a history (check/linearizability). Do not use it when writing library
// code.
//
// An operation that waits takes place at a moment at which it need not; one that was refused, at a moment at which it
// was so: `full` and `timeout` of a push while there is no room, `empty` and `timeout` of a pop while there is nothing.
//
// Capacity 0: a push and the pop that takes its value happen at one moment. Here the pop comes right behind the push,
// nothing in between; and all_meet() must say that the two overlapped, for only then can their places in the order be
// one moment. Who does not wait may be refused at any time, as the partner may not be there yet.
//
// Threads: values. Progress: allocates. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: values. Origin: n/a.

#include <gantry/channel/result.hpp>
#include <gantry/check/linearizability/history.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gantry::channel::test {

enum class channel_act : std::uint8_t { push, try_push, push_for, pop, try_pop, pop_for, close };

struct channel_request {
    channel_act what = channel_act::pop;
    std::int64_t value = 0;
};

// What came out, or why nothing did or nothing went in; neither: it went in, or is closed.
struct channel_answer {
    std::optional<std::int64_t> value{};
    std::optional<errc> reason{};

    [[nodiscard]] bool operator==(const channel_answer&) const = default;
};

inline std::string text_of(const channel_request& it) {
    const std::string value = '(' + std::to_string(it.value) + ')';
    switch (it.what) {
    case channel_act::push:
        return "push" + value;
    case channel_act::try_push:
        return "try_push" + value;
    case channel_act::push_for:
        return "push_for" + value;
    case channel_act::pop:
        return "pop()";
    case channel_act::try_pop:
        return "try_pop()";
    case channel_act::pop_for:
        return "pop_for()";
    case channel_act::close:
        return "close()";
    }
    return "";
}

inline std::string text_of(const channel_answer& it) {
    return it.value ? std::to_string(*it.value) : it.reason ? std::string(to_string(*it.reason)) : "done";
}

struct channel_specification {
    using operation = channel_request;
    using result = channel_answer;

    std::optional<std::size_t> capacity{}; // nullopt: no limit
    std::vector<std::int64_t> values{};    // the oldest first
    bool closed = false;

    template<class Emit>
    void next(const channel_request& asked, const channel_answer* seen, Emit emit) const {
        if (capacity == 0 && !may_meet(asked, seen))
            return;
        channel_specification after = *this;
        channel_answer answer;
        switch (asked.what) {
        case channel_act::push:
        case channel_act::try_push:
        case channel_act::push_for:
            if (closed) {
                answer.reason = errc::closed;
            } else if (capacity == 0 ? refused(seen) : capacity && values.size() >= *capacity) {
                if (asked.what == channel_act::push)
                    return; // it waits
                answer.reason = asked.what == channel_act::try_push ? errc::full : errc::timeout;
            } else {
                after.values.push_back(asked.value);
            }
            break;
        case channel_act::pop:
        case channel_act::try_pop:
        case channel_act::pop_for:
            if (!values.empty()) {
                answer.value = values.front();
                after.values.erase(after.values.begin());
            } else if (closed) {
                answer.reason = errc::closed;
            } else {
                if (asked.what == channel_act::pop)
                    return; // it waits
                answer.reason = asked.what == channel_act::try_pop ? errc::empty : errc::timeout;
            }
            break;
        case channel_act::close:
            after.closed = true;
            break;
        }
        if (seen == nullptr || *seen == answer)
            emit(std::move(after));
    }

    [[nodiscard]] std::size_t hash() const {
        std::size_t hash = values.size() * 2 + (closed ? 1 : 0);
        for (const std::int64_t each : values)
            hash = hash * 31 + static_cast<std::size_t>(each);
        return hash;
    }
    [[nodiscard]] bool operator==(const channel_specification&) const = default;

private:
    // A value that was pushed must be taken before anything else is done.
    [[nodiscard]] bool may_meet(const channel_request& asked, const channel_answer* seen) const {
        const bool pops =
            asked.what == channel_act::pop || asked.what == channel_act::try_pop || asked.what == channel_act::pop_for;
        return values.empty() || (pops && (seen == nullptr || seen->value == values.front()));
    }
    [[nodiscard]] static bool refused(const channel_answer* seen) { return seen != nullptr && seen->reason; }
};

// Of a completed history: whether every value that went in came out, once, by a pop that overlapped its push.
inline bool all_meet(const check::history<channel_request, channel_answer>& all) {
    struct meeting {
        const check::record<channel_request, channel_answer>* push = nullptr;
        const check::record<channel_request, channel_answer>* pop = nullptr;
    };
    std::map<std::int64_t, meeting> meetings;
    for (const auto& each : all) {
        const bool pushes = each.what.what == channel_act::push || each.what.what == channel_act::try_push ||
                            each.what.what == channel_act::push_for;
        if (!each.result || each.result->reason || each.what.what == channel_act::close)
            continue;
        meeting& found = meetings[pushes ? each.what.value : each.result->value.value_or(0)];
        const auto*& place = pushes ? found.push : found.pop;
        if (place != nullptr)
            return false;
        place = &each;
    }
    return std::ranges::all_of(meetings, [](const auto& each) {
        const auto& [push, pop] = each.second;
        return push != nullptr && pop != nullptr && push->call < pop->end && pop->call < push->end;
    });
}

} // namespace gantry::channel::test

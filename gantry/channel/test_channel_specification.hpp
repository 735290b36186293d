// SPDX-License-Identifier: MIT
#pragma once
//
// channel_specification: the sequential channel that real ones promise to behave like: FIFO, a limit, close.
//
// Use it when a stress test or a model judges a history (check/linearizability). Do not use it when writing library
// code, nor for a channel of capacity 0: there a push and a pop happen at one moment, which no order of single
// operations shows.
//
// An operation that waits takes place at a moment at which it need not; one that was refused, at a moment at which it
// was so: `full` and `timeout` of a push while there is no room, `empty` and `timeout` of a pop while there is nothing.
//
// Threads: values. Progress: allocates. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: values. Origin: n/a.

#include <gantry/channel/result.hpp>

#include <cstddef>
#include <cstdint>
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
        channel_specification after = *this;
        channel_answer answer;
        switch (asked.what) {
        case channel_act::push:
        case channel_act::try_push:
        case channel_act::push_for:
            if (closed) {
                answer.reason = errc::closed;
            } else if (capacity && values.size() >= *capacity) {
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
};

} // namespace gantry::channel::test

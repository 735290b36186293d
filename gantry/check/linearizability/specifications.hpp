// SPDX-License-Identifier: MIT
#pragma once
//
// Ready specifications: register, counter, set, map, stack, queue and relaxed queue of 64-bit integers, with one type
// of operation for all of them.
//
// Use it when the object under test is one of these: give each value that goes in a number of its own.
// Do not use it when the object promises something else -> write a specification (linearizability.hpp), it is ten
// lines.
//
//     const history_result result = check_history(queue_specification{}, all);
//
// | specification          | verbs, with their results |
// |---|---|
// | register_specification | read -> value; write -> nothing; compare_exchange(expected, value) -> 1 or 0 |
// | counter_specification  | add(value) -> the value before; read -> value |
// | set_specification      | insert(key), erase(key), contains(key) -> 1 or 0 |
// | map_specification      | put(key, value), erase(key), get(key) -> value (before) or nothing |
// | stack_specification    | push(value) -> nothing; pop -> value, or nothing if empty |
// | queue_specification    | push, pop likewise; try_push(value) -> 1, or 0 if full |
// | relaxed_queue_specification | push, pop likewise; a pop takes one of the `k` oldest, nothing if empty |
//
// Threads: values. Progress: allocates. Ordering: n/a. Cost: a copy, comparison or hash is linear in the elements.
// Failure: an operation with a verb that is not the object's own (see knows()) changes nothing and returns nothing.
// Lifetime: values.
// Origin: the usual sequential objects; k-relaxed queue as in Henzinger et al., "Quantitative relaxation of concurrent
// data structures" (POPL 2013), without their bound on how often the oldest may be passed over.

#include <gantry/check/linearizability/history.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::check {

enum class verb : std::uint8_t {
    read,
    write,
    compare_exchange,
    add,
    insert,
    erase,
    contains,
    put,
    get,
    push,
    try_push,
    pop,
};

struct request {
    verb what = verb::read;
    std::int64_t key = 0;
    std::int64_t value = 0;
    std::int64_t expected = 0; // of compare_exchange

    [[nodiscard]] friend bool operator==(const request&, const request&) = default;
};

// A value; yes and no as 1 and 0; nothing.
using response = std::optional<std::int64_t>;

namespace detail {

// A verb as it is spelled, and which arguments it takes.
struct verb_words {
    verb what;
    std::string_view name;
    bool key;
    bool value;
    bool expected;
};

inline constexpr std::array<verb_words, 12> verbs = {{
    {verb::read, "read", false, false, false},
    {verb::write, "write", false, true, false},
    {verb::compare_exchange, "compare_exchange", false, true, true},
    {verb::add, "add", false, true, false},
    {verb::insert, "insert", true, false, false},
    {verb::erase, "erase", true, false, false},
    {verb::contains, "contains", true, false, false},
    {verb::put, "put", true, true, false},
    {verb::get, "get", true, false, false},
    {verb::push, "push", false, true, false},
    {verb::try_push, "try_push", false, true, false},
    {verb::pop, "pop", false, false, false},
}};

[[nodiscard]] inline const verb_words& words_of(verb what) {
    return *std::ranges::find(verbs, what, &verb_words::what);
}

[[nodiscard]] constexpr std::size_t hash_step(std::size_t hash, std::int64_t value) noexcept {
    hash = (hash ^ static_cast<std::size_t>(value)) * static_cast<std::size_t>(0x9e3779b97f4a7c15U);
    return hash ^ (hash >> 29U);
}

[[nodiscard]] inline std::size_t hash_all(const std::vector<std::int64_t>& values) noexcept {
    std::size_t hash = values.size();
    for (const std::int64_t each : values) {
        hash = hash_step(hash, each);
    }
    return hash;
}

} // namespace detail

// "push(1)", for people.
[[nodiscard]] inline std::string text_of(const request& asked) {
    const detail::verb_words& known = detail::words_of(asked.what);
    std::string arguments;
    const auto argument = [&](bool there, std::int64_t value) {
        if (there) {
            arguments += (arguments.empty() ? "" : ", ") + std::to_string(value);
        }
    };
    argument(known.key, asked.key);
    argument(known.expected, asked.expected);
    argument(known.value, asked.value);
    return std::string(known.name) + '(' + arguments + ')';
}

struct register_specification {
    using operation = request;
    using result = response;

    std::int64_t value = 0;

    [[nodiscard]] static constexpr bool knows(verb what) noexcept {
        return what == verb::read || what == verb::write || what == verb::compare_exchange;
    }

    response apply(const request& asked) {
        switch (asked.what) {
        case verb::read:
            return value;
        case verb::write:
            value = asked.value;
            return {};
        case verb::compare_exchange:
            if (value != asked.expected) {
                return 0;
            }
            value = asked.value;
            return 1;
        default:
            return {};
        }
    }

    [[nodiscard]] std::size_t hash() const noexcept { return detail::hash_step(0, value); }
    [[nodiscard]] friend bool operator==(const register_specification&, const register_specification&) = default;
};

struct counter_specification {
    using operation = request;
    using result = response;

    std::int64_t value = 0;

    [[nodiscard]] static constexpr bool knows(verb what) noexcept { return what == verb::add || what == verb::read; }

    response apply(const request& asked) {
        const std::int64_t before = value;
        if (asked.what == verb::add) {
            // Wraps, as an atomic does.
            value =
                static_cast<std::int64_t>(static_cast<std::uint64_t>(value) + static_cast<std::uint64_t>(asked.value));
        } else if (asked.what != verb::read) {
            return {};
        }
        return before;
    }

    [[nodiscard]] std::size_t hash() const noexcept { return detail::hash_step(0, value); }
    [[nodiscard]] friend bool operator==(const counter_specification&, const counter_specification&) = default;
};

struct set_specification {
    using operation = request;
    using result = response;

    std::vector<std::int64_t> keys{}; // ascending

    [[nodiscard]] static constexpr bool knows(verb what) noexcept {
        return what == verb::insert || what == verb::erase || what == verb::contains;
    }
    [[nodiscard]] static std::int64_t partition(const request& asked) noexcept { return asked.key; }

    response apply(const request& asked) {
        const auto at = std::ranges::lower_bound(keys, asked.key);
        const bool there = at != keys.end() && *at == asked.key;
        switch (asked.what) {
        case verb::contains:
            return there ? 1 : 0;
        case verb::insert:
            if (!there) {
                keys.insert(at, asked.key);
            }
            return there ? 0 : 1;
        case verb::erase:
            if (there) {
                keys.erase(at);
            }
            return there ? 1 : 0;
        default:
            return {};
        }
    }

    [[nodiscard]] std::size_t hash() const noexcept { return detail::hash_all(keys); }
    [[nodiscard]] friend bool operator==(const set_specification&, const set_specification&) = default;
};

struct map_specification {
    using operation = request;
    using result = response;

    std::vector<std::pair<std::int64_t, std::int64_t>> entries{}; // ascending keys

    [[nodiscard]] static constexpr bool knows(verb what) noexcept {
        return what == verb::put || what == verb::erase || what == verb::get;
    }
    [[nodiscard]] static std::int64_t partition(const request& asked) noexcept { return asked.key; }

    response apply(const request& asked) {
        const auto at = std::ranges::lower_bound(entries, asked.key, {}, &std::pair<std::int64_t, std::int64_t>::first);
        const response before = at != entries.end() && at->first == asked.key ? response(at->second) : response();
        if (asked.what == verb::put) {
            if (before) {
                at->second = asked.value;
            } else {
                entries.insert(at, {asked.key, asked.value});
            }
        } else if (asked.what == verb::erase) {
            if (before) {
                entries.erase(at);
            }
        } else if (asked.what != verb::get) {
            return {};
        }
        return before;
    }

    [[nodiscard]] std::size_t hash() const noexcept {
        std::size_t hash = entries.size();
        for (const auto& [key, value] : entries) {
            hash = detail::hash_step(detail::hash_step(hash, key), value);
        }
        return hash;
    }
    [[nodiscard]] friend bool operator==(const map_specification&, const map_specification&) = default;
};

struct stack_specification {
    using operation = request;
    using result = response;

    std::vector<std::int64_t> values{}; // the newest last

    [[nodiscard]] static constexpr bool knows(verb what) noexcept { return what == verb::push || what == verb::pop; }

    response apply(const request& asked) {
        if (asked.what == verb::push) {
            values.push_back(asked.value);
            return {};
        }
        if (asked.what != verb::pop || values.empty()) {
            return {};
        }
        const std::int64_t newest = values.back();
        values.pop_back();
        return newest;
    }

    [[nodiscard]] std::size_t hash() const noexcept { return detail::hash_all(values); }
    [[nodiscard]] friend bool operator==(const stack_specification&, const stack_specification&) = default;
};

// A pop that waits until there is a value is a pop that never returns nothing.
struct queue_specification {
    using operation = request;
    using result = response;

    std::size_t capacity = 0;           // of try_push; 0: none
    std::vector<std::int64_t> values{}; // the oldest first

    [[nodiscard]] static constexpr bool knows(verb what) noexcept {
        return what == verb::push || what == verb::try_push || what == verb::pop;
    }

    response apply(const request& asked) {
        switch (asked.what) {
        case verb::push:
            values.push_back(asked.value);
            return {};
        case verb::try_push:
            if (capacity != 0 && values.size() >= capacity) {
                return 0;
            }
            values.push_back(asked.value);
            return 1;
        case verb::pop: {
            if (values.empty()) {
                return {};
            }
            const std::int64_t oldest = values.front();
            values.erase(values.begin());
            return oldest;
        }
        default:
            return {};
        }
    }

    [[nodiscard]] std::size_t hash() const noexcept { return detail::hash_all(values); }
    [[nodiscard]] friend bool operator==(const queue_specification&, const queue_specification&) = default;
};

// A pop returns any of the k oldest values; k = 1 is a queue.
struct relaxed_queue_specification {
    using operation = request;
    using result = response;

    std::size_t k = 1;
    std::vector<std::int64_t> values{}; // the oldest first

    [[nodiscard]] static constexpr bool knows(verb what) noexcept { return what == verb::push || what == verb::pop; }

    template<class Emit>
    void next(const request& asked, const response* seen, Emit emit) const {
        if (asked.what == verb::pop && !values.empty()) {
            for (std::size_t i = 0; i < std::min(k, values.size()); ++i) {
                if (seen == nullptr || *seen == values[i]) {
                    relaxed_queue_specification after = *this;
                    after.values.erase(after.values.begin() + static_cast<std::ptrdiff_t>(i));
                    emit(std::move(after));
                }
            }
            return;
        }
        if (seen != nullptr && *seen) {
            return;
        }
        relaxed_queue_specification after = *this;
        if (asked.what == verb::push) {
            after.values.push_back(asked.value);
        }
        emit(std::move(after));
    }

    [[nodiscard]] std::size_t hash() const noexcept { return detail::hash_all(values); }
    [[nodiscard]] friend bool operator==(const relaxed_queue_specification&,
                                         const relaxed_queue_specification&) = default;
};

} // namespace gantry::check

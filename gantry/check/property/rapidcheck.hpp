// SPDX-License-Identifier: MIT
#pragma once
//
// RapidCheck generators for gantry's types, and for what smallcheck can make: random values that shrink.
//
// Use it when a property of sequential code is tested at random with RapidCheck. Do not use it when small values show
// the fault -> smallcheck.hpp, which tries all of them; when threads meet -> model.hpp, scenario.hpp.
//
//     const bool held = rc::check("what a specification makes has an explanation", [] {
//         const auto all = *history_of(queue_specification(), {.threads = 3, .steps_max = 24});
//         RC_ASSERT(check_history(queue_specification(), all).is == verdict::holds);
//     });
//
// rc::gen::arbitrary() knows, beside what RapidCheck knows: std::optional, std::variant, std::expected, std::byte,
// std::monostate, enumerations with smallcheck's enumerators, aggregates of up to 8 members (by their members),
// storage faults and restarts. small<T>(depth) is a value of T's series of at most that depth and shrinks towards its
// beginning. No other header of gantry includes this one: it is the only one that needs RapidCheck.
//
// Threads: as RapidCheck. Progress: allocates. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: values.
// Origin: QuickCheck (Claessen, Hughes, ICFP 2000), by way of RapidCheck.

#include <gantry/base/storage.hpp>
#include <gantry/check/linearizability/history.hpp>
#include <gantry/check/linearizability/history_text.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/scenario/detail/tables.hpp>
#include <gantry/check/smallcheck/smallcheck.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

template<>
struct gantry::check::smallcheck::enumerators<gantry::check::verb> {
    static constexpr auto values = [] {
        std::array<verb, gantry::check::detail::verbs.size()> all{};
        std::ranges::transform(gantry::check::detail::verbs, all.begin(), &gantry::check::detail::verb_words::what);
        return all;
    }();
};

template<>
struct gantry::check::smallcheck::enumerators<gantry::check::survival> {
    static constexpr std::array values{survival::chosen, survival::none, survival::all};
};

template<>
struct gantry::check::smallcheck::enumerators<gantry::storage_operation> {
    static constexpr std::array values{storage_operation::open_directory, storage_operation::create_directory,
                                       storage_operation::sync_directory, storage_operation::list,
                                       storage_operation::open,           storage_operation::create,
                                       storage_operation::rename,         storage_operation::remove,
                                       storage_operation::lock,           storage_operation::read,
                                       storage_operation::write,          storage_operation::sync,
                                       storage_operation::truncate,       storage_operation::size};
};

namespace gantry::check {

namespace detail {

// Each as likely as the others from the first test on: RapidCheck's own range grows with the size.
[[nodiscard]] inline rc::Gen<std::size_t> index_below(std::size_t size) {
    return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::size_t>(0, size));
}

} // namespace detail

// A value of T of at most `depth_max`, and while the test is young of at most RapidCheck's size.
template<class T>
[[nodiscard]] rc::Gen<T> small(smallcheck::depth_type depth_max) {
    return rc::gen::withSize([depth_max](int size) {
        const auto depth = std::min<smallcheck::depth_type>(depth_max, static_cast<unsigned>(size));
        constexpr smallcheck::natural most = std::numeric_limits<std::int64_t>::max();
        const auto choices = static_cast<std::int64_t>(std::min(most, smallcheck::series<T>::count(depth)));
        return rc::gen::map(rc::gen::inRange<std::int64_t>(0, choices), [](std::int64_t index) {
            return smallcheck::series<T>::at(static_cast<smallcheck::natural>(index));
        });
    });
}

// An operation that the specification knows, with keys and values from 0 to `argument_max`.
template<class Spec>
[[nodiscard]] rc::Gen<request> request_of(std::int64_t argument_max = 3) {
    std::vector<verb> known;
    for (const auto& each : detail::verbs) {
        if (Spec::knows(each.what)) {
            known.push_back(each.what);
        }
    }
    const auto argument = rc::gen::inRange<std::int64_t>(0, argument_max + 1);
    const auto index = detail::index_below(known.size());
    return rc::gen::map(rc::gen::tuple(index, argument, argument, argument),
                        [known](const std::tuple<std::size_t, std::int64_t, std::int64_t, std::int64_t>& drawn) {
                            const auto& [which, key, value, expected] = drawn;
                            const verb what = known[which];
                            const detail::verb_words& takes = detail::words_of(what);
                            return request{.what = what,
                                           .key = takes.key ? key : 0,
                                           .value = takes.value ? value : 0,
                                           .expected = takes.expected ? expected : 0};
                        });
}

struct history_shape {
    std::uint32_t threads = 3;
    std::size_t steps_max = 30; // calls, effects and ends together
};

// A history with an explanation: each operation takes effect between its call and its end, and those without an end may
// have taken effect or not.
template<class Spec>
[[nodiscard]] rc::Gen<history<request, response>> history_of(const Spec& start, const history_shape& shape = {}) {
    using step = std::pair<std::uint32_t, request>; // whose turn it is, and what it calls if it is idle
    const auto steps = rc::gen::mapcat(
        rc::gen::inRange<std::size_t>(0, shape.steps_max + 1), [threads = shape.threads](std::size_t size) {
            return rc::gen::container<std::vector<step>>(
                size, rc::gen::pair(rc::gen::inRange<std::uint32_t>(0, threads), request_of<Spec>()));
        });
    return rc::gen::map(steps, [start, threads = shape.threads](const std::vector<step>& taken) {
        struct thread {
            std::optional<std::size_t> running;
            response effect;
            bool done = false;
        };

        history<request, response> all;
        std::vector<thread> state(threads);
        Spec object = start;
        std::uint64_t now = 0;
        for (const auto& [turn, asked] : taken) {
            thread& mine = state[turn];
            if (!mine.running) {
                mine = {.running = all.size(), .effect = {}, .done = false};
                all.push_back({.thread = turn, .what = asked, .result = {}, .call = ++now, .end = pending});
            } else if (!mine.done) {
                mine.effect = object.apply(all[*mine.running].what);
                mine.done = true;
            } else {
                all[*mine.running].result = mine.effect;
                all[*mine.running].end = ++now;
                mine.running.reset();
            }
        }
        return all;
    });
}

// A table of scenarios: a list of operations for each thread, as numbers.
[[nodiscard]] inline rc::Gen<detail::table> table_of(const detail::bounds& within) {
    const auto list = rc::gen::mapcat(
        rc::gen::inRange<std::size_t>(1, within.length_max + 1U), [operations = within.operations](std::size_t size) {
            return rc::gen::container<std::vector<std::uint32_t>>(size, rc::gen::inRange<std::uint32_t>(0, operations));
        });
    return rc::gen::mapcat(rc::gen::inRange<std::size_t>(1, within.threads_max + 1U),
                           [list](std::size_t size) { return rc::gen::container<detail::table>(size, list); });
}

// How RapidCheck shows a counterexample.
inline void showValue(const request& asked, std::ostream& out) {
    out << text_of(asked);
}

template<class Operation, class Result>
void showValue(const record<Operation, Result>& one, std::ostream& out) {
    out << "thread " << one.thread << ": " << text_of(one);
}

namespace detail {

template<class T>
inline constexpr bool is_std_array = false;

template<class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template<class T>
concept listed = std::is_enum_v<T> && requires { smallcheck::enumerators<T>::values; };

// What smallcheck takes apart, and RapidCheck does not know by itself.
template<class T>
concept taken_apart = std::is_class_v<T> && std::is_aggregate_v<T> && !std::is_empty_v<T> && !is_std_array<T>;

template<class T, class... Members>
[[nodiscard]] rc::Gen<T> of_members(smallcheck::detail::types<Members...>) {
    return rc::gen::map(rc::gen::tuple(rc::gen::arbitrary<Members>()...), [](std::tuple<Members...> members) {
        return std::apply([](Members&... each) { return T{std::move(each)...}; }, members);
    });
}

} // namespace detail

} // namespace gantry::check

namespace rc {

template<class Enum>
struct Arbitrary<Enum, std::enable_if_t<gantry::check::detail::listed<Enum>>> {
    static Gen<Enum> arbitrary() {
        using known = gantry::check::smallcheck::enumerators<Enum>;
        return gen::map(gantry::check::detail::index_below(std::size(known::values)),
                        [](std::size_t index) { return std::begin(known::values)[index]; });
    }
};

template<class T>
struct Arbitrary<T, std::enable_if_t<gantry::check::detail::taken_apart<T>>> {
    static Gen<T> arbitrary() {
        using members = decltype(gantry::check::smallcheck::detail::member_types(std::declval<T&>()));
        return gantry::check::detail::of_members<T>(members());
    }
};

template<>
struct Arbitrary<std::monostate> {
    static Gen<std::monostate> arbitrary() { return gen::just(std::monostate()); }
};

template<>
struct Arbitrary<std::byte> {
    static Gen<std::byte> arbitrary() {
        return gen::map(gen::arbitrary<unsigned char>(), [](unsigned char value) { return std::byte(value); });
    }
};

template<class T>
struct Arbitrary<std::optional<T>> {
    static Gen<std::optional<T>> arbitrary() {
        // Shrinks to nothing first.
        return gen::map(gen::pair(gen::arbitrary<bool>(), gen::arbitrary<T>()), [](std::pair<bool, T> drawn) {
            return drawn.first ? std::optional<T>(std::move(drawn.second)) : std::nullopt;
        });
    }
};

template<class... Alternatives>
struct Arbitrary<std::variant<Alternatives...>> {
    static Gen<std::variant<Alternatives...>> arbitrary() { return of(std::index_sequence_for<Alternatives...>()); }

private:
    template<std::size_t... I>
    static Gen<std::variant<Alternatives...>> of(std::index_sequence<I...>) {
        return gen::oneOf(gen::map(gen::arbitrary<Alternatives>(), [](Alternatives value) {
            return std::variant<Alternatives...>(std::in_place_index<I>, std::move(value));
        })...);
    }
};

template<class T, class Error>
struct Arbitrary<std::expected<T, Error>> {
    static Gen<std::expected<T, Error>> arbitrary() {
        auto error = gen::map(gen::arbitrary<Error>(),
                              [](Error reason) { return std::expected<T, Error>(std::unexpect, std::move(reason)); });
        if constexpr (std::is_void_v<T>) {
            return gen::oneOf(gen::just(std::expected<T, Error>()), std::move(error));
        } else {
            return gen::oneOf(
                gen::map(gen::arbitrary<T>(),
                         [](T value) { return std::expected<T, Error>(std::in_place, std::move(value)); }),
                std::move(error));
        }
    }
};

// A fault that a short run meets.
template<>
struct Arbitrary<gantry::check::storage_fault> {
    static Gen<gantry::check::storage_fault> arbitrary() {
        using gantry::check::storage_fault;
        return gen::build<storage_fault>(
            gen::set(&storage_fault::operation), gen::set(&storage_fault::path, gen::just(std::string())),
            gen::set(&storage_fault::skip, gen::inRange<std::uint64_t>(0, 20)),
            gen::set(&storage_fault::times, gen::element<std::uint64_t>(1, 2, storage_fault::forever)),
            gen::set(&storage_fault::one_in, gen::inRange<std::uint64_t>(1, 4)),
            gen::set(&storage_fault::code, gen::element(EIO, ENOSPC, EDQUOT, EROFS)),
            gen::set(&storage_fault::written, gen::inRange<std::uint64_t>(0, 64)), gen::set(&storage_fault::unsynced));
    }
};

// A new start after a power cut, decided by the storage's own generator.
template<>
struct Arbitrary<gantry::check::restart_options> {
    static Gen<gantry::check::restart_options> arbitrary() {
        using gantry::check::restart_options;
        return gen::build<restart_options>(
            gen::set(&restart_options::data), gen::set(&restart_options::names),
            gen::set(&restart_options::bit_flips, gen::weightedElement<std::uint64_t>({{4, 0}, {1, 1}, {1, 3}})));
    }
};

} // namespace rc

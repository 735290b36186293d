// SPDX-License-Identifier: MIT
#pragma once
//
// text_of(), explained(): operations, and what check_history() found, as text for people.
//
// Use it when a history is to be shown in a terminal or a report.
// Do not use it when a picture is wanted -> history_page.hpp; when a program reads the answer -> history_result.
//
//     EXPECT_EQ(text_of(all[0]), "push(7) -> nothing");
//
// An operation or a result of your own is shown by the first of these that it has: a function `text_of(x)` beside its
// type, its own text, "nothing" or the value of an optional, true or false, its digits, its number (an enumeration),
// `operator<<`. Any other is shown as "?".
//
// Threads: functions. Progress: allocates. Ordering: n/a. Cost: linear. Failure: n/a. Lifetime: nothing is kept.
// Origin: n/a.

#include <gantry/check/linearizability/history.hpp>
#include <gantry/check/linearizability/linearizability.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

namespace gantry::check {

namespace detail {

template<class T>
[[nodiscard]] std::string shown(const T& value) {
    if constexpr (requires {
                      { text_of(value) } -> std::convertible_to<std::string>;
                  }) {
        return text_of(value);
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
        return std::string(std::string_view(value));
    } else if constexpr (std::same_as<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (requires { std::to_string(value); }) {
        return std::to_string(value);
    } else if constexpr (std::is_enum_v<T>) {
        return std::to_string(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (requires {
                             static_cast<bool>(value);
                             *value;
                         }) {
        return value ? shown(*value) : "nothing";
    } else if constexpr (requires(std::ostream& out) { out << value; }) {
        std::ostringstream out;
        out << value;
        return out.str();
    } else {
        return "?";
    }
}

} // namespace detail

// "push(1) -> nothing".
template<class Operation, class Result>
[[nodiscard]] std::string text_of(const record<Operation, Result>& one) {
    const std::string text = detail::shown(one.what);
    if (one.is_pending()) {
        return text + " pending";
    }
    return one.result ? text + " -> " + detail::shown(*one.result) : text;
}

// How far an order explains the history, and what does not fit behind it: a line each. Empty if it holds.
template<class Operation, class Result>
[[nodiscard]] std::string explained(const history<Operation, Result>& all, const history_result& result) {
    if (!result.stuck) {
        return {};
    }
    constexpr std::size_t shown_max = 20;
    const std::size_t skipped = result.order.size() - std::min(result.order.size(), shown_max);
    std::string text = "an order explains " + std::to_string(result.order.size()) + " of " +
                       std::to_string(result.part.size()) + " operations" +
                       (skipped == 0 ? ":\n" : ", the last of them:\n");
    for (std::size_t i = skipped; i < result.order.size(); ++i) {
        const auto& one = all[result.order[i]];
        text += "  " + std::to_string(i + 1) + ". thread " + std::to_string(one.thread) + ": " + text_of(one) + '\n';
    }
    const auto& stuck = all[*result.stuck];
    return text + "but then not  thread " + std::to_string(stuck.thread) + ": " + text_of(stuck) + ", called at " +
           std::to_string(stuck.call) + '\n';
}

} // namespace gantry::check

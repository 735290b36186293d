// SPDX-License-Identifier: MIT
#pragma once
//
// tables: which operations meet in which threads, as numbers: all of a size, one at random, and smaller ones.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::check::detail {

// A list of operations for each thread, none empty.
using table = std::vector<std::vector<std::uint32_t>>;

struct bounds {
    std::uint32_t operations; // to choose from
    std::uint32_t threads_max;
    std::uint32_t length_max; // of a thread's list
};

// How many tables there are within the bounds; the largest number if more.
[[nodiscard]] constexpr std::uint64_t count(const bounds& within) {
    __extension__ using wide = unsigned __int128;
    constexpr wide most = std::numeric_limits<std::uint64_t>::max();
    wide lists = 0;
    wide power = 1;
    for (std::uint32_t i = 0; i < within.length_max; ++i) {
        power = std::min(most, power * within.operations);
        lists = std::min(most, lists + power);
    }
    // Multisets of t lists: C(lists + t - 1, t).
    wide all = 0;
    wide choices = 1;
    for (std::uint32_t t = 1; t <= within.threads_max; ++t) {
        choices = std::min(most, choices * std::min(most, lists + t - 1) / t);
        all = std::min(most, all + choices);
    }
    return static_cast<std::uint64_t>(all);
}

// Calls visit(table) for every table within the bounds until it returns false: by the number of operations, then of
// threads. Of the tables that are the same up to a permutation of threads, the one with its lists in order (shorter
// ones first).
template<class Visit>
void for_each_table(const bounds& within, Visit visit) {
    table now;
    // Fills the thread `t` and those behind it with `left` operations.
    const auto place = [&](const auto& self, std::size_t t, std::uint32_t left) -> bool {
        if (t == now.size()) {
            return left != 0 || visit(std::as_const(now));
        }
        const auto behind = static_cast<std::uint32_t>(now.size() - t);
        const bool first = t == 0;
        const auto shortest = first ? std::size_t{1} : now[t - 1].size();
        for (std::size_t length = shortest; length <= within.length_max && length * behind <= left; ++length) {
            std::vector<std::uint32_t>& list = now[t];
            // Not less than the list before it.
            list = !first && now[t - 1].size() == length ? now[t - 1] : std::vector<std::uint32_t>(length, 0);
            for (bool more = true; more;) {
                if (!self(self, t + 1, left - static_cast<std::uint32_t>(length))) {
                    return false;
                }
                std::size_t i = length;
                while (i > 0 && ++list[i - 1] == within.operations) {
                    list[--i] = 0;
                }
                more = i > 0;
            }
        }
        return true;
    };
    if (within.operations == 0) {
        return;
    }
    for (std::uint32_t total = 1; total <= within.threads_max * within.length_max; ++total) {
        for (std::uint32_t threads = 1; threads <= std::min(within.threads_max, total); ++threads) {
            now.assign(threads, {});
            if (!place(place, 0, total)) {
                return;
            }
        }
    }
}

// As many threads as the bounds allow, with lists of up to their length. `below(n)` is a number less than n.
template<class Below>
[[nodiscard]] table draw(const bounds& within, Below below) {
    table drawn(within.threads_max);
    for (auto& list : drawn) {
        list.resize(1 + static_cast<std::size_t>(below(within.length_max)));
        for (std::uint32_t& each : list) {
            each = static_cast<std::uint32_t>(below(within.operations));
        }
    }
    return drawn;
}

// Makes the table smaller as long as fails(smaller) says so: without a thread, without an operation, with an operation
// that comes earlier in the list. What is left fails, and no table a step smaller does.
template<class Fails>
void shrink(table& failing, Fails fails) {
    const auto attempt = [&](auto change) {
        table smaller = failing;
        change(smaller);
        if (smaller.empty() || !fails(std::as_const(smaller))) {
            return false;
        }
        failing = std::move(smaller);
        return true;
    };
    for (bool again = true; again;) {
        again = false;
        for (std::size_t t = 0; t < failing.size();) {
            if (attempt([&](table& it) { it.erase(it.begin() + static_cast<std::ptrdiff_t>(t)); })) {
                again = true;
            } else {
                ++t;
            }
        }
        for (std::size_t t = 0; t < failing.size(); ++t) {
            for (std::size_t i = 0; failing[t].size() > 1 && i < failing[t].size();) {
                if (attempt([&](table& it) { it[t].erase(it[t].begin() + static_cast<std::ptrdiff_t>(i)); })) {
                    again = true;
                } else {
                    ++i;
                }
            }
            for (std::size_t i = 0; i < failing[t].size(); ++i) {
                for (std::uint32_t smaller = 0; smaller < failing[t][i]; ++smaller) {
                    if (attempt([&](table& it) { it[t][i] = smaller; })) {
                        again = true;
                        break;
                    }
                }
            }
        }
    }
}

// "0.2/1": the threads' lists.
[[nodiscard]] inline std::string spelled(const table& it) {
    std::string text;
    for (const auto& list : it) {
        text += text.empty() ? "" : "/";
        for (std::size_t i = 0; i < list.size(); ++i) {
            text += (i == 0 ? "" : ".") + std::to_string(list[i]);
        }
    }
    return text;
}

// "0.2/1:TOKEN": a table of numbers below `operations`, and the token of an execution of it.
[[nodiscard]] inline std::optional<std::pair<table, std::string>> parse_token(std::string_view text,
                                                                              std::size_t operations) {
    constexpr std::size_t threads_max = 63;
    table parsed(1);
    while (!text.empty() && parsed.size() <= threads_max) {
        std::uint32_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || number >= operations || end == text.data() + text.size()) {
            return std::nullopt;
        }
        parsed.back().push_back(number);
        const char separator = *end;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
        if (separator == ':') {
            return std::pair(std::move(parsed), std::string(text));
        }
        if (separator == '/') {
            parsed.emplace_back();
        } else if (separator != '.') {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

} // namespace gantry::check::detail

// SPDX-License-Identifier: MIT
#pragma once
//
// For the tests of check_history(): short ways to write histories, and a judge that shares nothing with the search.

#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/specifications.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gantry::check::test {

using events = history<request, response>;

inline request push(std::int64_t value) {
    return {.what = verb::push, .value = value};
}
inline request pop() {
    return {.what = verb::pop};
}

// A history is written down as the paper does: calls and ends, one after the other.
class writer {
public:
    writer& call(std::uint32_t thread, const request& what) {
        all_.push_back({.thread = thread, .what = what, .result = {}, .call = ++now_, .end = pending});
        return *this;
    }
    writer& end(std::uint32_t thread, response result = {}) {
        for (auto& each : all_) {
            if (each.thread == thread && each.is_pending()) {
                each.end = ++now_;
                each.result = result;
            }
        }
        return *this;
    }
    [[nodiscard]] const events& get() const { return all_; }

private:
    events all_;
    std::uint64_t now_ = 0;
};

// All states that a specification may be in after the operations of `order`; none if they cannot be explained so.
template<class Spec>
std::vector<Spec> states_after(const Spec& start, const events& all, const std::vector<std::size_t>& order) {
    std::vector<Spec> states{start};
    for (const std::size_t i : order) {
        std::vector<Spec> after;
        const response* const seen = all[i].result ? &*all[i].result : nullptr;
        for (const Spec& state : states) {
            if constexpr (requires { state.next(all[i].what, seen, [](const Spec&) {}); }) {
                state.next(all[i].what, seen, [&](Spec next) { after.push_back(std::move(next)); });
            } else {
                Spec next = state;
                const response got = next.apply(all[i].what);
                if (seen == nullptr || got == *seen) {
                    after.push_back(std::move(next));
                }
            }
        }
        states = std::move(after);
    }
    return states;
}

// Whether a must come before b, by the words of the definitions.
inline bool precedes(const events& all, condition what, std::size_t a, std::size_t b) {
    switch (what) {
    case condition::linearizable:
        return all[a].end < all[b].call;
    case condition::sequential:
        return all[a].thread == all[b].thread && all[a].call < all[b].call;
    case condition::quiescent:
        // A moment between two stamps, behind a and before b, at which nothing runs.
        for (std::uint64_t t = all[a].end; t < all[b].call; ++t) {
            bool quiet = true;
            for (const auto& each : all) {
                quiet = quiet && !(each.call <= t && each.end > t);
            }
            if (quiet) {
                return true;
            }
        }
        return false;
    }
    return false;
}

// The same where `ended(a, b)` says what ended before what was called.
template<class Ended>
bool precedes(const events& all, condition what, const Ended& ended, std::size_t a, std::size_t b) {
    if (all[a].is_pending() && what != condition::sequential) {
        return false;
    }
    switch (what) {
    case condition::linearizable:
        return ended(a, b);
    case condition::sequential:
        return all[a].thread == all[b].thread && all[a].call < all[b].call;
    case condition::quiescent:
        // A set with a and without b, all of which ended before the rest was called.
        for (std::size_t set = 0; set < std::size_t{1} << all.size(); ++set) {
            const auto in = [&](std::size_t i) {
                return (set >> i & 1U) != 0;
            };
            bool quiet = in(a) && !in(b);
            for (std::size_t i = 0; quiet && i < all.size(); ++i) {
                for (std::size_t j = 0; quiet && j < all.size(); ++j) {
                    quiet = !in(i) || in(j) || (!all[i].is_pending() && ended(i, j));
                }
            }
            if (quiet) {
                return true;
            }
        }
        return false;
    }
    return false;
}

// Whether `order` keeps what must come first; what is not in it is taken to come last or never, but what is `elsewhere`
// does not matter.
template<class Before>
bool keeps_order(const events& all, const Before& before_it, const std::vector<std::size_t>& order,
                 const std::vector<bool>& elsewhere) {
    std::vector<bool> before(all.size());
    for (const std::size_t i : order) {
        if (before[i] || elsewhere[i]) {
            return false;
        }
        for (std::size_t j = 0; j < all.size(); ++j) {
            if (!before[j] && !elsewhere[j] && j != i && before_it(j, i)) {
                return false;
            }
        }
        before[i] = true;
    }
    return true;
}

// Every order of every set of operations that holds the completed ones.
template<class Spec, class Before>
bool explained_by_some_order(const Spec& start, const events& all, const Before& before,
                             std::vector<std::size_t>& order, std::vector<bool>& used) {
    bool whole = true;
    for (std::size_t i = 0; i < all.size(); ++i) {
        whole = whole && (used[i] || all[i].is_pending());
    }
    if (whole && keeps_order(all, before, order, std::vector<bool>(all.size())) &&
        !states_after(start, all, order).empty()) {
        return true;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (used[i]) {
            continue;
        }
        used[i] = true;
        order.push_back(i);
        const bool found = explained_by_some_order(start, all, before, order, used);
        order.pop_back();
        used[i] = false;
        if (found) {
            return true;
        }
    }
    return false;
}

template<class Spec, class Before>
bool explained_in(const Spec& start, const events& all, const Before& before) {
    std::vector<std::size_t> order;
    std::vector<bool> used(all.size());
    return explained_by_some_order(start, all, before, order, used);
}

template<class Spec>
bool explained(const Spec& start, const events& all, condition what) {
    return explained_in(start, all, [&](std::size_t a, std::size_t b) { return precedes(all, what, a, b); });
}

// What is wrong with a result, or nothing.
template<class Spec, class Before>
std::string fault_in(const Spec& start, const events& all, const Before& before, const history_result& result) {
    std::vector<bool> used(all.size());
    for (const std::size_t i : result.order) {
        used.at(i) = true;
    }
    std::vector<bool> elsewhere(all.size(), !result.part.empty());
    for (const std::size_t i : result.part) {
        elsewhere.at(i) = false;
    }
    if (result.is == verdict::holds) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (!used[i] && !all[i].is_pending()) {
                return "the witness leaves out " + std::to_string(i);
            }
        }
        if (result.stuck || !result.part.empty()) {
            return "it holds and is stuck";
        }
    } else {
        if (!result.stuck || used.at(*result.stuck) || all[*result.stuck].is_pending()) {
            return "no operation to be stuck at";
        }
        if (result.part.empty()) {
            return "no part";
        }
    }
    if (!keeps_order(all, before, result.order, elsewhere)) {
        return "the order breaks what must come first";
    }
    if (states_after(start, all, result.order).empty()) {
        return "the order explains nothing";
    }
    return {};
}

template<class Spec>
std::string fault(const Spec& start, const events& all, condition what, const history_result& result) {
    return fault_in(start, all, [&](std::size_t a, std::size_t b) { return precedes(all, what, a, b); }, result);
}

} // namespace gantry::check::test

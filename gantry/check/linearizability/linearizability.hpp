// SPDX-License-Identifier: MIT
#pragma once
//
// check_history(): is there an order of the operations of a history, one at a time, that explains every result?
//
// Use it when a concurrent object's histories are at hand: recorded from real threads, or inside a model of the
// checker. Do not use it when every operation is deterministic whatever the order (a sum of counters): compare the end.
//
// A specification is a sequential object: a value with `operation`, `result`, equality, `hash()`, and one of
//     result apply(const operation&);
//     void next(const operation&, const result* seen, auto emit) const;
// The second is for objects that may choose: it calls emit(state) for each state in which the object may be after the
// operation returned *seen (nullptr: anything).
// A static `partition(operation)` says that operations with different keys have nothing to do with each other, and that
// the states of their parts start alike: each part is then searched by itself.
//
// Conditions: `linearizable` (what ended before another's call comes before it), `quiescent` (the same only across a
// moment in which nothing was running), `sequential` (each thread's own order; never partitioned, because two
// sequentially consistent halves may make a whole that is not).
//
// Where there is no clock for all threads, `precedes` says what came before what: inside a model that is
// happens-before (model_history.hpp). Such a history is never partitioned either: with an order that is not one of
// time, parts that have an explanation each may have none together (store buffering on two keys of a map).
//
// Threads: a function; calls are independent. Progress: allocates. Ordering: n/a.
// Cost: exponential in the worst case; linear in length where few operations overlap. A state costs about
// sizeof(specification) + 50 bytes and is counted against states_max.
// Failure: `unknown` at a limit, with the longest prefix found so far; never a wrong verdict. What the specification
// throws passes through.
// Lifetime: nothing is kept.
// Origin: the search of Wing and Gong (1993), with memory as Lowe ("Testing for linearizability", 2017) has it: a pair
// (operations done, state) is never entered twice; partition and the linked list of calls and ends as in Porcupine
// (Athalye 2017). Ours are the short key for the done set, the witness over all parts, choice, and the other
// conditions.

#include <gantry/base/assert.hpp>
#include <gantry/check/linearizability/detail/memo.hpp>
#include <gantry/check/linearizability/detail/order.hpp>
#include <gantry/check/linearizability/history.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace gantry::check {

namespace detail {

struct any_emit {
    template<class State>
    void operator()(State&&) const {}
};

template<class S>
concept deterministic = requires(S state, const typename S::operation& what) {
    { state.apply(what) } -> std::convertible_to<typename S::result>;
};

template<class S>
concept choosing = requires(const S& state, const typename S::operation& what, const typename S::result* seen) {
    state.next(what, seen, any_emit{});
};

template<class S>
concept partitioned = requires(const typename S::operation& what) {
    { S::partition(what) } -> std::totally_ordered;
};

} // namespace detail

template<class S>
concept specification =
    std::copyable<S> && std::equality_comparable<S> && std::equality_comparable<typename S::result> &&
    (detail::deterministic<S> || detail::choosing<S>) && requires(const S& state) {
        { state.hash() } -> std::convertible_to<std::size_t>;
    };

enum class condition : std::uint8_t { linearizable, quiescent, sequential };

[[nodiscard]] constexpr const char* name_of(condition what) noexcept {
    return what == condition::linearizable ? "linearizable" : what == condition::quiescent ? "quiescent" : "sequential";
}

enum class verdict : std::uint8_t { holds, violated, unknown };

struct history_options {
    condition what = condition::linearizable;
    bool partition = true;                          // where the specification can be
    std::uint64_t states_max = 20'000'000;          // in all parts together
    std::optional<std::chrono::nanoseconds> time{}; // none: as long as it takes
};

struct history_result {
    verdict is = verdict::unknown;
    // Indices into the history. If it holds: a witness, with all completed operations and some of the pending ones.
    // Otherwise the longest explained beginning of the part that failed.
    std::vector<std::size_t> order;
    // Not explained: an operation that fits nowhere behind that beginning. None if it holds.
    std::optional<std::size_t> stuck;
    // The part that failed or did not come to an end; empty if it holds.
    std::vector<std::size_t> part;
    std::uint64_t states = 0; // visited, in all parts
    std::size_t parts = 0;
};

namespace detail {

struct budget {
    std::uint64_t states_left;
    std::optional<std::chrono::steady_clock::time_point> deadline;
    std::uint32_t tries = 0;

    // The clock is slower than a try.
    [[nodiscard]] bool in_time() {
        return !deadline || ++tries % 1024 != 0 || std::chrono::steady_clock::now() < *deadline;
    }
};

[[nodiscard]] inline budget budget_of(const history_options& options) {
    budget allowed{.states_left = options.states_max, .deadline = {}};
    if (options.time) {
        allowed.deadline = std::chrono::steady_clock::now() + *options.time;
    }
    return allowed;
}

struct found {
    verdict is = verdict::unknown;
    std::vector<std::size_t> order;
    std::size_t stuck = nothing;
    std::uint64_t states = 0;
};

// Depth first, through every pair of (operations done, state) once.
template<class Spec, class Order>
class search {
public:
    using operation = typename Spec::operation;
    using result = typename Spec::result;
    using view = std::span<const record<operation, result>* const>;

    search(const Spec& start, Order order, view operations) : order_(std::move(order)), operations_(operations) {
        path_.emplace_back(start, order_.first());
        best_.stuck = order_.stuck();
    }

    [[nodiscard]] found run(budget& allowed) {
        while (!order_.finished()) {
            if (path_.back().trying == nothing) {
                keep_if_longest();
                if (path_.size() == 1) {
                    best_.is = verdict::violated;
                    break;
                }
                leave();
                continue;
            }
            // Asked once a try, so that a limit of zero states ends at once.
            if (allowed.states_left == 0 || visited_.full() || !allowed.in_time()) {
                keep_if_longest();
                break;
            }
            if (try_one()) {
                --allowed.states_left;
            }
        }
        if (order_.finished()) {
            best_.is = verdict::holds;
            best_.order = taken();
            best_.stuck = nothing;
        }
        best_.states = visited_.size();
        return std::move(best_);
    }

private:
    static constexpr bool chooses = !deterministic<Spec>;

    struct frame {
        frame(Spec before, std::size_t first) : state(std::move(before)), trying(first) {}

        Spec state;                  // before the operation that is being tried
        std::size_t trying;          // that operation
        bool asked = false;          // whether `choices` were asked for
        std::vector<Spec> choices{}; // what it may lead to and is still untried
    };

    // Takes the operation being tried; true if that leads somewhere new.
    [[nodiscard]] bool try_one() {
        frame& top = path_.back();
        const auto& tried = *operations_[top.trying];
        const result* const seen = tried.result ? &*tried.result : nullptr;
        if constexpr (chooses) {
            if (!top.asked) {
                top.asked = true;
                top.state.next(tried.what, seen, [&](Spec state) { top.choices.push_back(std::move(state)); });
            }
            if (!top.choices.empty()) {
                Spec state = std::move(top.choices.back());
                top.choices.pop_back();
                return enter(std::move(state));
            }
        } else {
            Spec state = top.state;
            const result got = state.apply(tried.what);
            if ((seen == nullptr || got == *seen) && enter(std::move(state))) {
                return true;
            }
        }
        advance();
        return false;
    }

    [[nodiscard]] bool enter(Spec&& state) {
        const std::size_t tried = path_.back().trying;
        order_.take(tried);
        order_.done(key_);
        if (!visited_.insert(key_, state)) {
            order_.give_back(tried);
            return false;
        }
        path_.emplace_back(std::move(state), order_.first());
        deeper_ = true;
        return true;
    }

    void leave() {
        path_.pop_back();
        order_.give_back(path_.back().trying);
        if (!chooses || path_.back().choices.empty()) {
            advance();
        }
    }

    void advance() {
        frame& top = path_.back();
        top.trying = order_.after(top.trying);
        top.asked = false;
    }

    [[nodiscard]] std::vector<std::size_t> taken() const {
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i + 1 < path_.size(); ++i) {
            order.push_back(path_[i].trying);
        }
        return order;
    }

    // Only where the path ends, so that a deep search does not copy its path at each step.
    void keep_if_longest() {
        if (deeper_ && path_.size() - 1 > best_.order.size()) {
            best_.order = taken();
            best_.stuck = order_.stuck();
        }
        deeper_ = false;
    }

    Order order_;
    view operations_;
    memo<Spec> visited_;
    std::vector<frame> path_;
    std::vector<std::uint64_t> key_; // kept for its storage
    found best_;
    bool deeper_ = false; // since the path was kept
};

// Operations stay in order across moments without any operation: each reaches as far as the busy time that it lies in.
inline void widen_to_busy_times(std::span<interval> operations) {
    std::vector<std::size_t> by_call(operations.size());
    std::iota(by_call.begin(), by_call.end(), std::size_t{0});
    std::ranges::sort(by_call, {}, [&](std::size_t i) { return operations[i].call; });
    for (std::size_t begin = 0; begin < by_call.size();) {
        const std::uint64_t call = operations[by_call[begin]].call;
        std::uint64_t end = operations[by_call[begin]].end;
        std::size_t stop = begin + 1;
        while (stop < by_call.size() && operations[by_call[stop]].call <= end) {
            end = std::max(end, operations[by_call[stop++]].end);
        }
        for (; begin < stop; ++begin) {
            interval& each = operations[by_call[begin]];
            each.call = call;
            each.end = each.pending ? each.end : end;
        }
    }
}

template<class Operation, class Result>
[[nodiscard]] std::vector<interval> times_of(const history<Operation, Result>& all) {
    std::vector<interval> times;
    times.reserve(all.size());
    for (const auto& each : all) {
        GANTRY_ASSERT(each.call < each.end);
        times.push_back({.call = each.call, .end = each.end, .thread = each.thread, .pending = each.is_pending()});
    }
    return times;
}

// Which busy time each operation lies in: two of them lie in the same one if they overlap, or if a third one, a fourth
// and so on connect them. A busy time comes before another as a whole or not at all.
template<class Precedes>
[[nodiscard]] std::vector<std::size_t> busy_times(std::size_t operations, const Precedes& precedes) {
    std::vector<std::size_t> time(operations, operations);
    std::vector<std::size_t> reached;
    for (std::size_t i = 0; i < operations; ++i) {
        if (time[i] != operations) {
            continue;
        }
        time[i] = i;
        reached.push_back(i);
        while (!reached.empty()) {
            const std::size_t a = reached.back();
            reached.pop_back();
            for (std::size_t b = 0; b < operations; ++b) {
                if (time[b] == operations && !precedes(a, b) && !precedes(b, a)) {
                    time[b] = i;
                    reached.push_back(b);
                }
            }
        }
    }
    return time;
}

} // namespace detail

// Requires call < end of each operation, and that those of one thread do not overlap.
template<specification Spec>
[[nodiscard]] history_result check_history(const Spec& start,
                                           const history<typename Spec::operation, typename Spec::result>& all,
                                           const history_options& options = {}) {
    using entry = record<typename Spec::operation, typename Spec::result>;
    std::vector<detail::interval> times = detail::times_of(all);
    if (options.what == condition::quiescent) {
        detail::widen_to_busy_times(times);
    }

    std::vector<std::vector<std::size_t>> parts;
    bool whole = true;
    if constexpr (detail::partitioned<Spec>) {
        if (options.partition && options.what != condition::sequential) {
            whole = false;
            std::map<std::remove_cvref_t<decltype(Spec::partition(all[0].what))>, std::size_t> known;
            for (std::size_t i = 0; i < all.size(); ++i) {
                const auto [found, fresh] = known.emplace(Spec::partition(all[i].what), parts.size());
                if (fresh) {
                    parts.emplace_back();
                }
                parts[found->second].push_back(i);
            }
        }
    }
    if (whole && !all.empty()) {
        parts.emplace_back(all.size());
        std::iota(parts.back().begin(), parts.back().end(), std::size_t{0});
    }

    history_result result;
    result.is = verdict::holds;
    result.parts = parts.size();
    detail::budget allowed = detail::budget_of(options);
    // Where each operation of the witness may be said to take effect: as soon as it was called and those before it in
    // its part have. Sorted by that, the witnesses of all parts make one that keeps the order of time.
    std::vector<std::array<std::uint64_t, 3>> effects; // when, the how-manieth, index
    for (std::vector<std::size_t>& part : parts) {
        std::vector<const entry*> operations;
        std::vector<detail::interval> part_times;
        for (const std::size_t i : part) {
            operations.push_back(&all[i]);
            part_times.push_back(times[i]);
        }
        const auto run = [&](auto order) {
            return detail::search<Spec, decltype(order)>(start, std::move(order), operations).run(allowed);
        };
        const detail::found found = options.what == condition::sequential ? run(detail::program_order(part_times))
                                                                          : run(detail::real_time(part_times));
        result.states += found.states;
        if (found.is != verdict::holds) {
            // A part that fails settles it, whatever was unknown before.
            if (result.is == verdict::holds || found.is == verdict::violated) {
                result.is = found.is;
                result.order.clear();
                for (const std::size_t i : found.order) {
                    result.order.push_back(part[i]);
                }
                result.stuck.reset();
                if (found.stuck != detail::nothing) {
                    result.stuck = part[found.stuck];
                }
                result.part = std::move(part);
            }
            if (found.is == verdict::violated) {
                return result;
            }
            continue;
        }
        std::uint64_t effect = 0;
        for (const std::size_t i : found.order) {
            effect = std::max(effect, part_times[i].call);
            effects.push_back({effect, effects.size(), part[i]});
        }
    }
    if (result.is == verdict::holds) {
        if (parts.size() > 1) {
            std::ranges::sort(effects);
        }
        for (const auto& [effect, position, i] : effects) {
            result.order.push_back(i);
        }
    }
    return result;
}

// The same where `precedes(a, b)` says whether operation a of `all` ended before b was called: a strict partial order,
// in which the operations of one thread follow each other as their calls do. Stamps count within a thread only; `end`
// also says what is pending.
template<specification Spec, class Precedes>
requires std::predicate<const Precedes&, std::size_t, std::size_t>
[[nodiscard]] history_result check_history(const Spec& start,
                                           const history<typename Spec::operation, typename Spec::result>& all,
                                           const Precedes& precedes, const history_options& options = {}) {
    history_result result;
    result.is = verdict::holds;
    if (all.empty()) {
        return result;
    }
    const std::vector<detail::interval> times = detail::times_of(all);
    std::vector<const record<typename Spec::operation, typename Spec::result>*> operations;
    for (const auto& each : all) {
        operations.push_back(&each);
    }
    detail::budget allowed = detail::budget_of(options);
    const auto run = [&](auto order) {
        return detail::search<Spec, decltype(order)>(start, std::move(order), operations).run(allowed);
    };
    const auto ordered = [&](std::size_t a, std::size_t b) {
        return !times[a].pending && precedes(a, b);
    };
    detail::found found;
    switch (options.what) {
    case condition::linearizable:
        found = run(detail::partial_order(times, ordered));
        break;
    case condition::quiescent: {
        const std::vector<std::size_t> time = detail::busy_times(all.size(), ordered);
        found = run(detail::partial_order(
            times, [&](std::size_t a, std::size_t b) { return time[a] != time[b] && ordered(a, b); }));
        break;
    }
    case condition::sequential:
        found = run(detail::program_order(times));
        break;
    }
    result.is = found.is;
    result.order = std::move(found.order);
    result.states = found.states;
    result.parts = 1;
    if (found.is != verdict::holds) {
        if (found.stuck != detail::nothing) {
            result.stuck = found.stuck;
        }
        result.part.resize(all.size());
        std::iota(result.part.begin(), result.part.end(), std::size_t{0});
    }
    return result;
}

} // namespace gantry::check

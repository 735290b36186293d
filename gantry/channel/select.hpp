// SPDX-License-Identifier: MIT
#pragma once
//
// select(arms...): does one of several channel operations, whichever can go on first. selector: the same for arms that
// are known at run time.
//
// Use it when a thread serves several channels: requests and a stop, a result or a time limit, whichever of two
// receivers has room.
// Do not use it when there is one channel and a time limit -> pop_for, push_for.
//
//     gantry::channel::select(
//         on(numbers, [&](gantry::channel::pop_result<int> number) { sum += number.value_or(0); }),
//         on_push(log, line, [&](gantry::channel::push_result<std::string> pushed) { logged = pushed.has_value(); }),
//         after(10ms, [&] { ++idle; }));
//
// on(rx, f) pops and calls f with the pop_result<T>, or where rx are the leases of a spilling channel, borrows;
// on_push(tx, value, f) pushes and calls f with the push_result<T>. An arm whose channel has ended can always go on:
// its handler is told closed or disconnected. after(duration, f) and until(time, f) limit the wait; otherwise(f) is for
// when nothing can go on now, so nothing waits. select() returns what the handler returns, converted to the common
// type; void if one of them returns nothing.
//
// When several can go on, a fair select takes any of them, select_biased() the first in the list. The value of an
// on_push arm is moved from only if that arm is done; if the push is refused it comes back in the result.
//
// Threads: one selection belongs to one thread; a selector to one at a time. Progress: blocks until an arm can go on.
// Ordering: of the operation that was done; exactly one was, or none and the time was over. Linearization: of that
//   operation.
// Cost: an attempt an arm; to sleep, a lock and an entry an arm, and one asymmetric_fence_heavy(). A selector allocates
//   for each arm once.
// Failure: what a move of an element throws reaches the caller; no operation was done. What a handler throws, too.
// Lifetime: handles are used during the call only (selector: copied). Handlers run after the operation, outside of all
//   locks.
// Origin: guarded commands (Dijkstra 1975), CSP, Go's select, crossbeam's Select; see detail/waiting.hpp.

#include <gantry/base/assert.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/detail/selection.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace gantry::channel {

namespace detail {

template<class T>
class pop_arm final : public select_arm {
public:
    explicit pop_arm(detail::core<T>& of) noexcept : select_arm(of, side::pop) {}

    bool attempt() override {
        const errc reason = static_cast<detail::core<T>*>(core)->try_pop(result_);
        if (reason == errc::empty)
            return false;
        if (reason != errc{})
            result_.error() = reason;
        return true;
    }
    void handed() noexcept override {}
    void prepare_return() override { static_cast<detail::core<T>*>(core)->make_room_for_return(returned_); }
    void give_back() noexcept override {
        pop_result<T>& back = returned_.front();
        std::destroy_at(&back);
        std::construct_at(&back, std::move(result_));
        static_cast<detail::core<T>*>(core)->take_back(returned_);
    }
    void describe(wait_entry& entry) override { entry.item = &result_; }

    [[nodiscard]] pop_result<T> take() { return std::move(result_); }

    template<class Handler>
    decltype(auto) tell(Handler& handler) {
        struct renewal {
            pop_result<T>& result;
            ~renewal() {
                std::destroy_at(&result);
                std::construct_at(&result, std::unexpect, errc::empty);
            }
        } const renews{result_};
        return handler(std::move(result_));
    }

private:
    pop_result<T> result_{std::unexpect, errc::empty};
    std::list<pop_result<T>> returned_;
};

// Which arm takes from such a handle, and what it tells its handler.
template<class Handle>
struct arm_of;
template<class T>
struct arm_of<receiver<T>> {
    using type = pop_arm<T>;
    using result = pop_result<T>;
    [[nodiscard]] static detail::core<T>& core_of(const receiver<T>& rx) noexcept { return access::core_of(rx); }
};
template<class Handler, class Handle>
concept takes_from =
    requires { typename arm_of<Handle>::type; } && std::invocable<Handler, typename arm_of<Handle>::result>;

template<class T>
class push_arm final : public select_arm {
public:
    push_arm(detail::core<T>& of, T& value) noexcept : select_arm(of, side::push), value_(value) {}

    bool attempt() override {
        reason_ = static_cast<detail::core<T>*>(core)->try_push(value_);
        return reason_ != errc::full;
    }
    void handed() noexcept override { reason_ = errc{}; }
    void describe(wait_entry& entry) override {
        entry.item = &value_;
        entry.bytes = static_cast<detail::core<T>*>(core)->bytes_of(value_);
    }

    [[nodiscard]] push_result<T> take() {
        return reason_ == errc{} ? push_result<T>() : push_result<T>(std::unexpect, reason_, std::move(value_));
    }

    template<class Handler>
    decltype(auto) tell(Handler& handler) {
        return handler(take());
    }

private:
    T& value_;
    errc reason_{};
};

// Only asks.
class ready_arm final : public select_arm {
public:
    ready_arm(core_base& of, side side) noexcept : select_arm(of, side) {}

    bool attempt() override { return core->is_ready(on, nullptr); }
    void handed() noexcept override {}
    void describe(wait_entry& entry) override { entry.item = nullptr; }
};

// The arms of a static select: an arm or a limit, and its handler.
template<class Arm, class Handler>
struct on_clause {
    Arm arm;
    Handler handler;

    decltype(auto) run() { return arm.tell(handler); }
};

template<class T, class Held, class Handler>
struct on_push_clause {
    Held held; // T, or a reference to the caller's
    push_arm<T> arm;
    Handler handler;

    template<class Value>
    on_push_clause(detail::core<T>& of, Value&& value, Handler&& handle)
        : held(std::forward<Value>(value)), arm(of, held), handler(std::move(handle)) {}

    decltype(auto) run() { return arm.tell(handler); }
};

template<class Handler>
struct until_clause {
    steady_deadline deadline;
    Handler handler;

    decltype(auto) run() { return handler(); }
};

template<class Handler>
struct otherwise_clause {
    Handler handler;

    decltype(auto) run() { return handler(); }
};

template<class Clause>
inline constexpr bool is_channel_clause = requires(Clause& clause) { clause.arm; };
template<class Clause>
inline constexpr bool is_until_clause = requires(Clause& clause) { clause.deadline; };
template<class Clause>
inline constexpr bool is_otherwise_clause = !is_channel_clause<Clause> && !is_until_clause<Clause>;

template<class... Results>
struct selected {
    using type = std::common_type_t<Results...>;
};
template<class... Results>
requires(std::is_void_v<Results> || ...)
struct selected<Results...> {
    using type = void;
};

template<class Result, std::size_t At = 0, class... Clauses>
Result run_clause(std::size_t which, std::tuple<Clauses&...>& clauses) {
    if constexpr (At + 1 < sizeof...(Clauses)) {
        if (which != At)
            return run_clause<Result, At + 1>(which, clauses);
    }
    return static_cast<Result>(std::get<At>(clauses).run());
}

template<class... Clauses>
[[nodiscard]] consteval auto numbers_of_channel_clauses() {
    std::array<std::size_t, (std::size_t{is_channel_clause<Clauses>} + ... + 0U)> numbers{};
    std::size_t number = 0;
    std::size_t next = 0;
    const auto look = [&](bool is_channel) {
        if (is_channel)
            numbers[next++] = number;
        ++number;
    };
    (look(is_channel_clause<Clauses>), ...);
    return numbers;
}
template<class... Clauses>
[[nodiscard]] consteval std::size_t number_of_otherwise() {
    std::size_t number = 0;
    static_cast<void>(((is_otherwise_clause<Clauses> || (++number, false)) || ...));
    return number;
}

// After an attempt of every arm. The clause to run.
template<class... Clauses>
[[gnu::noinline]] std::size_t select_by_waiting(order by, Clauses&... clauses) {
    constexpr auto clause_of = numbers_of_channel_clauses<Clauses...>();
    std::array<select_arm*, clause_of.size()> arms{};
    std::array<wait_arm, clause_of.size()> room;
    steady_deadline deadline = no_deadline;
    std::size_t unless = 0; // when no arm is in time
    std::size_t next = 0;
    std::size_t at = 0;
    const auto look = [&]<class Clause>(Clause& clause) {
        if constexpr (is_channel_clause<Clause>) {
            arms[next++] = &clause.arm;
        } else if constexpr (is_until_clause<Clause>) {
            if (clause.deadline <= deadline) {
                deadline = clause.deadline;
                unless = at;
            }
        }
        ++at;
    };
    (look(clauses), ...);
    const std::optional<std::size_t> done = select_waiting(arms, room, deadline, by);
    return done ? clause_of[*done] : unless;
}

template<class... Clauses>
auto select_by(order by, Clauses&... clauses) {
    constexpr std::size_t count = (std::size_t{is_channel_clause<Clauses>} + ... + 0U);
    constexpr bool never_waits = (is_otherwise_clause<Clauses> || ...);
    static_assert((std::size_t{is_otherwise_clause<Clauses>} + ... + 0U) <= 1, "one otherwise() at most");
    using result = selected<decltype(clauses.run())...>::type;

    constexpr std::size_t none = sizeof...(Clauses);

    // As select_now(), but without a table of arms. Numbers are of clauses.
    std::size_t done = none;
    if constexpr (count != 0) {
        constexpr std::array<std::size_t, count> clause_of = numbers_of_channel_clauses<Clauses...>();
        const auto attempt = [&]<std::size_t... At>(std::size_t wanted, std::index_sequence<At...>) {
            const auto one = []<class Clause>(Clause& clause) {
                if constexpr (is_channel_clause<Clause>)
                    return clause.arm.attempt();
                else
                    return false;
            };
            return ((At == wanted && one(clauses)) || ...);
        };
        std::size_t next = by == order::fair ? any_below(count) : 0;
        for (std::size_t left = count; left != 0; --left) {
            if (attempt(clause_of[next], std::index_sequence_for<Clauses...>())) {
                done = clause_of[next];
                break;
            }
            next = next + 1 == count ? 0 : next + 1;
        }
    }
    if (done == none)
        done = never_waits ? number_of_otherwise<Clauses...>() : select_by_waiting(by, clauses...);
    std::tuple<Clauses&...> all(clauses...);
    return run_clause<result>(done, all);
}

} // namespace detail

// The arms.
template<class Handle, detail::takes_from<Handle> Handler>
[[nodiscard]] auto on(const Handle& rx, Handler handler) {
    using arm = detail::arm_of<Handle>;
    return detail::on_clause<typename arm::type, Handler>{typename arm::type(arm::core_of(rx)), std::move(handler)};
}

// An rvalue stays where it is until it is pushed; of an lvalue a copy is pushed.
template<class T, class Value, std::invocable<push_result<T>> Handler>
requires std::constructible_from<T, Value>
[[nodiscard]] auto on_push(const sender<T>& tx, Value&& value, Handler handler) {
    using held = std::conditional_t<std::same_as<Value, T>, T&&, T>;
    return detail::on_push_clause<T, held, Handler>(detail::access::core_of(tx), std::forward<Value>(value),
                                                    std::move(handler));
}

template<class Rep, class Period, std::invocable<> Handler>
[[nodiscard]] auto after(std::chrono::duration<Rep, Period> duration, Handler handler) {
    return detail::until_clause<Handler>{deadline_after(duration), std::move(handler)};
}
template<class Clock, class Duration, std::invocable<> Handler>
[[nodiscard]] auto until(std::chrono::time_point<Clock, Duration> time, Handler handler) {
    return detail::until_clause<Handler>{deadline_at(time), std::move(handler)};
}
template<std::invocable<> Handler>
[[nodiscard]] auto otherwise(Handler handler) {
    return detail::otherwise_clause<Handler>{std::move(handler)};
}

template<class... Clauses>
auto select(Clauses&&... clauses) {
    return detail::select_by(detail::order::fair, clauses...);
}
template<class... Clauses>
auto select_biased(Clauses&&... clauses) {
    return detail::select_by(detail::order::listed, clauses...);
}

// A select whose arms are added at run time, and that is used again and again.
//
//     selector inputs;
//     for (const auto& rx : receivers)
//         inputs.on(rx, [&](pop_result<int> number) { sum += number.value_or(0); });
//     inputs.run(); // one of them
class selector {
public:
    selector() = default;

    // The first arm that can go on, in the order in which they were added.
    [[nodiscard]] static selector biased() {
        selector made;
        made.by_ = detail::order::listed;
        return made;
    }

    // Each returns the number of the arm, counted from 0.
    template<std::copy_constructible Handle, detail::takes_from<Handle> Handler>
    std::size_t on(const Handle& rx, Handler handler) {
        return add(std::make_unique<pop_clause<Handle, Handler>>(rx, std::move(handler)));
    }
    // The value is the caller's, and moved from when the arm is done: give it another one before the next run.
    template<class T, std::invocable<push_result<T>> Handler>
    std::size_t on_push(const sender<T>& tx, T& value, Handler handler) {
        return add(std::make_unique<push_clause<T, Handler>>(tx, value, std::move(handler)));
    }

    // A disabled arm is left out: that of a channel that has ended can always go on.
    void disable(std::size_t arm) { at(arm).enabled = false; }
    void enable(std::size_t arm) { at(arm).enabled = true; }
    [[nodiscard]] bool is_enabled(std::size_t arm) const { return at(arm).enabled; }
    [[nodiscard]] std::size_t size() const noexcept { return clauses_.size(); }

    // Does one arm and calls its handler; which. At least one arm must be enabled.
    std::size_t run() { return *run_until(no_deadline); }
    // Nothing: no arm could go on in time.
    std::optional<std::size_t> try_run() { return finish(detail::select_now(arms(false), by_), true); }
    template<class Rep, class Period>
    std::optional<std::size_t> run_for(std::chrono::duration<Rep, Period> duration) {
        return run_until(deadline_after(duration));
    }
    template<class Clock, class Duration>
    std::optional<std::size_t> run_until(std::chrono::time_point<Clock, Duration> time) {
        return finish(await(arms(false), deadline_at(time)), true);
    }

    // Does nothing, only says which arm could go on; by the time it is tried, another thread may have been faster.
    [[nodiscard]] std::size_t ready() { return *ready_until(no_deadline); }
    [[nodiscard]] std::optional<std::size_t> try_ready() { return finish(detail::select_now(arms(true), by_), false); }
    template<class Rep, class Period>
    [[nodiscard]] std::optional<std::size_t> ready_for(std::chrono::duration<Rep, Period> duration) {
        return ready_until(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] std::optional<std::size_t> ready_until(std::chrono::time_point<Clock, Duration> time) {
        return finish(await(arms(true), deadline_at(time)), false);
    }

private:
    struct clause {
        clause(detail::core_base& of, detail::side on) noexcept : asking(of, on) {}
        clause(const clause&) = delete;
        clause& operator=(const clause&) = delete;
        virtual ~clause() = default;
        [[nodiscard]] virtual detail::select_arm& doing() noexcept = 0;
        virtual void tell() = 0;

        detail::ready_arm asking;
        bool enabled = true;
    };

    template<class Handle, class Handler>
    struct pop_clause final : clause {
        pop_clause(const Handle& rx, Handler&& handle)
            : clause(detail::arm_of<Handle>::core_of(rx), detail::side::pop), from(rx),
              arm(detail::arm_of<Handle>::core_of(rx)), handler(std::move(handle)) {}
        [[nodiscard]] detail::select_arm& doing() noexcept override { return arm; }
        void tell() override { arm.tell(handler); }

        Handle from;
        detail::arm_of<Handle>::type arm;
        Handler handler;
    };

    template<class T, class Handler>
    struct push_clause final : clause {
        push_clause(const sender<T>& tx, T& value, Handler&& handle)
            : clause(detail::access::core_of(tx), detail::side::push), to(tx), arm(detail::access::core_of(tx), value),
              handler(std::move(handle)) {}
        [[nodiscard]] detail::select_arm& doing() noexcept override { return arm; }
        void tell() override { arm.tell(handler); }

        sender<T> to;
        detail::push_arm<T> arm;
        Handler handler;
    };

    [[nodiscard]] clause& at(std::size_t arm) const {
        GANTRY_ASSERT(arm < clauses_.size());
        return *clauses_[arm];
    }
    std::size_t add(std::unique_ptr<clause> made) {
        clauses_.push_back(std::move(made));
        return clauses_.size() - 1;
    }

    // Those that are enabled.
    [[nodiscard]] std::span<detail::select_arm* const> arms(bool asking) {
        arms_.clear();
        numbers_.clear();
        for (std::size_t i = 0; i != clauses_.size(); ++i) {
            clause& each = *clauses_[i];
            if (!each.enabled)
                continue;
            arms_.push_back(asking ? &each.asking : &each.doing());
            numbers_.push_back(i);
        }
        return arms_;
    }
    [[nodiscard]] std::optional<std::size_t> await(std::span<detail::select_arm* const> arms,
                                                   steady_deadline deadline) {
        room_.resize(arms.size());
        return detail::select_among(arms, room_, deadline, by_);
    }
    [[nodiscard]] std::optional<std::size_t> finish(std::optional<std::size_t> done, bool tell) {
        if (!done)
            return std::nullopt;
        const std::size_t arm = numbers_[*done];
        if (tell)
            clauses_[arm]->tell();
        return arm;
    }

    detail::order by_ = detail::order::fair;
    std::vector<std::unique_ptr<clause>> clauses_;
    // Kept from run to run for their memory.
    std::vector<detail::select_arm*> arms_;
    std::vector<std::size_t> numbers_;
    std::vector<detail::wait_arm> room_;
};

} // namespace gantry::channel

// SPDX-License-Identifier: MIT
#pragma once
//
// core<T>: a channel of T as its handles see it, whatever its kind: attempts that do not wait, and the waiting around
// them.
//
// Use it when you write a kind of channel: derive, override the attempts, and call the other side after each change
// (waiting.hpp).
// Do not use it when you use channels -> channel/channel.hpp.
//
// The two kinds that matter most for speed are known here by name: their attempts are called without a table.
//
// Threads: everything from any thread. Progress: attempts as the kind says; operations with patience block.
// Ordering: of the kind. Cost: an operation that succeeds at once is the attempt and a look at the other side's count.
// Failure: an attempt that throws leaves the element where it was; waiting then ends.
// Lifetime: as core_base. Origin: crossbeam-channel's flavors.

#include <gantry/base/backoff.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/channel/detail/waiting.hpp>
#include <gantry/channel/result.hpp>
#include <gantry/container/bounded_queue.hpp>
#include <gantry/container/queue.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace gantry::channel::detail {

// How long an operation waits (its Patience): not at all, or until a deadline.
struct at_once {};

// Where the elements of a batch go: to(where, element) for each; an iterator for any T.
template<class T>
struct sink {
    void* where;
    void (*to)(void*, T&&);

    template<class Out>
    explicit sink(Out& out) noexcept
        : where(&out), to([](void* at, T&& element) {
              Out& next = *static_cast<Out*>(at);
              *next = std::move(element);
              ++next;
          }) {}

    sink& operator*() noexcept { return *this; }
    sink& operator++() noexcept { return *this; }
    sink& operator=(T&& element) {
        to(where, std::move(element));
        return *this;
    }
};

// The result becomes the element; if its move throws the result stays as it was, without one.
template<class T>
void put_element(pop_result<T>& into, T&& element) {
    if constexpr (std::is_nothrow_move_constructible_v<T>) {
        into.emplace(std::move(element));
    } else {
        const errc before = into.error();
        std::destroy_at(&into);
        try {
            std::construct_at(&into, std::in_place, std::move(element));
        } catch (...) {
            std::construct_at(&into, std::unexpect, before);
            throw;
        }
    }
}

enum class kind : std::uint8_t { ring, chain, other };

template<class T, class Queue>
class queue_core;
template<class T>
using ring_core = queue_core<T, container::bounded_queue<T>>;
template<class T>
using chain_core = queue_core<T, container::queue<T>>;

// Kinds that cannot undo a step need elements whose move cannot fail.
template<class T>
inline constexpr bool is_movable_freely = std::is_nothrow_move_constructible_v<T>;

template<class T>
class core : public core_base {
public:
    // errc{} means success.

    // Moves the value in.
    virtual errc attempt_push(T& value) = 0;
    // Moves as many in as fit, at least one unless it is refused; adds how many.
    virtual errc attempt_push_range(std::span<T> values, std::size_t& pushed) = 0;
    // Moves the oldest element into the result, which has none.
    virtual errc attempt_pop(pop_result<T>& into) = 0;
    // Up to `max` of the oldest; adds how many.
    virtual errc attempt_pop_some(sink<T> out, std::size_t max, std::size_t& popped) = 0;

    // What the element counts for, where bytes are counted.
    [[nodiscard]] virtual std::size_t bytes_of(const T&) const { return 0; }

    [[nodiscard]] virtual std::size_t size() noexcept = 0;
    // nullopt: unbounded.
    [[nodiscard]] virtual std::optional<std::size_t> capacity() const noexcept = 0;
    // What the elements in it count for, where bytes are counted.
    [[nodiscard]] virtual std::optional<std::size_t> bytes() noexcept { return std::nullopt; }

    // Elements that were handed to somebody who then did not want them: a rendezvous takes them back, as the next to
    // come out. Others hand over nothing.
    virtual void make_room_for_return(std::list<pop_result<T>>&) {}
    virtual void take_back(std::list<pop_result<T>>&) noexcept {}

    errc try_push(T& value) {
        if constexpr (is_movable_freely<T>) {
            if (kind_ == kind::ring) [[likely]]
                return static_cast<ring_core<T>*>(this)->attempt_push(value);
            if (kind_ == kind::chain)
                return static_cast<chain_core<T>*>(this)->attempt_push(value);
        }
        return attempt_push(value);
    }
    errc try_pop(pop_result<T>& into) {
        if constexpr (is_movable_freely<T>) {
            if (kind_ == kind::ring) [[likely]]
                return static_cast<ring_core<T>*>(this)->attempt_pop(into);
            if (kind_ == kind::chain)
                return static_cast<chain_core<T>*>(this)->attempt_pop(into);
        }
        return attempt_pop(into);
    }
    template<class Out>
    errc try_pop_some(Out& out, std::size_t max, std::size_t& popped) {
        if constexpr (is_movable_freely<T>) {
            if (kind_ == kind::ring) [[likely]]
                return static_cast<ring_core<T>*>(this)->pop_some(out, max, popped);
            if (kind_ == kind::chain)
                return static_cast<chain_core<T>*>(this)->pop_some(out, max, popped);
        }
        return attempt_pop_some(sink<T>(out), max, popped);
    }

    // Operations with patience. The value is moved from if it went in.
    template<class Patience>
    errc push(T& value, Patience patience) {
        const errc reason = try_push(value);
        if constexpr (!std::same_as<Patience, at_once>) {
            if (reason == errc::full) [[unlikely]]
                return push_waiting(value, deadline_at(patience));
        }
        return reason;
    }

    template<class Patience>
    pop_result<T> pop(Patience patience) {
        pop_result<T> result(std::unexpect, errc::empty);
        errc reason = try_pop(result);
        if constexpr (!std::same_as<Patience, at_once>) {
            if (reason == errc::empty) [[unlikely]]
                reason = pop_waiting(result, deadline_at(patience));
        }
        if (reason != errc{}) [[unlikely]]
            result.error() = reason;
        return result; // by the same name everywhere, so that it is not moved
    }

    template<class Patience>
    std::expected<void, refused_range> push_range(std::span<T> values, Patience patience) {
        std::size_t pushed = 0;
        while (pushed != values.size()) {
            errc reason = attempt_push_range(values.subspan(pushed), pushed);
            if constexpr (!std::same_as<Patience, at_once>) {
                if (reason == errc::full) {
                    reason = push_waiting(values[pushed], deadline_at(patience));
                    pushed += reason == errc{} ? 1U : 0U;
                }
            }
            if (reason != errc{})
                return std::unexpected(refused_range{reason, pushed});
        }
        return {};
    }

    template<class Out, class Patience>
    std::expected<std::size_t, errc> pop_some(Out& out, std::size_t max, Patience patience) {
        std::size_t popped = 0;
        errc reason = try_pop_some(out, max, popped);
        if constexpr (!std::same_as<Patience, at_once>) {
            if (reason == errc::empty) {
                pop_result<T> first(std::unexpect, errc::empty);
                reason = pop_waiting(first, deadline_at(patience));
                if (reason == errc{}) {
                    *out = *std::move(first);
                    ++out;
                    popped = 1;
                    if (popped != max)
                        static_cast<void>(try_pop_some(out, max - popped, popped));
                }
            }
        }
        if (popped == 0)
            return std::unexpected(reason);
        return popped;
    }

    // After an attempt that found nothing.
    [[gnu::noinline]] errc pop_waiting(pop_result<T>& into, steady_deadline deadline) {
        wait_arm arm{this, side::pop};
        arm.entry.item = &into;
        return wait_for(arm, deadline, errc::empty, [&] { return try_pop(into); });
    }

protected:
    explicit core(kind of = kind::other, bool one_lock = false) noexcept : core_base(one_lock), kind_(of) {}

private:
    // Tries again for a while, announced to those who change the channel; then waits, and tries again.
    template<class Attempt>
    errc wait_for(wait_arm& arm, steady_deadline deadline, errc unless, Attempt attempt) {
        const searches_end ends(std::span(&arm, 1));
        wait_list& mine = list(arm.on);
        if (std::uint32_t looks = can_spin() ? spin_looks(mine) : 0; looks != 0) {
            if (mine.has_any()) {
                begin_search(arm.on);
                arm.entry.announced = true;
            }
            for (; looks != 0; --looks) {
                spin_pause();
                if (const errc reason = attempt(); reason != unless) {
                    spin_learn(mine, true);
                    return reason;
                }
            }
            spin_learn(mine, false);
        }
        for (;;) {
            const awaited result = await(std::span(&arm, 1), deadline);
            if (arm.entry.handed)
                return {};
            if (const errc reason = attempt(); reason != unless)
                return reason;
            if (result.late)
                return errc::timeout;
        }
    }

    [[gnu::noinline]] errc push_waiting(T& value, steady_deadline deadline) {
        wait_arm arm{this, side::push};
        arm.entry.item = &value;
        arm.entry.bytes = bytes_of(value);
        return wait_for(arm, deadline, errc::full, [&] { return try_push(value); });
    }

    // Constant after construction.
    const kind kind_;
};

} // namespace gantry::channel::detail

#include <gantry/channel/detail/queue_core.hpp>

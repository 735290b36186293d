// SPDX-License-Identifier: MIT
#pragma once
//
// async(rx, executor), async(tx, executor): a channel's ends for coroutines: co_await rx.pop(), co_await tx.push(v).
// async_select(executor, arms...): one of several operations, awaited.
//
// Use it when coroutines talk to each other or to threads: both ends of one channel may be of either sort.
// Do not use it when a thread can wait -> channel.hpp, select.hpp; for time limits: an executor that has timers pushes
// into a channel when it is time, and that is one more arm.
//
//     gantry::channel::task<int> sum(gantry::channel::receiver<int> from, gantry::channel::loop_executor& loop) {
//         auto numbers = gantry::channel::async(std::move(from), loop);
//         int sum = 0;
//         while (const auto number = co_await numbers.pop())
//             sum += *number;
//         co_return sum;
//     }
//
// Threads: handles as those of channels; one coroutine runs on one thread at a time. The coroutine goes on in the
//   executor: on the thread that calls what was posted (resumption).
// Progress: an operation that can go on at once does not suspend. To suspend allocates.
// Ordering: as of the blocking operations. Linearization: the same.
// Cost: an attempt; to suspend, an allocation, a lock and an entry an arm, and one asymmetric_fence_heavy().
// Failure: as of the blocking operations; what a move throws reaches the coroutine. post() must not throw.
// Lifetime: a coroutine that is destroyed while it waits takes no element with it, and a wake-up that it got goes to
//   the next. Destroy it on the executor's thread, or while the executor does not run it. The executor outlives what
//   waits.
// Origin: stackless coroutines of C++20; awaiting ends of channels as in flume and P0260.

#include <gantry/channel/channel.hpp>
#include <gantry/channel/detail/async_operation.hpp>
#include <gantry/channel/select.hpp>

#include <array>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>

namespace gantry::channel {

namespace detail {

template<class T>
class pop_awaiter {
public:
    template<executor Executor>
    pop_awaiter(detail::core<T>& of, Executor& executor)
        : arm_(of), arms_{&arm_}, operation_(std::addressof(executor), &post_to<Executor>) {}

    [[nodiscard]] bool await_ready() { return operation_.attempt(arms_, order::listed); }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> continuation) { return operation_.suspend(continuation); }
    [[nodiscard]] pop_result<T> await_resume() {
        static_cast<void>(operation_.done());
        return arm_.take();
    }

private:
    pop_arm<T> arm_;
    std::array<select_arm*, 1> arms_;
    async_operation operation_;
};

template<class T>
class push_awaiter {
public:
    template<executor Executor>
    push_awaiter(detail::core<T>& of, T&& value, Executor& executor)
        : value_(std::move(value)), arm_(of, value_), arms_{&arm_},
          operation_(std::addressof(executor), &post_to<Executor>) {}

    [[nodiscard]] bool await_ready() { return operation_.attempt(arms_, order::listed); }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> continuation) { return operation_.suspend(continuation); }
    [[nodiscard]] push_result<T> await_resume() {
        static_cast<void>(operation_.done());
        return arm_.take();
    }

private:
    T value_;
    push_arm<T> arm_;
    std::array<select_arm*, 1> arms_;
    async_operation operation_;
};

// The clauses live in the full expression of the co_await, which lives in the frame.
template<class... Clauses>
class select_awaiter {
public:
    template<executor Executor>
    select_awaiter(order by, Executor& executor, Clauses&... clauses)
        : by_(by), clauses_(clauses...), arms_{static_cast<select_arm*>(&clauses.arm)...},
          operation_(std::addressof(executor), &post_to<Executor>) {}

    [[nodiscard]] bool await_ready() { return operation_.attempt(arms_, by_); }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> continuation) { return operation_.suspend(continuation); }
    auto await_resume() {
        using result = selected<decltype(std::declval<Clauses&>().run())...>::type;
        return run_clause<result>(operation_.done(), clauses_);
    }

private:
    const order by_;
    std::tuple<Clauses&...> clauses_;
    std::array<select_arm*, sizeof...(Clauses)> arms_;
    async_operation operation_;
};

} // namespace detail

template<class T, executor Executor>
class [[nodiscard]] async_receiver {
public:
    async_receiver(receiver<T> from, Executor& on) noexcept : from_(std::move(from)), executor_(std::addressof(on)) {}

    // An element; or closed or disconnected.
    [[nodiscard]] auto pop() const { return detail::pop_awaiter<T>(detail::access::core_of(from_), *executor_); }
    [[nodiscard]] const receiver<T>& blocking() const noexcept { return from_; }

private:
    receiver<T> from_;
    Executor* executor_;
};

template<class T, executor Executor>
class [[nodiscard]] async_sender {
public:
    async_sender(sender<T> to, Executor& on) noexcept : to_(std::move(to)), executor_(std::addressof(on)) {}

    // Waits for room. Refused as closed, disconnected or too_large. The value lives in the operation meanwhile: if the
    // coroutine is destroyed it was not pushed, and goes with it.
    [[nodiscard]] auto push(T value) const {
        return detail::push_awaiter<T>(detail::access::core_of(to_), std::move(value), *executor_);
    }
    [[nodiscard]] const sender<T>& blocking() const noexcept { return to_; }

private:
    sender<T> to_;
    Executor* executor_;
};

template<class T, executor Executor>
[[nodiscard]] async_receiver<T, Executor> async(receiver<T> from, Executor& on) noexcept {
    return {std::move(from), on};
}
template<class T, executor Executor>
[[nodiscard]] async_sender<T, Executor> async(sender<T> to, Executor& on) noexcept {
    return {std::move(to), on};
}

// Arms as those of select(): on and on_push. The handler runs in the coroutine, and the co_await is what it returns.
template<executor Executor, class... Clauses>
requires(detail::is_channel_clause<Clauses> && ...)
[[nodiscard]] auto async_select(Executor& executor, Clauses&&... clauses) {
    return detail::select_awaiter<std::remove_reference_t<Clauses>...>(detail::order::fair, executor, clauses...);
}

} // namespace gantry::channel

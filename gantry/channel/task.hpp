// SPDX-License-Identifier: MIT
#pragma once
//
// task<T>: a coroutine that starts when it is awaited. sync_wait(task): starts it and blocks until it is done.
// loop_executor: runs what was posted, on the threads that call run().
//
// Use it when coroutines are to await channels (async.hpp) and the program has no coroutine library.
// Do not use it when it has: channels await under any promise type and any executor.
//
//     gantry::channel::loop_executor loop;
//     const int total = loop.run(sum(rx, loop)); // runs everything that is posted meanwhile, on this thread
//
// Threads: a task is one thread's at a time; post() and stop() from any. Progress: sync_wait and run block.
// Ordering: what the coroutine did before its end, destroying its frame included, is seen after sync_wait() or run().
// Cost: a frame a task, a channel a sync_wait() or run(task); post() allocates now and then. Failure: what leaves the
//   coroutine is rethrown to who awaits or waits.
// Lifetime: the frame ends with its task. What was posted and not run is dropped with the loop; its coroutines are
//   their owners'.
// Origin: Lewis Baker's cppcoro (lazy tasks, symmetric transfer), P2300's sync_wait and run_loop.

#include <gantry/base/assert.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/detail/async_operation.hpp>
#include <gantry/channel/select.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace gantry::channel {

template<class T = void>
class task;

namespace detail {

// What the coroutine came to.
template<class T>
class task_outcome {
public:
    template<class Value>
    void return_value(Value&& value) {
        outcome_.template emplace<1>(std::forward<Value>(value));
    }
    void unhandled_exception() noexcept { outcome_.template emplace<2>(std::current_exception()); }
    T take() {
        if (outcome_.index() == 2)
            std::rethrow_exception(std::get<2>(outcome_));
        return std::get<1>(std::move(outcome_));
    }

private:
    std::variant<std::monostate, T, std::exception_ptr> outcome_;
};

template<>
class task_outcome<void> {
public:
    void return_void() noexcept {}
    void unhandled_exception() noexcept { failure_ = std::current_exception(); }
    void take() const {
        if (failure_ != nullptr)
            std::rethrow_exception(failure_);
    }

private:
    std::exception_ptr failure_;
};

} // namespace detail

template<class T>
class [[nodiscard]] task {
public:
    class promise_type : public detail::task_outcome<T> {
    public:
        task get_return_object() noexcept { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
        [[nodiscard]] auto final_suspend() const noexcept {
            struct transfer {
                [[nodiscard]] bool await_ready() const noexcept { return false; }
                [[nodiscard]] std::coroutine_handle<>
                await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
                    return ended.promise().awaiting_;
                }
                void await_resume() const noexcept {}
            };
            return transfer{};
        }

    private:
        friend task;
        std::coroutine_handle<> awaiting_ = std::noop_coroutine();
    };

    task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    task& operator=(task other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    // A task that waits ends where it waits.
    ~task() {
        if (frame_)
            frame_.destroy();
    }

    // Starts it, and waits for its end; once.
    [[nodiscard]] auto operator co_await() && noexcept {
        struct awaiter {
            std::coroutine_handle<promise_type> frame;
            [[nodiscard]] bool await_ready() const noexcept { return false; }
            [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
                frame.promise().awaiting_ = awaiting;
                return frame;
            }
            T await_resume() const { return frame.promise().take(); }
        };
        GANTRY_ASSERT(frame_ != nullptr);
        return awaiter{frame_};
    }

private:
    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

struct nothing {};

// Awaits a task, keeps what it came to, ends its frame, and says so: the channel is closed.
template<class T>
task<void> complete(task<T> of, task_outcome<T>& outcome, sender<nothing> end) {
    try {
        task<T> awaited = std::move(of);
        if constexpr (std::is_void_v<T>)
            co_await std::move(awaited);
        else
            outcome.return_value(co_await std::move(awaited));
    } catch (...) {
        outcome.unhandled_exception();
    }
    end.close();
}

// A coroutine that runs at once and owns itself.
struct detached {
    struct promise_type {
        [[nodiscard]] static detached get_return_object() noexcept { return {}; }
        [[nodiscard]] static std::suspend_never initial_suspend() noexcept { return {}; }
        [[nodiscard]] static std::suspend_never final_suspend() noexcept { return {}; }
        static void return_void() noexcept {}
        [[noreturn]] static void unhandled_exception() noexcept { std::terminate(); } // a task keeps what it throws
    };
};

inline detached start(task<void> of) {
    co_await std::move(of);
}

} // namespace detail

// Starts the task on this thread and blocks until it is done; others run what it waits for.
template<class T>
T sync_wait(task<T> of) {
    detail::task_outcome<T> outcome;
    auto [tx, end] = bounded<detail::nothing>(1);
    detail::start(detail::complete(std::move(of), outcome, std::move(tx)));
    static_cast<void>(end.pop());
    return outcome.take();
}

// Runs coroutines on the threads that ask it to.
class loop_executor {
public:
    loop_executor() = default;
    // What is posted waits in an unbounded channel of that domain.
    explicit loop_executor(reclaim::epoch::domain& domain) : posted_(unbounded<resumption>(domain)) {}

    void post(resumption next) {
        // What is posted may run, end the last task and the loop before the push returns: it needs a handle of its own.
        const sender<resumption> to = posted_.tx;
        static_cast<void>(to.push(std::move(next)));
    }

    // Runs what is posted until stop(), and what was posted before that.
    void run() {
        while (auto next = posted_.rx.pop())
            (*next)();
    }
    void stop() { posted_.tx.close(); }

    // Starts the task and runs what is posted, on this thread, until the task is done, wherever it ends.
    template<class T>
    T run(task<T> of) {
        detail::task_outcome<T> outcome;
        auto [tx, end] = bounded<detail::nothing>(1);
        detail::start(detail::complete(std::move(of), outcome, std::move(tx)));
        bool ended = false;
        while (!ended) {
            select_biased(on(end, [&](const pop_result<detail::nothing>&) { ended = true; }),
                          on(posted_.rx, [](pop_result<resumption> next) {
                              GANTRY_ASSERT(next.has_value()); // stopped before the task was done
                              (*next)();
                          }));
        }
        return outcome.take();
    }

    // Runs what is posted now; how many.
    std::size_t run_posted() {
        std::size_t count = 0;
        while (auto next = posted_.rx.try_pop()) {
            (*next)();
            ++count;
        }
        return count;
    }

private:
    ends<resumption> posted_ = unbounded<resumption>();
};

// Goes on at once, on the thread that pushed, popped or closed: inside its call, after the operation.
struct inline_executor {
    static void post(resumption next) { next(); }
};

} // namespace gantry::channel

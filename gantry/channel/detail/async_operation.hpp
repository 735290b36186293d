// SPDX-License-Identifier: MIT
#pragma once
//
// async_operation: a selection that a coroutine waits for; resumption: what an executor runs to go on with it.
//
// Use it when you write something that coroutines await on channels.
// Do not use it when you use channels -> channel/async.hpp.
//
// Who waits is not the coroutine's frame but a ticket on the heap, shared by the operation and whoever calls it,
// because the frame may be destroyed while a resumption is under way. A resumption tries the operation on the
// executor's thread; if somebody else was faster it waits again, without the coroutine having noticed.
//
// Threads: an operation is started, resumed and destroyed by one thread at a time: by the executor's, or while the
//   executor does not run it. Progress: lock-free but for the lists' locks; starting to wait allocates.
// Ordering: of the operation that was done. Cost: one allocation to wait. Failure: what an attempt throws is rethrown
//   to the coroutine. What post() throws ends the program. Lifetime: destroying an operation that waits withdraws it;
//   if it was called, the call goes to the next; if a rendezvous had handed it an element, the channel takes that
//   back.
// Origin: cancellation by withdrawing from every list as for threads in waiting.hpp.
//
// Ordering ledger
//   ticket : release, fetch_sub (release)  ->  release of the last (acquire)   carries: all uses of the ticket
//   entered : arrive, fetch_add (release)  ->  arrive of the second (acquire)   carries: the lists as they were
//             entered, and the arm that was called
// Relaxed used as: owner (a reference is copied by who has one), pre-publish (before it enters a list)

#include <gantry/channel/detail/selection.hpp>
#include <gantry/channel/detail/waiting.hpp>

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace gantry::channel {

namespace detail {
class async_ticket;
} // namespace detail

// Goes on with one coroutine: call it once, on whatever thread the coroutine is to run; if it is destroyed instead, the
// coroutine is never resumed (destroying the coroutine is then its owner's part).
class resumption {
public:
    resumption(resumption&& other) noexcept : ticket_(std::exchange(other.ticket_, nullptr)) {}
    resumption& operator=(resumption other) noexcept {
        std::swap(ticket_, other.ticket_);
        return *this;
    }
    ~resumption();

    void operator()();

private:
    friend detail::async_ticket;
    explicit resumption(detail::async_ticket* ticket) noexcept : ticket_(ticket) {}

    detail::async_ticket* ticket_;
};

// Something with post(resumption), from any thread, which sees to it that the resumption is called once. That may
// happen before post() returns, on any thread, and may be the last thing that the executor is wanted for: what post()
// does after it has handed the resumption on must not need the executor, or its owner must wait for it.
template<class Executor>
concept executor = requires(Executor& on, resumption next) { on.post(std::move(next)); };

namespace detail {

class async_operation {
public:
    using post_function = void (*)(void* executor, resumption next);

    async_operation(void* executor, post_function post) noexcept : executor_(executor), post_(post) {}
    async_operation(const async_operation&) = delete;
    async_operation& operator=(const async_operation&) = delete;
    ~async_operation();

    // Tries; true: done.
    [[nodiscard]] bool attempt(std::span<select_arm* const> arms, order by);
    // Waits for the arms of the last attempt. False: it is done after all.
    [[nodiscard]] bool suspend(std::coroutine_handle<> continuation);
    // The arm that was done; rethrows what the attempt threw.
    [[nodiscard]] std::size_t done();

private:
    friend async_ticket;

    void* const executor_;
    const post_function post_;
    std::span<select_arm* const> arms_;
    order by_ = order::fair;
    std::optional<std::size_t> done_;
    std::exception_ptr failure_;
    async_ticket* ticket_ = nullptr;
};

template<executor Executor>
void post_to(void* executor, resumption next) {
    static_cast<Executor*>(executor)->post(std::move(next));
}

} // namespace detail

} // namespace gantry::channel

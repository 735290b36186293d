// SPDX-License-Identifier: MIT
#pragma once
//
// channel::bounded<T>(n), channel::unbounded<T>(): a queue between threads with two ends, sender<T> and receiver<T>.
//
// Use it when one part of a program hands values to another: any number of senders, one receiver. Bounded where the
// sender can wait or refuse (back-pressure), unbounded where it cannot and something else limits the number.
// Do not use it when the threads only share state -> sync/mutex.hpp; when one thread only signals -> base/wait.hpp.
//
//     auto [tx, rx] = gantry::channel::bounded<std::string>(16);
//     std::jthread worker([to = std::move(tx)] {
//         for (const char* word : {"to", "be"})
//             if (!to.push(word))
//                 return; // the receiver is gone
//     });
//     for (std::string& word : rx) // until every sender is gone and everything is out
//         text += word;
//
// try_x never waits, x waits, x_for and x_until wait that long. A value that does not go in comes back in the result.
//
// Threads: handles may be used by several threads at once, and copied; assigning to or destroying one handle is for
//   one thread. Copy the sender for each producer: a channel knows that all senders are gone by its handles.
// Progress: blocking. A bounded channel allocates at its construction only; an unbounded one a block for every so many
//   elements, and gives blocks back as it is drained (one spare stays).
// Ordering: FIFO, over all senders. What happened before a push is seen after the pop that takes the element.
//   Linearization: inside the lock of the operation.
// Cost: one uncontended lock and one move an operation; a batch (push_range, pop_some) one lock for all that fits. A
//   system call only when the other side sleeps.
// Failure: results say why (result.hpp). close(), or the last sender's end: nothing goes in any more, what is in comes
//   out, then pop says closed. The last receiver's end: elements are destroyed, pushes come back as closed. If moving T
//   throws, the channel stays valid and the exception reaches the caller: a push leaves the channel as it was and the
//   value with the caller (as the failed move left it), a pop leaves the element at the head. The same for a failed
//   allocation of an unbounded push. In a batch, what was done before the throw stays done.
// Lifetime: the channel ends with its last handle. T's move constructor and destructor, and assignments through the
//   iterator given to pop_some, run under the channel's lock: they must not use the channel. Elements dropped with the
//   channel are destroyed outside of it.
// Origin: operation names and reasons of P0260 (C++ concurrent queues); the two ends, the returned value and
//   disconnection as in crossbeam-channel.

#include <gantry/base/assert.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/channel/detail/core.hpp>
#include <gantry/channel/result.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace gantry::channel {

// What a channel can carry. T may be incomplete where only its handles are named: messages may hold channels.
template<class T>
concept element = std::is_object_v<T> && !std::is_const_v<T> && std::move_constructible<T> && !std::is_array_v<T>;

template<class T>
class sender;
template<class T>
class receiver;
template<class T>
struct ends;

// A channel for `capacity` elements, at least one.
template<class T>
[[nodiscard]] ends<T> bounded(std::size_t capacity);

// A channel without a limit: a push never waits and is never refused as full.
template<class T>
[[nodiscard]] ends<T> unbounded();

// What both kinds of handle can tell.
template<class T>
class handle {
public:
    // Nothing goes in any more; what is in comes out. Any handle may close, any number of times.
    void close() const noexcept { core().close(); }

    // Whether close() was called, or all handles of one side are gone.
    [[nodiscard]] bool is_closed() const noexcept { return core().is_closed(); }

    // The number of elements at some moment during the call.
    [[nodiscard]] std::size_t size() const noexcept { return core().size(); }
    [[nodiscard]] bool is_empty() const noexcept { return size() == 0; }

    // nullopt: unbounded.
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept { return core().capacity(); }

    [[nodiscard]] bool same_channel(const handle& other) const noexcept { return core_ == other.core_; }

protected:
    explicit handle(detail::core<T>* core) noexcept : core_(core) {}
    ~handle() = default;
    handle(const handle&) noexcept = default;
    handle(handle&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}

    // A handle that was moved from can only be assigned to and destroyed.
    [[nodiscard]] detail::core<T>& core() const {
        GANTRY_ASSERT(core_ != nullptr);
        return *core_;
    }

    detail::core<T>* core_;
};

template<class T>
class [[nodiscard]] sender : public handle<T> {
public:
    sender(const sender& other) noexcept : handle<T>(other) {
        if (this->core_)
            this->core_->add_sender();
    }
    sender(sender&&) noexcept = default;
    sender& operator=(sender other) noexcept {
        std::swap(this->core_, other.core_);
        return *this;
    }
    ~sender() {
        if (this->core_)
            this->core_->drop_sender();
    }

    // Waits for room. Refused as closed.
    [[nodiscard]] push_result<T> push(T&& value) const { return this->core().push(std::move(value), no_deadline); }
    [[nodiscard]] push_result<T> push(const T& value) const
    requires std::copy_constructible<T>
    {
        return push(T(value));
    }

    // Refused as full or closed.
    [[nodiscard]] push_result<T> try_push(T&& value) const {
        return this->core().push(std::move(value), detail::at_once());
    }
    [[nodiscard]] push_result<T> try_push(const T& value) const
    requires std::copy_constructible<T>
    {
        return try_push(T(value));
    }

    // Refused as timeout or closed.
    template<class Rep, class Period>
    [[nodiscard]] push_result<T> push_for(T&& value, std::chrono::duration<Rep, Period> duration) const {
        return this->core().push(std::move(value), deadline_after(duration));
    }
    template<class Rep, class Period>
    [[nodiscard]] push_result<T> push_for(const T& value, std::chrono::duration<Rep, Period> duration) const
    requires std::copy_constructible<T>
    {
        return push_for(T(value), duration);
    }
    template<class Clock, class Duration>
    [[nodiscard]] push_result<T> push_until(T&& value, std::chrono::time_point<Clock, Duration> time) const {
        return this->core().push(std::move(value), time);
    }
    template<class Clock, class Duration>
    [[nodiscard]] push_result<T> push_until(const T& value, std::chrono::time_point<Clock, Duration> time) const
    requires std::copy_constructible<T>
    {
        return push_until(T(value), time);
    }

    // Moves all values in, in order, waiting for room as needed; others may push in between. When refused, the first
    // `pushed` values are in and the others still in the range.
    [[nodiscard]] std::expected<void, refused_range> push_range(std::span<T> values) const {
        return this->core().push_range(values, no_deadline);
    }

    // Moves in as many as fit now.
    [[nodiscard]] std::expected<void, refused_range> try_push_range(std::span<T> values) const {
        return this->core().push_range(values, detail::at_once());
    }

private:
    friend ends<T> bounded<T>(std::size_t);
    friend ends<T> unbounded<T>();

    using handle<T>::handle;
};

template<class T>
class [[nodiscard]] receiver : public handle<T> {
public:
    class iterator;

    receiver(receiver&&) noexcept = default;
    receiver& operator=(receiver other) noexcept {
        std::swap(this->core_, other.core_);
        return *this;
    }
    ~receiver() {
        if (this->core_)
            this->core_->drop_receiver();
    }

    // Waits for an element; or says closed.
    [[nodiscard]] pop_result<T> pop() const { return this->core().pop(no_deadline); }

    // An element; or empty or closed.
    [[nodiscard]] pop_result<T> try_pop() const { return this->core().pop(detail::at_once()); }

    // An element; or timeout or closed.
    template<class Rep, class Period>
    [[nodiscard]] pop_result<T> pop_for(std::chrono::duration<Rep, Period> duration) const {
        return this->core().pop(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] pop_result<T> pop_until(std::chrono::time_point<Clock, Duration> time) const {
        return this->core().pop(time);
    }

    // Waits for an element, then takes what is there, `max` elements at most, max >= 1: *out = std::move(element),
    // ++out for each. Returns how many; or says closed.
    template<class Out>
    requires std::output_iterator<Out, T>
    [[nodiscard]] std::expected<std::size_t, errc> pop_some(Out out, std::size_t max) const {
        return pop_batch(out, max, no_deadline);
    }

    // The same without waiting; or says empty or closed.
    template<class Out>
    requires std::output_iterator<Out, T>
    [[nodiscard]] std::expected<std::size_t, errc> try_pop_some(Out out, std::size_t max) const {
        return pop_batch(out, max, detail::at_once());
    }

    // The same with a limit on the wait for the first; or says timeout or closed.
    template<class Out, class Rep, class Period>
    requires std::output_iterator<Out, T>
    [[nodiscard]] std::expected<std::size_t, errc> pop_some_for(Out out, std::size_t max,
                                                                std::chrono::duration<Rep, Period> duration) const {
        return pop_batch(out, max, deadline_after(duration));
    }
    template<class Out, class Clock, class Duration>
    requires std::output_iterator<Out, T>
    [[nodiscard]] std::expected<std::size_t, errc> pop_some_until(Out out, std::size_t max,
                                                                  std::chrono::time_point<Clock, Duration> time) const {
        return pop_batch(out, max, time);
    }

    // Elements as they come, until the channel is closed and drained. An input range: begin() pops the first.
    [[nodiscard]] iterator begin() const { return iterator(*this); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

private:
    friend ends<T> bounded<T>(std::size_t);
    friend ends<T> unbounded<T>();

    using handle<T>::handle;

    template<class Out, class Patience>
    std::expected<std::size_t, errc> pop_batch(Out& out, std::size_t max, Patience patience) const {
        GANTRY_ASSERT(max >= 1);
        return this->core().pop_some(out, max, patience);
    }
};

// Holds the element it stands on; the receiver must outlive it and stay where it is.
template<class T>
class receiver<T>::iterator {
public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator(iterator&&) = default;
    iterator& operator=(iterator&& other) noexcept(std::is_nothrow_move_constructible_v<T>) {
        // By construction, as T need not be assignable.
        receiver_ = other.receiver_;
        current_.reset();
        if (other.current_)
            current_.emplace(*std::move(other.current_));
        return *this;
    }

    [[nodiscard]] T& operator*() const noexcept { return *current_; }
    [[nodiscard]] T* operator->() const noexcept { return &*current_; }

    iterator& operator++() {
        next();
        return *this;
    }
    void operator++(int) { next(); }

    [[nodiscard]] friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept {
        return !it.current_.has_value();
    }

private:
    friend class receiver;

    explicit iterator(const receiver& from) : receiver_(&from) { next(); }

    void next() {
        current_.reset();
        if (auto popped = receiver_->pop())
            current_.emplace(*std::move(popped));
    }

    const receiver* receiver_;
    mutable std::optional<T> current_;
};

// The two ends of a new channel: auto [tx, rx] = channel::bounded<T>(n);
template<class T>
struct ends {
    sender<T> tx;
    receiver<T> rx;
};

template<class T>
ends<T> bounded(std::size_t capacity) {
    static_assert(element<T>);
    GANTRY_ASSERT(capacity >= 1);
    auto* const core = new detail::core<T>(capacity);
    return {sender<T>(core), receiver<T>(core)};
}

template<class T>
ends<T> unbounded() {
    static_assert(element<T>);
    auto* const core = new detail::core<T>(std::nullopt);
    return {sender<T>(core), receiver<T>(core)};
}

} // namespace gantry::channel

// SPDX-License-Identifier: MIT
#pragma once
//
// channel::bounded<T>(n) and its relatives: a queue between threads with two ends, sender<T> and receiver<T>.
//
// Use it when one part of a program hands values to another: any number of senders and receivers.
//   bounded(n)         the sender can wait or refuse: back-pressure
//   rendezvous()       the sender goes on when the receiver has the value
//   unbounded()        the sender cannot wait, and something else limits the number
//   bounded_bytes(...) the limit is memory
//   latest()           only the newest value matters
//   after, at, tick, never   time as a channel, for select
// Do not use it when the threads only share state -> sync/mutex.hpp; when one thread only signals -> sync/event.hpp;
// when exactly two threads need the last nanosecond -> spsc.hpp; when it must not wait -> container/.
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
// To wait for several channels at once -> select.hpp; in coroutines -> async.hpp.
//
// Threads: handles may be used by several threads at once, and copied; assigning to or destroying one handle is for
//   one thread. Copy the handle for each user: a channel knows by its handles that all of a side are gone.
// Progress: blocking; who waits looks for some microseconds before it sleeps, where that pays. A bounded channel
//   allocates at its construction only; an unbounded one a segment for so many elements, given back when drained.
// Ordering: FIFO, over all senders (latest: see there). What happened before a push is seen after the pop that takes
//   the element. Linearizable, refusals included.
// Cost: no lock while nobody sleeps, if moving T cannot throw; else, and for bounded_bytes and latest, one uncontended
//   lock. A batch (push_range, pop_some) costs one step on the shared index for all that fits. A system call only when
//   the other side sleeps.
// Failure: results say why (result.hpp). close() or the end of one side: nothing goes in any more, what is in comes
//   out, then pop says closed or disconnected. The last receiver's end: elements are destroyed, pushes come back as
//   disconnected. If moving T throws, the channel stays valid and the exception reaches the caller: a push leaves the
//   channel as it was and the value with the caller (as the failed move left it), a pop leaves the element at the head.
//   The same for a failed allocation of an unbounded push. In a batch, what was done before the throw stays done; if
//   an assignment through the iterator given to pop_some throws, that element is lost.
// Lifetime: the channel ends with its last handle. T's move constructor and destructor, and assignments through the
//   iterator given to pop_some, may run under a lock of the channel: they must not use the channel.
// Origin: operation names and reasons of P0260 (C++ concurrent queues); the two ends, the returned value and
//   disconnection as in crossbeam-channel; weak senders and batches as in flume and kanal.

#include <gantry/base/assert.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/channel/detail/core.hpp>
#include <gantry/channel/detail/locked_core.hpp>
#include <gantry/channel/detail/rendezvous_core.hpp>
#include <gantry/channel/detail/timer_core.hpp>
#include <gantry/channel/result.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <functional>
#include <iterator>
#include <limits>
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
class weak_sender;
template<class T>
class receiver;
template<class T>
struct ends;

namespace detail {
struct access;
} // namespace detail

// What every handle can tell.
template<class T>
class handle {
public:
    using value_type = T;

    // Nothing goes in any more; what is in comes out. Any handle may close, any number of times.
    void close() const noexcept { core().close(errc::closed); }

    // Whether close() was called, or all handles of one side are gone.
    [[nodiscard]] bool is_closed() const noexcept { return core().is_closed(); }

    // The number of elements at some moment during the call.
    [[nodiscard]] std::size_t size() const noexcept { return core().size(); }
    [[nodiscard]] bool is_empty() const noexcept { return size() == 0; }
    // Whether a push would have to wait.
    [[nodiscard]] bool is_full() const noexcept {
        return !is_closed() && !core().is_ready(detail::side::push, nullptr);
    }

    // In elements, or in bytes for bounded_bytes. nullopt: unbounded.
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept { return core().capacity(); }
    // What the elements in it count for. nullopt: not counted by this kind.
    [[nodiscard]] std::optional<std::size_t> bytes() const noexcept { return core().bytes(); }

    // Of the channel, the same for all its handles: what waits() calls it.
    [[nodiscard]] const void* id() const noexcept { return static_cast<detail::core_base*>(core_); }
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

private:
    friend detail::access;
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

    // A handle that does not keep the channel open.
    [[nodiscard]] weak_sender<T> downgrade() const noexcept;

    // Waits for room. Refused as closed or disconnected.
    [[nodiscard]] push_result<T> push(T&& value) const { return put(value, no_deadline); }
    [[nodiscard]] push_result<T> push(const T& value) const
    requires std::copy_constructible<T>
    {
        return push(T(value));
    }

    // Refused as full, closed or disconnected.
    [[nodiscard]] push_result<T> try_push(T&& value) const { return put(value, detail::at_once()); }
    [[nodiscard]] push_result<T> try_push(const T& value) const
    requires std::copy_constructible<T>
    {
        return try_push(T(value));
    }

    // Refused as timeout, closed or disconnected.
    template<class Rep, class Period>
    [[nodiscard]] push_result<T> push_for(T&& value, std::chrono::duration<Rep, Period> duration) const {
        return put(value, deadline_after(duration));
    }
    template<class Rep, class Period>
    [[nodiscard]] push_result<T> push_for(const T& value, std::chrono::duration<Rep, Period> duration) const
    requires std::copy_constructible<T>
    {
        return push_for(T(value), duration);
    }
    template<class Clock, class Duration>
    [[nodiscard]] push_result<T> push_until(T&& value, std::chrono::time_point<Clock, Duration> time) const {
        return put(value, time);
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
    friend detail::access;
    friend weak_sender<T>;

    using handle<T>::handle;

    template<class Patience>
    [[nodiscard]] push_result<T> put(T& value, Patience patience) const {
        const errc reason = this->core().push(value, patience);
        if (reason == errc{}) [[likely]]
            return {};
        return push_result<T>(std::unexpect, reason, std::move(value));
    }
};

// A sender that does not keep the channel open: what a registry or a timer holds.
template<class T>
class [[nodiscard]] weak_sender {
public:
    weak_sender(const weak_sender& other) noexcept : core_(other.core_) {
        if (core_)
            core_->add_weak();
    }
    weak_sender(weak_sender&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    weak_sender& operator=(weak_sender other) noexcept {
        std::swap(core_, other.core_);
        return *this;
    }
    ~weak_sender() {
        if (core_)
            core_->drop_weak();
    }

    // A sender, unless the last one is gone.
    [[nodiscard]] std::optional<sender<T>> upgrade() const noexcept {
        if (core_ == nullptr || !core_->try_add_sender())
            return std::nullopt;
        return sender<T>(core_);
    }

private:
    friend sender<T>;
    explicit weak_sender(detail::core<T>* core) noexcept : core_(core) { core_->add_weak(); }

    detail::core<T>* core_;
};

template<class T>
weak_sender<T> sender<T>::downgrade() const noexcept {
    return weak_sender<T>(&this->core());
}

template<class T>
class [[nodiscard]] receiver : public handle<T> {
public:
    class iterator;

    receiver(const receiver& other) noexcept : handle<T>(other) {
        if (this->core_)
            this->core_->add_receiver();
    }
    receiver(receiver&&) noexcept = default;
    receiver& operator=(receiver other) noexcept {
        std::swap(this->core_, other.core_);
        return *this;
    }
    ~receiver() {
        if (this->core_)
            this->core_->drop_receiver();
    }

    // Waits for an element; or says closed or disconnected.
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

    // Takes what is there, without waiting, until there is nothing for a moment; how many.
    template<class Out>
    requires std::output_iterator<Out, T>
    std::size_t drain(Out out) const {
        std::size_t count = 0;
        while (this->core().try_pop_some(out, std::numeric_limits<std::size_t>::max(), count) == errc{}) {
        }
        return count;
    }

    // Elements as they come, until the channel is closed and drained. An input range: begin() pops the first.
    [[nodiscard]] iterator begin() const { return iterator(*this); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

private:
    friend detail::access;

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

namespace detail {

// What makes handles and looks behind them.
struct access {
    template<class T>
    [[nodiscard]] static ends<T> both(core<T>* made) {
        return {sender<T>(made), receiver<T>(made)};
    }
    template<class T>
    [[nodiscard]] static receiver<T> source(core<T>* made) {
        receiver<T> only(made);
        made->drop_weak(); // a source has no senders
        return only;
    }
    template<class T>
    [[nodiscard]] static core<T>& core_of(const handle<T>& of) {
        return of.core();
    }
};

} // namespace detail

// A channel for `capacity` elements, at least one.
template<class T>
[[nodiscard]] ends<T> bounded(std::size_t capacity) {
    static_assert(element<T>);
    GANTRY_ASSERT(capacity >= 1);
    if constexpr (detail::is_movable_freely<T>)
        return detail::access::both<T>(new detail::ring_core<T>(capacity));
    else
        return detail::access::both<T>(new detail::locked_core<T, detail::count_room<T>>(std::optional(capacity)));
}

// A channel without a limit: a push never waits and is never refused as full. Segments that are drained go to the
// domain, which outlives the channel.
template<class T>
[[nodiscard]] ends<T> unbounded(reclaim::epoch::domain& domain = reclaim::epoch::default_domain()) {
    static_assert(element<T>);
    if constexpr (detail::is_movable_freely<T>)
        return detail::access::both<T>(new detail::chain_core<T>(domain));
    else
        return detail::access::both<T>(new detail::locked_core<T, detail::count_room<T>>(std::nullopt));
}

// A channel of capacity 0: a push ends when a pop has taken the value, and try_push succeeds only while one waits.
template<class T>
[[nodiscard]] ends<T> rendezvous() {
    static_assert(element<T>);
    return detail::access::both<T>(new detail::rendezvous_core<T>());
}

// A channel whose elements count for `limit` bytes together at most. size_of(element) says what one counts for; it is
// called outside of locks, once a push, and must not throw; 0 counts as 1. An element that alone is over the limit is
// refused as too_large. A push that waits may be overtaken by one of a smaller element.
template<class T>
[[nodiscard]] ends<T> bounded_bytes(std::size_t limit, std::function<std::size_t(const T&)> size_of) {
    static_assert(element<T>);
    GANTRY_ASSERT(limit >= 1 && size_of != nullptr);
    return detail::access::both<T>(new detail::locked_core<T, detail::bytes_room<T>>(limit, std::move(size_of)));
}

// A channel for one element, in which a push replaces what nobody has taken yet: it never waits.
template<class T>
[[nodiscard]] ends<T> latest() {
    static_assert(element<T>);
    return detail::access::both<T>(new detail::locked_core<T, detail::latest_room<T>>());
}

using time_receiver = receiver<std::chrono::steady_clock::time_point>;

// One element, the time for which it was due, at that time; then nothing any more. (It does not close: a select goes on
// waiting for the others.)
template<class Clock, class Duration>
[[nodiscard]] time_receiver at(std::chrono::time_point<Clock, Duration> time) {
    return detail::access::source<detail::timer_core::time_point>(
        new detail::timer_core(deadline_at(time), std::chrono::nanoseconds::zero()));
}
template<class Rep, class Period>
[[nodiscard]] time_receiver after(std::chrono::duration<Rep, Period> duration) {
    return at(deadline_after(duration));
}

// An element each period (more than zero), the first after one: the time for which it was due. Ticks that nobody takes
// in time are left out, the others stay on the grid.
template<class Rep, class Period>
[[nodiscard]] time_receiver tick(std::chrono::duration<Rep, Period> period) {
    const auto nanoseconds = saturated(period);
    GANTRY_ASSERT(nanoseconds.count() > 0);
    return detail::access::source<detail::timer_core::time_point>(
        new detail::timer_core(deadline_after(period), nanoseconds));
}

// Nothing, ever: the arm of a select that is switched off.
template<class T>
[[nodiscard]] receiver<T> never() {
    return detail::access::source<T>(new detail::never_core<T>());
}

} // namespace gantry::channel

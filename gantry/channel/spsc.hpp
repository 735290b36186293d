// SPDX-License-Identifier: MIT
#pragma once
//
// channel::spsc<T>(n): a bounded channel for exactly one sending and one receiving thread, at the price of a ring.
//
// Use it when one thread feeds one other and the nanoseconds matter: samples, packets, audio.
// Do not use it when handles are shared or copied -> channel.hpp; when nobody is to sleep -> container/ring.hpp.
//
//     auto [tx, rx] = gantry::channel::spsc<int>(100);
//     std::jthread producer([to = std::move(tx)] {
//         for (int i = 0; i != 10; ++i)
//             if (!to.push(i))
//                 return; // the receiver is gone
//     });
//     while (const auto number = rx.pop())
//         sum += *number;
//
// Threads: each handle is one thread's at a time; it can be moved, not copied. Progress: pushes and pops that do not
//   wait are wait-free; only the constructor allocates.
// Ordering: FIFO; what happened before a push is seen after its pop. Linearization: as of ring.
// Cost: a release store and a look at the other side's count of waiters an element; a batch the same for all of it.
// Failure: as of channel.hpp. The channel ends with the sender (close(), or its destruction: what is in comes out) or
//   with the receiver (elements are destroyed, pushes are refused as disconnected). If moving T throws, the channel is
//   as it was.
// Lifetime: the channel ends with its last handle. Origin: container/ring.hpp, and the waiting of all channels.
//
// Ordering ledger
//   ended : stop, ended_ store (release)  ->  refusal, ended_ load (acquire)   carries: the last elements, and why it
//   ended
// Relaxed used as: stale-ok (is_closed)

#include <gantry/base/assert.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/detail/core.hpp>
#include <gantry/channel/select.hpp>
#include <gantry/container/ring.hpp>

#include <atomic>
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

template<class T>
class single_sender;
template<class T>
class single_receiver;

namespace detail {

template<class T>
class spsc_core final : public core<T> {
public:
    explicit spsc_core(std::size_t capacity) : elements_(capacity) {}

    errc attempt_push(T& value) override {
        if (const errc reason = refusal(); reason != errc{}) [[unlikely]]
            return reason;
        if (!elements_.try_push(std::move(value)))
            return errc::full;
        this->call_one(side::pop);
        return {};
    }
    errc attempt_push_range(std::span<T> values, std::size_t& pushed) override {
        if (const errc reason = refusal(); reason != errc{}) [[unlikely]]
            return reason;
        const std::size_t count = elements_.try_push_range(values);
        pushed += count;
        if (count == 0)
            return errc::full;
        this->call_one(side::pop);
        return {};
    }
    errc attempt_pop(pop_result<T>& into) override {
        T* first = elements_.try_front();
        if (first == nullptr) [[unlikely]] {
            const errc reason = refusal();
            if (reason == errc{})
                return errc::empty;
            // What the sender pushed before it ended the channel is there now.
            first = elements_.try_front();
            if (first == nullptr)
                return reason;
        }
        put_element(into, std::move(*first));
        elements_.drop_front();
        this->call_one(side::push);
        return {};
    }
    template<class Out>
    errc pop_some(Out& out, std::size_t max, std::size_t& popped) {
        const errc reason = refusal();
        const std::size_t before = popped;
        struct caller {
            spsc_core& self;
            ~caller() { self.call_one(side::push); }
        } const calls{*this}; // also when the sink throws
        for (T* first = nullptr; popped - before != max && (first = elements_.try_front()) != nullptr; ++popped) {
            *out = std::move(*first);
            ++out;
            elements_.drop_front();
        }
        return popped != before ? errc{} : reason != errc{} ? reason : errc::empty;
    }
    errc attempt_pop_some(sink<T> out, std::size_t max, std::size_t& popped) override {
        return pop_some(out, max, popped);
    }

    using core_type = core<T>;

    [[nodiscard]] bool is_ready(side on, const wait_entry*) noexcept override {
        if (is_closed())
            return true;
        return on == side::push ? elements_.size() != elements_.capacity() : elements_.size() != 0;
    }
    [[nodiscard]] bool is_closed() noexcept override {
        return ended_.load(std::memory_order_relaxed); // relaxed: stale-ok
    }
    [[nodiscard]] std::size_t size() noexcept override { return elements_.size(); }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override { return elements_.capacity(); }
    [[nodiscard]] const char* kind_name() const noexcept override { return "spsc"; }

private:
    [[nodiscard]] errc refusal() const noexcept {
        return ended_.load(std::memory_order_acquire) ? this->end() : errc{}; // order: ended.r
    }

    void stop() noexcept override {
        ended_.store(true, std::memory_order_release); // order: ended.w
    }
    // By the receiver's thread. What a push that is under way adds goes with the channel.
    void discard() noexcept override {
        while (T* const left = elements_.try_front()) {
            static_cast<void>(left);
            elements_.drop_front();
        }
    }

    container::ring<T> elements_;
    std::atomic<bool> ended_{false};
};

} // namespace detail

// What both ends can tell.
template<class T>
class single_handle {
public:
    using value_type = T;

    [[nodiscard]] bool is_closed() const noexcept { return core().is_closed(); }
    // Of the sender's thread at least, of the receiver's at most what is there.
    [[nodiscard]] std::size_t size() const noexcept { return core().size(); }
    [[nodiscard]] bool is_empty() const noexcept { return size() == 0; }
    [[nodiscard]] bool is_full() const noexcept { return size() == *core().capacity(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return *core().capacity(); }

    // For select().
    [[nodiscard]] detail::core<T>& any_core() const noexcept { return core(); }

protected:
    explicit single_handle(detail::spsc_core<T>* core) noexcept : core_(core) {}
    single_handle(single_handle&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
    ~single_handle() = default;

    [[nodiscard]] detail::spsc_core<T>& core() const {
        GANTRY_ASSERT(core_ != nullptr); // a handle that was moved from can only be assigned to and destroyed
        return *core_;
    }

    detail::spsc_core<T>* core_;
};

template<class T>
struct single_ends {
    single_sender<T> tx;
    single_receiver<T> rx;
};

template<class T>
class [[nodiscard]] single_sender : public single_handle<T> {
public:
    single_sender(single_sender&&) noexcept = default;
    single_sender& operator=(single_sender other) noexcept {
        std::swap(this->core_, other.core_);
        return *this;
    }
    ~single_sender() {
        if (this->core_ != nullptr)
            this->core_->drop_sender();
    }

    // Nothing goes in any more; what is in comes out, then pop says closed.
    void close() const noexcept { this->core().close(errc::closed); }

    // As those of sender, but the value is taken in any case: one that was refused is in the result.
    [[nodiscard]] push_result<T> push(T value) const { return put(value, no_deadline); }
    [[nodiscard]] push_result<T> try_push(T value) const { return put(value, detail::at_once()); }
    template<class Rep, class Period>
    [[nodiscard]] push_result<T> push_for(T value, std::chrono::duration<Rep, Period> duration) const {
        return put(value, deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] push_result<T> push_until(T value, std::chrono::time_point<Clock, Duration> time) const {
        return put(value, time);
    }
    [[nodiscard]] std::expected<void, refused_range> push_range(std::span<T> values) const {
        return this->core().push_range(values, no_deadline);
    }
    [[nodiscard]] std::expected<void, refused_range> try_push_range(std::span<T> values) const {
        return this->core().push_range(values, detail::at_once());
    }

private:
    using single_handle<T>::single_handle;
    template<class U>
    friend single_ends<U> spsc(std::size_t capacity);

    template<class Patience>
    [[nodiscard]] push_result<T> put(T& value, Patience patience) const {
        errc reason = this->core().attempt_push(value);
        if constexpr (!std::same_as<Patience, detail::at_once>) {
            if (reason == errc::full) [[unlikely]]
                reason = this->core().push(value, patience);
        }
        if (reason == errc{}) [[likely]]
            return {};
        return push_result<T>(std::unexpect, reason, std::move(value));
    }
};

template<class T>
class [[nodiscard]] single_receiver : public single_handle<T> {
public:
    single_receiver(single_receiver&&) noexcept = default;
    single_receiver& operator=(single_receiver other) noexcept {
        std::swap(this->core_, other.core_);
        return *this;
    }
    ~single_receiver() {
        if (this->core_ != nullptr)
            this->core_->drop_receiver();
    }

    // As those of receiver.
    [[nodiscard]] pop_result<T> pop() const { return take(no_deadline); }
    [[nodiscard]] pop_result<T> try_pop() const { return take(detail::at_once()); }
    template<class Rep, class Period>
    [[nodiscard]] pop_result<T> pop_for(std::chrono::duration<Rep, Period> duration) const {
        return take(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] pop_result<T> pop_until(std::chrono::time_point<Clock, Duration> time) const {
        return take(time);
    }
    template<class Out>
    requires std::output_iterator<Out, T>
    [[nodiscard]] std::expected<std::size_t, errc> pop_some(Out out, std::size_t max) const {
        GANTRY_ASSERT(max >= 1);
        std::size_t popped = 0;
        const errc reason = this->core().pop_some(out, max, popped);
        if (reason == errc::empty)
            return this->core().core_type::pop_some(out, max, no_deadline);
        return popped == 0 ? std::expected<std::size_t, errc>(std::unexpect, reason) : popped;
    }
    template<class Out>
    requires std::output_iterator<Out, T>
    [[nodiscard]] std::expected<std::size_t, errc> try_pop_some(Out out, std::size_t max) const {
        GANTRY_ASSERT(max >= 1);
        std::size_t popped = 0;
        const errc reason = this->core().pop_some(out, max, popped);
        return popped == 0 ? std::expected<std::size_t, errc>(std::unexpect, reason) : popped;
    }

private:
    using single_handle<T>::single_handle;
    template<class U>
    friend single_ends<U> spsc(std::size_t capacity);

    template<class Patience>
    [[nodiscard]] pop_result<T> take(Patience patience) const {
        pop_result<T> result(std::unexpect, errc::empty);
        errc reason = this->core().attempt_pop(result);
        if constexpr (!std::same_as<Patience, detail::at_once>) {
            if (reason == errc::empty) [[unlikely]]
                reason = this->core().pop_waiting(result, deadline_at(patience));
        }
        if (reason != errc{}) [[unlikely]]
            result.error() = reason;
        return result;
    }
};

// A channel for `capacity` elements, at least one.
template<class T>
[[nodiscard]] single_ends<T> spsc(std::size_t capacity) {
    static_assert(element<T>);
    GANTRY_ASSERT(capacity >= 1);
    auto* const core = new detail::spsc_core<T>(capacity);
    return {single_sender<T>(core), single_receiver<T>(core)};
}

// Arms of a select.
template<class T>
struct detail::arm_of<single_receiver<T>> {
    using type = pop_arm<T>;
    using result = pop_result<T>;
    [[nodiscard]] static core<T>& core_of(const single_receiver<T>& rx) noexcept { return rx.any_core(); }
};
template<class T, class Value, std::invocable<push_result<T>> Handler>
requires std::constructible_from<T, Value>
[[nodiscard]] auto on_push(const single_sender<T>& tx, Value&& value, Handler handler) {
    using held = std::conditional_t<std::same_as<Value, T>, T&&, T>;
    return detail::on_push_clause<T, held, Handler>(tx.any_core(), std::forward<Value>(value), std::move(handler));
}

} // namespace gantry::channel

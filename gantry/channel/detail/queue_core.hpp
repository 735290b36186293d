// SPDX-License-Identifier: MIT
#pragma once
//
// queue_core<T, Queue>: a channel over a lock-free queue. ring_core<T>: the bounded channel, over a
// container::bounded_queue; two sides that wait. chain_core<T>: the unbounded one, over a container::queue; only who
// pops waits.
//
// Use it when moving T cannot throw, and the capacity is not 0.
// Do not use it when moving T may throw -> locked_core, which can undo; when the capacity is 0 -> rendezvous_core.
//
// Threads: everything from any thread. Progress: as the queue: an attempt never waits for an element or for room, only
//   for another attempt that is half done, if at all. The ring allocates in its constructor, the chain now and then.
// Ordering: FIFO, linearizable. Cost: as the queue, and a look at who waits. Failure: a push that finds no memory
//   throws, and the value is where it was; a sink that throws loses its element. Lifetime: as core_base; segments of a
//   chain go to the domain, which outlives the channel.
// Origin: see bounded_queue, queue and waiting.hpp.

#include <gantry/channel/detail/core.hpp>
#include <gantry/container/bounded_queue.hpp>
#include <gantry/container/queue.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace gantry::channel::detail {

template<class T, class Queue>
class queue_core final : public core<T> {
    static constexpr bool is_bounded = requires(const Queue& queue) { queue.capacity(); };

public:
    // What the queue is made with.
    template<class... Args>
    requires std::constructible_from<Queue, Args...>
    explicit queue_core(Args&&... args)
        : core<T>(is_bounded ? kind::ring : kind::chain), elements_(std::forward<Args>(args)...) {}

    errc attempt_push(T& value) override {
        if (!elements_.try_push(std::move(value))) [[unlikely]]
            return why_refused();
        this->call_one(side::pop);
        return {};
    }

    errc attempt_push_range(std::span<T> values, std::size_t& pushed) override {
        const calling calls{*this, side::pop}; // also when there is no memory for the rest
        const std::size_t count = elements_.try_push_range(values);
        pushed += count;
        const bool enough = is_bounded ? count != 0 : count == values.size();
        return enough ? errc{} : why_refused();
    }

    errc attempt_pop(pop_result<T>& into) override {
        // Closed, and what went in before that is in: then once more.
        for (bool is_last = false;; is_last = true) {
            if (std::optional<T> popped = elements_.try_pop()) [[likely]] {
                into.emplace(*std::move(popped));
                call_pushers();
                return {};
            }
            if (is_last)
                return this->end();
            if (!elements_.is_closed())
                return errc::empty;
        }
    }

    template<class Out>
    errc pop_some(Out& out, std::size_t max, std::size_t& popped) {
        const calling calls{*this, side::push}; // also when the sink throws
        const bool closed = elements_.is_closed();
        const std::size_t count = elements_.try_pop_some(out, max);
        popped += count;
        if (count == 0)
            return closed ? this->end() : errc::empty;
        return {};
    }
    errc attempt_pop_some(sink<T> out, std::size_t max, std::size_t& popped) override {
        return pop_some(out, max, popped);
    }

    [[nodiscard]] bool is_ready(side on, const wait_entry*) noexcept override {
        if (elements_.is_closed())
            return true;
        if constexpr (is_bounded) {
            if (on == side::push)
                return !elements_.is_full();
        }
        return on == side::push || !elements_.is_empty();
    }
    [[nodiscard]] bool is_closed() noexcept override { return elements_.is_closed(); }
    [[nodiscard]] std::size_t size() noexcept override { return elements_.size(); }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override {
        if constexpr (is_bounded)
            return elements_.capacity();
        else
            return std::nullopt;
    }
    [[nodiscard]] const char* kind_name() const noexcept override { return is_bounded ? "bounded" : "unbounded"; }

private:
    struct calling {
        queue_core& self;
        side on;
        ~calling() {
            if (on == side::pop)
                self.call_one(side::pop);
            else
                self.call_pushers();
        }
    };

    // Nobody waits for room where there is no limit.
    void call_pushers() noexcept {
        if constexpr (is_bounded)
            this->call_one(side::push);
    }
    [[nodiscard]] errc why_refused() noexcept {
        return !is_bounded || elements_.is_closed() ? this->end() : errc::full;
    }

    void stop() noexcept override { elements_.close(); }
    void discard() noexcept override {
        while (elements_.try_pop()) {
        }
    }

    Queue elements_;
};

} // namespace gantry::channel::detail

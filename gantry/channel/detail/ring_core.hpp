// SPDX-License-Identifier: MIT
#pragma once
//
// ring_core<T>: the bounded channel: a container::bounded_queue, and two sides that wait.
//
// Use it when the capacity is at least 1 and moving T cannot throw.
// Do not use it when moving T may throw -> locked_core, which can undo; when the capacity is 0 -> rendezvous_core.
//
// Threads: everything from any thread. Progress: as bounded_queue: an attempt never waits for an element or for room,
//   only for another attempt that is half done. Only the constructor allocates. Ordering: FIFO, linearizable.
// Cost: two compare-exchanges and two stores for an element, in and out. Failure: moving out to a sink that throws
//   loses that element. Lifetime: as core_base. Origin: see bounded_queue and waiting.hpp.

#include <gantry/channel/detail/core.hpp>
#include <gantry/container/bounded_queue.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace gantry::channel::detail {

template<class T>
class ring_core final : public core<T> {
public:
    explicit ring_core(std::size_t capacity) : core<T>(kind::ring), elements_(capacity) {}

    errc attempt_push(T& value) override {
        if (!elements_.try_push(std::move(value))) [[unlikely]]
            return elements_.is_closed() ? this->end() : errc::full;
        this->call_one(side::pop);
        return {};
    }

    errc attempt_push_range(std::span<T> values, std::size_t& pushed) override {
        const std::size_t count = elements_.try_push_range(values);
        pushed += count;
        if (count != 0) {
            this->call_one(side::pop);
            return {};
        }
        return elements_.is_closed() ? this->end() : errc::full;
    }

    errc attempt_pop(pop_result<T>& into) override {
        // Closed, and what went in before that is in: then once more.
        for (bool is_last = false;; is_last = true) {
            if (std::optional<T> popped = elements_.try_pop()) [[likely]] {
                into.emplace(*std::move(popped));
                this->call_one(side::push);
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
        struct caller {
            ring_core& self;
            ~caller() { self.call_one(side::push); }
        } const calls{*this}; // also when the sink throws
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
        return elements_.is_closed() || (on == side::push ? !elements_.is_full() : !elements_.is_empty());
    }
    [[nodiscard]] bool is_closed() noexcept override { return elements_.is_closed(); }
    [[nodiscard]] std::size_t size() noexcept override { return elements_.size(); }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override { return elements_.capacity(); }
    [[nodiscard]] const char* kind_name() const noexcept override { return "bounded"; }

private:
    void stop() noexcept override { elements_.close(); }
    void discard() noexcept override {
        while (elements_.try_pop()) {
        }
    }

    container::bounded_queue<T> elements_;
};

} // namespace gantry::channel::detail

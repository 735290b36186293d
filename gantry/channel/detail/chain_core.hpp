// SPDX-License-Identifier: MIT
#pragma once
//
// chain_core<T>: the unbounded channel: a container::queue, and one side that waits.
//
// Use it when moving T cannot throw.
// Do not use it when moving T may throw -> locked_core, which can undo.
//
// Threads: everything from any thread. Progress: lock-free attempts; a push allocates now and then. Ordering: FIFO,
//   linearizable. Cost: as queue. Failure: a push that finds no memory throws, and the value is where it was; a sink
//   that throws loses its element. Lifetime: as core_base; segments go to the domain, which outlives the channel.
// Origin: see queue and waiting.hpp.

#include <gantry/channel/detail/core.hpp>
#include <gantry/container/queue.hpp>
#include <gantry/reclaim/epoch.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace gantry::channel::detail {

template<class T>
class chain_core final : public core<T> {
public:
    explicit chain_core(reclaim::epoch::domain& domain) : core<T>(kind::chain), elements_(domain) {}

    errc attempt_push(T& value) override {
        if (!elements_.try_push(std::move(value))) [[unlikely]]
            return this->end();
        this->call_one(side::pop);
        return {};
    }

    errc attempt_push_range(std::span<T> values, std::size_t& pushed) override {
        struct caller {
            chain_core& self;
            ~caller() { self.call_one(side::pop); }
        } const calls{*this}; // also when there is no memory for the rest
        const std::size_t count = elements_.try_push_range(values);
        pushed += count;
        return count == values.size() ? errc{} : this->end();
    }

    errc attempt_pop(pop_result<T>& into) override {
        // Closed, and what went in before that is in: then once more.
        for (bool is_last = false;; is_last = true) {
            if (std::optional<T> popped = elements_.try_pop()) [[likely]] {
                into.emplace(*std::move(popped));
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
        return on == side::push || elements_.is_closed() || !elements_.is_empty();
    }
    [[nodiscard]] bool is_closed() noexcept override { return elements_.is_closed(); }
    [[nodiscard]] std::size_t size() noexcept override { return elements_.size(); }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override { return std::nullopt; }
    [[nodiscard]] const char* kind_name() const noexcept override { return "unbounded"; }

private:
    void stop() noexcept override { elements_.close(); }
    void discard() noexcept override {
        while (elements_.try_pop()) {
        }
    }

    container::queue<T> elements_;
};

} // namespace gantry::channel::detail

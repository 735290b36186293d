// SPDX-License-Identifier: MIT
#pragma once
// The peers of stack_cycle and queue_cycle, with the one shape that cycles() wants.
#include <gantry/container/test_cycles.hpp>
#include <gantry/reclaim/test_peers.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

namespace gantry::container::test {

// A peer that says by its result whether it has put an element where it was told.
template<class Structure, class... Args>
class by_out_parameter {
public:
    void push(element value) {
        if constexpr (requires { structure_.push(value); })
            structure_.push(value);
        else
            static_cast<void>(structure_.enqueue(value));
    }
    [[nodiscard]] std::optional<element> try_pop() {
        element value{};
        return has_popped(value) ? std::optional(value) : std::nullopt;
    }

private:
    [[nodiscard]] bool has_popped(element& value) {
        if constexpr (requires { structure_.try_pop(value); })
            return structure_.try_pop(value);
        else if constexpr (requires { structure_.try_dequeue(value); })
            return structure_.try_dequeue(value);
        else
            return structure_.pop(value);
    }

    Structure structure_{Args()...};
};

// One of Boost's, which gives no memory back while it lives.
template<class Structure>
using of_boost = by_out_parameter<Structure, std::size_t>;

// What is written without a library: a std::deque, first in first out, or a std::vector, last in first out.
template<class Container>
class under_std_mutex {
public:
    void push(element value) {
        const std::scoped_lock lock(lock_);
        values_.push_back(value);
    }
    [[nodiscard]] std::optional<element> try_pop() {
        const std::scoped_lock lock(lock_);
        if (values_.empty())
            return std::nullopt;
        if constexpr (requires { values_.pop_front(); }) {
            const element value = values_.front();
            values_.pop_front();
            return value;
        } else {
            const element value = values_.back();
            values_.pop_back();
            return value;
        }
    }

private:
    std::mutex lock_;
    Container values_;
};

// A stack on xenium's schemes, which has none of its own.
template<class T, class Reclaimer>
class xenium_stack {
public:
    xenium_stack() = default;
    xenium_stack(const xenium_stack&) = delete;
    xenium_stack& operator=(const xenium_stack&) = delete;
    ~xenium_stack() {
        while (try_pop()) {
        }
    }

    void push(T value) {
        auto* const added = new node(std::move(value));
        auto seen = head_.load(std::memory_order_relaxed);
        do {
            added->next.store(seen, std::memory_order_relaxed);
        } while (!head_.compare_exchange_weak(seen, added, std::memory_order_release, std::memory_order_relaxed));
    }

    [[nodiscard]] std::optional<T> try_pop() {
        guard top;
        for (;;) {
            top.acquire(head_, std::memory_order_acquire);
            if (top.get() == nullptr)
                return std::nullopt;
            marked seen(top);
            const auto next = top->next.load(std::memory_order_relaxed);
            if (head_.compare_exchange_strong(seen, next, std::memory_order_relaxed, std::memory_order_relaxed)) {
                std::optional<T> value(std::move(top->value));
                top.reclaim();
                return value;
            }
        }
    }

private:
    struct node;
    using pointer = typename Reclaimer::template concurrent_ptr<node, 0>;
    using marked = typename pointer::marked_ptr;
    using guard = typename pointer::guard_ptr;

    struct node : Reclaimer::template enable_concurrent_ptr<node> {
        explicit node(T v) : value(std::move(v)) {}
        T value;
        pointer next;
    };

    pointer head_;
};

} // namespace gantry::container::test

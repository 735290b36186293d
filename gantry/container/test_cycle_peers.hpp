// SPDX-License-Identifier: MIT
#pragma once
// A stack on xenium's schemes, which has none of its own.
#include <gantry/reclaim/test_peers.hpp>

#include <atomic>
#include <optional>
#include <utility>

namespace gantry::container::test {

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

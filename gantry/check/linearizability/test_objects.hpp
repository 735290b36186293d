// SPDX-License-Identifier: MIT
#pragma once
//
// For the models of linearizability and scenarios: objects that threads share, sound ones, and twins with the one
// mistake that people make.

#include <gantry/check/linearizability/specifications.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace gantry::check::test {

enum class twin : std::uint8_t { sound, faulty };

// Faulty: whether it is empty is noted behind the lock, so that an old note may cover a newer one.
template<twin Kind>
class basic_locked_queue {
public:
    void push(std::int64_t value) {
        {
            const std::lock_guard lock(mutex_);
            values_.push_back(value);
        }
        if constexpr (Kind == twin::faulty) {
            empty_.store(false, std::memory_order_release);
        }
    }

    response try_pop() {
        if (Kind == twin::faulty && empty_.load(std::memory_order_acquire)) {
            return {};
        }
        response oldest;
        bool last = true;
        {
            const std::lock_guard lock(mutex_);
            if (!values_.empty()) {
                oldest = values_.front();
                values_.erase(values_.begin());
                last = values_.empty();
            }
        }
        if (Kind == twin::faulty && last) {
            empty_.store(true, std::memory_order_release);
        }
        return oldest;
    }

private:
    std::mutex mutex_;
    std::vector<std::int64_t> values_;
    std::atomic<bool> empty_{true};
};

using locked_queue = basic_locked_queue<twin::sound>;
using queue_whose_empty_lies = basic_locked_queue<twin::faulty>;

// Treiber's stack; what was popped lives as long as the stack. Faulty: a push does not look whether the top is still
// what it was.
template<twin Kind>
class basic_stack {
public:
    basic_stack() = default;
    basic_stack(const basic_stack&) = delete;
    basic_stack& operator=(const basic_stack&) = delete;
    ~basic_stack() {
        for (node* each = made_.load(std::memory_order_relaxed); each != nullptr;) {
            delete std::exchange(each, each->made);
        }
    }

    void push(std::int64_t value) {
        auto* const fresh = new node{value, nullptr, nullptr};
        keep(fresh);
        fresh->next = top_.load(std::memory_order_relaxed);
        if constexpr (Kind == twin::faulty) {
            top_.store(fresh, std::memory_order_release);
        } else {
            while (
                !top_.compare_exchange_weak(fresh->next, fresh, std::memory_order_release, std::memory_order_relaxed)) {
            }
        }
    }

    response try_pop() {
        node* newest = top_.load(std::memory_order_acquire);
        while (newest != nullptr && !top_.compare_exchange_weak(newest, newest->next, std::memory_order_acquire,
                                                                std::memory_order_acquire)) {
        }
        return newest == nullptr ? response() : response(newest->value);
    }

private:
    struct node {
        std::int64_t value;
        node* next;
        node* made;
    };

    // Relaxed: the destructor runs when every thread is known to have ended.
    void keep(node* fresh) {
        fresh->made = made_.load(std::memory_order_relaxed);
        while (!made_.compare_exchange_weak(fresh->made, fresh, std::memory_order_relaxed, std::memory_order_relaxed)) {
        }
    }

    std::atomic<node*> top_{nullptr};
    std::atomic<node*> made_{nullptr};
};

using treiber_stack = basic_stack<twin::sound>;
using stack_that_drops = basic_stack<twin::faulty>;

// Michael and Scott's queue; nodes live as long as the queue. Faulty: a pop moves the head without looking whether
// somebody else did.
template<twin Kind>
class basic_linked_queue {
public:
    basic_linked_queue() = default;
    basic_linked_queue(const basic_linked_queue&) = delete;
    basic_linked_queue& operator=(const basic_linked_queue&) = delete;
    ~basic_linked_queue() {
        for (node* each = first_; each != nullptr;) {
            delete std::exchange(each, each->next.load(std::memory_order_relaxed));
        }
    }

    void push(std::int64_t value) {
        auto* const fresh = new node;
        fresh->value = value;
        for (;;) {
            node* tail = tail_.load(std::memory_order_acquire);
            node* next = tail->next.load(std::memory_order_acquire);
            if (next != nullptr) {
                tail_.compare_exchange_strong(tail, next, std::memory_order_release, std::memory_order_relaxed);
            } else if (tail->next.compare_exchange_strong(next, fresh, std::memory_order_release,
                                                          std::memory_order_relaxed)) {
                tail_.compare_exchange_strong(tail, fresh, std::memory_order_release, std::memory_order_relaxed);
                return;
            }
        }
    }

    response try_pop() {
        for (;;) {
            node* head = head_.load(std::memory_order_acquire);
            node* const next = head->next.load(std::memory_order_acquire);
            if (next == nullptr) {
                return {};
            }
            if constexpr (Kind == twin::faulty) {
                head_.store(next, std::memory_order_release);
                return next->value;
            }
            if (head_.compare_exchange_strong(head, next, std::memory_order_release, std::memory_order_relaxed)) {
                return next->value;
            }
        }
    }

private:
    struct node {
        std::int64_t value = 0;
        std::atomic<node*> next{nullptr};
    };

    node* const first_ = new node;
    std::atomic<node*> head_{first_};
    std::atomic<node*> tail_{first_};
};

using michael_scott_queue = basic_linked_queue<twin::sound>;
using queue_that_repeats = basic_linked_queue<twin::faulty>;

// Herlihy and Wing's queue: which of two pushes came first may be settled by a later pop only. Faulty: a pop looks from
// behind.
template<twin Kind>
class basic_slot_queue {
public:
    void push(std::int64_t value) {
        const std::size_t slot = back_.fetch_add(1, std::memory_order_acq_rel);
        items_.at(slot).store(value, std::memory_order_release);
    }

    // Waits until there is a value.
    std::int64_t pop() {
        for (;;) {
            const std::size_t back = back_.load(std::memory_order_acquire);
            for (std::size_t i = 0; i < back; ++i) {
                auto& item = items_.at(Kind == twin::faulty ? back - 1 - i : i);
                if (item.load(std::memory_order_relaxed) != 0) {
                    if (const std::int64_t value = item.exchange(0, std::memory_order_acq_rel); value != 0) {
                        return value;
                    }
                }
            }
        }
    }

private:
    std::atomic<std::size_t> back_{0};
    std::array<std::atomic<std::int64_t>, 4> items_{};
};

using herlihy_wing_queue = basic_slot_queue<twin::sound>;
using queue_from_behind = basic_slot_queue<twin::faulty>;

// Faulty: reads and writes in two steps.
template<twin Kind>
class basic_counter {
public:
    std::int64_t add(std::int64_t value) {
        if constexpr (Kind == twin::faulty) {
            const std::int64_t before = value_.load(std::memory_order_seq_cst);
            value_.store(before + value, std::memory_order_seq_cst);
            return before;
        }
        return value_.fetch_add(value, std::memory_order_relaxed);
    }

    std::int64_t read() { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_{0};
};

using counter = basic_counter<twin::sound>;
using counter_in_two_steps = basic_counter<twin::faulty>;

// Two counters behind a switch, the smallest counting network of Aspnes, Herlihy and Shavit: quiescently consistent,
// and no more.
class counting_network {
public:
    std::int64_t next() {
        const std::int64_t wire = switch_.fetch_xor(1, std::memory_order_relaxed);
        return 2 * wires_.at(static_cast<std::size_t>(wire)).fetch_add(1, std::memory_order_relaxed) + wire;
    }

private:
    std::atomic<std::int64_t> switch_{0};
    std::array<std::atomic<std::int64_t>, 2> wires_{};
};

// A register in which each thread sees its own writes alone: sequentially consistent, and no more.
class private_register {
public:
    void write(std::size_t thread, std::int64_t value) { values_.at(thread).store(value, std::memory_order_relaxed); }
    std::int64_t read(std::size_t thread) { return values_.at(thread).load(std::memory_order_relaxed); }

private:
    std::array<std::atomic<std::int64_t>, 2> values_{};
};

} // namespace gantry::check::test

// SPDX-License-Identifier: MIT
// Treiber's stack with reference counts inside its nodes: a reader raises the count of the node that it saw at the top,
// so that the node stays. But the count is in the node: between the look at the top and the count the node may go.
#include <gantry/check/model.hpp>

#include <atomic>
#include <optional>
#include <thread>

namespace {

class stack {
public:
    stack() = default;
    stack(const stack&) = delete;
    stack& operator=(const stack&) = delete;

    ~stack() {
        while (pop()) {
        }
    }

    void push(int value) {
        node* const n = new node{value};
        n->next = head_.load(std::memory_order_relaxed);
        while (!head_.compare_exchange_weak(n->next, n, std::memory_order_release, std::memory_order_relaxed)) {
        }
    }

    std::optional<int> pop() {
        for (;;) {
            node* top = head_.load(std::memory_order_acquire);
            if (top == nullptr) {
                return std::nullopt;
            }
            top->users.fetch_add(1, std::memory_order_acquire);
            node* const n = top;
            if (head_.compare_exchange_strong(top, n->next, std::memory_order_acquire, std::memory_order_relaxed)) {
                const int value = n->value;
                let_go(n);
                let_go(n); // for the stack, which has it no more
                return value;
            }
            let_go(n);
        }
    }

private:
    struct node {
        int value;
        node* next = nullptr;
        std::atomic<int> users{1};
    };

    static void let_go(node* n) {
        if (n->users.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete n;
        }
    }

    std::atomic<node*> head_{nullptr};
};

} // namespace

GANTRY_MODEL(two_pop_with_counts_in_the_nodes) {
    stack s;
    s.push(1);
    s.push(2);
    std::optional<int> theirs;
    std::thread other([&] { theirs = s.pop(); });
    const std::optional<int> mine = s.pop();
    other.join();
    GANTRY_CHECK(mine && theirs && *mine + *theirs == 3);
}

// SPDX-License-Identifier: MIT
// Treiber's stack with the count of those who come beside the pointer, in one word: who has counted itself in knows
// that the node was at the top at that moment, and stays. The node counts those who go. (Williams's split counts.)
#include <gantry/check/model.hpp>

#include <atomic>
#include <cstdint>
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
        while (!head_.compare_exchange_weak(n->next, reinterpret_cast<std::uint64_t>(n), std::memory_order_release,
                                            std::memory_order_relaxed)) {
        }
    }

    std::optional<int> pop() {
        for (;;) {
            std::uint64_t top = head_.load(std::memory_order_relaxed);
            do {
                if (top == 0) {
                    return std::nullopt;
                }
            } while (!head_.compare_exchange_weak(top, top + one_user, std::memory_order_acquire,
                                                  std::memory_order_relaxed));
            node* const n = node_of(top);
            for (top += one_user; node_of(top) == n;) {
                if (head_.compare_exchange_strong(top, n->next, std::memory_order_relaxed, std::memory_order_relaxed)) {
                    const int value = n->value;
                    go(n, static_cast<int>(top / one_user) - 1); // so many others came, and each of them goes once
                    return value;
                }
            }
            go(n, -1);
        }
    }

private:
    struct node {
        int value;
        std::uint64_t next = 0;
        std::atomic<int> users{0}; // below zero: so many have gone, and it is not yet known how many came
    };

    static constexpr std::uint64_t one_user = std::uint64_t{1} << 48U; // above the bits of an address

    static node* node_of(std::uint64_t word) { return reinterpret_cast<node*>(word % one_user); }

    static void go(node* n, int change) {
        if (n->users.fetch_add(change, std::memory_order_acq_rel) == -change) {
            delete n;
        }
    }

    std::atomic<std::uint64_t> head_{0};
};

} // namespace

GANTRY_MODEL(two_pop_with_split_counts) {
    stack s;
    s.push(1);
    s.push(2);
    std::optional<int> theirs;
    std::thread other([&] { theirs = s.pop(); });
    const std::optional<int> mine = s.pop();
    other.join();
    GANTRY_CHECK(mine && theirs && *mine + *theirs == 3);
}

GANTRY_MODEL(pushes_and_pops_with_split_counts) {
    stack s;
    std::thread other([&] {
        s.push(1);
        static_cast<void>(s.pop());
    });
    const std::optional<int> mine = s.pop();
    other.join();
    GANTRY_CHECK(!mine || *mine == 1);
}

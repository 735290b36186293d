// SPDX-License-Identifier: MIT
// The same stack as docs/guides/check-your-code.md leaves it.
#include <gantry/check/corpus/test_corpus.hpp>
#include <gantry/check/model.hpp>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

namespace {

class stack {
public:
    stack() = default;
    stack(const stack&) = delete;
    stack& operator=(const stack&) = delete;

    ~stack() {
        while (pop()) {
        }
        for (node* n = kept_.load(std::memory_order_relaxed); n != nullptr;) {
            delete std::exchange(n, n->kept);
        }
    }

    void push(int value) {
        node* const n = new node{value, nullptr};
        node* top = head_.load(std::memory_order_relaxed);
        do {
            n->next = top;
        } while (!head_.compare_exchange_weak(top, n, std::memory_order_release, std::memory_order_relaxed));
    }

    std::optional<int> pop() {
        node* n = head_.load(std::memory_order_acquire);
        while (n != nullptr &&
               !head_.compare_exchange_weak(n, n->next, std::memory_order_acquire, std::memory_order_acquire)) {
        }
        if (n == nullptr) {
            return std::nullopt;
        }
        keep(n);
        return n->value;
    }

private:
    struct node {
        int value;
        node* next;
        node* kept = nullptr;
    };

    // Another thread may still be about to look at n->next: what was popped lives as long as the stack.
    void keep(node* n) {
        node* last = kept_.load(std::memory_order_relaxed);
        do {
            n->kept = last;
        } while (!kept_.compare_exchange_weak(last, n, std::memory_order_relaxed, std::memory_order_relaxed));
    }

    std::atomic<node*> head_{nullptr};
    std::atomic<node*> kept_{nullptr};
};

} // namespace

GANTRY_MODEL(push_and_pop) {
    stack s;
    std::thread other([&] { s.push(1); });
    const std::optional<int> value = s.pop();
    other.join();
    GANTRY_CHECK(!value || *value == 1);
}

GANTRY_MODEL(two_pops) {
    stack s;
    s.push(1);
    s.push(2);
    std::optional<int> theirs;
    std::thread other([&] { theirs = s.pop(); });
    const std::optional<int> mine = s.pop();
    other.join();
    GANTRY_CHECK(mine && theirs && *mine != *theirs);
}

GANTRY_MODEL(pushes_and_pops) {
    stack s;
    std::thread other([&] {
        s.push(1);
        s.push(2);
    });
    static_cast<void>(s.pop());
    static_cast<void>(s.pop());
    other.join();
}

MODEL_IS(push_and_pop, none, "", "pushes relaxed (the guide's stack)");
MODEL_IS(two_pops, none, "", "frees what another pop() looks at (the guide's stack)");
MODEL_IS(pushes_and_pops, none);

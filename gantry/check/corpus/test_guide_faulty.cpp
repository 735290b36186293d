// SPDX-License-Identifier: MIT
// A stranger's stack, as docs/guides/check-your-code.md meets it.
#include <gantry/check/corpus/test_corpus.hpp>
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
        node* const n = new node{value, nullptr};
        node* top = head_.load(std::memory_order_relaxed);
        do {
            n->next = top;
        } while (!head_.compare_exchange_weak(top, n, std::memory_order_relaxed, std::memory_order_relaxed));
    }

    std::optional<int> pop() {
        node* n = head_.load(std::memory_order_acquire);
        while (n != nullptr &&
               !head_.compare_exchange_weak(n, n->next, std::memory_order_acquire, std::memory_order_acquire)) {
        }
        if (n == nullptr) {
            return std::nullopt;
        }
        const int value = n->value;
        delete n;
        return value;
    }

private:
    struct node {
        int value;
        node* next;
    };

    std::atomic<node*> head_{nullptr};
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

MODEL_IS(push_and_pop, race, "", "pushes relaxed (the guide's stack)");
MODEL_IS(two_pops, use_after_free, "", "frees what another pop() looks at (the guide's stack)");

// SPDX-License-Identifier: MIT
// Queues without locks, each with the one order or step that people leave out.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;

// Michael and Scott's queue. Who reads the head gets a node from whoever moved the head there, not from who enqueued
// it.
template<std::memory_order Swing, bool Free>
void michael_scott() {
    struct node {
        int value = 0;
        std::atomic<node*> next{nullptr};
    };
    auto* const dummy = new node;
    std::atomic<node*> head{dummy};
    std::atomic<node*> tail{dummy};
    const auto enqueue = [&](int value) {
        auto* const n = new node;
        n->value = value;
        for (;;) {
            node* last = tail.load(memory_order_acquire);
            node* next = last->next.load(memory_order_acquire);
            if (next == nullptr &&
                last->next.compare_exchange_strong(next, n, memory_order_release, memory_order_relaxed)) {
                tail.compare_exchange_strong(last, n, memory_order_release, memory_order_relaxed);
                return;
            }
            tail.compare_exchange_strong(last, next, memory_order_release, memory_order_relaxed);
        }
    };
    const auto dequeue = [&] {
        for (;;) {
            node* first = head.load(memory_order_acquire);
            node* last = tail.load(memory_order_acquire);
            node* const next = first->next.load(memory_order_acquire);
            if (next == nullptr) {
                return 0;
            }
            if (first == last) {
                tail.compare_exchange_strong(last, next, memory_order_release, memory_order_relaxed);
            }
            const int value = next->value;
            if (head.compare_exchange_strong(first, next, Swing, memory_order_relaxed)) {
                if (Free) {
                    delete first;
                }
                return value;
            }
        }
    };
    int results[2] = {};
    std::thread one([&] { results[0] = dequeue(); });
    std::thread two([&] { results[1] = dequeue(); });
    enqueue(1);
    one.join();
    two.join();
    GANTRY_CHECK(results[0] + results[1] <= 1);
    for (node* n = Free ? head.load(memory_order_relaxed) : dummy; n != nullptr;) {
        node* const next = n->next.load(memory_order_relaxed);
        delete n;
        n = next;
    }
}

FAULTY(michael_scott_dequeue_acquires_only, race, "michael_scott",
       "the dequeue's compare-exchange is acquire: who reads the head gets no node with it",
       "[libcds #186](https://github.com/khizmax/libcds/issues/186), by GenMC") {
    michael_scott<memory_order_acquire, false>();
}

FAULTY(michael_scott_frees_at_once, use_after_free, "michael_scott", "dequeue() frees what another looks at") {
    michael_scott<memory_order_acq_rel, true>();
}

SOUND(michael_scott) {
    michael_scott<memory_order_acq_rel, false>();
}

} // namespace

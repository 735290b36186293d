// SPDX-License-Identifier: MIT
// Michael's and Scott's queue without reclamation: pop() gives a node back while another pop() looks at it. Twice, in
// the two ways to give it back: to the heap, where the other uses freed memory, and to a list of the queue's own, where
// nothing is freed but the same node may come to the head again: the other takes it for what it was (ABA).
#include <gantry/check/model.hpp>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace {

struct node {
    std::atomic<int> value{0};
    std::atomic<node*> next{nullptr};
};

struct heap {
    static node* get() { return new node; }
    static void put(node* n) { delete n; }
};

// Nodes stay nodes.
class recycler {
public:
    recycler() = default;
    recycler(const recycler&) = delete;
    recycler& operator=(const recycler&) = delete;

    ~recycler() {
        for (const node* n : nodes_) {
            delete n;
        }
    }

    node* get() {
        const std::lock_guard lock(mutex_);
        if (nodes_.empty()) {
            return new node;
        }
        node* const n = nodes_.back();
        nodes_.pop_back();
        return n;
    }

    void put(node* n) {
        const std::lock_guard lock(mutex_);
        nodes_.push_back(n);
    }

private:
    std::mutex mutex_;
    std::vector<node*> nodes_;
};

template<class Nodes>
class queue {
public:
    queue() = default;
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;

    ~queue() {
        while (pop() != 0) {
        }
        delete head_.load(std::memory_order_relaxed);
    }

    void push(int value) {
        node* const n = nodes_.get();
        n->value.store(value, std::memory_order_relaxed);
        n->next.store(nullptr, std::memory_order_relaxed);
        for (;;) {
            node* last = tail_.load(std::memory_order_acquire);
            node* next = last->next.load(std::memory_order_acquire);
            if (next == nullptr &&
                last->next.compare_exchange_strong(next, n, std::memory_order_release, std::memory_order_acquire)) {
                tail_.compare_exchange_strong(last, n, std::memory_order_release, std::memory_order_relaxed);
                return;
            }
            tail_.compare_exchange_strong(last, next, std::memory_order_release, std::memory_order_relaxed);
        }
    }

    // 0: empty. The first node is a dummy, whose value was taken.
    int pop() {
        for (;;) {
            node* first = head_.load(std::memory_order_acquire);
            node* last = tail_.load(std::memory_order_acquire);
            node* const next = first->next.load(std::memory_order_acquire);
            if (next == nullptr) {
                return 0;
            }
            if (first == last) {
                tail_.compare_exchange_strong(last, next, std::memory_order_release, std::memory_order_relaxed);
            }
            const int value = next->value.load(std::memory_order_relaxed);
            if (head_.compare_exchange_strong(first, next, std::memory_order_acq_rel, std::memory_order_relaxed)) {
                nodes_.put(first);
                return value;
            }
        }
    }

private:
    Nodes nodes_;
    std::atomic<node*> head_{new node};
    std::atomic<node*> tail_{head_.load(std::memory_order_relaxed)};
};

} // namespace

GANTRY_MODEL(nodes_go_back_to_the_heap) {
    queue<heap> q;
    q.push(1);
    q.push(2);
    int theirs = 0;
    std::thread other([&] { theirs = q.pop(); });
    const int mine = q.pop();
    other.join();
    GANTRY_CHECK_EQ(mine + theirs, 3);
}

GANTRY_MODEL(nodes_go_round) {
    queue<recycler> q;
    q.push(1);
    int theirs = 0;
    std::thread other([&] { theirs = q.pop(); });
    int mine = q.pop();
    q.push(2);
    mine += q.pop();
    other.join();
    GANTRY_CHECK_LE(mine + theirs, 3);
}

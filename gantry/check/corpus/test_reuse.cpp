// SPDX-License-Identifier: MIT
// The same address, another object: what was freed is used again, and who looks at the address alone takes the one for
// the other.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

namespace {

using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// Readers announce themselves, and who frees waits until there are none: what a reader follows is there. It may be
// there no more when the reader has left.
class readers {
public:
    void enter() { count_.fetch_add(1, memory_order_seq_cst); }
    void leave() { count_.fetch_sub(1, memory_order_release); }
    void wait() const {
        while (count_.load(memory_order_seq_cst) != 0) {
        }
    }

private:
    std::atomic<int> count_{0};
};

// How long a thread that takes a node off counts as a reader: until it has seen what it needs, or until it is through.
enum class reads_until { seen, done };

// Treiber's stack: one item is taken off and another one put on, at its address, while somebody is about to take the
// first off.
template<reads_until Until>
void treiber() {
    struct node {
        int value;
        node* next;
    };
    std::atomic<node*> head{new node{1, nullptr}};
    readers reading;
    const auto pop = [&] {
        for (;;) {
            reading.enter();
            node* top = head.load(memory_order_seq_cst);
            if (top == nullptr) {
                reading.leave();
                return 0;
            }
            node* const next = top->next;
            const int value = top->value;
            if (Until == reads_until::seen) {
                reading.leave();
            }
            const bool taken = head.compare_exchange_strong(top, next, memory_order_seq_cst, memory_order_relaxed);
            if (Until == reads_until::done) {
                reading.leave();
            }
            if (taken) {
                reading.wait();
                delete top;
                return value;
            }
        }
    };
    int other = 0;
    std::thread thread([&] { other = pop(); });
    const int first = pop();
    auto* const n = new node{2, nullptr};
    n->next = head.load(memory_order_relaxed);
    while (!head.compare_exchange_weak(n->next, n, memory_order_seq_cst, memory_order_relaxed)) {
    }
    thread.join();
    int left = 0;
    for (node* each = head.load(memory_order_relaxed); each != nullptr;) {
        node* const next = each->next;
        left += each->value;
        delete each;
        each = next;
    }
    GANTRY_CHECK(first + other + left == 3);
}

FAULTY(treiber_aba, assertion) {
    treiber<reads_until::seen>();
}

SOUND(treiber_reads_until_done) {
    treiber<reads_until::done>();
}

// The same with a count in the upper bits of the pointer, which goes up each time: the address alone does not do.
SOUND(treiber_counted) {
    struct node {
        int value;
        std::uintptr_t next;
    };
    constexpr unsigned bits = 48;
    constexpr std::uintptr_t one = std::uintptr_t{1} << bits;
    const auto node_at = [](std::uintptr_t word) {
        return reinterpret_cast<node*>(word & (one - 1));
    };
    std::atomic<std::uintptr_t> head{reinterpret_cast<std::uintptr_t>(new node{1, 0})};
    readers reading;
    const auto pop = [&] {
        for (;;) {
            reading.enter();
            std::uintptr_t top = head.load(memory_order_seq_cst);
            node* const n = node_at(top);
            if (n == nullptr) {
                reading.leave();
                return 0;
            }
            const std::uintptr_t next = n->next;
            const int value = n->value;
            reading.leave();
            if (head.compare_exchange_strong(top, (next & (one - 1)) | ((top & ~(one - 1)) + one), memory_order_seq_cst,
                                             memory_order_relaxed)) {
                reading.wait();
                delete n;
                return value;
            }
        }
    };
    int other = 0;
    std::thread thread([&] { other = pop(); });
    const int first = pop();
    auto* const n = new node{2, 0};
    n->next = head.load(memory_order_relaxed);
    while (!head.compare_exchange_weak(n->next, reinterpret_cast<std::uintptr_t>(n) | ((n->next & ~(one - 1)) + one),
                                       memory_order_seq_cst, memory_order_relaxed)) {
    }
    thread.join();
    int left = 0;
    for (node* each = node_at(head.load(memory_order_relaxed)); each != nullptr;) {
        node* const next = node_at(each->next);
        left += each->value;
        delete each;
        each = next;
    }
    GANTRY_CHECK(first + other + left == 3);
}

// Michael and Scott's queue: the old first node comes back as the last one, and is the first again, while somebody is
// about to move the head from it to what followed it then.
template<reads_until Until>
void michael_scott() {
    struct node {
        int value = 0;
        std::atomic<node*> next{nullptr};
    };
    auto* const dummy = new node;
    auto* const one = new node;
    one->value = 1;
    dummy->next.store(one, memory_order_relaxed);
    std::atomic<node*> head{dummy};
    std::atomic<node*> tail{one};
    readers reading;
    const auto dequeue = [&] {
        for (;;) {
            reading.enter();
            node* first = head.load(memory_order_seq_cst);
            node* const next = first->next.load(memory_order_acquire);
            if (next == nullptr) {
                reading.leave();
                return 0;
            }
            const int value = next->value;
            if (Until == reads_until::seen) {
                reading.leave();
            }
            const bool taken = head.compare_exchange_strong(first, next, memory_order_seq_cst, memory_order_relaxed);
            if (Until == reads_until::done) {
                reading.leave();
            }
            if (taken) {
                reading.wait();
                delete first;
                return value;
            }
        }
    };
    const auto enqueue = [&](int value) { // by one thread only
        auto* const n = new node;
        n->value = value;
        tail.load(memory_order_relaxed)->next.store(n, memory_order_release);
        tail.store(n, memory_order_release);
    };
    int other = 0;
    std::thread thread([&] { other = dequeue(); });
    int taken = dequeue();
    enqueue(2);
    taken += dequeue();
    thread.join();
    int left = 0;
    for (node* each = head.load(memory_order_relaxed)->next.load(memory_order_relaxed); each != nullptr;
         each = each->next.load(memory_order_relaxed)) {
        left += each->value;
    }
    GANTRY_CHECK(taken + other + left == 3);
    for (node* each = head.load(memory_order_relaxed); each != nullptr;) {
        node* const next = each->next.load(memory_order_relaxed);
        delete each;
        each = next;
    }
}

FAULTY(michael_scott_aba, use_after_free) {
    michael_scott<reads_until::seen>();
}

SOUND(michael_scott_reads_until_done) {
    michael_scott<reads_until::done>();
}

// An old address compares equal to that of the new object in its place: following it is following the new one's, and
// needs the same order.
template<std::memory_order Store, std::memory_order Load>
void old_address() {
    std::atomic<std::atomic<int>*> known{nullptr};
    std::atomic<std::atomic<int>*> shared{nullptr};
    known.store(new std::atomic<int>(1), memory_order_relaxed);
    std::thread other([&] {
        const auto* const old = known.load(memory_order_relaxed);
        if (shared.load(Load) == old) {
            GANTRY_CHECK(old->load(memory_order_relaxed) == 2);
        }
    });
    delete known.load(memory_order_relaxed);
    shared.store(new std::atomic<int>(2), Store);
    other.join();
    delete shared.load(memory_order_relaxed);
}

FAULTY(old_address_is_followed, use_after_free) {
    old_address<memory_order_relaxed, memory_order_relaxed>();
}

SOUND(old_address_is_the_new_one) {
    old_address<memory_order_release, memory_order_acquire>();
}

} // namespace

// SPDX-License-Identifier: MIT
// Queues, deques and memory reclamation without locks, each with the one order, fence or step that people leave out.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// A ring with one slot: the producer may not overtake the consumer, nor the consumer the producer.
template<std::memory_order Filled, std::memory_order Emptied>
void ring() {
    int slot = 0;
    std::atomic<int> head{0};
    std::atomic<int> tail{0};
    std::thread producer([&] {
        for (int i = 0; i < 2; ++i) {
            while (head.load(memory_order_acquire) != i) {
            }
            slot = i + 1;
            tail.store(i + 1, Filled);
        }
    });
    for (int i = 0; i < 2; ++i) {
        while (tail.load(memory_order_acquire) == i) {
        }
        GANTRY_CHECK(slot == i + 1);
        head.store(i + 1, Emptied);
    }
    producer.join();
}

FAULTY(ring_relaxed_tail, race) {
    ring<memory_order_relaxed, memory_order_release>();
}

FAULTY(ring_relaxed_head, race) {
    ring<memory_order_release, memory_order_relaxed>();
}

SOUND(ring) {
    ring<memory_order_release, memory_order_release>();
}

// The consumer says that it is going to sleep and looks once more; the producer adds and looks whether somebody sleeps.
// One of the two must see the other.
template<bool Fence>
void eventcount() {
    std::atomic<int> items{0};
    std::atomic<bool> sleeps{false};
    std::atomic<bool> signal{false};
    const auto fence = [] {
        if (Fence) {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
    };
    std::thread producer([&] {
        items.store(1, memory_order_release);
        fence();
        if (sleeps.load(memory_order_relaxed)) {
            signal.store(true, memory_order_release);
        }
    });
    if (items.load(memory_order_acquire) == 0) {
        sleeps.store(true, memory_order_relaxed);
        fence();
        if (items.load(memory_order_acquire) == 0) {
            while (!signal.load(memory_order_acquire)) {
            }
        }
    }
    GANTRY_CHECK(items.load(memory_order_relaxed) == 1);
    producer.join();
}

FAULTY(eventcount_without_fence, deadlock) {
    eventcount<false>();
}

SOUND(eventcount) {
    eventcount<true>();
}

// Waiting on an address: who changes the word wakes somebody only if it sees that somebody waits.
template<bool Fence>
void address_waiter() {
    std::mutex m;
    std::condition_variable changed;
    std::atomic<int> word{0};
    std::atomic<int> waiters{0};
    std::thread waiter([&] {
        std::unique_lock lock(m);
        waiters.fetch_add(1, memory_order_relaxed);
        std::atomic_thread_fence(memory_order_seq_cst);
        while (word.load(memory_order_relaxed) == 0) {
            changed.wait(lock);
        }
        waiters.fetch_sub(1, memory_order_relaxed);
    });
    word.store(1, memory_order_release);
    if (Fence) {
        std::atomic_thread_fence(memory_order_seq_cst);
    }
    if (waiters.load(memory_order_relaxed) != 0) {
        const std::lock_guard lock(m);
        changed.notify_one();
    }
    waiter.join();
}

FAULTY(address_waiter_without_fence, deadlock) {
    address_waiter<false>();
}

SOUND(address_waiter) {
    address_waiter<true>();
}

// Two items; the owner takes from the bottom without a compare-exchange as long as it sees more than one.
template<bool Fence>
void chase_lev() {
    std::atomic<int> top{0};
    std::atomic<int> bottom{2};
    const int items[2] = {1, 2};
    int stolen = 0;
    std::thread thief([&] {
        for (int i = 0; i < 2; ++i) {
            int t = top.load(memory_order_acquire);
            std::atomic_thread_fence(memory_order_seq_cst);
            if (t < bottom.load(memory_order_acquire) &&
                top.compare_exchange_strong(t, t + 1, memory_order_seq_cst, memory_order_relaxed)) {
                stolen += items[t];
            }
        }
    });
    int taken = 0;
    for (int i = 0; i < 2; ++i) {
        const int b = bottom.load(memory_order_relaxed) - 1;
        bottom.store(b, memory_order_relaxed);
        if (Fence) {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
        int t = top.load(memory_order_relaxed);
        if (t < b) {
            taken += items[b];
            continue;
        }
        if (t == b && top.compare_exchange_strong(t, t + 1, memory_order_seq_cst, memory_order_relaxed)) {
            taken += items[b];
        }
        bottom.store(b + 1, memory_order_relaxed);
    }
    thief.join();
    GANTRY_CHECK(taken + stolen == 3);
}

FAULTY(chase_lev_without_fence, assertion) {
    chase_lev<false>();
}

SOUND(chase_lev) {
    chase_lev<true>();
}

// The owner moves to a larger array. A thief that has not seen the new bottom may have seen the new array.
template<std::memory_order Publish>
void chase_lev_grows() {
    struct array {
        std::atomic<int> slots[2] = {0, 0};
    };
    std::atomic<int> top{0};
    std::atomic<int> bottom{1};
    array small;
    small.slots[0].store(1, memory_order_relaxed);
    std::atomic<array*> items{&small};
    std::thread thief([&] {
        int t = top.load(memory_order_acquire);
        std::atomic_thread_fence(memory_order_seq_cst);
        if (t < bottom.load(memory_order_acquire)) {
            const int item = items.load(memory_order_acquire)->slots[t].load(memory_order_relaxed);
            if (top.compare_exchange_strong(t, t + 1, memory_order_seq_cst, memory_order_relaxed)) {
                GANTRY_CHECK(item == 1);
            }
        }
    });
    auto* const large = new array;
    large->slots[0].store(small.slots[0].load(memory_order_relaxed), memory_order_relaxed);
    large->slots[1].store(2, memory_order_relaxed);
    items.store(large, Publish);
    bottom.store(2, memory_order_release);
    thief.join();
    delete large;
}

FAULTY(chase_lev_grows_relaxed, race) {
    chase_lev_grows<memory_order_relaxed>();
}

SOUND(chase_lev_grows) {
    chase_lev_grows<memory_order_release>();
}

// The reader says what it looks at and makes sure that it is still there; the writer takes it away and looks whether
// somebody looks.
template<bool Fence, bool Recheck>
void hazard_pointer() {
    std::atomic<int*> shared{new int(1)};
    std::atomic<int*> hazard{nullptr};
    std::thread reader([&] {
        int* p = nullptr;
        do {
            p = shared.load(memory_order_acquire);
            hazard.store(p, memory_order_relaxed);
            if (Fence) {
                std::atomic_thread_fence(memory_order_seq_cst);
            }
        } while (Recheck && shared.load(memory_order_acquire) != p);
        GANTRY_CHECK(*p == 1 || *p == 2);
        hazard.store(nullptr, memory_order_release);
    });
    int* old = shared.exchange(new int(2), memory_order_acq_rel);
    std::atomic_thread_fence(memory_order_seq_cst);
    if (hazard.load(memory_order_acquire) != old) {
        delete old;
        old = nullptr;
    }
    reader.join();
    delete old;
    delete shared.load(memory_order_relaxed);
}

FAULTY(hazard_pointer_without_fence, use_after_free) {
    hazard_pointer<false, true>();
}

FAULTY(hazard_pointer_without_recheck, use_after_free) {
    hazard_pointer<true, false>();
}

SOUND(hazard_pointer) {
    hazard_pointer<true, true>();
}

// The epoch goes on when every pinned reader has seen it; what was unlinked is freed when it has gone on often enough.
template<bool Fence, int Advances>
void epochs() {
    constexpr int nobody = -1;
    std::atomic<int> epoch{0};
    std::atomic<int> pinned{nobody};
    std::atomic<int*> shared{new int(1)};
    std::thread reader([&] {
        pinned.store(epoch.load(memory_order_relaxed), memory_order_relaxed);
        if (Fence) {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
        const int* const p = shared.load(memory_order_acquire);
        GANTRY_CHECK(*p == 1 || *p == 2);
        pinned.store(nobody, memory_order_release);
    });
    int* old = shared.exchange(new int(2), memory_order_acq_rel);
    int now = 0;
    while (now < Advances) {
        std::atomic_thread_fence(memory_order_seq_cst);
        if (const int seen = pinned.load(memory_order_acquire); seen != nobody && seen != now) {
            break;
        }
        epoch.store(++now, memory_order_release);
    }
    if (now == Advances) {
        delete old;
        old = nullptr;
    }
    reader.join();
    delete old;
    delete shared.load(memory_order_relaxed);
}

FAULTY(epoch_pin_without_fence, use_after_free) {
    epochs<false, 2>();
}

FAULTY(epoch_advanced_once, use_after_free) {
    epochs<true, 1>();
}

SOUND(epochs) {
    epochs<true, 2>();
}

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

FAULTY(michael_scott_dequeue_acquires_only, race) {
    michael_scott<memory_order_acquire, false>();
}

FAULTY(michael_scott_frees_at_once, use_after_free) {
    michael_scott<memory_order_acq_rel, true>();
}

SOUND(michael_scott) {
    michael_scott<memory_order_acq_rel, false>();
}

// The count is raised when the item is there already: who takes it at once, and then asks, is told that one is left.
template<bool CountFirst>
void counted_queue() {
    std::atomic<int> slot{0};
    std::atomic<int> count{0};
    std::thread producer([&] {
        if (CountFirst) {
            count.fetch_add(1, memory_order_relaxed);
        }
        slot.store(1, memory_order_release);
        if (!CountFirst) {
            count.fetch_add(1, memory_order_relaxed);
        }
    });
    if (slot.exchange(0, memory_order_acquire) == 1) {
        count.fetch_sub(1, memory_order_relaxed);
        const bool empty = count.load(memory_order_relaxed) == 0;
        GANTRY_CHECK(empty);
    }
    producer.join();
}

FAULTY(empty_lies, assertion) {
    counted_queue<false>();
}

SOUND(empty_tells) {
    counted_queue<true>();
}

} // namespace

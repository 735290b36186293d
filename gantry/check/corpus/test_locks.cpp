// SPDX-License-Identifier: MIT
// Locks made of atomics: loops that spin, and the orders that make them locks.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

std::atomic<int> word{0};
std::atomic<int> next_ticket{0};
std::atomic<int> now_serving{0};
std::atomic<bool> wants[2];
std::atomic<int> turn{0};
int shared_value = 0;

template<class Lock, class Unlock>
void two_enter(Lock lock, Unlock unlock) {
    const auto enter = [&](int me) {
        lock(me);
        ++shared_value;
        unlock(me);
    };
    std::thread other(enter, 1);
    enter(0);
    other.join();
    GANTRY_CHECK(shared_value == 2);
}

template<std::memory_order Take, std::memory_order Give>
void spin_lock() {
    two_enter(
        [](int) {
            while (word.exchange(1, Take) != 0) {
                while (word.load(memory_order_relaxed) != 0) {
                    std::this_thread::yield();
                }
            }
        },
        [](int) { word.store(0, Give); });
}

FAULTY(spin_lock_relaxed_unlock, race) {
    spin_lock<memory_order_acquire, memory_order_relaxed>();
}

FAULTY(spin_lock_relaxed_lock, race) {
    spin_lock<memory_order_relaxed, memory_order_release>();
}

SOUND(spin_lock) {
    spin_lock<memory_order_acquire, memory_order_release>();
}

template<std::memory_order Give>
void ticket_lock() {
    two_enter(
        [](int) {
            const int mine = next_ticket.fetch_add(1, memory_order_relaxed);
            while (now_serving.load(memory_order_acquire) != mine) {
            }
        },
        [](int) { now_serving.store(now_serving.load(memory_order_relaxed) + 1, Give); });
}

FAULTY(ticket_lock_relaxed_unlock, race) {
    ticket_lock<memory_order_relaxed>();
}

SOUND(ticket_lock) {
    ticket_lock<memory_order_release>();
}

template<std::memory_order Store, std::memory_order Load>
void peterson() {
    two_enter(
        [](int me) {
            wants[me].store(true, Store);
            turn.store(1 - me, Store);
            while (wants[1 - me].load(Load) && turn.load(Load) == 1 - me) {
            }
        },
        [](int me) { wants[me].store(false, Store); });
}

FAULTY(peterson_acq_rel, race) {
    peterson<memory_order_release, memory_order_acquire>();
}

SOUND(peterson) {
    peterson<memory_order_seq_cst, memory_order_seq_cst>();
}

// Each raises its flag and backs off when it sees the other's: with acquire and release both can go in.
template<std::memory_order Store, std::memory_order Load>
void dekker() {
    two_enter(
        [](int me) {
            wants[me].store(true, Store);
            while (wants[1 - me].load(Load)) {
                if (turn.load(Load) != me) {
                    wants[me].store(false, Store);
                    while (turn.load(Load) != me) {
                    }
                    wants[me].store(true, Store);
                }
            }
        },
        [](int me) {
            turn.store(1 - me, Store);
            wants[me].store(false, Store);
        });
}

FAULTY(dekker_acq_rel, race) {
    dekker<memory_order_release, memory_order_acquire>();
}

SOUND(dekker) {
    dekker<memory_order_seq_cst, memory_order_seq_cst>();
}

FAULTY(spins_for_ever, deadlock) {
    while (word.load(memory_order_acquire) == 0) {
    }
}

// Polling a bounded number of times is no spinning: both looks may find nothing.
FAULTY(polls_twice, assertion) {
    std::thread other([] { word.store(1, memory_order_release); });
    int seen = 0;
    for (int i = 0; i < 2; ++i) {
        seen += word.load(memory_order_acquire);
    }
    other.join();
    GANTRY_CHECK(seen > 0);
}

// Sequence lock: the writer's data must not move before its first store, nor the reader's behind its last load.
template<std::memory_order Fence>
void sequence_lock() {
    std::atomic<int> sequence{0};
    std::atomic<int> a{0};
    std::atomic<int> b{0};
    std::thread writer([&] {
        sequence.store(1, memory_order_relaxed);
        std::atomic_thread_fence(Fence);
        a.store(1, memory_order_relaxed);
        b.store(1, memory_order_relaxed);
        sequence.store(2, memory_order_release);
    });
    const int before = sequence.load(memory_order_acquire);
    const int x = a.load(memory_order_relaxed);
    const int y = b.load(memory_order_relaxed);
    std::atomic_thread_fence(memory_order_acquire);
    const int after = sequence.load(memory_order_relaxed);
    writer.join();
    GANTRY_CHECK(before != after || before % 2 != 0 || x == y);
}

FAULTY(sequence_lock_without_fence, assertion) {
    sequence_lock<memory_order_relaxed>();
}

SOUND(sequence_lock) {
    sequence_lock<memory_order_release>();
}

struct node {
    std::atomic<node*> next{nullptr};
    int value = 0;
};

// Treiber's stack; what is popped is freed at once, or kept until nobody can look at it.
template<bool Free>
void treiber() {
    std::atomic<node*> head{nullptr};
    const auto push = [&](int value) {
        node* const n = new node;
        n->value = value;
        node* seen = head.load(memory_order_relaxed);
        do {
            n->next.store(seen, memory_order_relaxed);
        } while (!head.compare_exchange_weak(seen, n, memory_order_release, memory_order_relaxed));
    };
    const auto pop = [&]() -> node* {
        node* seen = head.load(memory_order_acquire);
        while (seen != nullptr && !head.compare_exchange_weak(seen, seen->next.load(memory_order_relaxed),
                                                              memory_order_acquire, memory_order_acquire)) {
        }
        if (Free) {
            delete seen;
        }
        return seen;
    };
    push(1);
    node* theirs = nullptr;
    std::thread other([&] {
        push(2);
        theirs = pop();
    });
    node* const mine = pop();
    other.join();
    if (!Free) {
        GANTRY_CHECK(mine != theirs);
        delete mine;
        delete theirs;
        GANTRY_CHECK(pop() == nullptr);
    }
}

FAULTY(treiber_frees_at_once, use_after_free) {
    treiber<true>();
}

SOUND(treiber) {
    treiber<false>();
}

} // namespace

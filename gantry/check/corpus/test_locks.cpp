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

FAULTY(spin_lock_relaxed_unlock, race, "spin_lock", "unlock is relaxed") {
    spin_lock<memory_order_acquire, memory_order_relaxed>();
}

FAULTY(spin_lock_relaxed_lock, race, "spin_lock", "lock is relaxed") {
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

FAULTY(ticket_lock_relaxed_unlock, race, "ticket_lock", "unlock is relaxed") {
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

FAULTY(peterson_acq_rel, race, "peterson", "release and acquire where only seq_cst keeps both out") {
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

FAULTY(dekker_acq_rel, race, "dekker", "release and acquire where only seq_cst keeps both out") {
    dekker<memory_order_release, memory_order_acquire>();
}

SOUND(dekker) {
    dekker<memory_order_seq_cst, memory_order_seq_cst>();
}

// Mellor-Crummey and Scott's queue of waiters: each spins on its own node.
struct mcs_node {
    std::atomic<mcs_node*> next{nullptr};
    std::atomic<bool> waits{false};
};

mcs_node mcs_nodes[2];
std::atomic<mcs_node*> mcs_tail{nullptr};

template<std::memory_order Give>
void mcs_lock() {
    two_enter(
        [](int me) {
            mcs_node& mine = mcs_nodes[me];
            mine.waits.store(true, memory_order_relaxed);
            if (mcs_node* const before = mcs_tail.exchange(&mine, memory_order_acq_rel); before != nullptr) {
                before->next.store(&mine, memory_order_release);
                while (mine.waits.load(memory_order_acquire)) {
                }
            }
        },
        [](int me) {
            mcs_node& mine = mcs_nodes[me];
            mcs_node* next = mine.next.load(memory_order_acquire);
            if (next == nullptr) {
                mcs_node* last = &mine;
                if (mcs_tail.compare_exchange_strong(last, nullptr, Give, memory_order_relaxed)) {
                    return;
                }
                while ((next = mine.next.load(memory_order_acquire)) == nullptr) {
                }
            }
            next->waits.store(false, Give);
        });
}

FAULTY(mcs_lock_relaxed_unlock, race, "mcs_lock", "unlock hands over relaxed") {
    mcs_lock<memory_order_relaxed>();
}

SOUND(mcs_lock) {
    mcs_lock<memory_order_release>();
}

// Craig's, Landin and Hagersten's: each spins on its predecessor's flag.
std::atomic<bool> clh_busy[3] = {false, false, false};
std::atomic<std::atomic<bool>*> clh_tail{&clh_busy[2]};

template<std::memory_order Give>
void clh_lock() {
    two_enter(
        [](int me) {
            clh_busy[me].store(true, memory_order_relaxed);
            const std::atomic<bool>* const before = clh_tail.exchange(&clh_busy[me], memory_order_acq_rel);
            while (before->load(memory_order_acquire)) {
            }
        },
        [](int me) { clh_busy[me].store(false, Give); });
}

FAULTY(clh_lock_relaxed_unlock, race, "clh_lock", "unlock is relaxed") {
    clh_lock<memory_order_relaxed>();
}

SOUND(clh_lock) {
    clh_lock<memory_order_release>();
}

// Any number of readers, or one writer as -1.
template<std::memory_order ReaderGives, std::memory_order WriterGives>
void rw_lock() {
    std::thread reader([] {
        int seen = word.load(memory_order_relaxed);
        while (seen < 0 || !word.compare_exchange_strong(seen, seen + 1, memory_order_acquire, memory_order_relaxed)) {
            seen = word.load(memory_order_relaxed);
        }
        GANTRY_CHECK(shared_value <= 1);
        word.fetch_sub(1, ReaderGives);
    });
    for (int seen = 0; !word.compare_exchange_strong(seen, -1, memory_order_acquire, memory_order_relaxed); seen = 0) {
    }
    ++shared_value;
    word.store(0, WriterGives);
    reader.join();
}

FAULTY(rw_lock_relaxed_write_unlock, race, "rw_lock", "the writer unlocks relaxed") {
    rw_lock<memory_order_release, memory_order_relaxed>();
}

FAULTY(rw_lock_relaxed_read_unlock, race, "rw_lock", "the reader unlocks relaxed") {
    rw_lock<memory_order_relaxed, memory_order_release>();
}

SOUND(rw_lock) {
    rw_lock<memory_order_release, memory_order_release>();
}

// Lamport's bakery for two: the lower number goes first, the lower thread when they are equal.
std::atomic<int> numbers[2];

template<std::memory_order Store, std::memory_order Load>
void bakery() {
    two_enter(
        [](int me) {
            wants[me].store(true, Store);
            const int mine = numbers[1 - me].load(Load) + 1;
            numbers[me].store(mine, Store);
            wants[me].store(false, Store);
            while (wants[1 - me].load(Load)) {
            }
            for (;;) {
                const int theirs = numbers[1 - me].load(Load);
                if (theirs == 0 || theirs > mine || (theirs == mine && me == 0)) {
                    return;
                }
            }
        },
        [](int me) { numbers[me].store(0, Store); });
}

FAULTY(bakery_acq_rel, race, "bakery", "release and acquire where only seq_cst keeps both out") {
    bakery<memory_order_release, memory_order_acquire>();
}

SOUND(bakery) {
    bakery<memory_order_seq_cst, memory_order_seq_cst>();
}

// The last to arrive opens the barrier. Whoever goes through may come round again before the count is back.
template<bool Early>
void sense_barrier() {
    std::atomic<int> missing{2};
    std::atomic<bool> sense{false};
    const auto arrive = [&](bool mine) {
        if (missing.fetch_sub(1, memory_order_acq_rel) != 1) {
            while (sense.load(memory_order_acquire) != mine) {
            }
        } else if (Early) {
            sense.store(mine, memory_order_release);
            missing.store(2, memory_order_relaxed);
        } else {
            missing.store(2, memory_order_relaxed);
            sense.store(mine, memory_order_release);
        }
    };
    const auto twice = [&] {
        arrive(true);
        arrive(false);
    };
    std::thread other(twice);
    twice();
    other.join();
}

FAULTY(barrier_opened_early, deadlock, "sense_barrier", "the sense is flipped before the count is back") {
    sense_barrier<true>();
}

SOUND(sense_barrier) {
    sense_barrier<false>();
}

// One gives way and waits, the other insists: two_polite_threads, repaired.
SOUND(one_polite_thread) {
    two_enter(
        [](int me) {
            wants[me].store(true, memory_order_seq_cst);
            while (wants[1 - me].load(memory_order_seq_cst)) {
                if (me == 1) {
                    wants[1].store(false, memory_order_seq_cst);
                    while (wants[0].load(memory_order_seq_cst)) {
                    }
                    wants[1].store(true, memory_order_seq_cst);
                }
            }
        },
        [](int me) { wants[me].store(false, memory_order_seq_cst); });
}

FAULTY(spins_for_ever, deadlock, "spin_lock", "waits for what nobody does") {
    while (word.load(memory_order_acquire) == 0) {
    }
}

// Polling a bounded number of times is no spinning: both looks may find nothing.
FAULTY(polls_twice, assertion, "message", "takes two looks for a wait") {
    std::thread other([] { word.store(1, memory_order_release); });
    int seen = 0;
    for (int i = 0; i < 2; ++i) {
        seen += word.load(memory_order_acquire);
    }
    other.join();
    GANTRY_CHECK(seen > 0);
}

// Sequence lock: the writer's data must not move before its first store, nor the reader's behind its last load.
template<std::memory_order WriteFence, std::memory_order ReadFence>
void sequence_lock() {
    std::atomic<int> sequence{0};
    std::atomic<int> a{0};
    std::atomic<int> b{0};
    std::thread writer([&] {
        const int before = sequence.load(memory_order_relaxed);
        sequence.store(before + 1, memory_order_relaxed);
        std::atomic_thread_fence(WriteFence);
        a.store(1, memory_order_relaxed);
        b.store(1, memory_order_relaxed);
        sequence.store(before + 2, memory_order_release);
    });
    int x = 0;
    int y = 0;
    for (;;) {
        const int before = sequence.load(memory_order_acquire);
        x = a.load(memory_order_relaxed);
        y = b.load(memory_order_relaxed);
        std::atomic_thread_fence(ReadFence);
        if (before % 2 == 0 && sequence.load(memory_order_relaxed) == before) {
            break;
        }
    }
    GANTRY_CHECK(x == y);
    writer.join();
}

FAULTY(sequence_lock_without_write_fence, assertion, "sequence_lock",
       "the data may be written before the sequence is odd",
       "[CPython #121368](https://github.com/python/cpython/pull/121388)") {
    sequence_lock<memory_order_relaxed, memory_order_acquire>();
}

FAULTY(sequence_lock_without_read_fence, assertion, "sequence_lock",
       "the data may be read after the sequence was compared",
       "[CPython #121368](https://github.com/python/cpython/pull/121388)") {
    sequence_lock<memory_order_release, memory_order_relaxed>();
}

SOUND(sequence_lock) {
    sequence_lock<memory_order_release, memory_order_acquire>();
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

FAULTY(treiber_frees_at_once, use_after_free, "treiber", "pop() frees what another pop() looks at") {
    treiber<true>();
}

SOUND(treiber) {
    treiber<false>();
}

} // namespace

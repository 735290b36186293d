// SPDX-License-Identifier: MIT
// Going to sleep without missing the wake-up: eventcounts, waiting on addresses, and queues that are asked whether
// there is something to wait for.
#include <gantry/check/corpus/test_corpus.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// A ring for one producer and one consumer, each of which keeps what it last saw of the other's index.
template<unsigned Room, std::memory_order Filled, std::memory_order Emptied>
class ring {
public:
    bool try_push(int item) {
        const unsigned tail = tail_.load(memory_order_relaxed);
        if (tail - head_seen_ == Room) {
            head_seen_ = head_.load(memory_order_acquire);
            if (tail - head_seen_ == Room) {
                return false;
            }
        }
        slots_[tail % Room] = item;
        tail_.store(tail + 1, Filled);
        return true;
    }

    // 0: empty.
    int try_pop() {
        const unsigned head = head_.load(memory_order_relaxed);
        if (head == tail_seen_) {
            tail_seen_ = tail_.load(memory_order_acquire);
            if (head == tail_seen_) {
                return 0;
            }
        }
        const int item = slots_[head % Room];
        head_.store(head + 1, Emptied);
        return item;
    }

private:
    int slots_[Room] = {};
    std::atomic<unsigned> head_{0};
    std::atomic<unsigned> tail_{0};
    unsigned head_seen_ = 0;
    unsigned tail_seen_ = 0;
};

template<std::memory_order Filled, std::memory_order Emptied>
void one_slot() {
    ring<1, Filled, Emptied> r;
    std::thread producer([&] {
        for (int i = 1; i <= 2; ++i) {
            while (!r.try_push(i)) {
            }
        }
    });
    for (int i = 1; i <= 2; ++i) {
        int item = 0;
        while ((item = r.try_pop()) == 0) {
        }
        GANTRY_CHECK(item == i);
    }
    producer.join();
}

FAULTY(ring_relaxed_tail, race, "ring", "the producer publishes the tail relaxed") {
    one_slot<memory_order_relaxed, memory_order_release>();
}

FAULTY(ring_relaxed_head, race, "ring", "the consumer gives the slot back relaxed") {
    one_slot<memory_order_release, memory_order_relaxed>();
}

SOUND(ring) {
    one_slot<memory_order_release, memory_order_release>();
}

// A word of which the low half counts who is about to sleep and the high half the signals. Both sides change it in one
// step, so that either the signal sees the sleeper or the sleeper the signal, and with it what was there before it.
template<std::memory_order Signal>
class eventcount {
public:
    std::uint32_t prepare() { return word_.fetch_add(sleeper, memory_order_acq_rel) / signal; }

    void cancel() { word_.fetch_sub(sleeper, memory_order_relaxed); }

    void wait(std::uint32_t before) {
        for (std::uint32_t seen = word_.load(memory_order_acquire); seen / signal == before;
             seen = word_.load(memory_order_acquire)) {
            syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
        }
        cancel();
    }

    void notify() {
        if (word_.fetch_add(signal, Signal) % signal != 0) {
            syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
        }
    }

private:
    static constexpr std::uint32_t sleeper = 1;
    static constexpr std::uint32_t signal = 1U << 16U;

    std::atomic<std::uint32_t> word_{0};
};

template<std::memory_order Signal>
void ring_with_eventcount() {
    ring<2, memory_order_release, memory_order_release> r;
    eventcount<Signal> filled;
    std::thread producer([&] {
        GANTRY_CHECK(r.try_push(1));
        filled.notify();
    });
    int item = r.try_pop();
    while (item == 0) {
        const std::uint32_t before = filled.prepare();
        item = r.try_pop();
        if (item != 0) {
            filled.cancel();
        } else {
            filled.wait(before);
            item = r.try_pop();
        }
    }
    GANTRY_CHECK(item == 1);
    producer.join();
}

FAULTY(eventcount_relaxed_signal, deadlock, "eventcount",
       "notify() is relaxed: a sleeper that sees the signal need not see the item") {
    ring_with_eventcount<memory_order_relaxed>();
}

SOUND(eventcount) {
    ring_with_eventcount<memory_order_acq_rel>();
}

// A place where threads wait for a word to change. Who changes words looks whether anybody is there before it locks.
template<bool Fence>
class waiting_room {
public:
    void wait(const std::atomic<int>& word, int value) {
        waiters_.fetch_add(1, memory_order_relaxed);
        std::atomic_thread_fence(memory_order_seq_cst);
        {
            std::unique_lock lock(mutex_);
            if (word.load(memory_order_relaxed) == value) {
                const int before = wakes_;
                changed_.wait(lock, [&] { return wakes_ != before; });
            }
        }
        waiters_.fetch_sub(1, memory_order_relaxed);
    }

    void wake() {
        if (Fence) {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
        if (waiters_.load(memory_order_relaxed) == 0) {
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            ++wakes_;
        }
        changed_.notify_all();
    }

private:
    std::atomic<int> waiters_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    int wakes_ = 0;
};

template<bool Fence>
void address_waiter() {
    waiting_room<Fence> room;
    std::atomic<int> word{0};
    std::thread waiter([&] {
        while (word.load(memory_order_acquire) == 0) {
            room.wait(word, 0);
        }
    });
    word.store(1, memory_order_release);
    room.wake();
    waiter.join();
}

FAULTY(address_waiter_without_fence, deadlock, "address_waiter",
       "wake() looks for waiters without a seq_cst fence after the word was changed", "uxlfoundation/oneTBB #2136") {
    address_waiter<false>();
}

SOUND(address_waiter) {
    address_waiter<true>();
}

// Michael and Scott's queue with two locks, and a count so that empty() needs neither.
template<bool CountFirst>
class two_lock_queue {
public:
    two_lock_queue() = default;
    two_lock_queue(const two_lock_queue&) = delete;
    two_lock_queue& operator=(const two_lock_queue&) = delete;

    ~two_lock_queue() {
        while (head_ != nullptr) {
            node* const next = head_->next.load(memory_order_relaxed);
            delete head_;
            head_ = next;
        }
    }

    void push(int value) {
        auto* const n = new node;
        n->value = value;
        const std::lock_guard lock(tail_mutex_);
        if (CountFirst) {
            count_.fetch_add(1, memory_order_relaxed);
        }
        tail_->next.store(n, memory_order_release);
        tail_ = n;
        if (!CountFirst) {
            count_.fetch_add(1, memory_order_relaxed);
        }
    }

    // 0: empty.
    int try_pop() {
        const std::lock_guard lock(head_mutex_);
        node* const next = head_->next.load(memory_order_acquire);
        if (next == nullptr) {
            return 0;
        }
        delete head_;
        head_ = next;
        count_.fetch_sub(1, memory_order_relaxed);
        return next->value;
    }

    [[nodiscard]] bool empty() const { return count_.load(memory_order_relaxed) == 0; }

private:
    struct node {
        int value = 0;
        std::atomic<node*> next{nullptr};
    };

    std::mutex head_mutex_;
    std::mutex tail_mutex_;
    node* head_ = new node;
    node* tail_ = head_;
    std::atomic<int> count_{0};
};

template<bool CountFirst>
void empty_after_the_last() {
    two_lock_queue<CountFirst> q;
    std::thread producer([&] { q.push(1); });
    if (q.try_pop() == 1) {
        GANTRY_CHECK(q.empty());
    }
    producer.join();
}

FAULTY(empty_lies, assertion, "empty_tells", "the count is raised when the item can be taken already") {
    empty_after_the_last<false>();
}

SOUND(empty_tells) {
    empty_after_the_last<true>();
}

// A word on the heap that its waiter frees as soon as it is set. The wake-up may come after that: it names an address,
// and looks at nothing there.
template<bool LooksAgain>
void freed_by_its_waiter() {
    auto* const word = new std::atomic<std::uint32_t>(0);
    std::thread setter([word] {
        word->store(1, memory_order_release);
        if (LooksAgain && word->load(memory_order_relaxed) == 0) {
            return;
        }
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    });
    while (word->load(memory_order_acquire) == 0) {
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
    delete word;
    setter.join();
}

SOUND(wakes_at_a_freed_word) {
    freed_by_its_waiter<false>();
}

FAULTY(looks_at_a_freed_word, use_after_free, "wakes_at_a_freed_word",
       "looks again at a word that its waiter may have freed") {
    freed_by_its_waiter<true>();
}

} // namespace

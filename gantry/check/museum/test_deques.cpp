// SPDX-License-Identifier: MIT
// A work-stealing deque whose thieves take several at once.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace {

using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// The owner works at the back, a thief takes from the front, one item after the other, from the buffer that was there
// when it began. Old buffers live as long as the deque.
template<bool LooksAgain>
class batch_deque {
public:
    batch_deque() { grow(2); }

    // By the owner.
    void push(int item) {
        const int b = back_.load(memory_order_relaxed);
        const int f = front_.load(memory_order_acquire);
        if (b - f == buffer_.load(memory_order_relaxed)->room) {
            grow(2 * (b - f));
        }
        buffer_.load(memory_order_relaxed)->at(b).store(item, memory_order_relaxed);
        back_.store(b + 1, memory_order_release);
    }

    // By the owner. 0: empty.
    int pop() {
        const int b = back_.load(memory_order_relaxed) - 1;
        back_.store(b, memory_order_relaxed);
        std::atomic_thread_fence(memory_order_seq_cst);
        int f = front_.load(memory_order_relaxed);
        if (f > b) {
            back_.store(b + 1, memory_order_relaxed);
            return 0;
        }
        int item = buffer_.load(memory_order_relaxed)->at(b).load(memory_order_relaxed);
        if (f == b) {
            if (!front_.compare_exchange_strong(f, f + 1, memory_order_seq_cst, memory_order_relaxed)) {
                item = 0;
            }
            back_.store(b + 1, memory_order_relaxed);
        }
        return item;
    }

    // By a thief: takes up to two, and tells them.
    template<class Tell>
    void steal_two(Tell tell) {
        int f = front_.load(memory_order_acquire);
        std::atomic_thread_fence(memory_order_seq_cst);
        int b = back_.load(memory_order_acquire);
        const buffer* const from = buffer_.load(memory_order_acquire);
        for (int i = 0; i < 2; ++i) {
            if (i != 0) {
                std::atomic_thread_fence(memory_order_seq_cst);
                b = back_.load(memory_order_acquire);
            }
            if (f >= b) {
                return;
            }
            const int item = from->at(f).load(memory_order_relaxed);
            if (LooksAgain && buffer_.load(memory_order_acquire) != from) {
                return;
            }
            if (!front_.compare_exchange_strong(f, f + 1, memory_order_seq_cst, memory_order_relaxed)) {
                return;
            }
            ++f;
            tell(item);
        }
    }

private:
    struct buffer {
        explicit buffer(int size) : room(size), slots(std::make_unique<std::atomic<int>[]>(unsigned(size))) {}

        [[nodiscard]] std::atomic<int>& at(int i) const { return slots[unsigned(i % room)]; }

        int room;
        std::unique_ptr<std::atomic<int>[]> slots;
    };

    void grow(int room) {
        auto larger = std::make_unique<buffer>(room);
        for (int i = front_.load(memory_order_relaxed); i < back_.load(memory_order_relaxed); ++i) {
            larger->at(i).store(buffer_.load(memory_order_relaxed)->at(i).load(memory_order_relaxed),
                                memory_order_relaxed);
        }
        buffer_.store(larger.get(), memory_order_release);
        all_.push_back(std::move(larger));
    }

    std::atomic<int> front_{0};
    std::atomic<int> back_{0};
    std::atomic<const buffer*> buffer_{nullptr};
    std::vector<std::unique_ptr<buffer>> all_; // the owner's
};

// Two items; the owner makes the buffer grow, takes back what it put on top and the second item, and puts a fourth into
// that one's place, in the larger buffer.
template<bool LooksAgain>
void steals_two_while_it_grows() {
    batch_deque<LooksAgain> d;
    d.push(1);
    d.push(2);
    int times[5] = {};
    std::thread thief([&] { d.steal_two([&](int item) { ++times[item]; }); });
    int mine[5] = {};
    d.push(3);
    ++mine[d.pop()];
    ++mine[d.pop()];
    d.push(4);
    thief.join();
    while (const int item = d.pop()) {
        ++mine[item];
    }
    for (int item = 1; item <= 4; ++item) {
        GANTRY_CHECK(times[item] + mine[item] == 1);
    }
}

FAULTY(
    deque_steals_from_an_old_buffer, assertion, "deque_steals_from_the_same_buffer",
    "a batch is stolen item by item from the buffer that was there at its start; the owner has meanwhile popped, grown "
    "and pushed: one task is taken twice, another never",
    "[crossbeam #726](https://github.com/crossbeam-rs/crossbeam/pull/726), "
    "[RUSTSEC-2021-0093](https://rustsec.org/advisories/RUSTSEC-2021-0093)") {
    steals_two_while_it_grows<false>();
}

SOUND(deque_steals_from_the_same_buffer) {
    steals_two_while_it_grows<true>();
}

} // namespace

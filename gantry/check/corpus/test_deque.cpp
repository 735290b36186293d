// SPDX-License-Identifier: MIT
// Chase and Lev's deque with an array that grows, as Le, Pop, Cohen and Zappa Nardelli ordered it for weak memory.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <thread>

namespace {

using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

constexpr int nothing = 0;

// One owner pushes and takes at the bottom, any number of thieves take from the top.
template<bool Fence, std::memory_order PublishArray, bool LookFirst = true>
class deque {
public:
    explicit deque(int room) : array_(new array(room, nullptr)) {}

    deque(const deque&) = delete;
    deque& operator=(const deque&) = delete;

    ~deque() {
        for (array* a = array_.load(memory_order_relaxed); a != nullptr;) {
            array* const older = a->older;
            delete a;
            a = older;
        }
    }

    void push(int item) {
        const int b = bottom_.load(memory_order_relaxed);
        const int t = top_.load(memory_order_acquire);
        array* a = array_.load(memory_order_relaxed);
        if (b - t == a->room) {
            // Thieves may still look at the smaller one: it lives as long as the deque.
            auto* const larger = new array(2 * a->room, a);
            for (int i = t; i < b; ++i) {
                larger->at(i).store(a->at(i).load(memory_order_relaxed), memory_order_relaxed);
            }
            a = larger;
            array_.store(a, PublishArray);
        }
        a->at(b).store(item, memory_order_relaxed);
        bottom_.store(b + 1, memory_order_release);
    }

    int take() {
        const int b = bottom_.load(memory_order_relaxed) - 1;
        array* const a = array_.load(memory_order_relaxed);
        bottom_.store(b, memory_order_relaxed);
        if (Fence) {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
        int t = top_.load(memory_order_relaxed);
        if (t > b) {
            bottom_.store(b + 1, memory_order_relaxed);
            return nothing;
        }
        int item = a->at(b).load(memory_order_relaxed);
        if (t == b) {
            if (!top_.compare_exchange_strong(t, t + 1, memory_order_seq_cst, memory_order_relaxed)) {
                item = nothing;
            }
            bottom_.store(b + 1, memory_order_relaxed);
        }
        return item;
    }

    int steal() {
        int t = top_.load(memory_order_acquire);
        std::atomic_thread_fence(memory_order_seq_cst);
        if (t >= bottom_.load(memory_order_acquire)) {
            return nothing;
        }
        array* const a = array_.load(memory_order_acquire);
        const int item = LookFirst ? a->at(t).load(memory_order_relaxed) : nothing;
        const int index = t;
        if (!top_.compare_exchange_strong(t, t + 1, memory_order_seq_cst, memory_order_relaxed)) {
            return nothing;
        }
        return LookFirst ? item : a->at(index).load(memory_order_relaxed);
    }

private:
    struct array {
        array(int size, array* before)
            : room(size), slots(new std::atomic<int>[static_cast<unsigned>(size)] {}), older(before) {}

        array(const array&) = delete;
        array& operator=(const array&) = delete;

        ~array() { delete[] slots; }

        [[nodiscard]] std::atomic<int>& at(int index) const { return slots[index % room]; }

        int room;
        std::atomic<int>* slots;
        array* older;
    };

    std::atomic<int> top_{0};
    std::atomic<int> bottom_{0};
    std::atomic<array*> array_;
};

// Two items, of which the thief may take both before the owner takes one: nothing is taken twice.
template<bool Fence>
void takes_and_steals() {
    deque<Fence, memory_order_release> d(2);
    d.push(1);
    d.push(2);
    int stolen[2] = {};
    std::thread thief([&] {
        stolen[0] = d.steal();
        stolen[1] = d.steal();
    });
    const int taken = d.take();
    thief.join();
    const int left = d.take();
    GANTRY_CHECK(taken + left + stolen[0] + stolen[1] == 3);
}

FAULTY(chase_lev_without_fence, assertion, "chase_lev", "take() without the seq_cst fence between bottom and top",
       "textbook: Le, Pop, Cohen, Zappa Nardelli, 2013") {
    takes_and_steals<false>();
}

SOUND(chase_lev) {
    takes_and_steals<true>();
}

// A thief that has not seen the new bottom may have seen the new array.
template<std::memory_order Publish>
void grows_and_steals() {
    deque<true, Publish> d(1);
    d.push(1);
    int stolen = nothing;
    std::thread thief([&] { stolen = d.steal(); });
    d.push(2);
    thief.join();
    GANTRY_CHECK(stolen == nothing || stolen == 1);
}

FAULTY(chase_lev_grows_relaxed, race, "chase_lev_grows", "push() publishes the grown array relaxed") {
    grows_and_steals<memory_order_relaxed>();
}

SOUND(chase_lev_grows) {
    grows_and_steals<memory_order_release>();
}

// As soon as the thief has moved the top, the owner may use the slot again.
template<bool LookFirst>
void steals_and_pushes() {
    deque<true, memory_order_release, LookFirst> d(1);
    d.push(1);
    int stolen = nothing;
    std::thread thief([&] { stolen = d.steal(); });
    d.push(2);
    thief.join();
    GANTRY_CHECK(stolen != 2);
}

FAULTY(chase_lev_looks_too_late, assertion, "chase_lev_looks_first",
       "steal() reads the slot after it has moved the top",
       "[ssbl/concurrent-deque #2](https://github.com/ssbl/concurrent-deque/issues/2)") {
    steals_and_pushes<false>();
}

SOUND(chase_lev_looks_first) {
    steals_and_pushes<true>();
}

} // namespace

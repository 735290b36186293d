// SPDX-License-Identifier: MIT
// Schemes that say when memory can be freed: epochs, and hazard pointers that are found by a bit.
#include <gantry/check/corpus/test_corpus.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

namespace {

using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// Epochs for a few threads. A pin inside of a pin must not move the thread's epoch on, and garbage belongs to the
// global epoch, which may be one ahead of the thread's.
enum class inner_pin { does_nothing, pins_again };
enum class stamp { global_epoch, own_epoch };

template<inner_pin Inner, stamp Stamp, class Object = int, std::size_t Threads = 2>
class epochs {
public:
    epochs() = default;
    epochs(const epochs&) = delete;
    epochs& operator=(const epochs&) = delete;

    ~epochs() {
        for (const garbage& g : garbage_) {
            delete g.object;
        }
    }

    void pin(int me) {
        if (depth_[me]++ == 0 || Inner == inner_pin::pins_again) {
            states_[me].store(2 * global_.load(memory_order_relaxed) + 1, memory_order_seq_cst);
            std::atomic_thread_fence(memory_order_seq_cst);
        }
    }

    void unpin(int me) {
        if (--depth_[me] == 0) {
            states_[me].store(0, memory_order_release);
        }
    }

    // By one thread, pinned.
    void retire(int me, Object* object) {
        std::atomic_thread_fence(memory_order_seq_cst);
        const unsigned own = states_[me].load(memory_order_relaxed) / 2;
        garbage_.push_back({object, Stamp == stamp::own_epoch ? own : global_.load(memory_order_relaxed)});
    }

    void advance() {
        unsigned epoch = global_.load(memory_order_relaxed);
        std::atomic_thread_fence(memory_order_seq_cst);
        for (const std::atomic<unsigned>& state : states_) {
            const unsigned seen = state.load(memory_order_acquire);
            if (seen % 2 == 1 && seen / 2 != epoch) {
                return;
            }
        }
        global_.compare_exchange_strong(epoch, epoch + 1, memory_order_seq_cst, memory_order_relaxed);
    }

    // By the thread that retires.
    void free_what_is_old() {
        const unsigned epoch = global_.load(memory_order_acquire);
        std::erase_if(garbage_, [&](const garbage& g) {
            if (g.epoch + 2 > epoch) {
                return false;
            }
            delete g.object;
            return true;
        });
    }

    [[nodiscard]] std::size_t held() const { return garbage_.size(); }

private:
    struct garbage {
        Object* object;
        unsigned epoch;
    };

    std::atomic<unsigned> global_{0};
    std::atomic<unsigned> states_[Threads] = {};
    int depth_[Threads] = {};
    std::vector<garbage> garbage_;
};

template<inner_pin Inner>
void reads_between_two_pins() {
    epochs<Inner, stamp::global_epoch> e;
    std::atomic<int*> shared{new int{1}};
    std::thread reader([&] {
        e.pin(1);
        const int* const seen = shared.load(memory_order_acquire);
        e.advance();
        e.pin(1);
        e.unpin(1);
        e.advance();
        GANTRY_CHECK(*seen == 1 || *seen == 2);
        e.unpin(1);
    });
    e.pin(0);
    e.retire(0, shared.exchange(new int{2}, memory_order_seq_cst));
    e.unpin(0);
    e.free_what_is_old();
    reader.join();
    delete shared.load(memory_order_relaxed);
}

FAULTY(epoch_pinned_again, use_after_free, "epoch_pinned_once",
       "a pin inside of a pin takes the new epoch, and what the outer one protects is freed",
       "[crossbeam #105](https://github.com/crossbeam-rs/crossbeam/issues/105)") {
    reads_between_two_pins<inner_pin::pins_again>();
}

SOUND(epoch_pinned_once) {
    reads_between_two_pins<inner_pin::does_nothing>();
}

template<stamp Stamp>
void retires_behind_the_epoch() {
    epochs<inner_pin::does_nothing, Stamp> e;
    std::atomic<int*> shared{new int{1}};
    std::thread reader([&] {
        e.advance();
        e.pin(1);
        const int seen = *shared.load(memory_order_acquire);
        GANTRY_CHECK(seen == 1 || seen == 2);
        e.unpin(1);
    });
    e.pin(0);
    e.retire(0, shared.exchange(new int{2}, memory_order_seq_cst));
    e.unpin(0);
    e.advance();
    e.free_what_is_old();
    reader.join();
    delete shared.load(memory_order_relaxed);
}

FAULTY(epoch_of_the_thread, use_after_free, "epoch_of_the_domain",
       "garbage in a thread's own bag is stamped with the thread's epoch; a reader may be an epoch ahead and hold it",
       "[crossbeam #42](https://github.com/crossbeam-rs/crossbeam/pull/42)") {
    retires_behind_the_epoch<stamp::own_epoch>();
}

SOUND(epoch_of_the_domain) {
    retires_behind_the_epoch<stamp::global_epoch>();
}

// A queue whose tail is moved after an element was linked, by who links, or by who finds it behind. A pop that passes
// the tail must move it first: what it retires could still be reached by the tail, and who gets there after the epoch
// has moved on is not waited for. One pushes, one pops and retires, one looks at the end of the queue.
template<bool MovesTail>
void pops_past_the_tail() {
    struct node {
        std::atomic<node*> next{nullptr};
    };
    constexpr int popper = 0;
    constexpr int pusher = 1;
    constexpr int follower = 2;
    epochs<inner_pin::does_nothing, stamp::global_epoch, node, 3> e;
    auto* const first = new node;
    node* head = first; // the popper's
    std::atomic<node*> tail{first};
    std::thread pushes([&] {
        e.pin(pusher);
        node* last = tail.load(memory_order_acquire);
        auto* const n = new node;
        last->next.store(n, memory_order_release);
        tail.compare_exchange_strong(last, n, memory_order_release, memory_order_relaxed);
        e.unpin(pusher);
    });
    std::thread follows([&] {
        e.pin(follower);
        const node* const last = tail.load(memory_order_acquire);
        static_cast<void>(last->next.load(memory_order_acquire));
        e.unpin(follower);
    });
    e.pin(popper);
    if (node* const next = first->next.load(memory_order_acquire)) {
        if (MovesTail) {
            node* last = first;
            tail.compare_exchange_strong(last, next, memory_order_release, memory_order_relaxed);
        }
        head = next;
        e.retire(popper, first);
    }
    e.unpin(popper);
    e.advance();
    e.advance();
    e.free_what_is_old();
    pushes.join();
    follows.join();
    while (head != nullptr) {
        delete std::exchange(head, head->next.load(memory_order_relaxed));
    }
}

FAULTY(
    queue_pops_past_its_tail, use_after_free, "queue_moves_its_tail",
    "a pop retires the node that the tail still points to; who takes it from the tail in a later epoch is not waited "
    "for",
    "[crossbeam #238](https://github.com/crossbeam-rs/crossbeam/issues/238)") {
    pops_past_the_tail<false>();
}

SOUND(queue_moves_its_tail) {
    pops_past_the_tail<true>();
}

// One reader stays pinned while the writer replaces an object again and again. Two pieces of garbage may wait at a
// time: with epochs all do. A reader that names what it holds keeps one.
constexpr int replaced = 4;
constexpr std::size_t garbage_max = 2;

FAULTY(epoch_held_up_by_a_reader, assertion, "hazard_holds_up_one",
       "one thread that stays pinned holds up all garbage of all threads, without bound",
       "[crossbeam #566](https://github.com/crossbeam-rs/crossbeam/issues/566)") {
    epochs<inner_pin::does_nothing, stamp::global_epoch> e;
    std::atomic<int*> shared{new int{0}};
    std::thread reader([&] {
        e.pin(1);
        GANTRY_CHECK(*shared.load(memory_order_acquire) >= 0);
        e.unpin(1);
    });
    for (int i = 1; i <= replaced; ++i) {
        e.pin(0);
        e.retire(0, shared.exchange(new int{i}, memory_order_seq_cst));
        e.unpin(0);
        // Two steps forward free what was retired, unless somebody is in the way.
        e.advance();
        e.advance();
        e.free_what_is_old();
        GANTRY_CHECK(e.held() <= garbage_max);
    }
    reader.join();
    delete shared.load(memory_order_relaxed);
}

SOUND(hazard_holds_up_one) {
    std::atomic<int*> shared{new int{0}};
    std::atomic<int*> hazard{nullptr};
    std::thread reader([&] {
        int* seen = shared.load(memory_order_acquire);
        for (int* again = nullptr;; seen = again) {
            hazard.store(seen, memory_order_seq_cst);
            std::atomic_thread_fence(memory_order_seq_cst);
            again = shared.load(memory_order_seq_cst);
            if (again == seen) {
                break;
            }
        }
        GANTRY_CHECK(*seen >= 0);
        hazard.store(nullptr, memory_order_release);
    });
    std::vector<int*> retired;
    for (int i = 1; i <= replaced; ++i) {
        retired.push_back(shared.exchange(new int{i}, memory_order_seq_cst));
        std::atomic_thread_fence(memory_order_seq_cst);
        const int* const held = hazard.load(memory_order_acquire);
        std::erase_if(retired, [&](const int* old) {
            if (old == held) {
                return false;
            }
            delete old;
            return true;
        });
        GANTRY_CHECK(retired.size() <= garbage_max);
    }
    reader.join();
    for (const int* old : retired) {
        delete old;
    }
    delete shared.load(memory_order_relaxed);
}

// Hazard pointers that a scan finds by a bit for each: the pointer is set, then the bit, then the source is looked at
// again, or not.
template<bool LooksAgain>
void protects_by_pointer_and_bit() {
    std::atomic<int*> shared{new int{1}};
    std::atomic<int*> pointer{nullptr};
    std::atomic<bool> bit{false};
    std::thread reader([&] {
        int* const seen = shared.load(memory_order_seq_cst);
        pointer.store(seen, memory_order_seq_cst);
        bit.store(true, memory_order_seq_cst);
        if (!LooksAgain || shared.load(memory_order_seq_cst) == seen) {
            GANTRY_CHECK(*seen == 1);
        }
        bit.store(false, memory_order_seq_cst);
    });
    int* const old = shared.exchange(new int{1}, memory_order_seq_cst);
    const bool held = bit.load(memory_order_seq_cst) && pointer.load(memory_order_seq_cst) == old;
    if (!held) {
        delete old;
    }
    reader.join();
    if (held) {
        delete old;
    }
    delete shared.load(memory_order_relaxed);
}

FAULTY(hazard_seen_by_its_bit, use_after_free, "hazard_looked_at_again",
       "a hazard pointer is set in two steps, the pointer and a bit by which scans find it; a scan between the two "
       "passes it over, and nothing looks at the source after the second",
       "[java-profiler #310](https://github.com/DataDog/java-profiler/pull/310)") {
    protects_by_pointer_and_bit<false>();
}

SOUND(hazard_looked_at_again) {
    protects_by_pointer_and_bit<true>();
}

} // namespace

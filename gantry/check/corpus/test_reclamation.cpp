// SPDX-License-Identifier: MIT
// Ways to know when a node that others may still look at can be freed, each with the step that is easily left out.
#include <gantry/check/corpus/test_corpus.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

struct node {
    int value = 0;
    node* next = nullptr;
};

// A stack of free indices; the head carries a count so that it never looks the same twice. An index can come back
// through another thread, which got it by a relaxed access: the fences order the two uses of its link.
template<std::memory_order Fence>
class free_indices {
public:
    int pop() {
        unsigned seen = head_.load(memory_order_acquire);
        for (;;) {
            const unsigned index = seen % counted;
            if (index == end) {
                return -1;
            }
            if (head_.compare_exchange_strong(seen, (seen / counted + 1) * counted + next_[index], memory_order_acq_rel,
                                              memory_order_acquire)) {
                std::atomic_thread_fence(memory_order_release);
                return static_cast<int>(index);
            }
        }
    }

    void push(int index) {
        std::atomic_thread_fence(Fence);
        unsigned seen = head_.load(memory_order_acquire);
        do {
            next_[index] = seen % counted;
        } while (!head_.compare_exchange_strong(seen, (seen / counted + 1) * counted + static_cast<unsigned>(index),
                                                memory_order_acq_rel, memory_order_acquire));
    }

private:
    static constexpr unsigned end = 2;
    static constexpr unsigned counted = 256;

    std::atomic<unsigned> head_{0};
    unsigned next_[2] = {1, end};
};

template<std::memory_order Fence>
void index_comes_back() {
    free_indices<Fence> free;
    std::atomic<int> handed{-1};
    std::thread other([&] {
        int index = -1;
        while ((index = handed.load(memory_order_relaxed)) < 0) {
        }
        free.push(index);
    });
    handed.store(free.pop(), memory_order_relaxed);
    other.join();
    GANTRY_CHECK(free.pop() >= 0 && free.pop() >= 0);
}

FAULTY(free_list_wrong_fence, race, "free_list", "push() has a release fence where it needs an acquire fence",
       "[iceoryx #2196](https://github.com/eclipse-iceoryx/iceoryx/issues/2196)") {
    index_comes_back<memory_order_release>();
}

SOUND(free_list) {
    index_comes_back<memory_order_acquire>();
}

// Michael's hazard pointers, one for each of two threads, under Treiber's stack. Setting one lets go of what it guarded
// before, in a round that failed: that is a release.
template<std::memory_order Set, bool Fence, bool Recheck>
class guarded_stack {
public:
    guarded_stack() = default;
    guarded_stack(const guarded_stack&) = delete;
    guarded_stack& operator=(const guarded_stack&) = delete;

    ~guarded_stack() {
        for (node* n = head_.load(memory_order_relaxed); n != nullptr;) {
            node* const next = n->next;
            delete n;
            n = next;
        }
        for (const auto& mine : retired_) {
            for (const node* n : mine) {
                delete n;
            }
        }
    }

    void push(int value) {
        auto* const n = new node{value, head_.load(memory_order_relaxed)};
        while (!head_.compare_exchange_weak(n->next, n, memory_order_release, memory_order_relaxed)) {
        }
    }

    int pop(int me) {
        for (;;) {
            node* seen = head_.load(memory_order_acquire);
            if (seen == nullptr) {
                return 0;
            }
            hazards_[me].store(seen, Set);
            if (Fence) {
                std::atomic_thread_fence(memory_order_seq_cst);
            }
            if (Recheck && head_.load(memory_order_acquire) != seen) {
                continue;
            }
            node* const next = seen->next;
            if (head_.compare_exchange_strong(seen, next, memory_order_acq_rel, memory_order_relaxed)) {
                const int value = seen->value;
                hazards_[me].store(nullptr, memory_order_release);
                retire(me, seen);
                return value;
            }
        }
    }

private:
    void retire(int me, node* n) {
        std::vector<node*>& mine = retired_[me];
        mine.push_back(n);
        std::atomic_thread_fence(memory_order_seq_cst);
        const node* const in_use = hazards_[1 - me].load(memory_order_acquire);
        std::erase_if(mine, [&](node* old) {
            if (old == in_use) {
                return false;
            }
            delete old;
            return true;
        });
    }

    std::atomic<node*> head_{nullptr};
    std::atomic<node*> hazards_[2] = {nullptr, nullptr};
    std::vector<node*> retired_[2];
};

template<std::memory_order Set, bool Fence, bool Recheck>
void hazard_pointers() {
    guarded_stack<Set, Fence, Recheck> s;
    s.push(1);
    s.push(2);
    int theirs = 0;
    std::thread other([&] { theirs = s.pop(1); });
    const int mine = s.pop(0);
    other.join();
    GANTRY_CHECK(mine + theirs == 3);
}

FAULTY(hazard_pointer_without_fence, use_after_free, "hazard_pointer",
       "no seq_cst fence between setting the hazard pointer and looking again",
       "[thread_system #600](https://github.com/kcenon/thread_system/issues/600)") {
    hazard_pointers<memory_order_release, false, true>();
}

FAULTY(hazard_pointer_without_recheck, use_after_free, "hazard_pointer",
       "the source is not looked at again after the hazard pointer was set",
       "textbook: Michael, Hazard Pointers, 2004") {
    hazard_pointers<memory_order_release, true, false>();
}

FAULTY(hazard_pointer_set_relaxed, use_after_free, "hazard_pointer",
       "a hazard pointer that is set again does not release what it guarded before") {
    hazard_pointers<memory_order_relaxed, true, true>();
}

SOUND(hazard_pointer) {
    hazard_pointers<memory_order_release, true, true>();
}

// Fraser's epochs: who is pinned says in which epoch; the epoch goes on when every pinned thread has seen it; what was
// retired in an epoch is freed when the epoch has gone on `Distance` times.
template<bool Fence, unsigned Distance, bool FenceFirst = true>
class epoch_domain {
public:
    epoch_domain() = default;
    epoch_domain(const epoch_domain&) = delete;
    epoch_domain& operator=(const epoch_domain&) = delete;

    ~epoch_domain() {
        for (const retired& r : retired_) {
            delete r.object;
        }
    }

    void pin(int me) {
        states_[me].store(2 * global_.load(memory_order_relaxed) + 1, memory_order_relaxed);
        if (Fence) {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
    }

    void unpin(int me) { states_[me].store(0, memory_order_release); }

    // By one thread only.
    void retire(node* object) {
        unsigned epoch = global_.load(memory_order_relaxed);
        std::atomic_thread_fence(memory_order_seq_cst);
        if (FenceFirst) {
            epoch = global_.load(memory_order_relaxed);
        }
        retired_.push_back({object, epoch});
    }

    // The epoch goes on unless somebody is pinned in an earlier one.
    bool advance() {
        unsigned epoch = global_.load(memory_order_relaxed);
        std::atomic_thread_fence(memory_order_seq_cst);
        for (const std::atomic<unsigned>& state : states_) {
            const unsigned seen = state.load(memory_order_relaxed);
            if (seen % 2 == 1 && seen / 2 != epoch) {
                return false;
            }
        }
        std::atomic_thread_fence(memory_order_acquire);
        return global_.compare_exchange_strong(epoch, epoch + 1, memory_order_release, memory_order_relaxed);
    }

    // By one thread only.
    void collect() {
        if (!advance()) {
            return;
        }
        const unsigned epoch = global_.load(memory_order_acquire);
        std::erase_if(retired_, [&](const retired& r) {
            if (r.epoch + Distance > epoch) {
                return false;
            }
            delete r.object;
            return true;
        });
    }

private:
    struct retired {
        node* object;
        unsigned epoch;
    };

    std::atomic<unsigned> global_{0};
    std::atomic<unsigned> states_[2] = {0, 0};
    std::vector<retired> retired_;
};

template<bool Fence, unsigned Distance>
void epochs() {
    epoch_domain<Fence, Distance> domain;
    std::atomic<node*> shared{new node{1, nullptr}};
    std::thread reader([&] {
        domain.pin(1);
        const int seen = shared.load(memory_order_acquire)->value;
        GANTRY_CHECK(seen == 1 || seen == 2);
        domain.unpin(1);
    });
    domain.pin(0);
    domain.retire(shared.exchange(new node{2, nullptr}, memory_order_acq_rel));
    domain.unpin(0);
    domain.collect();
    domain.collect();
    reader.join();
    delete shared.load(memory_order_relaxed);
}

FAULTY(epoch_pin_without_fence, use_after_free, "epochs", "pin() without the seq_cst fence before the first access") {
    epochs<false, 2>();
}

FAULTY(epoch_advanced_once, use_after_free, "epochs", "garbage is freed when the epoch has advanced by one, not two",
       "textbook: Fraser, Practical lock-freedom, 2004") {
    epochs<true, 1>();
}

SOUND(epochs) {
    epochs<true, 2>();
}

// The reader moves the epoch on before it looks: what was retired meanwhile belongs to the later epoch, if the epoch is
// read when the unlinking can no longer be missed.
template<bool FenceFirst>
void retires_late() {
    epoch_domain<true, 2, FenceFirst> domain;
    std::atomic<node*> shared{new node{1, nullptr}};
    std::thread reader([&] {
        domain.advance();
        domain.pin(1);
        const int seen = shared.load(memory_order_acquire)->value;
        GANTRY_CHECK(seen == 1 || seen == 2);
        domain.unpin(1);
    });
    domain.pin(0);
    domain.retire(shared.exchange(new node{2, nullptr}, memory_order_acq_rel));
    domain.unpin(0);
    domain.collect();
    domain.collect();
    reader.join();
    delete shared.load(memory_order_relaxed);
}

FAULTY(epoch_read_before_the_fence, use_after_free, "epoch_read_after_the_fence",
       "garbage gets the epoch that was read before the fence",
       "[crossbeam-epoch #53](https://github.com/crossbeam-rs/crossbeam-epoch/issues/53)") {
    retires_late<false>();
}

SOUND(epoch_read_after_the_fence) {
    retires_late<true>();
}

// A count inside of the object, lowered with release. The last one must see what the others did before it deletes.
template<bool Acquire, std::memory_order Look = memory_order_acquire>
class counted {
public:
    void drop() {
        if (count_.fetch_sub(1, memory_order_release) == 1) {
            if (Acquire) {
                std::atomic_thread_fence(memory_order_acquire);
            }
            delete this;
        }
    }

    // Whether the caller is the only owner and may write.
    [[nodiscard]] bool unique() const { return count_.load(Look) == 1; }

    int payload = 0;

private:
    std::atomic<int> count_{2};
};

template<bool Acquire>
void reference_count() {
    auto* const o = new counted<Acquire>;
    std::thread other([o] {
        GANTRY_CHECK(o->payload == 0);
        o->drop();
    });
    GANTRY_CHECK(o->payload == 0);
    o->drop();
    other.join();
}

FAULTY(reference_count_without_acquire, use_after_free, "reference_count_release_and_fence",
       "the last owner deletes without acquiring what the others released") {
    reference_count<false>();
}

SOUND(reference_count_release_and_fence) {
    reference_count<true>();
}

template<std::memory_order Look>
void writes_when_unique() {
    auto* const o = new counted<true, Look>;
    std::thread other([o] {
        GANTRY_CHECK(o->payload <= 1);
        o->drop();
    });
    if (o->unique()) {
        o->payload = 1;
    }
    o->drop();
    other.join();
}

FAULTY(unique_relaxed, race, "unique_acquire", "the only owner writes without acquiring what the others released",
       "[rust #51780](https://github.com/rust-lang/rust/issues/51780)") {
    writes_when_unique<memory_order_relaxed>();
}

SOUND(unique_acquire) {
    writes_when_unique<memory_order_acquire>();
}

// Valois's way to look at a node: raise its own count, and look whether it is still the head. It may be gone by then.
struct self_counted_node {
    explicit self_counted_node(int v) : value(v) {}

    void drop() {
        if (count.fetch_sub(1, memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    int value;
    std::atomic<int> count{1};
    self_counted_node* next = nullptr;
};

FAULTY(treiber_inner_counters, use_after_free, "treiber_split_counters",
       "the count that keeps a node alive lies in the node: who raises it may come too late",
       "textbook: Valois, 1995, and its correction by Michael and Scott") {
    std::atomic<self_counted_node*> head{nullptr};
    for (const int value : {1, 2}) {
        auto* const n = new self_counted_node(value);
        n->next = head.load(memory_order_relaxed);
        head.store(n, memory_order_release);
    }
    const auto pop = [&] {
        for (;;) {
            self_counted_node* const seen = head.load(memory_order_acquire);
            if (seen == nullptr) {
                return 0;
            }
            self_counted_node* still = seen;
            seen->count.fetch_add(1, memory_order_acq_rel);
            const bool mine =
                head.load(memory_order_acquire) == seen &&
                head.compare_exchange_strong(still, seen->next, memory_order_acq_rel, memory_order_relaxed);
            const int value = mine ? seen->value : 0;
            if (mine) {
                seen->drop();
            }
            seen->drop();
            if (mine) {
                return value;
            }
        }
    };
    int theirs = 0;
    std::thread other([&] { theirs = pop(); });
    const int mine = pop();
    other.join();
    GANTRY_CHECK(mine + theirs == 3);
}

// Williams's way: the head carries a count of those who have looked, which changes in one step with the pointer; the
// node carries how many of them have gone, below zero until its taker has added how many had come.
template<std::memory_order Leave, std::memory_order Last>
class split_counted_stack {
public:
    void push(int value) {
        auto* const n = new split_node(value);
        n->next = head_.load(memory_order_relaxed);
        while (!head_.compare_exchange_weak(n->next, packed(n), memory_order_release, memory_order_relaxed)) {
        }
    }

    // Two that come at once can keep each other from success for ever: it gives up. 0: empty, or given up.
    int try_pop(int tries) {
        std::uint64_t seen = head_.load(memory_order_relaxed);
        for (int i = 0; i < tries; ++i) {
            if (pointer(seen) == nullptr) {
                return 0;
            }
            while (!head_.compare_exchange_strong(seen, seen + one_more, memory_order_acquire, memory_order_relaxed)) {
                if (pointer(seen) == nullptr) {
                    return 0;
                }
            }
            seen += one_more;
            split_node* const n = pointer(seen);
            if (head_.compare_exchange_strong(seen, n->next, memory_order_relaxed, memory_order_relaxed)) {
                const int value = n->value;
                const int others = static_cast<int>(seen / one_more) - 1;
                if (n->gone.fetch_add(others, Leave) == -others) {
                    std::atomic_thread_fence(Last);
                    delete n;
                }
                return value;
            }
            if (n->gone.fetch_sub(1, Leave) == 1) {
                std::atomic_thread_fence(Last);
                delete n;
            }
        }
        return 0;
    }

private:
    struct split_node {
        explicit split_node(int v) : value(v) {}

        int value;
        std::atomic<int> gone{0};
        std::uint64_t next = 0;
    };

    // The count lies above the 48 bits of an address.
    static constexpr std::uint64_t one_more = std::uint64_t{1} << 48U;

    static std::uint64_t packed(const split_node* n) { return reinterpret_cast<std::uint64_t>(n); }

    static split_node* pointer(std::uint64_t head) { return reinterpret_cast<split_node*>(head % one_more); }

    std::atomic<std::uint64_t> head_{0};
};

template<std::memory_order Leave, std::memory_order Last>
void split_counters() {
    split_counted_stack<Leave, Last> s;
    s.push(1);
    s.push(2);
    int theirs = 0;
    std::thread other([&] { theirs = s.try_pop(2); });
    const int mine = s.try_pop(2);
    other.join();
    while (const int left = s.try_pop(1)) {
        theirs += left;
    }
    GANTRY_CHECK(mine + theirs == 3);
}

FAULTY(treiber_split_counters_relaxed, use_after_free, "treiber_split_counters",
       "who leaves a node does not release what it read there") {
    split_counters<memory_order_relaxed, memory_order_acquire>();
}

SOUND(treiber_split_counters) {
    split_counters<memory_order_release, memory_order_acquire>();
}

} // namespace

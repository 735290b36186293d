// SPDX-License-Identifier: MIT
// Michael's and Scott's queue as they published it: nodes stay nodes for the queue's life, and each link carries a
// count beside it that goes up with each change, so that no word is ever again what it was. A pop() that was overtaken
// notices. (Counts of 32 bits come round after 4 billion changes during one pop(). Hazard pointers and epochs do
// without.)
#include <gantry/check/model.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>

namespace {

class queue {
public:
    queue() {
        for (std::uint32_t i = 1; i < nodes_.size(); ++i) {
            give_back(i);
        }
    }

    // False: no node is left.
    bool push(int value) {
        const std::uint32_t mine = get();
        if (mine == none) {
            return false;
        }
        node& n = nodes_[mine];
        n.value.store(value, std::memory_order_relaxed);
        n.next.store(changed(n.next.load(std::memory_order_relaxed), none), std::memory_order_relaxed);
        for (;;) {
            std::uint64_t last = tail_.load(std::memory_order_acquire);
            std::uint64_t next = nodes_[index(last)].next.load(std::memory_order_acquire);
            if (last != tail_.load(std::memory_order_relaxed)) {
                continue;
            }
            // Whoever learns of a node by failing helps to publish it: that must be an acquire.
            if (index(next) == none &&
                nodes_[index(last)].next.compare_exchange_strong(next, changed(next, mine), std::memory_order_release,
                                                                 std::memory_order_acquire)) {
                tail_.compare_exchange_strong(last, changed(last, mine), std::memory_order_release,
                                              std::memory_order_relaxed);
                return true;
            }
            if (index(next) != none) {
                tail_.compare_exchange_strong(last, changed(last, index(next)), std::memory_order_release,
                                              std::memory_order_relaxed);
            }
        }
    }

    // 0: empty. The first node is a dummy, whose value was taken.
    int pop() {
        for (;;) {
            std::uint64_t first = head_.load(std::memory_order_acquire);
            std::uint64_t last = tail_.load(std::memory_order_acquire);
            const std::uint64_t next = nodes_[index(first)].next.load(std::memory_order_acquire);
            if (first != head_.load(std::memory_order_relaxed)) {
                continue;
            }
            if (index(next) == none) {
                return 0;
            }
            if (index(first) == index(last)) {
                tail_.compare_exchange_strong(last, changed(last, index(next)), std::memory_order_release,
                                              std::memory_order_relaxed);
                continue;
            }
            const int value = nodes_[index(next)].value.load(std::memory_order_relaxed);
            if (head_.compare_exchange_strong(first, changed(first, index(next)), std::memory_order_release,
                                              std::memory_order_relaxed)) {
                give_back(index(first));
                return value;
            }
        }
    }

private:
    static constexpr std::uint32_t none = UINT32_MAX;

    struct node {
        std::atomic<int> value{0};
        std::atomic<std::uint64_t> next{none};
    };

    // A link is an index below and a count above.
    static std::uint32_t index(std::uint64_t link) { return static_cast<std::uint32_t>(link); }

    static std::uint64_t changed(std::uint64_t link, std::uint32_t to) { return ((link >> 32U) + 1) << 32U | to; }

    std::uint32_t get() {
        std::uint64_t top = free_.load(std::memory_order_acquire);
        while (index(top) != none &&
               !free_.compare_exchange_weak(
                   top, changed(top, index(nodes_[index(top)].next.load(std::memory_order_relaxed))),
                   std::memory_order_acquire, std::memory_order_acquire)) {
        }
        return index(top);
    }

    void give_back(std::uint32_t i) {
        std::uint64_t top = free_.load(std::memory_order_relaxed);
        do {
            // Who reads this link must see that the node has left the queue.
            nodes_[i].next.store(changed(nodes_[i].next.load(std::memory_order_relaxed), index(top)),
                                 std::memory_order_release);
        } while (
            !free_.compare_exchange_weak(top, changed(top, i), std::memory_order_release, std::memory_order_relaxed));
    }

    std::array<node, 3> nodes_;
    std::atomic<std::uint64_t> free_{none};
    std::atomic<std::uint64_t> head_{0};
    std::atomic<std::uint64_t> tail_{0};
};

} // namespace

GANTRY_MODEL(counted_nodes_are_popped_twice) {
    queue q;
    GANTRY_CHECK(q.push(1) && q.push(2));
    int theirs = 0;
    std::thread other([&] { theirs = q.pop(); });
    const int mine = q.pop();
    other.join();
    GANTRY_CHECK_EQ(mine + theirs, 3);
}

GANTRY_MODEL(counted_nodes_go_round) {
    queue q;
    GANTRY_CHECK(q.push(1));
    int theirs = 0;
    std::thread other([&] { theirs = q.pop(); });
    int mine = q.pop();
    GANTRY_CHECK(q.push(2));
    mine += q.pop();
    other.join();
    GANTRY_CHECK_LE(mine + theirs, 3);
    // No node is lost, and none is there twice.
    mine += q.pop();
    GANTRY_CHECK_EQ(mine + theirs, 3);
    GANTRY_CHECK(q.push(4) && q.push(5) && !q.push(6));
    GANTRY_CHECK_EQ(q.pop(), 4);
    GANTRY_CHECK_EQ(q.pop(), 5);
}

GANTRY_MODEL(counted_nodes_are_pushed_and_popped) {
    queue q;
    int sum = 0;
    std::thread other([&] { GANTRY_CHECK(q.push(1)); });
    GANTRY_CHECK(q.push(2));
    sum += q.pop();
    other.join();
    sum += q.pop();
    GANTRY_CHECK_EQ(sum, 3);
}

GANTRY_MODEL(a_node_comes_back_under_a_push) {
    queue q;
    GANTRY_CHECK(q.push(1));
    bool pushed = false;
    std::thread other([&] { pushed = q.push(2); });
    GANTRY_CHECK_EQ(q.pop(), 1);
    const bool mine = q.push(4);
    other.join();
    GANTRY_CHECK(mine || pushed);
    GANTRY_CHECK_EQ(q.pop() + q.pop(), (mine ? 4 : 0) + (pushed ? 2 : 0));
}

GANTRY_MODEL(a_pop_helps_a_push) {
    queue q;
    int theirs = 0;
    std::thread one([&] { GANTRY_CHECK(q.push(1)); });
    std::thread two([&] { theirs = q.pop(); });
    GANTRY_CHECK(q.push(4));
    one.join();
    two.join();
    GANTRY_CHECK_EQ(theirs + q.pop() + q.pop(), 5);
}

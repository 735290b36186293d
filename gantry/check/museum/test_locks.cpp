// SPDX-License-Identifier: MIT
// Locks, in use and in need.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;

// Mellor-Crummey's and Scott's lock. That a waiter waits is written before it is announced to the one before it; unless
// both sides of that announcement are ordered, the hand-over may come first and be overwritten.
template<std::memory_order Announce, std::memory_order Look>
class queue_lock {
public:
    struct node {
        std::atomic<node*> next{nullptr};
        std::atomic<bool> waits{false};
    };

    void lock(node& mine) {
        mine.waits.store(true, memory_order_relaxed);
        mine.next.store(nullptr, memory_order_relaxed);
        node* const before = tail_.exchange(&mine, memory_order_acq_rel);
        if (before == nullptr) {
            return;
        }
        before->next.store(&mine, Announce);
        while (mine.waits.load(memory_order_acquire)) {
        }
    }

    void unlock(node& mine) {
        node* next = mine.next.load(Look);
        if (next == nullptr) {
            node* last = &mine;
            if (tail_.compare_exchange_strong(last, nullptr, memory_order_release, memory_order_relaxed)) {
                return;
            }
            while ((next = mine.next.load(Look)) == nullptr) {
            }
        }
        next->waits.store(false, memory_order_release);
    }

private:
    std::atomic<node*> tail_{nullptr};
};

template<std::memory_order Announce, std::memory_order Look>
void two_queue() {
    using lock = queue_lock<Announce, Look>;
    lock l;
    typename lock::node nodes[2];
    int inside = 0;
    const auto enter = [&](int me) {
        l.lock(nodes[me]);
        ++inside;
        l.unlock(nodes[me]);
    };
    std::thread other([&] { enter(1); });
    enter(0);
    other.join();
    GANTRY_CHECK(inside == 2);
}

FAULTY(
    queue_lock_announces_relaxed, deadlock, "queue_lock",
    "MCS: the waiter announces itself by a relaxed store; what says that it waits may be written after the hand-over",
    "[DPDK 021b698](https://git.dpdk.org/dpdk/commit/?id=021b698eb56e48009d74d818bea5a9bdad4f54fa)") {
    two_queue<memory_order_relaxed, memory_order_acquire>();
}

FAULTY(queue_lock_looks_relaxed, deadlock, "queue_lock",
       "MCS: unlock() reads its successor relaxed; its hand-over may lie before what says that the successor waits",
       "[DPDK, October 2025](https://mails.dpdk.org/archives/dev/2025-October/326743.html)") {
    two_queue<memory_order_release, memory_order_relaxed>();
}

SOUND(queue_lock) {
    two_queue<memory_order_release, memory_order_acquire>();
}

} // namespace

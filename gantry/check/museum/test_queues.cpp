// SPDX-License-Identifier: MIT
// Queues between threads.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;

// Pushers take turns by ticket. The one that comes first to a page makes it, and the others find it by a plain pointer:
// whose turn it is must say also that the page is there.
template<std::memory_order Turn>
void pages_by_ticket() {
    struct page {
        int items[2] = {};
    };
    page* tail_page = nullptr;
    std::atomic<unsigned> tail_turn{0};
    std::atomic<unsigned> next_ticket{0};
    const auto push = [&](int value) {
        const unsigned ticket = next_ticket.fetch_add(1, memory_order_relaxed);
        while (tail_turn.load(Turn) != ticket) {
        }
        if (ticket == 0) {
            tail_page = new page;
        }
        tail_page->items[ticket] = value;
        tail_turn.store(ticket + 1, memory_order_release);
    };
    std::thread other([&] { push(1); });
    push(2);
    other.join();
    GANTRY_CHECK(tail_page->items[0] + tail_page->items[1] == 3);
    delete tail_page;
}

FAULTY(queue_turn_taken_relaxed, race, "queue_turn_acquired",
       "a pusher waits for its turn with relaxed loads, and then uses the page that the one before it made",
       "[oneTBB #782](https://github.com/uxlfoundation/oneTBB/pull/782), first part") {
    pages_by_ticket<memory_order_relaxed>();
}

SOUND(queue_turn_acquired) {
    pages_by_ticket<memory_order_acquire>();
}

// Whether there is something is the difference of two counters. Who sees that the first was taken must see, too, that a
// second had been put in before.
template<std::memory_order Look>
void pushes_then_pops() {
    std::atomic<int> head{0};
    std::atomic<int> tail{0};
    const auto push_and_try_pop = [&] {
        tail.fetch_add(1, memory_order_release);
        for (int h = head.load(Look);;) {
            if (h >= tail.load(memory_order_acquire)) {
                return false;
            }
            if (head.compare_exchange_strong(h, h + 1, memory_order_acq_rel, Look)) {
                return true;
            }
        }
    };
    bool theirs = false;
    std::thread other([&] { theirs = push_and_try_pop(); });
    const bool mine = push_and_try_pop();
    other.join();
    GANTRY_CHECK(mine && theirs);
}

FAULTY(queue_empty_after_own_push, assertion, "queue_not_empty_after_own_push",
       "try_pop() looks at the head relaxed and may compare a new head with an old tail: a queue into which its caller "
       "has just pushed looks empty",
       "[oneTBB #782](https://github.com/uxlfoundation/oneTBB/pull/782), second part") {
    pushes_then_pops<memory_order_relaxed>();
}

SOUND(queue_not_empty_after_own_push) {
    pushes_then_pops<memory_order_acquire>();
}

// A block of two items is free again when both were read; who reads the last gives it back.
template<std::memory_order Count>
void block_is_used_again() {
    int items[2] = {1, 2};
    std::atomic<int> taken{0};
    std::atomic<bool> free{false};
    const auto take = [&](int i) {
        GANTRY_CHECK(items[i] != 0);
        if (taken.fetch_add(1, Count) == 1) {
            free.store(true, memory_order_release);
        }
    };
    std::thread one([&] { take(0); });
    std::thread two([&] { take(1); });
    if (free.load(memory_order_acquire)) {
        items[0] = 3;
        items[1] = 4;
    }
    one.join();
    two.join();
}

FAULTY(block_freed_by_release, race, "block_freed_by_acq_rel",
       "consumers count what they took of a block with release alone: the last one, who gives the block back, has not "
       "acquired that the others were done",
       "[concurrentqueue #404](https://github.com/cameron314/concurrentqueue/issues/404)") {
    block_is_used_again<memory_order_release>();
}

SOUND(block_freed_by_acq_rel) {
    block_is_used_again<memory_order_acq_rel>();
}

// A ring for one producer and one consumer: a slot is written again when its reader has gone on.
template<std::memory_order Go>
void ring_of_one() {
    int slot = 0;
    std::atomic<int> written{0};
    std::atomic<int> read{0};
    std::thread consumer([&] {
        for (int i = 0; i < 2; ++i) {
            if (written.load(memory_order_acquire) == i) {
                return;
            }
            GANTRY_CHECK(slot == i + 1);
            read.store(i + 1, Go);
        }
    });
    for (int i = 0; i < 2; ++i) {
        if (read.load(memory_order_acquire) != i) {
            break;
        }
        slot = i + 1;
        written.store(i + 1, memory_order_release);
    }
    consumer.join();
}

FAULTY(ring_reader_goes_on_relaxed, race, "ring_reader_releases",
       "pop() says that it has read the slot with a relaxed store; push() may overwrite what is being read",
       "[iceoryx #1396](https://github.com/eclipse-iceoryx/iceoryx/issues/1396)") {
    ring_of_one<memory_order_relaxed>();
}

SOUND(ring_reader_releases) {
    ring_of_one<memory_order_release>();
}

// A list into which many push by an exchange of its head, and then link what was there to the new one. A node's link is
// cleared before it is shown.
template<std::memory_order Show>
void links_after_the_exchange() {
    struct node {
        std::atomic<node*> next{nullptr};
    };
    node nodes[3];
    std::atomic<node*> head{&nodes[0]};
    const auto push = [&](node& n) {
        n.next.store(nullptr, memory_order_relaxed);
        node* const before = head.exchange(&n, Show);
        before->next.store(&n, memory_order_release);
    };
    std::thread other([&] { push(nodes[1]); });
    push(nodes[2]);
    other.join();
    int linked = 0;
    for (const node* n = nodes[0].next.load(memory_order_relaxed); n != nullptr; ++linked) {
        n = n->next.load(memory_order_relaxed);
    }
    GANTRY_CHECK(linked == 2);
}

FAULTY(
    list_head_exchanged_relaxed, assertion, "list_head_exchanged",
    "the head is exchanged relaxed: the next pusher's link may lie before the clearing of that link, which then wins",
    "[ponyc #2174](https://github.com/ponylang/ponyc/pull/2174)") {
    links_after_the_exchange<memory_order_relaxed>();
}

SOUND(list_head_exchanged) {
    links_after_the_exchange<memory_order_acq_rel>();
}

// A segment of a queue is frozen for pushers by moving its tail far away and setting a flag that says so. Who finds the
// flag takes the distance off again.
template<bool FlagFirst>
void pops_while_frozen() {
    constexpr int far = 100;
    std::atomic<int> tail{1}; // one item is in it
    std::atomic<bool> frozen{false};
    std::thread freezes([&] {
        if (FlagFirst) {
            frozen.store(true, memory_order_release);
        }
        tail.fetch_add(far, memory_order_acq_rel);
        if (!FlagFirst) {
            frozen.store(true, memory_order_release);
        }
    });
    const bool is_frozen = frozen.load(memory_order_acquire);
    const int last = tail.load(memory_order_acquire);
    const bool empty = last <= 0 || (is_frozen && last - far <= 0);
    GANTRY_CHECK(!empty);
    freezes.join();
}

FAULTY(segment_flag_before_tail, assertion, "segment_tail_before_flag",
       "the flag that a segment is frozen is set before its tail is moved: between the two a full segment looks empty",
       "[.NET runtime #132736](https://github.com/dotnet/runtime/issues/132736)") {
    pops_while_frozen<true>();
}

SOUND(segment_tail_before_flag) {
    pops_while_frozen<false>();
}

} // namespace

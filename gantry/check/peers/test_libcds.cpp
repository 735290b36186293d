// SPDX-License-Identifier: MIT
// libcds 2.3.3, what is in its headers. Its hazard pointers and epochs are in a shared library, which announces
// nothing: the structures that retire run on a scheme that keeps everything to the end.
#include <gantry/check/peers/test_peers.hpp>

#include <cds/container/moir_queue.h>
#include <cds/container/msqueue.h>
#include <cds/container/optimistic_queue.h>
#include <cds/container/rwqueue.h>
#include <cds/container/treiber_stack.h>
#include <cds/container/vyukov_mpmc_cycle_queue.h>
#include <cds/container/weak_ringbuffer.h>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <thread>

namespace {

// A scheme in libcds's sense that never frees: what is protected is what an acquire load sees.
struct keeps_all {
    template<class T>
    using atomic_ref = std::atomic<T*>;
    template<class T>
    using atomic_type = std::atomic<T>;

    class Guard {
    public:
        template<class T>
        T protect(const std::atomic<T>& from) {
            return from.load(std::memory_order_acquire);
        }

        template<class T, class Convert>
        T protect(const std::atomic<T>& from, Convert) {
            return from.load(std::memory_order_acquire);
        }

        template<class T>
        T* assign(T* p) {
            return p;
        }

        void clear() {}
    };

    template<std::size_t Count>
    class GuardArray {
    public:
        template<class T>
        T protect(std::size_t, const std::atomic<T>& from) {
            return from.load(std::memory_order_acquire);
        }

        template<class T, class Convert>
        T protect(std::size_t, const std::atomic<T>& from, Convert) {
            return from.load(std::memory_order_acquire);
        }

        template<class T>
        T* assign(std::size_t, T* p) {
            return p;
        }

        void clear(std::size_t) {}
    };

    template<class Disposer, class T>
    static void retire(T*) {}

    static void scan() {}

    static void force_dispose() {}
};

template<class Queue>
void two_consumers() {
    Queue q;
    int got[2] = {};
    std::thread one([&] { q.dequeue(got[0]); });
    std::thread two([&] { q.dequeue(got[1]); });
    q.enqueue(1);
    one.join();
    two.join();
    GANTRY_CHECK(got[0] + got[1] <= 1);
}

PEER(cds_ms_queue, "libcds", race, .leaks = false,
     .why = "the dequeue moves the head with an acquire compare-exchange") {
    two_consumers<cds::container::MSQueue<keeps_all, int>>();
}

PEER(cds_ms_queue_one_consumer, "libcds", none, .leaks = false) {
    cds::container::MSQueue<keeps_all, int> q;
    std::thread producer([&] {
        q.enqueue(1);
        q.enqueue(2);
    });
    int item = 0;
    if (q.dequeue(item)) {
        GANTRY_CHECK(item == 1);
    }
    producer.join();
}

PEER(cds_moir_queue, "libcds", none, .leaks = false) {
    two_consumers<cds::container::MoirQueue<keeps_all, int>>();
}

PEER(cds_optimistic_queue, "libcds", crash, .leaks = false,
     .why = "the dequeue follows a link that it may see too old") {
    two_consumers<cds::container::OptimisticQueue<keeps_all, int>>();
}

PEER(cds_treiber_stack, "libcds", none, .leaks = false) {
    cds::container::TreiberStack<keeps_all, int> s;
    s.push(1);
    std::thread other([&] { s.push(2); });
    int item = 0;
    GANTRY_CHECK(s.pop(item));
    GANTRY_CHECK(item == 1 || item == 2);
    other.join();
}

PEER(cds_treiber_stack_two_pops, "libcds", none, .leaks = false) {
    cds::container::TreiberStack<keeps_all, int> s;
    s.push(1);
    s.push(2);
    int theirs = 0;
    std::thread other([&] { s.pop(theirs); });
    int mine = 0;
    s.pop(mine);
    other.join();
    GANTRY_CHECK(mine + theirs == 3);
}

PEER(cds_vyukov_queue, "libcds", none) {
    cds::container::VyukovMPMCCycleQueue<int> q(2);
    std::thread producer([&] { GANTRY_CHECK(q.enqueue(1)); });
    int item = 0;
    if (q.dequeue(item)) {
        GANTRY_CHECK(item == 1);
    }
    producer.join();
}

PEER(cds_rw_queue, "libcds", none) {
    struct with_mutex : cds::container::rwqueue::traits {
        using lock_type = std::mutex;
    };
    cds::container::RWQueue<int, with_mutex> q;
    std::thread producer([&] { GANTRY_CHECK(q.enqueue(1)); });
    int item = 0;
    if (q.dequeue(item)) {
        GANTRY_CHECK(item == 1);
    }
    producer.join();
}

PEER(cds_weak_ring_buffer, "libcds", none) {
    cds::container::WeakRingBuffer<int> ring(2);
    std::thread producer([&] { GANTRY_CHECK(ring.push(1)); });
    int item = 0;
    if (ring.pop(item)) {
        GANTRY_CHECK(item == 1);
    }
    producer.join();
}

} // namespace

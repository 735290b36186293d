// SPDX-License-Identifier: MIT
// moodycamel::ConcurrentQueue 1.0.3.
#include <gantry/check/peers/test_peers.hpp>

#include <concurrentqueue/blockingconcurrentqueue.h>
#include <concurrentqueue/concurrentqueue.h>

#include <cstddef>
#include <thread>

namespace {

// Small blocks and tables: the defaults zero kilobytes in each execution.
struct small : moodycamel::ConcurrentQueueDefaultTraits {
    static constexpr std::size_t BLOCK_SIZE = 2;
    static constexpr std::size_t EXPLICIT_INITIAL_INDEX_SIZE = 2;
    static constexpr std::size_t IMPLICIT_INITIAL_INDEX_SIZE = 2;
    static constexpr std::size_t INITIAL_IMPLICIT_PRODUCER_HASH_SIZE = 2;
    static constexpr int MAX_SEMA_SPINS = 1;
};

using queue = moodycamel::ConcurrentQueue<int, small>;

PEER(moodycamel_queue, "moodycamel", none) {
    queue q(4);
    std::thread producer([&] { q.enqueue(1); });
    int item = 0;
    if (q.try_dequeue(item)) {
        GANTRY_CHECK(item == 1);
    }
    producer.join();
}

PEER(moodycamel_token, "moodycamel", none) {
    queue q(4);
    std::thread producer([&] {
        const moodycamel::ProducerToken token(q);
        q.enqueue(token, 1);
    });
    int item = 0;
    if (q.try_dequeue(item)) {
        GANTRY_CHECK(item == 1);
    }
    producer.join();
}

PEER(moodycamel_two_consumers, "moodycamel", none) {
    queue q(4);
    q.enqueue(1);
    q.enqueue(2);
    int theirs = 0;
    std::thread other([&] { q.try_dequeue(theirs); });
    int mine = 0;
    q.try_dequeue(mine);
    other.join();
    GANTRY_CHECK(mine != theirs && mine + theirs <= 3);
}

PEER(moodycamel_blocking, "moodycamel", none) {
    moodycamel::BlockingConcurrentQueue<int, small> q(4);
    std::thread producer([&] { q.enqueue(1); });
    int item = 0;
    q.wait_dequeue(item);
    GANTRY_CHECK(item == 1);
    producer.join();
}

PEER(moodycamel_two_producers, "moodycamel", none, .random = 5'000) {
    queue q(4);
    std::thread one([&] { q.enqueue(1); });
    std::thread two([&] { q.enqueue(2); });
    int sum = 0;
    for (int i = 0; i < 2; ++i) {
        if (int item = 0; q.try_dequeue(item)) {
            sum += item;
        }
    }
    one.join();
    two.join();
    for (int item = 0; q.try_dequeue(item);) {
        sum += item;
    }
    GANTRY_CHECK(sum == 3);
}

} // namespace

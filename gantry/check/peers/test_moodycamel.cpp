// SPDX-License-Identifier: MIT
// moodycamel::ConcurrentQueue 1.0.3.
#include <gantry/check/peers/test_peers.hpp>

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

} // namespace

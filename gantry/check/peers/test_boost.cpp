// SPDX-License-Identifier: MIT
// Boost 1.74: Lockfree and the smart pointers.
#include <gantry/check/peers/test_peers.hpp>

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <boost/lockfree/stack.hpp>
#include <boost/smart_ptr/atomic_shared_ptr.hpp>
#include <boost/smart_ptr/make_shared.hpp>
#include <boost/smart_ptr/shared_ptr.hpp>
#include <boost/smart_ptr/weak_ptr.hpp>

#include <thread>

namespace {

PEER(boost_spsc_queue, "Boost.Lockfree", none) {
    boost::lockfree::spsc_queue<int, boost::lockfree::capacity<1>> q;
    std::thread producer([&] {
        for (int i = 1; i <= 2; ++i) {
            while (!q.push(i)) {
            }
        }
    });
    for (int i = 1; i <= 2; ++i) {
        int item = 0;
        while (!q.pop(item)) {
        }
        GANTRY_CHECK(item == i);
    }
    producer.join();
}

PEER(boost_stack, "Boost.Lockfree", none) {
    boost::lockfree::stack<int> s(4);
    s.push(1);
    std::thread other([&] { s.push(2); });
    int item = 0;
    GANTRY_CHECK(s.pop(item));
    GANTRY_CHECK(item == 1 || item == 2);
    other.join();
}

PEER(boost_stack_two_pops, "Boost.Lockfree", race, .why = "pop() reads a node that the free list may own already") {
    boost::lockfree::stack<int> s(4);
    s.push(1);
    s.push(2);
    int theirs = 0;
    std::thread other([&] { s.pop(theirs); });
    int mine = 0;
    s.pop(mine);
    other.join();
    GANTRY_CHECK(mine + theirs == 3);
}

PEER(boost_queue, "Boost.Lockfree", none) {
    boost::lockfree::queue<int> q(4);
    std::thread other([&] { q.push(1); });
    int item = 0;
    if (q.pop(item)) {
        GANTRY_CHECK(item == 1);
    }
    other.join();
}

PEER(boost_queue_two_pops, "Boost.Lockfree", race, .why = "pop() reads a node that the free list may own already") {
    boost::lockfree::queue<int> q(4);
    q.push(1);
    q.push(2);
    int theirs = 0;
    std::thread other([&] { q.pop(theirs); });
    int mine = 0;
    q.pop(mine);
    other.join();
    GANTRY_CHECK(mine + theirs == 3);
}

PEER(boost_fixed_queue, "Boost.Lockfree", none) {
    boost::lockfree::queue<int, boost::lockfree::capacity<2>> q;
    std::thread other([&] { q.push(1); });
    int item = 0;
    if (q.pop(item)) {
        GANTRY_CHECK(item == 1);
    }
    other.join();
}

PEER(boost_shared_ptr, "Boost.SmartPtr", none) {
    auto one = boost::make_shared<int>(1);
    std::thread other([two = one]() mutable {
        *two = 2;
        two.reset();
    });
    one.reset();
    other.join();
}

PEER(boost_weak_ptr_lock, "Boost.SmartPtr", none) {
    auto strong = boost::make_shared<int>(1);
    std::thread other([weak = boost::weak_ptr<int>(strong)] {
        if (const boost::shared_ptr<int> seen = weak.lock()) {
            GANTRY_CHECK(*seen == 1);
        }
    });
    strong.reset();
    other.join();
}

PEER(boost_atomic_shared_ptr, "Boost.SmartPtr", none, .random = 2'000) {
    boost::atomic_shared_ptr<int> shared(boost::make_shared<int>(1));
    std::thread other([&] { shared.store(boost::make_shared<int>(2)); });
    const boost::shared_ptr<int> seen = shared.load();
    GANTRY_CHECK(*seen == 1 || *seen == 2);
    other.join();
}

} // namespace

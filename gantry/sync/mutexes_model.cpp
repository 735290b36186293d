// SPDX-License-Identifier: MIT
// Every lock excludes, hands over what was written under it, and loses no wake-up. Two threads with two entries each,
// or three with one; in the model build each lock looks once before it sleeps, and a ticket mutex calls turns on two
// words.
#include <gantry/check/model.hpp>
#include <gantry/sync/mcs_mutex.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/semaphore.hpp>
#include <gantry/sync/spin_mutex.hpp>
#include <gantry/sync/ticket_mutex.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>

namespace {

using namespace gantry::sync;
using namespace std::chrono_literals;

// Threads count under the lock: all are counted.
template<class Mutex>
void excludes(int mine, int theirs) {
    Mutex m;
    int count = 0;
    const auto enter = [&](int entries) {
        for (int i = 0; i != entries; ++i) {
            const std::lock_guard guard(m);
            ++count;
        }
    };
    std::thread other(enter, theirs);
    enter(mine);
    other.join();
    GANTRY_CHECK(count == mine + theirs);
}

// Two queue up behind a holder: both get their turn.
template<class Mutex>
void two_wait() {
    Mutex m;
    int count = 0;
    const auto enter = [&] {
        m.lock();
        ++count;
        m.unlock();
    };
    m.lock();
    std::thread one(enter);
    std::thread two(enter);
    ++count;
    m.unlock();
    one.join();
    two.join();
    GANTRY_CHECK(count == 3);
}

// An attempt either fails or excludes like a lock.
template<class Mutex>
void try_lock_excludes() {
    Mutex m;
    int count = 0;
    std::thread other([&] {
        if (m.try_lock()) {
            ++count;
            m.unlock();
        }
    });
    m.lock();
    ++count;
    m.unlock();
    other.join();
    GANTRY_CHECK(count >= 1);
    GANTRY_CHECK(m.try_lock());
    m.unlock();
}

// A timed lock gets the lock or gives up; either way the lock is as before.
template<class Mutex>
void timed_lock() {
    Mutex m;
    int count = 0;
    int entered = 1;
    std::thread other([&] {
        if (m.try_lock_for(1ms)) {
            ++count;
            ++entered;
            m.unlock();
        }
    });
    m.lock();
    ++count;
    m.unlock();
    other.join();
    GANTRY_CHECK(count == entered);
    GANTRY_CHECK(m.try_lock());
    m.unlock();
}

// The last holder may destroy the lock while the one before is still on its way out of unlock().
template<class Mutex>
void destroyed_by_the_next_holder() {
    struct object {
        Mutex m;
        int holders = 2;
    };
    auto* const shared = new object;
    const auto leave = [shared] {
        shared->m.lock();
        const bool last = --shared->holders == 0;
        shared->m.unlock();
        if (last)
            delete shared;
    };
    std::thread other(leave);
    leave();
    other.join();
}

} // namespace

GANTRY_MODEL(mutex_two_by_two) {
    excludes<mutex>(2, 2);
}
GANTRY_MODEL(mutex_three) {
    two_wait<mutex>();
}
GANTRY_MODEL(mutex_timed) {
    timed_lock<mutex>();
}
GANTRY_MODEL(mutex_destroyed) {
    destroyed_by_the_next_holder<mutex>();
}

GANTRY_MODEL(spin_mutex_two_by_two) {
    excludes<spin_mutex>(2, 2);
}
GANTRY_MODEL(spin_mutex_three) {
    two_wait<spin_mutex>();
}
GANTRY_MODEL(spin_mutex_try) {
    try_lock_excludes<spin_mutex>();
}
GANTRY_MODEL(spin_mutex_timed) {
    timed_lock<spin_mutex>();
}
GANTRY_MODEL(spin_mutex_destroyed) {
    destroyed_by_the_next_holder<spin_mutex>();
}

GANTRY_MODEL(ticket_mutex_two_by_two) {
    excludes<ticket_mutex>(2, 2);
}
GANTRY_MODEL(ticket_mutex_three) {
    two_wait<ticket_mutex>();
}
GANTRY_MODEL(ticket_mutex_try) {
    try_lock_excludes<ticket_mutex>();
}
GANTRY_MODEL(ticket_mutex_destroyed) {
    destroyed_by_the_next_holder<ticket_mutex>();
}

GANTRY_MODEL(mcs_mutex_two_and_one) {
    excludes<mcs_mutex>(2, 1);
}
GANTRY_MODEL(mcs_mutex_three) {
    two_wait<mcs_mutex>();
}
GANTRY_MODEL(mcs_mutex_try) {
    try_lock_excludes<mcs_mutex>();
}
GANTRY_MODEL(mcs_mutex_destroyed) {
    destroyed_by_the_next_holder<mcs_mutex>();
}

GANTRY_MODEL(binary_semaphore_two_and_one) {
    excludes<binary_semaphore>(2, 1);
}
GANTRY_MODEL(binary_semaphore_try) {
    try_lock_excludes<binary_semaphore>();
}
GANTRY_MODEL(binary_semaphore_timed) {
    timed_lock<binary_semaphore>();
}
GANTRY_MODEL(binary_semaphore_destroyed) {
    destroyed_by_the_next_holder<binary_semaphore>();
}

// Of two permits released at once one reaches the waiter, if it has come; the rest stays.
GANTRY_MODEL(semaphore_two_permits) {
    semaphore s({.permits = 0, .max = 2});
    int data = 0;
    std::thread waiter([&] {
        s.acquire();
        GANTRY_CHECK(data == 1);
        s.acquire();
    });
    data = 1;
    GANTRY_CHECK(s.release(2) == release_result::released);
    waiter.join();
    GANTRY_CHECK(s.available() == 0);
}

// What is left when the waiter was served carries the releaser's data, too.
GANTRY_MODEL(semaphore_permit_left_over) {
    semaphore s({.permits = 0, .max = 2});
    int data = 0;
    std::thread waiter([&] { s.acquire(); });
    std::thread passer_by([&] {
        if (s.try_acquire()) {
            GANTRY_CHECK(data == 1);
            s.release();
        }
    });
    data = 1;
    GANTRY_CHECK(s.release(2) == release_result::released);
    waiter.join();
    passer_by.join();
    GANTRY_CHECK(s.available() == 1);
}

// A waiter that gives up takes no permit with it, one that does not has one.
GANTRY_MODEL(semaphore_giving_up) {
    semaphore s({.permits = 0, .max = 1});
    int data = 0;
    bool got = false;
    std::thread hasty([&] {
        got = s.try_acquire_for(1ms);
        GANTRY_CHECK(!got || data == 1);
    });
    data = 1;
    GANTRY_CHECK(s.release() == release_result::released);
    hasty.join();
    GANTRY_CHECK(s.available() == (got ? 0U : 1U));
}

// The bound holds while others take permits.
GANTRY_MODEL(semaphore_bound) {
    semaphore s({.permits = 1, .max = 1});
    std::thread other([&] { s.acquire(); });
    const release_result first = s.release();
    other.join();
    GANTRY_CHECK(s.available() == (first == release_result::released ? 1U : 0U));
}

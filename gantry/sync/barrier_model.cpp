// SPDX-License-Identifier: MIT
// barrier and latch: nobody goes on too early, what was done before is seen, no wake-up is missing, one is the leader,
// and the object may go right after the last wait. Two or three threads, up to two phases.
#include <gantry/check/model.hpp>
#include <gantry/sync/barrier.hpp>
#include <gantry/sync/latch.hpp>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

using gantry::sync::barrier;
using gantry::sync::barrier_role;
using gantry::sync::latch;
using namespace std::chrono_literals;

// After the phase each sees the other's work, and one of the two led.
GANTRY_MODEL(barrier_phase) {
    barrier all(2);
    int a = 0;
    int b = 0;
    int leaders = 0;
    std::thread other([&] {
        b = 1;
        if (all.arrive_and_wait() == barrier_role::leader)
            ++leaders;
        GANTRY_CHECK(a == 1);
    });
    a = 1;
    const bool led = all.arrive_and_wait() == barrier_role::leader;
    GANTRY_CHECK(b == 1);
    other.join();
    GANTRY_CHECK(leaders + (led ? 1 : 0) == 1);
}

// Two phases: the count starts again, and nobody runs a phase ahead.
GANTRY_MODEL(barrier_two_phases) {
    barrier all(2);
    int data = 0;
    std::thread other([&] {
        data = 1;
        all.arrive_and_wait();
        all.arrive_and_wait();
        GANTRY_CHECK(data == 2);
    });
    all.arrive_and_wait();
    GANTRY_CHECK(data == 1);
    data = 2;
    all.arrive_and_wait();
    other.join();
}

// The completion runs once, after all arrivals and before anybody goes on.
GANTRY_MODEL(barrier_completion) {
    int a = 0;
    int b = 0;
    int sum = 0;
    const auto add = [&]() noexcept {
        sum += a + b;
    };
    barrier<decltype(add)> all(2, add);
    std::thread other([&] {
        b = 2;
        all.arrive_and_wait();
        GANTRY_CHECK(sum == 3);
    });
    a = 1;
    all.arrive_and_wait();
    GANTRY_CHECK(sum == 3);
    other.join();
}

// Three threads, one of which only arrives.
GANTRY_MODEL(barrier_arrives_without_waiting) {
    barrier all(3);
    int a = 0;
    int b = 0;
    std::thread other([&] {
        a = 1;
        static_cast<void>(all.arrive());
    });
    std::thread third([&] {
        b = 1;
        all.arrive_and_wait();
        GANTRY_CHECK(a == 1);
    });
    all.arrive_and_wait();
    GANTRY_CHECK(a == 1 && b == 1);
    other.join();
    third.join();
}

// One leaves for good: the next phase does without it.
GANTRY_MODEL(barrier_drop) {
    barrier all(2);
    int data = 0;
    std::thread other([&] {
        data = 1;
        all.arrive_and_drop();
    });
    all.arrive_and_wait();
    GANTRY_CHECK(data == 1);
    all.arrive_and_wait();
    other.join();
}

// A wait in time has seen the phase end, one that was too late can be repeated.
GANTRY_MODEL(barrier_timed_wait) {
    barrier all(2);
    int data = 0;
    std::thread other([&] {
        data = 1;
        static_cast<void>(all.arrive());
    });
    auto token = all.arrive();
    if (!all.wait_for(token, 1ms))
        all.wait(std::move(token));
    GANTRY_CHECK(data == 1);
    other.join();
}

// Who waited destroys the barrier, while the last to arrive is on its way out.
GANTRY_MODEL(barrier_destroyed_by_waiter) {
    auto all = std::make_unique<barrier<>>(2);
    barrier<>* const mine = all.get();
    std::thread other([&all] {
        all->arrive_and_wait();
        all.reset();
    });
    static_cast<void>(mine->arrive());
    other.join();
}

GANTRY_MODEL(latch_opens) {
    latch done(2);
    int a = 0;
    int b = 0;
    std::thread other([&] {
        a = 1;
        done.count_down();
    });
    std::thread third([&] {
        b = 1;
        done.count_down();
    });
    done.wait();
    GANTRY_CHECK(a == 1 && b == 1);
    other.join();
    third.join();
}

GANTRY_MODEL(latch_try_and_timed) {
    latch done(1);
    int data = 0;
    std::thread other([&] {
        data = 1;
        done.count_down();
    });
    if (done.try_wait()) {
        GANTRY_CHECK(data == 1);
    } else if (done.wait_for(1ms)) {
        GANTRY_CHECK(data == 1);
    }
    other.join();
    GANTRY_CHECK(done.try_wait());
}

GANTRY_MODEL(latch_two_waiters) {
    latch done(1);
    int data = 0;
    std::thread other([&] {
        done.wait();
        GANTRY_CHECK(data == 1);
    });
    std::thread third([&] {
        data = 1;
        done.count_down();
    });
    done.wait();
    GANTRY_CHECK(data == 1);
    other.join();
    third.join();
}

GANTRY_MODEL(latch_destroyed_by_waiter) {
    auto done = std::make_unique<latch>(1);
    latch* const mine = done.get();
    std::thread other([&done] {
        done->wait();
        done.reset();
    });
    mine->count_down();
    other.join();
}

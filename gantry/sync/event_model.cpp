// SPDX-License-Identifier: MIT
// event, auto_reset_event and eventcount: no wake-up is missing, what happened before is seen, and an event may go
// right after the wait that it ended. Two or three threads.
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/check/model.hpp>
#include <gantry/sync/event.hpp>
#include <gantry/sync/eventcount.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

using gantry::sync::auto_reset_event;
using gantry::sync::event;
using gantry::sync::eventcount;
using namespace std::chrono_literals;

namespace {

// Which fences are in force is decided before the threads start: that has models of its own.
void decide() {
    static_cast<void>(gantry::asymmetric_fence_mode_in_force());
}

} // namespace

GANTRY_MODEL(event_wakes) {
    event ready;
    int data = 0;
    std::thread other([&] {
        ready.wait();
        GANTRY_CHECK(data == 1);
    });
    data = 1;
    ready.set();
    GANTRY_CHECK(ready.is_set());
    other.join();
}

GANTRY_MODEL(event_wakes_all) {
    event ready;
    int data = 0;
    const auto wait = [&] {
        ready.wait();
        GANTRY_CHECK(data == 1);
    };
    std::thread other(wait);
    std::thread third(wait);
    data = 1;
    ready.set();
    other.join();
    third.join();
}

GANTRY_MODEL(event_is_set) {
    event ready;
    int data = 0;
    std::thread other([&] {
        data = 1;
        ready.set();
    });
    if (ready.is_set()) {
        GANTRY_CHECK(data == 1);
    } else if (ready.wait_for(1ms)) {
        GANTRY_CHECK(data == 1);
    }
    other.join();
}

// Two set it: who waits for the second one, too, sees what it did.
GANTRY_MODEL(event_set_twice) {
    event ready;
    event again;
    int data = 0;
    std::thread other([&] {
        ready.set();
        data = 1;
        ready.set();
        again.set();
    });
    again.wait();
    ready.wait();
    GANTRY_CHECK(data == 1);
    other.join();
}

// A reset right after the set does not keep those who waited.
GANTRY_MODEL(event_set_and_reset) {
    event begun;
    event ready;
    int data = 0;
    std::thread other([&] {
        // The wait begins before the set: it has looked when the other thread goes on.
        if (!ready.wait_for(0ms)) {
            begun.set();
            ready.wait();
        }
        GANTRY_CHECK(data == 1);
    });
    if (begun.wait_for(1ms)) {
        data = 1;
        ready.set();
    } else {
        data = 1;
        ready.set();
    }
    other.join();
}

GANTRY_MODEL(event_destroyed_by_waiter) {
    auto ready = std::make_unique<event>();
    event* const mine = ready.get();
    std::thread other([&ready] {
        ready->wait();
        ready.reset();
    });
    mine->set();
    other.join();
}

GANTRY_MODEL(auto_reset_event_hands_over) {
    auto_reset_event turn;
    int data = 0;
    std::thread other([&] {
        turn.wait();
        GANTRY_CHECK(data == 1);
    });
    data = 1;
    turn.set();
    other.join();
    GANTRY_CHECK(!turn.try_wait());
}

// Two waits need two signals, the second of which comes after the first has passed.
GANTRY_MODEL(auto_reset_event_lets_one_through) {
    auto_reset_event turn;
    int data = 0;
    std::thread other([&] {
        turn.wait();
        ++data;
        turn.set();
    });
    std::thread third([&] {
        turn.wait();
        ++data;
        turn.set();
    });
    turn.set();
    other.join();
    third.join();
    GANTRY_CHECK(data == 2 && turn.try_wait());
}

// A wait that gives up leaves the signal to the one that stays.
GANTRY_MODEL(auto_reset_event_gives_up) {
    auto_reset_event turn;
    int data = 0;
    std::thread other([&] {
        if (turn.wait_for(1ms)) {
            GANTRY_CHECK(data == 1);
            turn.set();
        }
    });
    std::thread third([&] {
        data = 1;
        turn.set();
    });
    turn.wait();
    GANTRY_CHECK(data == 1);
    turn.set();
    other.join();
    third.join();
}

GANTRY_MODEL(auto_reset_event_destroyed_by_waiter) {
    auto turn = std::make_unique<auto_reset_event>();
    auto_reset_event* const mine = turn.get();
    std::thread other([&turn] {
        turn->wait();
        turn.reset();
    });
    mine->set();
    other.join();
}

// The change is seen after prepare_wait(), or the notification ends the wait.
GANTRY_MODEL(eventcount_wakes) {
    decide();
    eventcount changed;
    std::atomic<int> item{0};
    std::thread other([&] {
        item.store(1, std::memory_order_relaxed);
        changed.notify_one();
    });
    changed.await([&] { return item.load(std::memory_order_relaxed) == 1; });
    other.join();
}

// What happened before a notification is seen after the wait that it ended, by way of the eventcount alone.
GANTRY_MODEL(eventcount_carries_the_change) {
    decide();
    eventcount changed;
    int data = 0;
    std::thread other([&] {
        data = 1;
        changed.notify_all();
    });
    const auto key = changed.prepare_wait();
    if (changed.commit_wait_for(key, 1ms)) {
        GANTRY_CHECK(data == 1);
    }
    other.join();
}

// The same by notify_one.
GANTRY_MODEL(eventcount_carries_the_change_to_one) {
    decide();
    eventcount changed;
    int data = 0;
    std::thread other([&] {
        data = 1;
        changed.notify_one();
    });
    const auto key = changed.prepare_wait();
    if (changed.commit_wait_for(key, 1ms)) {
        GANTRY_CHECK(data == 1);
    }
    other.join();
}

// A waiter that prepares after the notification sees the change, since the key is newer.
GANTRY_MODEL(eventcount_two_waiters) {
    decide();
    eventcount changed;
    std::atomic<int> items{0};
    const auto take = [&] {
        changed.await([&] {
            int seen = items.load(std::memory_order_relaxed);
            while (seen != 0 && !items.compare_exchange_strong(seen, seen - 1, std::memory_order_relaxed,
                                                               std::memory_order_relaxed)) {
            }
            return seen != 0;
        });
    };
    std::thread other(take);
    items.fetch_add(1, std::memory_order_relaxed);
    changed.notify_one();
    items.fetch_add(1, std::memory_order_relaxed);
    changed.notify_one();
    take();
    other.join();
}

GANTRY_MODEL(eventcount_cancel_and_time) {
    decide();
    eventcount changed;
    std::atomic<int> item{0};
    std::thread other([&] {
        item.store(1, std::memory_order_relaxed);
        changed.notify_all();
    });
    if (!changed.await_for(1ms, [&] { return item.load(std::memory_order_relaxed) == 1; })) {
        changed.await([&] { return item.load(std::memory_order_relaxed) == 1; });
    }
    other.join();
}

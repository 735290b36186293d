// SPDX-License-Identifier: MIT
// Waiting for a time: it may pass before what is waited for comes, which is one more thing that can happen, and no
// order.
#include <gantry/check/corpus/test_corpus.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <thread>

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

int shared_value = 0;

FAULTY(sleeping_is_no_order, race) {
    std::thread other([] { shared_value = 1; });
    std::this_thread::sleep_for(1h);
    shared_value = 2;
    other.join();
}

SOUND(sleeping_takes_its_time) {
    const auto start = clock::now();
    std::this_thread::sleep_for(10ms);
    GANTRY_CHECK(clock::now() - start >= 10ms);
    std::this_thread::sleep_until(start + 1h);
    GANTRY_CHECK(clock::now() - start >= 1h);
}

// Looks again and again until the time is up.
template<bool Looks>
void polls_until_deadline() {
    std::atomic<bool> ready{false};
    std::thread other([&] {
        shared_value = 1;
        ready.store(true, std::memory_order_release);
    });
    const auto deadline = clock::now() + 10us;
    bool seen = false;
    while (!seen && clock::now() < deadline) {
        seen = ready.load(std::memory_order_acquire);
        std::this_thread::yield();
    }
    if (!Looks || seen) {
        const int value = shared_value;
        GANTRY_CHECK(Looks ? value == 1 : value >= 0);
    }
    other.join();
}

FAULTY(polls_and_takes_it_as_done, race) {
    polls_until_deadline<false>();
}

SOUND(polls_until_deadline) {
    polls_until_deadline<true>();
}

// A loop that looks at the clock, and yet has no end of its own, waits as any other does.
SOUND(polls_and_counts_time) {
    std::atomic<bool> ready{false};
    std::thread other([&] { ready.store(true, std::memory_order_release); });
    auto longest = clock::duration::zero();
    for (auto start = clock::now(); !ready.load(std::memory_order_acquire); start = clock::now()) {
        longest = std::max(longest, clock::now() - start);
        std::this_thread::sleep_for(1ms);
    }
    GANTRY_CHECK(longest >= clock::duration::zero());
    other.join();
}

// A loop around a timed wait ends, at the latest, when the deadline has passed.
template<bool Asks>
void waits_until_deadline() {
    std::mutex m;
    std::condition_variable ready;
    bool go = false;
    std::thread other([&] {
        const std::lock_guard lock(m);
        go = true;
        ready.notify_one();
    });
    {
        std::unique_lock lock(m);
        const auto deadline = clock::now() + 1s;
        while (!go) {
            if (ready.wait_until(lock, deadline) == std::cv_status::timeout) {
                GANTRY_CHECK(clock::now() >= deadline);
                break;
            }
        }
        GANTRY_CHECK(!Asks || go || clock::now() >= deadline);
        GANTRY_CHECK(Asks || go);
    }
    other.join();
}

FAULTY(waits_until_deadline_only, assertion) {
    waits_until_deadline<false>();
}

SOUND(waits_until_deadline) {
    waits_until_deadline<true>();
}

template<bool Asks>
void tries_for_a_while() {
    std::timed_mutex m;
    std::thread other([&] {
        const std::lock_guard lock(m);
        ++shared_value;
    });
    const bool mine = m.try_lock_for(1s);
    if (!Asks || mine) {
        ++shared_value;
    }
    if (mine) {
        m.unlock();
    }
    other.join();
}

FAULTY(timed_mutex_times_out, race) {
    tries_for_a_while<false>();
}

SOUND(timed_mutex) {
    tries_for_a_while<true>();
}

// Nobody else wants it: there is nothing to wait for.
SOUND(timed_locks_that_are_free) {
    std::timed_mutex m;
    std::shared_timed_mutex shared;
    std::thread other([&] {
        const std::shared_lock lock(shared, 1s);
        GANTRY_CHECK(lock.owns_lock());
    });
    const std::unique_lock lock(m, 1s);
    const std::shared_lock reads(shared, 1s);
    GANTRY_CHECK(lock.owns_lock() && reads.owns_lock());
    other.join();
}

template<bool Asks>
void acquires_for_a_while() {
    std::binary_semaphore full{0};
    std::thread other([&] {
        shared_value = 1;
        full.release();
    });
    const bool in_time = full.try_acquire_for(1s);
    if (!Asks || in_time) {
        const int value = shared_value;
        GANTRY_CHECK(Asks ? value == 1 : value >= 0);
    }
    other.join();
}

FAULTY(semaphore_times_out, race) {
    acquires_for_a_while<false>();
}

SOUND(semaphore_for_a_while) {
    acquires_for_a_while<true>();
}

// Without a clock, but with the same spinning before the wait.
SOUND(semaphore_with_two_consumers) {
    std::counting_semaphore<2> items{0};
    std::atomic<int> taken{0};
    const auto take = [&] {
        items.acquire();
        taken.fetch_add(1, std::memory_order_relaxed);
    };
    std::thread one(take);
    std::thread two(take);
    items.release(2);
    one.join();
    two.join();
    GANTRY_CHECK(taken.load(std::memory_order_relaxed) == 2);
}

SOUND(semaphore_ping_pong) {
    std::binary_semaphore ping{0};
    std::binary_semaphore pong{0};
    std::thread other([&] {
        ping.acquire();
        ++shared_value;
        pong.release();
    });
    ++shared_value;
    ping.release();
    pong.acquire();
    GANTRY_CHECK(shared_value == 2);
    other.join();
}

} // namespace

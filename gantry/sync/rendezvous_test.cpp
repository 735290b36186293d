// SPDX-License-Identifier: MIT
// barrier, latch, event, auto_reset_event and eventcount.
#include <gantry/base/assert.hpp>
#include <gantry/sync/barrier.hpp>
#include <gantry/sync/event.hpp>
#include <gantry/sync/eventcount.hpp>
#include <gantry/sync/latch.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using gantry::sync::auto_reset_event;
using gantry::sync::barrier;
using gantry::sync::barrier_role;
using gantry::sync::event;
using gantry::sync::eventcount;
using gantry::sync::latch;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

static_assert(sizeof(barrier<>) == 12);
static_assert(sizeof(latch) == 4);
static_assert(sizeof(event) == 4);
static_assert(sizeof(auto_reset_event) == 4);
static_assert(sizeof(eventcount) == 8);
static_assert(!std::is_copy_constructible_v<barrier<>::arrival_token>);

constinit latch global_latch(1); // Constant initialisation: usable before main.
constinit event global_event;

// The sample of the header.
TEST(barrier, sample) {
    gantry::sync::barrier all(2);
    std::jthread other([&] { all.arrive_and_wait(); });
    const bool led = all.arrive_and_wait() == gantry::sync::barrier_role::leader; // one of the two
    std::cout << (led ? "led" : "followed") << '\n';
}

// Exactly one of the two leads.
TEST(barrier, one_leads) {
    for (int round = 0; round != 200; ++round) {
        std::atomic<int> leaders{0};
        gantry::sync::barrier all(2);
        std::jthread other([&] {
            if (all.arrive_and_wait() == barrier_role::leader)
                leaders.fetch_add(1, std::memory_order_relaxed);
        });
        if (all.arrive_and_wait() == barrier_role::leader)
            leaders.fetch_add(1, std::memory_order_relaxed);
        other.join();
        EXPECT_EQ(leaders.load(std::memory_order_relaxed), 1);
    }
}

// In every phase all see the work of all, the completion comes in between, and there is one leader.
TEST(barrier, phases) {
    constexpr int phases = 300;
    std::vector<int> work(5, 0);
    int completions = 0;
    std::atomic<int> leaders{0};
    const auto complete = [&completions]() noexcept {
        ++completions;
    };
    barrier<decltype(complete)> all(static_cast<std::ptrdiff_t>(work.size()), complete);
    const auto meet = [&] {
        if (all.arrive_and_wait() == barrier_role::leader)
            leaders.fetch_add(1, std::memory_order_relaxed);
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i != work.size(); ++i) {
        threads.emplace_back([&, i] {
            for (int phase = 1; phase <= phases; ++phase) {
                work[i] = phase;
                meet();
                EXPECT_EQ(completions, 2 * phase - 1);
                for (const int theirs : work)
                    EXPECT_EQ(theirs, phase);
                meet(); // so that nobody writes while others look
            }
        });
    }
    threads.clear();
    EXPECT_EQ(leaders.load(std::memory_order_relaxed), 2 * phases);
    EXPECT_EQ(completions, 2 * phases);
}

// Who drops out is missed by nobody; arrivals for several.
TEST(barrier, drop_and_several_arrivals) {
    barrier all(3);
    std::jthread([&] { all.arrive_and_drop(); }).join();
    static_cast<void>(all.arrive(2));
    auto token = all.arrive(); // of two
    EXPECT_FALSE(all.wait_for(token, 1ms));
    EXPECT_FALSE(all.wait_until(token, std::chrono::system_clock::now() + 1ms));
    std::jthread([&] { EXPECT_EQ(all.wait(all.arrive()), barrier_role::leader); }).join();
    EXPECT_TRUE(all.wait_for(token, -1h));
    EXPECT_EQ(all.wait(std::move(token)), barrier_role::follower);
}

TEST(barrier, destroyed_by_a_waiter) {
    for (int round = 0; round != 1000; ++round) {
        auto* const all = new barrier<>(2);
        std::jthread other([all] { static_cast<void>(all->arrive()); });
        all->arrive_and_wait();
        delete all;
    }
}

// The sample of the header.
TEST(latch, sample) {
    gantry::sync::latch done(1);
    std::jthread worker([&] { done.count_down(); });
    done.wait();
    EXPECT_TRUE(done.try_wait());
}

TEST(latch, counts) {
    latch done(5);
    EXPECT_FALSE(done.try_wait());
    done.count_down(3);
    EXPECT_FALSE(done.wait_for(1ms));
    EXPECT_FALSE(done.wait_until(std::chrono::system_clock::now() + 1ms));
    std::jthread other([&] { done.arrive_and_wait(); });
    done.arrive_and_wait(1);
    EXPECT_TRUE(done.wait_for(-1h));
    EXPECT_TRUE(done.wait_until(steady_clock::time_point::min()));
    latch nothing(0);
    nothing.wait();
    EXPECT_FALSE(global_latch.try_wait());
}

TEST(latch, destroyed_by_a_waiter) {
    for (int round = 0; round != 1000; ++round) {
        auto* const done = new latch(1);
        std::jthread other([done] { done->count_down(); });
        done->wait();
        delete done;
    }
}

// The sample of the header.
TEST(event, sample) {
    gantry::sync::event ready;
    std::jthread waiter([&] { ready.wait(); });
    ready.set();
}

TEST(event, stays_set_until_reset) {
    event e(true);
    e.wait();
    EXPECT_TRUE(e.is_set());
    EXPECT_TRUE(e.wait_for(-1h));
    e.set();
    e.reset();
    EXPECT_FALSE(e.is_set());
    const auto deadline = steady_clock::now() + 3ms;
    EXPECT_FALSE(e.wait_until(deadline));
    EXPECT_GE(steady_clock::now(), deadline);
    EXPECT_FALSE(e.wait_until(std::chrono::system_clock::now() + 1ms));
    EXPECT_FALSE(global_event.is_set());
}

// A reset right after a set keeps nobody who waited.
TEST(event, pulse_reaches_all) {
    for (int round = 0; round != 200; ++round) {
        event pulse;
        std::atomic<int> waiting{0};
        std::vector<std::jthread> waiters;
        for (int i = 0; i != 3; ++i) {
            waiters.emplace_back([&] {
                waiting.fetch_add(1, std::memory_order_relaxed);
                EXPECT_TRUE(pulse.wait_for(1h));
            });
        }
        while (waiting.load(std::memory_order_relaxed) != 3)
            std::this_thread::yield();
        std::this_thread::yield();
        pulse.set();
        pulse.reset();
        pulse.set(); // for those that had not begun
    }
}

TEST(event, destroyed_by_a_waiter) {
    for (int round = 0; round != 1000; ++round) {
        auto* const e = new event;
        std::jthread other([e] { e->set(); });
        e->wait();
        delete e;
    }
}

// One set, one wait; two sets in a row are one.
TEST(auto_reset_event, lets_one_through) {
    auto_reset_event e(true);
    EXPECT_TRUE(e.is_set());
    e.wait();
    EXPECT_FALSE(e.is_set());
    EXPECT_FALSE(e.try_wait());
    EXPECT_FALSE(e.wait_for(1ms));
    EXPECT_FALSE(e.wait_until(std::chrono::system_clock::now() + 1ms));
    e.set();
    e.set();
    EXPECT_TRUE(e.try_wait());
    EXPECT_FALSE(e.try_wait());
    e.set();
    e.reset();
    EXPECT_FALSE(e.wait_until(steady_clock::time_point::min()));
}

// Two threads play ball: every signal arrives.
TEST(auto_reset_event, ping_pong) {
    auto_reset_event ping;
    auto_reset_event pong;
    int ball = 0;
    std::jthread other([&] {
        for (int i = 0; i != 5000; ++i) {
            ping.wait();
            ++ball;
            pong.set();
        }
    });
    for (int i = 0; i != 5000; ++i) {
        ping.set();
        pong.wait();
        EXPECT_EQ(ball, i + 1);
    }
}

// Nobody sleeps on while a change was announced; times are kept; what done() throws passes, and leaves no waiter
// behind.
TEST(eventcount, await) {
    eventcount changed;
    std::atomic<int> items{0};
    const auto take = [&] {
        int seen = items.load(std::memory_order_relaxed);
        while (seen != 0 &&
               !items.compare_exchange_strong(seen, seen - 1, std::memory_order_relaxed, std::memory_order_relaxed)) {
        }
        return seen != 0;
    };
    for (int round = 0; round != 500; ++round) {
        std::vector<std::jthread> consumers;
        for (int i = 0; i != 3; ++i)
            consumers.emplace_back([&] { changed.await(take); });
        for (int i = 0; i != 3; ++i) {
            items.fetch_add(1, std::memory_order_relaxed);
            changed.notify_one();
        }
        consumers.clear();
        EXPECT_EQ(items.load(std::memory_order_relaxed), 0);
    }
    const auto deadline = steady_clock::now() + 3ms;
    EXPECT_FALSE(changed.await_until(deadline, take));
    EXPECT_GE(steady_clock::now(), deadline);
    EXPECT_FALSE(changed.await_for(-1h, take));
    int asked = 0;
    EXPECT_THROW(changed.await([&]() -> bool {
        if (++asked == 2)
            throw std::runtime_error("looked");
        return false;
    }),
                 std::runtime_error);
}

// The sample of the header.
TEST(eventcount, sample) {
    eventcount changed;
    std::atomic<int> items{0};
    const auto try_take = [&] {
        return items.exchange(0, std::memory_order_relaxed) != 0;
    };
    std::jthread other([&] {
        items.store(1, std::memory_order_relaxed);
        changed.notify_one();
    });
    while (!try_take()) {
        const auto key = changed.prepare_wait();
        if (try_take()) {
            changed.cancel_wait();
            break;
        }
        changed.commit_wait(key);
    }
}

// A cancelled wait misses nothing: the next one has a newer key.
TEST(eventcount, cancel) {
    eventcount changed;
    const auto key = changed.prepare_wait();
    changed.notify_all();
    EXPECT_TRUE(changed.commit_wait_for(key, 1h));
    static_cast<void>(changed.prepare_wait());
    changed.cancel_wait();
    const auto next = changed.prepare_wait();
    EXPECT_FALSE(changed.commit_wait_for(next, 1ms));
}

#if GANTRY_DEBUG_CHECKS
// Misuse is reported in debug builds.
TEST(rendezvous_death, misuse) {
    EXPECT_DEATH(static_cast<void>(barrier(1).arrive(2)), "assertion failed");
    EXPECT_DEATH(latch(1).count_down(2), "assertion failed");
    EXPECT_DEATH(latch(-1), "assertion failed");
}
#endif

} // namespace

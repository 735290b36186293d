// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/mutex.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using gantry::sync::condition_variable;
using gantry::sync::mutex;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

static_assert(sizeof(mutex) == 4);
static_assert(!std::is_copy_constructible_v<mutex> && !std::is_move_constructible_v<mutex>);

constinit mutex global; // Constant initialisation: usable before main.

// A locked mutex refuses others at once and after a time-out, an unlocked one does not.
TEST(mutex, try_lock) {
    mutex m;
    ASSERT_TRUE(m.try_lock());
    std::jthread([&] {
        EXPECT_FALSE(m.try_lock());
        EXPECT_FALSE(m.try_lock_for(-1h));
        const auto deadline = steady_clock::now() + 3ms;
        EXPECT_FALSE(m.try_lock_until(deadline));
        EXPECT_GE(steady_clock::now(), deadline);
        EXPECT_FALSE(m.try_lock_until(std::chrono::system_clock::now() + 3ms));
    }).join();
    m.unlock();
    EXPECT_TRUE(m.try_lock_for(std::chrono::hours::max()));
    m.unlock();
    EXPECT_TRUE(m.try_lock_until(steady_clock::time_point::min()));
    m.unlock();
}

// The sample of the header; the standard's lock types work, with two mutexes and with deadlines too.
TEST(mutex, standard_locks) {
    {
        gantry::sync::mutex m;
        std::scoped_lock lock(m);
        std::jthread([&] { EXPECT_FALSE(m.try_lock()); }).join();
    }
    mutex m;
    const std::scoped_lock both(m, global);
    mutex other;
    std::unique_lock lock(other, std::defer_lock);
    EXPECT_TRUE(lock.try_lock_for(1h));
    EXPECT_TRUE(lock.owns_lock());
}

// A timed lock that has to wait gets the lock when it is freed in time.
TEST(mutex, timed_lock_waits_for_unlock) {
    for (int round = 0; round != 100; ++round) {
        mutex m;
        m.lock();
        std::jthread other([&] {
            EXPECT_TRUE(m.try_lock_for(1h));
            m.unlock();
        });
        std::this_thread::yield();
        m.unlock();
    }
}

// A waiter that gave up leaves the mutex usable.
TEST(mutex, time_out_leaves_it_usable) {
    mutex m;
    m.lock();
    std::jthread([&] { EXPECT_FALSE(m.try_lock_for(1ms)); }).join();
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

#if GANTRY_LOCK_CHECKS
// Misuse is reported in debug builds.
TEST(mutex_death, misuse) {
    EXPECT_DEATH(
        {
            mutex m;
            m.unlock();
        },
        "assertion failed");
    EXPECT_DEATH(
        {
            mutex m;
            m.lock();
        },
        "assertion failed");
}
#endif

// The sample of the header: a waiter sees the condition that was made true under the lock.
TEST(condition_variable, sample) {
    mutex m;
    condition_variable ready_changed;
    bool ready = false;
    std::jthread setter([&] {
        {
            const std::scoped_lock lock(m);
            ready = true;
        }
        ready_changed.notify_one();
    });
    std::unique_lock lock(m);
    ready_changed.wait(lock, [&] { return ready; });
    EXPECT_TRUE(ready);
    EXPECT_TRUE(lock.owns_lock());
}

// Time-outs: not before the time, with the lock held again, and with the predicate's last answer.
TEST(condition_variable, time_outs) {
    mutex m;
    condition_variable never;
    std::unique_lock lock(m);
    const auto deadline = steady_clock::now() + 3ms;
    while (never.wait_until(lock, deadline) != std::cv_status::timeout) {
    }
    EXPECT_GE(steady_clock::now(), deadline);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(never.wait_for(lock, 1ms, [] { return false; }));
    EXPECT_TRUE(never.wait_for(lock, std::chrono::hours::max(), [] { return true; }));
    EXPECT_FALSE(never.wait_until(lock, std::chrono::system_clock::now() + 2ms, [] { return false; }));
    EXPECT_EQ(never.wait_until(lock, steady_clock::time_point::min()), std::cv_status::timeout);
    EXPECT_EQ(never.wait_for(lock, -1h), std::cv_status::timeout);
    int asked = 0;
    EXPECT_TRUE(never.wait_for(lock, 1ms, [&] { return ++asked == 2; })); // true at the very last look
}

// A clock that is set back makes a wait return for no reason instead of with a time-out.
struct set_back_clock {
    using duration = std::chrono::milliseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<set_back_clock>;
    [[maybe_unused]] static constexpr bool is_steady = false;
    static inline bool asked = false;
    static time_point now() { return time_point(std::exchange(asked, true) ? -1h : 1h); }
};
TEST(condition_variable, clock_set_back) {
    mutex m;
    condition_variable never;
    std::unique_lock lock(m);
    EXPECT_EQ(never.wait_until(lock, set_back_clock::time_point(1ms)), std::cv_status::no_timeout);
}

// Works with any lock, here the standard's.
TEST(condition_variable, other_locks) {
    std::mutex m;
    condition_variable changed;
    bool ready = false;
    std::jthread setter([&] {
        const std::scoped_lock lock(m);
        ready = true;
        changed.notify_all(); // also under the lock
    });
    std::unique_lock lock(m);
    changed.wait(lock, [&] { return ready; });
}

// notify_all reaches everybody who waits; notify_one somebody, so that as many calls as waiters suffice.
TEST(condition_variable, notifications_reach_waiters) {
    for (int round = 0; round != 100; ++round) {
        mutex m;
        condition_variable changed;
        int tickets = 0;
        std::vector<std::jthread> waiters;
        for (int i = 0; i != 3; ++i) {
            waiters.emplace_back([&] {
                std::unique_lock lock(m);
                changed.wait(lock, [&] { return tickets != 0; });
                --tickets;
            });
        }
        if (round % 2 == 0) {
            {
                const std::scoped_lock lock(m);
                tickets = 3;
            }
            changed.notify_all();
        } else {
            for (int i = 0; i != 3; ++i) {
                {
                    const std::scoped_lock lock(m);
                    ++tickets;
                }
                changed.notify_one();
            }
        }
        waiters.clear();
        EXPECT_EQ(tickets, 0);
    }
}

// May be destroyed as soon as all waiters are notified, though they have not returned yet.
TEST(condition_variable, destroyed_after_notification) {
    for (int round = 0; round != 500; ++round) {
        mutex m;
        std::optional<condition_variable> changed(std::in_place);
        bool waiting = false;
        bool ready = false;
        std::jthread waiter([&] {
            std::unique_lock lock(m);
            waiting = true;
            auto& mine = *changed;
            while (!ready)
                mine.wait(lock);
        });
        for (bool seen = false; !seen; std::this_thread::yield()) {
            const std::scoped_lock lock(m);
            seen = waiting;
            if (seen) {
                ready = true;
                changed->notify_all();
                changed.reset();
            }
        }
    }
}

} // namespace

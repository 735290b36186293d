// SPDX-License-Identifier: MIT
// What every lock must do, whichever it is.
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/guarded.hpp>
#include <gantry/sync/lock_guard.hpp>
#include <gantry/sync/mcs_mutex.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/semaphore.hpp>
#include <gantry/sync/spin_mutex.hpp>
#include <gantry/sync/ticket_mutex.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace gantry::sync;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

static_assert(sizeof(spin_mutex) == 1);
static_assert(sizeof(mcs_mutex) == 3 * sizeof(void*));
static_assert(sizeof(semaphore) <= 40);
static_assert(sizeof(ticket_mutex) == 76);
static_assert(std::is_trivially_destructible_v<detail::lockable<detail::mutex_core, false>>);

// Constant initialisation: usable before main.
[[maybe_unused]] constinit spin_mutex global_spin;
[[maybe_unused]] constinit ticket_mutex global_ticket;
[[maybe_unused]] constinit mcs_mutex global_mcs;
[[maybe_unused]] constinit binary_semaphore global_binary;

// The samples of the headers.
TEST(mutexes, samples) {
    {
        gantry::sync::spin_mutex m;
        std::scoped_lock lock(m);
    }
    {
        gantry::sync::ticket_mutex m;
        std::scoped_lock lock(m);
    }
    {
        gantry::sync::mcs_mutex m;
        std::scoped_lock lock(m);
    }
    {
        gantry::sync::mutex m;
        gantry::sync::condition_variable ready_changed;
        const bool ready = true;
        gantry::sync::unique_lock lock(m);
        ready_changed.wait(lock, [&] { return ready; });
    }
}

class account {
public:
    void deposit(int amount) {
        const gantry::sync::lock_guard lock(mutex_);
        balance_ += amount;
    }

private:
    gantry::sync::mutex mutex_;
    int balance_ GANTRY_GUARDED_BY(mutex_) = 0;
};
TEST(thread_safety, sample) {
    account a;
    a.deposit(1);
}

template<class Mutex>
class every_mutex : public testing::Test {};
using mutexes =
    testing::Types<mutex, spin_mutex, ticket_mutex, mcs_mutex, binary_semaphore,
                   detail::lockable<detail::mutex_core, true>, detail::lockable<detail::spin_mutex_core, true>,
                   detail::lockable<detail::ticket_mutex_core, true>, detail::lockable<detail::mcs_mutex_core, true>>;
TYPED_TEST_SUITE(every_mutex, mutexes);

// A locked one refuses others at once; an unlocked one does not.
TYPED_TEST(every_mutex, try_lock) {
    TypeParam m;
    for (int round = 0; round != 100; ++round) {
        ASSERT_TRUE(m.try_lock());
        std::jthread([&] { EXPECT_FALSE(m.try_lock()); }).join();
        m.unlock();
        m.lock();
        m.unlock();
    }
}

// The standard's guards and ours, several locks at once.
TYPED_TEST(every_mutex, guards) {
    TypeParam m;
    TypeParam other;
    {
        const std::scoped_lock both(m, other);
        EXPECT_FALSE(m.try_lock());
        EXPECT_FALSE(other.try_lock());
    }
    {
        const gantry::sync::lock_guard guard(m);
        EXPECT_FALSE(m.try_lock());
    }
    {
        gantry::sync::unique_lock lock(m);
        EXPECT_TRUE(lock.owns_lock());
        lock.unlock();
        EXPECT_FALSE(lock.owns_lock());
        EXPECT_TRUE(lock.try_lock());
        lock.unlock();
        lock.lock();
    }
    std::unique_lock lock(m);
    EXPECT_TRUE(lock.owns_lock());
}

// More threads than CPUs add to a plain counter: every addition counts.
TYPED_TEST(every_mutex, excludes) {
    TypeParam m;
    int counter = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i != 6; ++i) {
            threads.emplace_back([&] {
                for (int step = 0; step != 2'000; ++step) {
                    const std::scoped_lock lock(m);
                    ++counter;
                }
            });
        }
    }
    EXPECT_EQ(counter, 12'000);
}

// A thread may destroy a lock that it has just taken, while the one before is still on its way out of unlock().
TYPED_TEST(every_mutex, destroyed_by_the_next_holder) {
    struct object {
        TypeParam m;
        int holders = 3;
    };
    for (int round = 0; round != 300; ++round) {
        auto* const shared = new object;
        const auto leave = [shared] {
            shared->m.lock();
            const bool last = --shared->holders == 0;
            shared->m.unlock();
            if (last)
                delete shared;
        };
        std::jthread one(leave);
        std::jthread two(leave);
        leave();
    }
}

// The condition variable works with every lock: a bounded buffer, with our guard and the standard's.
TYPED_TEST(every_mutex, condition_variable) {
    TypeParam m;
    condition_variable changed;
    std::deque<int> buffer;
    int sum = 0;
    {
        std::jthread consumer([&] {
            for (int taken = 0; taken != 300; ++taken) {
                std::unique_lock lock(m);
                changed.wait(lock, [&] { return !buffer.empty(); });
                sum += buffer.front();
                buffer.pop_front();
                changed.notify_all();
            }
        });
        for (int value = 1; value <= 300; ++value) {
            gantry::sync::unique_lock lock(m);
            while (buffer.size() == 2)
                changed.wait(lock);
            buffer.push_back(value);
            changed.notify_all();
        }
    }
    EXPECT_EQ(sum, 300 * 301 / 2);
    std::unique_lock lock(m);
    EXPECT_FALSE(changed.wait_for(lock, 1ms, [] { return false; }));
    EXPECT_TRUE(lock.owns_lock());
}

// A guarded value: all its ways in.
TYPED_TEST(every_mutex, guarded) {
    guarded<int, TypeParam> value(1);
    value.with([](int& v) { ++v; });
    EXPECT_EQ(value.with([](const int& v) { return v; }), 2);
    *value.lock() = 5;
    EXPECT_EQ(value.try_with([](int& v) { return v; }).value(), 5);
    const auto held = value.try_lock();
    ASSERT_TRUE(held);
    std::jthread([&] {
        EXPECT_EQ(value.try_with([](int&) {}).error(), guarded_errc::busy);
        EXPECT_EQ(value.try_lock().error(), guarded_errc::busy);
    }).join();
}

template<class Mutex>
class every_timed_mutex : public testing::Test {};
using timed_mutexes = testing::Types<mutex, spin_mutex, binary_semaphore, detail::lockable<detail::mutex_core, true>>;
TYPED_TEST_SUITE(every_timed_mutex, timed_mutexes);

// Time-outs: not before the time, and the lock stays usable.
TYPED_TEST(every_timed_mutex, time_outs) {
    TypeParam m;
    m.lock();
    std::jthread([&] {
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
    std::unique_lock lock(m, 1h);
    EXPECT_TRUE(lock.owns_lock());
}

// A timed lock that has to wait gets the lock when it is freed in time.
TYPED_TEST(every_timed_mutex, waits_for_unlock) {
    for (int round = 0; round != 50; ++round) {
        TypeParam m;
        m.lock();
        std::jthread other([&] {
            EXPECT_TRUE(m.try_lock_for(1h));
            m.unlock();
        });
        std::this_thread::yield();
        m.unlock();
    }
}

} // namespace

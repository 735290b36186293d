// SPDX-License-Identifier: MIT
// The mutex excludes, hands over what was written, and loses no wake-up; a wait at the condition variable neither.
#include <gantry/check/model.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/mutex.hpp>

#include <memory>
#include <mutex>
#include <thread>

using gantry::sync::condition_variable;
using gantry::sync::mutex;

// Two threads count under the mutex: both are counted. 2 threads, 1 entry each.
GANTRY_MODEL(mutex_excludes) {
    mutex m;
    int count = 0;
    const auto enter = [&] {
        const std::lock_guard guard(m);
        ++count;
    };
    std::thread other(enter);
    enter();
    other.join();
    GANTRY_CHECK(count == 2);
}

GANTRY_MODEL(mutex_try_lock) {
    mutex m;
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
}

GANTRY_MODEL(condition_variable_wakes) {
    mutex m;
    condition_variable changed;
    bool go = false;
    std::thread waiter([&] {
        std::unique_lock lock(m);
        changed.wait(lock, [&] { return go; });
    });
    {
        const std::lock_guard lock(m);
        go = true;
    }
    changed.notify_one();
    waiter.join();
}

// Once every waiter has been notified the condition variable may go, though they may not have left it yet.
GANTRY_MODEL(condition_variable_outlives_its_waiters) {
    mutex m;
    auto changed = std::make_unique<condition_variable>();
    bool go = false;
    std::thread waiter([&] {
        std::unique_lock lock(m);
        while (!go) {
            changed->wait(lock);
        }
    });
    {
        const std::lock_guard lock(m);
        go = true;
    }
    changed->notify_one();
    changed.reset();
    waiter.join();
}

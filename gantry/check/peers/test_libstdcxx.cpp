// SPDX-License-Identifier: MIT
// What libstdc++ 12 offers for threads, beyond what the corpus has.
#include <gantry/check/peers/test_peers.hpp>

#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>

namespace {

using namespace std::chrono_literals;

PEER(shared_ptr, "libstdc++", none) {
    auto one = std::make_shared<int>(1);
    std::thread other([two = one]() mutable {
        GANTRY_CHECK(*two == 1);
        const std::shared_ptr<int> three = two;
        two.reset();
        GANTRY_CHECK(*three == 1);
    });
    one.reset();
    other.join();
}

PEER(shared_ptr_write_then_drop, "libstdc++", none) {
    std::shared_ptr<int> one(new int(1));
    std::thread other([two = one]() mutable {
        *two = 2;
        two.reset();
    });
    one.reset();
    other.join();
}

PEER(weak_ptr_lock, "libstdc++", none) {
    auto strong = std::make_shared<int>(1);
    std::thread other([weak = std::weak_ptr<int>(strong)] {
        if (const std::shared_ptr<int> seen = weak.lock()) {
            GANTRY_CHECK(*seen == 1);
        }
    });
    strong.reset();
    other.join();
}

PEER(atomic_shared_ptr_load_store, "libstdc++", race, .why = "load() unlocks relaxed") {
    std::atomic<std::shared_ptr<int>> shared(std::make_shared<int>(1));
    std::thread other([&] { shared.store(std::make_shared<int>(2), std::memory_order_seq_cst); });
    const std::shared_ptr<int> seen = shared.load(std::memory_order_seq_cst);
    GANTRY_CHECK(*seen == 1 || *seen == 2);
    other.join();
}

PEER(atomic_shared_ptr_exchange, "libstdc++", none) {
    std::atomic<std::shared_ptr<int>> shared(std::make_shared<int>(1));
    std::thread other([&] { shared.store(std::make_shared<int>(2), std::memory_order_seq_cst); });
    const std::shared_ptr<int> seen = shared.exchange(nullptr, std::memory_order_seq_cst);
    GANTRY_CHECK(*seen == 1 || *seen == 2);
    other.join();
}

PEER(latch_both_arrive, "libstdc++", none) {
    std::latch both{2};
    int value = 0;
    std::thread other([&] {
        value = 1;
        both.count_down();
    });
    both.count_down();
    other.join();
    both.wait();
    GANTRY_CHECK(value == 1);
}

PEER(barrier, "libstdc++", none) {
    std::barrier<> both{2};
    int left = 0;
    int right = 0;
    std::thread other([&] {
        left = 1;
        both.arrive_and_wait();
        GANTRY_CHECK(right == 1);
    });
    right = 1;
    both.arrive_and_wait();
    GANTRY_CHECK(left == 1);
    other.join();
}

PEER(barrier_with_completion, "libstdc++", none) {
    int rounds = 0;
    const auto count = [&]() noexcept {
        ++rounds;
    };
    std::barrier both(2, count);
    std::thread other([&] {
        both.arrive_and_wait();
        GANTRY_CHECK(rounds == 1);
    });
    both.arrive_and_wait();
    GANTRY_CHECK(rounds == 1);
    other.join();
}

PEER(counting_semaphore, "libstdc++", deadlock, .why = "acquire() may sleep on a count that it saw before it failed") {
    std::counting_semaphore<2> free{1};
    int value = 0;
    const auto add = [&] {
        free.acquire();
        ++value;
        free.release();
    };
    std::thread other(add);
    add();
    other.join();
    GANTRY_CHECK(value == 2);
}

PEER(semaphore_try_acquire, "libstdc++", none) {
    std::binary_semaphore free{0};
    int value = 0;
    std::thread other([&] {
        value = 1;
        free.release();
    });
    if (free.try_acquire()) {
        GANTRY_CHECK(value == 1);
    }
    other.join();
}

PEER(semaphore_timed, "libstdc++", none) {
    std::binary_semaphore free{0};
    int value = 0;
    std::thread other([&] {
        value = 1;
        free.release();
    });
    if (free.try_acquire_for(1ms)) {
        GANTRY_CHECK(value == 1);
    }
    other.join();
}

PEER(atomic_flag_wait, "libstdc++", none) {
    std::atomic_flag flag;
    int value = 0;
    std::thread other([&] {
        value = 1;
        flag.test_and_set(std::memory_order_seq_cst);
        flag.notify_one();
    });
    flag.wait(false, std::memory_order_acquire);
    GANTRY_CHECK(value == 1);
    other.join();
}

PEER(call_once_throws, "libstdc++", none) {
    std::once_flag once;
    int calls = 0;
    int done = 0;
    const auto call = [&] {
        bool again = false;
        do {
            try {
                again = false;
                std::call_once(once, [&] {
                    if (++calls == 1) {
                        throw std::runtime_error("once more");
                    }
                    done = 1;
                });
            } catch (const std::runtime_error&) {
                again = true;
            }
        } while (again);
        GANTRY_CHECK(done == 1);
    };
    std::thread other(call);
    call();
    other.join();
    GANTRY_CHECK(calls == 2);
}

PEER(condition_variable_any, "libstdc++", none) {
    std::shared_mutex m;
    std::condition_variable_any changed;
    bool go = false;
    std::thread waiter([&] {
        std::shared_lock lock(m);
        changed.wait(lock, [&] { return go; });
    });
    {
        const std::lock_guard lock(m);
        go = true;
    }
    changed.notify_all();
    waiter.join();
}

PEER(condition_variable_any_stop, "libstdc++", none) {
    std::mutex m;
    std::condition_variable_any changed;
    std::jthread waiter([&](const std::stop_token& stop) {
        std::unique_lock lock(m);
        GANTRY_CHECK(!changed.wait(lock, stop, [] { return false; }));
    });
}

PEER(stop_callback, "libstdc++", none) {
    std::stop_source source;
    int called = 0;
    std::thread other([&] { source.request_stop(); });
    {
        const std::stop_callback callback(source.get_token(), [&] { ++called; });
    }
    other.join();
    GANTRY_CHECK(called <= 1);
}

PEER(promise_future, "libstdc++", none) {
    std::promise<int> promise;
    std::future<int> future = promise.get_future();
    std::thread other([&] { promise.set_value(1); });
    GANTRY_CHECK(future.get() == 1);
    other.join();
}

PEER(promise_exception, "libstdc++", none) {
    std::promise<int> promise;
    std::future<int> future = promise.get_future();
    std::thread other([p = std::move(promise)]() mutable {
        p.set_exception(std::make_exception_ptr(std::runtime_error("no value")));
    });
    bool caught = false;
    try {
        future.get();
    } catch (const std::runtime_error&) {
        caught = true;
    }
    GANTRY_CHECK(caught);
    other.join();
}

PEER(future_wait_for, "libstdc++", none) {
    std::promise<int> promise;
    std::future<int> future = promise.get_future();
    std::thread other([&] { promise.set_value(1); });
    if (future.wait_for(1ms) == std::future_status::ready) {
        GANTRY_CHECK(future.get() == 1);
    }
    other.join();
}

PEER(shared_future, "libstdc++", none) {
    std::promise<int> promise;
    const std::shared_future<int> future = promise.get_future().share();
    std::thread other([future] { GANTRY_CHECK(future.get() == 1); });
    promise.set_value(1);
    GANTRY_CHECK(future.get() == 1);
    other.join();
}

PEER(async, "libstdc++", none) {
    std::future<int> future = std::async(std::launch::async, [] { return 1; });
    GANTRY_CHECK(future.get() == 1);
}

PEER(packaged_task, "libstdc++", none) {
    std::packaged_task<int()> task([] { return 1; });
    std::future<int> future = task.get_future();
    std::thread other(std::move(task));
    GANTRY_CHECK(future.get() == 1);
    other.join();
}

PEER(shared_mutex, "libstdc++", none) {
    std::shared_mutex m;
    int value = 0;
    std::thread writer([&] {
        const std::lock_guard lock(m);
        ++value;
    });
    std::thread reader([&] {
        const std::shared_lock lock(m);
        GANTRY_CHECK(value <= 2);
    });
    {
        const std::lock_guard lock(m);
        ++value;
    }
    writer.join();
    reader.join();
    GANTRY_CHECK(value == 2);
}

PEER(shared_timed_mutex, "libstdc++", none) {
    std::shared_timed_mutex m;
    int value = 0;
    std::thread writer([&] {
        const std::lock_guard lock(m);
        ++value;
    });
    if (m.try_lock_shared_for(1ms)) {
        GANTRY_CHECK(value <= 1);
        m.unlock_shared();
    }
    writer.join();
}

PEER(timed_mutex, "libstdc++", none) {
    std::timed_mutex m;
    int value = 0;
    std::thread other([&] {
        const std::lock_guard lock(m);
        ++value;
    });
    if (m.try_lock_for(1ms)) {
        ++value;
        m.unlock();
    }
    other.join();
    GANTRY_CHECK(value == 1 || value == 2);
}

PEER(recursive_mutex, "libstdc++", none) {
    std::recursive_mutex m;
    int value = 0;
    const auto add = [&] {
        const std::lock_guard outer(m);
        const std::lock_guard inner(m);
        ++value;
    };
    std::thread other(add);
    add();
    other.join();
    GANTRY_CHECK(value == 2);
}

PEER(scoped_lock_two, "libstdc++", none, .random = 20'000) {
    std::mutex a;
    std::mutex b;
    int value = 0;
    std::thread other([&] {
        const std::scoped_lock both(a, b);
        ++value;
    });
    {
        const std::scoped_lock both(b, a);
        ++value;
    }
    other.join();
    GANTRY_CHECK(value == 2);
}

} // namespace

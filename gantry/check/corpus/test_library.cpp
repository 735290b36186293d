// SPDX-License-Identifier: MIT
// What the standard library offers for threads, used rightly and wrongly.
#include <gantry/check/corpus/test_corpus.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>

#include <unistd.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

int shared_value = 0;
std::atomic<int> word{0};

// A wake-up without a reason must not be taken for the event.
template<bool Loop>
void waits_once() {
    std::mutex m;
    std::condition_variable ready;
    bool go = false;
    std::thread waiter([&] {
        std::unique_lock lock(m);
        if (Loop) {
            ready.wait(lock, [&] { return go; });
        } else if (!go) {
            ready.wait(lock);
        }
        GANTRY_CHECK(go);
    });
    {
        const std::lock_guard lock(m);
        go = true;
    }
    ready.notify_one();
    waiter.join();
}

FAULTY(condition_without_loop, assertion, "condition_with_loop", "a wake-up without a reason is taken for the event") {
    waits_once<false>();
}

SOUND(condition_with_loop) {
    waits_once<true>();
}

// Two wait for different things at one condition variable: one call may wake the wrong one.
template<bool All>
void two_wait() {
    std::mutex m;
    std::condition_variable changed;
    int stage = 0;
    const auto wait_for = [&](int wanted) {
        std::unique_lock lock(m);
        changed.wait(lock, [&] { return stage >= wanted; });
    };
    std::thread one(wait_for, 1);
    std::thread two(wait_for, 2);
    for (int i = 0; i < 2; ++i) {
        const std::lock_guard lock(m);
        ++stage;
        All ? changed.notify_all() : changed.notify_one();
    }
    one.join();
    two.join();
}

FAULTY(notify_one_wakes_the_wrong_one, deadlock, "notify_all_wakes_both",
       "notify_one() where the waiters wait for different things") {
    two_wait<false>();
}

SOUND(notify_all_wakes_both) {
    two_wait<true>();
}

// Whoever changes what is waited for must hold the mutex while it does, or it comes between the look and the sleep.
template<bool Locked>
void changed_while_looking() {
    std::mutex m;
    std::condition_variable changed;
    std::atomic<bool> go{false};
    std::thread waiter([&] {
        std::unique_lock lock(m);
        changed.wait(lock, [&] { return go.load(std::memory_order_acquire); });
    });
    if (Locked) {
        const std::lock_guard lock(m);
        go.store(true, std::memory_order_release);
    } else {
        go.store(true, std::memory_order_release);
    }
    changed.notify_one();
    waiter.join();
}

FAULTY(changed_without_the_mutex, deadlock, "changed_under_the_mutex",
       "what is waited for is atomic and changed without the mutex") {
    changed_while_looking<false>();
}

SOUND(changed_under_the_mutex) {
    changed_while_looking<true>();
}

// A buffer for one item, with a condition variable for each side.
template<bool Right>
void bounded_buffer() {
    std::mutex m;
    std::condition_variable not_empty;
    std::condition_variable not_full;
    int item = 0;
    std::thread producer([&] {
        for (int i = 1; i <= 2; ++i) {
            std::unique_lock lock(m);
            not_full.wait(lock, [&] { return item == 0; });
            item = i;
            not_empty.notify_one();
        }
    });
    for (int i = 1; i <= 2; ++i) {
        std::unique_lock lock(m);
        not_empty.wait(lock, [&] { return item != 0; });
        GANTRY_CHECK(item == i);
        item = 0;
        (Right ? not_full : not_empty).notify_one();
    }
    producer.join();
}

FAULTY(notifies_the_wrong_condition, deadlock, "notifies_the_right_condition",
       "the consumer notifies the condition variable that it waits for itself") {
    bounded_buffer<false>();
}

SOUND(notifies_the_right_condition) {
    bounded_buffer<true>();
}

FAULTY(timed_wait_may_time_out, assertion, "timed_wait", "takes for granted that a wait ends in time") {
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
        const bool in_time = ready.wait_for(lock, 1s, [&] { return go; });
        GANTRY_CHECK(in_time);
    }
    other.join();
}

SOUND(timed_wait) {
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
        const bool in_time = ready.wait_for(lock, 1ms, [&] { return go; });
        GANTRY_CHECK(in_time == go);
    }
    other.join();
}

template<bool Shared>
void readers_and_writer() {
    std::shared_mutex m;
    std::thread writer([&] {
        if (Shared) {
            const std::shared_lock lock(m);
            ++shared_value;
        } else {
            const std::lock_guard lock(m);
            ++shared_value;
        }
    });
    {
        const std::shared_lock lock(m);
        GANTRY_CHECK(shared_value <= 1);
    }
    writer.join();
}

FAULTY(writes_under_a_readers_lock, race, "shared_mutex", "writes under a lock that others share") {
    readers_and_writer<true>();
}

SOUND(shared_mutex) {
    readers_and_writer<false>();
}

SOUND(call_once) {
    std::once_flag once;
    int calls = 0;
    const auto call = [&] {
        std::call_once(once, [&] { ++calls; });
        GANTRY_CHECK(calls == 1);
    };
    std::thread a(call);
    call();
    a.join();
}

struct counted {
    counted() { ++shared_value; }

    ~counted() { --shared_value; }

    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
};

SOUND(static_of_a_function) {
    const auto use = [] {
        static counted once;
        static_cast<void>(once);
        GANTRY_CHECK(shared_value == 1);
    };
    std::thread a(use);
    use();
    a.join();
}

// What a static object took from the heap is as at the start in each execution.
std::vector<int> numbers{1};
std::unique_ptr<int> number = std::make_unique<int>(1);

SOUND(memory_of_static_objects) {
    GANTRY_CHECK(numbers.size() == 1 && numbers.front() == 1 && *number == 1);
    std::atomic<int> either{0};
    std::thread other([&] { either.store(1, std::memory_order_relaxed); });
    numbers.front() += either.load(std::memory_order_relaxed) + 1;
    number.reset();
    other.join();
}

struct noisy {
    int* where = nullptr;

    ~noisy() {
        if (where != nullptr) {
            ++*where;
        }
    }
};

thread_local noisy at_thread_exit;

SOUND(thread_local_destructors) {
    int destroyed = 0;
    std::thread a([&] { at_thread_exit.where = &destroyed; });
    a.join();
    GANTRY_CHECK(destroyed == 1);
}

// Initialisation looked at twice, with a relaxed second look.
template<std::memory_order Load, std::memory_order Store>
void double_checked() {
    std::mutex m;
    std::atomic<int*> instance{nullptr};
    const auto get = [&] {
        int* p = instance.load(Load);
        if (p == nullptr) {
            const std::lock_guard lock(m);
            p = instance.load(std::memory_order_relaxed);
            if (p == nullptr) {
                p = new int(42);
                instance.store(p, Store);
            }
        }
        GANTRY_CHECK(*p == 42);
    };
    std::thread other(get);
    get();
    other.join();
    delete instance.load(std::memory_order_relaxed);
}

FAULTY(double_checked_relaxed, race, "double_checked", "both looks are relaxed") {
    double_checked<std::memory_order_relaxed, std::memory_order_relaxed>();
}

SOUND(double_checked) {
    double_checked<std::memory_order_acquire, std::memory_order_release>();
}

SOUND(binary_semaphore) {
    std::binary_semaphore full{0};
    std::thread producer([&] {
        shared_value = 1;
        full.release();
    });
    full.acquire();
    GANTRY_CHECK(shared_value == 1);
    producer.join();
}

template<std::memory_order Store>
void waits_for_word() {
    std::thread other([] {
        shared_value = 1;
        word.store(1, Store);
        word.notify_one();
    });
    word.wait(0, std::memory_order_acquire);
    GANTRY_CHECK(shared_value == 1);
    other.join();
}

SOUND(atomic_wait) {
    waits_for_word<std::memory_order_seq_cst>();
}

// Who is woken comes after who woke it, but nothing says that what was written before is there: only the word does.
template<std::memory_order Store, std::memory_order Load>
void woken() {
    std::thread other([] {
        shared_value = 1;
        word.store(1, Store);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    });
    const bool woken = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0) == 0;
    const int seen = word.load(Load);
    GANTRY_CHECK(!woken || seen == 1);
    if (woken) {
        GANTRY_CHECK(shared_value == 1);
    }
    other.join();
}

FAULTY(woken_by_relaxed_store, race) {
    woken<std::memory_order_relaxed, std::memory_order_acquire>();
}

FAULTY(woken_and_loads_relaxed, race) {
    woken<std::memory_order_release, std::memory_order_relaxed>();
}

SOUND(woken_by_release) {
    woken<std::memory_order_release, std::memory_order_acquire>();
}

// A true report on libstdc++ 12: notify looks for waiters with a seq_cst load, which a release store does not keep from
// being early. The store and the waiter's look then miss each other, as in store buffering.
FAULTY(libstdcxx_atomic_wait_release, deadlock, "atomic_wait",
       "release store before notify (true report on libstdc++ 12)") {
    waits_for_word<std::memory_order_release>();
}

// The same: count_down() is a release.
FAULTY(libstdcxx_latch, deadlock, "binary_semaphore", "count_down() is a release (true report on libstdc++ 12)") {
    std::latch done{1};
    std::thread worker([&] {
        shared_value = 1;
        done.count_down();
    });
    done.wait();
    GANTRY_CHECK(shared_value == 1);
    worker.join();
}

FAULTY(atomic_wait_without_notify, deadlock, "atomic_wait", "nobody notifies") {
    std::thread other([] { word.store(1, std::memory_order_release); });
    word.wait(0, std::memory_order_acquire);
    other.join();
}

FAULTY(reference_count_relaxed, use_after_free, "reference_count", "the count is lowered relaxed") {
    struct object {
        std::atomic<int> count{2};
        int payload = 0;
    };
    auto* const o = new object;
    const auto drop = [o] {
        GANTRY_CHECK(o->payload == 0);
        if (o->count.fetch_sub(1, std::memory_order_relaxed) == 1) {
            delete o;
        }
    };
    std::thread other(drop);
    drop();
    other.join();
}

SOUND(reference_count) {
    struct object {
        std::atomic<int> count{2};
        int payload = 0;
    };
    auto* const o = new object;
    const auto drop = [o] {
        GANTRY_CHECK(o->payload == 0);
        if (o->count.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete o;
        }
    };
    std::thread other(drop);
    drop();
    other.join();
}

SOUND(stop_token) {
    std::jthread worker([](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
        }
    });
}

} // namespace

// SPDX-License-Identifier: MIT
// Each kind of fault in its smallest form.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>

namespace {

int plain_global = 0;
std::atomic<int> flag{0};
std::mutex first;
std::mutex second;
thread_local int per_thread = 7;

FAULTY(counter_without_lock, race, "counter_with_lock", "a plain counter of two threads") {
    std::thread other([] { ++plain_global; });
    ++plain_global;
    other.join();
}

SOUND(counter_with_lock) {
    std::mutex m;
    int count = 0;
    const auto add = [&] {
        const std::lock_guard guard(m);
        ++count;
    };
    std::thread a(add);
    std::thread b(add);
    add();
    a.join();
    b.join();
    GANTRY_CHECK(count == 3);
}

FAULTY(atomic_counter_by_load_and_store, assertion, "atomic_counter_by_fetch_add",
       "an atomic counter raised by a load and a store") {
    const auto add = [] {
        flag.store(flag.load(std::memory_order_seq_cst) + 1, std::memory_order_seq_cst);
    };
    std::thread other(add);
    add();
    other.join();
    GANTRY_CHECK(flag.load(std::memory_order_relaxed) == 2);
}

SOUND(atomic_counter_by_fetch_add) {
    const auto add = [] {
        flag.fetch_add(1, std::memory_order_relaxed);
    };
    std::thread other(add);
    add();
    other.join();
    GANTRY_CHECK(flag.load(std::memory_order_relaxed) == 2);
}

template<std::memory_order Store, std::memory_order Load>
void message() {
    int data = 0;
    std::thread writer([&] {
        data = 42;
        flag.store(1, Store);
    });
    if (flag.load(Load) == 1) {
        GANTRY_CHECK(data == 42);
    }
    writer.join();
}

FAULTY(message_relaxed_store, race, "message", "the flag is stored relaxed") {
    message<std::memory_order_relaxed, std::memory_order_acquire>();
}

FAULTY(message_relaxed_load, race, "message", "the flag is loaded relaxed") {
    message<std::memory_order_release, std::memory_order_relaxed>();
}

SOUND(message) {
    message<std::memory_order_release, std::memory_order_acquire>();
}

// A stale value that no interleaving shows.
FAULTY(store_buffering, assertion, "store_buffering_seq_cst", "both miss the other's store") {
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    int a = 0;
    std::thread other([&] {
        x.store(1, std::memory_order_release);
        a = y.load(std::memory_order_acquire);
    });
    y.store(1, std::memory_order_release);
    const int b = x.load(std::memory_order_acquire);
    other.join();
    GANTRY_CHECK(a == 1 || b == 1);
}

SOUND(store_buffering_seq_cst) {
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    int a = 0;
    std::thread other([&] {
        x.store(1, std::memory_order_seq_cst);
        a = y.load(std::memory_order_seq_cst);
    });
    y.store(1, std::memory_order_seq_cst);
    const int b = x.load(std::memory_order_seq_cst);
    other.join();
    GANTRY_CHECK(a == 1 || b == 1);
}

// Where the optimiser cannot see that what is allocated is of no use.
[[gnu::noinline]] int* make(int count) {
    return count == 1 ? new int(1) : new int[static_cast<std::size_t>(count)];
}

[[gnu::noinline]] void destroy(int* one) {
    delete one;
}

[[gnu::noinline]] int look(const int* at) {
    return *at;
}

FAULTY(leaked, leak, "", "never freed") {
    plain_global = look(make(1));
}

FAULTY(freed_twice, double_free, "", "freed twice") {
    int* const p = make(1);
    destroy(p);
    destroy(p);
}

FAULTY(freed_wrongly, mismatched_free, "", "new[] and delete") {
    destroy(make(4));
}

FAULTY(used_after_free, use_after_free, "", "read after delete") {
    int* const p = make(1);
    destroy(p);
    plain_global = look(p);
}

FAULTY(read_behind_the_end, out_of_bounds, "", "read behind the end of a block") {
    int* const p = make(5);
    plain_global = look(p + 5);
    delete[] p;
}

// Only when the reader is late: another thread frees.
FAULTY(freed_under_a_reader, use_after_free, "", "deleted while a reader may hold it") {
    std::atomic<int*> shared{new int(5)};
    std::thread reader([&] {
        if (const int* p = shared.load(std::memory_order_acquire); p != nullptr) {
            GANTRY_CHECK(*p == 5);
        }
    });
    delete shared.exchange(nullptr, std::memory_order_acq_rel);
    reader.join();
}

// The memory is there, and what it holds is chance.
template<bool Made>
void made_of_raw_memory() {
    auto* const count = static_cast<std::atomic<int>*>(std::malloc(sizeof(std::atomic<int>)));
    if (Made) {
        new (count) std::atomic<int>(0);
    }
    std::thread other([=] { count->fetch_add(1, std::memory_order_relaxed); });
    count->fetch_add(1, std::memory_order_relaxed);
    other.join();
    GANTRY_CHECK(!Made || count->load(std::memory_order_relaxed) == 2);
    std::free(count);
}

FAULTY(atomic_of_raw_memory, uninitialised) {
    made_of_raw_memory<false>();
}

SOUND(atomic_made_of_raw_memory) {
    made_of_raw_memory<true>();
}

// The object is shown before it is given its first value: whoever is fast sees none.
template<bool First>
void shown_and_set() {
    std::atomic<std::atomic<int>*> shared{nullptr};
    std::thread other([&] {
        if (const auto* const p = shared.load(std::memory_order_acquire); p != nullptr) {
            GANTRY_CHECK(p->load(std::memory_order_relaxed) == 1);
        }
    });
    auto* const p = static_cast<std::atomic<int>*>(std::malloc(sizeof(std::atomic<int>)));
    if (First) {
        p->store(1, std::memory_order_relaxed);
    }
    shared.store(p, std::memory_order_release);
    p->store(1, std::memory_order_relaxed);
    other.join();
    std::free(p);
}

FAULTY(shown_before_it_is_set, uninitialised) {
    shown_and_set<false>();
}

SOUND(set_before_it_is_shown) {
    shown_and_set<true>();
}

FAULTY(locks_in_opposite_order, deadlock, "locks_in_one_order", "two locks in two orders") {
    std::thread other([] {
        const std::lock_guard a(first);
        const std::lock_guard b(second);
    });
    {
        const std::lock_guard b(second);
        const std::lock_guard a(first);
    }
    other.join();
}

SOUND(locks_in_one_order) {
    std::thread other([] {
        const std::lock_guard a(first);
        const std::lock_guard b(second);
    });
    {
        const std::lock_guard a(first);
        const std::lock_guard b(second);
    }
    other.join();
}

FAULTY(unlocked_by_another, lock_misuse, "locks_in_one_order", "a mutex unlocked by a thread that does not hold it") {
    first.lock();
    std::thread other([] { first.unlock(); });
    other.join();
}

FAULTY(locked_twice, lock_misuse, "locks_in_one_order", "a mutex locked twice") {
    first.lock();
    first.lock();
}

FAULTY(exception_leaves_thread, exception, "exception_is_caught", "nobody catches") {
    std::thread other([] { throw std::runtime_error("nobody catches this"); });
    other.join();
}

SOUND(exception_is_caught) {
    int caught = 0;
    std::thread other([&] {
        try {
            const std::lock_guard guard(first);
            throw std::runtime_error("somebody does");
        } catch (const std::exception&) {
            ++caught;
        }
    });
    other.join();
    GANTRY_CHECK(caught == 1);
}

FAULTY(thread_never_joined, aborted, "", "a thread that is neither joined nor detached") {
    std::thread other([] {});
}

// The waiter looks before it holds the mutex: the signal can come in between.
FAULTY(lost_wake_up, deadlock, "condition_variable",
       "looks before it holds the mutex, then waits without a condition") {
    std::condition_variable ready;
    std::thread waiter([&] {
        if (flag.load(std::memory_order_acquire) == 0) {
            std::unique_lock lock(first);
            ready.wait(lock);
        }
    });
    flag.store(1, std::memory_order_release);
    ready.notify_one();
    waiter.join();
}

SOUND(condition_variable) {
    std::condition_variable ready;
    bool go = false;
    std::thread waiter([&] {
        std::unique_lock lock(first);
        ready.wait(lock, [&] { return go; });
    });
    {
        const std::lock_guard lock(first);
        go = true;
    }
    ready.notify_one();
    waiter.join();
}

SOUND(thread_local_is_per_thread) {
    GANTRY_CHECK(per_thread == 7);
    per_thread = 1;
    std::thread other([] {
        GANTRY_CHECK(per_thread == 7);
        per_thread = 2;
    });
    other.join();
    GANTRY_CHECK(per_thread == 1);
}

SOUND(shared_ptr_counts) {
    auto p = std::make_shared<int>(3);
    std::thread other([copy = p]() mutable {
        GANTRY_CHECK(*copy == 3);
        copy.reset();
    });
    p.reset();
    other.join();
}

// The mutex of one block of code lies where that of another lay: no order must leak from one to the other.
SOUND(stack_is_reused) {
    for (int i = 0; i < 2; ++i) {
        std::atomic<int> local{i};
        std::thread other([&] { local.fetch_add(1, std::memory_order_relaxed); });
        other.join();
        GANTRY_CHECK(local.load(std::memory_order_relaxed) == i + 1);
    }
}

// Two objects in one word: a plain write to one says nothing about the other.
SOUND(atomic_beside_plain) {
    struct {
        alignas(8) int plain = 0;
        std::atomic<int> atomic{0};
    } both;
    std::thread other([&] { both.atomic.store(1, std::memory_order_relaxed); });
    both.plain = 1;
    const int first_look = both.atomic.load(std::memory_order_relaxed);
    both.plain = 2;
    const int second_look = both.atomic.load(std::memory_order_relaxed);
    other.join();
    GANTRY_CHECK(first_look <= second_look && both.atomic.load(std::memory_order_relaxed) == 1);
}

// Copies of blocks are accesses too, whoever makes them.
FAULTY(copy_races, race, "", "a block is copied while it is changed") {
    struct big {
        int content[64];
    };
    auto* const from = new big{};
    auto* const to = new big{};
    std::thread other([&] { *to = *from; });
    from->content[63] = 1;
    other.join();
    delete from;
    delete to;
}

FAULTY(null_is_followed, crash, "", "a null pointer is followed") {
    std::atomic<int*> shared{nullptr};
    std::thread other([&] { shared.store(&plain_global, std::memory_order_release); });
    plain_global = look(shared.load(std::memory_order_acquire));
    other.join();
}

FAULTY(null_atomic_is_followed, crash, "", "an atomic is loaded through a null pointer") {
    std::atomic<std::atomic<int>*> shared{nullptr};
    std::thread other([&] { shared.store(&flag, std::memory_order_release); });
    static_cast<void>(shared.load(std::memory_order_acquire)->load(std::memory_order_relaxed));
    other.join();
}

FAULTY(null_is_written, crash, "", "a plain write through a null pointer") {
    std::atomic<int*> shared{nullptr};
    std::thread other([&] { shared.store(&plain_global, std::memory_order_release); });
    *shared.load(std::memory_order_acquire) = 1;
    other.join();
}

// NOLINTNEXTLINE(misc-no-recursion)
[[gnu::noinline]] int deeper(int depth) {
    int here[64] = {depth};
    return look(here) == -1 ? 0 : deeper(depth + 1) + look(here);
}

FAULTY(stack_is_used_up, crash, "", "recursion without end") {
    plain_global = deeper(0);
}

FAULTY(two_sizes, mixed_size, "", "the same bytes atomically in two sizes") {
    alignas(8) static std::uint64_t both = 0;
    std::thread other([] { std::atomic_ref<std::uint64_t>(both).store(1, std::memory_order_relaxed); });
    auto& half = reinterpret_cast<std::uint32_t&>(both);
    static_cast<void>(std::atomic_ref<std::uint32_t>(half).load(std::memory_order_relaxed));
    other.join();
}

// Each sees the other's wish and gives way, both for ever.
FAULTY(two_polite_threads, endless, "one_polite_thread", "both give way for ever") {
    std::atomic<bool> wish[2] = {false, false};
    const auto pass = [&](int me) {
        wish[me].store(true, std::memory_order_seq_cst);
        while (wish[1 - me].load(std::memory_order_seq_cst)) {
            wish[me].store(false, std::memory_order_seq_cst);
            wish[me].store(true, std::memory_order_seq_cst);
        }
        wish[me].store(false, std::memory_order_seq_cst);
    };
    std::thread other(pass, 1);
    pass(0);
    other.join();
}

// Something that the checker cannot put back between executions: the environment's memory is the C library's.
FAULTY(does_not_repeat_itself, nondeterminism, "", "depends on what the checker cannot put back") {
    const bool before = std::getenv("GANTRY_CHECK_SEEN") != nullptr;
    static_cast<void>(setenv("GANTRY_CHECK_SEEN", "1", 1));
    std::thread other([&] { flag.store(before ? 1 : 2, std::memory_order_relaxed); });
    static_cast<void>(flag.load(std::memory_order_relaxed));
    other.join();
}

} // namespace

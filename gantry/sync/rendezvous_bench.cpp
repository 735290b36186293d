// SPDX-License-Identifier: MIT
// barrier/<implementation>/threads:N: phases. latch/<implementation>/count:1: make one, count down, wait.
// event_ping_pong/<implementation>/threads:2: two threads wake each other in turn; an item is there and back.
// event_wait/<implementation>/threads:N: waiting for what has happened.
// eventcount_notify/<implementation>/waiters:0: a change that nobody waits for. once/<implementation>/threads:N: after
// the first. seqlock_read/<implementation>/bytes:32/threads:N: copies of four words; seqlock_mix: thread 0 stores in
// one operation of a hundred.
#include <gantry/sync/barrier.hpp>
#include <gantry/sync/event.hpp>
#include <gantry/sync/eventcount.hpp>
#include <gantry/sync/latch.hpp>
#include <gantry/sync/once.hpp>
#include <gantry/sync/seqlock.hpp>
#include <gantry/sync/shared_mutex.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <barrier>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <thread>

#if __has_include(<ck_sequence.h>)
#define GANTRY_BENCH_CK 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <ck_sequence.h>
#pragma GCC diagnostic pop
#endif

namespace {

template<class Barrier>
void phases(benchmark::State& state) {
    static std::unique_ptr<Barrier> all;
    static std::array<std::int64_t, 64> work;
    const auto me = static_cast<std::size_t>(state.thread_index());
    if (me == 0)
        all = std::make_unique<Barrier>(state.threads());
    work[me] = 0;
    // The library lets no thread into the loop before all have come to it.
    for ([[maybe_unused]] auto _ : state) {
        ++work[me];
        static_cast<void>(all->arrive_and_wait());
    }
    state.SetItemsProcessed(state.iterations());
    if (me == 0 && work[0] != work[static_cast<std::size_t>(state.threads()) - 1])
        state.SkipWithError("a thread ran ahead");
}
BENCHMARK(phases<gantry::sync::barrier<>>)->Name("barrier/gantry")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(phases<std::barrier<>>)->Name("barrier/std_barrier")->UseRealTime()->ThreadRange(1, 16);

template<class Latch>
void latch_cycle(benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state) {
        Latch l(1);
        benchmark::DoNotOptimize(&l);
        l.count_down();
        l.wait();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(latch_cycle<gantry::sync::latch>)->Name("latch/gantry/count:1")->UseRealTime();
BENCHMARK(latch_cycle<std::latch>)->Name("latch/std_latch/count:1")->UseRealTime();

struct std_signal {
    void set() { s.release(); }
    void wait() { s.acquire(); }
    std::binary_semaphore s{0};
};
struct condition_signal {
    void set() {
        {
            const std::scoped_lock lock(m);
            is_set = true;
        }
        changed.notify_one();
    }
    void wait() {
        std::unique_lock lock(m);
        changed.wait(lock, [this] { return is_set; });
        is_set = false;
    }
    std::mutex m;
    std::condition_variable changed;
    bool is_set = false;
};

template<class Signal>
void ping_pong(benchmark::State& state) {
    Signal ping;
    Signal pong;
    std::atomic<bool> stop{false};
    std::jthread other([&] {
        for (;;) {
            ping.wait();
            if (stop.load(std::memory_order_relaxed))
                return;
            pong.set();
        }
    });
    for ([[maybe_unused]] auto _ : state) {
        ping.set();
        pong.wait();
    }
    state.SetItemsProcessed(state.iterations());
    stop.store(true, std::memory_order_relaxed);
    ping.set();
}
BENCHMARK(ping_pong<gantry::sync::auto_reset_event>)->Name("event_ping_pong/gantry/threads:2")->UseRealTime();
BENCHMARK(ping_pong<std_signal>)->Name("event_ping_pong/std_binary_semaphore/threads:2")->UseRealTime();
BENCHMARK(ping_pong<condition_signal>)->Name("event_ping_pong/std_condition_variable/threads:2")->UseRealTime();

struct std_flag {
    void set() {
        flag.test_and_set(std::memory_order_release);
        flag.notify_all();
    }
    void wait() const { flag.wait(false, std::memory_order_acquire); }
    std::atomic_flag flag;
};
struct condition_event {
    void set() {
        {
            const std::scoped_lock lock(m);
            is_set = true;
        }
        changed.notify_all();
    }
    void wait() {
        std::unique_lock lock(m);
        changed.wait(lock, [this] { return is_set; });
    }
    std::mutex m;
    std::condition_variable changed;
    bool is_set = false;
};
template<class Event>
void wait_for_what_is(benchmark::State& state) {
    static Event e;
    e.set();
    for ([[maybe_unused]] auto _ : state)
        e.wait();
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(wait_for_what_is<gantry::sync::event>)->Name("event_wait/gantry")->UseRealTime()->ThreadRange(1, 2);
BENCHMARK(wait_for_what_is<std_flag>)->Name("event_wait/std_atomic_flag")->UseRealTime()->ThreadRange(1, 2);
BENCHMARK(wait_for_what_is<condition_event>)
    ->Name("event_wait/std_condition_variable")
    ->UseRealTime()
    ->ThreadRange(1, 2);

struct std_notify {
    void notify_one() {
        word.fetch_add(1, std::memory_order_release);
        word.notify_one();
    }
    std::atomic<std::uint32_t> word{0};
};
struct condition_notify {
    void notify_one() {
        {
            const std::scoped_lock lock(m);
        }
        changed.notify_one();
    }
    std::mutex m;
    std::condition_variable changed;
};
template<class Count>
void notify(benchmark::State& state) {
    Count changed;
    std::atomic<std::uint64_t> item{0};
    for ([[maybe_unused]] auto _ : state) {
        item.store(1, std::memory_order_release);
        changed.notify_one();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(notify<gantry::sync::eventcount>)->Name("eventcount_notify/gantry/waiters:0")->UseRealTime();
BENCHMARK(notify<std_notify>)->Name("eventcount_notify/std_atomic/waiters:0")->UseRealTime();
BENCHMARK(notify<condition_notify>)->Name("eventcount_notify/std_condition_variable/waiters:0")->UseRealTime();

void once_gantry(benchmark::State& state) {
    static gantry::sync::once_flag flag;
    static int made = 0;
    for ([[maybe_unused]] auto _ : state) {
        gantry::sync::call_once(flag, [] { ++made; });
        benchmark::DoNotOptimize(made);
    }
    state.SetItemsProcessed(state.iterations());
    if (made != 1)
        state.SkipWithError("made more than once");
}
void once_std(benchmark::State& state) {
    static std::once_flag flag;
    static int made = 0;
    for ([[maybe_unused]] auto _ : state) {
        std::call_once(flag, [] { ++made; });
        benchmark::DoNotOptimize(made);
    }
    state.SetItemsProcessed(state.iterations());
    if (made != 1)
        state.SkipWithError("made more than once");
}
int& the_static() {
    static const std::unique_ptr<int> value = std::make_unique<int>(1);
    return *value;
}
void once_static(benchmark::State& state) {
    for ([[maybe_unused]] auto _ : state)
        benchmark::DoNotOptimize(the_static());
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(once_gantry)->Name("once/gantry")->UseRealTime()->ThreadRange(1, 2);
BENCHMARK(once_std)->Name("once/std_call_once")->UseRealTime()->ThreadRange(1, 2);
BENCHMARK(once_static)->Name("once/local_static")->UseRealTime()->ThreadRange(1, 2);

using four = std::array<std::uint64_t, 4>;

struct locked_seqlock {
    [[nodiscard]] four load() const { return s.load(); }
    void store(const four& value) { s.store(value); }
    gantry::sync::seqlock<four> s;
};
template<class Mutex, class Reader>
struct locked_by {
    [[nodiscard]] four load() const {
        const Reader lock(m);
        return data;
    }
    void store(const four& value) {
        const std::unique_lock lock(m);
        data = value;
    }
    mutable Mutex m;
    four data{};
};
#if GANTRY_BENCH_CK
// Reads plain memory while it is written: undefined in C++, and what it is in C is left to the compiler.
struct ck_seqlock {
    [[nodiscard]] four load() const {
        four copy;
        unsigned int version = 0;
        do {
            version = ck_sequence_read_begin(&s);
            copy = data;
        } while (ck_sequence_read_retry(&s, version));
        return copy;
    }
    void store(const four& value) {
        ck_sequence_write_begin(&s);
        data = value;
        ck_sequence_write_end(&s);
    }
    ck_sequence_t s = CK_SEQUENCE_INITIALIZER;
    four data{};
};
#endif

template<class Kind, bool Writes>
void seqlock(benchmark::State& state) {
    struct alignas(128) apart : Kind {};
    static apart value;
    std::uint64_t wrong = 0;
    std::uint64_t turn = 0;
    for ([[maybe_unused]] auto _ : state) {
        ++turn;
        if (Writes && state.thread_index() == 0 && turn % 100 == 0) {
            value.store({turn, turn, turn, turn});
        } else {
            const four now = value.load();
            wrong |= (now[0] ^ now[1]) | (now[2] ^ now[3]) | (now[0] ^ now[3]);
        }
    }
    state.SetItemsProcessed(state.iterations());
    if (wrong != 0)
        state.SkipWithError("a torn value");
}
template<class Kind>
void seqlock_read(benchmark::State& state) {
    seqlock<Kind, false>(state);
}
template<class Kind>
void seqlock_mix(benchmark::State& state) {
    seqlock<Kind, true>(state);
}

using by_shared_mutex = locked_by<gantry::sync::shared_mutex, std::shared_lock<gantry::sync::shared_mutex>>;
using by_std_shared_mutex = locked_by<std::shared_mutex, std::shared_lock<std::shared_mutex>>;
using by_std_mutex = locked_by<std::mutex, std::unique_lock<std::mutex>>;

BENCHMARK(seqlock_read<locked_seqlock>)->Name("seqlock_read/gantry/bytes:32")->UseRealTime()->ThreadRange(1, 4);
BENCHMARK(seqlock_read<by_shared_mutex>)
    ->Name("seqlock_read/gantry_shared_mutex/bytes:32")
    ->UseRealTime()
    ->ThreadRange(1, 4);
BENCHMARK(seqlock_read<by_std_shared_mutex>)
    ->Name("seqlock_read/std_shared_mutex/bytes:32")
    ->UseRealTime()
    ->ThreadRange(1, 4);
BENCHMARK(seqlock_read<by_std_mutex>)->Name("seqlock_read/std_mutex/bytes:32")->UseRealTime()->ThreadRange(1, 4);
BENCHMARK(seqlock_mix<locked_seqlock>)->Name("seqlock_mix/gantry/bytes:32/writes:1")->UseRealTime()->ThreadRange(1, 4);
BENCHMARK(seqlock_mix<by_shared_mutex>)
    ->Name("seqlock_mix/gantry_shared_mutex/bytes:32/writes:1")
    ->UseRealTime()
    ->ThreadRange(1, 4);
BENCHMARK(seqlock_mix<by_std_shared_mutex>)
    ->Name("seqlock_mix/std_shared_mutex/bytes:32/writes:1")
    ->UseRealTime()
    ->ThreadRange(1, 4);
#if GANTRY_BENCH_CK
BENCHMARK(seqlock_read<ck_seqlock>)->Name("seqlock_read/ck_sequence/bytes:32")->UseRealTime()->ThreadRange(1, 4);
BENCHMARK(seqlock_mix<ck_seqlock>)->Name("seqlock_mix/ck_sequence/bytes:32/writes:1")->UseRealTime()->ThreadRange(1, 4);
#endif

} // namespace

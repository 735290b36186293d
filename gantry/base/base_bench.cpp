// SPDX-License-Identifier: MIT
// prng against <random>; the asymmetric fence's two sides against a seq_cst fence; what a wake, a failed wait and a
// hand-over between two threads cost.
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/prng.hpp>
#include <gantry/base/wait.hpp>

#include <benchmark/benchmark.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace {

// Ordering ledger
// Relaxed used as: owner (one thread stores and loads), stale-ok (a flag that ends a background thread)

template<class Generator>
void prng_next(benchmark::State& state) {
    Generator random(42);
    std::uint64_t sum = 0;
    for ([[maybe_unused]] auto _ : state)
        sum += random();
    benchmark::DoNotOptimize(sum);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(prng_next<gantry::prng>)->Name("prng_next/gantry/bits:64")->UseRealTime();
BENCHMARK(prng_next<std::mt19937_64>)->Name("prng_next/std_mt19937_64/bits:64")->UseRealTime();
BENCHMARK(prng_next<std::minstd_rand>)->Name("prng_next/std_minstd_rand/bits:31")->UseRealTime();

void prng_below_gantry(benchmark::State& state) {
    gantry::prng random(42);
    std::uint64_t sum = 0;
    for ([[maybe_unused]] auto _ : state)
        sum += random.uniform_below(1000);
    benchmark::DoNotOptimize(sum);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(prng_below_gantry)->Name("prng_below/gantry/limit:1000")->UseRealTime();

void prng_below_std(benchmark::State& state) {
    gantry::prng random(42);
    std::uniform_int_distribution<std::uint64_t> below(0, 999);
    std::uint64_t sum = 0;
    for ([[maybe_unused]] auto _ : state)
        sum += below(random);
    benchmark::DoNotOptimize(sum);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(prng_below_std)->Name("prng_below/std_uniform_int/limit:1000")->UseRealTime();

// Store, fence, load: the fast path that the fence is for.
template<class Fence>
void store_fence_load(benchmark::State& state, Fence fence) {
    std::atomic<std::uint64_t> mine{0};
    std::atomic<std::uint64_t> other{0};
    benchmark::DoNotOptimize(&other);
    std::uint64_t i = 0;
    for ([[maybe_unused]] auto _ : state) {
        mine.store(++i, std::memory_order_relaxed); // relaxed: owner
        fence();
        benchmark::DoNotOptimize(other.load(std::memory_order_relaxed)); // relaxed: owner
    }
    state.SetItemsProcessed(state.iterations());
}
void fence_light(benchmark::State& state) {
    store_fence_load(state, [] { gantry::asymmetric_fence_light(); });
}
void fence_std(benchmark::State& state) {
    store_fence_load(state, [] { std::atomic_thread_fence(std::memory_order_seq_cst); });
}
void fence_none(benchmark::State& state) {
    store_fence_load(state, [] { std::atomic_signal_fence(std::memory_order_seq_cst); });
}
// GANTRY_MEMBARRIER=off shows the fallback.
void fence_heavy(benchmark::State& state) {
    state.SetLabel(gantry::asymmetric_fence_mode_in_force() == gantry::asymmetric_fence_mode::membarrier ? "membarrier"
                                                                                                         : "fences");
    store_fence_load(state, [] { gantry::asymmetric_fence_heavy(); });
}
// The same while another thread of the process runs on another CPU, which the kernel must interrupt.
void fence_heavy_busy(benchmark::State& state) {
    std::atomic<bool> stop{false};
    const std::jthread busy([&] {
        while (!stop.load(std::memory_order_relaxed)) { // relaxed: stale-ok
        }
    });
    fence_heavy(state);
    stop.store(true, std::memory_order_relaxed); // relaxed: stale-ok
}
BENCHMARK(fence_light)->Name("fence_frequent_side/gantry_light/threads:1")->UseRealTime();
BENCHMARK(fence_std)->Name("fence_frequent_side/std_seq_cst/threads:1")->UseRealTime();
BENCHMARK(fence_none)->Name("fence_frequent_side/none/threads:1")->UseRealTime();
BENCHMARK(fence_heavy)->Name("fence_rare_side/gantry_heavy/busy:0")->UseRealTime();
BENCHMARK(fence_heavy_busy)->Name("fence_rare_side/gantry_heavy/busy:1")->UseRealTime();

void wake_nobody(benchmark::State& state) {
    const std::atomic<std::uint32_t> word{0};
    for ([[maybe_unused]] auto _ : state)
        benchmark::DoNotOptimize(gantry::wake_one(word));
    state.SetItemsProcessed(state.iterations());
}
void wait_changed(benchmark::State& state) {
    const std::atomic<std::uint32_t> word{0};
    for ([[maybe_unused]] auto _ : state)
        benchmark::DoNotOptimize(gantry::wait_on(word, 1));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(wake_nobody)->Name("wake/gantry/sleepers:0")->UseRealTime();
BENCHMARK(wait_changed)->Name("wait_changed/gantry/threads:1")->UseRealTime();

// The same with a mutex, a condition variable and a bool.
class std_parker {
public:
    void park() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return token_; });
        token_ = false;
    }
    void unpark() {
        const std::scoped_lock lock(mutex_);
        token_ = true;
        changed_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool token_ = false;
};

// Two threads hand one token to and fro; an item is a round trip.
template<class Parker>
void round_trip(benchmark::State& state) {
    Parker there;
    Parker back;
    std::atomic<bool> stop{false};
    const std::jthread other([&] {
        for (;;) {
            there.park();
            if (stop.load(std::memory_order_relaxed)) // relaxed: stale-ok
                return;
            back.unpark();
        }
    });
    for ([[maybe_unused]] auto _ : state) {
        there.unpark();
        back.park();
    }
    stop.store(true, std::memory_order_relaxed); // relaxed: stale-ok
    there.unpark();
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(round_trip<gantry::parker>)->Name("park_round_trip/gantry/threads:2")->UseRealTime();
BENCHMARK(round_trip<std_parker>)->Name("park_round_trip/std_condition_variable/threads:2")->UseRealTime();

} // namespace

BENCHMARK_MAIN();

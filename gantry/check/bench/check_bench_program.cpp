// SPDX-License-Identifier: MIT
// How fast models are explored: items are complete executions. One call of model() for each iteration, so that the
// figures include what a call costs. In switch/... an item is a switch between two threads.
#include <gantry/check/model.hpp>
#include <gantry/check/runtime/detail/fiber.hpp>

#include <benchmark/benchmark.h>

#include <ucontext.h>

#include <array>
#include <atomic>
#include <thread>

namespace {

using gantry::check::model_options;
using gantry::check::model_result;
using gantry::check::search;

std::atomic<int> x{0};
std::atomic<int> y{0};

constexpr auto relaxed = std::memory_order_relaxed;

void sb() {
    std::thread a([] {
        x.store(1, relaxed);
        benchmark::DoNotOptimize(y.load(relaxed));
    });
    std::thread b([] {
        y.store(1, relaxed);
        benchmark::DoNotOptimize(x.load(relaxed));
    });
    a.join();
    b.join();
}

void iriw() {
    constexpr auto sc = std::memory_order_seq_cst;
    std::array<std::thread, 4> threads{std::thread([] { x.store(1, sc); }), std::thread([] { y.store(1, sc); }),
                                       std::thread([] {
                                           benchmark::DoNotOptimize(x.load(sc));
                                           benchmark::DoNotOptimize(y.load(sc));
                                       }),
                                       std::thread([] {
                                           benchmark::DoNotOptimize(y.load(sc));
                                           benchmark::DoNotOptimize(x.load(sc));
                                       })};
    for (std::thread& t : threads) {
        t.join();
    }
}

template<std::size_t N>
void fetch_add() {
    std::array<std::thread, N> threads;
    for (std::thread& t : threads) {
        t = std::thread([] { x.fetch_add(1, relaxed); });
    }
    for (std::thread& t : threads) {
        t.join();
    }
}

// Linux's old reader-writer lock: each of two threads reads, then writes.
constexpr int bias = 0x0010'0000;
std::atomic<int> word{bias};
int guarded = 0;

void read_lock() {
    while (word.fetch_sub(1, std::memory_order_acquire) <= 0) {
        word.fetch_add(1, relaxed);
        while (word.load(relaxed) <= 0) {
        }
    }
}

void write_lock() {
    while (word.fetch_sub(bias, std::memory_order_acquire) != bias) {
        word.fetch_add(bias, relaxed);
        while (word.load(relaxed) != bias) {
        }
    }
}

void rwlock() {
    const auto enter = [] {
        read_lock();
        benchmark::DoNotOptimize(guarded);
        word.fetch_add(1, std::memory_order_release);
        write_lock();
        ++guarded;
        word.fetch_add(bias, std::memory_order_release);
    };
    std::thread a(enter);
    std::thread b(enter);
    a.join();
    b.join();
}

void run(benchmark::State& state, void (*body)(), const model_options& options, std::uint64_t right) {
    std::uint64_t graphs = 0;
    model_options one_process = options;
    one_process.workers = 1;
    for (auto _ : state) {
        const model_result result = gantry::check::model(one_process, body);
        graphs += result.graphs;
        if (!result.ok() || (right != 0 && result.graphs != right)) {
            state.SkipWithError("wrong number of graphs");
            return;
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(graphs));
}

void sb_exact(benchmark::State& state) {
    run(state, sb, {}, 4);
}

void sb_random(benchmark::State& state) {
    run(state, sb, {.mode = search::random, .executions_max = 10'000}, 10'000);
}

void iriw_exact(benchmark::State& state) {
    run(state, iriw, {}, 15);
}

void fetch_add_exact(benchmark::State& state) {
    run(state, fetch_add<8>, {}, 40'320);
}

void rwlock_exact(benchmark::State& state) {
    run(state, rwlock, {}, 222);
}

// There and back, over and over: what a switch between modelled threads costs, with the thread pointer as programs that
// have thread_locals need it, and without. The C library's own never changes it.
namespace runtime = gantry::check::runtime;

using switcher = void (*)(runtime::fiber&, runtime::fiber&) noexcept;

runtime::fiber host;

template<switcher Switch>
__attribute__((no_sanitize("thread"))) void bounce(void* self) {
    for (;;) {
        Switch(*static_cast<runtime::fiber*>(self), host);
    }
}

template<switcher Switch>
__attribute__((no_sanitize("thread"))) void switch_fiber(benchmark::State& state) {
    runtime::fiber& other = runtime::fiber_at(runtime::threads_max - 1);
    runtime::fiber_adopt(host);
    runtime::fiber_reset(other, bounce<Switch>, &other);
    for (auto _ : state) {
        Switch(host, other);
    }
    state.SetItemsProcessed(2 * state.iterations());
}

ucontext_t host_context;
ucontext_t other_context;

__attribute__((no_sanitize("thread"))) void bounce_context() {
    for (;;) {
        swapcontext(&other_context, &host_context);
    }
}

__attribute__((no_sanitize("thread"))) void switch_swapcontext(benchmark::State& state) {
    // Not static: what is static is put back before each execution of the models above.
    const std::unique_ptr<std::array<char, 64 * 1024>> stack = std::make_unique<std::array<char, 64 * 1024>>();
    getcontext(&other_context);
    other_context.uc_stack.ss_sp = stack->data();
    other_context.uc_stack.ss_size = stack->size();
    makecontext(&other_context, bounce_context, 0);
    for (auto _ : state) {
        swapcontext(&host_context, &other_context);
    }
    state.SetItemsProcessed(2 * state.iterations());
}

BENCHMARK(switch_fiber<runtime::fiber_switch_whole>)->Name("switch/gantry/fiber")->UseRealTime();
BENCHMARK(switch_fiber<runtime::fiber_switch>)->Name("switch/gantry/fiber_without_thread_locals")->UseRealTime();
BENCHMARK(switch_swapcontext)->Name("switch/swapcontext/stack")->UseRealTime();
BENCHMARK(rwlock_exact)->Name("rwlock/gantry/threads:2")->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(sb_exact)->Name("sb/gantry/exact")->UseRealTime();
BENCHMARK(sb_random)->Name("sb/gantry/random")->UseRealTime();
BENCHMARK(iriw_exact)->Name("iriw/gantry/exact")->UseRealTime();
BENCHMARK(fetch_add_exact)->Name("fetch_add/gantry/threads:8")->UseRealTime()->Unit(benchmark::kMillisecond);

} // namespace

BENCHMARK_MAIN();

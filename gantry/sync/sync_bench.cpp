// SPDX-License-Identifier: MIT
// lock_unlock/<implementation>/threads:N: each thread adds one to a shared plain counter under the lock.
#include <gantry/sync/mutex.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <mutex>

namespace {

template<class Mutex>
void lock_unlock(benchmark::State& state) {
    static Mutex mutex;
    static std::int64_t counter = 0;
    static std::int64_t before = 0;
    if (state.thread_index() == 0) {
        const std::scoped_lock lock(mutex);
        before = counter;
    }
    for ([[maybe_unused]] auto _ : state) {
        const std::scoped_lock lock(mutex);
        ++counter;
    }
    state.SetItemsProcessed(state.iterations());
    // The library lets no thread leave the loop before all have finished it.
    const std::scoped_lock lock(mutex);
    if (state.thread_index() == 0 && counter - before != state.iterations() * state.threads())
        state.SkipWithError("an increment was lost");
}
BENCHMARK(lock_unlock<gantry::sync::mutex>)->Name("lock_unlock/gantry")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<std::mutex>)->Name("lock_unlock/std_mutex")->UseRealTime()->ThreadRange(1, 16);

} // namespace

BENCHMARK_MAIN();

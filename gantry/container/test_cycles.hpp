// SPDX-License-Identifier: MIT
#pragma once
// The workload of stack_cycle and queue_cycle: each thread pushes an element of 24 bytes and pops one, on one structure
// that they share. One item is one such pair. heap_peak: what the process's heap grew by at most, looked at now and
// then by the first thread: elements, nodes, garbage, records.
#include <gantry/reclaim/test_peers.hpp>

#include <benchmark/benchmark.h>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace gantry::container::test {

struct element {
    std::uint64_t thread;
    std::uint64_t number;
    std::uint64_t sum; // of the two
};

template<class Structure, class Attachment = reclaim::test::no_attachment>
void cycles(benchmark::State& state) {
    [[maybe_unused]] const Attachment attachment{};
    static std::unique_ptr<Structure> shared;
    static std::size_t heap_before = 0;
    if (state.thread_index() == 0) {
        heap_before = mallinfo2().uordblks;
        shared = std::make_unique<Structure>();
    }
    std::uint64_t number = 0;
    std::uint64_t wrong = 0;
    std::size_t heap_peak = 0;
    const auto thread = static_cast<std::uint64_t>(state.thread_index());
    for ([[maybe_unused]] auto _ : state) {
        shared->push(element{.thread = thread, .number = number, .sum = thread + number});
        std::optional<element> got = shared->try_pop();
        // Somebody's element is there: each thread pushes before it pops.
        while (!got)
            got = shared->try_pop();
        wrong += got->sum != got->thread + got->number;
        if (++number % 65536 == 0 && thread == 0)
            heap_peak = std::max(heap_peak, static_cast<std::size_t>(mallinfo2().uordblks));
    }
    state.SetItemsProcessed(state.iterations());
    if (wrong != 0)
        state.SkipWithError("an element was not what was pushed");
    if (state.thread_index() == 0) {
        heap_peak = std::max(heap_peak, static_cast<std::size_t>(mallinfo2().uordblks));
        if (shared->try_pop())
            state.SkipWithError("an element was left over");
        shared.reset();
        state.counters["heap_peak"] =
            benchmark::Counter(static_cast<double>(heap_peak - std::min(heap_peak, heap_before)),
                               benchmark::Counter::kDefaults, benchmark::Counter::kIs1024);
    }
}

} // namespace gantry::container::test

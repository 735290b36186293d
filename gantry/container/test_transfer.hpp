// SPDX-License-Identifier: MIT
#pragma once
// The workload of spsc and mpmc: threads hand 64-bit numbers over, each side tries again, with gantry's back-off, when
// it was refused. One item is one number; the sum of what arrives is checked.
#include <gantry/base/backoff.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

namespace gantry::container::test {

// A queue has push(value) -> bool and pop(value&) -> bool.
template<class Queue>
void push_all(Queue& queue, std::uint64_t first, std::uint64_t end) {
    for (; first != end; ++first) {
        backoff pause;
        while (!queue.push(first))
            pause.pause();
    }
}

template<class Queue>
std::uint64_t pop_all(Queue& queue, std::uint64_t count) {
    std::uint64_t sum = 0;
    for (; count != 0; --count) {
        backoff pause;
        std::uint64_t value = 0;
        while (!queue.pop(value))
            pause.pause();
        sum += value;
    }
    return sum;
}

inline constexpr std::size_t batch_size = 32;

// The same with push_some(span) -> how many and pop_some(span) -> how many.
template<class Queue>
void push_all_in_batches(Queue& queue, std::uint64_t first, std::uint64_t end) {
    std::array<std::uint64_t, batch_size> batch{};
    while (first != end) {
        std::size_t size = 0;
        while (size != batch_size && first != end)
            batch[size++] = first++;
        std::span<std::uint64_t> left = std::span(batch).first(size);
        backoff pause;
        while (!left.empty()) {
            const std::size_t pushed = queue.push_some(left);
            if (pushed == 0)
                pause.pause();
            left = left.subspan(pushed);
        }
    }
}

template<class Queue>
std::uint64_t pop_all_in_batches(Queue& queue, std::uint64_t count) {
    std::array<std::uint64_t, batch_size> batch{};
    std::uint64_t sum = 0;
    backoff pause;
    while (count != 0) {
        const std::size_t popped = queue.pop_some(std::span(batch).first(count < batch_size ? count : batch_size));
        if (popped == 0) {
            pause.pause();
            continue;
        }
        pause.reset();
        for (std::size_t i = 0; i != popped; ++i)
            sum += batch[i];
        count -= popped;
    }
    return sum;
}

// Half of the threads push, half pop; one thread alone pushes and pops in turn. How many numbers went over.
template<class Queue, bool Batches = false>
[[nodiscard]] std::int64_t transfer(benchmark::State& state, std::size_t capacity, std::uint64_t threads) {
    const std::uint64_t numbers = capacity < 64 ? 100'000 : 400'000;
    bool right = true;
    for ([[maybe_unused]] auto _ : state) {
        Queue queue(capacity);
        std::atomic<std::uint64_t> sum{0};
        if (threads == 1) {
            std::uint64_t mine = 0;
            for (std::uint64_t i = 0; i != numbers; ++i) {
                std::uint64_t value = 0;
                if (!queue.push(i) || !queue.pop(value))
                    break;
                mine += value;
            }
            sum.store(mine, std::memory_order_relaxed);
        } else {
            const std::uint64_t each = numbers / (threads / 2);
            std::vector<std::jthread> workers;
            for (std::uint64_t i = 0; i != threads / 2; ++i) {
                workers.emplace_back([&queue, first = i * each, end = (i + 1) * each] {
                    if constexpr (Batches)
                        push_all_in_batches(queue, first, end);
                    else
                        push_all(queue, first, end);
                });
                workers.emplace_back([&queue, &sum, each] {
                    std::uint64_t mine = 0;
                    if constexpr (Batches)
                        mine = pop_all_in_batches(queue, each);
                    else
                        mine = pop_all(queue, each);
                    sum.fetch_add(mine, std::memory_order_relaxed);
                });
            }
        }
        right = right && sum.load(std::memory_order_relaxed) == numbers * (numbers - 1) / 2;
    }
    if (!right)
        state.SkipWithError("a number was lost or doubled");
    return state.iterations() * static_cast<std::int64_t>(numbers);
}

} // namespace gantry::container::test

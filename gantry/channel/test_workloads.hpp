// SPDX-License-Identifier: MIT
#pragma once
// What bench_channel asks of an implementation. Its loops are compiled once for each implementation, the workloads
// (channel_bench.cpp) once in all: a call through the table is made once a thread, not once a message.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace gantry::channel::test {

inline constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
inline constexpr std::size_t capacities[] = {0, 1, 16, 1024, no_limit};

inline std::string full_name(const std::string& workload, const std::string& implementation, std::size_t capacity) {
    return workload + '/' + implementation + "/cap:" + (capacity == no_limit ? "unbounded" : std::to_string(capacity));
}

// A round's messages go through one channel. Many, so that starting threads does not count; not more, so that an
// unbounded channel whose receiver is slow does not measure the machine's memory.
inline constexpr std::uint64_t round_messages = 1'000'000;

// Runs all iterations in rounds: one(messages) -> whether it was right. How many messages there were.
template<class Round>
[[nodiscard]] std::int64_t in_rounds(benchmark::State& state, Round one) {
    bool right = true;
    std::int64_t items = 0;
    const auto size = std::min<std::uint64_t>(static_cast<std::uint64_t>(state.max_iterations), round_messages);
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(size))) {
        right = one(size) && right;
        items += static_cast<std::int64_t>(size);
    }
    if (!right)
        state.SkipWithError("lost or doubled a message");
    return items;
}

inline std::uint64_t sum_below(std::uint64_t count) {
    return count * (count - 1) / 2;
}

struct message_of_64_bytes {
    message_of_64_bytes() = default;
    explicit message_of_64_bytes(std::uint64_t n) : number(n) {}

    std::uint64_t number = 0;
    std::array<std::uint64_t, 7> more{};
};

inline std::uint64_t number_of(std::uint64_t message) {
    return message;
}
inline std::uint64_t number_of(const message_of_64_bytes& message) {
    return message.number;
}

inline constexpr std::size_t batch_size = 64;

// One channel. Messages carry numbers.
class subject {
public:
    subject() = default;
    subject(const subject&) = delete;
    subject& operator=(const subject&) = delete;
    virtual ~subject() = default;

    virtual void push(std::uint64_t first, std::uint64_t count) = 0;  // first, first + 1, ...
    [[nodiscard]] virtual std::uint64_t pop(std::uint64_t count) = 0; // their sum
    virtual void push_in_batches(std::uint64_t first, std::uint64_t count) = 0;
    [[nodiscard]] virtual std::uint64_t pop_in_batches(std::uint64_t count) = 0;
    // `burst` in, then out, `times` times: the sum.
    [[nodiscard]] virtual std::uint64_t push_then_pop(std::uint64_t burst, std::uint64_t times) = 0;
};

// A Queue is made with its capacity and has push(T), which waits, and pop() -> T, which waits. Batches where it has
// push_batch(span) and pop_batch(T*, max) -> how many.
template<class Queue, class T>
class subject_of final : public subject {
public:
    explicit subject_of(std::size_t capacity) : queue_(capacity) {}

    void push(std::uint64_t first, std::uint64_t count) override {
        for (const std::uint64_t end = first + count; first != end; ++first)
            queue_.push(T(first));
    }
    [[nodiscard]] std::uint64_t pop(std::uint64_t count) override {
        std::uint64_t sum = 0;
        for (; count != 0; --count)
            sum += number_of(queue_.pop());
        return sum;
    }
    void push_in_batches(std::uint64_t first, std::uint64_t count) override {
        if constexpr (batches) {
            std::array<T, batch_size> batch;
            const std::uint64_t end = first + count;
            while (first != end) {
                std::size_t size = 0;
                while (size != batch_size && first != end)
                    batch[size++] = T(first++);
                queue_.push_batch(std::span(batch).first(size));
            }
        } else {
            push(first, count);
        }
    }
    [[nodiscard]] std::uint64_t pop_in_batches(std::uint64_t count) override {
        if constexpr (batches) {
            std::array<T, batch_size> batch;
            std::uint64_t sum = 0;
            while (count != 0) {
                const std::size_t taken = queue_.pop_batch(batch.data(), count < batch_size ? count : batch_size);
                for (std::size_t i = 0; i != taken; ++i)
                    sum += number_of(batch[i]);
                count -= taken;
            }
            return sum;
        } else {
            return pop(count);
        }
    }
    [[nodiscard]] std::uint64_t push_then_pop(std::uint64_t burst, std::uint64_t times) override {
        std::uint64_t sum = 0;
        for (; times != 0; --times) {
            for (std::uint64_t i = 0; i != burst; ++i)
                queue_.push(T(i));
            for (std::uint64_t i = 0; i != burst; ++i)
                sum += number_of(queue_.pop());
        }
        return sum;
    }

    static constexpr bool batches = requires(Queue& q, std::span<T> values) {
        q.push_batch(values);
        q.pop_batch(values.data(), values.size());
    };

private:
    Queue queue_;
};

struct yields {
    void pause() { std::this_thread::yield(); }
};

// A Queue with try_push(const T&) and try_pop(T&): tries again, as there is no waiting without the queue's help.
template<class Queue, class T, class Between = yields>
class retrying : Queue {
public:
    using Queue::Queue;

    void push(T value) {
        Between between;
        while (!Queue::try_push(value))
            between.pause();
    }
    [[nodiscard]] T pop() {
        T value{};
        Between between;
        while (!Queue::try_pop(value))
            between.pause();
        return value;
    }
};

struct implementation {
    using maker = std::unique_ptr<subject> (*)(std::size_t capacity);

    std::string name;
    std::size_t capacity_min = 1; // of the bounded kind; no_limit: there is none
    bool unbounded = false;
    bool waits = true;    // false: a try-only queue in a loop that tries again
    bool for_two = false; // one sender, one receiver only
    maker make = nullptr; // of 64-bit numbers
    maker make_64_bytes = nullptr;
    bool batches = false;

    [[nodiscard]] bool has(std::size_t capacity) const {
        return capacity == no_limit ? unbounded : capacity >= capacity_min;
    }
};

inline std::vector<implementation>& implementations() {
    static std::vector<implementation> all;
    return all;
}

// For a namespace-scope constant of each file.
template<template<class> class Queue>
bool add(implementation described) {
    described.make = [](std::size_t capacity) -> std::unique_ptr<subject> {
        return std::make_unique<subject_of<Queue<std::uint64_t>, std::uint64_t>>(capacity);
    };
    described.make_64_bytes = [](std::size_t capacity) -> std::unique_ptr<subject> {
        return std::make_unique<subject_of<Queue<message_of_64_bytes>, message_of_64_bytes>>(capacity);
    };
    described.batches = subject_of<Queue<std::uint64_t>, std::uint64_t>::batches;
    implementations().push_back(std::move(described));
    return true;
}

} // namespace gantry::channel::test

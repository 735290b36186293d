// SPDX-License-Identifier: MIT
#pragma once
//
// Element types for the containers' tests: each has a number and one awkward property.
//
// Use it when a test is typed over elements. Do not use it when writing library code.
//
// Threads: values; the counters are atomic. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: throwing_element throws
// where its switch says. Lifetime: n/a. Origin: n/a.
//
// Ordering ledger
// Relaxed used as: stats (the number of live objects, read when all threads are joined)

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

namespace gantry::container::test {

struct move_only_element {
    explicit move_only_element(std::uint32_t number = 0) : owned(std::make_unique<std::uint32_t>(number)) {}
    [[nodiscard]] std::uint32_t number() const { return owned ? *owned : ~0U; }
    std::unique_ptr<std::uint32_t> owned; // on the heap, so that the sanitizers see a leak or a use after free
};

struct alignas(256) over_aligned_element {
    explicit over_aligned_element(std::uint32_t number = 0) : value(number) {}
    [[nodiscard]] std::uint32_t number() const {
        return reinterpret_cast<std::uintptr_t>(this) % 256 == 0 ? value : ~0U; // a misplaced one has no number
    }
    std::uint32_t value;
};

// Knows how many of it live.
struct counting_element {
    explicit counting_element(std::uint32_t number = 0) : value(number) { add(1); }
    counting_element(const counting_element& other) : value(other.value) { add(1); }
    counting_element(counting_element&& other) noexcept : value(std::exchange(other.value, ~0U)) { add(1); }
    counting_element& operator=(counting_element&& other) noexcept {
        value = std::exchange(other.value, ~0U);
        return *this;
    }
    ~counting_element() { add(-1); }
    [[nodiscard]] std::uint32_t number() const { return value; }

    static std::int64_t alive() { return alive_.load(std::memory_order_relaxed); } // relaxed: stats

    std::uint32_t value;

private:
    static void add(std::int64_t change) { alive_.fetch_add(change, std::memory_order_relaxed); } // relaxed: stats
    static inline std::atomic<std::int64_t> alive_{0};
};

// Its move throws when told to, before anything has changed.
struct throwing_element {
    explicit throwing_element(std::uint32_t number = 0) : value(number) {
        if (number == refused)
            throw std::runtime_error("make");
        add(1);
    }
    throwing_element(throwing_element&& other) noexcept(false) : value(other.value) {
        count_move();
        other.value = ~0U;
        add(1);
    }
    throwing_element& operator=(throwing_element&& other) noexcept(false) {
        count_move();
        value = std::exchange(other.value, ~0U);
        return *this;
    }
    ~throwing_element() { add(-1); }
    [[nodiscard]] std::uint32_t number() const { return value; }

    static std::int64_t alive() { return alive_.load(std::memory_order_relaxed); } // relaxed: stats

    static constexpr std::uint32_t refused = 666; // a number that cannot be made
    std::uint32_t value;
    static inline thread_local int moves_until_throw = 0; // 0: never

private:
    static void add(std::int64_t change) { alive_.fetch_add(change, std::memory_order_relaxed); } // relaxed: stats
    static inline std::atomic<std::int64_t> alive_{0};
    static void count_move() {
        if (moves_until_throw == 0)
            return;
        --moves_until_throw;
        if (moves_until_throw == 0)
            throw std::runtime_error("move");
    }
};

} // namespace gantry::container::test

// SPDX-License-Identifier: MIT
#pragma once
//
// seqlock<T>: a small value that is read by copying it, without writing anything; readers never make a writer wait.
//
// Use it when a few words are read very often, must be consistent, and change now and then (a clock, a configuration).
// Do not use it when T fits into one atomic; when T is large or owns memory -> shared_mutex.hpp; when a reader must get
// an answer in bounded time while writers are busy: it starts again after each write that meets it.
//
//     gantry::sync::seqlock<point> position(point{0, 0});
//     position.store({3, 4});
//     const point now = position.load();
//
// seqlock<T> has one writer (at a time; the caller sees to that); seqlock<T, seqlock_writers::many> lets writers wait
// for each other.
//
// Threads: load() and try_load() from any thread; store() and update() from one at a time, or from any with `many`.
// Progress: try_load() is wait-free; load() retries as long as writers meet it; store() is wait-free with one writer.
//   Writers of `many` wait for each other by backing off, they do not sleep: for writes that are rare. A writer that
//   stops in the middle stops readers and writers. Nothing allocates.
// Ordering: what happened before a store() is seen after a load() that returns its value or a later one. Linearizable:
// a
//   store at its second change of the sequence, a load at its first look at it.
// Cost: 8 bytes and T, rounded up to words. A load reads the sequence twice and each word once, all plain loads on
//   x86-64 (acquire ones elsewhere); a store writes the sequence twice and each word once.
// Failure: try_load() says nothing when a writer met it. What the function of update() throws leaves the old value.
// Lifetime: as any object. T must be trivially copyable: a torn copy of it must do no harm before it is thrown away;
//   its padding is copied, too.
// Origin: the sequence locks of Linux (Hemminger 2002); data as relaxed atomics after Boehm, "Can seqlocks get along
// with
//   programming language memory models?", 2012; where that needs fences, the words themselves are stored with release
//   and loaded with acquire, which ThreadSanitizer understands.
//
// Ordering ledger
//   begin : write, data store (release)      ->  try_load, data load (acquire)         carries: the odd sequence
//   end   : write, sequence store (release)  ->  try_load, first sequence load (acquire), and the next writer's
//           compare-exchange (acquire)   carries: the data
// Relaxed used as: owner (the writer's own look), revalidated (the reader's second look: equal to the first, or the
// copy
//   is thrown away)

#include <gantry/base/backoff.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace gantry::sync {

enum class seqlock_writers : std::uint8_t { one, many };

template<class T, seqlock_writers Writers = seqlock_writers::one>
class seqlock {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    seqlock() noexcept(std::is_nothrow_default_constructible_v<T>)
    requires std::is_default_constructible_v<T>
        : seqlock(T{}) {}
    explicit seqlock(const T& value) noexcept { write(value); }
    seqlock(const seqlock&) = delete;
    seqlock& operator=(const seqlock&) = delete;
    ~seqlock() = default;

    [[nodiscard]] T load() const noexcept {
        words copy;
        for (backoff backoff; !try_read(copy);)
            backoff.pause();
        return to_value(copy);
    }

    // Nothing when a writer was there.
    [[nodiscard]] std::optional<T> try_load() const noexcept {
        words copy;
        if (try_read(copy))
            return to_value(copy);
        return std::nullopt;
    }

    void store(const T& value) noexcept {
        begin();
        write(value);
        end();
    }

    // Stores what change(the value now) returns, and returns it.
    template<class Change>
    T update(Change change) {
        if constexpr (Writers == seqlock_writers::one) {
            const T value = change(to_value(own()));
            store(value);
            return value;
        } else {
            struct section {
                seqlock& lock;
                explicit section(seqlock& of) noexcept : lock(of) { lock.begin(); }
                ~section() { lock.end(); }
            } turn(*this);
            const T value = change(to_value(own()));
            write(value);
            return value;
        }
    }

private:
    using word = std::uintptr_t;
    static constexpr std::size_t words_count = (sizeof(T) + sizeof(word) - 1) / sizeof(word);
    static constexpr std::size_t unrolled_max = 8;
    using words = std::array<word, words_count>;

    [[nodiscard]] static T to_value(const words& from) noexcept {
        if constexpr (sizeof(T) == sizeof(words)) {
            return std::bit_cast<T>(from);
        } else {
            std::array<std::byte, sizeof(T)> bytes;
            std::memcpy(bytes.data(), from.data(), sizeof(T));
            return std::bit_cast<T>(bytes);
        }
    }

    // Word by word by name, so that a small value stays in registers: g++ keeps a loop over atomics, whose stores to
    // the stack a copy of the value by vector instructions then has to wait for.
    template<std::size_t... I>
    void read_all(words& copy, std::index_sequence<I...>) const noexcept {
        ((copy[I] = data_[I].load(std::memory_order_acquire)), ...); // order: begin.r
    }

    [[nodiscard]] bool try_read(words& copy) const noexcept {
        const std::uint64_t before = sequence_.load(std::memory_order_acquire); // order: end.r
        if ((before & 1U) != 0)
            return false;
        if constexpr (words_count <= unrolled_max) {
            read_all(copy, std::make_index_sequence<words_count>());
        } else {
            for (std::size_t i = 0; i != words_count; ++i)
                copy[i] = data_[i].load(std::memory_order_acquire); // order: begin.r
        }
        return sequence_.load(std::memory_order_relaxed) == before; // relaxed: revalidated
    }

    // The writer's own look.
    [[nodiscard]] words own() const noexcept {
        words copy;
        for (std::size_t i = 0; i != words_count; ++i)
            copy[i] = data_[i].load(std::memory_order_relaxed); // relaxed: owner
        return copy;
    }

    void begin() noexcept {
        if constexpr (Writers == seqlock_writers::one) {
            const std::uint64_t even = sequence_.load(std::memory_order_relaxed); // relaxed: owner
            sequence_.store(even + 1, std::memory_order_relaxed);                 // relaxed: owner
        } else {
            backoff backoff;
            for (;;) {
                std::uint64_t seen = sequence_.load(std::memory_order_relaxed); // relaxed: revalidated
                // order: end.r; relaxed: revalidated
                if ((seen & 1U) == 0 && sequence_.compare_exchange_strong(seen, seen + 1, std::memory_order_acquire,
                                                                          std::memory_order_relaxed))
                    return;
                backoff.pause();
            }
        }
    }
    void write(const T& value) noexcept {
        words copy{};
        std::memcpy(copy.data(), std::addressof(value), sizeof(T));
        for (std::size_t i = 0; i != words_count; ++i)
            data_[i].store(copy[i], std::memory_order_release); // order: begin.w
    }
    void end() noexcept {
        const std::uint64_t odd = sequence_.load(std::memory_order_relaxed); // relaxed: owner
        sequence_.store(odd + 1, std::memory_order_release);                 // order: end.w
    }

    std::atomic<std::uint64_t> sequence_{0};
    std::array<std::atomic<word>, words_count> data_{};
};

} // namespace gantry::sync

// SPDX-License-Identifier: MIT
#pragma once
//
// deque: a work-stealing deque: its owner pushes and pops at one end, any other thread steals from the other.
//
// Use it when a thread makes work for itself and others take some of it when they have none: the heart of a pool.
// Do not use it when threads are equals, or order matters -> bounded_queue, queue.
//
//     gantry::container::deque<job*> jobs;
//     jobs.push(&mine);                                  // the owner
//     const std::optional<job*> newest = jobs.try_pop(); // the owner
//     const auto oldest = jobs.try_steal();              // anybody: a job, or why not
//
// T is trivially copyable and fits a lock-free atomic: a thief reads an element before it knows whether it may have it,
// while the owner may already be writing the next one there. What does not fit is pointed to.
//
// Threads: push(), try_pop() and reserve() from one thread at a time, the owner; try_steal(), size() from any.
// Progress: wait-free, but for the memory that a growing push() asks for. A thief that lost to another is told so.
// Ordering: what happened before a push is seen by who pops or steals the element. Linearizable, refusals included (a
//   steal that lost did nothing). Linearization: push, the store of bottom_; a pop, its store of bottom_, or for the
//   last element the compare-exchange of top_; a steal, the compare-exchange of top_; "empty", the load that says so.
// Cost: a word for each element of a power of two, three blocks of cache_line_bytes. push: one release store; try_pop:
//   one seq_cst store (an exchange on x86-64) and, for the last element, a compare-exchange; try_steal: one
//   compare-exchange.
// Failure: push() throws std::bad_alloc and leaves the deque as it was. try_steal() says `empty` or `lost`.
// Lifetime: elements are trivial, none is destroyed. No thread may use it when it goes. Old arrays live as long: their
//   sizes double, so together they are smaller than the newest.
// Origin: Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005), with orders derived from Le, Pop, Cohen,
//   Zappa Nardelli (PPoPP 2013); seq_cst accesses take the place of their fences.
//
// Ordering ledger
//   publish    : push, bottom_ store (release)  ->  try_steal, bottom_ load (acquire)   carries: what the element
//                leads to
//   array      : grow, array_ store (release)  ->  try_steal, array_ load (acquire)   carries: the copied elements
//   free       : try_steal, top_ compare-exchange (release)  ->  push, top_ load (acquire)   carries: that the slot has
//                been read before it is written again
//   agree      : try_pop, bottom_ store, and try_steal, top_ compare-exchange (seq_cst)  ->  try_pop, top_ load, and
//                try_steal, loads of both (seq_cst)   carries: nothing; the owner and a thief never both believe that
//                the last element is not the last
//   spoken_for : try_pop, top_ compare-exchange (release)  ->  try_steal, top_ load (acquire)   carries: the lower
//                bottom_, or a thief would go on to an element that was popped long ago
// Relaxed used as: owner (bottom_, array_ in the owner), revalidated (a slot, before top_ says whose it is), stale-ok
//   (size)

#include <gantry/base/assert.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/base/tuning.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace gantry::container {

enum class steal_errc : std::uint8_t {
    empty = 1, // there was nothing
    lost,      // another thread took what this one was about to take: there may be more
};

template<class T>
concept deque_element =
    std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && std::atomic<T>::is_always_lock_free;

template<deque_element T>
class deque {
public:
    // Room for so many elements from the start, at least.
    explicit deque(std::size_t capacity = tuning::deque_slots_min)
        : array_(new array(std::bit_ceil(std::max(capacity, tuning::deque_slots_min)), nullptr)) {}
    deque(const deque&) = delete;
    deque& operator=(const deque&) = delete;
    ~deque() { delete array_.load(std::memory_order_relaxed); } // relaxed: owner

    // The owner: adds the newest element.
    void push(T value) {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed); // relaxed: owner
        array* a = array_.load(std::memory_order_relaxed);                   // relaxed: owner
        if (bottom - top_seen_ >= a->size()) {
            // order: free.r. UNPROVEN: RC11, which the checker has, knows no load that sees what is stored behind it
            top_seen_ = top_.load(std::memory_order_acquire);
            if (bottom - top_seen_ >= a->size())
                a = grow(a, bottom);
        }
        a->at(bottom).store(value, std::memory_order_relaxed); // relaxed: revalidated
        bottom_.store(bottom + 1, std::memory_order_release);  // order: publish.w
    }

    // The owner: takes the newest element.
    [[nodiscard]] std::optional<T> try_pop() {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1; // relaxed: owner
        // What was empty when it was looked at last is empty still: only the owner adds.
        if (bottom < top_seen_)
            return std::nullopt;
        const array* const a = array_.load(std::memory_order_relaxed); // relaxed: owner
        // Thieves must see that the element is spoken for before this thread looks what they have.
        bottom_.store(bottom, std::memory_order_seq_cst);        // order: agree.w, publish.w
        std::int64_t top = top_.load(std::memory_order_seq_cst); // order: agree.r, free.r
        top_seen_ = top;
        if (top < bottom)
            return a->at(bottom).load(std::memory_order_relaxed); // relaxed: owner
        std::optional<T> popped;
        if (top == bottom) {
            // The last element: whoever moves top_ has it.
            // order: spoken_for.w; relaxed: stale-ok
            if (top_.compare_exchange_strong(top, top + 1, std::memory_order_release, std::memory_order_relaxed))
                popped = a->at(bottom).load(std::memory_order_relaxed); // relaxed: owner
            top_seen_ = bottom + 1;
        }
        bottom_.store(bottom + 1, std::memory_order_relaxed); // relaxed: owner (empty: nobody takes anything by it)
        return popped;
    }

    // Anybody: takes the oldest element.
    [[nodiscard]] std::expected<T, steal_errc> try_steal() {
        std::int64_t top = top_.load(std::memory_order_seq_cst);             // order: agree.r, spoken_for.r
        const std::int64_t bottom = bottom_.load(std::memory_order_seq_cst); // order: agree.r, publish.r
        if (top >= bottom)
            return std::unexpected(steal_errc::empty);
        const array* const a = array_.load(std::memory_order_acquire); // order: array.r
        const T value = a->at(top).load(std::memory_order_relaxed);    // relaxed: revalidated
        // order: agree.w, free.w; relaxed: stale-ok
        if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed))
            return std::unexpected(steal_errc::lost);
        return value;
    }

    // How many elements there are, of two moments: exact for the owner when nobody steals, for others a guess.
    [[nodiscard]] std::size_t size() const noexcept {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed); // relaxed: stale-ok
        const std::int64_t top = top_.load(std::memory_order_relaxed);       // relaxed: stale-ok
        return static_cast<std::size_t>(std::max<std::int64_t>(bottom - top, 0));
    }

    // The owner: for how many elements there is memory.
    [[nodiscard]] std::size_t capacity() const noexcept {
        return static_cast<std::size_t>(array_.load(std::memory_order_relaxed)->size()); // relaxed: owner
    }

private:
    class array {
    public:
        array(std::size_t size, array* older) : slots_(new std::atomic<T>[size]), mask_(size - 1), older_(older) {}
        [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(mask_ + 1); }
        [[nodiscard]] std::atomic<T>& at(std::int64_t index) const noexcept {
            return slots_[static_cast<std::size_t>(index) & mask_];
        }

    private:
        const std::unique_ptr<std::atomic<T>[]> slots_;
        const std::size_t mask_;
        const std::unique_ptr<array> older_; // a thief may still be reading it
    };

    [[gnu::noinline]] array* grow(array* old, std::int64_t bottom) {
        auto* const bigger = new array(static_cast<std::size_t>(old->size()) * 2, old);
        for (std::int64_t i = top_seen_; i != bottom; ++i) {
            // relaxed: pre-publish, owner
            bigger->at(i).store(old->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
        }
        array_.store(bigger, std::memory_order_release); // order: array.w
        return bigger;
    }

    // shared atomics
    alignas(cache_line_bytes) std::atomic<std::int64_t> bottom_{0}; // where the next push goes; the owner writes it
    std::int64_t top_seen_ = 0;                                     // the owner's: top_ when it was looked at last
    std::atomic<array*> array_;                                     // the owner writes it
    alignas(cache_line_bytes) std::atomic<std::int64_t> top_{0};    // the oldest element
};

} // namespace gantry::container

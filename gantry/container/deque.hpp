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
// Threads: push(), try_pop() and capacity() from one thread at a time, the owner; try_steal(), size() from any.
// Progress: push() and try_pop() are wait-free, but for the memory of a new array and the scheme's notes; try_steal()
// is
//   wait-free with epoch, lock-free with the other schemes. A thief that lost to another thread is told so.
// Ordering: what happened before a push is seen by who pops or steals the element. Linearizable, refusals included (a
//   steal that lost did nothing). Linearization: push, the store of bottom_; a pop, its store of bottom_, or for the
//   last element the compare-exchange of top_; a steal, the compare-exchange of top_; "empty", the load that says so.
// Cost: a word for each element of a power of two, two blocks of cache_line_bytes. push: one release store; try_pop:
// one
//   seq_cst store (an exchange on x86-64) and, for the last element, a compare-exchange; try_steal: one
//   compare-exchange, and a section and guard of the scheme. The array doubles when it is full; it is halved when the
//   owner has found the deque empty tuning::deque_drains times and it was never a quarter full between.
// Failure: push() throws std::bad_alloc and leaves the deque as it was. try_steal() says `empty` or `lost`.
// Lifetime: elements are trivial, none is destroyed. Old arrays go to the domain, which outlives the deque. No thread
// may
//   use the deque when it goes.
// Origin: Chase and Lev, "Dynamic circular work-stealing deque" (SPAA 2005), with orders derived from Le, Pop, Cohen,
//   Zappa Nardelli (PPoPP 2013); seq_cst accesses take the place of their fences.
//
// Ordering ledger
//   publish    : push, bottom_ store (release)  ->  try_steal, bottom_ load (acquire)   carries: what the element
//                leads to
//   array      : change_array, array_ store (release)  ->  try_steal, protect of array_ (acquire)   carries: the copied
//                elements   other side: gantry/reclaim/scheme.hpp
//   free       : try_steal, top_ compare-exchange (release)  ->  make_room, top_ load (acquire)   carries: that the
//   slot has
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
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/scheme.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <new>
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

template<deque_element T, reclaim::scheme Scheme = reclaim::epoch>
class deque {
public:
    using value_type = T;
    using domain_type = typename Scheme::domain;

    explicit deque(domain_type& in = Scheme::default_domain()) : deque(0, in) {}
    // With room for so many elements from the start, at least.
    explicit deque(std::size_t capacity, domain_type& in = Scheme::default_domain())
        : domain_(in), array_(new array(std::bit_ceil(std::max(capacity, tuning::deque_slots_min)))) {
        set_limit(0, capacity_now());
    }
    deque(const deque&) = delete;
    deque& operator=(const deque&) = delete;
    ~deque() { delete array_.load(std::memory_order_relaxed); } // relaxed: owner

    // The owner: adds the newest element.
    void push(T value) {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed); // relaxed: owner
        if (bottom >= limit_) [[unlikely]]
            make_room(bottom);
        const array* const a = array_.load(std::memory_order_relaxed); // relaxed: owner
        a->at(bottom).store(value, std::memory_order_relaxed);         // relaxed: revalidated
        bottom_.store(bottom + 1, std::memory_order_release);          // order: publish.w
    }

    // The owner: takes the newest element.
    [[nodiscard]] std::optional<T> try_pop() {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1; // relaxed: owner
        // What was empty when it was looked at last is empty still: only the owner adds.
        if (bottom < top_seen_) {
            if (capacity_now() > slots_min) [[unlikely]]
                drained();
            return std::nullopt;
        }
        const array* const a = array_.load(std::memory_order_relaxed); // relaxed: owner
        // Thieves must see that the element is spoken for before this thread looks what they have.
        bottom_.store(bottom, std::memory_order_seq_cst);        // order: agree.w, publish.w
        std::int64_t top = top_.load(std::memory_order_seq_cst); // order: agree.r, free.r
        if (top < bottom) [[likely]]
            return a->at(bottom).load(std::memory_order_relaxed); // relaxed: owner
        std::optional<T> popped;
        if (top == bottom) {
            // The last element: whoever moves top_ has it.
            // order: spoken_for.w; relaxed: stale-ok
            if (top_.compare_exchange_strong(top, top + 1, std::memory_order_release, std::memory_order_relaxed))
                popped = a->at(bottom).load(std::memory_order_relaxed); // relaxed: owner
        }
        bottom_.store(bottom + 1, std::memory_order_relaxed); // relaxed: owner (empty: nobody takes anything by it)
        top_seen_ = bottom + 1;
        return popped;
    }

    // Anybody: takes the oldest element.
    [[nodiscard]] std::expected<T, steal_errc> try_steal() {
        std::int64_t top = top_.load(std::memory_order_seq_cst);             // order: agree.r, spoken_for.r
        const std::int64_t bottom = bottom_.load(std::memory_order_seq_cst); // order: agree.r, publish.r
        if (top >= bottom)
            return std::unexpected(steal_errc::empty);
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        const array* const a = guard.protect(array_);               // order: array.r
        const T value = a->at(top).load(std::memory_order_relaxed); // relaxed: revalidated
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
    [[nodiscard]] std::size_t capacity() const noexcept { return static_cast<std::size_t>(capacity_now()); }

private:
    static constexpr auto slots_min = static_cast<std::int64_t>(tuning::deque_slots_min);

    class array : public Scheme::template object<array> {
    public:
        explicit array(std::size_t size) : slots_(new std::atomic<T>[size]), mask_(size - 1) {}
        [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(mask_ + 1); }
        [[nodiscard]] std::size_t bytes() const noexcept {
            return sizeof(array) + (mask_ + 1) * sizeof(std::atomic<T>);
        }
        [[nodiscard]] std::atomic<T>& at(std::int64_t index) const noexcept {
            return slots_[static_cast<std::size_t>(index) & mask_];
        }

    private:
        const std::unique_ptr<std::atomic<T>[]> slots_;
        const std::size_t mask_;
    };

    // What follows is the owner's.

    [[nodiscard]] std::int64_t capacity_now() const noexcept {
        return array_.load(std::memory_order_relaxed)->size(); // relaxed: owner
    }

    // Pushes look up from their work where the array is full, or a quarter full for the first time since the deque was
    // found empty: an array that is used so far is not halved.
    void set_limit(std::int64_t used, std::int64_t size) noexcept {
        limit_ = top_seen_ + (used < size / 4 ? size / 4 : size);
    }

    [[gnu::noinline]] void make_room(std::int64_t bottom) {
        // order: free.r. UNPROVEN: RC11, which the checker has, knows no load that sees what is stored behind it
        top_seen_ = top_.load(std::memory_order_acquire);
        const std::int64_t used = bottom - top_seen_;
        const std::int64_t size = capacity_now();
        if (used >= size / 4)
            drains_ = 0;
        if (used >= size)
            change_array(static_cast<std::size_t>(size) * 2, bottom);
        set_limit(used, capacity_now());
    }

    [[gnu::noinline]] void drained() {
        const std::int64_t size = capacity_now();
        if (++drains_ >= tuning::deque_drains) {
            drains_ = 0;
            try {
                change_array(static_cast<std::size_t>(size) / 2, top_seen_);
            } catch (const std::bad_alloc&) { // then it stays as large as it is
            }
        }
        set_limit(0, capacity_now());
    }

    // Thieves may be reading the old one, and take elements from it until they see the new one.
    void change_array(std::size_t size, std::int64_t bottom) {
        array* const old = array_.load(std::memory_order_relaxed); // relaxed: owner
        auto fresh = std::make_unique<array>(size);
        for (std::int64_t i = top_seen_; i != bottom; ++i) {
            // relaxed: pre-publish, owner
            fresh->at(i).store(old->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
        }
        array_.store(fresh.release(), std::memory_order_release); // order: array.w
        typename Scheme::section section(domain_);
        section.retire(old, std::default_delete<array>(), old->bytes());
    }

    // constant after construction
    domain_type& domain_;
    // the owner's, but for what is atomic: others read that
    alignas(cache_line_bytes) std::atomic<std::int64_t> bottom_{0}; // where the next push goes
    std::atomic<array*> array_;
    std::int64_t limit_ = 0;    // where a push looks how much room there is
    std::int64_t top_seen_ = 0; // top_ when it was looked at last
    std::uint32_t drains_ = 0;  // how often a pop found nothing
    // shared atomics
    alignas(cache_line_bytes) std::atomic<std::int64_t> top_{0}; // the oldest element
};

} // namespace gantry::container

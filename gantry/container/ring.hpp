// SPDX-License-Identifier: MIT
#pragma once
//
// ring: a bounded FIFO queue between exactly two threads, in place and wait-free.
//
// Use it when one thread produces, one consumes, and neither is to wait for the other: samples, packets, log lines.
// Do not use it when several threads push or pop -> bounded_queue; when a side is to sleep until there is something ->
// a channel.
//
//     gantry::container::ring<int> numbers(100);
//     const bool pushed = numbers.try_push(42);           // the producer
//     const std::optional<int> first = numbers.try_pop(); // the consumer
//
// A plain class rather than two handles: which thread is which may change, as long as one hands its side over to the
// next by something that synchronises.
//
// Threads: the push side (try_push, try_emplace, try_push_range) from one thread at a time; the pop side (try_pop,
//   try_pop_some, try_front, drop_front) from one thread at a time; size() and capacity() from any.
// Progress: wait-free, every member. Only the constructor allocates.
// Ordering: what happened before a push is seen after the pop of its element, and what happened before a pop after the
//   push that uses its room. Linearizable, refusals included: "full" and "empty" were so at one moment. Linearization:
//   the store or exchange of the own index; for a refusal the last load of the other's.
// Cost: sizeof(T) bytes for each slot, capacity rounded up to a power of two of them, and three blocks of
//   cache_line_bytes. A push or pop is one release store; the other
//   side's index is read once for as many elements as it was then ahead. The first refusal after a success costs a
//   read-modify-write of the own index.
// Failure: a refused value stays with its owner, untouched. When a constructor or assignment of T throws, the ring is
//   as if the operation had not begun (a batch: as if it had ended before that element), but for what T's own move did.
// Lifetime: destroys what is left; by then no thread may use it.
// Origin: Lamport 1977; indices of the other side kept as in MCRingBuffer (Lee, Bu, Chandranmenon 2010). Exact refusals
//   by an exchange that is paid only on the way to a refusal, are ours.
//
// Ordering ledger
//   filled : publish_tail, tail store (release)  ->  tail load of the pop side (acquire)   carries: the elements
//   freed  : publish_head, head store (release)  ->  head load of the push side (acquire)   carries: that the slots are
//            destroyed, so that the next elements may be made there
//   agree  : has_room and has_element, exchange of the own index (seq_cst)  ->  has_element and has_room, load of the
//            other's index (seq_cst)   carries: nothing; of two refusals on both sides at once one sees the other's
//            push or pop
// Relaxed used as: owner (the own index), stale-ok (size)

#include <gantry/base/assert.hpp>
#include <gantry/base/cache_line.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace gantry::container {

template<class T>
class ring {
public:
    // capacity >= 1, any number.
    explicit ring(std::size_t capacity) : slots_(allocate(capacity)), capacity_(capacity) {}
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring() {
        while (T* const left = try_front())
            drop(left);
        std::allocator<T>().deallocate(slots_, mask_ + 1);
    }

    // False: full, and the value is where it was.
    [[nodiscard]] bool try_push(T&& value)
    requires std::move_constructible<T>
    {
        return try_emplace(std::move(value));
    }
    [[nodiscard]] bool try_push(const T& value)
    requires std::copy_constructible<T>
    {
        return try_emplace(value);
    }

    // Makes the element in its slot. False: full, and the arguments are where they were.
    template<class... Args>
    requires std::constructible_from<T, Args...>
    [[nodiscard]] bool try_emplace(Args&&... args) {
        const std::size_t tail = push_.index.load(std::memory_order_relaxed); // relaxed: owner
        if (tail - push_.other_seen == capacity_ && !has_room(tail))
            return false;
        std::construct_at(slots_ + (tail & mask_), std::forward<Args>(args)...);
        publish_tail(tail + 1);
        return true;
    }

    // Moves as many of the values in as there is room for, first ones first, and publishes them at once; how many. 0
    // for a range that is not empty: full.
    [[nodiscard]] std::size_t try_push_range(std::span<T> values)
    requires std::move_constructible<T>
    {
        const std::size_t tail = push_.index.load(std::memory_order_relaxed); // relaxed: owner
        std::size_t room = capacity_ - (tail - push_.other_seen);
        // A batch that does not fit into what was seen looks again, or it would leave room unused.
        if (room < values.size() && has_room(tail))
            room = capacity_ - (tail - push_.other_seen);
        const std::size_t count = std::min(room, values.size());
        batch done{*this, tail};
        while (done.count != count) {
            const std::size_t slot = (tail + done.count) & mask_;
            const std::size_t run = std::min(count - done.count, mask_ + 1 - slot);
            T* const from = values.data() + done.count;
            if constexpr (std::is_nothrow_move_constructible_v<T>) {
                std::uninitialized_move_n(from, run, slots_ + slot);
                done.count += run;
            } else {
                for (std::size_t i = 0; i != run; ++i) {
                    std::construct_at(slots_ + slot + i, std::move(from[i]));
                    ++done.count;
                }
            }
        }
        return count;
    }

    // The oldest element; nothing: empty.
    [[nodiscard]] std::optional<T> try_pop()
    requires std::move_constructible<T>
    {
        T* const first = try_front();
        if (first == nullptr)
            return std::nullopt;
        // Made with its value: an optional that is filled later is returned through memory that stalls the load.
        std::optional<T> popped(std::move(*first));
        drop(first);
        return popped;
    }

    // The same into an element that is there. False: empty, and `out` is what it was.
    [[nodiscard]] bool try_pop(T& out)
    requires std::is_move_assignable_v<T>
    {
        T* const first = try_front();
        if (first == nullptr)
            return false;
        out = std::move(*first);
        drop(first);
        return true;
    }

    // Moves up to out.size() elements, oldest first, into `out` and frees their slots at once; how many. 0 for a span
    // that is not empty: empty.
    [[nodiscard]] std::size_t try_pop_some(std::span<T> out)
    requires std::is_move_assignable_v<T>
    {
        const std::size_t head = pop_.index.load(std::memory_order_relaxed); // relaxed: owner
        std::size_t there = pop_.other_seen - head;
        if (there < out.size() && has_element(head))
            there = pop_.other_seen - head;
        const std::size_t count = std::min(there, out.size());
        taken done{*this, head};
        while (done.count != count) {
            const std::size_t slot = (head + done.count) & mask_;
            const std::size_t run = std::min(count - done.count, mask_ + 1 - slot);
            T* const from = slots_ + slot;
            if constexpr (std::is_nothrow_move_assignable_v<T>) {
                std::move(from, from + run, out.data() + done.count);
                std::destroy_n(from, run);
                done.count += run;
            } else {
                for (std::size_t i = 0; i != run; ++i) {
                    out[done.count] = std::move(from[i]);
                    std::destroy_at(from + i);
                    ++done.count;
                }
            }
        }
        return count;
    }

    // The oldest element where it lies, until drop_front(); nullptr: empty.
    [[nodiscard]] T* try_front() {
        const std::size_t head = pop_.index.load(std::memory_order_relaxed); // relaxed: owner
        if (head == pop_.other_seen && !has_element(head))
            return nullptr;
        return slots_ + (head & mask_);
    }

    // Destroys what try_front() showed.
    void drop_front() {
        const std::size_t head = pop_.index.load(std::memory_order_relaxed); // relaxed: owner
        GANTRY_DEBUG_ASSERT(head != pop_.other_seen);
        drop(slots_ + (head & mask_));
    }

    // How many elements there are: of the push side at least as many as are there when it returns, of the pop side at
    // most; of another thread a figure that may be old, 0 to capacity() always.
    [[nodiscard]] std::size_t size() const noexcept {
        const std::size_t head = pop_.index.load(std::memory_order_relaxed);  // relaxed: stale-ok
        const std::size_t tail = push_.index.load(std::memory_order_relaxed); // relaxed: stale-ok
        // The two loads are of two moments.
        return std::min(static_cast<std::ptrdiff_t>(tail - head) < 0 ? 0 : tail - head, capacity_);
    }

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

private:
    // One side: its index, which counts elements, is read by the other side; the rest is its own. They share a line,
    // because a side writes its index whenever it writes the others.
    struct alignas(cache_line_bytes) side {
        std::atomic<std::size_t> index{0};
        std::size_t other_seen = 0; // the other side's index when it was looked at last
        std::size_t agreed = 0;     // the index when it was exchanged last: agree
    };

    // Publishes what a batch has done so far, also when an element threw.
    struct batch {
        ring& to;
        const std::size_t tail;
        std::size_t count = 0;
        ~batch() {
            if (count != 0)
                to.publish_tail(tail + count);
        }
    };
    struct taken {
        ring& from;
        const std::size_t head;
        std::size_t count = 0;
        ~taken() {
            if (count != 0)
                from.publish_head(head + count);
        }
    };

    [[nodiscard]] static T* allocate(std::size_t capacity) {
        GANTRY_ASSERT(capacity >= 1);
        return std::allocator<T>().allocate(std::bit_ceil(capacity));
    }

    void publish_tail(std::size_t tail) noexcept {
        push_.index.store(tail, std::memory_order_release); // order: filled.w
    }
    void publish_head(std::size_t head) noexcept {
        pop_.index.store(head, std::memory_order_release); // order: freed.w
    }

    void drop(T* first) {
        const std::size_t head = pop_.index.load(std::memory_order_relaxed); // relaxed: owner
        std::destroy_at(first);
        publish_head(head + 1);
    }

    // Looks at the other side again. Before it says no, it sees to it that its own last store cannot still be on its
    // way: two sides that refuse at once, each not seeing the other's last success, would agree with no order.
    [[nodiscard]] bool has_room(std::size_t tail) noexcept {
        push_.other_seen = pop_.index.load(std::memory_order_acquire); // order: freed.r
        if (tail - push_.other_seen != capacity_)
            return true;
        if (push_.agreed != tail) {
            static_cast<void>(push_.index.exchange(tail, std::memory_order_seq_cst)); // order: agree.w, filled.w
            push_.agreed = tail;
        }
        push_.other_seen = pop_.index.load(std::memory_order_seq_cst); // order: agree.r, freed.r
        return tail - push_.other_seen != capacity_;
    }

    [[nodiscard]] bool has_element(std::size_t head) noexcept {
        pop_.other_seen = push_.index.load(std::memory_order_acquire); // order: filled.r
        if (head != pop_.other_seen)
            return true;
        if (pop_.agreed != head) {
            static_cast<void>(pop_.index.exchange(head, std::memory_order_seq_cst)); // order: agree.w, freed.w
            pop_.agreed = head;
        }
        pop_.other_seen = push_.index.load(std::memory_order_seq_cst); // order: agree.r, filled.r
        return head != pop_.other_seen;
    }

    // constant after construction
    T* const slots_;
    const std::size_t capacity_;
    const std::size_t mask_ = std::bit_ceil(capacity_) - 1; // of a slot's number
    // one thread only, but for the index
    side push_;
    side pop_;
};

} // namespace gantry::container

// SPDX-License-Identifier: MIT
#pragma once
//
// bounded_queue: a FIFO queue of fixed capacity for any number of pushing and popping threads, in one array.
//
// Use it when several threads push or pop and memory must not grow: a pool of buffers, a work list with a limit.
// Do not use it when there is one thread on each side -> ring, which is faster; when the capacity is not known ->
// queue; when threads are to sleep until there is something -> a channel.
//
//     gantry::container::bounded_queue<int> jobs(100);
//     const bool pushed = jobs.try_push(42);
//     const std::optional<int> job = jobs.try_pop();
//
// Each slot has a turn, which says whose it is: free for the push of a position, filled for the pop of that position,
// free for the push one lap later. A position is taken with one compare-exchange on the index of its side.
//
// Threads: every member from any thread.
// Progress: not lock-free in one place: who comes to a slot that another thread has taken, but not yet filled or freed,
//   waits for that thread, first spinning, then yielding. It never waits for an element or for room. Only the
//   constructor allocates.
// Ordering: what happened before a push is seen after the pop of its element. Linearizable, refusals included: "full"
//   and "empty" were so at one moment. Linearization: the compare-exchange of the index; for a refusal the last load of
//   the other side's index; close, its read-modify-write.
// Cost: capacity slots of sizeof(T) plus one word, rounded up to T's alignment, and two blocks of cache_line_bytes. A
//   push or pop is one compare-exchange on a line that its side shares and one store to the slot.
// Failure: a refused value stays with its owner, untouched: the queue is full, or closed. When making an element
// throws, and it could not be made
//   before a slot was taken (see try_emplace), its slot stays unused until pops have passed it. When moving an element
//   out throws, that element is lost: destroyed.
// Lifetime: destroys what is left; by then no thread may use it.
// Origin: Vyukov's bounded MPMC queue, with position and lap apart as in crossbeam's ArrayQueue, so that any capacity
//   works, also 1, where Vyukov's takes a full slot for a free one. Slots that stay unused are ours.
//
// Ordering ledger
//   filled : try_emplace and try_push_range, turn store (release)  ->  take, turn load (acquire)   carries: the element
//   freed  : try_pop and try_pop_some, turn store (release)  ->  claim, turn load (acquire)   carries: that the slot is
//            empty
//   agree  : compare-exchange of an index (seq_cst)  ->  claim and take, loads of both indices (seq_cst)
//            carries: nothing; a refusal sees all that came before it in the one order of these
//   closed : close, tail fetch_or (release)  ->  is_closed, tail load (acquire)   carries: what came before close()
// Relaxed used as: revalidated (an index before its compare-exchange), stale-ok (size), pre-publish (constructor, and
//   destructor)

#include <gantry/base/assert.hpp>
#include <gantry/base/backoff.hpp>
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
class bounded_queue {
public:
    // capacity >= 1, any number.
    explicit bounded_queue(std::size_t capacity) : capacity_(checked(capacity)), slots_(new slot[capacity]) {
        for (std::size_t i = 0; i != capacity; ++i)
            slots_[i].turn.store(i, std::memory_order_relaxed); // relaxed: pre-publish
    }
    bounded_queue(const bounded_queue&) = delete;
    bounded_queue& operator=(const bounded_queue&) = delete;
    ~bounded_queue() {
        const std::size_t tail = tail_.load(std::memory_order_relaxed) & ~closed_mark; // relaxed: pre-publish
        std::size_t at = head_.load(std::memory_order_relaxed);                        // relaxed: pre-publish
        for (; at != tail; at = next(at)) {
            slot& s = slot_of(at);
            if (s.turn.load(std::memory_order_relaxed) == filled(at)) // relaxed: pre-publish
                std::destroy_at(s.element());
        }
    }

    // False: full or closed, and the value is where it was.
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

    // False: full or closed, and the arguments are where they were. The element is made in its slot. If its constructor
    // throws, the slot stays unused for a lap.
    template<class... Args>
    requires std::constructible_from<T, Args...>
    [[nodiscard]] bool try_emplace(Args&&... args) {
        std::size_t at = tail_.load(std::memory_order_relaxed); // relaxed: revalidated
        if (!claim_next(at) && claim(at, 1) == 0)
            return false;
        slot& s = slot_of(at);
        filling done{s, at};
        std::construct_at(s.element(), std::forward<Args>(args)...);
        done.made = true;
        return true;
    }

    // Moves as many of the values in as there is room for in a row, first ones first; how many. 0 for a range that is
    // not empty: full or closed. If a move throws, the values before that one are in and the others are where they
    // were.
    [[nodiscard]] std::size_t try_push_range(std::span<T> values)
    requires std::move_constructible<T>
    {
        if (values.empty())
            return 0;
        // Slots that are taken and then stay unused would be a waste: elements that throw go one by one.
        if constexpr (!std::is_nothrow_move_constructible_v<T>) {
            std::size_t count = 0;
            while (count != values.size() && try_emplace(std::move(values[count])))
                ++count;
            return count;
        } else {
            std::size_t at = 0;
            const std::size_t count = claim(at, values.size());
            for (std::size_t i = 0; i != count; ++i) {
                slot& s = slot_of(at);
                std::construct_at(s.element(), std::move(values[i]));
                s.turn.store(filled(at), std::memory_order_release); // order: filled.w
                at = next(at);
            }
            return count;
        }
    }

    // The oldest element; nothing: empty.
    [[nodiscard]] std::optional<T> try_pop()
    requires std::move_constructible<T>
    {
        std::size_t at = head_.load(std::memory_order_relaxed); // relaxed: revalidated
        if (!take_next(at) && take(at, 1) == 0)
            return std::nullopt;
        slot& s = slot_of(at);
        const emptying done{*this, s, at};
        return std::optional<T>(std::move(*s.element()));
    }

    // Moves up to `max` elements that lie in a row out, oldest first: *out = std::move(element), ++out for each; how
    // many. 0 for max >= 1: empty. If an assignment throws, that element is lost and the count with it.
    template<class Out>
    [[nodiscard]] std::size_t try_pop_some(Out& out, std::size_t max) {
        if (max == 0)
            return 0;
        std::size_t count = 0;
        std::size_t at = 0;
        // Elements that are taken and then not moved would be lost: where that can happen they are taken one by one.
        constexpr bool is_safe = noexcept(*out = std::declval<T>()) && noexcept(++out);
        std::size_t left = is_safe ? take(at, max) : max;
        for (; left != 0; --left) {
            if (!is_safe && take(at, 1) == 0)
                break;
            slot& s = slot_of(at);
            const emptying done{*this, s, at};
            *out = std::move(*s.element());
            ++out;
            ++count;
            at = next(at);
        }
        return count;
    }
    [[nodiscard]] std::size_t try_pop_some(std::span<T> out)
    requires std::is_move_assignable_v<T>
    {
        T* to = out.data();
        return try_pop_some(to, out.size());
    }

    // Nothing goes in any more; what is in comes out.
    void close() noexcept {
        tail_.fetch_or(closed_mark, std::memory_order_release); // order: closed.w
    }
    // What it says stays so: a refusal by a queue that is then found closed can be put down to that.
    [[nodiscard]] bool is_closed() const noexcept {
        return (tail_.load(std::memory_order_acquire) & closed_mark) != 0; // order: closed.r
    }

    // Whether a pop would find nothing, and whether a push would find no room: looks, not operations. Who wants to be
    // sure that it sees another thread's last push or pop orders itself with that thread, by a fence if need be.
    [[nodiscard]] bool is_empty() const noexcept {
        const std::size_t head = head_.load(std::memory_order_relaxed);        // relaxed: stale-ok
        return (tail_.load(std::memory_order_relaxed) & ~closed_mark) == head; // relaxed: stale-ok
    }
    [[nodiscard]] bool is_full() const noexcept {
        const std::size_t tail = tail_.load(std::memory_order_relaxed) & ~closed_mark; // relaxed: stale-ok
        return head_.load(std::memory_order_relaxed) + lap_ == tail;                   // relaxed: stale-ok
    }

    // How many positions were taken by pushes and not yet by pops, slots that stay unused included, of two moments:
    // exact when nobody pushes or pops, otherwise a figure between 0 and capacity().
    [[nodiscard]] std::size_t size() const noexcept {
        const std::size_t head = head_.load(std::memory_order_relaxed);                // relaxed: stale-ok
        const std::size_t tail = tail_.load(std::memory_order_relaxed) & ~closed_mark; // relaxed: stale-ok
        const std::size_t difference = number(tail) - number(head);
        return static_cast<std::ptrdiff_t>(difference) < 0 ? 0 : std::min(difference, capacity_);
    }

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

private:
    struct slot {
        std::atomic<std::size_t> turn;
        alignas(T) std::byte storage[sizeof(T)];

        [[nodiscard]] T* element() noexcept { return reinterpret_cast<T*>(storage); }
    };

    // Ends a push, however its constructor does.
    struct filling {
        slot& s;
        const std::size_t at;
        bool made = false;
        ~filling() {
            s.turn.store(made ? filled(at) : unused(at), std::memory_order_release); // order: filled.w
        }
    };
    // Ends a pop, however its move does.
    struct emptying {
        const bounded_queue& queue;
        slot& s;
        const std::size_t at;
        ~emptying() {
            std::destroy_at(s.element());
            s.turn.store(at + queue.lap_, std::memory_order_release); // order: freed.w
        }
    };

    // In the index of the pushes. No turn has it, so a push to a closed queue finds no slot free.
    static constexpr std::size_t closed_mark = std::size_t{1} << (sizeof(std::size_t) * 8 - 1);

    [[nodiscard]] static std::size_t checked(std::size_t capacity) {
        GANTRY_ASSERT(capacity >= 1 && capacity <= (std::size_t{1} << (sizeof(std::size_t) * 8 - 3)));
        return capacity;
    }

    // A position is its slot's number plus a multiple of lap_, which leaves room for the two numbers behind each
    // position that mean "filled" and "taken, but unused".
    [[nodiscard]] static constexpr std::size_t filled(std::size_t at) noexcept { return at + 1; }
    [[nodiscard]] static constexpr std::size_t unused(std::size_t at) noexcept { return at + 2; }
    [[nodiscard]] slot& slot_of(std::size_t at) const noexcept { return slots_[at & mask_]; }
    [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
        const std::size_t index = at & mask_;
        return index + 1 < capacity_ ? at + 1 : at - index + lap_;
    }
    // How many positions come before this one (modulo the words' size).
    [[nodiscard]] std::size_t number(std::size_t at) const noexcept { return (at / lap_) * capacity_ + (at & mask_); }

    // One attempt at the usual case: the slot at position `at` is free, or filled, and nobody else comes.
    [[nodiscard]] bool claim_next(std::size_t at) noexcept {
        if (slot_of(at).turn.load(std::memory_order_acquire) != at) // order: freed.r
            return false;
        // order: agree.w; relaxed: revalidated
        return tail_.compare_exchange_strong(at, next(at), std::memory_order_seq_cst, std::memory_order_relaxed);
    }
    [[nodiscard]] bool take_next(std::size_t at) noexcept {
        if (slot_of(at).turn.load(std::memory_order_acquire) != filled(at)) // order: filled.r
            return false;
        // order: agree.w; relaxed: revalidated
        return head_.compare_exchange_strong(at, next(at), std::memory_order_seq_cst, std::memory_order_relaxed);
    }

    // Takes up to `wanted` free slots in a row for a push; how many, from position `at` on. 0: full or closed.
    [[nodiscard, gnu::noinline]] std::size_t claim(std::size_t& at, std::size_t wanted) {
        backoff pause;
        std::size_t tail = tail_.load(std::memory_order_relaxed); // relaxed: revalidated
        for (;;) {
            std::size_t count = 0;
            std::size_t end = tail;
            while (count != wanted && slot_of(end).turn.load(std::memory_order_acquire) == end) { // order: freed.r
                ++count;
                end = next(end);
            }
            if (count != 0) {
                at = tail;
                // order: agree.w; relaxed: revalidated
                if (tail_.compare_exchange_weak(tail, end, std::memory_order_seq_cst, std::memory_order_relaxed))
                    return count;
                continue;
            }
            const std::size_t seen = std::exchange(tail, tail_.load(std::memory_order_seq_cst)); // order: agree.r
            if (tail != seen)
                continue;
            if ((tail & closed_mark) != 0 || head_.load(std::memory_order_seq_cst) + lap_ == tail) // order: agree.r
                return 0;
            pause.pause(); // a pop has taken the slot's element and has not freed it yet
        }
    }

    // Takes up to `wanted` elements in a row for a pop, passing over unused slots; how many, from position `at` on.
    // 0: empty.
    [[nodiscard, gnu::noinline]] std::size_t take(std::size_t& at, std::size_t wanted) {
        backoff pause;
        std::size_t head = head_.load(std::memory_order_relaxed); // relaxed: revalidated
        for (;;) {
            const std::size_t turn = slot_of(head).turn.load(std::memory_order_acquire); // order: filled.r
            if (turn == unused(head)) {
                const std::size_t end = next(head);
                at = head;
                // order: agree.w; relaxed: revalidated
                if (head_.compare_exchange_weak(head, end, std::memory_order_seq_cst, std::memory_order_relaxed)) {
                    slot_of(at).turn.store(at + lap_, std::memory_order_release); // order: freed.w
                    head = end;
                }
                continue;
            }
            if (turn == filled(head)) {
                std::size_t count = 1;
                std::size_t end = next(head);
                while (count != wanted &&
                       slot_of(end).turn.load(std::memory_order_acquire) == filled(end)) { // order: filled.r
                    ++count;
                    end = next(end);
                }
                at = head;
                // order: agree.w; relaxed: revalidated
                if (head_.compare_exchange_weak(head, end, std::memory_order_seq_cst, std::memory_order_relaxed))
                    return count;
                continue;
            }
            const std::size_t seen = std::exchange(head, head_.load(std::memory_order_seq_cst)); // order: agree.r
            if (head != seen)
                continue;
            if ((tail_.load(std::memory_order_seq_cst) & ~closed_mark) == head) // order: agree.r
                return 0;
            pause.pause(); // a push has taken the slot and has not filled it yet
        }
    }

    // constant after construction
    const std::size_t capacity_;
    const std::size_t lap_ = std::bit_ceil(capacity_ + 2);
    const std::size_t mask_ = lap_ - 1;
    const std::unique_ptr<slot[]> slots_;
    // shared atomics: the positions of the next push and of the next pop
    alignas(cache_line_bytes) std::atomic<std::size_t> tail_{0};
    alignas(cache_line_bytes) std::atomic<std::size_t> head_{0};
};

} // namespace gantry::container

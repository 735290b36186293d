// SPDX-License-Identifier: MIT
#pragma once
//
// object_queue<T>: a FIFO between two sides, each of which is one thread at a time, that knows the bytes of what is in
// it.
//
// Use it when each side has a lock of its own, and the lock of one must not hold up the other (spill_core.hpp).
// Do not use it when one lock guards both sides -> channel/detail/element_queue.hpp; when threads share a side without
// a lock -> container/queue.hpp.
//
// Threads: the pushing side and the popping side may run at once; each is one thread at a time, ordered by its lock.
//   Moving and destroying: nobody else. Progress: wait-free; a push allocates a block for every so many elements, but
//   for the one that the other side has emptied last.
// Ordering: FIFO; what happened before a push is seen after the pop. Linearization: of a push, the store that fills the
//   slot; of "empty", the load that finds it free. Cost: a move and no read-modify-write, but two for a block; bytes of
//   an element with what the queue adds to it; a side does not touch what the other writes, but for the slots. Failure:
//   a push that finds no memory throws; what went in before is in.
// Lifetime: destroys what is left. Origin: the two-lock queue of Michael and Scott (PODC 1996), with blocks for nodes;
//   that a slot itself says whether it is full is from Giacomoni et al., "FastForward" (PPoPP 2008).
//
// Ordering ledger
//   pushed : fill, bytes store (release)  ->  is_empty, bytes load (acquire)   carries: the element
//   block  : new_block, next store (release)  ->  is_empty, next load (acquire)   carries: that the slots are free
//   spare  : next_block, spare_ exchange (release)  ->  new_block, spare_ exchange (acquire)   carries: that nothing is
//            in the block any more
// Relaxed used as: owner (what only the own side writes, a full slot's bytes), stale-ok (popped_bytes_: room that is
//   not seen yet is room that is not used yet; size, and bytes), pre-publish (moving, destructor, the slots of a new
//   block)

#include <gantry/base/cache_line.hpp>
#include <gantry/base/tuning.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace gantry::channel::detail {

template<class T>
class object_queue {
    static_assert(std::is_nothrow_move_constructible_v<T>);

    struct slot {
        slot() noexcept {}
        ~slot() {}
        slot(const slot&) = delete;
        slot& operator=(const slot&) = delete;

        union {
            T value;
        };
        std::atomic<std::size_t> bytes{0}; // 0: free
    };

public:
    // What an element takes in addition to itself.
    static constexpr std::size_t bytes_added = sizeof(slot) - sizeof(T);

    object_queue() : last_(new block), first_(last_) {}
    // The other one is empty afterwards, and nothing goes in any more.
    object_queue(object_queue&& other) noexcept
        : last_(std::exchange(other.last_, nullptr)), tail_(std::exchange(other.tail_, 0)),
          first_(std::exchange(other.first_, nullptr)), head_(std::exchange(other.head_, 0)), popped_(other.popped_) {
        const std::uint64_t pushed = other.pushed_.load(std::memory_order_relaxed);           // relaxed: pre-publish
        const std::size_t pushed_bytes = other.pushed_bytes_.load(std::memory_order_relaxed); // relaxed: pre-publish
        pushed_.store(pushed, std::memory_order_relaxed);                                     // relaxed: pre-publish
        pushed_bytes_.store(pushed_bytes, std::memory_order_relaxed);                         // relaxed: pre-publish
        popped_bytes_.store(other.popped_bytes_.load(std::memory_order_relaxed),              // relaxed: pre-publish
                            std::memory_order_relaxed);                                       // relaxed: pre-publish
        other.popped_ = pushed;
        other.popped_bytes_.store(pushed_bytes, std::memory_order_relaxed); // relaxed: pre-publish
    }
    object_queue& operator=(object_queue&&) = delete;

    ~object_queue() {
        while (!is_empty())
            pop_front();
        while (first_ != nullptr)
            delete std::exchange(first_, first_->next.load(std::memory_order_relaxed)); // relaxed: pre-publish
        delete spare_.load(std::memory_order_relaxed);                                  // relaxed: pre-publish
    }

    // ---------------------------------------------------------------------------------------------- the pushing side

    // Moves it in if all elements that are in then count for `limit` bytes at most. size_of(value) must not throw.
    template<class SizeOf>
    [[nodiscard]] bool try_push(T& value, std::size_t limit, SizeOf size_of) {
        const std::size_t bytes = size_of(value) + bytes_added;
        const std::size_t pushed_bytes = owned(pushed_bytes_) + bytes;
        if (!fits(pushed_bytes, limit))
            return false;
        fill(value, bytes, pushed_bytes);
        return true;
    }
    // Moves in the first of the values while all elements that are in count for `limit` bytes at most; adds how many.
    template<class SizeOf>
    void push(std::span<T> values, std::size_t limit, std::size_t& done, SizeOf size_of) {
        for (T& value : values) {
            if (!try_push(value, limit, size_of))
                return;
            ++done;
        }
    }
    // How many ever were.
    [[nodiscard]] std::uint64_t pushed() const noexcept { return owned(pushed_); }

    // ---------------------------------------------------------------------------------------------- the popping side

    [[nodiscard]] bool is_empty() noexcept {
        if (head_ == block_slots && !next_block()) [[unlikely]]
            return true;
        return first_ == nullptr || first_->slots[head_].bytes.load(std::memory_order_acquire) == 0; // order: pushed.r
    }
    [[nodiscard]] std::uint64_t size() const noexcept {
        return pushed_.load(std::memory_order_relaxed) - popped_; // relaxed: stale-ok
    }
    // Not more than the limit of the latest push.
    [[nodiscard]] std::size_t bytes() const noexcept {
        return pushed_bytes_.load(std::memory_order_relaxed) - owned(popped_bytes_); // relaxed: stale-ok
    }
    [[nodiscard]] std::uint64_t popped() const noexcept { return popped_; }

    // The oldest; both only after is_empty() said no.
    [[nodiscard]] T& front() noexcept { return first_->slots[head_].value; }
    void pop_front() noexcept {
        slot& from = first_->slots[head_];
        const std::size_t bytes = owned(from.bytes);
        std::destroy_at(&from.value);
        ++head_;
        ++popped_;
        popped_bytes_.store(owned(popped_bytes_) + bytes, std::memory_order_relaxed); // relaxed: stale-ok
    }
    // Up to `max`; adds how many. If an assignment throws, that element is lost.
    template<class Out>
    void pop_some(Out& out, std::size_t max, std::size_t& done) {
        for (std::size_t left = max; left != 0 && !is_empty(); --left) {
            T& value = front();
            const popping gone{*this};
            *out = std::move(value);
            ++out;
            ++done;
        }
    }

private:
    static constexpr std::size_t block_slots =
        std::max(tuning::channel_block_slots_min, tuning::channel_block_bytes / sizeof(slot));

    struct block {
        std::atomic<block*> next{nullptr};
        slot slots[block_slots];
    };

    struct popping {
        object_queue& queue;
        ~popping() { queue.pop_front(); }
    };

    template<class U>
    [[nodiscard]] static U owned(const std::atomic<U>& of) noexcept {
        return of.load(std::memory_order_relaxed); // relaxed: owner
    }

    [[nodiscard]] bool fits(std::size_t pushed_bytes, std::size_t limit) noexcept {
        if (pushed_bytes - seen_popped_bytes_ <= limit) [[likely]]
            return true;
        seen_popped_bytes_ = popped_bytes_.load(std::memory_order_relaxed); // relaxed: stale-ok
        return pushed_bytes - seen_popped_bytes_ <= limit;
    }

    void fill(T& value, std::size_t bytes, std::size_t pushed_bytes) {
        if (tail_ == block_slots) [[unlikely]]
            new_block();
        slot& into = last_->slots[tail_++];
        std::construct_at(&into.value, std::move(value));
        // Before the slot: who has popped it counts it among the pushed ones.
        pushed_bytes_.store(pushed_bytes, std::memory_order_relaxed); // relaxed: stale-ok
        pushed_.store(owned(pushed_) + 1, std::memory_order_relaxed); // relaxed: stale-ok
        into.bytes.store(bytes, std::memory_order_release);           // order: pushed.w
    }

    // The block that is full is not used by this side after its successor is published.
    [[gnu::noinline]] void new_block() {
        block* made = spare_.exchange(nullptr, std::memory_order_acquire); // order: spare.r
        if (made == nullptr) {
            made = new block;
        } else {
            made->next.store(nullptr, std::memory_order_relaxed); // relaxed: pre-publish
            for (slot& each : made->slots)
                each.bytes.store(0, std::memory_order_relaxed); // relaxed: pre-publish
        }
        std::exchange(last_, made)->next.store(made, std::memory_order_release); // order: block.w
        tail_ = 0;
    }

    // False: there is none yet.
    [[gnu::noinline]] bool next_block() noexcept {
        block* const next = first_->next.load(std::memory_order_acquire); // order: block.r
        if (next == nullptr)
            return false;
        head_ = 0;
        delete spare_.exchange(std::exchange(first_, next), std::memory_order_release); // order: spare.w
        return true;
    }

    // The pushing side's.
    alignas(cache_line_bytes) block* last_;
    std::size_t tail_ = 0; // index in it
    std::size_t seen_popped_bytes_ = 0;
    std::atomic<std::uint64_t> pushed_{0};     // read by the other side, seldom
    std::atomic<std::size_t> pushed_bytes_{0}; // the same; modulo its size
    // The popping side's.
    alignas(cache_line_bytes) block* first_;
    std::size_t head_ = 0; // index in it
    std::uint64_t popped_ = 0;
    std::atomic<std::size_t> popped_bytes_{0}; // read by the other side when it finds no room; modulo its size
    // Either side's.
    std::atomic<block*> spare_{nullptr};
};

} // namespace gantry::channel::detail

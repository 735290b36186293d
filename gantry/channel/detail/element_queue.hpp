// SPDX-License-Identifier: MIT
#pragma once
//
// element_queue<T>: the FIFO inside a channel: a preallocated ring, or a chain of blocks that grows and shrinks.
//
// Use it when a lock already protects the elements (detail/core.hpp).
// Do not use it when threads share it without a lock, or outside this module -> channel/channel.hpp.
//
// Threads: one at a time. Progress: a ring never allocates after construction; a chain allocates one block for every
// so many elements (base/tuning.hpp) and keeps at most one empty block beside the one in use.
// Ordering: n/a. Cost: one construction per emplace_back; elements never move again.
// Failure: when the element's move constructor or an allocation throws, the queue is as it was before.
// Lifetime: the destructor destroys the elements. Origin: a two-ended list of arrays, as std::deque without its map.

#include <gantry/base/assert.hpp>
#include <gantry/base/tuning.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace gantry::channel::detail {

template<class T>
class element_queue {
public:
    // With a capacity: a ring of that many elements. Without: a chain.
    explicit element_queue(std::optional<std::size_t> capacity)
        : ring_slots_(capacity.value_or(0)), ring_(capacity ? std::make_unique<slot[]>(*capacity) : nullptr) {}

    element_queue(element_queue&& other) noexcept
        : ring_slots_(std::exchange(other.ring_slots_, 0)), ring_(std::move(other.ring_)),
          size_(std::exchange(other.size_, 0)), head_(std::exchange(other.head_, 0)),
          tail_(std::exchange(other.tail_, 0)), first_(std::exchange(other.first_, nullptr)),
          last_(std::exchange(other.last_, nullptr)), spare_(std::exchange(other.spare_, nullptr)) {}
    element_queue& operator=(element_queue&&) = delete;

    ~element_queue() {
        while (size_ != 0)
            pop_front();
        if (first_ != last_) // see pop_front()
            delete last_;
        delete first_;
        delete spare_;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    template<class... Args>
    void emplace_back(Args&&... args) {
        std::construct_at(tail_slot().get(), std::forward<Args>(args)...);
        ++tail_;
        if (tail_ == ring_slots_)
            tail_ = 0;
        ++size_;
    }

    [[nodiscard]] T& front() noexcept { return *(ring_ ? ring_[head_] : first_->slots[head_]).get(); }

    void pop_front() noexcept {
        std::destroy_at(&front());
        --size_;
        ++head_;
        if (ring_) {
            if (head_ == ring_slots_)
                head_ = 0;
        } else if (size_ == 0) {
            // The block in use starts over: a channel that is drained often stays in one block. There are two if the
            // last emplace_back added one and then failed.
            if (first_ != last_)
                retire_first();
            head_ = tail_ = 0;
        } else if (head_ == block_slots) {
            retire_first();
            head_ = 0;
        }
    }

private:
    union slot {
        slot() noexcept {}
        ~slot() {}
        slot(const slot&) = delete;
        slot& operator=(const slot&) = delete;
        T* get() noexcept { return &value; }
        T value;
    };

    static constexpr std::size_t block_slots =
        std::max(tuning::channel_block_slots_min, tuning::channel_block_bytes / sizeof(slot));

    struct block {
        block* next = nullptr;
        slot slots[block_slots];
    };

    void retire_first() noexcept {
        block* const empty = std::exchange(first_, first_->next);
        if (spare_ == nullptr) {
            spare_ = empty;
        } else {
            delete empty;
        }
    }

    // Where the next element goes. A chain may grow by a block here; nothing else changes if that throws.
    slot& tail_slot() {
        if (ring_) {
            GANTRY_DEBUG_ASSERT(size_ < ring_slots_);
            return ring_[tail_];
        }
        if (first_ == nullptr) {
            first_ = last_ = new block;
        } else if (tail_ == block_slots) {
            block* const fresh = spare_ ? std::exchange(spare_, nullptr) : new block;
            fresh->next = nullptr;
            last_ = last_->next = fresh;
            tail_ = 0;
        }
        return last_->slots[tail_];
    }

    std::size_t ring_slots_; // 0: a chain
    std::unique_ptr<slot[]> ring_;
    std::size_t size_ = 0;
    std::size_t head_ = 0; // index in the ring, or in the first block
    std::size_t tail_ = 0; // index in the ring, or in the last block
    block* first_ = nullptr;
    block* last_ = nullptr;
    block* spare_ = nullptr;
};

} // namespace gantry::channel::detail

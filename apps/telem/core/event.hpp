// SPDX-License-Identifier: MIT
#pragma once
//
// event: what travels along an arrow of the topology: a block of points, a block of report rows, a pulse, or a receipt.
//
// Use it when nodes talk to each other: nothing else connects two of them. Do not use it when a value belongs to one
// node alone.
//
// Threads: an event belongs to one thread at a time; the block behind it may be shared by several readers, so it is
// const once sent. Progress: taking a block from its pool locks a mutex once a block, not once a point; allocates only
// until as many blocks exist as were ever in flight at once, which the channels' capacities bound.
// Ordering: a block is filled before it is sent and returned after its last reader is done (edge `recycle`).
// Cost: an event is 32 bytes, a block 32 KiB. Failure: a pool may throw bad_alloc. Lifetime: a pool outlives its
// blocks. Origin: time as a message comes from Heka and cernan; the watermark (act when a pulse has come over every
// arrow) from the stream processors MillWheel and Flink.

#include <apps/telem/core/names.hpp>

#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace telem {

struct metric {
    name_id name;
    std::uint32_t value;
};

// One figure of a report: column says which, as an index into the columns of its schema.
struct row {
    name_id name;
    std::uint32_t column;
    double value;
    std::uint64_t count; // points of this name that the figure stands on
};

// What the rows of one aggregate mean; lives as long as the topology.
struct schema {
    std::string node;
    std::string label;
    std::string column_key;           // what the columns are, for machines: "q"; empty if there is only one figure
    std::vector<std::string> columns; // printed behind the name; empty if there is only one figure

    [[nodiscard]] bool operator==(const schema&) const = default;
};

template<class Entry>
class block_pool;

template<class Entry>
class block {
public:
    static constexpr std::size_t capacity = 32768 / sizeof(Entry);

    [[nodiscard]] std::span<const Entry> entries() const noexcept { return {entries_.data(), size_}; }
    [[nodiscard]] std::span<Entry> room() noexcept { return {entries_.data() + size_, capacity - size_}; }
    void used(std::size_t n) noexcept { size_ += n; }

private:
    friend class block_pool<Entry>;
    template<class>
    friend class shared_block;

    block() noexcept {} // entries stay uninitialised on purpose: size_ says which exist

    std::atomic<std::uint32_t> readers_{0};
    std::size_t size_ = 0;
    block_pool<Entry>* pool_ = nullptr;
    union {
        std::array<Entry, capacity> entries_;
    };
};

// One reader's hold on a block; the last one gone gives the block back to its pool.
template<class Entry>
class shared_block {
public:
    shared_block() noexcept = default;
    shared_block(shared_block&& from) noexcept : held_(std::exchange(from.held_, nullptr)) {}
    shared_block& operator=(shared_block&& from) noexcept {
        if (this != &from) {
            drop();
            held_ = std::exchange(from.held_, nullptr);
        }
        return *this;
    }
    ~shared_block() { drop(); }

    // Another hold on the same block.
    [[nodiscard]] shared_block share() const noexcept {
        held_->readers_.fetch_add(1, std::memory_order_relaxed); // relaxed: owner
        return shared_block(held_);
    }
    [[nodiscard]] std::span<const Entry> entries() const noexcept { return held_->entries(); }
    // Only before the block is shared or sent.
    [[nodiscard]] block<Entry>& fill() noexcept { return *held_; }
    explicit operator bool() const noexcept { return held_ != nullptr; }

private:
    friend class block_pool<Entry>;
    explicit shared_block(block<Entry>* held) noexcept : held_(held) {}
    void drop() noexcept;

    block<Entry>* held_ = nullptr;
};

template<class Entry>
class block_pool {
public:
    [[nodiscard]] shared_block<Entry> take();
    // Memory of all blocks ever made; blocks are kept for reuse.
    [[nodiscard]] std::size_t bytes() const noexcept {
        return made_.load(std::memory_order_relaxed) * sizeof(block<Entry>); // relaxed: stats
    }

private:
    friend class shared_block<Entry>;
    void give_back(block<Entry>* done) noexcept;

    std::atomic<std::size_t> made_{0};
    // guarded by m_
    std::mutex m_;
    std::vector<std::unique_ptr<block<Entry>>> all_;
    std::vector<block<Entry>*> free_;
};

extern template class block_pool<metric>;
extern template class block_pool<row>;

template<class Entry>
void shared_block<Entry>::drop() noexcept {
    if (held_ == nullptr) {
        return;
    }
    if (held_->readers_.fetch_sub(1, std::memory_order_acq_rel) == 1) { // order: recycle.w, recycle.r
        held_->pool_->give_back(held_);
    }
    held_ = nullptr;
}

struct report {
    shared_block<row> rows;
    const schema* meaning = nullptr;
    std::chrono::milliseconds time{0}; // of the pulse that asked for it
};

// Time as a message. Sources send one a period, numbered by the clock; a node acts when pulses have come over all its
// arrows, so what its sources accepted before pulse n is in report n. The last pulse ends an arrow.
struct pulse {
    static constexpr std::uint64_t last = UINT64_MAX;

    std::uint64_t sequence = 0;
    std::chrono::milliseconds time{0}; // since 1970
    std::uint32_t arrow = 0;           // which of the receiving node's arrows it came over
};

// Behind what came over a spilling arrow: once the receiving node has passed all of it on, the arrow may forget it.
struct receipt {
    std::uint64_t up_to = 0;
    std::uint32_t arrow = 0;
    bool urgent = false; // the arrow is full: no pulse can come before the node has passed on what it holds
};

struct event {
    std::variant<pulse, shared_block<metric>, report, receipt> what;
};

} // namespace telem

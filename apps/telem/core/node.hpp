// SPDX-License-Identifier: MIT
#pragma once
//
// node: what a filter, an aggregate or a sink does with what reaches it. outbox: where it puts what it passes on.
//
// Use it when adding a kind: derive from node, enter the kind in kinds.cpp. Do not use it when data comes from outside
// -> source.hpp.
//
// Threads: every call on a node comes from its own station's thread; figures() from any. Progress: a node computes, it
// never waits: waiting is the station's. Ordering: calls come in the order of the inbound channel.
// Cost: one virtual call a block. Failure: a node may throw; its station then closes and says so. What it refuses it
// counts. Lifetime: owned by its station; the outbox outlives it. Origin: n/a.

#include <apps/telem/core/event.hpp>
#include <gantry/channel/channel.hpp>

#include <deque>

namespace telem {

// A count that one thread writes and any thread reads.
class counter {
public:
    void add(std::uint64_t n) noexcept { set(get() + n); }
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); } // relaxed: stats
    [[nodiscard]] std::uint64_t get() const noexcept {
        return value_.load(std::memory_order_relaxed);
    } // relaxed: stats

private:
    std::atomic<std::uint64_t> value_{0};
};

struct pools {
    block_pool<metric> points;
    block_pool<row> rows;
};

// Where an arrow begins.
class entrance {
public:
    enum class outcome { taken, full, gone };

    virtual ~entrance() = default;

    // Takes the event, or leaves it as it was. waits: never says full. gone: the receiver takes nothing any more.
    [[nodiscard]] virtual outcome put(event& what, bool waits) = 0;
};

// The entrance of an arrow that is a plain channel.
class channel_entrance final : public entrance {
public:
    explicit channel_entrance(gantry::channel::sender<event> to) noexcept : to_(std::move(to)) {}

    outcome put(event& what, bool waits) override;

private:
    const gantry::channel::sender<event> to_;
};

class outbox {
public:
    struct arrow {
        std::unique_ptr<entrance> to;
        std::uint32_t number; // this arrow among those that enter the receiving node
    };

    // waits: push blocks while a receiver is full; otherwise what does not fit is kept until deliver().
    outbox(pools& from, bool waits) noexcept : pools_(&from), waits_(waits) {}

    void connect(arrow to) { arrows_.push_back(std::move(to)); }

    // The free places of the block being filled, at least one; then say how many were filled.
    [[nodiscard]] std::span<metric> room() {
        if (!points_) {
            points_ = pools_->points.take();
        }
        return points_.fill().room();
    }
    void used(std::size_t n) {
        points_.fill().used(n);
        if (points_.fill().room().empty()) {
            flush();
        }
    }
    void add(const metric& point) {
        room().front() = point;
        used(1);
    }
    void add(const schema& meaning, std::chrono::milliseconds time, const row& figure);

    // Sends what is in the blocks being filled.
    void flush();
    void send(const pulse& beat);
    // To the only arrow, as it is.
    void forward(event what) { send_to(0, std::move(what)); }
    // False while something that was sent is still waiting for room.
    [[nodiscard]] bool deliver();
    // Nothing is on its way out.
    [[nodiscard]] bool is_empty() const noexcept {
        return pending_.empty() && (!points_ || points_.entries().empty()) && !rows_;
    }
    // A receiver takes nothing any more.
    [[nodiscard]] bool is_refused() const noexcept { return refused_; }
    // Lets go of the receivers: their channels close when all senders have.
    void close() { arrows_.clear(); }

    // Events that went out so far; only for the stage's own thread.
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
    // Points that no receiver took any more because it had failed.
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.get(); }

private:
    void send_to(std::size_t which, event what);
    void count_lost(const event& what);

    pools* pools_;
    const bool waits_;
    std::vector<arrow> arrows_;
    shared_block<metric> points_;
    shared_block<row> rows_;
    const schema* rows_meaning_ = nullptr;
    std::chrono::milliseconds rows_time_{0};
    std::deque<std::pair<std::size_t, event>> pending_;
    std::uint64_t events_ = 0;
    bool refused_ = false;
    counter lost_;
};

// One figure of the final report.
struct figure {
    std::string name;
    std::uint64_t value;
};

class node {
public:
    virtual ~node() = default;

    // Either may be left out by a kind that never gets the one or the other: the check of the topology sees to it.
    virtual void on_points(std::span<const metric>, outbox&) {}
    virtual void on_rows(const report&, outbox&) {}
    // Once for every pulse; the last one has sequence pulse::last.
    virtual void on_pulse(const pulse&, outbox&) {}
    // Whether all that it was given has gone into the outbox, or to where it ends: it may then be forgotten by a
    // spilling arrow, and does not come again after a restart.
    [[nodiscard]] virtual bool settled() const { return true; }
    // Whether it will never settle again: an arrow that is durable then keeps what it has.
    [[nodiscard]] virtual bool broken() const { return false; }
    [[nodiscard]] virtual std::vector<figure> figures() const = 0;
};

} // namespace telem

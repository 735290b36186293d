// SPDX-License-Identifier: MIT
#pragma once
//
// stage: one thread's worth of the topology, advanced step by step; station: the stage of a node with its inbound
// channel.
//
// Use it when the runtime (a thread for each stage) or a simulation (one thread, steps in any order) drives a topology.
// Do not use it when writing a kind -> node.hpp.
//
// Threads: step() from one thread; figures() from any. Progress: step() of a waiting stage blocks in its channels and
// its socket; of any other it never blocks. Ordering: events in channel order; a pulse is acted on once, when it has
// come over every arrow (the watermark), and only then passed on. Cost: a step takes one event. Failure: a throw from a
// node leaves the station failed; its owner closes it. Lifetime: owns its node; pools, names outlive it.
// Origin: watermarks as in MillWheel and Flink; stepping the production code from a seeded scheduler as in
// FoundationDB.

#include <apps/telem/core/node.hpp>

namespace telem {

enum class progress { worked, idle, blocked, done };

class stage {
public:
    stage(std::string name, std::string kind, pools& from, bool waits)
        : name_(std::move(name)), kind_(std::move(kind)), waits_(waits), out_(from, waits) {}
    virtual ~stage() = default;
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;

    // Advances a little. Without waiting: worked when anything changed, here or for a neighbour; else why nothing did.
    [[nodiscard]] progress step() {
        const std::uint64_t before = out_.events();
        const progress made = advance();
        return out_.events() != before ? progress::worked : made;
    }
    // Ends a stage that failed: its channels close, so that neither neighbour waits for it.
    virtual void abandon() = 0;
    [[nodiscard]] virtual std::vector<figure> figures() const = 0;

    [[nodiscard]] outbox& out() noexcept { return out_; }
    [[nodiscard]] const outbox& out() const noexcept { return out_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const std::string& kind() const noexcept { return kind_; }
    [[nodiscard]] bool waits() const noexcept { return waits_; }

private:
    [[nodiscard]] virtual progress advance() = 0;

    const std::string name_;
    const std::string kind_;
    const bool waits_;
    outbox out_;
};

// What learns that a node has passed on what came over an arrow.
class settler {
public:
    virtual ~settler() = default;
    // From the receiving node's thread, with a receipt's number: the node has it,
    virtual void handed(std::uint64_t up_to) = 0;
    // and has passed it on.
    virtual void settle(std::uint64_t up_to) = 0;
    // Or: it is broken and never will.
    virtual void give_up() = 0;
};

class station final : public stage {
public:
    station(std::string name, std::string kind, pools& from, bool waits, std::size_t queue_events);

    // Before the first step: what to do, and one sender for each arrow that enters.
    void install(std::unique_ptr<node> inside) { node_ = std::move(inside); }
    [[nodiscard]] outbox::arrow enter() { return {std::make_unique<channel_entrance>(*entrance_), add_arrow(nullptr)}; }
    // For an arrow whose receipts come back to `told`, which outlives the station.
    [[nodiscard]] std::uint32_t add_arrow(settler* told);
    [[nodiscard]] gantry::channel::sender<event> inlet() const { return *entrance_; }
    // No more arrows will enter: the channel can close when they have.
    void seal() { entrance_.reset(); }

    void abandon() override;
    [[nodiscard]] std::vector<figure> figures() const override;
    // Pulses acted on, the last one included.
    [[nodiscard]] std::uint64_t pulses() const noexcept { return pulses_.get(); }

private:
    [[nodiscard]] progress advance() override;
    // True when that was the last pulse.
    [[nodiscard]] bool on(pulse beat);

    std::unique_ptr<node> node_;
    std::optional<gantry::channel::sender<event>> entrance_;
    std::optional<gantry::channel::receiver<event>> in_;
    struct arrow_state {
        std::uint64_t pulse = 0; // the last one that came over it
        settler* told = nullptr;
        std::uint64_t owed = 0; // of receipts, those that are not settled
    };
    void settle();

    std::vector<arrow_state> arrows_;
    bool owes_ = false;
    std::uint64_t acted_on_ = 0;
    std::chrono::milliseconds acted_at_{0};
    bool finished_ = false;
    counter points_in_;
    counter pulses_;
};

} // namespace telem

// SPDX-License-Identifier: MIT
#pragma once
//
// spill_edge: an arrow of the topology whose queue goes on on disk: the stage that takes events out of it again and
// hands them to the node that it leads to. spill_entrance: where they go in.
//
// Use it when a config says `spill` at an arrow. Do not use it when an arrow's queue is in memory: that is the
// station's own channel.
//
// An event is accepted when put() has said taken; from then on it survives what `durability` says. durable: an event is
// lent to the receiving node, and acknowledged when that has passed on everything that came before (settle()): what was
// not comes again after a restart, with what an earlier run left, before anything newer. When the node is broken, the
// arrow takes nothing more and keeps what it has. durable_on_drain: an event is
// acknowledged when the node has taken it; finish() writes down the others. volatile_overflow: no restart matters.
// The pulses of an earlier run are dropped: this run's clock counts anew.
//
// Threads: put() by the stage before, step() by its own, settle() and handed() by the node after; finish(), figures()
// from any. Progress: put() and step() wait if the topology's stages do. Ordering: that of the channel, over restarts.
// Cost: encodes and decodes each event (event_codec.hpp), also while the disk is not needed; a thread.
// Failure: what is full or broken is `when_full`'s matter: an event waits, or is counted as refused or dropped. A disk
// in trouble is told once, and once that it works again. A last pulse is never dropped.
// Lifetime: outlives the stages that it joins. Origin: n/a.

#include <apps/telem/core/config.hpp>
#include <apps/telem/core/event_codec.hpp>
#include <apps/telem/core/station.hpp>
#include <gantry/base/storage.hpp>
#include <gantry/channel/spill/spill.hpp>

#include <functional>

namespace telem {

class spill_edge final : public stage, public settler {
public:
    using element = std::vector<std::byte>;

    struct options {
        spill_config chosen;
        std::uint64_t run;                         // of this process
        std::function<void(std::string_view)> say; // a line for people
    };

    // Opens the directory; or why not. `name` is that of the arrow, such as udp>console.
    [[nodiscard]] static std::expected<std::unique_ptr<spill_edge>, std::string>
    open(std::string name, pools& from, bool waits, name_table& names, gantry::storage& disk, options chosen);

    // Where the stage before puts what is for `to`. Once.
    [[nodiscard]] outbox::arrow lead_to(station& to);

    void handed(std::uint64_t up_to) override;
    void settle(std::uint64_t up_to) override;
    void give_up() override;
    void abandon() override;
    [[nodiscard]] std::vector<figure> figures() const override;

    // Ends it, whatever the stages do: writes down what `durability` promises. How many events stay in the directory
    // for the next start; or what went wrong. Later calls do nothing.
    std::expected<std::uint64_t, std::string> finish();

private:
    class way_in;
    struct lent {
        std::uint64_t number;
        gantry::channel::lease<element> what;
    };

    spill_edge(std::string name, pools& from, bool waits, name_table& names, options chosen,
               gantry::channel::spilling<element> ends);

    [[nodiscard]] progress advance() override;
    void pass_on(gantry::channel::lease<element> taken);
    void send_receipt(bool urgent = false);
    void end_arrow();
    void acknowledge(std::uint64_t up_to);
    // Looks after the disk: tells people when trouble begins, and when it is over.
    void watch();

    // constant after construction
    const options options_;
    const bool durable_;
    const bool lends_;
    pools* const pools_;
    name_table* const names_;
    const gantry::channel::receiver<element> rx_;
    const gantry::channel::spill_disk<element> disk_;
    const gantry::channel::leases<element> leases_;

    // before the first step, then of the thread that steps it
    std::optional<gantry::channel::sender<element>> tx_; // until lead_to()
    std::optional<event_reader> reader_;
    std::uint64_t number_ = 0;    // of the last event that was handed on
    std::uint64_t receipted_ = 0; // up to here the node has, or will get, a receipt,
    std::uint64_t urged_ = 0;     // and up to here an urgent one
    bool finished_ = false;

    // shared atomics
    std::atomic<bool> entrance_gone_{false};
    std::atomic<bool> no_room_{false};  // the last event did not go in
    std::atomic<bool> given_up_{false}; // the node takes nothing any more
    counter points_in_;                 // this one and the next two: the stage before
    counter points_refused_;
    counter points_dropped_;
    counter points_out_; // this one and those below: the thread that steps it
    counter points_again_;
    counter points_unnamed_;
    counter events_unreadable_;

    mutable std::mutex lent_mutex_;
    // guarded by lent_mutex_
    std::deque<lent> lent_;
    std::optional<gantry::channel::spill_statistics> at_the_end_; // once finish() was called

    std::mutex watch_mutex_;
    // guarded by watch_mutex_
    std::uint64_t failures_ = 0;
    std::uint64_t appended_ = 0;
    bool trouble_ = false;
};

} // namespace telem

// SPDX-License-Identifier: MIT
//
// Ordering ledger
//   gone : ~way_in, entrance_gone_ store (release)  ->  advance, load (acquire)
//          carries: what was pushed before is counted in the channel
// Relaxed used as: stats | stale-ok
#include <apps/telem/core/spill_edge.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace telem {
namespace {

using gantry::channel::errc;
using gantry::channel::spill_durability;
using gantry::channel::spill_full;

// How long it waits before it asks a disk again that has failed, and looks whether there is news.
constexpr std::chrono::milliseconds retry_after{100};
constexpr std::chrono::seconds look_after{1};
// So many events are lent before the receiving node gets a receipt, if no pulse and no pause comes first.
constexpr std::uint64_t events_a_receipt = 64;
// From so many lent events on the node shall pass on what it holds, pulse or not: each takes about 100 bytes.
constexpr std::uint64_t lent_max = 1U << 16U;

spill_durability durability_named(std::string_view name) {
    if (name == "durable") {
        return spill_durability::durable;
    }
    return name == "durable_on_drain" ? spill_durability::durable_on_drain : spill_durability::volatile_overflow;
}

// What is dropped as the newest is refused by the channel: so it is known which points those were.
spill_full policy_named(std::string_view name) {
    if (name == "block") {
        return spill_full::block;
    }
    return name == "drop_oldest" ? spill_full::drop_oldest : spill_full::refuse;
}

gantry::channel::spool_sync sync_named(std::string_view name) {
    using gantry::channel::spool_sync;
    if (name == "each") {
        return spool_sync::each;
    }
    return name == "segment" ? spool_sync::segment : spool_sync::none;
}

std::uint64_t failures_of(const gantry::channel::spool_statistics& disk) {
    return disk.failed_writes + disk.failed_syncs + disk.failed_reads + disk.failed_removals;
}

} // namespace

// ------------------------------------------------------------------------------------------------------------ going in

class spill_edge::way_in final : public entrance {
public:
    way_in(spill_edge& edge, gantry::channel::sender<element> to)
        : edge_(&edge), to_(std::move(to)), writer_(*edge.names_, edge.options_.run),
          policy_(edge.options_.chosen.text("when_full")) {}
    ~way_in() override {
        edge_->entrance_gone_.store(true, std::memory_order_release); // order: gone.w
    }

    outcome put(event& what, bool waits) override {
        if (parcels_.empty()) {
            writer_.write(what, parcels_);
        }
        const auto* const beat = std::get_if<pulse>(&what.what);
        while (!parcels_.empty()) {
            const errc reason = push(parcels_.front().bytes, waits);
            edge_->no_room_.store(reason != errc{}, std::memory_order_relaxed); // relaxed: stale-ok
            if (reason == errc{}) {
                edge_->points_in_.add(parcels_.front().points);
                parcels_.pop_front();
                continue;
            }
            if (is_end(reason)) {
                parcels_.clear();
                return outcome::gone;
            }
            const bool no_room = reason == errc::full || reason == errc::timeout;
            // The last pulse ends the arrow: it waits whatever the policy.
            if (no_room || policy_ == "block" || (beat != nullptr && beat->sequence == pulse::last)) {
                edge_->watch();
                if (!waits) {
                    return outcome::full;
                }
                if (!no_room) {
                    std::this_thread::sleep_for(retry_after);
                }
                continue;
            }
            (policy_ == "refuse" ? edge_->points_refused_ : edge_->points_dropped_).add(parcels_.front().points);
            parcels_.pop_front();
        }
        if (beat != nullptr) {
            edge_->watch();
        }
        return outcome::taken;
    }

private:
    errc push(element& bytes, bool waits) {
        auto pushed = waits ? to_.push_for(std::move(bytes), look_after) : to_.try_push(std::move(bytes));
        if (pushed) {
            return {};
        }
        bytes = std::move(pushed.error().value);
        return pushed.error().reason;
    }

    spill_edge* const edge_;
    const gantry::channel::sender<element> to_;
    event_writer writer_;
    const std::string policy_;
    std::deque<parcel> parcels_; // of the event that is being put
};

// ---------------------------------------------------------------------------------------------------------- coming out

std::expected<std::unique_ptr<spill_edge>, std::string>
spill_edge::open(std::string name, pools& from, bool waits, name_table& names, gantry::storage& disk, options chosen) {
    const spill_config& wanted = chosen.chosen;
    const spill_durability durability = durability_named(wanted.text("durability"));
    // Where the disk is only room, acknowledgements are not kept: what a kill left would come again, with gaps.
    const auto leftover = durability == spill_durability::volatile_overflow ? gantry::channel::spool_leftover::discard
                                                                            : gantry::channel::spool_leftover::adopt;
    auto opened = gantry::channel::spill<element>(
        disk, wanted.text("dir"),
        {.memory_bytes_max = wanted.integer("memory"),
         .disk_bytes_max = wanted.integer("disk"),
         .segment_bytes = std::clamp<std::uint64_t>(wanted.integer("disk") / 16, 1U << 20U, 64U << 20U),
         .durability = durability,
         .when_full = policy_named(wanted.text("when_full")),
         .sync = sync_named(wanted.text("sync")),
         .leftover = leftover});
    if (!opened) {
        return std::unexpected(opened.error().message());
    }
    const gantry::channel::spill_statistics found = opened->disk.statistics();
    if (found.elements != 0 && chosen.say) {
        chosen.say(fmt::format("{}: {} events of an earlier run in {}", name, found.elements, wanted.text("dir")));
    }
    return std::unique_ptr<spill_edge>(
        new spill_edge(std::move(name), from, waits, names, std::move(chosen), *std::move(opened)));
}

spill_edge::spill_edge(std::string name, pools& from, bool waits, name_table& names, options chosen,
                       gantry::channel::spilling<element> ends)
    : stage(std::move(name), "spill", from, waits), options_(std::move(chosen)),
      durable_(options_.chosen.text("durability") == "durable"),
      // What is lent keeps everything behind it on disk: where the oldest are dropped, nothing is lent.
      lends_(durable_ || (options_.chosen.text("durability") == "durable_on_drain" &&
                          options_.chosen.text("when_full") != "drop_oldest")),
      pools_(&from), names_(&names), rx_(std::move(ends.rx)), disk_(std::move(ends.disk)), leases_(disk_.leases()),
      tx_(std::move(ends.tx)) {}

outbox::arrow spill_edge::lead_to(station& to) {
    const std::uint32_t number = to.add_arrow(lends_ ? this : nullptr);
    reader_.emplace(*names_, *pools_, options_.run, number);
    out().connect({std::make_unique<channel_entrance>(to.inlet()), number});
    auto entrance = std::make_unique<way_in>(*this, *std::move(tx_));
    tx_.reset();
    return {std::move(entrance), number};
}

progress spill_edge::advance() {
    if (!out().deliver()) {
        return progress::blocked;
    }
    if (finished_) {
        return progress::done;
    }
    if (out().is_refused() || given_up_.load(std::memory_order_relaxed)) { // relaxed: stale-ok
        rx_.close();
        end_arrow();
        return progress::worked;
    }
    auto got = leases_.try_pop();
    if (!got && got.error() == errc::empty) {
        // Nothing waits behind it. If nothing goes in for all that is lent, not even a pulse, the node must make room.
        send_receipt(no_room_.load(std::memory_order_relaxed)); // relaxed: stale-ok
        if (waits()) {
            got = leases_.pop_for(look_after);
        }
    }
    if (got) {
        pass_on(*std::move(got));
        return progress::worked;
    }
    if (got.error() == errc::disk) {
        watch();
        if (waits()) {
            std::this_thread::sleep_for(retry_after);
        }
        return progress::idle;
    }
    // The stage before may have gone without a last pulse, and what is lent keeps the channel from its end.
    if (is_end(got.error()) || (entrance_gone_.load(std::memory_order_acquire) && // order: gone.r
                                disk_.statistics().elements == 0)) {
        end_arrow();
        return progress::worked;
    }
    return out().deliver() ? progress::idle : progress::blocked;
}

void spill_edge::pass_on(gantry::channel::lease<element> taken) {
    auto read = reader_->read(*taken);
    ++number_;
    bool many = false;
    if (lends_) {
        if (durable_) {
            element().swap(*taken); // it lies on disk; what is lent may be much
        }
        const std::lock_guard lock(lent_mutex_);
        lent_.push_back({number_, std::move(taken)});
        many = lent_.size() >= lent_max && number_ - urged_ >= lent_max / 2;
    } else {
        static_cast<void>(taken.acknowledge()); // forgets an element of this process: nothing that could fail matters
    }
    if (!read) {
        events_unreadable_.add(1);
        return;
    }
    points_out_.add(read->points);
    points_again_.add(read->earlier ? read->points : 0);
    points_unnamed_.add(read->refused);
    if (const auto* beat = std::get_if<pulse>(&read->what.what)) {
        if (!read->earlier) {
            // First the receipt: what came before the pulse may be passed on because of it.
            finished_ = beat->sequence == pulse::last;
            send_receipt();
            out().forward(std::move(read->what));
        }
        return;
    }
    out().forward(std::move(read->what));
    if (!durable_ || many || number_ - receipted_ >= events_a_receipt) {
        send_receipt(many);
    }
}

void spill_edge::send_receipt(bool urgent) {
    if (lends_ && (receipted_ != number_ || (urgent && urged_ != number_))) {
        receipted_ = number_;
        urged_ = urgent ? number_ : urged_;
        out().forward({receipt{.up_to = number_, .arrow = reader_->arrow(), .urgent = urgent}});
    }
}

void spill_edge::end_arrow() {
    finished_ = true;
    send_receipt();
    out().forward({pulse{.sequence = pulse::last, .arrow = reader_->arrow()}});
}

// ------------------------------------------------------------------------------------------------------- acknowledging

void spill_edge::handed(std::uint64_t up_to) {
    if (!durable_) {
        acknowledge(up_to);
    }
}

void spill_edge::settle(std::uint64_t up_to) {
    if (durable_) {
        acknowledge(up_to);
    }
}

void spill_edge::give_up() {
    given_up_.store(true, std::memory_order_relaxed); // relaxed: stale-ok
}

void spill_edge::acknowledge(std::uint64_t up_to) {
    bool failed = false;
    {
        const std::lock_guard lock(lent_mutex_);
        if (at_the_end_) {
            return;
        }
        std::vector<gantry::channel::lease<element>> done;
        while (!lent_.empty() && lent_.front().number <= up_to) {
            done.push_back(std::move(lent_.front().what));
            lent_.pop_front();
        }
        failed = !gantry::channel::lease<element>::acknowledge(done).has_value();
    }
    if (failed) {
        watch();
    }
}

// ------------------------------------------------------------------------------------------------------------- the end

void spill_edge::abandon() {
    finished_ = true;
    rx_.close();
    out().close();
}

std::expected<std::uint64_t, std::string> spill_edge::finish() {
    std::deque<lent> back;
    std::uint64_t kept = 0;
    {
        const std::lock_guard lock(lent_mutex_);
        if (at_the_end_) {
            return 0;
        }
        rx_.close();
        if (!durable_) {
            lent_.clear(); // the channel gets them back, and writes them down
        }
        at_the_end_ = disk_.statistics();
        kept =
            options_.chosen.text("durability") == "volatile_overflow" ? 0 : at_the_end_->elements + at_the_end_->leased;
    }
    if (const auto ended = disk_.finish(); !ended) {
        return std::unexpected(ended.error().message());
    }
    return kept;
}

void spill_edge::watch() {
    const gantry::channel::spill_statistics now = disk_.statistics();
    const std::uint64_t failures = failures_of(now.disk);
    const std::lock_guard lock(watch_mutex_);
    const bool failed = failures > failures_;
    const bool works = !failed && now.disk.appended > appended_;
    failures_ = std::max(failures, failures_);
    appended_ = std::max(now.disk.appended, appended_);
    if (failed == trouble_ || (trouble_ && !works) || !options_.say) {
        return;
    }
    trouble_ = failed;
    if (!failed) {
        options_.say(fmt::format("{}: the disk works again", name()));
        return;
    }
    const auto error = disk_.error();
    options_.say(fmt::format("{}: trouble with the disk: {}; what does not fit into memory is {}", name(),
                             error ? error->message() : options_.chosen.text("dir"),
                             options_.chosen.text("when_full") == "block"    ? "kept waiting"
                             : options_.chosen.text("when_full") == "refuse" ? "refused"
                                                                             : "dropped"));
}

std::vector<figure> spill_edge::figures() const {
    gantry::channel::spill_statistics now;
    {
        const std::lock_guard lock(lent_mutex_);
        now = at_the_end_ ? *at_the_end_ : disk_.statistics();
    }
    std::vector<figure> all{{"points_in", points_in_.get()},
                            {"points_out", points_out_.get()},
                            {"points_again", points_again_.get()},
                            {"points_refused", points_refused_.get()},
                            {"points_dropped", points_dropped_.get()},
                            {"points_unnamed", points_unnamed_.get()},
                            {"events_waiting", now.elements},
                            {"events_lent", now.leased},
                            {"events_spilled", now.spilled},
                            {"events_dropped_oldest", now.dropped_oldest},
                            {"events_unreadable", events_unreadable_.get() + now.undecodable + now.disk.lost},
                            {"memory_bytes", now.memory_bytes},
                            {"disk_bytes", now.disk.disk_bytes},
                            {"disk_failures", failures_of(now.disk)}};
    if (out().lost() != 0) {
        all.push_back({"points_lost", out().lost()});
    }
    return all;
}

} // namespace telem

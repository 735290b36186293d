// SPDX-License-Identifier: MIT
#include <apps/telem/core/station.hpp>

#include <algorithm>

namespace telem {

entrance::outcome channel_entrance::put(event& what, bool waits) {
    auto pushed = waits ? to_.push(std::move(what)) : to_.try_push(std::move(what));
    if (pushed) {
        return outcome::taken;
    }
    what = std::move(pushed.error().value);
    return pushed.error().reason == gantry::channel::errc::full ? outcome::full : outcome::gone;
}

void outbox::add(const schema& meaning, std::chrono::milliseconds time, const row& figure) {
    if (rows_ && (rows_meaning_ != &meaning || rows_time_ != time)) {
        flush();
    }
    if (!rows_) {
        rows_ = pools_->rows.take();
        rows_meaning_ = &meaning;
        rows_time_ = time;
    }
    rows_.fill().room().front() = figure;
    rows_.fill().used(1);
    if (rows_.fill().room().empty()) {
        flush();
    }
}

void outbox::flush() {
    if (points_ && !points_.entries().empty()) {
        for (std::size_t i = 1; i < arrows_.size(); ++i) {
            send_to(i, {points_.share()});
        }
        if (!arrows_.empty()) {
            send_to(0, {std::move(points_)});
        }
        points_ = {};
    }
    if (rows_) {
        for (std::size_t i = 1; i < arrows_.size(); ++i) {
            send_to(i, {report{rows_.share(), rows_meaning_, rows_time_}});
        }
        if (!arrows_.empty()) {
            send_to(0, {report{std::move(rows_), rows_meaning_, rows_time_}});
        }
        rows_ = {};
    }
}

void outbox::send(const pulse& beat) {
    for (std::size_t i = 0; i < arrows_.size(); ++i) {
        pulse copy = beat;
        copy.arrow = arrows_[i].number;
        send_to(i, {copy});
    }
}

void outbox::send_to(std::size_t which, event what) {
    if (waits_) {
        ++events_;
        if (arrows_[which].to->put(what, true) == entrance::outcome::gone) {
            count_lost(what);
        }
        return;
    }
    pending_.emplace_back(which, std::move(what));
}

bool outbox::deliver() {
    while (!pending_.empty()) {
        auto& [which, what] = pending_.front();
        switch (arrows_[which].to->put(what, false)) {
        case entrance::outcome::taken:
            break;
        case entrance::outcome::full:
            return false;
        case entrance::outcome::gone:
            count_lost(what);
        }
        ++events_;
        pending_.pop_front();
    }
    return true;
}

void outbox::count_lost(const event& what) {
    refused_ = true;
    if (const auto* points = std::get_if<shared_block<metric>>(&what.what)) {
        lost_.add(points->entries().size());
    }
}

station::station(std::string name, std::string kind, pools& from, bool waits, std::size_t queue_events)
    : stage(std::move(name), std::move(kind), from, waits) {
    auto [to, in] = gantry::channel::bounded<event>(queue_events);
    entrance_.emplace(std::move(to));
    in_.emplace(std::move(in));
}

std::uint32_t station::add_arrow(settler* told) {
    arrows_.push_back({.told = told});
    return static_cast<std::uint32_t>(arrows_.size() - 1);
}

progress station::advance() {
    if (!out().deliver()) {
        return progress::blocked;
    }
    settle();
    if (finished_) {
        return progress::done;
    }
    auto got = in_->try_pop();
    if (!got && got.error() == gantry::channel::errc::empty) {
        // Nothing waits behind this: pass on what is there rather than hold it for a fuller block.
        out().flush();
        if (!waits()) {
            if (!out().deliver()) {
                return progress::blocked;
            }
            settle();
            return progress::idle;
        }
        settle();
        got = in_->pop();
    }
    if (!got) {
        // Every sender is gone without a last pulse: the nodes before this one failed. Report what did come.
        finished_ = true;
        node_->on_pulse({.sequence = pulse::last}, out());
        out().flush();
        out().send({.sequence = pulse::last});
        return progress::worked;
    }
    if (const auto* points = std::get_if<shared_block<metric>>(&got->what)) {
        points_in_.add(points->entries().size());
        node_->on_points(points->entries(), out());
    } else if (const auto* rows = std::get_if<report>(&got->what)) {
        node_->on_rows(*rows, out());
    } else if (const auto* beat = std::get_if<pulse>(&got->what)) {
        finished_ = on(*beat);
    } else {
        const auto& passed = std::get<receipt>(got->what);
        arrow_state& over = arrows_[passed.arrow];
        over.told->handed(passed.up_to);
        over.owed = passed.up_to;
        owes_ = true;
        if (passed.urgent && !node_->settled()) {
            node_->on_pulse({.sequence = acted_on_, .time = acted_at_}, out());
            out().flush();
        }
    }
    return progress::worked;
}

// What came before the receipts that came has gone on, if nothing at all is here.
void station::settle() {
    const bool broken = owes_ && node_->broken();
    if (!owes_ || (!broken && (!node_->settled() || !out().is_empty()))) {
        return;
    }
    owes_ = false;
    for (arrow_state& each : arrows_) {
        const std::uint64_t owed = std::exchange(each.owed, 0);
        if (owed != 0 && broken) {
            each.told->give_up();
        } else if (owed != 0) {
            each.told->settle(owed);
        }
    }
}

bool station::on(pulse beat) {
    arrows_[beat.arrow].pulse = beat.sequence;
    const std::uint64_t everywhere = std::ranges::min(arrows_, {}, &arrow_state::pulse).pulse;
    if (everywhere <= acted_on_) {
        return false;
    }
    acted_on_ = everywhere;
    acted_at_ = beat.time;
    pulses_.add(1);
    beat.sequence = everywhere;
    node_->on_pulse(beat, out());
    out().flush();
    out().send(beat);
    return everywhere == pulse::last;
}

void station::abandon() {
    finished_ = true;
    out().close();
    in_.reset();
}

std::vector<figure> station::figures() const {
    std::vector<figure> all{{"points_in", points_in_.get()}};
    for (figure& more : node_->figures()) {
        all.push_back(std::move(more));
    }
    if (out().lost() != 0) {
        all.push_back({"points_lost", out().lost()});
    }
    return all;
}

} // namespace telem

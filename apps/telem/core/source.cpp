// SPDX-License-Identifier: MIT
//
// Ordering ledger
//   no edges: stop_ carries no data, and wake() makes the source look at it
// Relaxed used as: stale-ok
#include <apps/telem/core/line.hpp>
#include <apps/telem/core/source.hpp>

namespace telem {

source::source(std::string name, std::string kind, pools& from, bool waits, std::unique_ptr<datagrams> socket,
               name_table& names, clock& time, options chosen)
    : stage(std::move(name), std::move(kind), from, waits), socket_(std::move(socket)), index_(names), time_(&time),
      options_(std::move(chosen)), start_(time.steady()), next_pulse_(start_ + options_.flush_every) {}

void source::request_stop() {
    stop_.store(true, std::memory_order_relaxed); // relaxed: stale-ok
    socket_->wake();
}

progress source::advance() {
    if (!out().deliver()) {
        return progress::blocked;
    }
    if (finished_) {
        return progress::done;
    }
    if (!refusing_ && stop_.load(std::memory_order_relaxed)) { // relaxed: stale-ok
        refusing_ = true;
        socket_->refuse_more();
    }
    const auto now = time_->steady();
    if (now >= next_pulse_) {
        beat(now);
    }
    const bool wait = waits() && !refusing_;
    const auto got = socket_->receive(wait ? next_pulse_ - now : std::chrono::nanoseconds(0));
    if (!got) {
        options_.fail(got.error());
        finish();
        return progress::worked;
    }
    for (const std::string_view datagram : got->datagrams) {
        decode(datagram);
    }
    datagrams_.add(got->datagrams.size());
    if (got->drained) {
        out().flush(); // nothing more is there: pass on what came rather than hold it for a fuller block
    }
    if (refusing_ && got->datagrams.empty()) {
        finish();
        return progress::worked;
    }
    if (!waits() && !out().deliver()) {
        return progress::blocked;
    }
    return got->datagrams.empty() && !wait ? progress::idle : progress::worked;
}

void source::decode(std::string_view datagram) {
    std::uint64_t refused = 0;
    const line_counts seen = decode_lines(datagram, [&](std::string_view name, std::uint32_t value) {
        if (const auto id = index_.intern(name)) {
            out().add({*id, value});
        } else {
            ++refused;
        }
    });
    accepted_.add(seen.points - refused);
    malformed_.add(seen.malformed);
    refused_.add(refused);
}

void source::beat(std::chrono::nanoseconds now) {
    // Numbered by the clock, so that the pulses of several sources meet; a late source skips those it missed.
    const auto sequence = static_cast<std::uint64_t>((now - start_) / options_.flush_every);
    next_pulse_ = start_ + options_.flush_every * static_cast<std::int64_t>(sequence + 1);
    dropped_.set(socket_->dropped());
    out().flush();
    out().send(pulse{.sequence = sequence, .time = time_->wall()});
}

void source::finish() {
    finished_ = true;
    dropped_.set(socket_->dropped());
    out().flush();
    out().send(pulse{.sequence = pulse::last, .time = time_->wall()});
}

void source::abandon() {
    finished_ = true;
    out().close();
}

std::vector<figure> source::figures() const {
    std::vector<figure> all{{"datagrams", datagrams_.get()},
                            {"points_accepted", accepted_.get()},
                            {"lines_malformed", malformed_.get()},
                            {"points_refused", refused_.get()},
                            {"datagrams_dropped_kernel", dropped_.get()}};
    if (out().lost() != 0) {
        all.push_back({"points_lost", out().lost()});
    }
    return all;
}

} // namespace telem

// SPDX-License-Identifier: MIT
#pragma once
//
// Random actions on a spool over the fault-injecting storage, against a plain list: what was appended, what was
// acknowledged, and what may have become of either. For the unit test and the stress test.
#include <gantry/base/prng.hpp>
#include <gantry/channel/spill/spool.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace gantry::channel::test {

struct action_options {
    std::uint64_t seed = 1;
    unsigned actions = 40;
    bool faults = true;  // operations that fail
    bool power = true;   // power cuts, else only kills
    bool damage = false; // flipped bits in files
};

// One run. run() returns what went wrong, or an empty string.
class spool_actions {
public:
    explicit spool_actions(const action_options& options)
        : options_(options), random_(options.seed), storage_({.seed = options.seed, .sector_bytes = 64}) {
        spool_.segment_bytes = 330 + below(600);
        spool_.disk_bytes_max = detail::position_bytes + spool_.segment_bytes + below(4000);
        spool_.record_bytes_max = 64;
        spool_.sync = static_cast<spool_sync>(below(3));
        spool_.keep_acknowledgements = below(4) != 0;
        spool_.compression = below(4) == 0 ? 1 : 0;
        spool_.identity = options.seed;
    }

    std::string run() {
        reopen();
        for (unsigned i = 0; i != options_.actions && wrong_.empty(); ++i)
            act();
        if (wrong_.empty())
            finish();
        if (wrong_.empty())
            return {};
        std::ostringstream text;
        text << wrong_ << "\nseed " << options_.seed << ", segment_bytes " << spool_.segment_bytes
             << ", disk_bytes_max " << spool_.disk_bytes_max << ", sync " << static_cast<int>(spool_.sync) << ", keep "
             << spool_.keep_acknowledgements << ", compression " << spool_.compression << '\n'
             << log_.str() << storage_.report();
        return text.str();
    }

    // So that a test can see that rare things were met.
    struct met {
        std::uint64_t crashes = 0;
        std::uint64_t kills = 0;
        std::uint64_t refused = 0;
        std::uint64_t delivered = 0;
        std::uint64_t lost = 0;
        std::uint64_t repeated = 0;
    };
    [[nodiscard]] const met& happened() const { return met_; }

private:
    using bytes = std::vector<std::byte>;

    struct item {
        std::vector<bytes> candidates; // one, if nothing is open
        bool must = true;              // else it may be missing
        bool sure = true;              // it is the last of the candidates
        enum : std::uint8_t { no, perhaps, yes } acknowledged = no;
        bool delivered = false;  // in this session
        bool safe = false;       // the acknowledgement is synced
        bool suspicious = false; // a sync may have dropped it, and the process that knew was killed
    };

    std::uint64_t below(std::uint64_t limit) { return random_.uniform_below(limit); }

    void fail(std::string what) {
        if (wrong_.empty())
            wrong_ = std::move(what);
    }

    void act() {
        switch (below(options_.faults || options_.damage ? 14 : 10)) {
        case 0:
        case 1:
        case 2:
            append();
            break;
        case 3:
        case 4:
            read();
            break;
        case 5:
        case 6:
            acknowledge();
            break;
        case 7:
            log_ << "kill\n";
            ++met_.kills;
            syncs_failed_ = spool_now_->statistics().failed_syncs != 0;
            spool_now_.reset();
            storage_.restart_process();
            after_kill();
            reopen();
            break;
        case 8:
            if (options_.power) {
                // At one of the next operations, whatever that is part of.
                storage_.crash_at(storage_.operations() + below(12));
                log_ << "crash ahead\n";
            }
            break;
        case 9:
            close();
            break;
        default:
            if (options_.damage)
                spoil();
            else
                break_something();
            break;
        }
        if (storage_.crashed())
            power_cut();
    }

    void break_something() {
        static constexpr storage_operation operations[] = {
            storage_operation::write,  storage_operation::write,  storage_operation::sync,
            storage_operation::sync,   storage_operation::read,   storage_operation::truncate,
            storage_operation::remove, storage_operation::create, storage_operation::sync_directory,
            storage_operation::open};
        const auto which = operations[below(std::size(operations))];
        if (which == storage_operation::read && std::exchange(read_failed_, true))
            return; // what cannot be read three times is given up
        const int code = which == storage_operation::write && below(2) == 0 ? ENOSPC : EIO;
        log_ << "fault: " << to_string(which) << '\n';
        storage_.fail({.operation = which,
                       .skip = below(3),
                       .times = which == storage_operation::read ? 1 + below(2) : 1 + below(5),
                       .one_in = 1 + below(2),
                       .code = code,
                       .written = below(80)});
    }

    // Flips bits of a file. What is then still promised is judged by the counts alone.
    void spoil() {
        const auto directory = storage_.open_directory("/spool");
        if (!directory)
            return;
        const auto names = (*directory)->list();
        if (!names || names->empty())
            return;
        const std::string& name = (*names)[below(names->size())];
        const auto size = (*directory)->size(name);
        if (!size || *size == 0)
            return;
        const std::uint64_t at = below(*size);
        log_ << "flip " << name << " at " << at << '\n';
        storage_.corrupt("/spool/" + name, at, std::byte{static_cast<unsigned char>(1U << below(8))});
        ++flips_;
        for (auto& [sequence, each] : items_)
            if (each.acknowledged == item::yes && name == "position")
                each.acknowledged = item::perhaps;
    }

    void append() {
        const std::uint64_t first = spool_now_->next_sequence();
        if (first != next_)
            return fail("the next sequence is " + std::to_string(first) + ", expected " + std::to_string(next_));
        spool_batch batch;
        const std::uint64_t count = 1 + below(4);
        std::vector<bytes> payloads;
        for (std::uint64_t i = 0; i != count; ++i) {
            bytes payload(below(40));
            const auto fill = static_cast<std::byte>(below(3)); // little variety: compresses
            std::ranges::fill(payload, fill);
            if (payload.size() >= 8) {
                const std::uint64_t nonce = ++nonce_;
                std::memcpy(payload.data(), &nonce, sizeof nonce);
            }
            batch.add(first + i, payload);
            payloads.push_back(std::move(payload));
        }
        const auto done = spool_now_->append(batch);
        log_ << "append " << first << " to " << first + count - 1 << ": " << (done ? "done" : done.error().message())
             << '\n';
        if (done) {
            if (spool_.sync == spool_sync::each)
                items_.erase(items_.lower_bound(first), items_.end());
            for (std::uint64_t i = 0; i != count; ++i) {
                // What was refused may come back when a power cut takes what was not synced.
                item now{.candidates = std::move(items_[first + i].candidates)};
                now.candidates.push_back(std::move(payloads[i]));
                items_[first + i] = std::move(now);
            }
            for (auto it = items_.lower_bound(first + count); it != items_.end(); ++it)
                it->second.must = false;
            next_ = first + count;
        } else {
            ++met_.refused;
            if (done.error().reason != spool_errc::disk && done.error().reason != spool_errc::full)
                return fail("append: " + done.error().message());
            for (std::uint64_t i = 0; i != count; ++i) {
                item& each = items_[first + i];
                each.must = each.sure = false;
                each.candidates.push_back(std::move(payloads[i]));
            }
        }
        const spool_statistics now = spool_now_->statistics();
        if (now.disk_bytes > spool_.disk_bytes_max && !adopted_too_much_)
            fail("uses " + std::to_string(now.disk_bytes) + " bytes of disk");
    }

    // Takes what one read() delivers. False: nothing.
    bool read() {
        spool_batch batch;
        const auto got = spool_now_->read(batch, 1 + below(300));
        if (!got) {
            log_ << "read: " << got.error().message() << '\n';
            return true;
        }
        if (!*got)
            return false;
        while (const auto element = batch.next()) {
            const std::uint64_t sequence = element->sequence;
            log_ << "got " << sequence << '\n';
            ++met_.delivered;
            if (sequence <= last_delivered_) {
                fail("delivered " + std::to_string(sequence) + " after " + std::to_string(last_delivered_));
                return false;
            }
            check_skipped(last_delivered_, sequence);
            last_delivered_ = sequence;
            const auto found = items_.find(sequence);
            if (found == items_.end() || sequence >= next_) {
                fail("delivered " + std::to_string(sequence) + ", which was never appended");
                return false;
            }
            item& each = found->second;
            if (each.acknowledged == item::yes)
                fail("delivered " + std::to_string(sequence) + ", which was acknowledged");
            met_.repeated += each.acknowledged == item::perhaps ? 1 : 0;
            const auto& all = each.candidates;
            if (std::ranges::none_of(each.sure ? all.end() - 1 : all.begin(), all.end(),
                                     [&](const bytes& one) { return std::ranges::equal(one, element->bytes); }))
                fail("delivered other bytes for " + std::to_string(sequence));
            each.acknowledged = item::no;
            each.safe = false;
            each.delivered = true;
        }
        return true;
    }

    // Between two delivered ones nothing may be missing.
    void check_skipped(std::uint64_t from, std::uint64_t to) {
        for (auto it = items_.upper_bound(from); it != items_.end() && it->first < to; ++it) {
            if (it->second.must && it->second.acknowledged == item::no) {
                ++missing_;
                if (!options_.damage)
                    fail(std::to_string(it->first) + " was not delivered");
                it->second.must = false;
            }
        }
    }

    void acknowledge() {
        std::vector<std::uint64_t> there;
        for (const auto& [sequence, each] : items_)
            if (each.delivered && each.acknowledged == item::no)
                there.push_back(sequence);
        if (there.empty())
            return;
        const std::uint64_t from = below(3) != 0 ? 0 : below(there.size());
        const std::uint64_t count = 1 + below(there.size() - from);
        std::vector<detail::sequence_range> ranges;
        for (std::uint64_t i = from; i != from + count; ++i) {
            if (!ranges.empty() && ranges.back().last + 1 == there[i])
                ranges.back().last = there[i];
            else
                ranges.push_back({there[i], there[i]});
        }
        const auto done = spool_now_->acknowledge(ranges);
        log_ << "acknowledge " << there[from] << " to " << there[from + count - 1] << ": "
             << (done ? "done" : done.error().message()) << '\n';
        const bool kept = done.has_value() && spool_.keep_acknowledgements;
        for (std::uint64_t i = from; i != from + count; ++i)
            items_[there[i]].acknowledged = kept ? item::yes : item::perhaps;
        if (kept) // all that were acknowledged before and not kept are kept now
            for (auto& [sequence, each] : items_)
                if (each.delivered && each.acknowledged == item::perhaps)
                    each.acknowledged = item::yes;
    }

    void after_kill() {
        for (auto& [sequence, each] : items_) {
            each.delivered = false;
            each.suspicious = each.suspicious || syncs_failed_;
        }
        syncs_failed_ = false;
    }

    void power_cut() {
        log_ << "power cut\n";
        ++met_.crashes;
        spool_now_.reset();
        storage_.heal();
        // A flipped bit in a slot and half a write that flips it back would be two failures at once.
        storage_.restart({.bit_flips = !options_.faults && below(4) == 0 ? 1U : 0U});
        if (spool_.sync != spool_sync::each) {
            for (auto& [sequence, each] : items_) {
                each.must = each.must && safe_before_ > sequence && !each.suspicious;
                each.sure = each.sure && each.must;
                if (each.acknowledged == item::yes && !each.safe)
                    each.acknowledged = item::perhaps;
            }
        }
        after_kill();
        reopen();
    }

    void close() {
        const auto closed = spool_now_->close();
        log_ << "close: " << (closed ? "done" : closed.error().message()) << '\n';
        syncs_failed_ = spool_now_->statistics().failed_syncs != 0;
        if (closed) {
            // Everything is durable now, and every acknowledgement kept.
            safe_before_ = next_;
            syncs_failed_ = false;
            for (auto& [sequence, each] : items_) {
                if (each.acknowledged == item::perhaps && each.delivered)
                    each.acknowledged = item::yes;
                each.safe = each.acknowledged == item::yes;
            }
        }
        spool_now_.reset();
        if (storage_.crashed())
            return power_cut();
        storage_.restart_process();
        after_kill();
        reopen();
    }

    void reopen() {
        lost_before_ += spool_now_ ? spool_now_->statistics().lost : 0;
        spool_now_.reset();
        for (unsigned attempt = 0;; ++attempt) {
            if (attempt == 3)
                storage_.heal();
            auto opened = spool::open(storage_, "/spool", spool_);
            if (opened) {
                spool_now_ = *std::move(opened);
                break;
            }
            log_ << "open: " << opened.error().message() << '\n';
            if (storage_.crashed()) {
                storage_.heal();
                storage_.restart({});
                continue;
            }
            if (attempt > 20)
                return fail("cannot be opened: " + opened.error().message());
        }
        last_delivered_ = 0;
        const std::uint64_t next = spool_now_->next_sequence();
        log_ << "opened, next " << next << '\n';
        // What is not there was refused, or not yet promised; a power cut may bring it back until a later one is
        // appended.
        for (auto it = items_.lower_bound(next); it != items_.end(); ++it) {
            if (it->second.must && it->second.acknowledged == item::no) {
                ++missing_;
                if (!options_.damage)
                    fail(std::to_string(it->first) + " is gone");
            }
            it->second.must = false;
        }
        next_ = next;
        safe_before_ = std::min(safe_before_, next); // without syncs, numbers may be given out again
        adopted_too_much_ = spool_now_->statistics().disk_bytes > spool_.disk_bytes_max;
    }

    // In the end everything comes out.
    void finish() {
        storage_.heal();
        log_ << "finish\n";
        unsigned idle = 0;
        while (wrong_.empty() && idle < 10)
            idle = read() ? 0 : idle + 1;
        if (wrong_.empty())
            check_skipped(last_delivered_, next_);
        met_.lost += spool_now_->statistics().lost;
        if (spool_.compression == 0 && missing_ > flips_)
            fail(std::to_string(missing_) + " elements missing after " + std::to_string(flips_) + " flipped bits");
        if (!options_.damage && options_.faults)
            return; // a read that failed for long enough may cost an element
    }

    const action_options options_;
    prng random_;
    check::fault_storage storage_;
    spool_options spool_;
    std::unique_ptr<spool> spool_now_;
    std::map<std::uint64_t, item> items_;
    std::uint64_t next_ = 1;
    std::uint64_t last_delivered_ = 0;
    std::uint64_t nonce_ = 0;
    std::uint64_t safe_before_ = 0;
    std::uint64_t flips_ = 0;
    std::uint64_t missing_ = 0;
    std::uint64_t lost_before_ = 0;
    bool adopted_too_much_ = false;
    bool read_failed_ = false;
    bool syncs_failed_ = false;
    std::string wrong_;
    std::ostringstream log_;
    met met_;
};

} // namespace gantry::channel::test

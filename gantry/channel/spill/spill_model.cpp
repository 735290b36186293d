// SPDX-License-Identifier: MIT
// The hand-over between memory and disk: with room for one element in memory and the disk a list, nothing is lost,
// doubled or reordered, and what is only one thread's is only one thread's, in every execution (46,000 of 6 models,
// with two threads and up to three elements). Waiting for elements is core.hpp's, and modelled there. The list has no
// lock of its own: the checker reports who touches it without the right to.
#include <gantry/channel/channel.hpp>
#include <gantry/channel/spill/detail/spill_core.hpp>
#include <gantry/check/model.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace gantry::channel;
using namespace gantry::channel::detail;
using gantry::channel::detail::batch;

// A spool in memory, as far as spill_core uses one.
class list_spool {
public:
    explicit list_spool(bool full = false) : full_(full) {}

    spool_result<void> append(batch& records) {
        if (full_) {
            full_ = false;
            return std::unexpected(spool_error{.reason = spool_errc::full, .cause = {}});
        }
        batch copy;
        while (const auto each = records.next()) {
            std::byte* const to = copy.begin_element(each->sequence, static_cast<std::uint32_t>(each->payload.size()));
            for (std::size_t i = 0; i != each->payload.size(); ++i)
                to[i] = each->payload[i];
            copy.end_element(0);
        }
        records.set(0, records.bytes().size(), records.count(), records.count(), records.first(), records.last());
        next_ = copy.last() + 1;
        const std::scoped_lock lock(mutex_);
        blocks_.push_back(std::move(copy));
        return {};
    }
    spool_result<void> append_left_out(batch& records) { return append(records); }
    spool_result<bool> read(batch& to, std::size_t) {
        const std::scoped_lock lock(mutex_);
        while (read_ != blocks_.size() && blocks_[read_].last() < skip_)
            ++read_;
        if (read_ == blocks_.size())
            return false;
        to = std::move(blocks_[read_++]);
        return true;
    }
    void skip_to(std::uint64_t sequence) { skip_ = sequence; }
    spool_result<void> acknowledge(std::uint64_t, std::uint64_t) { return {}; }
    spool_result<void> acknowledge(const std::vector<sequence_range>& ranges) {
        acknowledged_ += ranges.size();
        return {};
    }
    spool_result<void> close() { return {}; }
    [[nodiscard]] std::uint64_t next_sequence() const { return next_; }
    [[nodiscard]] spool_statistics statistics() const { return {}; }

private:
    bool full_;              // the appending thread's
    std::uint64_t next_ = 1; // the same
    std::uint64_t skip_ = 0; // the reading thread's
    std::size_t read_ = 0;
    std::size_t acknowledged_ = 0; // the acknowledging thread's
    gantry::sync::mutex mutex_;    // between a writer and a reader, as in the real one
    std::vector<batch> blocks_;
};

using model_core = spill_core<int, list_spool>;

// Room for one object, or for a few blocks of one element.
ends<int> made(spill_durability durability, bool full = false) {
    return access::both<int>(new model_core(
        std::make_unique<list_spool>(full),
        {.memory_bytes_max = 24 * 8, .durability = durability, .when_full = spill_full::block, .compresses = false}));
}

// What is there now, or 0.
int next_of(const receiver<int>& rx) {
    return rx.try_pop().value_or(0);
}

GANTRY_MODEL(two_senders_spill) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(channel.tx.try_push(1).has_value());
    std::thread other([tx = channel.tx] { GANTRY_CHECK(tx.try_push(2).has_value()); });
    GANTRY_CHECK(channel.tx.try_push(4).has_value());
    other.join();
    const int first = next_of(channel.rx);
    const int rest = next_of(channel.rx) + next_of(channel.rx);
    GANTRY_CHECK_EQ(first, 1);
    GANTRY_CHECK_EQ(rest, 6);
}

GANTRY_MODEL(a_sender_spills_beside_a_receiver) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(channel.tx.try_push(1).has_value());
    GANTRY_CHECK(channel.tx.try_push(2).has_value());
    std::thread sender([tx = channel.tx] { GANTRY_CHECK(tx.try_push(3).has_value()); });
    const int first = next_of(channel.rx);
    GANTRY_CHECK_EQ(first, 1);
    const int second = next_of(channel.rx);
    sender.join();
    // 2 may be on its way to the disk.
    const int third = next_of(channel.rx);
    GANTRY_CHECK(second == 2 ? third == 3 : second == 0 && third == 2 && next_of(channel.rx) == 3);
}

GANTRY_MODEL(two_receivers_refill) {
    auto channel = made(spill_durability::volatile_overflow);
    for (const int each : {1, 2, 3})
        GANTRY_CHECK(channel.tx.try_push(each).has_value());
    int other = 0;
    std::thread receiver([&other, &rx = channel.rx] { other = next_of(rx); });
    const int mine = next_of(channel.rx);
    receiver.join();
    int rest = 0;
    while (const int each = next_of(channel.rx))
        rest += each;
    GANTRY_CHECK_EQ(mine + other + rest, 6);
    GANTRY_CHECK(mine != other || mine == 0);
}

GANTRY_MODEL(group_commit) {
    auto channel = made(spill_durability::durable);
    std::thread other([tx = channel.tx] { GANTRY_CHECK(tx.try_push(1).has_value()); });
    GANTRY_CHECK(channel.tx.try_push(2).has_value());
    other.join();
    const int sum = next_of(channel.rx) + next_of(channel.rx);
    GANTRY_CHECK_EQ(sum, 3);
}

GANTRY_MODEL(a_commit_beside_a_receiver) {
    auto channel = made(spill_durability::durable);
    std::thread sender([tx = channel.tx] { GANTRY_CHECK(tx.try_push(1).has_value()); });
    const int early = next_of(channel.rx);
    sender.join();
    const int late = next_of(channel.rx);
    GANTRY_CHECK_EQ(early + late, 1);
}

GANTRY_MODEL(a_refused_commit_gives_back) {
    auto channel = made(spill_durability::durable, true);
    std::thread other([tx = channel.tx] { static_cast<void>(tx.try_push(1)); });
    const bool mine = channel.tx.try_push(2).has_value();
    other.join();
    // One write failed: with it one element or both.
    const int got = next_of(channel.rx);
    GANTRY_CHECK(mine ? got == 2 : got != 2);
    GANTRY_CHECK_EQ(next_of(channel.rx), 0);
}

} // namespace

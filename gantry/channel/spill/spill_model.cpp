// SPDX-License-Identifier: MIT
// The hand-over between memory and disk: with room for one object in memory and the disk a list, nothing is lost,
// doubled or reordered, what is only one thread's is only one thread's, and who waits is called, in every execution
// (some 30,000 of 24 models, with two or three threads and up to four elements; 14 of them within 2 or 3 preemptions
// and 1 or 2 stale accesses). The list has no lock of its own: the checker reports who touches it without the right to.
#include <gantry/channel/channel.hpp>
#include <gantry/channel/spill/detail/object_queue.hpp>
#include <gantry/channel/spill/detail/spill_core.hpp>
#include <gantry/check/model.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct item {
    int number;
};

} // namespace

// Counts for so much that memory has room for one of them, but for two where it is encoded.
template<>
struct gantry::channel::spill_codec<item> {
    static std::size_t encoded_size(const item&) { return sizeof(item); }
    static void encode(const item& it, std::byte* to) { std::memcpy(to, &it, sizeof it); }
    static std::optional<item> decode(gantry::storage_bytes from) {
        item it{};
        std::memcpy(&it, from.data(), sizeof it);
        return it;
    }
    static std::size_t memory_size(const item&) { return 100; }

    using view = int;
    static std::optional<view> view_bytes(gantry::storage_bytes from) { return decode(from)->number; }
    static view view_of(const item& it) { return it.number; }
};

namespace {

using namespace gantry::channel;
using namespace gantry::channel::detail;
using gantry::channel::detail::batch;

// A spool in memory, as far as spill_core uses one.
class list_spool {
public:
    explicit list_spool(unsigned failures = 0) : failures_(failures) {}

    spool_result<void> append(batch& records) {
        if (failures_ != 0) {
            --failures_;
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
    unsigned failures_;      // the appending thread's
    std::uint64_t next_ = 1; // the same
    std::uint64_t skip_ = 0; // the reading thread's
    std::size_t read_ = 0;
    std::size_t acknowledged_ = 0; // the acknowledging thread's
    gantry::sync::mutex mutex_;    // between a writer and a reader, as in the real one
    std::vector<batch> blocks_;
};

using model_core = spill_core<item, list_spool>;

// Room for one object, or for a few blocks of one element; or for two objects, and blocks of two. The disk is full so
// many times.
model_core* made_core(spill_durability durability, unsigned failures = 0, std::size_t each_block = 1) {
    return new model_core(std::make_unique<list_spool>(failures), {.memory_bytes_max = each_block * 24 * 8,
                                                                   .durability = durability,
                                                                   .when_full = spill_full::block,
                                                                   .compresses = false});
}
ends<item> made(spill_durability durability, unsigned failures = 0) {
    return access::both<item>(made_core(durability, failures));
}

// What is there now, or 0.
int next_of(const receiver<item>& rx) {
    const auto got = rx.try_pop();
    return got ? got->number : 0;
}
bool try_push(const sender<item>& tx, int number) {
    return tx.try_push(item{number}).has_value();
}

// ------------------------------------------------------------------------------------------------------ the hand-over

GANTRY_MODEL(two_senders_spill) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    std::thread other([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 2)); });
    GANTRY_CHECK(try_push(channel.tx, 4));
    other.join();
    const int first = next_of(channel.rx);
    const int rest = next_of(channel.rx) + next_of(channel.rx);
    GANTRY_CHECK_EQ(first, 1);
    GANTRY_CHECK_EQ(rest, 6);
}

GANTRY_MODEL_WITHIN(two_senders_come_to_the_end_of_memory, 2, 1) {
    auto channel = made(spill_durability::volatile_overflow);
    std::thread other([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 2)); });
    GANTRY_CHECK(try_push(channel.tx, 1));
    GANTRY_CHECK(try_push(channel.tx, 4));
    other.join();
    const int a = next_of(channel.rx);
    const int b = next_of(channel.rx);
    const int c = next_of(channel.rx);
    GANTRY_CHECK(a + b + c == 7);
    GANTRY_CHECK(a == 1 || (a == 2 && b == 1));
    GANTRY_CHECK(a != b && b != c);
}

// Three threads: what each sender has pushed comes out in its order, whoever is where.
GANTRY_MODEL_WITHIN(two_senders_spill_beside_a_receiver, 2, 1) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    std::thread one([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 2)); });
    std::thread other([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 4)); });
    const int first = next_of(channel.rx);
    const int second = next_of(channel.rx);
    one.join();
    other.join();
    GANTRY_CHECK_EQ(first, 1);
    const int third = next_of(channel.rx);
    const int fourth = next_of(channel.rx);
    GANTRY_CHECK(second + third + fourth == 6 && third != second && next_of(channel.rx) == 0);
}

GANTRY_MODEL_WITHIN(a_sender_spills_beside_two_receivers, 2, 1) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    int one = 0;
    int other = 0;
    std::thread first([&one, &rx = channel.rx] { one = next_of(rx); });
    std::thread second([&other, &rx = channel.rx] { other = next_of(rx); });
    GANTRY_CHECK(try_push(channel.tx, 2));
    GANTRY_CHECK(try_push(channel.tx, 4));
    first.join();
    second.join();
    int sum = one + other;
    int last = 0;
    while (const int next = next_of(channel.rx)) {
        GANTRY_CHECK(next > last);
        last = next;
        sum += next;
    }
    GANTRY_CHECK_EQ(sum, 7);
    GANTRY_CHECK(one != other || one == 0);
}

// The same with a lasting disk: the two share a write, or do not, and the receiver sees what is written only.
GANTRY_MODEL_WITHIN(two_commits_beside_a_receiver, 2, 1) {
    auto channel = made(spill_durability::durable);
    std::thread one([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 1)); });
    std::thread other([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 2)); });
    const int early = next_of(channel.rx);
    one.join();
    other.join();
    GANTRY_CHECK(early + next_of(channel.rx) + next_of(channel.rx) == 3);
}

GANTRY_MODEL(a_sender_spills_beside_a_receiver) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    GANTRY_CHECK(try_push(channel.tx, 2));
    std::thread sender([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 3)); });
    const int first = next_of(channel.rx);
    GANTRY_CHECK_EQ(first, 1);
    const int second = next_of(channel.rx);
    sender.join();
    // 2 may be on its way to the disk.
    const int third = next_of(channel.rx);
    GANTRY_CHECK(second == 2 ? third == 3 : second == 0 && third == 2 && next_of(channel.rx) == 3);
}

GANTRY_MODEL(a_sender_returns_to_memory_beside_a_receiver) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    GANTRY_CHECK(try_push(channel.tx, 2));
    GANTRY_CHECK(next_of(channel.rx) == 1);
    int second = 0;
    std::thread receiver([&second, &rx = channel.rx] { second = next_of(rx); });
    GANTRY_CHECK(try_push(channel.tx, 3));
    receiver.join();
    GANTRY_CHECK(try_push(channel.tx, 4));
    GANTRY_CHECK(second == 2 || (second == 0 && next_of(channel.rx) == 2));
    GANTRY_CHECK(next_of(channel.rx) == 3);
    GANTRY_CHECK(next_of(channel.rx) == 4);
}

// One finds no room, and comes to it while another finds nothing behind.
GANTRY_MODEL_WITHIN(a_sender_returns_to_memory_beside_a_sender, 2, 1) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    std::thread other([&channel] {
        GANTRY_CHECK(try_push(channel.tx, 2));
        GANTRY_CHECK(try_push(channel.tx, 4));
    });
    int order[3];
    GANTRY_CHECK(next_of(channel.rx) == 1);
    order[0] = next_of(channel.rx);
    GANTRY_CHECK(try_push(channel.tx, 8));
    other.join();
    order[1] = next_of(channel.rx);
    order[2] = next_of(channel.rx);
    GANTRY_CHECK(order[0] == 0 || order[0] == 2);
    const int third = order[0] == 0 ? next_of(channel.rx) : 0;
    GANTRY_CHECK(order[0] + order[1] + order[2] + third == 14);
    GANTRY_CHECK(order[0] == 2 || order[1] == 2 || (order[1] == 8 && order[2] == 2));
}

GANTRY_MODEL(two_receivers_refill) {
    auto channel = made(spill_durability::volatile_overflow);
    for (const int each : {1, 2, 3})
        GANTRY_CHECK(try_push(channel.tx, each));
    GANTRY_CHECK(next_of(channel.rx) == 1);
    int other = 0;
    std::thread receiver([&other, &rx = channel.rx] { other = next_of(rx); });
    const int mine = next_of(channel.rx);
    receiver.join();
    int rest = 0;
    while (const int each = next_of(channel.rx))
        rest += each;
    GANTRY_CHECK(mine + other + rest == 5);
    GANTRY_CHECK(mine != other || mine == 0);
}

GANTRY_MODEL(what_goes_in_beside_the_end_comes_out) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    bool in = false;
    std::thread sender([&in, tx = channel.tx] { in = try_push(tx, 2); });
    channel.rx.close();
    const int first = next_of(channel.rx);
    const auto second = channel.rx.try_pop();
    sender.join();
    GANTRY_CHECK_EQ(first, 1);
    GANTRY_CHECK(in ? second.has_value() : second.error() == errc::closed);
}

// -------------------------------------------------------------------------------------------------------- the calling

GANTRY_MODEL(an_object_wakes_a_receiver) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    GANTRY_CHECK(next_of(channel.rx) == 1);
    std::thread receiver([rx = channel.rx] { GANTRY_CHECK(rx.pop().value().number == 2); });
    GANTRY_CHECK(try_push(channel.tx, 2));
    receiver.join();
}

GANTRY_MODEL_WITHIN(a_block_that_was_on_its_way_wakes_a_receiver, 2, 1) {
    auto channel = made(spill_durability::volatile_overflow);
    GANTRY_CHECK(try_push(channel.tx, 1));
    GANTRY_CHECK(try_push(channel.tx, 2));
    GANTRY_CHECK(next_of(channel.rx) == 1);
    std::thread receiver([rx = channel.rx] {
        GANTRY_CHECK(rx.pop().value().number == 2);
        GANTRY_CHECK(rx.pop().value().number == 3);
    });
    GANTRY_CHECK(try_push(channel.tx, 3));
    receiver.join();
}

GANTRY_MODEL_WITHIN(a_commit_wakes_a_receiver, 2, 1) {
    auto channel = made(spill_durability::durable);
    std::thread receiver([rx = channel.rx] { GANTRY_CHECK(rx.pop().value().number == 1); });
    GANTRY_CHECK(try_push(channel.tx, 1));
    receiver.join();
}

GANTRY_MODEL_WITHIN(room_wakes_a_sender, 2, 1) {
    auto channel = made(spill_durability::volatile_overflow, 2);
    for (const int each : {1, 2, 3})
        GANTRY_CHECK(try_push(channel.tx, each)); // the disk is full when 2 is to be written
    std::thread sender([tx = channel.tx] { GANTRY_CHECK(tx.push(item{4}).has_value()); });
    GANTRY_CHECK(next_of(channel.rx) == 1);
    sender.join();
    for (const int each : {2, 3, 4})
        GANTRY_CHECK(next_of(channel.rx) == each);
}

GANTRY_MODEL_WITHIN(the_end_wakes_a_receiver, 2, 1) {
    auto channel = made(spill_durability::volatile_overflow);
    std::thread receiver([rx = channel.rx] { GANTRY_CHECK(rx.pop().error() == errc::closed); });
    channel.tx.close();
    receiver.join();
}

GANTRY_MODEL_WITHIN(a_lease_that_ends_wakes_a_receiver, 2, 1) {
    for (const bool comes_back : {true, false}) {
        model_core* const core = made_core(spill_durability::volatile_overflow);
        auto channel = access::both<item>(core);
        GANTRY_CHECK(try_push(channel.tx, 1));
        std::optional<leased<item>> lent;
        GANTRY_CHECK(core->attempt_lease(lent) == errc{});
        channel.tx.close();
        std::thread receiver([comes_back, rx = channel.rx] {
            const auto got = rx.pop();
            GANTRY_CHECK(comes_back ? got.has_value() : got.error() == errc::closed);
        });
        if (comes_back) {
            core->give_back(*std::move(lent));
        } else {
            const sequence_range range{.first = lent->sequence, .last = lent->sequence};
            GANTRY_CHECK(core->acknowledge(std::span(&range, 1), std::span(&lent->on_disk, 1)).has_value());
        }
        receiver.join();
    }
}

// ------------------------------------------------------------------------------------------------- elements in place

// Looks at one element of what is there, or at none: its number, or 0.
int visit(model_core& core) {
    int seen = 0;
    std::size_t done = 0;
    const auto look = [](void* at, int number) {
        *static_cast<int*>(at) = number;
    };
    static_cast<void>(core.attempt_visit({.where = &seen, .look = look}, 1, done));
    GANTRY_CHECK((done == 1) == (seen != 0));
    return seen;
}

// Elements 3 and 4, in one block.
ends<item> with_a_block(model_core& core) {
    auto channel = access::both<item>(&core);
    for (const int number : {1, 2, 3, 4})
        GANTRY_CHECK(try_push(channel.tx, number));
    GANTRY_CHECK(next_of(channel.rx) == 1 && next_of(channel.rx) == 2);
    return channel;
}

// While a part of a block is looked at nobody passes over the rest of it.
GANTRY_MODEL(a_visit_beside_a_receiver) {
    model_core* const core = made_core(spill_durability::volatile_overflow, 0, 2);
    auto channel = with_a_block(*core);
    int seen = 0;
    std::thread visitor([&] { seen = visit(*core); });
    const int mine = next_of(channel.rx);
    visitor.join();
    const int first = next_of(channel.rx);
    const int second = next_of(channel.rx);
    GANTRY_CHECK(seen + mine + first + second == 7);
    GANTRY_CHECK(mine != 4 || seen == 3);
    GANTRY_CHECK(second == 0 || (first == 3 && second == 4));
}

GANTRY_MODEL_WITHIN(a_visit_that_ends_wakes_a_receiver, 2, 1) {
    model_core* const core = made_core(spill_durability::volatile_overflow, 0, 2);
    auto channel = with_a_block(*core);
    std::thread receiver([rx = channel.rx] { GANTRY_CHECK(rx.pop().has_value()); });
    static_cast<void>(visit(*core));
    receiver.join();
}

// A block that is being looked at stands before what is pushed meanwhile.
GANTRY_MODEL_WITHIN(a_visit_beside_a_sender, 2, 1) {
    model_core* const core = made_core(spill_durability::volatile_overflow, 0, 2);
    auto channel = with_a_block(*core);
    std::thread sender([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 5)); });
    const int seen = visit(*core);
    sender.join();
    // The block may be on its way to the disk.
    if (seen == 0)
        GANTRY_CHECK(next_of(channel.rx) == 3);
    GANTRY_CHECK(next_of(channel.rx) == 4 && next_of(channel.rx) == 5);
}

// ------------------------------------------------------------------------------------------------------------- objects

// Blocks of two: the third element needs the second block, and the first one is used again.
GANTRY_MODEL(objects_pass_and_blocks_are_used_again) {
    object_queue<int> objects;
    const auto size_of = [](int) {
        return std::size_t{1};
    };
    const auto push = [&objects, size_of](int value) {
        GANTRY_CHECK(objects.try_push(value, SIZE_MAX, size_of));
    };
    int first[] = {1, 2, 3, 4};
    std::size_t done = 0;
    objects.push(std::span(first), SIZE_MAX, done, size_of);
    GANTRY_CHECK(done == 4);
    int expected = 1;
    const auto pop = [&objects, &expected] {
        if (objects.is_empty())
            return;
        GANTRY_CHECK(objects.front() == expected);
        objects.pop_front();
        ++expected;
    };
    std::thread popper([&pop] {
        for (int i = 0; i != 5; ++i)
            pop();
    });
    push(5);
    popper.join();
    while (expected != 6)
        pop();
    GANTRY_CHECK(objects.is_empty() && objects.bytes() == 0);
}

GANTRY_MODEL(a_batch_of_objects_passes) {
    object_queue<int> objects;
    std::thread popper([&objects] {
        for (int expected = 1; !objects.is_empty(); ++expected) {
            GANTRY_CHECK(objects.front() == expected);
            objects.pop_front();
        }
    });
    int values[] = {1, 2, 3};
    std::size_t done = 0;
    objects.push(std::span(values), SIZE_MAX, done, [](int) { return std::size_t{1}; });
    popper.join();
    GANTRY_CHECK(done == 3);
}

// ------------------------------------------------------------------------------------------------------ group commit

GANTRY_MODEL_WITHIN(group_commit, 3, 2) {
    auto channel = made(spill_durability::durable);
    std::thread other([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 1)); });
    GANTRY_CHECK(try_push(channel.tx, 2));
    other.join();
    const int sum = next_of(channel.rx) + next_of(channel.rx);
    GANTRY_CHECK_EQ(sum, 3);
}

GANTRY_MODEL(a_commit_beside_a_receiver) {
    auto channel = made(spill_durability::durable);
    std::thread sender([tx = channel.tx] { GANTRY_CHECK(try_push(tx, 1)); });
    const int early = next_of(channel.rx);
    sender.join();
    const int late = next_of(channel.rx);
    GANTRY_CHECK(early + late == 1);
}

GANTRY_MODEL_WITHIN(a_refused_commit_gives_back, 3, 2) {
    auto channel = made(spill_durability::durable, 1);
    std::thread other([tx = channel.tx] { static_cast<void>(try_push(tx, 1)); });
    const bool mine = try_push(channel.tx, 2);
    other.join();
    // One write failed: with it one element or both.
    const int got = next_of(channel.rx);
    GANTRY_CHECK(mine ? got == 2 : got != 2);
    GANTRY_CHECK(next_of(channel.rx) == 0);
}

} // namespace

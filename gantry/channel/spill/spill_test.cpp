// SPDX-License-Identifier: MIT
// One FIFO over memory and disk: what goes in comes out, in order, whatever the limits; memory stays within its bound;
// full is said as asked for; leases come back; what is durable is there after a restart, and nothing else.
#include <gantry/base/byte_order.hpp>
#include <gantry/channel/select.hpp>
#include <gantry/channel/spill/spill.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct order {
    std::uint64_t number;
    std::string name;
};

} // namespace

// The sample of codec.hpp.
template<>
struct gantry::channel::spill_codec<order> {
    static std::size_t encoded_size(const order& it) { return 8 + it.name.size(); }
    static void encode(const order& it, std::byte* to) {
        gantry::store_le(it.number, to);
        std::copy_n(std::as_bytes(std::span(it.name)).data(), it.name.size(), to + 8);
    }
    static std::optional<order> decode(gantry::storage_bytes from) {
        if (from.size() < 8)
            return std::nullopt; // these are not such bytes
        const char* const text = reinterpret_cast<const char*>(from.data()) + 8;
        return order{.number = gantry::load_le<std::uint64_t>(from.data()), .name = {text, from.size() - 8}};
    }
    static std::size_t memory_size(const order& it) { return sizeof it + it.name.capacity(); }
};

namespace {

using namespace gantry;
using namespace gantry::channel;
using namespace std::chrono_literals;

spill_options small(spill_durability durability = spill_durability::volatile_overflow) {
    return {.memory_bytes_max = 4096, .disk_bytes_max = 1U << 20U, .segment_bytes = 4096, .durability = durability};
}

std::string text_of(std::uint64_t number) {
    return std::to_string(number) + std::string(number % 50, 'x');
}

const spill_durability durabilities[] = {spill_durability::volatile_overflow, spill_durability::durable_on_drain,
                                         spill_durability::durable};

// The sample of spill.hpp; an empty string: it went well.
std::string pass(gantry::storage& storage, const std::string& path) {
    auto made = spill<std::string>(storage, path, {.memory_bytes_max = 1 << 20});
    if (!made)
        return made.error().message();
    auto& [tx, rx, disk] = *made;
    EXPECT_TRUE(tx.push("hop"));
    EXPECT_EQ(rx.pop().value(), "hop");
    return disk.statistics().elements == 0 ? "" : "something is left";
}

TEST(Spill, TheSampleWorks) {
    check::fault_storage storage;
    EXPECT_EQ(pass(storage, "/spill"), "");
    EXPECT_EQ(pass(storage, "/no/spill"), "create directory /no/spill: No such file or directory");
}

TEST(Spill, ElementsComeOutInOrderFromMemoryAndDisk) {
    for (const spill_durability durability : durabilities) {
        check::fault_storage storage;
        auto made = spill<std::string>(storage, "/spill", small(durability));
        ASSERT_TRUE(made) << made.error().message();
        auto& [tx, rx, disk] = *made;
        std::uint64_t in = 0;
        std::uint64_t out = 0;
        for (const std::uint64_t round : {1U, 10U, 300U, 40U, 700U}) {
            for (std::uint64_t i = 0; i != round; ++i)
                ASSERT_TRUE(tx.try_push(text_of(in++)));
            EXPECT_LE(disk.statistics().memory_bytes, 4096U);
            EXPECT_EQ(rx.size(), in - out);
            const std::uint64_t leave = round == 300 ? 20 : 0;
            while (out + leave < in) {
                auto got = rx.try_pop();
                ASSERT_TRUE(got) << to_string(got.error());
                ASSERT_EQ(*got, text_of(out++));
            }
        }
        EXPECT_EQ(rx.try_pop().error(), errc::empty);
        EXPECT_GT(disk.statistics().spilled, 500U);
        tx.close();
        EXPECT_EQ(rx.pop().error(), errc::closed);
    }
}

TEST(Spill, ManySendersAndReceiversKeepEachSendersOrder) {
    for (const spill_durability durability : durabilities) {
        check::fault_storage storage;
        auto made = spill<std::uint64_t>(storage, "/spill", small(durability));
        ASSERT_TRUE(made);
        constexpr std::uint64_t each = 3000;
        std::vector<std::jthread> threads;
        for (std::uint64_t s = 0; s != 3; ++s)
            threads.emplace_back([tx = made->tx, s] {
                for (std::uint64_t i = 0; i != each; ++i)
                    ASSERT_TRUE(tx.push(s * each + i));
            });
        std::vector<std::uint64_t> got[2];
        std::vector<std::jthread> receivers;
        for (auto& mine : got)
            receivers.emplace_back([&mine, rx = made->rx] {
                for (const std::uint64_t value : rx)
                    mine.push_back(value);
            });
        threads.clear();
        made->tx.close();
        receivers.clear();
        std::vector<bool> seen(3 * each);
        for (const auto& mine : got) {
            std::map<std::uint64_t, std::uint64_t> last;
            for (const std::uint64_t value : mine) {
                EXPECT_FALSE(seen[value]);
                seen[value] = true;
                EXPECT_TRUE(!last.contains(value / each) || last[value / each] < value);
                last[value / each] = value;
            }
        }
        EXPECT_EQ(got[0].size() + got[1].size(), 3 * each);
    }
}

TEST(Spill, FullIsSaidAsAskedFor) {
    for (const spill_durability durability : durabilities) {
        for (const spill_full policy :
             {spill_full::block, spill_full::refuse, spill_full::drop_newest, spill_full::drop_oldest}) {
            check::fault_storage storage;
            spill_options options = small(durability);
            options.disk_bytes_max = 40'000;
            options.when_full = policy;
            auto made = spill<std::string>(storage, "/spill", options);
            ASSERT_TRUE(made);
            auto& [tx, rx, disk] = *made;
            std::uint64_t pushed = 0;
            errc reason{};
            for (std::uint64_t i = 0; i != 3000 && reason == errc{}; ++i) {
                auto done = tx.try_push(text_of(i));
                if (done)
                    ++pushed;
                else {
                    reason = done.error().reason;
                    EXPECT_EQ(done.error().value, text_of(i));
                }
                ASSERT_LE(disk.statistics().memory_bytes, options.memory_bytes_max);
                ASSERT_LE(disk.statistics().disk.disk_bytes, options.disk_bytes_max);
            }
            const spill_statistics now = disk.statistics();
            switch (policy) {
            case spill_full::block:
                EXPECT_EQ(reason, errc::full);
                EXPECT_EQ(tx.push_for(text_of(pushed), 1ms).error().reason, errc::timeout);
                break;
            case spill_full::refuse:
                EXPECT_EQ(reason, errc::overflow);
                EXPECT_EQ(tx.push(text_of(pushed)).error().reason, errc::overflow);
                EXPECT_GE(now.refused, 1U);
                break;
            case spill_full::drop_newest:
                EXPECT_EQ(pushed, 3000U);
                EXPECT_EQ(now.dropped_newest + now.elements, 3000U);
                EXPECT_EQ(*rx.try_pop(), text_of(0));
                break;
            case spill_full::drop_oldest:
                EXPECT_EQ(pushed, 3000U);
                EXPECT_EQ(now.dropped_oldest + now.elements, 3000U);
                EXPECT_EQ(*rx.try_pop(), text_of(now.dropped_oldest));
                break;
            }
            if (policy == spill_full::block) {
                // A sender that waits goes on when something was popped.
                std::jthread waits([&] { EXPECT_TRUE(tx.push(text_of(pushed))); });
                for (std::uint64_t i = 0; i <= pushed; ++i)
                    ASSERT_EQ(*rx.pop(), text_of(i));
            }
        }
    }
}

// Leases are arms of a select like receivers, static and at run time.
TEST(Spill, LeasesInASelect) {
    for (const spill_durability durability : durabilities) {
        check::fault_storage storage;
        auto made = spill<std::string>(storage, "/spill", small(durability));
        ASSERT_TRUE(made);
        auto& [tx, rx, disk] = *made;
        const leases<std::string> lending = disk.leases();
        auto [stop_tx, stop] = bounded<int>(1);
        const auto next = [&] {
            return channel::select(on(lending,
                                      [](leases<std::string>::result lent) {
                                          if (!lent)
                                              return std::string(to_string(lent.error()));
                                          std::string text = **lent;
                                          EXPECT_TRUE(lent->acknowledge());
                                          return text;
                                      }),
                                   on(stop, [](pop_result<int>) { return std::string("stop"); }));
        };
        ASSERT_TRUE(tx.push("one"));
        EXPECT_EQ(next(), "one");
        {
            std::jthread later([&] { ASSERT_TRUE(tx.push("two")); });
            EXPECT_EQ(next(), "two");
        }
        ASSERT_TRUE(stop_tx.push(1));
        EXPECT_EQ(next(), "stop");

        // One that is not acknowledged comes again.
        std::vector<std::string> seen;
        selector inputs;
        inputs.on(lending, [&](leases<std::string>::result lent) {
            ASSERT_TRUE(lent);
            seen.push_back(**lent);
            if (seen.size() > 1) {
                EXPECT_TRUE(lent->acknowledge());
            }
        });
        inputs.on(stop, [&](const pop_result<int>&) { seen.emplace_back("stop"); });
        ASSERT_TRUE(tx.push("three"));
        EXPECT_EQ(inputs.run(), 0U);
        EXPECT_EQ(inputs.run(), 0U);
        EXPECT_EQ(inputs.try_run(), std::nullopt);
        EXPECT_EQ(seen, (std::vector<std::string>{"three", "three"}));
        tx.close();
        EXPECT_EQ(next(), "closed");
    }
}

// What is looked at where it lies is what was pushed, in order, once; what the function throws at comes again.
TEST(Spill, Visits) {
    for (const spill_durability durability : durabilities) {
        for (const int compression : {0, 1}) {
            check::fault_storage storage;
            spill_options options = small(durability);
            options.compression = compression;
            auto made = spill<std::string>(storage, "/spill", options);
            ASSERT_TRUE(made);
            auto& [tx, rx, disk] = *made;
            const leases<std::string> lending = disk.leases();
            EXPECT_EQ(lending.try_visit(1, [](std::string_view) { FAIL(); }).error(), errc::empty);
            for (std::uint64_t i = 0; i != 500; ++i)
                ASSERT_TRUE(tx.push(text_of(i)));
            std::uint64_t next = 0;
            const auto look = [&](std::string_view text) {
                if (next == 77 || next == 300)
                    throw std::runtime_error(std::to_string(next));
                EXPECT_EQ(text, text_of(next));
                ++next;
            };
            // Seven at a time, and single ones between them.
            const auto until_it_throws = [&] {
                for (;;) {
                    EXPECT_LE(lending.visit(7, look).value(), 7U);
                    if (next % 3 == 0 && next != 77 && next != 300) {
                        EXPECT_EQ(*rx.try_pop(), text_of(next++));
                    }
                }
            };
            EXPECT_THROW(until_it_throws(), std::runtime_error);
            EXPECT_EQ(next, 77U);
            EXPECT_EQ(*rx.try_pop(), text_of(next++));
            EXPECT_THROW(until_it_throws(), std::runtime_error);
            EXPECT_EQ(next, 300U);
            EXPECT_EQ(disk.statistics().elements, 200U);
            next = 301; // the sender goes on meanwhile
            EXPECT_EQ(*rx.try_pop(), text_of(300));
            std::jthread pushes([&] {
                for (std::uint64_t i = 500; i != 600; ++i)
                    ASSERT_TRUE(tx.push(text_of(i)));
                tx.close();
            });
            while (lending.visit(1000, look)) {
            }
            EXPECT_EQ(next, 600U);
            EXPECT_EQ(disk.statistics().undecodable, 0U);
            EXPECT_EQ(disk.statistics().leased, 0U);
        }
    }
}

// Two look at a block each, and both fail, the one with the older block first: the order is as it was.
TEST(Spill, VisitsThatBothFail) {
    check::fault_storage storage;
    // What is written stays in memory, a block for each batch.
    auto made = spill<std::string>(storage, "/spill", small(spill_durability::durable));
    ASSERT_TRUE(made);
    auto& [tx, rx, disk] = *made;
    const auto text = [](std::uint64_t number) {
        return std::to_string(number) + std::string(40, 'x');
    };
    constexpr std::uint64_t each_block = 7;
    for (std::uint64_t i = 0; i != 2; ++i) {
        std::vector<std::string> batch;
        for (std::uint64_t number = i * each_block; number != (i + 1) * each_block; ++number)
            batch.push_back(text(number));
        ASSERT_TRUE(tx.push_range(batch));
    }
    std::latch both_look(2);
    std::latch older_is_back(1);
    const auto fail = [&](bool is_older) {
        const auto look = [&](std::string_view) {
            both_look.arrive_and_wait();
            if (!is_older)
                older_is_back.wait();
            throw std::runtime_error("as planned");
        };
        EXPECT_THROW(static_cast<void>(disk.leases().visit(100, look)), std::runtime_error);
        if (is_older)
            older_is_back.count_down();
    };
    std::jthread older([&] { fail(true); });
    while (disk.statistics().leased == 0)
        std::this_thread::yield();
    std::jthread newer([&] { fail(false); });
    older.join();
    newer.join();
    for (std::uint64_t number = 0; number != 2 * each_block; ++number)
        ASSERT_EQ(*rx.try_pop(), text(number));
}

// Several look at once, each at others; nobody passes over what somebody else has left.
TEST(Spill, VisitsBesideReceivers) {
    for (const spill_durability durability : durabilities) {
        check::fault_storage storage;
        auto made = spill<std::vector<std::uint32_t>>(storage, "/spill", small(durability));
        ASSERT_TRUE(made);
        auto& [tx, rx, disk] = *made;
        constexpr std::uint32_t count = 5000;
        std::vector<std::vector<std::uint32_t>> seen(3);
        {
            std::vector<std::jthread> threads;
            for (std::size_t i = 0; i != 2; ++i) {
                threads.emplace_back([&mine = seen[i], lending = disk.leases(), i] {
                    while (lending.visit(
                        1 + 40 * i, [&](std::span<const std::uint32_t> numbers) { mine.push_back(numbers.back()); })) {
                    }
                });
            }
            threads.emplace_back([&mine = seen[2], from = rx] {
                while (const auto numbers = from.pop())
                    mine.push_back(numbers->back());
            });
            for (std::uint32_t i = 0; i != count; ++i)
                ASSERT_TRUE(tx.push(std::vector<std::uint32_t>(1 + i % 30, i)));
            tx.close();
        }
        std::vector<std::uint32_t> all;
        for (const auto& each : seen) {
            EXPECT_TRUE(std::ranges::is_sorted(each));
            all.insert(all.end(), each.begin(), each.end());
        }
        std::ranges::sort(all);
        ASSERT_EQ(all.size(), count);
        for (std::uint32_t i = 0; i != count; ++i)
            ASSERT_EQ(all[i], i);
    }
}

// The segment of an element that is lent cannot go: dropping what waits would not make room, so nothing is dropped.
TEST(Spill, WhatIsLentIsNotPaidForByTheRest) {
    check::fault_storage storage;
    spill_options options = small(spill_durability::durable);
    options.disk_bytes_max = 40'000;
    options.when_full = spill_full::drop_oldest;
    auto made = spill<std::string>(storage, "/spill", options);
    ASSERT_TRUE(made);
    auto& [tx, rx, disk] = *made;
    ASSERT_TRUE(tx.try_push(text_of(0)));
    std::optional<lease<std::string>> lent(disk.leases().pop().value());
    std::uint64_t pushed = 1;
    while (tx.try_push(text_of(pushed)))
        ASSERT_LT(++pushed, 3000U);
    EXPECT_EQ(tx.push_for(text_of(pushed), 1ms).error().reason, errc::timeout);
    EXPECT_EQ(disk.statistics().dropped_oldest, 0U);
    EXPECT_EQ(disk.statistics().elements, pushed - 1);
    std::jthread waits([&] { EXPECT_TRUE(tx.push(text_of(pushed))); });
    EXPECT_TRUE(lent->acknowledge());
    waits.join();
    const std::uint64_t dropped = disk.statistics().dropped_oldest;
    EXPECT_GT(dropped, 0U);
    EXPECT_EQ(*rx.try_pop(), text_of(1 + dropped));
}

TEST(Spill, LeasesComeBackAndAcknowledgedOnesDoNot) {
    for (const spill_durability durability : durabilities) {
        check::fault_storage storage;
        auto made = spill<std::string>(storage, "/spill", small(durability));
        ASSERT_TRUE(made);
        auto& [tx, rx, disk] = *made;
        for (std::uint64_t i = 0; i != 200; ++i)
            ASSERT_TRUE(tx.push(text_of(i)));
        const auto lending = disk.leases();
        {
            auto zero = lending.pop();
            auto one = lending.try_pop();
            auto two = lending.pop_for(1s);
            ASSERT_TRUE(zero && one && two);
            EXPECT_EQ(**one, text_of(1));
            EXPECT_EQ(disk.statistics().leased, 3U);
            EXPECT_TRUE(one->acknowledge());
        }
        EXPECT_EQ(*rx.pop(), text_of(0));
        EXPECT_EQ(*rx.pop(), text_of(2));
        auto some = lending.pop_some(50);
        ASSERT_EQ(some->size(), 50U);
        EXPECT_EQ(*some->front(), text_of(3));
        EXPECT_TRUE(lease<std::string>::acknowledge(*some));
        tx.close();
        for (std::uint64_t i = 53; i != 200; ++i)
            ASSERT_EQ(*rx.pop(), text_of(i));
        EXPECT_EQ(lending.pop().error(), errc::closed);
    }
}

TEST(Spill, AClosedChannelIsNotAtItsEndWhileALeaseIsOut) {
    check::fault_storage storage;
    auto made = spill<int>(storage, "/spill", small());
    auto& [tx, rx, disk] = *made;
    ASSERT_TRUE(tx.push(1));
    {
        auto lent = disk.leases().pop();
        tx.close();
        EXPECT_EQ(rx.try_pop().error(), errc::empty);
        std::jthread waits([&] { EXPECT_EQ(rx.pop().value(), 1); });
        lent = std::unexpected(errc::empty);
    }
    EXPECT_EQ(rx.pop().error(), errc::closed);
}

TEST(Spill, WhatIsDurableIsThereAfterAKill) {
    check::fault_storage storage;
    {
        auto made = spill<std::string>(storage, "/spill", small(spill_durability::durable));
        for (std::uint64_t i = 0; i != 300; ++i)
            ASSERT_TRUE(made->tx.push(text_of(i)));
        for (std::uint64_t i = 0; i != 10; ++i)
            ASSERT_EQ(*made->rx.pop(), text_of(i));
        auto lent = made->disk.leases().pop(); // 10
        ASSERT_TRUE(lent);
        storage.crash();
        storage.restart_process();
    }
    auto made = spill<std::string>(storage, "/spill", small(spill_durability::durable));
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->rx.size(), 290U);
    made->tx.close();
    std::uint64_t next = 10;
    for (const std::string& each : made->rx)
        ASSERT_EQ(each, text_of(next++));
    EXPECT_EQ(next, 300U);
}

TEST(Spill, ACleanEndWritesDownWhatIsInMemory) {
    for (const std::uint64_t pushed : {3U, 60U, 400U}) {
        for (const std::uint64_t popped : {0U, 2U, 50U, 300U}) {
            if (popped > pushed)
                continue;
            check::fault_storage storage;
            {
                auto made = spill<std::string>(storage, "/spill", small(spill_durability::durable_on_drain));
                for (std::uint64_t i = 0; i != pushed; ++i)
                    ASSERT_TRUE(made->tx.push(text_of(i)));
                for (std::uint64_t i = 0; i != popped; ++i)
                    ASSERT_EQ(*made->rx.pop(), text_of(i));
                if (popped == 2) {
                    auto lent = made->disk.leases().pop(); // comes back
                }
                if (popped != 0) {
                    const auto done = made->disk.finish();
                    ASSERT_TRUE(done) << done.error().message();
                }
            }
            storage.crash();
            storage.restart({.data = check::survival::none, .names = check::survival::none});
            auto made = spill<std::string>(storage, "/spill", small(spill_durability::durable_on_drain));
            ASSERT_TRUE(made);
            EXPECT_EQ(made->disk.statistics().disk.lost, 0U);
            made->tx.close();
            std::uint64_t next = popped;
            for (const std::string& each : made->rx)
                ASSERT_EQ(each, text_of(next++)) << pushed << ' ' << popped;
            EXPECT_EQ(next, pushed);
        }
    }
}

TEST(Spill, AnOverflowLeavesNothingBehind) {
    check::fault_storage storage;
    {
        auto made = spill<std::string>(storage, "/spill", small());
        for (std::uint64_t i = 0; i != 400; ++i)
            ASSERT_TRUE(made->tx.push(text_of(i)));
    }
    EXPECT_EQ((*storage.open_directory("/spill"))->list()->size(), 2U); // lock and position
}

TEST(Spill, ADiskThatFailsIsSaidAndServiceGoesOnWhenItWorksAgain) {
    for (const spill_durability durability : durabilities) {
        check::fault_storage storage;
        auto made = spill<std::string>(storage, "/spill", small(durability));
        auto& [tx, rx, disk] = *made;
        std::uint64_t in = 0;
        for (; in != 100; ++in)
            ASSERT_TRUE(tx.push(text_of(in)));
        storage.fail({.operation = storage_operation::write, .times = check::storage_fault::forever, .code = ENOSPC});
        errc reason{};
        for (int i = 0; i != 1000 && reason == errc{}; ++i) {
            auto done = tx.push(text_of(in));
            if (done)
                ++in;
            else
                reason = done.error().reason;
            ASSERT_LE(disk.statistics().memory_bytes, 4096U);
        }
        EXPECT_EQ(reason, errc::disk);
        EXPECT_EQ(disk.error()->cause.code, ENOSPC);
        storage.heal();
        for (; in != 1000; ++in)
            ASSERT_TRUE(tx.push(text_of(in)));
        for (std::uint64_t i = 0; i != in; ++i)
            ASSERT_EQ(*rx.pop(), text_of(i));
    }
}

TEST(Spill, IsSelectedLikeOthers) {
    check::fault_storage storage;
    auto made = spill<int>(storage, "/spill", small());
    auto [tx, rx] = bounded<int>(1);
    int got = 0;
    const auto take = [&](pop_result<int> value) {
        got += *value;
    };
    std::jthread pushes([to = made->tx] { ASSERT_TRUE(to.push(5)); });
    select(on(rx, take), on(made->rx, take));
    EXPECT_EQ(got, 5);
    select(on_push(made->tx, 7, [](push_result<int> done) { EXPECT_TRUE(done); }));
    EXPECT_EQ(*made->rx.pop(), 7);
    EXPECT_EQ(select(on(made->rx, [](pop_result<int>) { return 1; }), after(1ms, [] { return 2; })), 2);
}

// Objects lie in blocks: whole ones, a part of one, and what is left at the end.
TEST(Spill, ManyObjectsPassThroughMemoryAndTheRestIsDestroyed) {
    check::fault_storage storage;
    auto made = spill<order>(storage, "/spill");
    ASSERT_TRUE(made);
    auto& [tx, rx, disk] = *made;
    std::vector<order> batch;
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    for (const std::size_t round : {1U, 1000U, 3U, 500U}) {
        batch.clear();
        for (std::size_t i = 0; i != round; ++i, ++in)
            batch.push_back({.number = in, .name = std::string(50, 'x')});
        ASSERT_TRUE(tx.push_range(batch));
        EXPECT_EQ(disk.statistics().elements, in - out);
        EXPECT_GT(disk.statistics().memory_bytes, (in - out) * 50);
        for (std::size_t i = 0; i != round - round / 4; ++i)
            ASSERT_EQ(rx.pop().value().number, out++);
    }
    EXPECT_EQ(disk.statistics().spilled, 0U);
    EXPECT_GT(rx.size(), 300U);
}

TEST(Spill, AUsersTypeHasItsOwnCodec) {
    check::fault_storage storage;
    auto made = spill<order>(storage, "/spill", small(spill_durability::durable));
    ASSERT_TRUE(made->tx.push(order{.number = 7, .name = "hop"}));
    const order got = made->rx.pop().value();
    EXPECT_EQ(got.number, 7U);
    EXPECT_EQ(got.name, "hop");
}

TEST(Spill, ElementsThatAreTooLargeComeBack) {
    check::fault_storage storage;
    auto made = spill<std::string>(storage, "/spill", small(spill_durability::durable));
    const auto done = made->tx.push(std::string(600, 'x'));
    EXPECT_EQ(done.error().reason, errc::too_large);
    EXPECT_EQ(done.error().value.size(), 600U);
}

} // namespace

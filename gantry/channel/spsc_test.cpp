// SPDX-License-Identifier: MIT
// The channel of two threads: order, room, both ways to end, batches, select.
#include <gantry/channel/spsc.hpp>
#include <gantry/channel/test_elements.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace channel = gantry::channel;
namespace test = gantry::channel::test;
using channel::errc;
using namespace std::chrono_literals;

static_assert(std::movable<channel::single_sender<int>> && !std::copyable<channel::single_sender<int>>);
static_assert(std::movable<channel::single_receiver<int>> && !std::copyable<channel::single_receiver<int>>);

// The sample of the header.
TEST(spsc, sample) {
    int sum = 0;
    auto [tx, rx] = gantry::channel::spsc<int>(100);
    std::jthread producer([to = std::move(tx)] {
        for (int i = 0; i != 10; ++i)
            if (!to.push(i))
                return; // the receiver is gone
    });
    while (const auto number = rx.pop())
        sum += *number;
    EXPECT_EQ(sum, 45);
}

// A FIFO that refuses when full or empty, in time or at once, and gives the value back.
TEST(spsc, refuses) {
    auto [tx, rx] = channel::spsc<std::unique_ptr<int>>(2);
    EXPECT_EQ(rx.try_pop().error(), errc::empty);
    EXPECT_EQ(rx.pop_for(1ms).error(), errc::timeout);
    ASSERT_TRUE(tx.push(std::make_unique<int>(1)));
    ASSERT_TRUE(tx.try_push(std::make_unique<int>(2)));
    EXPECT_TRUE(tx.is_full());
    auto refused = tx.try_push(std::make_unique<int>(3));
    EXPECT_EQ(refused.error().reason, errc::full);
    EXPECT_EQ(*refused.error().value, 3);
    EXPECT_EQ(tx.push_for(std::make_unique<int>(3), 1ms).error().reason, errc::timeout);
    EXPECT_EQ(*rx.pop().value(), 1);
    tx.close();
    EXPECT_EQ(tx.push(std::make_unique<int>(4)).error().reason, errc::closed);
    EXPECT_EQ(*rx.pop().value(), 2);
    EXPECT_EQ(rx.pop().error(), errc::closed);
}

// Each end's end is seen by the other, also while it waits; what is left is destroyed once.
TEST(spsc, ends) {
    for (int round = 0; round != 50; ++round) {
        {
            auto [tx, rx] = channel::spsc<int>(1);
            std::jthread waits([from = std::move(rx)] { EXPECT_EQ(from.pop().error(), errc::disconnected); });
            const auto gone = std::move(tx);
        }
        {
            auto [tx, rx] = channel::spsc<test::counting_element>(1);
            ASSERT_TRUE(tx.push(test::counting_element(1)));
            std::jthread waits([to = std::move(tx)] {
                // Into the slot that the receiver empties as it leaves: then it ends with the channel.
                const auto pushed = to.push(test::counting_element(2));
                EXPECT_TRUE(pushed || pushed.error().reason == errc::disconnected);
            });
            const auto gone = std::move(rx);
        }
        EXPECT_EQ(test::counting_element::alive(), 0);
    }
}

// A move that throws leaves the element where it was, on both sides.
TEST(spsc, throwing_moves) {
    using element = test::throwing_element;
    auto [tx, rx] = channel::spsc<element>(2);
    ASSERT_TRUE(tx.push(element(1)));
    element::moves_until_throw = 1;
    EXPECT_THROW(EXPECT_TRUE(rx.pop()), std::runtime_error);
    EXPECT_EQ(rx.pop().value().number(), 1);
}

// Batches, and every element once and in order through a small ring.
TEST(spsc, many) {
    auto [tx, rx] = channel::spsc<std::uint32_t>(7);
    constexpr std::uint32_t count = 20'000;
    std::jthread producer([to = std::move(tx)] {
        std::vector<std::uint32_t> batch;
        for (std::uint32_t next = 0; next != count;) {
            batch.clear();
            for (std::uint32_t i = next % 13 + 1; i != 0 && next != count; --i)
                batch.push_back(next++);
            ASSERT_TRUE(to.push_range(batch));
        }
    });
    std::vector<std::uint32_t> got;
    while (rx.pop_some(std::back_inserter(got), 5)) {
    }
    ASSERT_EQ(got.size(), count);
    for (std::uint32_t i = 0; i != count; ++i)
        ASSERT_EQ(got[i], i);
}

// Its ends are arms of a select.
TEST(spsc, select) {
    auto [tx, rx] = channel::spsc<int>(1);
    std::jthread pushes([to = std::move(tx)] {
        for (int i = 0; i != 3; ++i)
            channel::select(channel::on_push(to, i, [](auto pushed) { EXPECT_TRUE(pushed); }));
    });
    for (int i = 0; i != 3; ++i) {
        channel::select(channel::on(rx, [i](auto got) { EXPECT_EQ(got, i); }),
                        channel::on(channel::never<int>(), [](auto) { FAIL(); }));
    }
}

} // namespace

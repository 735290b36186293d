// SPDX-License-Identifier: MIT
// What is particular to each kind of channel, and to weak senders and several receivers.
#include <gantry/channel/channel.hpp>
#include <gantry/channel/test_elements.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace channel = gantry::channel;
namespace test = gantry::channel::test;
using channel::errc;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

// A rendezvous holds nothing: without a partner nothing goes in or comes out, in time or at once.
TEST(rendezvous, alone) {
    auto [tx, rx] = channel::rendezvous<std::string>();
    EXPECT_EQ(tx.capacity(), 0);
    EXPECT_TRUE(tx.is_empty());
    EXPECT_TRUE(tx.is_full());
    auto refused = tx.try_push("value");
    EXPECT_EQ(refused.error().reason, errc::full);
    EXPECT_EQ(refused.error().value, "value");
    EXPECT_EQ(rx.try_pop().error(), errc::empty);
    refused = tx.push_for("value", 2ms);
    EXPECT_EQ(refused.error().reason, errc::timeout);
    EXPECT_EQ(refused.error().value, "value");
    EXPECT_EQ(rx.pop_for(2ms).error(), errc::timeout);
    rx.close();
    EXPECT_EQ(tx.push("value").error().reason, errc::closed);
    EXPECT_EQ(rx.pop().error(), errc::closed);
}

// try_push succeeds while a pop waits, and try_pop while a push does.
TEST(rendezvous, tries_meet_who_waits) {
    auto [tx, rx] = channel::rendezvous<int>();
    {
        std::jthread popper([&in = rx] { EXPECT_EQ(in.pop(), 7); });
        while (!tx.try_push(7))
            std::this_thread::yield();
    }
    std::jthread pusher([&out = tx] { EXPECT_TRUE(out.push(8)); });
    std::optional<int> got;
    while (!got) {
        if (const auto popped = rx.try_pop())
            got = *popped;
        std::this_thread::yield();
    }
    EXPECT_EQ(got, 8);
}

// A push returns only when a pop has taken the value.
TEST(rendezvous, push_returns_after_the_pop_began) {
    auto [tx, rx] = channel::rendezvous<int>();
    std::atomic<bool> popping{false};
    std::jthread popper([&, &in = rx] {
        for (int i = 0; i != 200; ++i) {
            popping.store(true, std::memory_order_release);
            EXPECT_EQ(in.pop(), i);
        }
    });
    for (int i = 0; i != 200; ++i) {
        ASSERT_TRUE(tx.push(i));
        EXPECT_TRUE(popping.load(std::memory_order_acquire));
    }
}

// Every element goes from one of four to one of four, once.
TEST(rendezvous, many_to_many) {
    constexpr int each = 500;
    auto [tx, rx] = channel::rendezvous<std::unique_ptr<int>>();
    std::vector<std::jthread> threads;
    std::atomic<int> sum{0};
    for (int t = 0; t != 4; ++t) {
        threads.emplace_back([to = tx] {
            for (int i = 1; i <= each; ++i)
                ASSERT_TRUE(to.push(std::make_unique<int>(i)));
        });
        threads.emplace_back([&sum, in = rx] {
            for (const auto& value : in)
                sum.fetch_add(*value, std::memory_order_relaxed); // relaxed: stats
        });
    }
    {
        const auto gone = std::move(tx);
    }
    threads.clear();
    EXPECT_EQ(sum.load(std::memory_order_relaxed), 4 * each * (each + 1) / 2); // relaxed: stats
}

// A move that throws reaches the one that came second; the other goes on waiting and gets its partner.
TEST(rendezvous, throwing_move) {
    using element = test::throwing_element;
    auto [tx, rx] = channel::rendezvous<element>();
    std::jthread popper([&in = rx] { EXPECT_EQ(in.pop().value().number(), 5); });
    element value(5);
    while (tx.is_full()) // until the popper waits
        std::this_thread::yield();
    element::moves_until_throw = 1;
    EXPECT_THROW(EXPECT_TRUE(tx.push(static_cast<element&&>(value))), std::runtime_error);
    EXPECT_EQ(value.number(), 5);
    EXPECT_TRUE(tx.push(std::move(value)));
}

// Bytes are counted by what the elements say; what is over the limit alone is refused at once, with the value.
TEST(bounded_bytes, counts_and_refuses) {
    auto [tx, rx] = channel::bounded_bytes<std::string>(10, [](const std::string& text) { return text.size(); });
    EXPECT_EQ(tx.capacity(), 10);
    EXPECT_EQ(tx.bytes(), 0);
    ASSERT_TRUE(tx.push("12345"));
    ASSERT_TRUE(tx.push("1234"));
    EXPECT_EQ(tx.bytes(), 9);
    EXPECT_EQ(tx.try_push("12").error().reason, errc::full);
    ASSERT_TRUE(tx.try_push("1"));
    EXPECT_TRUE(tx.is_full());
    auto refused = tx.push("12345678901");
    EXPECT_EQ(refused.error().reason, errc::too_large);
    EXPECT_EQ(refused.error().value, "12345678901");
    EXPECT_EQ(rx.pop(), "12345");
    EXPECT_EQ(rx.bytes(), 5);
    ASSERT_TRUE(tx.push(""));
    EXPECT_EQ(rx.bytes(), 6); // nothing counts as one
    std::vector<std::string> in{"1", "22", "333"};
    const auto part = tx.try_push_range(in);
    EXPECT_EQ(part.error().pushed, 2);
    EXPECT_EQ(in[2], "333");
    std::vector<std::string> out;
    EXPECT_EQ(rx.drain(std::back_inserter(out)), 5);
    EXPECT_EQ(rx.bytes(), 0);
}

// A push that waits goes on when there is room for its element, also behind one that needs more.
TEST(bounded_bytes, wakes_whoever_fits) {
    auto [tx, rx] = channel::bounded_bytes<std::string>(10, [](const std::string& text) { return text.size(); });
    ASSERT_TRUE(tx.push("1234"));
    ASSERT_TRUE(tx.push("123456"));
    std::jthread large([&to = tx] { EXPECT_TRUE(to.push("1234567890")); });
    std::this_thread::yield();
    {
        std::jthread small([&to = tx] { EXPECT_TRUE(to.push("x")); });
        EXPECT_EQ(rx.pop(), "1234");
    }
    EXPECT_EQ(rx.pop(), "123456");
    EXPECT_EQ(rx.pop(), "x");
    EXPECT_EQ(rx.pop(), "1234567890");
}

// A long batch goes in as far as there is room, element by element as single pushes would; what does not fit stays.
TEST(bounded_bytes, long_batches) {
    auto [tx, rx] = channel::bounded_bytes<std::uint32_t>(500, [](const std::uint32_t& value) { return value % 7; });
    std::vector<std::uint32_t> in(400);
    std::size_t bytes = 0;
    std::size_t fit = 0;
    for (std::uint32_t i = 0; i != in.size(); ++i) {
        in[i] = i;
        bytes += std::max(i % 7, 1U);
        fit += bytes <= 500 ? 1U : 0U;
    }
    const auto part = tx.try_push_range(in);
    ASSERT_FALSE(part);
    EXPECT_EQ(part.error().reason, errc::full);
    EXPECT_EQ(part.error().pushed, fit);
    std::vector<std::uint32_t> out;
    EXPECT_EQ(rx.drain(std::back_inserter(out)), fit);
    for (std::uint32_t i = 0; i != fit; ++i)
        EXPECT_EQ(out[i], i);
}

// The size is asked once: an element that changes what it says is still counted out as it was counted in.
TEST(bounded_bytes, asks_once) {
    int asked = 0;
    auto [tx, rx] = channel::bounded_bytes<int>(100, [&asked](const int& value) {
        ++asked;
        return static_cast<std::size_t>(value);
    });
    ASSERT_TRUE(tx.push(60));
    ASSERT_TRUE(tx.push(40));
    EXPECT_EQ(rx.pop(), 60);
    EXPECT_EQ(rx.pop(), 40);
    EXPECT_EQ(rx.bytes(), 0);
    EXPECT_EQ(asked, 2);
}

// Only the newest is there; a push never waits; what is replaced is destroyed.
TEST(latest, keeps_the_newest) {
    {
        auto [tx, rx] = channel::latest<test::counting_element>();
        EXPECT_EQ(rx.try_pop().error(), errc::empty);
        for (std::uint32_t i = 0; i != 10; ++i)
            ASSERT_TRUE(tx.push(test::counting_element(i)));
        EXPECT_EQ(tx.size(), 1);
        EXPECT_FALSE(tx.is_full());
        EXPECT_EQ(test::counting_element::alive(), 1);
        EXPECT_EQ(rx.pop().value().number(), 9);
        EXPECT_EQ(rx.try_pop().error(), errc::empty);
        ASSERT_TRUE(tx.push(test::counting_element(10)));
        tx.close();
        EXPECT_EQ(tx.push(test::counting_element(11)).error().reason, errc::closed);
        EXPECT_EQ(rx.pop().value().number(), 10);
        EXPECT_EQ(rx.pop().error(), errc::closed);
    }
    EXPECT_EQ(test::counting_element::alive(), 0);
}

// A move that throws leaves the old one there.
TEST(latest, throwing_move) {
    using element = test::throwing_element;
    auto [tx, rx] = channel::latest<element>();
    ASSERT_TRUE(tx.push(element(1)));
    element::moves_until_throw = 1;
    EXPECT_THROW(EXPECT_TRUE(tx.push(element(2))), std::runtime_error);
    EXPECT_EQ(rx.pop().value().number(), 1);
}

// after() and at() give their time once, not before it, to one receiver; then nothing.
TEST(timer, once) {
    const auto begin = steady_clock::now();
    const auto timer = channel::after(3ms);
    const auto second = timer;
    EXPECT_EQ(timer.try_pop().error(), errc::empty);
    const auto due = timer.pop();
    EXPECT_GE(steady_clock::now(), begin + 3ms);
    EXPECT_GE(due.value(), begin + 3ms);
    EXPECT_EQ(second.try_pop().error(), errc::empty);
    EXPECT_EQ(second.pop_for(1ms).error(), errc::timeout);
    EXPECT_TRUE(channel::at(begin).try_pop());
    EXPECT_EQ(channel::never<int>().pop_for(1ms).error(), errc::timeout);
}

// Ticks lie on a grid, and those that nobody took in time are left out.
TEST(timer, ticks) {
    const auto ticks = channel::tick(2ms);
    const auto first = ticks.pop().value();
    const auto second = ticks.pop().value();
    EXPECT_EQ((second - first) % 2ms, 0ms);
    EXPECT_GT(second, first);
    while (steady_clock::now() < second + 20ms)
        std::this_thread::yield();
    const auto late = ticks.pop().value();
    EXPECT_LE(late, second + 20ms); // one that was due is there, the others of the 20 ms are not
    EXPECT_EQ((late - first) % 2ms, 0ms);
    const auto next = ticks.pop().value();
    EXPECT_GE(next, second + 20ms);
    EXPECT_EQ((next - first) % 2ms, 0ms);
}

// A weak sender does not keep the channel open, and makes senders as long as it is.
TEST(weak_sender, upgrades_while_there_is_a_sender) {
    auto [tx, rx] = channel::bounded<int>(2);
    const auto weak = tx.downgrade();
    auto copy = weak;
    {
        const auto strong = weak.upgrade();
        ASSERT_TRUE(strong);
        EXPECT_TRUE(strong->same_channel(tx));
        EXPECT_TRUE(strong->push(1));
    }
    {
        const auto gone = std::move(tx);
    }
    EXPECT_TRUE(rx.is_closed());
    EXPECT_FALSE(weak.upgrade());
    EXPECT_EQ(rx.pop(), 1);
    EXPECT_EQ(rx.pop().error(), errc::disconnected);
    {
        const auto gone = std::move(rx);
    }
    copy = weak; // the channel's memory is still there
    EXPECT_FALSE(copy.upgrade());
}

// The channel ends with its last receiver, not with one of them; why it ended is told apart.
TEST(receivers, last_one_counts) {
    auto [tx, rx] = channel::unbounded<int>();
    {
        const auto second = rx;
        EXPECT_TRUE(second.same_channel(rx));
    }
    ASSERT_TRUE(tx.push(1));
    EXPECT_EQ(rx.pop(), 1);
    {
        const auto gone = std::move(rx);
    }
    EXPECT_EQ(tx.push(2).error().reason, errc::disconnected);

    auto [to, from] = channel::unbounded<int>();
    from.close();
    {
        const auto gone = std::move(from);
    }
    EXPECT_EQ(to.push(2).error().reason, errc::closed); // what came first stays the reason
}

} // namespace

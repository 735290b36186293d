// SPDX-License-Identifier: MIT
// select() and selector do exactly one operation, fairly or by rank, and lose, steal or double no wake-up.
#include <gantry/channel/select.hpp>
#include <gantry/channel/test_elements.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
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
using channel::on;
using channel::on_push;
using channel::otherwise;
using channel::pop_result;
using channel::push_result;
using channel::select;
using namespace std::chrono_literals;

// The sample of the header: each arm in turn is the one that can go on.
TEST(select, sample) {
    using gantry::channel::after;
    const auto ints = channel::bounded<int>(1);
    const auto lines = channel::bounded<std::string>(1);
    const auto& numbers = ints.rx;
    const auto& log = lines.tx;
    const std::string line = "line";
    int sum = 0;
    int idle = 0;
    bool logged = false;
    const auto one = [&] {
        // clang-format off
    gantry::channel::select(
        on(numbers, [&](gantry::channel::pop_result<int> number) { sum += number.value_or(0); }),
        on_push(log, line, [&](gantry::channel::push_result<std::string> pushed) { logged = pushed.has_value(); }),
        after(10ms, [&] { ++idle; }));
        // clang-format on
    };
    one();
    EXPECT_TRUE(logged);
    ASSERT_TRUE(ints.tx.push(3));
    one();
    EXPECT_EQ(sum, 3);
    one();
    EXPECT_EQ(idle, 1);
    EXPECT_EQ(lines.rx.pop(), "line");
}

// Results of handlers come back in their common type; otherwise() runs when nothing can go on, and only then.
TEST(select, results_and_otherwise) {
    auto [tx, rx] = channel::bounded<int>(1);
    const auto look = [&from = rx] {
        return select(on(from, [](pop_result<int> got) { return *got; }), otherwise([] { return 2.5; }));
    };
    static_assert(std::same_as<decltype(look()), double>);
    EXPECT_EQ(look(), 2.5);
    ASSERT_TRUE(tx.push(7));
    EXPECT_EQ(look(), 7);
}

// The value of a push that was not done is where it was; of one that was refused it is in the result.
TEST(select, values_stay_with_their_owner) {
    auto [tx, rx] = channel::bounded<std::unique_ptr<int>>(1);
    ASSERT_TRUE(tx.push(std::make_unique<int>(1)));
    auto value = std::make_unique<int>(2);
    select(on_push(tx, std::move(value), [](auto) { FAIL() << "there was no room"; }), otherwise([] {}));
    ASSERT_TRUE(value);
    rx.close();
    select(on_push(tx, std::move(value), [&](push_result<std::unique_ptr<int>> pushed) {
        ASSERT_FALSE(pushed);
        EXPECT_EQ(pushed.error().reason, errc::closed);
        value = std::move(pushed.error().value);
    }));
    EXPECT_EQ(*value, 2);
}

// A fair select starves no arm, a biased one takes the first.
TEST(select, fair_and_biased) {
    std::array<channel::ends<int>, 3> channels{channel::unbounded<int>(), channel::unbounded<int>(),
                                               channel::unbounded<int>()};
    constexpr int rounds = 600;
    for (const auto& each : channels)
        for (int i = 0; i != 2 * rounds; ++i)
            ASSERT_TRUE(each.tx.push(i));
    std::array<int, 3> taken{};
    const auto arm = [&](std::size_t i) {
        return on(channels[i].rx, [&taken, i](pop_result<int>) { ++taken[i]; });
    };
    for (int i = 0; i != rounds; ++i)
        select(arm(0), arm(1), arm(2));
    for (const int each : taken)
        EXPECT_GT(each, rounds / 6);
    taken = {};
    for (int i = 0; i != rounds; ++i)
        channel::select_biased(arm(1), arm(0), arm(2));
    EXPECT_EQ(taken[1], rounds);
}

// An arm of a channel that has ended can always go on, and is told so.
TEST(select, ended_channels) {
    auto [tx, rx] = channel::bounded<int>(1);
    auto [closed_tx, closed_rx] = channel::rendezvous<int>();
    closed_tx.close();
    select(on(rx, [](auto) { FAIL(); }),
           on(closed_rx, [](pop_result<int> got) { EXPECT_EQ(got.error(), errc::closed); }));
    select(on_push(closed_tx, 5, [](push_result<int> pushed) { EXPECT_EQ(pushed.error().value, 5); }));
}

// Timers are arms like others.
TEST(select, timers) {
    const auto ticks = channel::tick(1ms);
    const auto limit = channel::after(8ms);
    int ticked = 0;
    for (bool open = true; open;) {
        channel::select_biased(on(ticks, [&](auto) { ++ticked; }), on(limit, [&](auto) { open = false; }),
                               on(channel::never<int>(), [](auto) { FAIL(); }));
    }
    EXPECT_GE(ticked, 1);
}

// What wakes a sleeping select: a push, a pop, a close, the end of the other side; on every kind.
TEST(select, wakes) {
    for (int round = 0; round != 30; ++round) {
        for (const int kind : {0, 1, 2}) {
            auto [tx, rx] = kind == 0   ? channel::rendezvous<int>()
                            : kind == 1 ? channel::bounded<int>(1)
                                        : channel::unbounded<int>();
            auto [other_tx, other_rx] = channel::bounded<int>(1);
            std::jthread waits([&, &in = rx, &never = other_rx] {
                const int got = select(on(never, [](auto) { return -1; }),
                                       on(in, [](pop_result<int> value) { return value.value_or(-2); }));
                EXPECT_EQ(got, 5);
                EXPECT_EQ(select(on(in, [](pop_result<int> value) { return value.error(); }),
                                 on(never, [](auto) { return errc{}; })),
                          errc::disconnected);
            });
            ASSERT_TRUE(tx.push(5));
            const auto gone = std::move(tx);
        }
        auto [tx, rx] = channel::bounded<int>(1);
        ASSERT_TRUE(tx.push(0));
        std::jthread waits([&to = tx] {
            select(on_push(to, 1, [](push_result<int> pushed) { EXPECT_TRUE(pushed); }));
            select(on_push(to, 2, [](push_result<int> pushed) { EXPECT_EQ(pushed.error().reason, errc::closed); }));
        });
        EXPECT_EQ(rx.pop(), 0);
        while (!rx.is_full())
            std::this_thread::yield();
        rx.close();
    }
}

// Two selects that are each other's partners, in both roles, over rendezvous and buffered channels: each operation of
// one is one of the other.
TEST(select, against_select) {
    for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}}) {
        const auto make = [capacity] {
            return capacity == 0 ? channel::rendezvous<int>() : channel::bounded<int>(1);
        };
        auto [a_tx, a_rx] = make();
        auto [b_tx, b_rx] = make();
        constexpr int rounds = 3'000;
        std::array<int, 4> done{};
        std::atomic<int> left{2};
        {
            std::jthread first([&, &to = a_tx, &from = b_rx] {
                for (int i = 0; i != rounds; ++i)
                    select(on_push(to, i, [&](auto) { ++done[0]; }), on(from, [&](auto) { ++done[1]; }));
                left.fetch_sub(1, std::memory_order_relaxed); // relaxed: stats
            });
            std::jthread second([&, &to = b_tx, &from = a_rx] {
                for (int i = 0; i != rounds; ++i)
                    select(on_push(to, i, [&](auto) { ++done[2]; }), on(from, [&](auto) { ++done[3]; }));
                left.fetch_sub(1, std::memory_order_relaxed); // relaxed: stats
            });
        }
        const int in_a = static_cast<int>(a_rx.size());
        const int in_b = static_cast<int>(b_rx.size());
        EXPECT_EQ(done[0], done[3] + in_a);
        EXPECT_EQ(done[2], done[1] + in_b);
    }
}

// Several selects on the same channels share what comes; nobody sleeps while there is something.
TEST(select, many_share) {
    auto [a_tx, a_rx] = channel::bounded<int>(1);
    auto [b_tx, b_rx] = channel::rendezvous<int>();
    constexpr int each = 1'000;
    std::atomic<int> taken{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t != 3; ++t) {
            threads.emplace_back([&taken, a = a_rx, b = b_rx] {
                for (int ended = 0; ended != 2;) {
                    ended = 0;
                    const auto tell = [&](pop_result<int> got) {
                        if (got)
                            taken.fetch_add(1, std::memory_order_relaxed); // relaxed: stats
                        else
                            ended = 1;
                    };
                    select(on(a, tell), on(b, tell));
                    if (ended != 0) { // one is at its end: the rest of the other
                        for ([[maybe_unused]] const int value : a)
                            taken.fetch_add(1, std::memory_order_relaxed); // relaxed: stats
                        for ([[maybe_unused]] const int value : b)
                            taken.fetch_add(1, std::memory_order_relaxed); // relaxed: stats
                        ended = 2;
                    }
                }
            });
        }
        threads.emplace_back([to = std::move(a_tx)] {
            for (int i = 0; i != each; ++i)
                ASSERT_TRUE(to.push(i));
        });
        threads.emplace_back([to = std::move(b_tx)] {
            for (int i = 0; i != each; ++i)
                ASSERT_TRUE(to.push(i));
        });
    }
    EXPECT_EQ(taken.load(std::memory_order_relaxed), 2 * each); // relaxed: stats
}

// A move that throws ends the select; nothing was done.
TEST(select, throwing_move) {
    using element = test::throwing_element;
    auto [tx, rx] = channel::bounded<element>(1);
    element value(3);
    element::moves_until_throw = 1;
    EXPECT_THROW(select(on_push(tx, std::move(value), [](auto) {}), otherwise([] {})), std::runtime_error);
    EXPECT_EQ(value.number(), 3);
    EXPECT_TRUE(rx.is_empty());
}

// Hundreds of arms, pushes and pops: one run does one of them; disabled ones are left out.
TEST(selector, hundreds_of_arms) {
    std::vector<channel::ends<std::size_t>> channels;
    for (std::size_t i = 0; i != 300; ++i)
        channels.push_back(i % 3 == 0 ? channel::rendezvous<std::size_t>() : channel::bounded<std::size_t>(1));
    channel::selector all;
    std::optional<std::size_t> got;
    for (std::size_t i = 0; i != channels.size(); ++i) {
        EXPECT_EQ(all.on(channels[i].rx,
                         [&got, i](pop_result<std::size_t> value) {
                             EXPECT_EQ(value, i);
                             got = i;
                         }),
                  i);
    }
    EXPECT_EQ(all.size(), 300);
    EXPECT_FALSE(all.try_run());
    EXPECT_FALSE(all.run_for(1ms));
    std::jthread pushes([&] {
        for (std::size_t i = 0; i < channels.size(); i += 7)
            ASSERT_TRUE(channels[i].tx.push(i));
    });
    for (std::size_t i = 0; i < channels.size(); i += 7) {
        got.reset();
        EXPECT_EQ(all.run() % 7, 0);
        EXPECT_TRUE(got);
    }
    ASSERT_TRUE(channels[1].tx.push(1));
    all.disable(1);
    EXPECT_FALSE(all.is_enabled(1));
    EXPECT_FALSE(all.try_run());
    all.enable(1);
    EXPECT_EQ(all.try_run(), 1);
}

// A selector's push arm takes the value that the caller put there.
TEST(selector, push_arm) {
    auto [tx, rx] = channel::bounded<std::string>(2);
    channel::selector out = channel::selector::biased();
    std::string value = "first";
    out.on_push(tx, value, [](push_result<std::string> pushed) { EXPECT_TRUE(pushed); });
    EXPECT_EQ(out.run(), 0);
    value = "second";
    EXPECT_EQ(out.run(), 0);
    value = "third";
    EXPECT_FALSE(out.try_run());
    EXPECT_EQ(value, "third");
    EXPECT_EQ(rx.pop(), "first");
    EXPECT_EQ(rx.pop(), "second");
}

// ready() does nothing but say what could go on; of a rendezvous, too.
TEST(selector, ready_only) {
    auto [tx, rx] = channel::bounded<int>(1);
    auto [meet_tx, meet_rx] = channel::rendezvous<int>();
    channel::selector all;
    all.on(rx, [](auto) { FAIL(); });
    all.on(meet_rx, [](auto) { FAIL(); });
    EXPECT_FALSE(all.try_ready());
    EXPECT_FALSE(all.ready_for(1ms));
    ASSERT_TRUE(tx.push(1));
    EXPECT_EQ(all.ready(), 0);
    EXPECT_EQ(rx.pop(), 1);
    for (int i = 0; i != 20; ++i) {
        std::jthread pushes([&to = meet_tx] { EXPECT_TRUE(to.push(2)); });
        EXPECT_EQ(all.ready(), 1);
        EXPECT_EQ(meet_rx.pop(), 2);
    }
}

} // namespace

// SPDX-License-Identifier: MIT
// Coroutines on channels: every operation and kind, among themselves and with threads; a coroutine that is destroyed
// while it waits takes no element and keeps no wake-up.
#include <gantry/channel/async.hpp>
#include <gantry/channel/task.hpp>
#include <gantry/channel/test_elements.hpp>

#include <gtest/gtest.h>

#include <array>
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
using channel::loop_executor;
using channel::pop_result;
using channel::task;

// clang-format off
    gantry::channel::task<int> sum(gantry::channel::receiver<int> from, gantry::channel::loop_executor& loop) {
        auto numbers = gantry::channel::async(std::move(from), loop);
        int sum = 0;
        while (const auto number = co_await numbers.pop())
            sum += *number;
        co_return sum;
    }
// clang-format on

// The samples of the headers: a coroutine sums what a thread sends, through every kind.
TEST(async, sample) {
    for (const std::size_t capacity : {0UL, 1UL, 7UL}) {
        auto [tx, rx] = capacity == 0 ? channel::rendezvous<int>() : channel::bounded<int>(capacity);
        std::jthread pushes([to = std::move(tx)] {
            for (int i = 1; i <= 1000; ++i)
                ASSERT_TRUE(to.push(i));
        });
        gantry::channel::loop_executor loop;
        const int total = loop.run(sum(rx, loop)); // runs everything that is posted meanwhile, on this thread
        EXPECT_EQ(total, 500'500);
    }
}

template<class T>
task<> send(channel::sender<T> to, loop_executor& loop, std::uint32_t count) {
    auto out = channel::async(std::move(to), loop);
    for (std::uint32_t i = 0; i != count; ++i)
        EXPECT_TRUE(co_await out.push(T(i)));
}
template<class T>
task<std::uint32_t> receive(channel::receiver<T> from, loop_executor& loop) {
    auto in = channel::async(std::move(from), loop);
    std::uint32_t next = 0;
    for (;;) {
        auto got = co_await in.pop();
        if (!got) {
            EXPECT_EQ(got.error(), errc::disconnected);
            co_return next;
        }
        EXPECT_EQ(got->number(), next++);
    }
}

template<class T>
class async_elements : public testing::Test {};
using element_types = testing::Types<test::move_only_element, test::counting_element, test::throwing_element>;
TYPED_TEST_SUITE(async_elements, element_types);

// Two coroutines on one thread talk through a channel smaller than what they say.
TYPED_TEST(async_elements, coroutine_to_coroutine) {
    for (const std::size_t capacity : {0UL, 1UL, 3UL}) {
        auto [tx, rx] = capacity == 0 ? channel::rendezvous<TypeParam>() : channel::bounded<TypeParam>(capacity);
        loop_executor loop;
        channel::detail::start(send(std::move(tx), loop, 100));
        EXPECT_EQ(loop.run(receive(std::move(rx), loop)), 100);
    }
}

// Coroutines and threads on both ends; the coroutines run on two threads of one loop.
TEST(async, with_threads) {
    constexpr std::uint32_t each = 2'000;
    for (const std::size_t capacity : {0UL, 2UL}) {
        auto [tx, rx] =
            capacity == 0 ? channel::rendezvous<std::uint32_t>() : channel::bounded<std::uint32_t>(capacity);
        loop_executor loop;
        std::atomic<std::uint64_t> total{0};
        std::atomic<int> left{2};
        const auto take = [&](channel::receiver<std::uint32_t> from) -> task<> {
            auto in = channel::async(std::move(from), loop);
            while (const auto got = co_await in.pop())
                total.fetch_add(*got, std::memory_order_relaxed); // relaxed: stats
            if (left.fetch_sub(1, std::memory_order_acq_rel) == 1)
                loop.stop();
        };
        std::vector<std::jthread> threads;
        channel::detail::start(take(rx));
        channel::detail::start(take(rx));
        threads.emplace_back([&] { loop.run(); });
        threads.emplace_back([&] { loop.run(); });
        threads.emplace_back([&total, from = std::move(rx)] {
            for (const std::uint32_t got : from)
                total.fetch_add(got, std::memory_order_relaxed); // relaxed: stats
        });
        for (int t = 0; t != 2; ++t) {
            threads.emplace_back([to = tx] {
                for (std::uint32_t i = 0; i != each; ++i)
                    ASSERT_TRUE(to.push(i));
            });
        }
        {
            const auto gone = std::move(tx);
        }
        threads.clear();
        EXPECT_EQ(total.load(std::memory_order_relaxed), std::uint64_t{each} * (each - 1)); // relaxed: stats
    }
}

// The inline executor goes on inside the push; sync_wait needs no loop for it.
TEST(async, inline_executor) {
    auto [tx, rx] = channel::bounded<int>(1);
    channel::inline_executor here;
    std::jthread pushes([to = std::move(tx)] {
        for (int i = 0; i != 100; ++i)
            ASSERT_TRUE(to.push(i));
    });
    const int total = channel::sync_wait([&](channel::receiver<int> from) -> task<int> {
        auto in = channel::async(std::move(from), here);
        int sum = 0;
        while (const auto got = co_await in.pop())
            sum += *got;
        co_return sum;
    }(rx));
    EXPECT_EQ(total, 4950);
}

// A task that ends on another thread of the loop, or on none of them, ends the run of who started it.
TEST(async, a_task_ends_elsewhere) {
    for (int round = 0; round != 200; ++round) {
        channel::loop_executor loop;
        std::thread helper([&] { loop.run(); });
        auto [tx, rx] = channel::bounded<int>(1);
        std::thread pusher([to = std::move(tx)] { ASSERT_TRUE(to.push(7)); });
        const auto pops = [](channel::receiver<int> from, auto& on) -> task<int> {
            auto in = channel::async(std::move(from), on);
            const channel::pop_result<int> got = co_await in.pop();
            co_return got.value_or(0);
        };
        if (round % 2 == 0) {
            EXPECT_EQ(loop.run(pops(rx, loop)), 7);
        } else {
            channel::inline_executor here;
            EXPECT_EQ(loop.run(pops(rx, here)), 7);
        }
        loop.stop();
        helper.join();
        pusher.join();
    }
}

// What a task's frame holds is gone when the wait for it is over.
TEST(async, a_frame_ends_before_the_wait_for_it) {
    const auto held = std::make_shared<int>(3);
    auto [tx, rx] = channel::bounded<int>(1);
    channel::inline_executor here;
    std::thread pusher([to = std::move(tx)] { ASSERT_TRUE(to.push(7)); });
    const int sum = channel::sync_wait([&](channel::receiver<int> from, std::shared_ptr<int> mine) -> task<int> {
        auto in = channel::async(std::move(from), here);
        const auto got = co_await in.pop();
        co_return got.value_or(0) + *mine;
    }(rx, held));
    EXPECT_EQ(sum, 10);
    EXPECT_EQ(held.use_count(), 1);
    pusher.join();
}

// An awaited select does one of its arms and is what its handler returns.
TEST(async, select) {
    auto [tx, rx] = channel::bounded<int>(1);
    auto [out, results] = channel::rendezvous<std::string>();
    loop_executor loop;
    std::jthread other([&to = tx, &from = results] {
        EXPECT_TRUE(to.push(4));
        EXPECT_EQ(from.pop(), "done");
    });
    const auto both = [&loop](channel::receiver<int> numbers, channel::sender<std::string> to) -> task<int> {
        int got =
            co_await channel::async_select(loop, channel::on(channel::never<int>(), [](pop_result<int>) { return -1; }),
                                           channel::on(numbers, [](pop_result<int> number) { return number.value(); }));
        got += co_await channel::async_select(
            loop, channel::on(numbers, [](pop_result<int>) { return -100; }),
            channel::on_push(to, std::string("done"), [](auto pushed) { return pushed ? 10 : -10; }));
        co_return got;
    };
    EXPECT_EQ(loop.run(both(rx, out)), 14);
}

// What leaves a coroutine, or a move inside its operation, reaches who waits for it.
TEST(async, exceptions) {
    using element = test::throwing_element;
    loop_executor loop;
    auto [tx, rx] = channel::bounded<element>(1);
    const auto pops = [&loop](channel::receiver<element> from) -> task<std::uint32_t> {
        auto in = channel::async(std::move(from), loop);
        const auto got = co_await in.pop();
        co_return got.value().number();
    };
    ASSERT_TRUE(tx.push(element(3)));
    element::moves_until_throw = 1;
    EXPECT_THROW(loop.run(pops(rx)), std::runtime_error);
    element::moves_until_throw = 0;
    EXPECT_EQ(loop.run(pops(rx)), 3);
}

// A coroutine that ends while it waits leaves nothing in the channel and takes nothing from it.
TEST(async, destroyed_while_waiting) {
    for (const std::size_t capacity : {0UL, 1UL}) {
        auto [tx, rx] = capacity == 0 ? channel::rendezvous<int>() : channel::bounded<int>(capacity);
        loop_executor loop;
        const auto pops = [&loop](channel::receiver<int> from, std::optional<int>& got) -> task<> {
            auto in = channel::async(std::move(from), loop);
            got = (co_await in.pop()).value_or(-1);
        };
        std::optional<int> got;
        {
            auto waits = pops(rx, got);
            auto awaiter = std::move(waits).operator co_await();
            awaiter.await_suspend(std::noop_coroutine()).resume();
        }
        EXPECT_FALSE(got);
        EXPECT_EQ(tx.try_push(1).has_value(), capacity == 1);
    }
}

// An element that a rendezvous had handed to a coroutine that ends before it goes on is there for the next; a wake-up
// likewise.
TEST(async, destroyed_after_it_was_called) {
    for (const std::size_t capacity : {0UL, 1UL}) {
        auto [tx, rx] = capacity == 0 ? channel::rendezvous<int>() : channel::bounded<int>(capacity);
        loop_executor loop;
        const auto pops = [&loop](channel::receiver<int> from, std::optional<int>& got) -> task<> {
            auto in = channel::async(std::move(from), loop);
            got = (co_await in.pop()).value_or(-1);
        };
        std::optional<int> first;
        std::optional<int> second;
        auto stays = pops(rx, second);
        {
            auto goes = pops(rx, first);
            auto awaiter = std::move(goes).operator co_await();
            awaiter.await_suspend(std::noop_coroutine()).resume();
            auto other = std::move(stays).operator co_await();
            other.await_suspend(std::noop_coroutine()).resume();
            ASSERT_TRUE(tx.try_push(7));
        }
        EXPECT_GE(loop.run_posted(), 1);
        EXPECT_FALSE(first);
        EXPECT_EQ(second, 7);
    }
}

} // namespace

// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/test_elements.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <deque>
#include <iterator>
#include <latch>
#include <memory>
#include <optional>
#include <ranges>
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

static_assert(std::ranges::input_range<const channel::receiver<std::unique_ptr<int>>>);
static_assert(std::copyable<channel::sender<std::unique_ptr<int>>>);
static_assert(std::copyable<channel::receiver<std::unique_ptr<int>>>);
static_assert(std::is_nothrow_move_constructible_v<channel::sender<int>>);

// The sample of the header runs and gives every word in order.
TEST(channel, sample) {
    std::string text;
    auto [tx, rx] = gantry::channel::bounded<std::string>(16);
    std::jthread worker([to = std::move(tx)] {
        for (const char* word : {"to", "be"})
            if (!to.push(word))
                return; // the receiver is gone
    });
    for (std::string& word : rx) // until every sender is gone and everything is out
        text += word;
    EXPECT_EQ(text, "tobe");
}

// The sample of result.hpp: a refused value is its owner's again.
TEST(channel, refused_sample) {
    auto [tx, rx] = channel::bounded<std::string>(1);
    ASSERT_TRUE(tx.try_push("first"));
    std::string job = "second, long enough for the heap";
    if (auto pushed = tx.try_push(std::move(job)); !pushed)
        job = std::move(pushed.error().value);
    else
        FAIL() << "there was room";
    EXPECT_EQ(job, "second, long enough for the heap");
    EXPECT_EQ(rx.pop().value(), "first");
}

// std::move for a value that the test looks at again, since the push is expected to fail.
template<class T>
T&& offer(T& value) {
    return static_cast<T&&>(value);
}

template<class T>
class elements : public testing::Test {
protected:
    static std::uint32_t number(const channel::pop_result<T>& popped) { return popped.value().number(); }
};
using element_types = testing::Types<test::string_element, test::move_only_element, test::over_aligned_element,
                                     test::counting_element, test::throwing_element>;
TYPED_TEST_SUITE(elements, element_types);

// A bounded channel is a FIFO that refuses the element after the last one that fits, and returns it.
TYPED_TEST(elements, bounded_is_a_fifo_that_refuses_when_full) {
    for (std::uint32_t capacity = 1; capacity != 6; ++capacity) {
        auto [tx, rx] = channel::bounded<TypeParam>(capacity);
        EXPECT_EQ(tx.capacity(), capacity);
        // Several rounds with a shift of one, so that every slot of the ring is first once.
        std::uint32_t next = 0;
        for (std::uint32_t round = 0; round != capacity + 2; ++round) {
            const std::uint32_t first = next;
            for (std::uint32_t i = 0; i != capacity; ++i)
                ASSERT_TRUE(tx.try_push(TypeParam(next++)));
            EXPECT_EQ(tx.size(), capacity);
            auto refused = tx.try_push(TypeParam(999));
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().reason, errc::full);
            EXPECT_EQ(refused.error().value.number(), 999);
            for (std::uint32_t i = 0; i != capacity; ++i)
                EXPECT_EQ(this->number(rx.try_pop()), first + i);
            EXPECT_EQ(rx.try_pop().error(), errc::empty);
            ASSERT_TRUE(tx.push(TypeParam(next++)));
            EXPECT_EQ(this->number(rx.pop()), next - 1);
        }
    }
}

// An unbounded channel is a FIFO over any number of blocks, filled and drained to any level.
TYPED_TEST(elements, unbounded_is_a_fifo) {
    auto [tx, rx] = channel::unbounded<TypeParam>();
    EXPECT_EQ(rx.capacity(), std::nullopt);
    std::uint32_t in = 0;
    std::uint32_t out = 0;
    for (const std::uint32_t level : {1U, 700U, 3U, 0U, 1500U, 2U, 0U, 40U, 0U}) {
        while (in - out < level + 600)
            ASSERT_TRUE(tx.try_push(TypeParam(in++)));
        while (in - out > level)
            ASSERT_EQ(this->number(rx.try_pop()), out++);
        EXPECT_EQ(rx.size(), level);
    }
    EXPECT_EQ(rx.try_pop().error(), errc::empty);
}

// After close() nothing goes in, what is in comes out in order, then pops say closed; from either end.
TYPED_TEST(elements, close_drains) {
    for (const bool from_receiver : {false, true}) {
        auto [tx, rx] = channel::bounded<TypeParam>(4);
        ASSERT_TRUE(tx.push(TypeParam(1)));
        ASSERT_TRUE(tx.push(TypeParam(2)));
        EXPECT_FALSE(tx.is_closed());
        from_receiver ? rx.close() : tx.close();
        EXPECT_TRUE(tx.is_closed());
        EXPECT_TRUE(rx.is_closed());
        auto refused = tx.push(TypeParam(3));
        EXPECT_EQ(refused.error().reason, errc::closed);
        EXPECT_EQ(refused.error().value.number(), 3);
        EXPECT_EQ(tx.try_push(TypeParam(3)).error().reason, errc::closed);
        EXPECT_EQ(this->number(rx.pop()), 1);
        EXPECT_EQ(this->number(rx.try_pop()), 2);
        EXPECT_EQ(rx.pop().error(), errc::closed);
        EXPECT_EQ(rx.try_pop().error(), errc::closed);
        EXPECT_EQ(rx.pop_for(1h).error(), errc::closed);
        tx.close(); // again: no effect
    }
}

// When the last sender goes, what is in comes out, then pops say disconnected; copies keep the channel open.
TYPED_TEST(elements, last_sender_closes) {
    auto [tx, rx] = channel::unbounded<TypeParam>();
    std::optional<channel::sender<TypeParam>> second(tx);
    {
        const auto first = std::move(tx);
    }
    EXPECT_FALSE(rx.is_closed());
    ASSERT_TRUE(second->push(TypeParam(1)));
    *second = channel::sender<TypeParam>(*second); // assignment keeps the count
    EXPECT_FALSE(rx.is_closed());
    second.reset();
    EXPECT_TRUE(rx.is_closed());
    EXPECT_EQ(this->number(rx.pop()), 1);
    EXPECT_EQ(rx.pop().error(), errc::disconnected);
}

// When the receiver goes, values come back as disconnected.
TYPED_TEST(elements, receiver_gone_returns_values) {
    auto [tx, rx] = channel::bounded<TypeParam>(4);
    ASSERT_TRUE(tx.push(TypeParam(1)));
    {
        const channel::receiver<TypeParam> last(std::move(rx));
    }
    auto refused = tx.push(TypeParam(2));
    EXPECT_EQ(refused.error().reason, errc::disconnected);
    EXPECT_EQ(refused.error().value.number(), 2);
    EXPECT_EQ(tx.push_for(TypeParam(2), 1h).error().reason, errc::disconnected);
    EXPECT_EQ(tx.size(), 0);
}

// Time-outs come after the time asked for, not before, and return the value.
TYPED_TEST(elements, time_outs) {
    auto [tx, rx] = channel::bounded<TypeParam>(1);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(rx.pop_for(3ms).error(), errc::timeout);
    EXPECT_GE(std::chrono::steady_clock::now(), begin + 3ms);
    EXPECT_EQ(rx.pop_until(std::chrono::system_clock::now() + 3ms).error(), errc::timeout);
    EXPECT_GE(std::chrono::steady_clock::now(), begin + 6ms);
    EXPECT_EQ(rx.pop_for(-1h).error(), errc::timeout);
    EXPECT_EQ(rx.pop_until(std::chrono::steady_clock::time_point::min()).error(), errc::timeout);
    ASSERT_TRUE(tx.push_for(TypeParam(1), std::chrono::hours::max()));
    auto refused = tx.push_for(TypeParam(2), 3ms);
    EXPECT_EQ(refused.error().reason, errc::timeout);
    EXPECT_EQ(refused.error().value.number(), 2);
    EXPECT_EQ(tx.push_until(TypeParam(2), std::chrono::system_clock::now()).error().reason, errc::timeout);
    EXPECT_EQ(this->number(rx.pop_until(std::chrono::system_clock::time_point::max())), 1);
}

// The range ends when the channel is closed and drained, gives every element once, in order, and may be left early.
TYPED_TEST(elements, iteration) {
    auto [tx, rx] = channel::unbounded<TypeParam>();
    for (std::uint32_t i = 0; i != 10; ++i)
        ASSERT_TRUE(tx.push(TypeParam(i)));
    tx.close();
    std::uint32_t expected = 0;
    for (auto& value : rx) {
        EXPECT_EQ(value.number(), expected++);
        if (expected == 4)
            break;
    }
    for (auto& value : rx)
        EXPECT_EQ(value.number(), expected++);
    EXPECT_EQ(expected, 10);
    EXPECT_TRUE(rx.begin() == rx.end());
}

// Batches keep the order, take what is there, put in what fits, and say how far they came.
TYPED_TEST(elements, batches) {
    auto [tx, rx] = channel::bounded<TypeParam>(4);
    std::vector<TypeParam> in;
    for (std::uint32_t i = 0; i != 6; ++i)
        in.emplace_back(i);
    auto refused = tx.try_push_range(in);
    EXPECT_EQ(refused.error().reason, errc::full);
    EXPECT_EQ(refused.error().pushed, 4);
    EXPECT_EQ(in[4].number(), 4);
    EXPECT_EQ(in[5].number(), 5);
    std::vector<TypeParam> out;
    EXPECT_EQ(rx.pop_some(std::back_inserter(out), 3).value(), 3);
    EXPECT_TRUE(tx.push_range(std::span(in).subspan(4)));
    EXPECT_EQ(rx.try_pop_some(std::back_inserter(out), 100).value(), 3);
    ASSERT_EQ(out.size(), 6);
    for (std::uint32_t i = 0; i != 6; ++i)
        EXPECT_EQ(out[i].number(), i);
    EXPECT_EQ(rx.try_pop_some(std::back_inserter(out), 1).error(), errc::empty);
    EXPECT_EQ(rx.pop_some_for(std::back_inserter(out), 1, 1ms).error(), errc::timeout);
    EXPECT_TRUE(tx.push_range(std::span<TypeParam>()));
    tx.close();
    EXPECT_EQ(tx.push_range(out).error().reason, errc::closed);
    EXPECT_EQ(tx.push_range(out).error().pushed, 0);
    EXPECT_EQ(rx.pop_some(std::back_inserter(out), 1).error(), errc::closed);
}

// Every element that was dropped with its channel is destroyed, at once when the receiver goes, and none twice.
TEST(channel, elements_are_destroyed_once) {
    using element = test::counting_element;
    ASSERT_EQ(element::alive(), 0);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{2000}}) {
        for (const bool unbounded : {false, true}) {
            auto [tx, rx] = unbounded ? channel::unbounded<element>() : channel::bounded<element>(count + 1);
            for (std::size_t i = 0; i != count; ++i)
                ASSERT_TRUE(tx.push(element(static_cast<std::uint32_t>(i))));
            EXPECT_EQ(element::alive(), static_cast<std::int64_t>(count));
            {
                const channel::receiver<element> last(std::move(rx));
            }
            EXPECT_EQ(element::alive(), 0);
        }
    }
}

// An element that holds a sender of its own channel does not keep itself alive.
TEST(channel, element_that_owns_its_channel_is_destroyed) {
    struct node {
        std::shared_ptr<int> guard;
        std::optional<channel::sender<node>> self;
    };
    const auto guard = std::make_shared<int>(1);
    {
        auto [tx, rx] = channel::unbounded<node>();
        ASSERT_TRUE(tx.push(node{guard, tx}));
    }
    EXPECT_EQ(guard.use_count(), 1);
}

// A move that throws on the way in leaves the channel as it was and the value with its owner.
TEST(channel, throwing_push_changes_nothing) {
    using element = test::throwing_element;
    for (const bool unbounded : {false, true}) {
        auto [tx, rx] = unbounded ? channel::unbounded<element>() : channel::bounded<element>(5000);
        // Enough to meet a throw at the first element of a block.
        for (std::uint32_t i = 0; i != 2500; ++i) {
            element value(i);
            element::moves_until_throw = 1;
            EXPECT_THROW(EXPECT_TRUE(tx.push(offer(value))), std::runtime_error);
            EXPECT_EQ(value.number(), i);
            EXPECT_EQ(tx.size(), i);
            ASSERT_TRUE(tx.push(std::move(value)));
        }
        for (std::uint32_t i = 0; i != 2500; ++i)
            ASSERT_EQ(rx.pop().value().number(), i);
        EXPECT_TRUE(rx.is_empty());
    }
}

// A block that was added for an element whose move threw is no leak and does not break the order, at any fill.
TEST(channel, throw_in_a_fresh_block) {
    using element = test::throwing_element;
    constexpr std::uint32_t more_than_a_block = 1100;
    for (std::uint32_t count = more_than_a_block - 100; count != more_than_a_block; ++count) {
        auto [tx, rx] = channel::unbounded<element>();
        for (std::uint32_t i = 0; i != count; ++i)
            ASSERT_TRUE(tx.push(element(i)));
        element::moves_until_throw = 1;
        EXPECT_THROW(EXPECT_TRUE(tx.push(element(count))), std::runtime_error);
        if (count % 3 != 0) { // else: the channel ends with the empty block in it
            for (std::uint32_t i = 0; i != count; ++i)
                ASSERT_EQ(rx.pop().value().number(), i);
        }
        if (count % 3 == 1) {
            ASSERT_TRUE(tx.push(element(7)));
            EXPECT_EQ(rx.pop().value().number(), 7);
        }
    }
}

// A move that throws on the way out leaves the element at the head.
TEST(channel, throwing_pop_leaves_the_element) {
    using element = test::throwing_element;
    auto [tx, rx] = channel::bounded<element>(4);
    ASSERT_TRUE(tx.push(element(1)));
    ASSERT_TRUE(tx.push(element(2)));
    element::moves_until_throw = 1;
    EXPECT_THROW(EXPECT_TRUE(rx.pop()), std::runtime_error);
    EXPECT_EQ(rx.size(), 2);
    EXPECT_EQ(rx.pop().value().number(), 1);
    std::vector<element> out;
    out.reserve(4);
    ASSERT_TRUE(tx.push(element(3)));
    element::moves_until_throw = 2;
    EXPECT_THROW(EXPECT_TRUE(rx.pop_some(std::back_inserter(out), 4)), std::runtime_error);
    EXPECT_EQ(out.size(), 1); // what was done before the throw stays done
    EXPECT_EQ(rx.size(), 1);
    EXPECT_EQ(rx.pop().value().number(), 3);
}

// A throw on a full or closed channel while the value is returned reaches the caller and breaks nothing.
TEST(channel, throw_while_a_value_is_refused) {
    using element = test::throwing_element;
    auto [tx, rx] = channel::bounded<element>(1);
    ASSERT_TRUE(tx.push(element(1)));
    element value(2);
    element::moves_until_throw = 1;
    EXPECT_THROW(EXPECT_TRUE(tx.try_push(offer(value))), std::runtime_error);
    EXPECT_EQ(value.number(), 2);
    EXPECT_EQ(rx.pop().value().number(), 1);
    EXPECT_TRUE(tx.try_push(std::move(value)));
}

// Handles of one channel know each other, those of two do not.
TEST(channel, same_channel) {
    auto [tx, rx] = channel::bounded<int>(1);
    auto [other_tx, other_rx] = channel::bounded<int>(1);
    const auto copy = tx;
    EXPECT_TRUE(tx.same_channel(rx));
    EXPECT_TRUE(copy.same_channel(tx));
    EXPECT_FALSE(tx.same_channel(other_rx));
    EXPECT_FALSE(other_tx.same_channel(rx));
}

// A blocked push goes on when room is made, a blocked pop when an element comes; the peer is seen to wait first.
TEST(channel, blocked_operations_go_on) {
    auto [tx, rx] = channel::bounded<int>(1);
    for (int round = 0; round != 200; ++round) {
        ASSERT_TRUE(tx.push(1));
        std::jthread pusher([&tx] { EXPECT_TRUE(tx.push(2)); });
        EXPECT_EQ(rx.pop(), 1);
        EXPECT_EQ(rx.pop(), 2);
        std::jthread popper([&rx] { EXPECT_EQ(rx.pop_for(1h), 3); });
        EXPECT_TRUE(tx.push_for(3, 1h));
    }
}

// close() wakes everybody who waits, on both sides.
TEST(channel, close_wakes_all) {
    for (int round = 0; round != 50; ++round) {
        auto [full_tx, full_rx] = channel::bounded<int>(1);
        auto [empty_tx, empty_rx] = channel::bounded<int>(1);
        ASSERT_TRUE(full_tx.push(0));
        std::vector<std::jthread> threads;
        std::latch started(6);
        for (int i = 0; i != 3; ++i) {
            threads.emplace_back([&, i] {
                started.count_down();
                auto refused = full_tx.push(i);
                EXPECT_EQ(refused.error().reason, errc::closed);
                EXPECT_EQ(refused.error().value, i);
            });
            threads.emplace_back([&] {
                started.count_down();
                EXPECT_EQ(empty_rx.pop().error(), errc::closed);
            });
        }
        started.wait();
        full_rx.close();
        empty_tx.close();
    }
}

// A broken requirement reaches the assert handler.
TEST(channel, requirements_are_asserted) {
    struct broken {};
    const auto before = gantry::set_assert_handler([](const gantry::assertion&) { throw broken(); });
    EXPECT_THROW(static_cast<void>(channel::bounded<int>(0)), broken);
    auto [tx, rx] = channel::bounded<int>(1);
    const auto taken = offer(tx);
    EXPECT_THROW(EXPECT_TRUE(tx.push(1)), broken);
    std::vector<int> out;
    EXPECT_THROW(EXPECT_TRUE(rx.pop_some(std::back_inserter(out), 0)), broken);
    gantry::set_assert_handler(before);
}

// Any list of actions has the same results as on a deque with a limit.
TEST(channel, random_actions_against_a_deque) {
    enum class action : std::uint8_t { push, pop, push_range, pop_some, copy_sender, drop_sender, close };
    const bool held = rc::check("channel == deque", [](const std::vector<std::uint16_t>& script) {
        const auto capacity = *rc::gen::elementOf(std::vector<std::size_t>{0, 1, 2, 3, 7, 64}); // 0: unbounded
        auto [tx, rx] = capacity == 0 ? channel::unbounded<test::string_element>()
                                      : channel::bounded<test::string_element>(capacity);
        std::vector<channel::sender<test::string_element>> senders;
        senders.push_back(std::move(tx));
        std::deque<std::uint32_t> oracle;
        bool closed = false;
        errc end = errc::closed;
        std::uint32_t next = 0;
        const auto full = [&] {
            return capacity != 0 && oracle.size() == capacity;
        };
        const auto reason = [&] {
            return closed ? end : errc::full;
        };
        for (const std::uint16_t step : script) {
            const std::size_t argument = step >> 4U;
            if (senders.empty())
                break;
            auto& sender = senders[argument % senders.size()];
            switch (static_cast<action>(step % 16 < 5 ? 0 : step % 16 < 9 ? 1 : (step % 16) - 7)) {
            case action::push: {
                auto pushed = sender.try_push(test::string_element(next));
                RC_ASSERT(pushed.has_value() == (!closed && !full()));
                if (pushed) {
                    oracle.push_back(next);
                } else {
                    RC_ASSERT(pushed.error().reason == reason());
                    RC_ASSERT(pushed.error().value.number() == next);
                }
                ++next;
                break;
            }
            case action::pop: {
                auto popped = rx.try_pop();
                RC_ASSERT(popped.has_value() == !oracle.empty());
                if (popped) {
                    RC_ASSERT(popped->number() == oracle.front());
                    oracle.pop_front();
                } else {
                    RC_ASSERT(popped.error() == (closed ? end : errc::empty));
                }
                break;
            }
            case action::push_range: {
                std::vector<test::string_element> values;
                for (std::size_t i = 0; i != argument % 9; ++i)
                    values.emplace_back(next + static_cast<std::uint32_t>(i));
                const auto pushed = sender.try_push_range(values);
                const std::size_t room = closed          ? 0
                                         : capacity == 0 ? values.size()
                                                         : std::min(values.size(), capacity - oracle.size());
                RC_ASSERT(pushed.has_value() == (room == values.size()));
                if (!pushed) {
                    RC_ASSERT(pushed.error().pushed == room);
                    RC_ASSERT(pushed.error().reason == reason());
                }
                for (std::size_t i = 0; i != values.size(); ++i) {
                    if (i < room) {
                        oracle.push_back(next);
                    } else {
                        RC_ASSERT(values[i].number() == next);
                    }
                    ++next;
                }
                break;
            }
            case action::pop_some: {
                std::vector<test::string_element> values;
                const auto popped = rx.try_pop_some(std::back_inserter(values), argument % 9 + 1);
                RC_ASSERT(popped.has_value() == !oracle.empty());
                RC_ASSERT(popped.value_or(0) == std::min(oracle.size(), argument % 9 + 1));
                for (const auto& value : values) {
                    RC_ASSERT(value.number() == oracle.front());
                    oracle.pop_front();
                }
                break;
            }
            case action::copy_sender:
                senders.push_back(channel::sender(sender));
                break;
            case action::drop_sender:
                senders.erase(senders.begin() + static_cast<std::ptrdiff_t>(argument % senders.size()));
                if (!closed && senders.empty()) {
                    closed = true;
                    end = errc::disconnected;
                }
                break;
            case action::close:
                if (argument % 16 == 0) { // rarely: most scripts should get far
                    sender.close();
                    closed = true;
                }
                break;
            }
            RC_ASSERT(rx.size() == oracle.size());
            RC_ASSERT(rx.is_closed() == closed);
        }
        for (const std::uint32_t expected : oracle)
            RC_ASSERT(rx.try_pop()->number() == expected);
        RC_ASSERT(rx.is_empty());
    });
    EXPECT_TRUE(held);
}

} // namespace

// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/container/bounded_queue.hpp>
#include <gantry/container/test_elements.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using gantry::prng;
using gantry::container::bounded_queue;
using namespace gantry::container::test;

static_assert(!std::is_copy_constructible_v<bounded_queue<int>> && !std::is_move_constructible_v<bounded_queue<int>>);

template<class Element>
class bounded_queue_of : public testing::Test {};
using elements = testing::Types<move_only_element, over_aligned_element, counting_element, throwing_element>;
TYPED_TEST_SUITE(bounded_queue_of, elements);

// The sample of the header.
TEST(bounded_queue, sample) {
    gantry::container::bounded_queue<int> jobs(100);
    const bool pushed = jobs.try_push(42);
    const std::optional<int> job = jobs.try_pop();
    EXPECT_TRUE(pushed);
    EXPECT_EQ(job, 42);
}

// Whatever is asked, it answers like a std::deque with a limit: random lists of actions at many capacities.
TYPED_TEST(bounded_queue_of, behaves_like_a_bounded_deque) {
    for (const std::size_t capacity : {1U, 2U, 3U, 4U, 6U, 7U, 8U, 100U}) {
        prng random(capacity);
        bounded_queue<TypeParam> q(capacity);
        std::deque<std::uint32_t> oracle;
        std::uint32_t next = 1000;
        for (int step = 0; step != 3000; ++step) {
            switch (random.uniform_below(5)) {
            case 0: {
                ASSERT_EQ(q.try_emplace(next), oracle.size() < capacity);
                if (oracle.size() < capacity)
                    oracle.push_back(next);
                ++next;
                break;
            }
            case 1: {
                TypeParam value(next);
                ASSERT_EQ(q.try_push(std::move(value)), oracle.size() < capacity);
                if (oracle.size() < capacity)
                    oracle.push_back(next);
                else
                    ASSERT_EQ(value.number(), next); // refused: still its owner's
                ++next;
                break;
            }
            case 2: {
                std::vector<TypeParam> values;
                for (std::uint64_t i = random.uniform_below(5); i != 0; --i)
                    values.emplace_back(next++);
                const std::size_t pushed = q.try_push_range(values);
                ASSERT_EQ(pushed, std::min(values.size(), capacity - oracle.size()));
                for (std::size_t i = 0; i != values.size(); ++i) {
                    const auto number = static_cast<std::uint32_t>(next - values.size() + i);
                    if (i < pushed)
                        oracle.push_back(number);
                    else
                        ASSERT_EQ(values[i].number(), number);
                }
                break;
            }
            case 3: {
                std::vector<TypeParam> out(random.uniform_below(5));
                const std::size_t popped = q.try_pop_some(out);
                ASSERT_EQ(popped, std::min(out.size(), oracle.size()));
                for (std::size_t i = 0; i != popped; ++i) {
                    ASSERT_EQ(out[i].number(), oracle.front());
                    oracle.pop_front();
                }
                break;
            }
            default: {
                const auto popped = q.try_pop();
                ASSERT_EQ(popped.has_value(), !oracle.empty());
                if (popped) {
                    ASSERT_EQ(popped->number(), oracle.front());
                    oracle.pop_front();
                }
            }
            }
            ASSERT_EQ(q.size(), oracle.size());
            ASSERT_EQ(q.capacity(), capacity);
        }
    }
}

// Every element is destroyed once, those that are left by the queue.
TEST(bounded_queue, destroys_what_is_left) {
    const std::int64_t before = counting_element::alive();
    {
        bounded_queue<counting_element> q(3);
        for (std::uint32_t i = 0; i != 5; ++i)
            static_cast<void>(q.try_emplace(i));
        static_cast<void>(q.try_pop());
        static_cast<void>(q.try_emplace(7U));
        EXPECT_EQ(counting_element::alive() - before, 3);
    }
    EXPECT_EQ(counting_element::alive(), before);
}

// A constructor that throws costs its slot until pops have passed it; an element whose move throws on the way out is
// lost; the queue goes on, at every position of a lap.
TEST(bounded_queue, throwing) {
    const std::int64_t before = throwing_element::alive();
    for (const std::size_t capacity : {1U, 2U, 3U}) {
        bounded_queue<throwing_element> q(capacity);
        for (int lap = 0; lap != 7; ++lap) {
            EXPECT_THROW(static_cast<void>(q.try_emplace(throwing_element::refused)), std::runtime_error);
            EXPECT_EQ(q.size(), 1U);
            EXPECT_EQ(q.try_emplace(1U), capacity > 1);
            const auto popped = q.try_pop();
            EXPECT_EQ(popped.has_value(), capacity > 1);
            EXPECT_EQ(q.size(), 0U);

            EXPECT_TRUE(q.try_emplace(2U));
            throwing_element::moves_until_throw = 1;
            EXPECT_THROW(static_cast<void>(q.try_pop()), std::runtime_error);
            throwing_element::moves_until_throw = 0;
            EXPECT_EQ(q.size(), 0U);
            EXPECT_FALSE(q.try_pop());
        }
        // Left unused when the queue goes.
        EXPECT_THROW(static_cast<void>(q.try_emplace(throwing_element::refused)), std::runtime_error);
    }
    bounded_queue<throwing_element> q(3);
    std::vector<throwing_element> values;
    values.reserve(3);
    for (std::uint32_t i = 1; i != 4; ++i)
        values.emplace_back(i);
    throwing_element::moves_until_throw = 2;
    EXPECT_THROW(static_cast<void>(q.try_push_range(values)), std::runtime_error);
    EXPECT_EQ(values[1].number(), 2U);
    EXPECT_TRUE(q.try_emplace(9U));
    std::array<throwing_element, 2> out;
    throwing_element::moves_until_throw = 2;
    EXPECT_THROW(static_cast<void>(q.try_pop_some(out)), std::runtime_error);
    throwing_element::moves_until_throw = 0;
    EXPECT_EQ(out[0].number(), 1U);
    EXPECT_FALSE(q.try_pop());
    values.clear();
    EXPECT_EQ(throwing_element::alive() - before, 2); // out
}

TEST(bounded_queue, copies_what_can_be_copied) {
    bounded_queue<std::shared_ptr<int>> q(1);
    const auto value = std::make_shared<int>(1);
    EXPECT_TRUE(q.try_push(value));
    EXPECT_FALSE(q.try_push(value));
    EXPECT_EQ(value.use_count(), 2);
}

} // namespace

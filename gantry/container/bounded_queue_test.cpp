// SPDX-License-Identifier: MIT
#include <gantry/container/bounded_queue.hpp>
#include <gantry/container/test_bounded_deque.hpp>
#include <gantry/container/test_elements.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <vector>

namespace {

using gantry::container::bounded_queue;
using namespace gantry::container::test;

static_assert(!std::is_copy_constructible_v<bounded_queue<int>> && !std::is_move_constructible_v<bounded_queue<int>>);

template<class Element>
class bounded_queue_of : public testing::Test {};
TYPED_TEST_SUITE(bounded_queue_of, bounded_elements);

// The sample of the header.
TEST(bounded_queue, sample) {
    gantry::container::bounded_queue<int> jobs(100);
    const bool pushed = jobs.try_push(42);
    const std::optional<int> job = jobs.try_pop();
    EXPECT_TRUE(pushed);
    EXPECT_EQ(job, 42);
}

TYPED_TEST(bounded_queue_of, behaves_like_a_bounded_deque) {
    behaves_like_a_bounded_deque<TypeParam, bounded_queue>([](auto&, auto&) {});
}

TEST(bounded_queue, destroys_what_is_left) {
    destroys_what_is_left<bounded_queue>();
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

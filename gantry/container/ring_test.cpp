// SPDX-License-Identifier: MIT
#include <gantry/container/ring.hpp>
#include <gantry/container/test_bounded_deque.hpp>
#include <gantry/container/test_elements.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using gantry::container::ring;
using namespace gantry::container::test;

static_assert(!std::is_copy_constructible_v<ring<int>> && !std::is_move_constructible_v<ring<int>>);

template<class Element>
class ring_of : public testing::Test {};
TYPED_TEST_SUITE(ring_of, bounded_elements);

// The sample of the header.
TEST(ring, sample) {
    gantry::container::ring<int> numbers(100);
    const bool pushed = numbers.try_push(42);           // the producer
    const std::optional<int> first = numbers.try_pop(); // the consumer
    EXPECT_TRUE(pushed);
    EXPECT_EQ(first, 42);
}

TYPED_TEST(ring_of, behaves_like_a_bounded_deque) {
    behaves_like_a_bounded_deque<TypeParam, ring>([](ring<TypeParam>& r, std::deque<std::uint32_t>& oracle) {
        const TypeParam* const front = r.try_front();
        ASSERT_EQ(front != nullptr, !oracle.empty());
        if (front == nullptr)
            return;
        ASSERT_EQ(front->number(), oracle.front());
        r.drop_front();
        oracle.pop_front();
    });
}

TEST(ring, destroys_what_is_left) {
    destroys_what_is_left<ring>();
}

// A constructor that throws leaves the ring as it was; a move that throws on the way out leaves the element there.
TEST(ring, throwing) {
    const std::int64_t before = throwing_element::alive();
    {
        ring<throwing_element> r(2);
        EXPECT_THROW(static_cast<void>(r.try_emplace(throwing_element::refused)), std::runtime_error);
        EXPECT_EQ(r.size(), 0U);
        EXPECT_TRUE(r.try_emplace(1U));
        throwing_element value(2);
        throwing_element::moves_until_throw = 1;
        EXPECT_THROW(static_cast<void>(r.try_push(std::move(value))), std::runtime_error);
        EXPECT_EQ(value.number(), 2U);
        throwing_element::moves_until_throw = 1;
        EXPECT_THROW(static_cast<void>(r.try_pop()), std::runtime_error);
        throwing_element::moves_until_throw = 0;
        EXPECT_EQ(r.size(), 1U);
        EXPECT_EQ(r.try_pop()->number(), 1U);

        // A batch keeps what went before.
        std::vector<throwing_element> values;
        values.reserve(2);
        values.emplace_back(3U);
        values.emplace_back(4U);
        throwing_element::moves_until_throw = 2;
        EXPECT_THROW(static_cast<void>(r.try_push_range(values)), std::runtime_error);
        EXPECT_EQ(r.size(), 1U);
        EXPECT_EQ(values[1].number(), 4U);
        EXPECT_TRUE(r.try_emplace(5U));
        std::array<throwing_element, 2> out;
        throwing_element::moves_until_throw = 2;
        EXPECT_THROW(static_cast<void>(r.try_pop_some(out)), std::runtime_error);
        throwing_element::moves_until_throw = 0;
        EXPECT_EQ(out[0].number(), 3U);
        EXPECT_EQ(r.size(), 1U);
        EXPECT_EQ(r.try_pop()->number(), 5U);
    }
    EXPECT_EQ(throwing_element::alive(), before);
}

TEST(ring, copies_what_can_be_copied) {
    ring<std::shared_ptr<int>> r(1);
    const auto value = std::make_shared<int>(1);
    EXPECT_TRUE(r.try_push(value));
    EXPECT_FALSE(r.try_push(value));
    EXPECT_EQ(value.use_count(), 2);
}

} // namespace

// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/container/ring.hpp>
#include <gantry/container/test_elements.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using gantry::prng;
using gantry::container::ring;
using namespace gantry::container::test;

static_assert(!std::is_copy_constructible_v<ring<int>> && !std::is_move_constructible_v<ring<int>>);

template<class Element>
class ring_of : public testing::Test {};
using elements = testing::Types<move_only_element, over_aligned_element, counting_element, throwing_element>;
TYPED_TEST_SUITE(ring_of, elements);

// The sample of the header.
TEST(ring, sample) {
    gantry::container::ring<int> numbers(100);
    const bool pushed = numbers.try_push(42);           // the producer
    const std::optional<int> first = numbers.try_pop(); // the consumer
    EXPECT_TRUE(pushed);
    EXPECT_EQ(first, 42);
}

// Whatever is asked, it answers like a std::deque with a limit: random lists of actions at many capacities.
TYPED_TEST(ring_of, behaves_like_a_bounded_deque) {
    for (const std::size_t capacity : {1U, 2U, 3U, 4U, 7U, 8U, 100U}) {
        prng random(capacity);
        ring<TypeParam> r(capacity);
        std::deque<std::uint32_t> oracle;
        std::uint32_t next = 1000;
        for (int step = 0; step != 3000; ++step) {
            switch (random.uniform_below(5)) {
            case 0: {
                ASSERT_EQ(r.try_emplace(next), oracle.size() < capacity);
                if (oracle.size() < capacity)
                    oracle.push_back(next);
                ++next;
                break;
            }
            case 1: {
                TypeParam value(next);
                ASSERT_EQ(r.try_push(std::move(value)), oracle.size() < capacity);
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
                const std::size_t pushed = r.try_push_range(values);
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
                const std::size_t popped = r.try_pop_some(out);
                ASSERT_EQ(popped, std::min(out.size(), oracle.size()));
                for (std::size_t i = 0; i != popped; ++i) {
                    ASSERT_EQ(out[i].number(), oracle.front());
                    oracle.pop_front();
                }
                break;
            }
            default: {
                const TypeParam* const front = r.try_front();
                ASSERT_EQ(front != nullptr, !oracle.empty());
                if (front == nullptr) {
                    ASSERT_FALSE(r.try_pop());
                    break;
                }
                ASSERT_EQ(front->number(), oracle.front());
                if (random.uniform_below(2) == 0)
                    r.drop_front();
                else
                    ASSERT_EQ(r.try_pop()->number(), oracle.front());
                oracle.pop_front();
            }
            }
            ASSERT_EQ(r.size(), oracle.size());
            ASSERT_EQ(r.capacity(), capacity);
        }
    }
}

// Every element is destroyed once, those that are left by the ring.
TEST(ring, destroys_what_is_left) {
    const std::int64_t before = counting_element::alive();
    {
        ring<counting_element> r(3);
        for (std::uint32_t i = 0; i != 5; ++i)
            static_cast<void>(r.try_emplace(i));
        static_cast<void>(r.try_pop());
        static_cast<void>(r.try_emplace(7U));
        EXPECT_EQ(counting_element::alive() - before, 3);
    }
    EXPECT_EQ(counting_element::alive(), before);
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

// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/container/queue.hpp>
#include <gantry/container/test_elements.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using gantry::prng;
using gantry::container::queue;
using namespace gantry::container::test;

static_assert(!std::is_copy_constructible_v<queue<int>> && !std::is_move_constructible_v<queue<int>>);

template<class Element, class Scheme>
struct with {
    using element = Element;
    using scheme = Scheme;
};

template<class With>
class queue_of : public testing::Test {};
using gantry::reclaim::counted;
using gantry::reclaim::epoch;
using gantry::reclaim::hazard;
using combinations =
    testing::Types<with<move_only_element, epoch>, with<move_only_element, hazard>, with<move_only_element, counted>,
                   with<over_aligned_element, epoch>, with<over_aligned_element, hazard>,
                   with<over_aligned_element, counted>, with<counting_element, epoch>, with<counting_element, hazard>,
                   with<counting_element, counted>, with<throwing_element, epoch>, with<throwing_element, hazard>,
                   with<throwing_element, counted>>;
TYPED_TEST_SUITE(queue_of, combinations);

// The sample of the header.
TEST(queue, sample) {
    gantry::container::queue<std::string> lines; // or queue<std::string, gantry::reclaim::hazard>
    lines.push("first");
    const std::optional<std::string> line = lines.try_pop();
    EXPECT_EQ(line, "first");
}

// Whatever is asked, it answers like a std::deque: random lists of actions over many segments, growing and drained.
TYPED_TEST(queue_of, behaves_like_a_deque) {
    using element = typename TypeParam::element;
    typename TypeParam::scheme::domain domain;
    queue<element, typename TypeParam::scheme> q(domain);
    prng random(1);
    std::deque<std::uint32_t> oracle;
    std::uint32_t next = 1000;
    for (int step = 0; step != 10'000; ++step) {
        const std::uint64_t growing = step / 2000 % 2 == 0 ? 7 : 3;
        if (random.uniform_below(10) < growing) {
            if (random.uniform_below(2) == 0)
                q.emplace(next);
            else
                q.push(element(next));
            oracle.push_back(next++);
        } else {
            const auto popped = q.try_pop();
            ASSERT_EQ(popped.has_value(), !oracle.empty());
            if (popped) {
                ASSERT_EQ(popped->number(), oracle.front());
                oracle.pop_front();
            }
        }
        ASSERT_EQ(q.size(), oracle.size());
    }
}

// Every element is destroyed once, those that are left by the queue; a constructor that throws leaves nothing; an
// element whose move throws on the way out is lost.
TYPED_TEST(queue_of, destroys_each_once) {
    using element = typename TypeParam::element;
    if constexpr (std::is_same_v<element, counting_element> || std::is_same_v<element, throwing_element>) {
        const std::int64_t before = element::alive();
        {
            typename TypeParam::scheme::domain domain;
            queue<element, typename TypeParam::scheme> q(domain);
            for (std::uint32_t i = 0; i != 600; ++i)
                q.emplace(i);
            for (std::uint32_t i = 0; i != 250; ++i)
                ASSERT_EQ(q.try_pop()->number(), i);
            EXPECT_EQ(element::alive() - before, 350);
            if constexpr (std::is_same_v<element, throwing_element>) {
                EXPECT_THROW(q.emplace(throwing_element::refused), std::runtime_error);
                q.emplace(601U);
                throwing_element::moves_until_throw = 1;
                EXPECT_THROW(static_cast<void>(q.try_pop()), std::runtime_error);
                throwing_element::moves_until_throw = 0;
                for (std::uint32_t i = 251; i != 600; ++i)
                    ASSERT_EQ(q.try_pop()->number(), i);
                ASSERT_EQ(q.try_pop()->number(), 601U);
                ASSERT_FALSE(q.try_pop());
                throwing_element value(1);
                throwing_element::moves_until_throw = 1;
                EXPECT_THROW(q.push(std::move(value)), std::runtime_error);
                throwing_element::moves_until_throw = 0;
                EXPECT_EQ(value.number(), 1U);
                ASSERT_FALSE(q.try_pop());
            }
        }
        EXPECT_EQ(element::alive(), before);
    }
}

// Memory is given back as the queue is drained: what was retired is bounded whatever goes through, and collected.
TYPED_TEST(queue_of, gives_memory_back) {
    using element = typename TypeParam::element;
    typename TypeParam::scheme::domain domain;
    queue<element, typename TypeParam::scheme> q(domain);
    for (int round = 0; round != 20; ++round) {
        for (std::uint32_t i = 0; i != 500; ++i)
            q.emplace(i);
        for (std::uint32_t i = 0; i != 500; ++i)
            ASSERT_TRUE(q.try_pop());
    }
    EXPECT_LT(domain.garbage_bytes_peak(), std::size_t{2} << 20U);
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(domain.garbage_bytes(), 0U);
}

TEST(queue, copies_what_can_be_copied) {
    queue<std::shared_ptr<int>> q;
    const auto value = std::make_shared<int>(1);
    q.push(value);
    EXPECT_EQ(value.use_count(), 2);
}

} // namespace

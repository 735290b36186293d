// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/container/deque.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <type_traits>

namespace {

using gantry::prng;
using gantry::container::deque;
using gantry::container::deque_element;
using gantry::container::steal_errc;

struct job {
    int number = 0;
};

struct pair {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
};

static_assert(deque_element<job*> && deque_element<std::uint64_t> && deque_element<pair>);
static_assert(!deque_element<std::string>);
static_assert(!std::is_copy_constructible_v<deque<int>> && !std::is_move_constructible_v<deque<int>>);

// The sample of the header.
TEST(deque, sample) {
    job mine;
    gantry::container::deque<job*> jobs;
    jobs.push(&mine);                                  // the owner
    const std::optional<job*> newest = jobs.try_pop(); // the owner
    const auto oldest = jobs.try_steal();              // anybody: a job, or why not
    EXPECT_EQ(newest, &mine);
    EXPECT_EQ(oldest.error(), steal_errc::empty);
}

template<class Scheme>
class deque_with : public testing::Test {};
using schemes = testing::Types<gantry::reclaim::epoch, gantry::reclaim::hazard, gantry::reclaim::counted>;
TYPED_TEST_SUITE(deque_with, schemes);

// Whatever is asked by one thread, it answers like a std::deque: random lists of actions, with growth.
TYPED_TEST(deque_with, behaves_like_a_deque) {
    for (std::uint64_t seed = 0; seed != 20; ++seed) {
        prng random(seed);
        typename TypeParam::domain domain;
        deque<std::uint64_t, TypeParam> d(1, domain);
        std::deque<std::uint64_t> oracle;
        for (std::uint64_t step = 0; step != 5000; ++step) {
            const std::uint64_t growing =
                step / 1000 % 2 == 0 ? 6 : 3; // more pushes than pops, and the other way round
            const std::uint64_t choice = random.uniform_below(10);
            if (choice < growing) {
                d.push(step);
                oracle.push_back(step);
            } else if (choice % 2 == 0) {
                const std::optional<std::uint64_t> popped = d.try_pop();
                ASSERT_EQ(popped.has_value(), !oracle.empty());
                if (popped) {
                    ASSERT_EQ(*popped, oracle.back());
                    oracle.pop_back();
                }
            } else {
                const auto stolen = d.try_steal();
                ASSERT_EQ(stolen.has_value(), !oracle.empty());
                if (stolen) {
                    ASSERT_EQ(*stolen, oracle.front());
                    oracle.pop_front();
                } else {
                    ASSERT_EQ(stolen.error(), steal_errc::empty);
                }
            }
            ASSERT_EQ(d.size(), oracle.size());
            ASSERT_GE(d.capacity(), oracle.size());
        }
    }
}

// An array that is not needed any more is halved, one that is used is not; old ones are given back.
TYPED_TEST(deque_with, gives_memory_back) {
    typename TypeParam::domain domain;
    deque<std::uint64_t, TypeParam> d(domain);
    const std::size_t least = d.capacity();
    const auto use = [&](std::uint64_t elements, int times) {
        for (int i = 0; i != times; ++i) {
            for (std::uint64_t e = 0; e != elements; ++e)
                d.push(e);
            for (std::uint64_t e = elements; e != 0; --e)
                ASSERT_EQ(d.try_pop(), e - 1);
            ASSERT_EQ(d.try_pop(), std::nullopt);
        }
    };
    use(1000, 1000);
    EXPECT_EQ(d.capacity(), 1024U);
    use(200, 100);
    EXPECT_EQ(d.capacity(), 512U); // 200 are a quarter of 512, and more
    use(1, 1000);
    EXPECT_EQ(d.capacity(), least);
    use(100'000, 1);
    for (int i = 0; i != 10'000; ++i)
        ASSERT_EQ(d.try_pop(), std::nullopt);
    EXPECT_EQ(d.capacity(), least);
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(domain.garbage_bytes(), 0U);
}

TEST(deque, capacity_is_a_power_of_two) {
    EXPECT_EQ(deque<int>(100).capacity(), 128U);
    EXPECT_EQ(deque<int>(1).capacity(), deque<int>().capacity());
}

} // namespace

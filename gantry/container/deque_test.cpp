// SPDX-License-Identifier: MIT
#include <gantry/base/prng.hpp>
#include <gantry/container/deque.hpp>

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

// Whatever is asked by one thread, it answers like a std::deque: random lists of actions, with growth.
TEST(deque, behaves_like_a_deque) {
    for (std::uint64_t seed = 0; seed != 20; ++seed) {
        prng random(seed);
        deque<std::uint64_t> d(1);
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

TEST(deque, capacity_is_a_power_of_two) {
    EXPECT_EQ(deque<int>(100).capacity(), 128U);
    EXPECT_EQ(deque<int>(1).capacity(), deque<int>().capacity());
}

} // namespace

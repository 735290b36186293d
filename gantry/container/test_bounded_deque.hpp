// SPDX-License-Identifier: MIT
#pragma once
// The bounded queues against their oracle, a std::deque with a limit.
#include <gantry/base/prng.hpp>
#include <gantry/container/test_elements.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace gantry::container::test {

using bounded_elements = testing::Types<move_only_element, over_aligned_element, counting_element, throwing_element>;

// Whatever is asked, it answers like the deque: random lists of actions at many capacities. `front` looks at what is
// next and takes it, if there is something; it is one more action where a queue can do that.
template<class Element, template<class> class Queue, class Front>
void behaves_like_a_bounded_deque(Front front) {
    for (const std::size_t capacity : {1U, 2U, 3U, 4U, 6U, 7U, 8U, 100U}) {
        prng random(capacity);
        Queue<Element> q(capacity);
        std::deque<std::uint32_t> oracle;
        std::uint32_t next = 1000;
        const auto push = [&](bool (*how)(Queue<Element>&, Element&)) {
            Element value(next);
            const bool fits = oracle.size() < capacity;
            ASSERT_EQ(how(q, value), fits);
            if (fits)
                oracle.push_back(next);
            else
                ASSERT_EQ(value.number(), next); // refused: still its owner's
            ++next;
        };
        for (int step = 0; step != 3000; ++step) {
            switch (random.uniform_below(6)) {
            case 0:
                push([](auto& to, Element& value) { return to.try_emplace(value.number()); });
                break;
            case 1:
                push([](auto& to, Element& value) { return to.try_push(std::move(value)); });
                break;
            case 2: {
                std::vector<Element> values;
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
                std::vector<Element> out(random.uniform_below(5));
                const std::size_t popped = q.try_pop_some(out);
                ASSERT_EQ(popped, std::min(out.size(), oracle.size()));
                for (std::size_t i = 0; i != popped; ++i) {
                    ASSERT_EQ(out[i].number(), oracle.front());
                    oracle.pop_front();
                }
                break;
            }
            case 4:
                front(q, oracle);
                break;
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
template<template<class> class Queue>
void destroys_what_is_left() {
    const std::int64_t before = counting_element::alive();
    {
        Queue<counting_element> q(3);
        for (std::uint32_t i = 0; i != 5; ++i)
            static_cast<void>(q.try_emplace(i));
        static_cast<void>(q.try_pop());
        static_cast<void>(q.try_emplace(7U));
        EXPECT_EQ(counting_element::alive() - before, 3);
    }
    EXPECT_EQ(counting_element::alive(), before);
}

} // namespace gantry::container::test

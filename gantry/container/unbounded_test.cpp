// SPDX-License-Identifier: MIT
// The unbounded structures do what a std::stack or std::queue does, with any element and any scheme; elements come out
// once, memory is given back, and a throw leaves the structure valid.
#include <gantry/base/prng.hpp>
#include <gantry/container/ms_queue.hpp>
#include <gantry/container/test_elements.hpp>
#include <gantry/container/treiber_stack.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <type_traits>

namespace {

using namespace gantry::container;
using namespace gantry::container::test;
using gantry::prng;
using gantry::reclaim::counted;
using gantry::reclaim::epoch;
using gantry::reclaim::hazard;

template<template<class, class> class Structure, class Element, class Scheme, bool IsStack>
struct kind {
    using element = Element;
    using structure = Structure<Element, Scheme>;
    using domain = typename Scheme::domain;
    static constexpr bool is_stack = IsStack;
};
template<class Element, class Scheme>
using stack_of = kind<treiber_stack, Element, Scheme, true>;
template<class Element, class Scheme>
using queue_of = kind<ms_queue, Element, Scheme, false>;

template<class Kind>
class unbounded : public testing::Test {};
using kinds = testing::Types<
    stack_of<move_only_element, epoch>, stack_of<over_aligned_element, epoch>, stack_of<counting_element, epoch>,
    stack_of<throwing_element, epoch>, stack_of<move_only_element, hazard>, stack_of<over_aligned_element, hazard>,
    stack_of<counting_element, hazard>, stack_of<throwing_element, hazard>, stack_of<move_only_element, counted>,
    stack_of<counting_element, counted>, queue_of<move_only_element, epoch>, queue_of<over_aligned_element, epoch>,
    queue_of<counting_element, epoch>, queue_of<throwing_element, epoch>, queue_of<move_only_element, hazard>,
    queue_of<over_aligned_element, hazard>, queue_of<counting_element, hazard>, queue_of<throwing_element, hazard>,
    queue_of<move_only_element, counted>, queue_of<counting_element, counted>>;
TYPED_TEST_SUITE(unbounded, kinds);

// Random actions against a std::deque.
TYPED_TEST(unbounded, agrees_with_std) {
    using element = typename TypeParam::element;
    prng random(1);
    typename TypeParam::domain domain;
    typename TypeParam::structure tested(domain);
    std::deque<std::uint32_t> model;
    std::uint32_t next = 1000;
    for (int step = 0; step != 20'000; ++step) {
        if (random.uniform_below(100) < (step / 1000 % 2 == 0 ? 60U : 40U)) {
            model.push_back(next);
            if (next % 2 == 0) {
                tested.push(element(next));
            } else {
                tested.emplace(next);
            }
            ++next;
        } else {
            const std::optional<element> got = tested.try_pop();
            ASSERT_EQ(got.has_value(), !model.empty());
            if (got) {
                ASSERT_EQ(got->number(), TypeParam::is_stack ? model.back() : model.front());
                TypeParam::is_stack ? model.pop_back() : model.pop_front();
            }
        }
        ASSERT_EQ(tested.empty(), model.empty());
    }
}

// Drained, it holds no memory but what is still garbage, and that is a list's length at most.
TYPED_TEST(unbounded, gives_memory_back) {
    using element = typename TypeParam::element;
    typename TypeParam::domain domain;
    typename TypeParam::structure tested(domain);
    for (std::uint32_t i = 0; i != 10'000; ++i)
        tested.push(element(1000 + i));
    while (tested.try_pop()) {
    }
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(domain.garbage_bytes(), 0U);
}

// Elements that nobody took are destroyed with it.
TYPED_TEST(unbounded, destroys_what_is_left) {
    using element = typename TypeParam::element;
    {
        typename TypeParam::structure tested;
        for (std::uint32_t i = 0; i != 10; ++i)
            tested.push(element(1000 + i));
        EXPECT_TRUE(tested.try_pop().has_value());
    }
    if constexpr (requires { element::alive(); }) {
        EXPECT_EQ(element::alive(), 0);
    }
}

template<class Kind>
class unbounded_throwing : public testing::Test {};
using throwing_kinds = testing::Types<stack_of<throwing_element, epoch>, stack_of<throwing_element, hazard>,
                                      queue_of<throwing_element, epoch>, queue_of<throwing_element, hazard>>;
TYPED_TEST_SUITE(unbounded_throwing, throwing_kinds);

// An element that cannot be made leaves things as they were; one that cannot be moved out is lost, and only that one.
TYPED_TEST(unbounded_throwing, stays_valid) {
    typename TypeParam::domain domain;
    {
        typename TypeParam::structure tested(domain);
        tested.emplace(1U);
        EXPECT_THROW(tested.emplace(throwing_element::refused), std::runtime_error);
        tested.emplace(2U);
        {
            throwing_element::moves_until_throw = 1;
            EXPECT_THROW(static_cast<void>(tested.try_pop()), std::runtime_error);
        }
        const std::optional<throwing_element> got = tested.try_pop();
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(got->number(), TypeParam::is_stack ? 1U : 2U);
        EXPECT_TRUE(tested.empty());
    }
    EXPECT_TRUE(domain.collect());
    EXPECT_EQ(throwing_element::alive(), 0);
}

struct job {
    int number;
};

TEST(treiber_stack, the_sample) {
    gantry::container::treiber_stack<job> stack; // reclaims by epochs
    gantry::container::treiber_stack<job, gantry::reclaim::hazard> bounded_garbage;
    stack.push(job{1});
    std::optional<job> next = stack.try_pop();
    EXPECT_EQ(next->number, 1);
    EXPECT_TRUE(bounded_garbage.empty());
}

TEST(ms_queue, the_sample) {
    gantry::container::ms_queue<job, gantry::reclaim::hazard> queue;
    queue.push(job{1});
    std::optional<job> next = queue.try_pop();
    EXPECT_EQ(next->number, 1);
}

// The sample of domain.hpp.
TEST(treiber_stack, on_a_domain_of_its_own) {
    gantry::reclaim::epoch_domain domain({.garbage_bytes_max = std::size_t{1} << 20U});
    gantry::container::treiber_stack<int> stack(domain);
    stack.push(1);
    EXPECT_EQ(stack.try_pop(), 1);
}

} // namespace

// SPDX-License-Identifier: MIT
// Real threads on the stack and the queue, over all schemes: nothing is lost or doubled, producers' elements keep their
// order in the queue, short recorded runs are linearizable, and in the end nothing is left.
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/recorder.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/container/ms_queue.hpp>
#include <gantry/container/treiber_stack.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace gantry::container;
using gantry::check::check_history;
using gantry::check::queue_specification;
using gantry::check::recorder;
using gantry::check::request;
using gantry::check::response;
using gantry::check::stack_specification;
using gantry::check::verb;
using gantry::check::verdict;
using gantry::reclaim::counted;
using gantry::reclaim::epoch;
using gantry::reclaim::hazard;

using element = std::unique_ptr<std::int64_t>; // on the heap: the sanitizers see a wrong hand-over

template<class Structure, class Specification>
struct kind {
    using structure = Structure;
    using specification = Specification;
};

template<class Kind>
class unbounded_stress : public testing::Test {};
using kinds = testing::Types<
    kind<treiber_stack<element, epoch>, stack_specification>, kind<treiber_stack<element, hazard>, stack_specification>,
    kind<treiber_stack<element, counted>, stack_specification>, kind<ms_queue<element, epoch>, queue_specification>,
    kind<ms_queue<element, hazard>, queue_specification>, kind<ms_queue<element, counted>, queue_specification>>;
TYPED_TEST_SUITE(unbounded_stress, kinds);

TYPED_TEST(unbounded_stress, nothing_lost_or_doubled) {
    constexpr std::int64_t each = 20'000;
    constexpr std::size_t sides = 2;
    typename TypeParam::structure::domain_type domain;
    {
        typename TypeParam::structure shared(domain);
        std::array<std::vector<std::int64_t>, sides> taken;
        std::vector<std::jthread> threads;
        for (std::size_t side = 0; side != sides; ++side) {
            threads.emplace_back([&shared, side] {
                for (std::int64_t i = 0; i != each; ++i)
                    shared.push(std::make_unique<std::int64_t>(static_cast<std::int64_t>(side) * each + i));
            });
            threads.emplace_back([&shared, &mine = taken[side]] {
                while (mine.size() != static_cast<std::size_t>(each)) {
                    if (const std::optional<element> got = shared.try_pop()) {
                        mine.push_back(**got);
                    } else {
                        std::this_thread::yield();
                    }
                }
            });
        }
        threads.clear();
        std::vector<int> seen(sides * each, 0);
        for (const std::vector<std::int64_t>& one : taken) {
            std::array<std::int64_t, sides> last{-1, -1};
            for (const std::int64_t value : one) {
                ++seen.at(static_cast<std::size_t>(value));
                if (std::is_same_v<typename TypeParam::specification, queue_specification>) {
                    std::int64_t& before = last.at(static_cast<std::size_t>(value / each));
                    ASSERT_LT(before, value);
                    before = value;
                }
            }
        }
        for (const int times : seen)
            ASSERT_EQ(times, 1);
        EXPECT_FALSE(shared.try_pop().has_value());
    }
    EXPECT_TRUE(domain.collect());
}

TYPED_TEST(unbounded_stress, linearizable) {
    constexpr std::uint32_t threads_count = 3;
    constexpr std::int64_t each = 8;
    recorder<request, response> log({.threads = threads_count, .operations_max = each});
    for (int run = 0; run != 200; ++run) {
        typename TypeParam::structure shared;
        std::barrier start(static_cast<std::ptrdiff_t>(threads_count));
        {
            std::vector<std::jthread> threads;
            for (std::uint32_t me = 0; me != threads_count; ++me) {
                threads.emplace_back([&, me] {
                    start.arrive_and_wait();
                    for (std::int64_t i = 0; i != each; ++i) {
                        if ((i + me) % 2 == 0) {
                            const std::int64_t value = 100 * me + i;
                            log.call(me, {.what = verb::push, .value = value});
                            shared.push(std::make_unique<std::int64_t>(value));
                            log.end(me, {});
                        } else {
                            log.call(me, {.what = verb::pop});
                            const std::optional<element> got = shared.try_pop();
                            log.end(me, got ? response(**got) : response());
                        }
                    }
                });
            }
        }
        ASSERT_EQ(check_history(typename TypeParam::specification{}, log.take()).is, verdict::holds);
    }
}

} // namespace

// SPDX-License-Identifier: MIT
// check_history() finds an order exactly where brute force finds one, its witnesses are witnesses, it judges the
// histories of the paper as the paper does, and says that it does not know only at its limits.
#include <gantry/base/prng.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/linearizability_test_support.hpp>
#include <gantry/check/linearizability/specifications.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace gantry::check {
namespace {

using test::events;
using test::pop;
using test::push;
using test::writer;

static_assert(specification<register_specification> && specification<counter_specification>);
static_assert(specification<set_specification> && specification<map_specification>);
static_assert(specification<stack_specification> && specification<queue_specification>);
static_assert(specification<relaxed_queue_specification>);

constexpr std::uint32_t a = 0;
constexpr std::uint32_t b = 1;
constexpr std::uint32_t c = 2;
constexpr std::int64_t x = 1;
constexpr std::int64_t y = 2;
constexpr std::int64_t z = 3;

constexpr std::array<condition, 3> conditions = {condition::linearizable, condition::quiescent, condition::sequential};

verdict judge(const events& all, condition what = condition::linearizable) {
    const history_result result = check_history(queue_specification{}, all, {.what = what});
    EXPECT_EQ(test::fault(queue_specification{}, all, what, result), "");
    return result.is;
}

// ------------------------------------------------------------------------------ Herlihy and Wing, figure 1, H1 to H4

TEST(herlihy_and_wing, h1_two_overlapping_enqueues_and_a_pending_one) {
    writer w;
    w.call(a, push(x)).call(b, push(y)).end(b).end(a).call(b, pop()).end(b, x).call(a, pop()).end(a, y);
    w.call(a, push(z));
    EXPECT_EQ(judge(w.get()), verdict::holds);
}

TEST(herlihy_and_wing, h2_the_second_comes_out_first) {
    writer w;
    w.call(a, push(x)).end(a).call(b, push(y)).call(a, pop()).end(b).end(a, y);
    EXPECT_EQ(judge(w.get()), verdict::violated);
    EXPECT_EQ(judge(w.get(), condition::sequential), verdict::holds) << "nothing but the clock forbids it";
}

TEST(herlihy_and_wing, h3_dequeued_before_its_enqueue_returned) {
    writer w;
    w.call(a, push(x)).call(b, pop()).end(b, x);
    EXPECT_EQ(judge(w.get()), verdict::holds);
}

TEST(herlihy_and_wing, h4_one_value_comes_out_twice) {
    writer w;
    w.call(a, push(x)).call(b, push(y)).end(a).end(b).call(a, pop()).call(c, pop()).end(a, y).end(c, y);
    EXPECT_EQ(judge(w.get()), verdict::violated);
}

// ------------------------------------------------------------------------------------------------- conditions differ

TEST(conditions, order_across_threads_is_linearizability_alone) {
    writer w;
    w.call(a, push(x)).end(a).call(b, push(y)).end(b).call(b, pop()).end(b, y);
    EXPECT_EQ(judge(w.get()), verdict::violated);
    EXPECT_EQ(judge(w.get(), condition::quiescent), verdict::violated);
    EXPECT_EQ(judge(w.get(), condition::sequential), verdict::holds);
}

TEST(conditions, order_within_a_busy_time_is_not_quiescent_consistency) {
    writer w;
    // C is busy throughout.
    w.call(c, push(z)).call(a, push(x)).end(a).call(a, push(y)).end(a).call(b, pop()).end(b, y).end(c);
    EXPECT_EQ(judge(w.get()), verdict::violated);
    EXPECT_EQ(judge(w.get(), condition::sequential), verdict::violated);
    EXPECT_EQ(judge(w.get(), condition::quiescent), verdict::holds);
}

TEST(conditions, two_queues_each_sequentially_consistent_and_not_together) {
    // Herlihy and Wing, section 3.3: why the parts of a sequentially consistent whole cannot be searched alone.
    writer w;
    const auto put = [](std::int64_t key, std::int64_t value) {
        return request{.what = verb::put, .key = key, .value = value};
    };
    const auto get = [](std::int64_t key) {
        return request{.what = verb::get, .key = key};
    };
    w.call(a, put(1, x)).end(a).call(a, get(2)).end(a).call(b, put(2, y)).end(b).call(b, get(1)).end(b);
    const history_options options{.what = condition::sequential};
    EXPECT_EQ(check_history(map_specification{}, w.get(), options).is, verdict::violated);
    for (const std::int64_t key : {1, 2}) {
        events one;
        for (const auto& each : w.get()) {
            if (each.what.key == key) {
                one.push_back(each);
            }
        }
        EXPECT_EQ(check_history(map_specification{}, one, options).is, verdict::holds);
    }
}

// ----------------------------------------------------------------------------------------- pending, unobserved, empty

TEST(check_history, nothing_holds) {
    const history_result result = check_history(queue_specification{}, {});
    EXPECT_EQ(result.is, verdict::holds);
    EXPECT_EQ(result.parts, 0U);
}

TEST(check_history, a_pending_operation_may_have_taken_effect_or_not) {
    writer w;
    w.call(a, push(x)).call(b, pop()).end(b).call(b, pop()).end(b, x).call(b, pop()).end(b);
    EXPECT_EQ(judge(w.get()), verdict::holds);
    writer twice;
    twice.call(a, push(x)).call(b, pop()).end(b, x).call(b, pop()).end(b, x);
    EXPECT_EQ(judge(twice.get()), verdict::violated);
    writer early;
    early.call(b, pop()).end(b, x).call(a, push(x));
    EXPECT_EQ(judge(early.get()), verdict::violated) << "an operation takes effect after its call";
}

TEST(check_history, nobody_looked_at_a_result) {
    events all = {
        {.thread = a, .what = push(x), .result = response{}, .call = 1, .end = 2},
        {.thread = a, .what = pop(), .result = {}, .call = 3, .end = 4}, // must have taken x
        {.thread = a, .what = pop(), .result = response{}, .call = 5, .end = 6},
    };
    EXPECT_EQ(judge(all), verdict::holds);
    all[2].result = response{x};
    EXPECT_EQ(judge(all), verdict::violated);
}

TEST(check_history, equal_stamps_overlap) {
    const events all = {
        {.thread = a, .what = push(x), .result = response{}, .call = 1, .end = 2},
        {.thread = b, .what = pop(), .result = response{}, .call = 2, .end = 3},
    };
    EXPECT_EQ(judge(all), verdict::holds);
}

TEST(check_history, tells_where_it_gets_stuck) {
    writer w;
    w.call(a, push(x)).end(a).call(a, push(y)).end(a).call(b, pop()).end(b, x).call(b, pop()).end(b, x);
    const history_result result = check_history(queue_specification{}, w.get());
    EXPECT_EQ(result.is, verdict::violated);
    EXPECT_EQ(result.order, (std::vector<std::size_t>{0, 1, 2}));
    EXPECT_EQ(result.stuck, 3U);
    EXPECT_EQ(result.part, (std::vector<std::size_t>{0, 1, 2, 3}));
}

// ------------------------------------------------------------------------------------------------------------- limits

// n threads push at once, then one value comes out that nobody pushed: all n! orders are to be refused.
events hard(std::uint32_t n) {
    writer w;
    for (std::uint32_t i = 0; i < n; ++i) {
        w.call(i, push(i));
    }
    for (std::uint32_t i = 0; i < n; ++i) {
        w.end(i);
    }
    w.call(0, pop()).end(0, 99);
    return w.get();
}

TEST(limits, too_few_states_is_unknown_with_the_beginning) {
    const events all = hard(8);
    const history_result result = check_history(queue_specification{}, all, {.states_max = 20});
    EXPECT_EQ(result.is, verdict::unknown);
    EXPECT_EQ(result.states, 20U);
    EXPECT_EQ(result.order.size(), 8U);
    EXPECT_EQ(result.stuck, 8U);
    EXPECT_EQ(test::fault(queue_specification{}, all, condition::linearizable, result), "");
    EXPECT_EQ(check_history(queue_specification{}, all, {.states_max = 0}).is, verdict::unknown);
}

TEST(limits, the_exact_number_of_states_is_enough) {
    const events all = hard(6);
    const history_result result = check_history(queue_specification{}, all);
    EXPECT_EQ(result.is, verdict::violated);
    // Every sequence of different pushes: 6!/5! + 6!/4! + ... + 6!/0!.
    EXPECT_EQ(result.states, 6U + 30 + 120 + 360 + 720 + 720);
    EXPECT_EQ(check_history(queue_specification{}, all, {.states_max = result.states + 1}).is, verdict::violated);
    EXPECT_EQ(check_history(queue_specification{}, all, {.states_max = result.states - 1}).is, verdict::unknown);
}

TEST(limits, memory_makes_a_counter_small) {
    writer w;
    for (std::uint32_t i = 0; i < 16; ++i) {
        w.call(i, {.what = verb::write, .value = i});
    }
    for (std::uint32_t i = 0; i < 16; ++i) {
        w.end(i);
    }
    w.call(0, {.what = verb::read}).end(0, 99);
    const history_result result = check_history(register_specification{}, w.get());
    EXPECT_EQ(result.is, verdict::violated);
    EXPECT_EQ(result.states, 16U << 15U) << "a set and its last member, not 16! orders";
}

TEST(limits, time_is_unknown) {
    const history_result result = check_history(queue_specification{}, hard(12), {.time = std::chrono::nanoseconds(1)});
    EXPECT_EQ(result.is, verdict::unknown);
    EXPECT_FALSE(result.order.empty());
}

TEST(limits, long_histories_are_linear_when_little_overlaps) {
    events all;
    for (std::uint64_t i = 0; i < 50'000; ++i) {
        const auto value = static_cast<std::int64_t>(i);
        all.push_back({.thread = a, .what = push(value), .result = response{}, .call = 10 * i, .end = 10 * i + 8});
        all.push_back({.thread = b, .what = pop(), .result = response{value}, .call = 10 * i + 1, .end = 10 * i + 9});
    }
    const history_result result = check_history(queue_specification{}, all);
    EXPECT_EQ(result.is, verdict::holds);
    EXPECT_LT(result.states, 200'000U);
}

// ------------------------------------------------------------------------------------------------ against brute force

struct shape {
    std::size_t operations = 6;
    std::uint32_t threads = 3;
};

// A history whose results come from some order of its operations, one of them changed now and then.
template<class Spec, class Draw>
events random_history(const Spec& start, prng& random, const shape& size, const Draw& draw) {
    events all;
    std::vector<std::size_t> running(size.threads, size.operations);
    std::vector<bool> applied(size.operations);
    Spec object = start;
    std::uint64_t now = 0;
    const std::size_t count = 1 + random.uniform_below(size.operations);
    const auto apply = [&](std::size_t i) {
        if (!applied[i]) {
            applied[i] = true;
            all[i].result = object.apply(all[i].what);
        }
    };
    for (;;) {
        const auto thread = static_cast<std::uint32_t>(random.uniform_below(size.threads));
        std::size_t& mine = running[thread];
        if (mine == size.operations) {
            if (all.size() == count) {
                break;
            }
            mine = all.size();
            all.push_back({.thread = thread, .what = draw(random), .result = {}, .call = ++now, .end = pending});
        } else if (random.uniform_below(2) == 0) {
            apply(mine);
        } else {
            apply(mine);
            all[mine].end = ++now;
            mine = size.operations;
        }
    }
    for (auto& each : all) {
        if (each.is_pending()) {
            each.result.reset();
        } else if (random.uniform_below(8) == 0) {
            each.result = response(static_cast<std::int64_t>(random.uniform_below(3)));
        } else if (random.uniform_below(16) == 0) {
            each.result.reset();
        }
    }
    // Stamps that meet.
    if (random.uniform_below(4) == 0) {
        for (auto& each : all) {
            each.call /= 2;
            each.end = each.is_pending() ? pending : std::max(each.end / 2, each.call + 1);
        }
    }
    return all;
}

template<class Spec, class Source, class Draw>
void compare(const Spec& start, const Source& source, std::uint64_t seeds, const shape& size, const Draw& draw) {
    std::array<std::array<int, 2>, conditions.size()> seen{};
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        prng random(seed);
        const events all = random_history(source, random, size, draw);
        for (std::size_t i = 0; i < conditions.size(); ++i) {
            const history_result result = check_history(start, all, {.what = conditions[i]});
            const bool holds = test::explained(start, all, conditions[i]);
            ASSERT_EQ(result.is, holds ? verdict::holds : verdict::violated) << "seed " << seed << ", condition " << i;
            ASSERT_EQ(test::fault(start, all, conditions[i], result), "") << "seed " << seed << ", condition " << i;
            ++seen[i][holds ? 1 : 0];
            const history_result whole = check_history(start, all, {.what = conditions[i], .partition = false});
            ASSERT_EQ(whole.is, result.is) << "seed " << seed << ", condition " << i;
        }
    }
    for (const auto& [refused, accepted] : seen) {
        EXPECT_GT(refused, 50);
        EXPECT_GT(accepted, 50);
    }
}

constexpr std::uint64_t seeds = 3000;

request one_of(prng& random, std::initializer_list<verb> verbs) {
    return {.what = verbs.begin()[random.uniform_below(verbs.size())],
            .key = static_cast<std::int64_t>(random.uniform_below(2)),
            .value = static_cast<std::int64_t>(random.uniform_below(3)),
            .expected = static_cast<std::int64_t>(random.uniform_below(3))};
}

TEST(brute_force, register_) {
    compare(register_specification{}, register_specification{}, seeds, {},
            [](prng& random) { return one_of(random, {verb::read, verb::read, verb::write, verb::compare_exchange}); });
}

TEST(brute_force, counter) {
    compare(counter_specification{}, counter_specification{}, seeds, {},
            [](prng& random) { return one_of(random, {verb::read, verb::add}); });
}

TEST(brute_force, set) {
    compare(set_specification{}, set_specification{}, seeds, {},
            [](prng& random) { return one_of(random, {verb::insert, verb::erase, verb::contains}); });
}

TEST(brute_force, map) {
    compare(map_specification{}, map_specification{}, seeds, {},
            [](prng& random) { return one_of(random, {verb::put, verb::erase, verb::get}); });
}

TEST(brute_force, stack) {
    compare(stack_specification{}, stack_specification{}, seeds, {},
            [](prng& random) { return one_of(random, {verb::push, verb::pop}); });
}

TEST(brute_force, queue) {
    const queue_specification bounded{.capacity = 1};
    compare(bounded, bounded, seeds, {},
            [](prng& random) { return one_of(random, {verb::push, verb::try_push, verb::pop, verb::pop}); });
}

TEST(brute_force, relaxed_queue_fed_by_a_stack) {
    compare(relaxed_queue_specification{.k = 2}, stack_specification{}, seeds, {},
            [](prng& random) { return one_of(random, {verb::push, verb::pop}); });
}

TEST(relaxed_queue, with_one_is_a_queue_and_with_two_is_not) {
    int differ = 0;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        prng random(seed);
        const events all = random_history(queue_specification{}, random, {.operations = 8},
                                          [](prng& r) { return one_of(r, {verb::push, verb::pop}); });
        const verdict exact = check_history(queue_specification{}, all).is;
        ASSERT_EQ(check_history(relaxed_queue_specification{.k = 1}, all).is, exact) << "seed " << seed;
        const verdict relaxed = check_history(relaxed_queue_specification{.k = 2}, all).is;
        ASSERT_TRUE(exact == verdict::violated || relaxed == verdict::holds) << "seed " << seed;
        differ += exact != relaxed ? 1 : 0;
    }
    EXPECT_GT(differ, 5);
}

// ------------------------------------------------------------------------------------ what came first is not all time

// A part of what the stamps say, and what follows from it, as a matrix.
std::vector<std::vector<bool>> thinned(const events& all, prng& random) {
    std::vector<std::vector<bool>> before(all.size(), std::vector<bool>(all.size()));
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::size_t j = 0; j < all.size(); ++j) {
            before[i][j] = all[i].end < all[j].call && (all[i].thread == all[j].thread || random.uniform_below(3) == 0);
        }
    }
    for (std::size_t k = 0; k < all.size(); ++k) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            for (std::size_t j = 0; j < all.size(); ++j) {
                before[i][j] = before[i][j] || (before[i][k] && before[k][j]);
            }
        }
    }
    return before;
}

TEST(partial_order, agrees_with_brute_force) {
    std::array<std::array<int, 2>, conditions.size()> seen{};
    int weaker = 0;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        prng random(seed);
        const queue_specification start;
        const events all =
            random_history(start, random, {}, [](prng& r) { return one_of(r, {verb::push, verb::pop}); });
        const auto matrix = thinned(all, random);
        const auto ended = [&](std::size_t one, std::size_t other) -> bool {
            return matrix[one][other];
        };
        for (std::size_t i = 0; i < conditions.size(); ++i) {
            const auto before = [&](std::size_t one, std::size_t other) {
                return test::precedes(all, conditions[i], ended, one, other);
            };
            const history_result result = check_history(start, all, ended, {.what = conditions[i]});
            const bool holds = test::explained_in(start, all, before);
            ASSERT_EQ(result.is, holds ? verdict::holds : verdict::violated) << "seed " << seed << ", condition " << i;
            ASSERT_EQ(test::fault_in(start, all, before, result), "") << "seed " << seed << ", condition " << i;
            ++seen[i][holds ? 1 : 0];
        }
        const bool timed = check_history(start, all).is == verdict::holds;
        const bool ordered = check_history(start, all, ended).is == verdict::holds;
        ASSERT_TRUE(ordered || !timed) << "seed " << seed << ": less order forbids less";
        weaker += ordered != timed ? 1 : 0;
    }
    for (const auto& [refused, accepted] : seen) {
        EXPECT_GT(refused, 50);
        EXPECT_GT(accepted, 50);
    }
    EXPECT_GT(weaker, 10);
}

TEST(partial_order, of_time_gives_the_verdicts_of_time) {
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        prng random(seed);
        const events all = random_history(map_specification{}, random, {.operations = 8},
                                          [](prng& r) { return one_of(r, {verb::put, verb::erase, verb::get}); });
        for (const condition what : conditions) {
            const history_result timed = check_history(map_specification{}, all, {.what = what});
            const history_result ordered = check_history(
                map_specification{}, all,
                [&](std::size_t one, std::size_t other) { return all[one].end < all[other].call; }, {.what = what});
            ASSERT_EQ(ordered.is, timed.is) << "seed " << seed;
        }
    }
}

TEST(partial_order, two_keys_each_explained_and_not_together) {
    // Store buffering: each thread puts one key and finds the other empty, and nothing orders the threads.
    events all = {
        {.thread = a, .what = {.what = verb::put, .key = 1, .value = x}, .result = response{}, .call = 1, .end = 2},
        {.thread = a, .what = {.what = verb::get, .key = 2}, .result = response{}, .call = 3, .end = 4},
        {.thread = b, .what = {.what = verb::put, .key = 2, .value = y}, .result = response{}, .call = 5, .end = 6},
        {.thread = b, .what = {.what = verb::get, .key = 1}, .result = response{}, .call = 7, .end = 8},
    };
    const auto same_thread = [&](std::size_t i, std::size_t j) {
        return all[i].thread == all[j].thread && all[i].call < all[j].call;
    };
    EXPECT_EQ(check_history(map_specification{}, all, same_thread).is, verdict::violated);
    const events both = all;
    for (const std::int64_t key : {1, 2}) {
        all = both;
        std::erase_if(all, [&](const auto& each) { return each.what.key != key; });
        EXPECT_EQ(check_history(map_specification{}, all, same_thread).is, verdict::holds);
    }
}

TEST(partial_order, limits_are_told) {
    const events all = hard(12);
    const auto never = [](std::size_t, std::size_t) {
        return false;
    };
    const history_result result = check_history(queue_specification{}, all, never, {.states_max = 100});
    EXPECT_EQ(result.is, verdict::unknown);
    EXPECT_FALSE(result.order.empty());
    EXPECT_EQ(check_history(queue_specification{}, events{}, never).is, verdict::holds);
}

TEST(partition, many_keys_searched_apart_and_told_together) {
    prng random(7);
    for (int round = 0; round < 50; ++round) {
        events all = random_history(set_specification{}, random, {.operations = 200, .threads = 4}, [](prng& r) {
            request asked = one_of(r, {verb::insert, verb::erase, verb::contains});
            asked.key = static_cast<std::int64_t>(r.uniform_below(20));
            return asked;
        });
        for (const bool partition : {false, true}) {
            const history_result result = check_history(set_specification{}, all, {.partition = partition});
            EXPECT_EQ(test::fault(set_specification{}, all, condition::linearizable, result), "");
        }
        EXPECT_EQ(check_history(set_specification{}, all).is,
                  check_history(set_specification{}, all, {.partition = false}).is);
    }
}

} // namespace
} // namespace gantry::check

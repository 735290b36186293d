// SPDX-License-Identifier: MIT
// Every small table of sound objects is explained in every execution. Faulty ones are in the corpus.
// Bounds: two threads, two operations each, pops of what is left behind them.
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/linearizability/test_objects.hpp>
#include <gantry/check/scenario/scenario.hpp>

#include <cstdint>
#include <vector>

using namespace gantry::check;

namespace {

request push(std::int64_t value) {
    return {.what = verb::push, .value = value};
}

constexpr request pop{.what = verb::pop};

constexpr auto apply = [](auto& object, const request& asked) -> response {
    if (asked.what == verb::pop) {
        return object.try_pop();
    }
    object.push(asked.value);
    return {};
};

// A push is given a value of its own.
const scenario_operations<request> pushes_and_pops{
    .all = {push(0), pop}, .after = {pop, pop, pop, pop}, .number = [](request& what, std::uint64_t n) {
        what.value = static_cast<std::int64_t>(n);
    }};

} // namespace

// The sample of scenario.hpp.
GANTRY_SCENARIOS(stack, given) {
    return scenarios(
        {.threads_max = 2, .operations_max = 2, .model = given}, [] { return test::treiber_stack(); },
        std::vector<request>{push(1), push(2), pop}, apply, stack_specification());
}

GANTRY_SCENARIOS(stack_and_what_is_left, given) {
    return scenarios(
        {.model = given}, [] { return test::treiber_stack(); }, pushes_and_pops, apply, stack_specification());
}

GANTRY_SCENARIOS(queue_with_a_lock, given) {
    return scenarios(
        {.model = given}, [] { return test::locked_queue(); }, pushes_and_pops, apply, queue_specification());
}

GANTRY_SCENARIOS(michael_scott, given) {
    return scenarios(
        {.model = given}, [] { return test::michael_scott_queue(); }, pushes_and_pops, apply, queue_specification());
}

// SPDX-License-Identifier: MIT
// The bounded queue is a queue in every execution, refusals included; elements are handed over whole, and so are their
// slots; a push that throws leaves nothing behind but an unused slot.
// Bounds: capacities 1 to 3, two or three threads, up to three operations each; positions go around the slots.
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/model.hpp>
#include <gantry/check/scenario/scenario.hpp>
#include <gantry/container/bounded_queue.hpp>
#include <gantry/container/test_elements.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace gantry::check;
using gantry::container::bounded_queue;
using gantry::container::test::throwing_element;

namespace {

using element = std::unique_ptr<std::int64_t>;
using log_of_queue = model_history<queue_specification>;

response push_to(bounded_queue<element>& q, std::int64_t value) {
    return q.try_push(std::make_unique<std::int64_t>(value)) ? 1 : 0;
}

response pop_from(bounded_queue<element>& q) {
    const std::optional<element> popped = q.try_pop();
    return popped ? response(**popped) : response();
}

void push(log_of_queue& log, bounded_queue<element>& q, std::int64_t value) {
    log({.what = verb::try_push, .value = value}, [&] { return push_to(q, value); });
}

response pop(log_of_queue& log, bounded_queue<element>& q) {
    return log({.what = verb::pop}, [&] { return pop_from(q); });
}

void judge(log_of_queue& log, bounded_queue<element>& q) {
    while (pop(log, q)) {
    }
    GANTRY_CHECK_LINEARIZABLE(queue_specification{.capacity = q.capacity()}, log);
}

constexpr auto apply = [](bounded_queue<element>& q, const request& asked) -> response {
    return asked.what == verb::try_push ? push_to(q, asked.value) : pop_from(q);
};

scenario_operations<request> with_what_is_left() {
    return {.all = {{.what = verb::try_push}, {.what = verb::pop}},
            .before = {},
            .after = {{.what = verb::pop}, {.what = verb::pop}, {.what = verb::pop}},
            .number = [](request& it, std::uint64_t n) {
                it.value = static_cast<std::int64_t>(n);
            }};
}

} // namespace

GANTRY_SCENARIOS(bounded_queue_of_one, given) {
    return scenarios(
        {.model = given}, [] { return std::make_unique<bounded_queue<element>>(1); }, with_what_is_left(),
        [](std::unique_ptr<bounded_queue<element>>& q, const request& asked) { return apply(*q, asked); },
        queue_specification{.capacity = 1});
}

GANTRY_SCENARIOS(bounded_queue_of_two, given) {
    return scenarios(
        {.model = given}, [] { return std::make_unique<bounded_queue<element>>(2); }, with_what_is_left(),
        [](std::unique_ptr<bounded_queue<element>>& q, const request& asked) { return apply(*q, asked); },
        queue_specification{.capacity = 2});
}

// The last success of each side, then a refusal: one of the two refusals sees the other side's success.
GANTRY_MODEL(bounded_queue_refusals_agree) {
    bounded_queue<element> q(2);
    log_of_queue log;
    push(log, q, 100);
    std::thread producer([&] {
        push(log, q, 1);
        push(log, q, 2);
    });
    pop(log, q);
    pop(log, q);
    producer.join();
    judge(log, q);
}

// One who is refused room has seen the push before the pop, one who finds nothing the pop before the push: not both.
GANTRY_MODEL(bounded_queue_witnesses_agree) {
    bounded_queue<element> q(2);
    log_of_queue log;
    push(log, q, 100);
    std::thread pushes([&] { push(log, q, 1); });
    std::thread pops([&] { pop(log, q); });
    std::thread refused([&] { push(log, q, 2); });
    pop(log, q);
    pushes.join();
    pops.join();
    refused.join();
    judge(log, q);
}

// Two pushes and two pops, all at once.
GANTRY_MODEL(bounded_queue_wraps) {
    bounded_queue<element> q(1);
    log_of_queue log;
    push(log, q, 100);
    std::thread producer([&] {
        push(log, q, 1);
        push(log, q, 2);
    });
    pop(log, q);
    pop(log, q);
    pop(log, q);
    producer.join();
    judge(log, q);
}

GANTRY_MODEL(bounded_queue_two_pushes_one_pop) {
    bounded_queue<element> q(2);
    log_of_queue log;
    std::thread first([&] { push(log, q, 1); });
    std::thread second([&] { push(log, q, 2); });
    pop(log, q);
    first.join();
    second.join();
    judge(log, q);
}

GANTRY_MODEL(bounded_queue_one_push_two_pops) {
    bounded_queue<element> q(1);
    log_of_queue log;
    push(log, q, 100);
    std::thread first([&] { pop(log, q); });
    std::thread second([&] { pop(log, q); });
    push(log, q, 1);
    first.join();
    second.join();
    judge(log, q);
}

// A batch takes slots in a row, another thread's elements may come before or behind it, not between.
GANTRY_MODEL(bounded_queue_batches) {
    bounded_queue<element> q(3);
    std::thread producer([&] {
        std::array<element, 2> values{std::make_unique<std::int64_t>(1), std::make_unique<std::int64_t>(2)};
        GANTRY_CHECK_EQ(q.try_push_range(values), 2U);
    });
    GANTRY_CHECK(q.try_push(std::make_unique<std::int64_t>(7)));
    std::array<element, 3> out;
    std::size_t count = q.try_pop_some(out);
    GANTRY_CHECK(count >= 1);
    producer.join();
    count += q.try_pop_some(std::span(out).subspan(count));
    GANTRY_CHECK_EQ(count, 3U);
    GANTRY_CHECK(*out[0] == 7 ? *out[1] == 1 && *out[2] == 2 : *out[0] == 1 && *out[1] == 2 && *out[2] == 7);
}

// Two batches of pops share what a push put in.
GANTRY_MODEL(bounded_queue_batches_of_pops) {
    bounded_queue<element> q(2);
    std::array<element, 2> values{std::make_unique<std::int64_t>(1), std::make_unique<std::int64_t>(2)};
    GANTRY_CHECK_EQ(q.try_push_range(values), 2U);
    std::array<element, 2> theirs;
    std::size_t their_count = 0;
    std::thread other([&] { their_count = q.try_pop_some(theirs); });
    std::array<element, 2> mine;
    const std::size_t my_count = q.try_pop_some(mine);
    other.join();
    GANTRY_CHECK_EQ(my_count + their_count, 2U);
    const auto first = [](const std::array<element, 2>& out) {
        return *out[0];
    };
    GANTRY_CHECK(my_count != 1 || first(mine) + first(theirs) == 3);
}

// A push that throws leaves a slot which pops pass over; the slot serves the next lap.
GANTRY_MODEL(bounded_queue_push_throws) {
    bounded_queue<throwing_element> q(1);
    std::thread producer([&] {
        try {
            static_cast<void>(q.try_emplace(throwing_element::refused));
            GANTRY_FAIL("the constructor throws");
        } catch (const std::runtime_error&) { // what was expected
        }
        static_cast<void>(q.try_emplace(1U));
    });
    if (const auto popped = q.try_pop())
        GANTRY_CHECK_EQ(popped->number(), 1U);
    producer.join();
}

// The slot that a throwing push leaves is whole when another thread's push makes its element there.
GANTRY_MODEL(bounded_queue_unused_slot_is_handed_over) {
    bounded_queue<throwing_element> q(1);
    std::thread first([&] {
        try {
            static_cast<void>(q.try_emplace(throwing_element::refused));
        } catch (const std::runtime_error&) { // what was expected
        }
    });
    std::thread second([&] { static_cast<void>(q.try_pop()); });
    static_cast<void>(q.try_emplace(1U));
    first.join();
    second.join();
}

// A pop that passes over an unused slot and then finds nothing, against a push that finds no room.
GANTRY_MODEL(bounded_queue_refusals_agree_on_unused_slots) {
    bounded_queue<throwing_element> q(2);
    try {
        static_cast<void>(q.try_emplace(throwing_element::refused));
    } catch (const std::runtime_error&) { // what was expected
    }
    bool full = false;
    std::thread producer([&] {
        GANTRY_CHECK(q.try_emplace(1U));
        full = !q.try_emplace(2U);
    });
    const bool empty = !q.try_pop();
    producer.join();
    GANTRY_CHECK(!full || !empty);
}

// The refusals of batches agree as those of single elements do.
GANTRY_MODEL(bounded_queue_refusals_agree_on_batches) {
    bounded_queue<element> q(2);
    GANTRY_CHECK(q.try_push(std::make_unique<std::int64_t>(100)));
    bool full = false;
    std::thread producer([&] {
        std::array<element, 1> first{std::make_unique<std::int64_t>(1)};
        GANTRY_CHECK_EQ(q.try_push_range(first), 1U);
        std::array<element, 1> second{std::make_unique<std::int64_t>(2)};
        full = q.try_push_range(second) == 0;
    });
    std::array<element, 1> out;
    GANTRY_CHECK_EQ(q.try_pop_some(out), 1U);
    const bool empty = q.try_pop_some(out) == 0;
    producer.join();
    GANTRY_CHECK(!full || !empty);
}

GANTRY_MODEL(bounded_queue_size) {
    bounded_queue<int> q(1);
    std::thread producer([&] { static_cast<void>(q.try_push(1)); });
    std::thread observer([&] { GANTRY_CHECK(q.size() <= 1); });
    static_cast<void>(q.try_pop());
    producer.join();
    observer.join();
    GANTRY_CHECK(q.size() <= 1);
}

// close() against a push and a pop: what was accepted comes out, a refusal with room says that it is closed, and who
// finds it closed sees what came before that.
GANTRY_MODEL(bounded_queue_close) {
    bounded_queue<int> q(2);
    int before = 0;
    bool accepted = false;
    std::thread pusher([&] {
        accepted = q.try_push(1);
        if (!accepted)
            GANTRY_CHECK(q.is_closed());
        if (q.is_closed())
            GANTRY_CHECK(before == 1);
    });
    before = 1;
    q.close();
    auto popped = q.try_pop();
    pusher.join();
    if (!popped)
        popped = q.try_pop();
    GANTRY_CHECK(popped.has_value() == accepted);
    GANTRY_CHECK(!q.try_pop() && q.is_empty() && !q.is_full() && q.size() == 0);
}

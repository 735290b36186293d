// SPDX-License-Identifier: MIT
// The queue is linearizable in every execution, "empty" included, under each scheme: elements come out once and in
// order, also those whose slot was spoiled; segments are neither used after they were freed nor lost.
// Bounds: two or three threads, up to three operations each; two slots a segment, one look before a slot is spoiled.
// `keeping` is a scheme of this file that frees nothing before the end, so that the queue's own orders can be explored
// in larger scenarios than with real schemes, whose events come on top.
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/model.hpp>
#include <gantry/container/queue.hpp>
#include <gantry/container/test_elements.hpp>
#include <gantry/container/test_keeping_scheme.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

using namespace gantry::check;
using gantry::container::queue;
using gantry::container::test::keeping;
using gantry::container::test::throwing_element;

namespace {

template<class Scheme>
struct tried {
    using element = std::unique_ptr<std::int64_t>;

    typename Scheme::domain domain;
    queue<element, Scheme> q{domain};
    model_history<queue_specification> log;

    // Not inlined: the checker names accesses by the line of a function that it knows.
    [[gnu::noinline]] void push(std::int64_t value) {
        log({.what = verb::push, .value = value}, [&] { q.push(std::make_unique<std::int64_t>(value)); });
    }
    [[gnu::noinline]] response pop() {
        return log({.what = verb::pop}, [&]() -> response {
            const std::optional<element> popped = q.try_pop();
            return popped ? response(**popped) : response();
        });
    }
};

// What is done before the threads start, and by each: + push, - pop.
template<class Scheme>
void run(const char* before, const char* mine, const char* first, const char* second = "") {
    tried<Scheme> t;
    const auto act = [&](const char* what, std::int64_t next) {
        for (; *what != '\0'; ++what) {
            if (*what == '+')
                t.push(next++);
            else
                t.pop();
        }
    };
    act(before, 100);
    std::thread one([&] { act(first, 200); });
    if (*second == '\0') {
        act(mine, 300);
    } else {
        std::thread two([&] { act(second, 400); });
        act(mine, 300);
        two.join();
    }
    one.join();
    while (t.pop()) {
    }
    GANTRY_CHECK_EQ(t.q.size(), 0U);
    GANTRY_CHECK_LINEARIZABLE(queue_specification{}, t.log);
}

} // namespace

GANTRY_MODEL(queue_push_against_pop) {
    run<keeping>("", "-", "+");
}

GANTRY_MODEL(queue_pairs) {
    run<keeping>("", "+-", "+-");
}

// Segments are appended by two at once, and given up by two at once.
GANTRY_MODEL(queue_pushes_against_pushes) {
    run<keeping>("+", "++", "++");
}

GANTRY_MODEL(queue_pops_against_pops) {
    run<keeping>("+++", "--", "--");
}

GANTRY_MODEL(queue_pushes_against_pops) {
    run<keeping>("+", "+++", "---");
}

// A pop follows the segment that the other thread has just hung there; then the other follows its head.
GANTRY_MODEL(queue_pops_follow) {
    run<keeping>("++", "+-", "---");
}

GANTRY_MODEL(queue_push_and_two_pops) {
    run<keeping>("+", "+", "-", "-");
}

GANTRY_MODEL(queue_two_pushes_and_pop) {
    run<keeping>("++", "-", "+", "+");
}

GANTRY_MODEL(queue_hazard_pops_against_pops) {
    run<gantry::reclaim::hazard>("+++", "--", "--");
}

GANTRY_MODEL(queue_hazard_pushes_against_pops) {
    run<gantry::reclaim::hazard>("++", "+-", "--");
}

GANTRY_MODEL(queue_epoch_pops_against_pops) {
    run<gantry::reclaim::epoch>("+++", "--", "--");
}

GANTRY_MODEL(queue_epoch_pushes_against_pops) {
    run<gantry::reclaim::epoch>("++", "+-", "--");
}

GANTRY_MODEL(queue_counted_pops_against_pops) {
    run<gantry::reclaim::counted>("+++", "--", "--");
}

GANTRY_MODEL(queue_counted_pushes_against_pops) {
    run<gantry::reclaim::counted>("++", "+-", "--");
}

// A constructor that throws spoils its slot, nothing else.
GANTRY_MODEL(queue_push_throws) {
    keeping::domain domain;
    queue<throwing_element, keeping> q(domain);
    std::thread producer([&] {
        try {
            q.emplace(throwing_element::refused);
            GANTRY_FAIL("the constructor throws");
        } catch (const std::runtime_error&) { // what was expected
        }
        q.emplace(1U);
    });
    std::optional<throwing_element> popped;
    if (auto first = q.try_pop())
        GANTRY_CHECK_EQ(first->number(), 1U);
    producer.join();
    static_cast<void>(q.try_pop());
    GANTRY_CHECK(!q.try_pop());
}

// close() against a push: what was accepted comes out, what was refused does not, and the queue says that it is closed.
GANTRY_MODEL(queue_close_against_push) {
    keeping::domain domain;
    queue<std::unique_ptr<int>, keeping> q(domain);
    bool accepted = false;
    std::thread pusher([&] {
        accepted = q.try_push(std::make_unique<int>(1));
        GANTRY_CHECK(accepted || q.is_closed());
    });
    q.close();
    GANTRY_CHECK(!q.try_push(std::make_unique<int>(2)));
    pusher.join();
    const auto popped = q.try_pop();
    GANTRY_CHECK(popped.has_value() == accepted);
    GANTRY_CHECK(!q.try_pop() && q.is_empty() && q.size() == 0);
}

// Who finds the queue closed finds what went in before.
GANTRY_MODEL(queue_closed_is_drained) {
    keeping::domain domain;
    queue<std::unique_ptr<int>, keeping> q(domain);
    std::thread pusher([&] {
        GANTRY_CHECK(q.try_push(std::make_unique<int>(1)));
        q.close();
    });
    if (q.is_closed())
        GANTRY_CHECK(q.try_pop().has_value());
    pusher.join();
}

// Two close and one pushes meanwhile, over a segment's end.
// Who is refused has seen what came before the end.
GANTRY_MODEL(queue_end_is_seen) {
    keeping::domain domain;
    queue<int, keeping> q(domain);
    int before = 0;
    std::thread closer([&] {
        before = 1;
        q.close();
    });
    if (!q.try_push(1))
        GANTRY_CHECK(before == 1);
    closer.join();
}

// It has an element all the time: "empty" must not be made of a pop and of what was there before the push before it.
GANTRY_MODEL(queue_is_never_empty) {
    keeping::domain domain;
    queue<int, keeping> q(domain);
    q.push(1);
    std::thread other([&] {
        q.push(2);
        GANTRY_CHECK(q.try_pop() == 1);
    });
    GANTRY_CHECK(!q.is_empty());
    other.join();
}

// Who looks whether there is something comes to a segment that nobody has popped from yet.
GANTRY_MODEL(queue_is_seen_to_go_on) {
    keeping::domain domain;
    queue<int, keeping> q(domain);
    GANTRY_CHECK(q.try_push(1) && q.try_push(2));
    GANTRY_CHECK(q.try_pop() == 1 && q.try_pop() == 2);
    std::thread pusher([&] { GANTRY_CHECK(q.try_push(3)); });
    static_cast<void>(q.is_empty());
    pusher.join();
    GANTRY_CHECK(!q.is_empty() && q.try_pop() == 3);
}

GANTRY_MODEL(queue_closed_twice) {
    keeping::domain domain;
    queue<int, keeping> q(domain);
    GANTRY_CHECK(q.try_push(1) && q.try_push(2));
    bool accepted = false;
    std::thread closer([&] { q.close(); });
    accepted = q.try_push(3);
    q.close();
    closer.join();
    int sum = 0;
    while (const auto popped = q.try_pop())
        sum += *popped;
    GANTRY_CHECK(sum == (accepted ? 6 : 3));
}

// Batches keep their order, over the ends of segments, and give back what a pop has spoiled.
GANTRY_MODEL(queue_batches) {
    keeping::domain domain;
    queue<int, keeping> q(domain);
    std::thread pusher([&] {
        std::array<int, 3> in{1, 2, 3};
        GANTRY_CHECK(q.try_push_range(in) == 3);
    });
    std::array<int, 4> out{};
    int* to = out.data();
    std::size_t count = q.try_pop_some(to, 2);
    pusher.join();
    count += q.try_pop_some(to, 4 - count);
    GANTRY_CHECK(count == 3 && out[0] == 1 && out[1] == 2 && out[2] == 3);
}

// A batch and a single push at once, over the end of a segment: each keeps its order.
GANTRY_MODEL(queue_batch_against_push) {
    keeping::domain domain;
    queue<int, keeping> q(domain);
    GANTRY_CHECK(q.try_push(0));
    std::thread pusher([&] { GANTRY_CHECK(q.try_push(7)); });
    std::array<int, 2> in{1, 2};
    GANTRY_CHECK(q.try_push_range(in) == 2);
    pusher.join();
    std::array<int, 5> out{};
    int* to = out.data();
    GANTRY_CHECK(q.try_pop_some(to, 5) == 4);
    GANTRY_CHECK(out[0] == 0 && (out[1] == 1 || out[2] == 1) && (out[2] == 2 || out[3] == 2));
}

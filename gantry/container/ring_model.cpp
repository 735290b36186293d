// SPDX-License-Identifier: MIT
// The ring is a queue in every execution, refusals included; elements are handed over whole, and so are their slots.
// Bounds: capacities 1 to 3, up to four operations a side; every index wraps around the slots.
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/model.hpp>
#include <gantry/container/ring.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>

using namespace gantry::check;
using gantry::container::ring;

namespace {

// On the heap: the checker sees what is used before it is made, after it is gone, twice or never freed.
using element = std::unique_ptr<std::int64_t>;
using log_of_ring = model_history<queue_specification>;

void push(log_of_ring& log, ring<element>& r, std::int64_t value) {
    log({.what = verb::try_push, .value = value},
        [&]() -> response { return r.try_push(std::make_unique<std::int64_t>(value)) ? 1 : 0; });
}

response pop(log_of_ring& log, ring<element>& r) {
    return log({.what = verb::pop}, [&]() -> response {
        const std::optional<element> popped = r.try_pop();
        return popped ? response(**popped) : response();
    });
}

void pushes_against_pops(std::size_t capacity, std::int64_t before, std::int64_t pushes, std::int64_t pops) {
    ring<element> r(capacity);
    log_of_ring log;
    for (std::int64_t i = 0; i != before; ++i)
        push(log, r, 100 + i);
    std::thread producer([&] {
        for (std::int64_t i = 1; i <= pushes; ++i)
            push(log, r, i);
    });
    for (std::int64_t i = 0; i != pops; ++i)
        pop(log, r);
    producer.join();
    while (pop(log, r)) {
    }
    GANTRY_CHECK_LINEARIZABLE(queue_specification{.capacity = capacity}, log);
}

} // namespace

GANTRY_MODEL(ring_of_one) {
    pushes_against_pops(1, 0, 3, 3);
}

GANTRY_MODEL(ring_of_two) {
    pushes_against_pops(2, 0, 3, 3);
}

// The last success of each side, then a refusal: one of the two refusals sees the other side's success.
GANTRY_MODEL(ring_refusals_agree) {
    pushes_against_pops(2, 1, 2, 2);
}

GANTRY_MODEL(ring_of_three_wraps) {
    pushes_against_pops(3, 3, 3, 3);
}

// Batches are published at once: a batch of pops sees a batch of pushes up to some element, in order.
GANTRY_MODEL(ring_batches) {
    ring<element> r(2);
    std::int64_t pushed = 0;
    std::thread producer([&] {
        std::array<element, 3> values{std::make_unique<std::int64_t>(0), std::make_unique<std::int64_t>(1),
                                      std::make_unique<std::int64_t>(2)};
        std::size_t done = r.try_push_range(values);
        GANTRY_CHECK(done >= 1);
        done += r.try_push_range(std::span(values).subspan(done));
        pushed = static_cast<std::int64_t>(done);
    });
    std::int64_t next = 0;
    std::array<element, 3> out;
    const auto take = [&] {
        const std::size_t count = r.try_pop_some(out);
        GANTRY_CHECK(count <= 2);
        for (std::size_t i = 0; i != count; ++i)
            GANTRY_CHECK_EQ(*out[i], next++);
    };
    take();
    take();
    producer.join();
    take();
    GANTRY_CHECK_EQ(next, pushed);
}

// size() is within 0 and the capacity, whatever is going on.
GANTRY_MODEL(ring_size) {
    ring<int> r(1);
    std::thread producer([&] { static_cast<void>(r.try_push(1)); });
    std::thread observer([&] { GANTRY_CHECK(r.size() <= 1); });
    static_cast<void>(r.try_pop());
    GANTRY_CHECK(r.size() <= 1);
    producer.join();
    observer.join();
}

// SPDX-License-Identifier: MIT
// In every execution an order explains what sound objects answered, among them Herlihy and Wing's queue, which has no
// fixed linearization point; an operation that has not returned may have taken effect; and the conditions differ as
// they should. Faulty twins are in the corpus. Bounds: none; two or three threads, up to two operations each.
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/linearizability/test_objects.hpp>
#include <gantry/check/model.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

using namespace gantry::check;

namespace {

request push(std::int64_t value) {
    return {.what = verb::push, .value = value};
}

constexpr request pop{.what = verb::pop};

// Two pushes against two pops, with what is left taken out at the end.
template<class Specification, class Object>
void pushes_against_pops() {
    Object object;
    model_history<Specification> log;
    std::thread other([&] {
        log(push(1), [&] { object.push(1); });
        log(push(2), [&] { object.push(2); });
    });
    log(pop, [&] { return object.try_pop(); });
    log(pop, [&] { return object.try_pop(); });
    other.join();
    while (log(pop, [&] { return object.try_pop(); })) {
    }
    GANTRY_CHECK_LINEARIZABLE(Specification{}, log);
}

// A push and a pop in each of two threads.
template<class Specification, class Object>
void pairs() {
    Object object;
    model_history<Specification> log;
    const auto work = [&](std::int64_t value) {
        log(push(value), [&] { object.push(value); });
        log(pop, [&] { return object.try_pop(); });
    };
    std::thread other([&] { work(1); });
    work(2);
    other.join();
    GANTRY_CHECK_LINEARIZABLE(Specification{}, log);
}

} // namespace

// The sample of model_history.hpp.
GANTRY_MODEL(a_queue_with_a_lock) {
    test::locked_queue queue;
    model_history<queue_specification> log;
    std::thread other([&] { log({.what = verb::push, .value = 1}, [&] { queue.push(1); }); });
    log({.what = verb::pop}, [&] { return queue.try_pop(); });
    other.join();
    GANTRY_CHECK_LINEARIZABLE(queue_specification{}, log);
}

GANTRY_MODEL(locked_queue_pushes_against_pops) {
    pushes_against_pops<queue_specification, test::locked_queue>();
}

GANTRY_MODEL(michael_scott_pushes_against_pops) {
    pushes_against_pops<queue_specification, test::michael_scott_queue>();
}

GANTRY_MODEL(michael_scott_pairs) {
    pairs<queue_specification, test::michael_scott_queue>();
}

GANTRY_MODEL(treiber_pushes_against_pops) {
    pushes_against_pops<stack_specification, test::treiber_stack>();
}

GANTRY_MODEL(treiber_pairs) {
    pairs<stack_specification, test::treiber_stack>();
}

GANTRY_MODEL(herlihy_wing) {
    test::herlihy_wing_queue queue;
    model_history<queue_specification> log;
    std::thread first([&] { log(push(1), [&] { queue.push(1); }); });
    std::thread second([&] { log(push(2), [&] { queue.push(2); }); });
    log(pop, [&] { return queue.pop(); });
    log(pop, [&] { return queue.pop(); });
    first.join();
    second.join();
    GANTRY_CHECK_LINEARIZABLE(queue_specification{}, log);
}

// The push has taken effect, or not, when the history is judged, and has seldom returned.
GANTRY_MODEL(a_push_that_has_not_returned) {
    test::michael_scott_queue queue;
    model_history<queue_specification> log;
    std::thread other([&] { log(push(1), [&] { queue.push(1); }); });
    log(pop, [&] { return queue.try_pop(); });
    GANTRY_CHECK_LINEARIZABLE(queue_specification{}, log);
    log(pop, [&] { return queue.try_pop(); });
    GANTRY_CHECK_LINEARIZABLE(queue_specification{}, log);
    other.join();
}

// One relaxed location keeps the order of what happens before what, whatever carries it.
GANTRY_MODEL(a_relaxed_register) {
    std::atomic<std::int64_t> object{0};
    std::atomic<bool> told{false};
    model_history<register_specification> log;
    const auto write = [&](std::int64_t value) {
        log({.what = verb::write, .value = value}, [&] { object.store(value, std::memory_order_relaxed); });
    };
    const auto read = [&] {
        log({.what = verb::read}, [&] { return object.load(std::memory_order_relaxed); });
    };
    std::thread writer([&] {
        write(1);
        write(2);
        told.store(true, std::memory_order_release);
    });
    std::thread other([&] { write(3); });
    static_cast<void>(told.load(std::memory_order_acquire));
    read();
    read();
    writer.join();
    other.join();
    GANTRY_CHECK_LINEARIZABLE(register_specification{}, log);
}

GANTRY_MODEL(a_counting_network_is_quiescently_consistent) {
    test::counting_network network;
    model_history<counter_specification> log;
    const auto next = [&] {
        log({.what = verb::add, .value = 1}, [&] { return network.next(); });
    };
    std::thread other(next);
    next();
    next();
    other.join();
    GANTRY_CHECK_HISTORY(counter_specification{}, log, quiescent);
}

GANTRY_MODEL(a_private_register_is_sequentially_consistent) {
    test::private_register object;
    model_history<register_specification> log;
    std::thread other([&] { log({.what = verb::write, .value = 1}, [&] { object.write(1, 1); }); });
    other.join();
    log({.what = verb::read}, [&] { return object.read(0); });
    GANTRY_CHECK_HISTORY(register_specification{}, log, sequential);
}

// What ended before a thread was started or behind its join is before and behind all that it does; two threads that do
// not speak to each other are not ordered, whatever the execution was run like.
GANTRY_MODEL(moments) {
    std::atomic<int> flag{0};
    const moment before = here();
    moment early;
    moment late;
    std::thread other([&] {
        early = here();
        flag.store(1, std::memory_order_release);
        late = here();
    });
    const moment mine = here();
    const bool seen = flag.load(std::memory_order_acquire) == 1;
    const moment after = here();
    bool told = false;
    aside([&] { told = happens_before(early, after); });
    if (seen) {
        GANTRY_CHECK(told);
    }
    other.join();
    const moment end = here();
    GANTRY_CHECK(happens_before(before, early) && happens_before(early, late) && happens_before(late, end));
    GANTRY_CHECK(happens_before(mine, after) && !happens_before(after, mine));
    GANTRY_CHECK(happens_before(early, after) == seen && !happens_before(late, after));
    GANTRY_CHECK(!happens_before(mine, early) && !happens_before(early, mine) && !happens_before(end, before));
}

// SPDX-License-Identifier: MIT
// Objects whose answers no order explains: each looks right to assertions that ask for nothing lost, or for values that
// somebody put in.
#include <gantry/check/corpus/test_corpus.hpp>
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/linearizability/test_objects.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace {

using namespace gantry::check;

request push(std::int64_t value) {
    return {.what = verb::push, .value = value};
}

constexpr request pop{.what = verb::pop};

template<class Object>
void pushes_and_pop_against_pop() {
    Object object;
    model_history<queue_specification> log;
    std::thread other([&] { log(pop, [&] { return object.try_pop(); }); });
    log(push(1), [&] { object.push(1); });
    log(push(2), [&] { object.push(2); });
    log(pop, [&] { return object.try_pop(); });
    other.join();
    GANTRY_CHECK_LINEARIZABLE(queue_specification{}, log);
}

FAULTY(history_queue_whose_empty_lies, assertion, "history_queue", "whether it is empty is noted behind the lock") {
    pushes_and_pop_against_pop<test::queue_whose_empty_lies>();
}

SOUND(history_queue) {
    pushes_and_pop_against_pop<test::locked_queue>();
}

FAULTY(history_queue_that_repeats, assertion, "history_linked_queue",
       "a pop moves the head without looking whether another did") {
    pushes_and_pop_against_pop<test::queue_that_repeats>();
}

SOUND(history_linked_queue) {
    pushes_and_pop_against_pop<test::michael_scott_queue>();
}

template<class Object>
void two_pushes_and_what_is_left() {
    Object object;
    model_history<stack_specification> log;
    std::thread other([&] { log(push(1), [&] { object.push(1); }); });
    log(push(2), [&] { object.push(2); });
    other.join();
    log(pop, [&] { return object.try_pop(); });
    log(pop, [&] { return object.try_pop(); });
    GANTRY_CHECK_LINEARIZABLE(stack_specification{}, log);
}

FAULTY(history_stack_that_drops, assertion, "history_stack",
       "a push does not look whether the top is still what it was") {
    two_pushes_and_what_is_left<test::stack_that_drops>();
}

SOUND(history_stack) {
    two_pushes_and_what_is_left<test::treiber_stack>();
}

template<class Object>
void two_pushes_two_pops() {
    Object object;
    model_history<queue_specification> log;
    std::thread other([&] {
        log(push(1), [&] { object.push(1); });
        log(push(2), [&] { object.push(2); });
    });
    log(pop, [&] { return object.pop(); });
    log(pop, [&] { return object.pop(); });
    other.join();
    GANTRY_CHECK_LINEARIZABLE(queue_specification{}, log);
}

FAULTY(history_queue_from_behind, assertion, "history_herlihy_wing", "Herlihy and Wing's pop looks from behind") {
    two_pushes_two_pops<test::queue_from_behind>();
}

SOUND(history_herlihy_wing) {
    two_pushes_two_pops<test::herlihy_wing_queue>();
}

template<class Object>
void two_adds() {
    Object object;
    model_history<counter_specification> log;
    std::thread other([&] { log({.what = verb::add, .value = 1}, [&] { return object.add(1); }); });
    log({.what = verb::add, .value = 1}, [&] { return object.add(1); });
    other.join();
    GANTRY_CHECK_LINEARIZABLE(counter_specification{}, log);
}

FAULTY(history_counter_in_two_steps, assertion, "history_counter", "reads and writes in two steps") {
    two_adds<test::counter_in_two_steps>();
}

SOUND(history_counter) {
    two_adds<test::counter>();
}

// The second number that a thread got may be less than the first while another thread is under way.
FAULTY(history_counting_network, assertion, "", "quiescently consistent, and no more") {
    test::counting_network network;
    model_history<counter_specification> log;
    const auto next = [&] {
        log({.what = verb::add, .value = 1}, [&] { return network.next(); });
    };
    std::thread other(next);
    next();
    next();
    other.join();
    GANTRY_CHECK_LINEARIZABLE(counter_specification{}, log);
}

// Two locations, each right by itself, are no map: each thread may miss what the other put (store buffering).
template<std::memory_order Order>
void two_keys() {
    std::array<std::atomic<std::int64_t>, 2> values{};
    model_history<map_specification> log;
    const auto work = [&](std::size_t mine) {
        const std::size_t theirs = 1 - mine;
        log({.what = verb::put, .key = static_cast<std::int64_t>(mine), .value = 1}, [&] {
            values[mine].store(1, Order);
            return response();
        });
        log({.what = verb::get, .key = static_cast<std::int64_t>(theirs)}, [&] {
            const std::int64_t value = values[theirs].load(Order);
            return value == 0 ? response() : response(value);
        });
    };
    std::thread other([&] { work(1); });
    work(0);
    other.join();
    GANTRY_CHECK_LINEARIZABLE(map_specification{}, log);
}

FAULTY(history_map_of_relaxed_keys, assertion, "history_map_of_seq_cst_keys", "two relaxed locations taken for a map") {
    two_keys<std::memory_order_relaxed>();
}

SOUND(history_map_of_seq_cst_keys) {
    two_keys<std::memory_order_seq_cst>();
}

// The write ended before the reader looked.
FAULTY(history_private_register, assertion, "", "sequentially consistent, and no more") {
    test::private_register object;
    model_history<register_specification> log;
    std::thread other([&] { log({.what = verb::write, .value = 1}, [&] { object.write(1, 1); }); });
    other.join();
    log({.what = verb::read}, [&] { return object.read(0); });
    GANTRY_CHECK_LINEARIZABLE(register_specification{}, log);
}

} // namespace

// SPDX-License-Identifier: MIT
// Treiber's stack and Michael and Scott's queue are linearizable in every execution, with each scheme; no node is used
// after it is freed, freed twice or lost. Elements are on the heap: a wrong hand-over is a race or a wrong free.
// Bounds: two threads (three where it says so), one to three operations each.
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/model.hpp>
#include <gantry/container/ms_queue.hpp>
#include <gantry/container/treiber_stack.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

using namespace gantry::check;
using gantry::container::ms_queue;
using gantry::container::treiber_stack;
using gantry::reclaim::counted;
using gantry::reclaim::epoch;
using gantry::reclaim::hazard;

namespace {

using element = std::unique_ptr<std::int64_t>;

template<class Structure, class Specification>
class tested {
public:
    void push(std::int64_t value) {
        log_({.what = verb::push, .value = value}, [&] { structure_.push(std::make_unique<std::int64_t>(value)); });
    }
    bool pop() {
        return log_({.what = verb::pop},
                    [&] {
                        const std::optional<element> got = structure_.try_pop();
                        return got ? response(**got) : response();
                    })
            .has_value();
    }
    void judge() {
        while (pop()) {
        }
        GANTRY_CHECK_LINEARIZABLE(Specification{}, log_);
    }

private:
    typename Structure::domain_type domain_;
    Structure structure_{domain_};
    model_history<Specification> log_;
};

template<class Scheme>
using stack = tested<treiber_stack<element, Scheme>, stack_specification>;
template<class Scheme>
using queue = tested<ms_queue<element, Scheme>, queue_specification>;

// Two threads push and pop: each order, and a pop that finds nothing.
template<class Tested>
void push_against_pop() {
    Tested one;
    std::thread other([&] { one.push(1); });
    one.pop();
    other.join();
    one.judge();
}
GANTRY_MODEL(stack_epoch_push_against_pop) {
    push_against_pop<stack<epoch>>();
}
GANTRY_MODEL(stack_hazard_push_against_pop) {
    push_against_pop<stack<hazard>>();
}
GANTRY_MODEL(stack_counted_push_against_pop) {
    push_against_pop<stack<counted>>();
}
GANTRY_MODEL(queue_epoch_push_against_pop) {
    push_against_pop<queue<epoch>>();
}
GANTRY_MODEL(queue_hazard_push_against_pop) {
    push_against_pop<queue<hazard>>();
}
GANTRY_MODEL(queue_counted_push_against_pop) {
    push_against_pop<queue<counted>>();
}

// Two threads take from two elements: a node is freed while the other thread looks at it.
template<class Tested>
void pop_against_pop() {
    Tested one;
    one.push(1);
    one.push(2);
    std::thread other([&] { one.pop(); });
    one.pop();
    other.join();
    one.judge();
}
GANTRY_MODEL(stack_epoch_pop_against_pop) {
    pop_against_pop<stack<epoch>>();
}
GANTRY_MODEL(stack_hazard_pop_against_pop) {
    pop_against_pop<stack<hazard>>();
}
GANTRY_MODEL(stack_counted_pop_against_pop) {
    pop_against_pop<stack<counted>>();
}
GANTRY_MODEL(queue_epoch_pop_against_pop) {
    pop_against_pop<queue<epoch>>();
}
GANTRY_MODEL(queue_hazard_pop_against_pop) {
    pop_against_pop<queue<hazard>>();
}
GANTRY_MODEL(queue_counted_pop_against_pop) {
    pop_against_pop<queue<counted>>();
}

// ABA: one thread pops, pushes and pops again while the other is inside its pop; memory is used again.
template<class Tested>
void aba() {
    Tested one;
    one.push(1);
    one.push(2);
    std::thread other([&] { one.pop(); });
    one.pop();
    one.push(3);
    other.join();
    one.judge();
}
GANTRY_MODEL(stack_epoch_aba) {
    aba<stack<epoch>>();
}
GANTRY_MODEL(stack_hazard_aba) {
    aba<stack<hazard>>();
}

// Two threads push: the one helps the other with the queue's tail.
template<class Tested>
void push_against_push() {
    Tested one;
    std::thread other([&] { one.push(1); });
    one.push(2);
    other.join();
    one.judge();
}
GANTRY_MODEL(stack_push_against_push) {
    push_against_push<stack<epoch>>();
}
GANTRY_MODEL(queue_push_against_push) {
    push_against_push<queue<epoch>>();
}
GANTRY_MODEL(queue_hazard_push_against_push) {
    push_against_push<queue<hazard>>();
}

// A node is made by one thread, made the first by another, and looked at by a third.
GANTRY_MODEL(queue_epoch_three_threads) {
    gantry::reclaim::epoch_domain domain;
    ms_queue<element, epoch> one(domain);
    std::thread pushing([&] { one.push(std::make_unique<std::int64_t>(1)); });
    std::thread popping([&] { static_cast<void>(one.try_pop()); });
    static_cast<void>(one.empty());
    pushing.join();
    popping.join();
}

// empty() never follows a node that is gone.
GANTRY_MODEL(queue_empty_against_pop) {
    gantry::reclaim::hazard_domain domain;
    ms_queue<element, hazard> one(domain);
    one.push(std::make_unique<std::int64_t>(1));
    std::thread other([&] { GANTRY_CHECK(one.try_pop().has_value()); });
    static_cast<void>(one.empty());
    other.join();
    GANTRY_CHECK(one.empty());
}

} // namespace

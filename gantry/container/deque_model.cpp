// SPDX-License-Identifier: MIT
// The deque is linearizable in every execution, refusals included: each element comes out once, the owner's newest
// first, the thieves' oldest first, also while the array grows.
// Bounds: two or three threads, up to five operations of the owner and two of each thief; two slots at first, and an
// array that is halved whenever the owner finds nothing.
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/model.hpp>
#include <gantry/container/deque.hpp>
#include <gantry/container/test_deque_specification.hpp>
#include <gantry/container/test_keeping_scheme.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <thread>

using namespace gantry::check;
using gantry::container::deque;
using gantry::container::steal_errc;
using gantry::container::test::deque_act;
using gantry::container::test::deque_answer;
using gantry::container::test::deque_specification;
using gantry::container::test::keeping;

namespace {

using log_of_deque = model_history<deque_specification>;

// Not inlined: the checker names accesses by the line of a function that it knows.
// Pointers to memory of their own: the checker sees what is read before it was published, or freed twice, or never.
template<class Scheme>
struct tried {
    typename Scheme::domain domain;
    deque<std::int64_t*, Scheme> d{domain};
    log_of_deque log;

    [[gnu::noinline]] void push(std::int64_t value) {
        log({deque_act::push, value}, [&] {
            d.push(new std::int64_t(value));
            return deque_answer{};
        });
    }
    [[gnu::noinline]] deque_answer pop() {
        return log({deque_act::pop}, [&] {
            const std::optional<std::int64_t*> popped = d.try_pop();
            return popped ? deque_answer{.value = taken(*popped)} : deque_answer{};
        });
    }
    [[gnu::noinline]] void steal() {
        log({deque_act::steal}, [&] {
            const std::expected<std::int64_t*, steal_errc> stolen = d.try_steal();
            return stolen ? deque_answer{.value = taken(*stolen)}
                          : deque_answer{.lost = stolen.error() == steal_errc::lost};
        });
    }
    void judge() {
        while (pop().value) {
        }
        GANTRY_CHECK_LINEARIZABLE(deque_specification{}, log);
    }

    static std::int64_t taken(const std::int64_t* element) {
        const std::int64_t value = *element;
        delete element;
        return value;
    }
};

// What is done before the thieves start, by the owner beside them, and by each thief: + push, - pop, s steal.
template<class Scheme = keeping>
void run(const char* before, const char* owner, const char* first, const char* second) {
    tried<Scheme> t;
    std::int64_t next = 1;
    const auto act = [&](const char* what) {
        for (; *what != '\0'; ++what) {
            switch (*what) {
            case '+':
                t.push(next++);
                break;
            case '-':
                t.pop();
                break;
            default:
                t.steal();
            }
        }
    };
    act(before);
    std::thread one([&] { act(first); });
    if (*second == '\0') {
        act(owner);
    } else {
        std::thread two([&] { act(second); });
        act(owner);
        two.join();
    }
    one.join();
    t.judge();
}

} // namespace

GANTRY_MODEL(deque_push_pop) {
    run("", "++--", "ss", "");
}

GANTRY_MODEL(deque_one_at_a_time) {
    run("", "+-+-", "ss", "");
}

// The last element, for which the owner and the thief both reach.
GANTRY_MODEL(deque_last_element) {
    run("++", "--", "ss", "");
}

GANTRY_MODEL(deque_last_element_then_another) {
    run("+", "-+-", "ss", "");
}

GANTRY_MODEL(deque_two_thieves) {
    run("++", "-", "s", "s");
}

GANTRY_MODEL(deque_two_thieves_last_element) {
    run("+", "-+", "s", "ss");
}

GANTRY_MODEL(deque_three_pops_two_thieves) {
    run("+++", "---", "s", "s");
}

// The array grows under a thief.
GANTRY_MODEL(deque_grows) {
    run("++", "+-", "ss", "");
}

// The slots go around, and the array grows if the thief was slow.
GANTRY_MODEL(deque_wraps) {
    run("+", "+++", "ss", "");
}

GANTRY_MODEL(deque_grows_twice) {
    run("++", "+++-", "ss", "");
}

// The owner finds nothing and takes a smaller array while a thief looks at the larger one.
GANTRY_MODEL(deque_shrinks) {
    run("+++--", "--+", "ss", "");
}

GANTRY_MODEL(deque_hazard_array_goes) {
    run<gantry::reclaim::hazard>("++", "+-", "ss", "");
}

GANTRY_MODEL(deque_epoch_array_goes) {
    run<gantry::reclaim::epoch>("++", "+-", "ss", "");
}

GANTRY_MODEL(deque_counted_array_goes) {
    run<gantry::reclaim::counted>("++", "+-", "ss", "");
}

GANTRY_MODEL(deque_hazard_shrinks) {
    run<gantry::reclaim::hazard>("+++--", "--+", "s", "");
}

GANTRY_MODEL(deque_epoch_shrinks) {
    run<gantry::reclaim::epoch>("+++--", "--+", "s", "");
}

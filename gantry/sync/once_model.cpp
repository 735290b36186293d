// SPDX-License-Identifier: MIT
// call_once: called once, its work is seen by all, a throw lets the next one call and no waiter sleeps on; lazy<T>.
// Two or three threads.
#include <gantry/check/model.hpp>
#include <gantry/sync/once.hpp>

#include <memory>
#include <thread>

using gantry::sync::call_once;
using gantry::sync::lazy;
using gantry::sync::once_flag;

GANTRY_MODEL(once_calls_once) {
    once_flag flag;
    int data = 0;
    const auto ask = [&] {
        call_once(flag, [&] { ++data; });
        GANTRY_CHECK(data == 1);
    };
    std::thread other(ask);
    ask();
    other.join();
}

GANTRY_MODEL(once_three_callers) {
    once_flag flag;
    int data = 0;
    const auto ask = [&] {
        call_once(flag, [&] { ++data; });
        GANTRY_CHECK(data == 1);
    };
    std::thread other(ask);
    std::thread third(ask);
    ask();
    other.join();
    third.join();
}

// The first call throws: what it did is seen by the next caller.
GANTRY_MODEL(once_after_a_throw) {
    once_flag flag;
    int calls = 0;
    int data = 0;
    const auto ask = [&] {
        try {
            call_once(flag, [&] {
                if (++calls == 1)
                    throw 1;
                data = calls;
            });
            GANTRY_CHECK(data == 2);
        } catch (int) {
        }
    };
    std::thread other(ask);
    ask();
    other.join();
    GANTRY_CHECK(calls == 2);
}

GANTRY_MODEL(once_is_done) {
    once_flag flag;
    int data = 0;
    std::thread other([&] { call_once(flag, [&] { data = 1; }); });
    if (flag.is_done()) {
        GANTRY_CHECK(data == 1);
    }
    other.join();
}

GANTRY_MODEL(lazy_is_made_once) {
    int made = 0;
    auto make = [&made] {
        return std::make_unique<int>(++made);
    };
    lazy<std::unique_ptr<int>, decltype(make)> value(make);
    std::thread other([&] { GANTRY_CHECK(**value == 1); });
    GANTRY_CHECK(**value == 1);
    other.join();
}

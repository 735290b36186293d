// SPDX-License-Identifier: MIT
// Who waits is called when there is something for it, in every execution: no wake-up is lost, stolen or kept by one
// that gave up (each would be a deadlock), whoever selects, times out or closes. Bounds: two or three threads with one
// or two operations each; channels of tokens in one word (test_token_core.hpp), so that waiting is what is explored;
// one wait that ends for no reason a thread; those with three threads that wait, within 2 preemptions and 1 stale
// access.
#include <gantry/channel/channel.hpp>
#include <gantry/channel/select.hpp>
#include <gantry/channel/test_token_core.hpp>
#include <gantry/check/model.hpp>

#include <chrono>
#include <thread>
#include <utility>

using gantry::channel::errc;
using gantry::channel::on;
using gantry::channel::on_push;
using gantry::channel::select;
using gantry::channel::test::token_channel;
using namespace std::chrono_literals;

GANTRY_MODEL(wait_for_element) {
    auto [tx, rx] = token_channel();
    std::thread pusher([&tx = tx] { GANTRY_CHECK(tx.push(1).has_value()); });
    GANTRY_CHECK(rx.pop() == 1);
    pusher.join();
}

GANTRY_MODEL(wait_for_room) {
    auto [tx, rx] = token_channel();
    GANTRY_CHECK(tx.push(1).has_value());
    std::thread popper([&rx = rx] { GANTRY_CHECK(rx.pop() == 1); });
    GANTRY_CHECK(tx.push(2).has_value());
    popper.join();
}

GANTRY_MODEL(wait_for_the_end) {
    auto [sender, rx] = token_channel();
    std::thread leaves([tx = std::move(sender)] {});
    GANTRY_CHECK(rx.pop().error() == errc::disconnected);
    leaves.join();
}

// Two wait, two come: each gets one. The second may come while the first that was called still looks.
GANTRY_MODEL_WITHIN(two_wait_for_elements, 2, 1) {
    auto [tx, rx] = token_channel(2);
    std::thread first([&rx = rx] { GANTRY_CHECK(rx.pop().has_value()); });
    std::thread second([&rx = rx] { GANTRY_CHECK(rx.pop().has_value()); });
    GANTRY_CHECK(tx.try_push(1).has_value());
    GANTRY_CHECK(tx.try_push(1).has_value());
    first.join();
    second.join();
}

// Two wait, and are woken by the end.
GANTRY_MODEL_WITHIN(two_wait_for_the_end, 2, 1) {
    auto [tx, rx] = token_channel();
    std::thread popper([&rx = rx] { GANTRY_CHECK(rx.pop().error() == errc::closed); });
    std::thread closer([&tx = tx] { tx.close(); });
    GANTRY_CHECK(rx.pop().error() == errc::closed);
    popper.join();
    closer.join();
}

// One of two gives up. If it was called before, it calls the other.
GANTRY_MODEL_WITHIN(one_gives_up, 2, 1) {
    auto [tx, rx] = token_channel(2);
    std::thread impatient([&rx = rx] { static_cast<void>(rx.pop_for(1ns)); });
    std::thread patient([&rx = rx] { GANTRY_CHECK(rx.pop().has_value()); });
    GANTRY_CHECK(tx.try_push(1).has_value());
    GANTRY_CHECK(tx.try_push(1).has_value());
    impatient.join();
    patient.join();
}

// A select waits for two channels; what comes into the other stays there.
GANTRY_MODEL_WITHIN(select_one_of_two, 2, 1) {
    auto [a, from_a] = token_channel();
    auto [b, from_b] = token_channel();
    std::thread first([&a = a] { GANTRY_CHECK(a.try_push(1).has_value()); });
    std::thread second([&b = b] { GANTRY_CHECK(b.try_push(1).has_value()); });
    const int one = select(on(from_a, [](auto) { return 1; }), on(from_b, [](auto) { return 2; }));
    GANTRY_CHECK((one == 1 ? from_b : from_a).pop().has_value());
    first.join();
    second.join();
    GANTRY_CHECK(from_a.is_empty() && from_b.is_empty());
}

// A select waits for two channels and a pop for one of them: whatever the select takes, the pop is called for what is
// left to it.
GANTRY_MODEL_WITHIN(select_does_not_keep_a_call, 2, 1) {
    auto [a, from_a] = token_channel(2);
    auto [b, from_b] = token_channel();
    std::thread selects(
        [&from_a = from_a, &from_b = from_b] { select(on(from_a, [](auto) {}), on(from_b, [](auto) {})); });
    std::thread pops([&from_a = from_a] { GANTRY_CHECK(from_a.pop().has_value()); });
    GANTRY_CHECK(b.try_push(1).has_value());
    GANTRY_CHECK(a.try_push(1).has_value());
    GANTRY_CHECK(a.try_push(1).has_value());
    selects.join();
    pops.join();
}

// A push and a pop arm at once, of two threads: what one does is what the other waits for.
GANTRY_MODEL(select_pushes_and_pops) {
    auto [a, from_a] = token_channel();
    auto [b, from_b] = token_channel();
    GANTRY_CHECK(a.try_push(1).has_value());
    std::thread other([&b = b, &from_a = from_a] {
        select(on_push(b, 1, [](auto) {}), on(from_a, [](auto) {}));
        select(on_push(b, 1, [](auto) {}), on(from_a, [](auto) {}));
    });
    GANTRY_CHECK(from_b.pop().has_value());
    other.join();
}

// A select gives up: what it was called for is not lost to the pop.
GANTRY_MODEL_WITHIN(select_gives_up, 2, 1) {
    using gantry::channel::after;
    auto [a, from_a] = token_channel(2);
    std::thread impatient([&from_a = from_a] { select(on(from_a, [](auto) {}), after(1ns, [] {})); });
    std::thread patient([&from_a = from_a] { GANTRY_CHECK(from_a.pop().has_value()); });
    GANTRY_CHECK(a.try_push(1).has_value());
    GANTRY_CHECK(a.try_push(1).has_value());
    impatient.join();
    patient.join();
}

// A timer and a channel, under the modelled clock: one of them, and the element is not lost.
GANTRY_MODEL(select_with_a_timer) {
    auto [a, from_a] = token_channel();
    const auto timer = gantry::channel::after(1ms);
    std::thread pusher([&a = a] { GANTRY_CHECK(a.try_push(1).has_value()); });
    const int got = select(on(from_a, [](auto) { return 1; }), on(timer, [](auto) { return 2; }));
    pusher.join();
    GANTRY_CHECK(got == 1 ? from_a.is_empty() : got == 2 && from_a.pop() == 1);
}

// Who only asks is told, and takes nothing.
GANTRY_MODEL(ready_takes_nothing) {
    auto [a, from_a] = token_channel();
    std::thread pusher([&a = a] { GANTRY_CHECK(a.try_push(1).has_value()); });
    gantry::channel::selector asks;
    asks.on(from_a, [](auto) {});
    GANTRY_CHECK(asks.ready() == 0);
    GANTRY_CHECK(from_a.try_pop() == 1);
    pusher.join();
}

// SPDX-License-Identifier: MIT
// Nothing is lost, repeated or reordered, no wake-up is missing (that would be a deadlock), and the last handle frees
// the channel, in every execution. Bounds: two or three threads with one or two operations each, capacities 0, 1, 2 and
// unbounded; one wait that ends for no reason a thread; four with three threads within 2 preemptions and 1 stale
// access. waiting_model.cpp has what is about waiting alone.
#include <gantry/channel/channel.hpp>
#include <gantry/check/model.hpp>
#include <gantry/reclaim/epoch.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using gantry::channel::bounded;
using gantry::channel::ends;
using gantry::channel::errc;
using gantry::channel::rendezvous;
using gantry::channel::unbounded;
using namespace std::chrono_literals;

namespace {

ends<int> of_capacity(std::size_t capacity) {
    return capacity == 0 ? rendezvous<int>() : bounded<int>(capacity);
}

// The receiver waits for the element; then the sender is gone.
void one_element_and_the_end(std::size_t capacity) {
    auto [sender, receiver] = of_capacity(capacity);
    std::thread producer([tx = std::move(sender)] { GANTRY_CHECK(tx.push(1).has_value()); });
    GANTRY_CHECK(receiver.pop() == 1);
    producer.join();
    GANTRY_CHECK(receiver.pop().error() == errc::disconnected);
}

// close() by a third party against a push and a pop that wait: what was accepted comes out, and everybody returns.
void close_against_both(std::size_t capacity) {
    auto [tx, rx] = of_capacity(capacity);
    bool accepted = false;
    std::thread pusher([&, &tx = tx] { accepted = tx.push(1).has_value(); });
    std::thread closer([&tx = tx] { tx.close(); });
    const auto popped = rx.pop();
    pusher.join();
    closer.join();
    GANTRY_CHECK(popped.has_value() == accepted);
    GANTRY_CHECK(rx.try_pop().error() == errc::closed);
}

// Two receivers wait: each gets one of the two elements.
void two_poppers(std::size_t capacity) {
    auto [tx, rx] = of_capacity(capacity);
    int other = 0;
    std::thread popper([&, &rx = rx] { other = rx.pop().value(); });
    std::thread pusher([&tx = tx] {
        GANTRY_CHECK(tx.push(1).has_value());
        GANTRY_CHECK(tx.push(2).has_value());
    });
    const int mine = rx.pop().value();
    popper.join();
    pusher.join();
    GANTRY_CHECK(mine + other == 3 && mine != other);
}

// Two senders wait for room: both elements come out.
void two_pushers(std::size_t capacity) {
    auto [tx, rx] = of_capacity(capacity);
    std::thread first([&tx = tx] { GANTRY_CHECK(tx.push(1).has_value()); });
    std::thread second([&tx = tx] { GANTRY_CHECK(tx.push(2).has_value()); });
    const int one = rx.pop().value();
    const int two = rx.pop().value();
    first.join();
    second.join();
    GANTRY_CHECK(one + two == 3 && one != two);
}

// A pop that gives up does not take a wake-up with it: the other gets what the first did not.
void late_popper(std::size_t capacity) {
    auto [tx, rx] = of_capacity(capacity);
    std::thread impatient([&rx = rx, &tx = tx] {
        if (rx.pop_for(1ns))
            GANTRY_CHECK(tx.push(1).has_value());
    });
    std::thread pusher([&tx = tx] { GANTRY_CHECK(tx.push(1).has_value()); });
    GANTRY_CHECK(rx.pop() == 1);
    impatient.join();
    pusher.join();
}

} // namespace

GANTRY_MODEL(one_element_and_the_end_0) {
    one_element_and_the_end(0);
}
GANTRY_MODEL(one_element_and_the_end_1) {
    one_element_and_the_end(1);
}
GANTRY_MODEL(close_against_both_0) {
    close_against_both(0);
}
GANTRY_MODEL(close_against_both_1) {
    close_against_both(1);
}
GANTRY_MODEL_WITHIN(two_poppers_0, 2, 1) {
    two_poppers(0);
}
GANTRY_MODEL_WITHIN(two_pushers_0, 2, 1) {
    two_pushers(0);
}
GANTRY_MODEL_WITHIN(late_popper_0, 2, 1) {
    late_popper(0);
}

// A full channel makes the sender wait for room.
GANTRY_MODEL(waits_for_room) {
    auto [sender, receiver] = bounded<int>(1);
    GANTRY_CHECK(sender.push(1).has_value());
    std::thread producer([&tx = sender] { GANTRY_CHECK(tx.push(2).has_value()); });
    GANTRY_CHECK(receiver.pop() == 1);
    producer.join();
    GANTRY_CHECK(receiver.pop() == 2);
}

// A push that gives up leaves room for the other that waits.
GANTRY_MODEL_WITHIN(late_pusher, 2, 1) {
    auto [tx, rx] = bounded<int>(1);
    GANTRY_CHECK(tx.push(0).has_value());
    std::thread impatient([&tx = tx, &rx = rx] {
        if (tx.push_for(1, 1ns))
            static_cast<void>(rx.pop());
    });
    std::thread popper([&rx = rx] { static_cast<void>(rx.pop()); });
    GANTRY_CHECK(tx.push(2).has_value());
    impatient.join();
    popper.join();
}

// An element that waits for its receiver and a receiver that gives up agree whether they met.
GANTRY_MODEL(rendezvous_late) {
    auto [tx, rx] = rendezvous<int>();
    bool pushed = false;
    std::thread pusher([&, &tx = tx] { pushed = tx.push_for(1, 1ns).has_value(); });
    const bool popped = rx.pop_for(1ns).has_value();
    pusher.join();
    GANTRY_CHECK(pushed == popped);
}

// A try finds who waits, and nobody else.
GANTRY_MODEL(rendezvous_try) {
    auto [tx, rx] = rendezvous<int>();
    bool popped = false;
    std::thread popper([&, &rx = rx] { popped = rx.pop_for(1ns).has_value(); });
    const bool pushed = tx.try_push(1).has_value();
    popper.join();
    GANTRY_CHECK(pushed == popped);
}

// Values and the order of both sides meet: what each did before is seen by the other after it.
GANTRY_MODEL(rendezvous_carries_both_ways) {
    auto [tx, rx] = rendezvous<int>();
    int mine = 0;
    int others = 0;
    std::thread popper([&, &rx = rx] {
        others = 1;
        GANTRY_CHECK(rx.pop() == 7);
        GANTRY_CHECK(mine == 1);
    });
    mine = 1;
    GANTRY_CHECK(tx.push(7).has_value());
    GANTRY_CHECK(others == 1);
    popper.join();
}

// The receiver leaves at any moment: a push succeeds or gives its value back.
GANTRY_MODEL(receiver_leaves) {
    auto [sender, receiver] = bounded<int>(1);
    std::thread consumer([rx = std::move(receiver)] {});
    if (const auto pushed = sender.push(1); !pushed) {
        GANTRY_CHECK(pushed.error().reason == errc::disconnected && pushed.error().value == 1);
    }
    consumer.join();
}

// The receiver leaves while a push waits for room: the push comes back.
GANTRY_MODEL(receiver_leaves_a_full_channel) {
    auto [sender, receiver] = bounded<int>(1);
    GANTRY_CHECK(sender.push(0).has_value());
    std::thread consumer([rx = std::move(receiver)] {});
    GANTRY_CHECK(sender.push(1).error().reason == errc::disconnected);
    consumer.join();
}

// An unbounded channel: the receiver sleeps until the push.
GANTRY_MODEL(unbounded_wakes) {
    gantry::reclaim::epoch::domain domain;
    auto [tx, rx] = unbounded<int>(domain);
    std::thread pusher([&tx = tx] { GANTRY_CHECK(tx.push(1).has_value()); });
    GANTRY_CHECK(rx.pop() == 1);
    pusher.join();
}

// close() by a third party against a push: the element is either refused or comes out.
GANTRY_MODEL(unbounded_close_against_push) {
    gantry::reclaim::epoch::domain domain;
    auto [sender, receiver] = unbounded<int>(domain);
    std::thread closer([&tx = sender] { tx.close(); });
    const bool accepted = sender.push(7).has_value();
    const auto first = receiver.pop();
    GANTRY_CHECK(first.has_value() == accepted);
    GANTRY_CHECK(!accepted || *first == 7);
    closer.join();
}

// close() against a pop: it says empty, which waits, or closed.
GANTRY_MODEL(unbounded_close_against_pop) {
    gantry::reclaim::epoch::domain domain;
    auto [sender, receiver] = unbounded<int>(domain);
    GANTRY_CHECK(sender.push(7).has_value());
    std::thread closer([&tx = sender] { tx.close(); });
    GANTRY_CHECK(receiver.pop() == 7);
    GANTRY_CHECK(receiver.pop().error() == errc::closed);
    closer.join();
}

// Two senders leave, one after a push: whoever is last ends a channel that has the element.
GANTRY_MODEL_WITHIN(unbounded_senders_leave, 2, 1) {
    gantry::reclaim::epoch::domain domain;
    auto [sender, receiver] = unbounded<int>(domain);
    std::thread pusher([tx = sender] { GANTRY_CHECK(tx.push(7).has_value()); });
    {
        const auto gone = std::move(sender);
    }
    GANTRY_CHECK(receiver.pop() == 7);
    pusher.join();
}

// Both ends leave at once: whoever is last frees the channel, and sees all that the other did.
GANTRY_MODEL(both_ends_leave) {
    auto [sender, receiver] = bounded<int>(1);
    std::thread consumer([rx = std::move(receiver)]() mutable { const auto gone = std::move(rx); });
    {
        const auto gone = std::move(sender);
    }
    consumer.join();
}

// Two handles of each side leave at once.
GANTRY_MODEL(copies_leave) {
    auto [sender, receiver] = bounded<int>(1);
    std::thread other([tx = sender, rx = receiver]() mutable {
        static_cast<void>(tx.is_closed());
        const auto gone = std::move(tx);
        const auto also = std::move(rx);
    });
    {
        const auto gone = std::move(sender);
        const auto also = std::move(receiver);
        static_cast<void>(gone.is_closed());
    }
    other.join();
}

// Two receivers leave at once, when the senders are gone: whoever is last frees the channel, and sees what the other
// did.
GANTRY_MODEL(receivers_leave) {
    auto [sender, receiver] = gantry::channel::latest<int>();
    {
        const auto gone = std::move(sender);
    }
    std::thread other([rx = receiver]() mutable {
        GANTRY_CHECK(rx.try_pop().error() == errc::disconnected);
        const auto gone = std::move(rx);
    });
    {
        const auto gone = std::move(receiver);
    }
    other.join();
}

// A weak sender becomes a sender or finds the last one gone; the element of a sender that it made is not lost.
GANTRY_MODEL(weak_sender_upgrades) {
    auto [sender, receiver] = bounded<int>(1);
    auto weak = sender.downgrade();
    bool pushed = false;
    std::thread other([&pushed, weak = std::move(weak)] {
        if (const auto strong = weak.upgrade())
            pushed = strong->push(1).has_value();
    });
    {
        const auto gone = std::move(sender);
    }
    const auto popped = receiver.pop();
    other.join();
    GANTRY_CHECK(popped.has_value() == pushed);
}

// SPDX-License-Identifier: MIT
// Nothing is lost, repeated or reordered, no wake-up is missing, and the last handle frees the channel, in every
// execution. Capacity 1 and unbounded; 2 threads, up to 2 elements: larger scenarios of a channel under a lock are
// beyond an exhaustive search, and the faster channels will bring theirs.
#include <gantry/channel/channel.hpp>
#include <gantry/check/model.hpp>

#include <thread>
#include <utility>

using gantry::channel::bounded;
using gantry::channel::errc;
using gantry::channel::unbounded;

// The receiver waits for the element, and then for the end of the sender.
GANTRY_MODEL(one_element_and_the_end) {
    auto [sender, receiver] = bounded<int>(1);
    std::thread producer([tx = std::move(sender)] { GANTRY_CHECK(tx.push(1).has_value()); });
    GANTRY_CHECK(receiver.pop() == 1);
    producer.join();
    GANTRY_CHECK(receiver.pop().error() == errc::closed);
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

// The receiver leaves at any moment: a push succeeds or gives its value back.
GANTRY_MODEL(receiver_leaves) {
    auto [sender, receiver] = bounded<int>(1);
    std::thread consumer([rx = std::move(receiver)] {});
    if (const auto pushed = sender.push(1); !pushed) {
        GANTRY_CHECK(pushed.error().reason == errc::closed && pushed.error().value == 1);
    }
    consumer.join();
}

// close() by a third party against a push: the element is either refused or comes out.
GANTRY_MODEL(close_against_push) {
    auto [sender, receiver] = unbounded<int>();
    std::thread closer([tx = sender] { tx.close(); });
    const bool accepted = sender.push(7).has_value();
    const auto first = receiver.pop();
    GANTRY_CHECK(first.has_value() == accepted);
    GANTRY_CHECK(!accepted || *first == 7);
    closer.join();
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
    auto [sender, receiver] = unbounded<int>();
    {
        const auto gone = std::move(receiver);
    }
    std::thread other([tx = sender]() mutable {
        static_cast<void>(tx.is_closed());
        const auto gone = std::move(tx);
    });
    {
        const auto gone = std::move(sender);
        static_cast<void>(gone.is_closed());
    }
    other.join();
}

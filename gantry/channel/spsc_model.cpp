// SPDX-License-Identifier: MIT
// The channel of two threads loses nothing and misses no wake-up, in every execution. Bounds: two threads, up to two
// elements, capacity 1.
#include <gantry/channel/spsc.hpp>
#include <gantry/check/model.hpp>

#include <thread>
#include <utility>

using gantry::channel::errc;
using gantry::channel::spsc;

GANTRY_MODEL(spsc_one_element) {
    auto [sender, rx] = spsc<int>(1);
    std::thread producer([tx = std::move(sender)] { GANTRY_CHECK(tx.push(1).has_value()); });
    GANTRY_CHECK(rx.pop() == 1);
    producer.join();
    GANTRY_CHECK(rx.pop().error() == errc::disconnected);
}

GANTRY_MODEL(spsc_waits_for_room) {
    auto [tx, rx] = spsc<int>(1);
    GANTRY_CHECK(tx.push(1).has_value());
    std::thread consumer([&rx = rx] { GANTRY_CHECK(rx.pop() == 1); });
    GANTRY_CHECK(tx.push(2).has_value());
    consumer.join();
    GANTRY_CHECK(rx.pop() == 2);
}

// The end comes while the receiver waits: what was pushed before it comes out first.
GANTRY_MODEL(spsc_end) {
    auto [sender, rx] = spsc<int>(1);
    GANTRY_CHECK(sender.push(1).has_value());
    std::thread producer([tx = std::move(sender)] { tx.close(); });
    GANTRY_CHECK(rx.pop() == 1);
    GANTRY_CHECK(rx.pop().error() == errc::closed);
    producer.join();
}

GANTRY_MODEL(spsc_receiver_leaves) {
    auto [tx, receiver] = spsc<int>(1);
    GANTRY_CHECK(tx.push(1).has_value());
    std::thread consumer([rx = std::move(receiver)] {});
    // It may find the room that the receiver left.
    if (const auto pushed = tx.push(2); !pushed)
        GANTRY_CHECK(pushed.error().reason == errc::disconnected);
    consumer.join();
    GANTRY_CHECK(tx.push(3).error().reason == errc::disconnected);
}

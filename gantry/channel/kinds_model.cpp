// SPDX-License-Identifier: MIT
// The kinds under a lock: by bytes and the latest, alone, in a select and with a coroutine. Nothing is lost, no wake-up
// is missing, in every execution. Bounds: two threads with one or two operations each; those with a select within 2
// preemptions and 1 stale access.
#include <gantry/channel/async.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/select.hpp>
#include <gantry/channel/task.hpp>
#include <gantry/channel/test_token_core.hpp>
#include <gantry/check/model.hpp>

#include <coroutine>
#include <cstddef>
#include <optional>
#include <thread>
#include <utility>

namespace channel = gantry::channel;
using channel::ends;
using channel::on;
using channel::on_push;
using channel::select;

namespace {

// An element is as large as its number.
ends<int> of_bytes(std::size_t limit) {
    return channel::bounded_bytes<int>(limit, [](const int& value) { return std::size_t(value); });
}

void start(channel::task<>& of) {
    std::move(of).operator co_await().await_suspend(std::noop_coroutine()).resume();
}

} // namespace

// Bytes: the push that fits goes on, whoever waits before it.
GANTRY_MODEL(bytes_wake_who_fits) {
    auto [tx, rx] = of_bytes(2);
    GANTRY_CHECK(tx.push(1).has_value());
    std::thread large([&tx = tx] { GANTRY_CHECK(tx.push(2).has_value()); });
    int sum = rx.pop().value();
    sum += rx.pop().value();
    GANTRY_CHECK(sum == 3);
    large.join();
}

// The newest is kept: a pop gets one of the two, never the older after the newer.
GANTRY_MODEL(latest_keeps_the_newest) {
    auto [tx, rx] = channel::latest<int>();
    std::thread pusher([&tx = tx] {
        GANTRY_CHECK(tx.push(1).has_value());
        GANTRY_CHECK(tx.push(2).has_value());
    });
    const int first = rx.pop().value();
    pusher.join();
    const auto second = rx.try_pop();
    GANTRY_CHECK(first == 2 ? !second.has_value() : second == 2);
}

// A select whose element needs more than one pop frees waits for the second, and is not forgotten after the first.
GANTRY_MODEL_WITHIN(select_waits_for_bytes, 2, 1) {
    auto [tx, rx] = of_bytes(2);
    auto [never, from_never] = channel::test::token_channel();
    GANTRY_CHECK(tx.push(1).has_value());
    GANTRY_CHECK(tx.push(1).has_value());
    std::thread popper([&rx = rx] {
        GANTRY_CHECK(rx.pop() == 1);
        GANTRY_CHECK(rx.pop() == 1);
    });
    const int done = select(on_push(tx, 2, [](const auto& pushed) { return pushed ? 1 : 0; }),
                            on(from_never, [](auto) { return 2; }));
    popper.join();
    GANTRY_CHECK(done == 1 && rx.pop() == 2);
}

// Both ends of a channel by bytes are in selects, and the one that cannot go on is called by the other.
GANTRY_MODEL_WITHIN(select_on_both_ends_of_bytes, 2, 1) {
    auto [tx, rx] = of_bytes(1);
    auto [never, from_never] = channel::test::token_channel();
    int got = 0;
    std::thread popper([&, &rx = rx, &from_never = from_never] {
        select(on(rx, [&](auto popped) { got = popped.value(); }), on(from_never, [](auto) {}));
    });
    select(on_push(tx, 1, [](const auto& pushed) { GANTRY_CHECK(pushed.has_value()); }), on(from_never, [](auto) {}));
    popper.join();
    GANTRY_CHECK(got == 1 && rx.is_empty());
}

// The latest in a select: of two pushes the newest comes out last, and one at least.
GANTRY_MODEL_WITHIN(select_of_the_latest, 2, 1) {
    auto [tx, rx] = channel::latest<int>();
    auto [never, from_never] = channel::test::token_channel();
    std::thread pusher([&tx = tx] {
        GANTRY_CHECK(tx.push(1).has_value());
        GANTRY_CHECK(tx.push(2).has_value());
    });
    const int first =
        select(on(rx, [](auto popped) { return popped.value(); }), on(from_never, [](auto) { return 0; }));
    pusher.join();
    const auto second = rx.try_pop();
    GANTRY_CHECK(first == 2 ? !second.has_value() : first == 1 && second == 2);
}

// A coroutine waits for room in bytes.
GANTRY_MODEL(coroutine_waits_for_bytes) {
    auto [tx, rx] = of_bytes(1);
    GANTRY_CHECK(tx.push(1).has_value());
    channel::inline_executor here;
    bool pushed = false;
    const auto push = [&here, &pushed](channel::sender<int> to) -> channel::task<> {
        auto out = channel::async(std::move(to), here);
        pushed = (co_await out.push(1)).has_value();
    };
    auto waits = push(tx);
    std::thread popper([&rx = rx] { GANTRY_CHECK(rx.pop() == 1); });
    start(waits);
    popper.join();
    GANTRY_CHECK(pushed && rx.try_pop() == 1);
}

// It ends while it waits for the latest, or has been called: the value is somebody else's.
GANTRY_MODEL(coroutine_leaves_the_latest) {
    auto [tx, rx] = channel::latest<int>();
    struct later {
        std::optional<channel::resumption> next;
        void post(channel::resumption posted) { next.emplace(std::move(posted)); }
    } executor;
    std::optional<int> got;
    const auto pop = [&executor, &got](channel::receiver<int> from) -> channel::task<> {
        auto in = channel::async(std::move(from), executor);
        got = (co_await in.pop()).value_or(-1);
    };
    {
        std::optional<channel::task<>> waits(pop(rx));
        start(*waits);
        std::thread pusher([&tx = tx] { GANTRY_CHECK(tx.push(1).has_value()); });
        waits.reset();
        pusher.join();
    }
    if (executor.next)
        (*executor.next)();
    GANTRY_CHECK(!got && rx.try_pop() == 1);
}

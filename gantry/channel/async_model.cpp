// SPDX-License-Identifier: MIT
// A coroutine that waits is resumed once when it can go on, in every execution; if it is destroyed meanwhile, the
// element and the wake-up are somebody else's. Bounds: two threads; one coroutine that waits once, on the thread that
// pushes or on a loop of the other; channels of tokens in one word and rendezvous; the two in which somebody waits for
// the coroutine's end within 2 preemptions and 1 stale access.
#include <gantry/channel/async.hpp>
#include <gantry/channel/task.hpp>
#include <gantry/channel/test_token_core.hpp>
#include <gantry/check/model.hpp>

#include <coroutine>
#include <optional>
#include <thread>
#include <utility>

namespace channel = gantry::channel;
using channel::pop_result;
using channel::task;
using channel::test::token_channel;

namespace {

// Keeps what is posted until it is run: by one thread, after the others have ended.
struct later {
    std::optional<channel::resumption> next;
    void post(channel::resumption posted) { next.emplace(std::move(posted)); }
};

template<class Executor>
task<> pop_into(channel::receiver<int> from, Executor& on, std::optional<int>& got) {
    auto in = channel::async(std::move(from), on);
    const pop_result<int> popped = co_await in.pop();
    got = popped.value_or(-1);
}

// Runs the task up to where it waits; the task stays the caller's.
void start(task<>& of) {
    std::move(of).operator co_await().await_suspend(std::noop_coroutine()).resume();
}

} // namespace

// Goes on inside the push, or did not have to wait.
GANTRY_MODEL(coroutine_is_resumed) {
    auto [tx, rx] = token_channel();
    channel::inline_executor here;
    std::optional<int> got;
    auto waits = pop_into(rx, here, got);
    std::thread pusher([&tx = tx] { GANTRY_CHECK(tx.try_push(1).has_value()); });
    start(waits);
    pusher.join();
    GANTRY_CHECK(got == 1);
}

// The end of the channel resumes it, too.
GANTRY_MODEL(coroutine_sees_the_end) {
    auto [tx, rx] = token_channel();
    channel::inline_executor here;
    std::optional<int> got;
    auto waits = pop_into(rx, here, got);
    std::thread closer([&tx = tx] { tx.close(); });
    start(waits);
    closer.join();
    GANTRY_CHECK(got == -1);
}

// The thread that waits for the task's end goes on when it ended inside the push, and sees what it did.
GANTRY_MODEL_WITHIN(coroutine_is_waited_for, 2, 1) {
    auto [tx, rx] = token_channel();
    channel::inline_executor here;
    std::optional<int> got;
    std::thread pusher([&tx = tx] { GANTRY_CHECK(tx.try_push(1).has_value()); });
    channel::sync_wait(pop_into(rx, here, got));
    GANTRY_CHECK(got == 1);
    pusher.join();
}

// The same for who runs a loop that the task does not end on.
GANTRY_MODEL_WITHIN(coroutine_ends_outside_of_the_loop, 2, 1) {
    auto [tx, rx] = token_channel();
    channel::inline_executor here;
    gantry::reclaim::epoch::domain domain;
    channel::loop_executor loop(domain);
    std::optional<int> got;
    std::thread pusher([&tx = tx] { GANTRY_CHECK(tx.try_push(1).has_value()); });
    loop.run(pop_into(rx, here, got));
    GANTRY_CHECK(got == 1);
    pusher.join();
}

// It ends while a push comes: the token stays in the channel, also if the coroutine had been called for it.
GANTRY_MODEL(coroutine_ends_while_called) {
    auto [tx, rx] = token_channel();
    later executor;
    std::optional<int> got;
    {
        std::optional<task<>> waits(pop_into(rx, executor, got));
        start(*waits);
        std::thread pusher([&tx = tx] { GANTRY_CHECK(tx.try_push(1).has_value()); });
        waits.reset();
        pusher.join();
    }
    if (executor.next)
        (*executor.next)();
    GANTRY_CHECK(!got && rx.try_pop() == 1);
}

// The call that it got goes to the thread that waits as well.
GANTRY_MODEL(call_goes_to_the_next) {
    auto [tx, rx] = token_channel();
    later executor;
    std::optional<int> got;
    std::optional<task<>> waits(pop_into(rx, executor, got));
    start(*waits);
    std::thread popper([&rx = rx] { GANTRY_CHECK(rx.pop() == 1); });
    GANTRY_CHECK(tx.try_push(1).has_value());
    waits.reset();
    popper.join();
}

// A rendezvous hands it the element; if it ends before it goes on, the channel has the element again.
GANTRY_MODEL(rendezvous_takes_back) {
    auto [tx, rx] = channel::rendezvous<int>();
    later executor;
    std::optional<int> got;
    bool pushed = false;
    {
        std::optional<task<>> waits(pop_into(rx, executor, got));
        start(*waits);
        std::thread pusher([&, &tx = tx] { pushed = tx.try_push(7).has_value(); });
        waits.reset();
        pusher.join();
    }
    GANTRY_CHECK(!got);
    const auto left = rx.try_pop();
    GANTRY_CHECK(pushed ? left == 7 : !left);
}

// An awaited select takes one of two.
GANTRY_MODEL(coroutine_selects) {
    auto [a, from_a] = token_channel();
    auto [b, from_b] = token_channel();
    channel::inline_executor here;
    int got = 0;
    const auto both = [&]() -> task<> {
        got = co_await channel::async_select(here, channel::on(from_a, [](auto) { return 1; }),
                                             channel::on(from_b, [](auto) { return 2; }));
    };
    auto waits = both();
    std::thread pusher([&a = a] { GANTRY_CHECK(a.try_push(1).has_value()); });
    start(waits);
    GANTRY_CHECK(b.try_push(1).has_value());
    pusher.join();
    GANTRY_CHECK(got == 1 ? from_a.is_empty() && from_b.size() == 1 : got == 2 && from_a.size() == 1);
}

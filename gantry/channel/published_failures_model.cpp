// SPDX-License-Identifier: MIT
// Failures of other channels that were released and reported, as scenarios for ours: in every execution nothing is
// lost, leaked, freed twice or touched too late. Those that failed, made again in a few lines, are in the bug museum
// (docs/BUG_MUSEUM.md), where the checker finds them.
// Bounds: two or three threads with one or two operations each; two slots in a segment of the unbounded channel; those
// that would take long, within 2 preemptions and 1 stale access. Elements own memory, so that one that is lost is a
// leak, and one that is there twice a double free.
#include <gantry/channel/async.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/task.hpp>
#include <gantry/check/model.hpp>
#include <gantry/reclaim/epoch.hpp>

#include <coroutine>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace channel = gantry::channel;
using channel::errc;
using channel::receiver;
using channel::sender;
using channel::task;
using gantry::reclaim::epoch;

namespace {

using element = std::unique_ptr<int>;

element element_of(int value) {
    return std::make_unique<int>(value);
}

// Accepted, or its value is back.
bool push(const sender<element>& to, int value) {
    const auto pushed = to.push(element_of(value));
    if (pushed)
        return true;
    GANTRY_CHECK(pushed.error().reason == errc::disconnected);
    GANTRY_CHECK(pushed.error().value != nullptr && *pushed.error().value == value);
    return false;
}

// Keeps what is posted until it is run.
struct later {
    std::optional<channel::resumption> next;
    void post(channel::resumption posted) { next.emplace(std::move(posted)); }
    void run() {
        if (next)
            (*std::exchange(next, std::nullopt))();
    }
};

// Runs the task up to where it waits; the task stays the caller's.
void start(task<>& of) {
    std::move(of).operator co_await().await_suspend(std::noop_coroutine()).resume();
}

task<> push_seven(sender<element> to, later& on, bool& accepted) {
    const auto out = channel::async(std::move(to), on);
    accepted = (co_await out.push(element_of(7))).has_value();
}

task<> pop_into(receiver<element> from, later& on, element& got) {
    const auto in = channel::async(std::move(from), on);
    if (auto popped = co_await in.pop())
        got = *std::move(popped);
}

// Waits for either of two.
task<> select_into(receiver<element> a, receiver<element> b, later& on, int& sum) {
    const auto take = [](auto popped) {
        return popped ? **popped : 0;
    };
    sum += co_await channel::async_select(on, channel::on(a, take), channel::on(b, take));
}

} // namespace

// crossbeam #972: the last receiver leaves an unbounded channel to which two send for the first time. There it followed
// a pointer to the first block that the sender which made the block had not set yet, because the other one's message
// had been counted. Here: each push is accepted or refused, and every element goes once.
GANTRY_MODEL_WITHIN(crossbeam_972_leaves_while_two_send, 2, 0) {
    epoch::domain domain;
    auto [tx, receiver] = channel::unbounded<element>(domain);
    std::thread one([&tx = tx] { push(tx, 1); });
    std::thread two([&tx = tx] { push(tx, 2); });
    {
        const auto gone = std::move(receiver);
    }
    one.join();
    two.join();
    GANTRY_CHECK(tx.try_push(element_of(3)).error().reason == errc::disconnected);
}

// crossbeam #1084: the last receiver leaves while the first element is sent. There it saw no block, and then cleared
// the pointer that the sender had set meanwhile: block and message were leaked. Here: freed, by whoever comes last.
GANTRY_MODEL(crossbeam_1084_leaves_while_one_sends) {
    epoch::domain domain;
    auto [tx, receiver] = channel::unbounded<element>(domain);
    std::thread one([&tx = tx] { push(tx, 1); });
    {
        const auto gone = std::move(receiver);
    }
    one.join();
}

// crossbeam #1187: the repair of #1084 took the block away from the destructor at one of the two places where the
// leaving receiver can find it, so that it was freed twice. Here: both sides leave at once, with an element that was
// there before and one that is on its way, and it is freed once, whoever is last.
GANTRY_MODEL(crossbeam_1187_both_leave_while_one_sends) {
    epoch::domain domain;
    auto [sender, receiver] = channel::unbounded<element>(domain);
    GANTRY_CHECK(push(sender, 1));
    std::thread one([tx = std::move(sender)] { push(tx, 2); });
    {
        const auto gone = std::move(receiver);
    }
    one.join();
}

// crossbeam #238 (in channels, the queue of #237): the popper of a block's last message moved the head on and retired
// the block while the tail still led to it; who came after that took it from the tail, and was not waited for. Here:
// the segment is used up; one appends the next, one gives the old one up, one uses the tail, and what can be freed is.
GANTRY_MODEL_WITHIN(crossbeam_238_gives_up_what_the_tail_has, 2, 0) {
    epoch::domain domain;
    auto [tx, rx] = channel::unbounded<element>(domain);
    for (int i = 0; i < 2; ++i) {
        GANTRY_CHECK(push(tx, 1));
        GANTRY_CHECK(rx.try_pop().has_value());
    }
    int sum = 0;
    std::thread gives_up([&, &rx = rx] {
        if (const auto popped = rx.try_pop())
            sum += **popped;
    });
    std::thread follows([&tx = tx] { GANTRY_CHECK(push(tx, 2)); });
    GANTRY_CHECK(push(tx, 1));
    domain.collect();
    gives_up.join();
    follows.join();
    while (const auto popped = rx.try_pop())
        sum += **popped;
    GANTRY_CHECK_EQ(sum, 3);
}

// kanal #35: a send that waits for its receiver is destroyed while the receiver comes. There the destructor had the
// whole of the operation to itself before it had taken it back, and the receiver read the value at the same time. Here:
// the element is popped, or goes with the operation.
GANTRY_MODEL(kanal_35_push_ends_while_it_is_popped) {
    auto [tx, rx] = channel::rendezvous<element>();
    later executor;
    bool accepted = false;
    {
        std::optional<task<>> waits(push_seven(tx, executor, accepted));
        start(*waits);
        std::thread popper([&rx = rx] {
            if (const auto popped = rx.try_pop())
                GANTRY_CHECK(**popped == 7);
        });
        waits.reset();
        popper.join();
    }
    executor.run();
    GANTRY_CHECK(!accepted && !rx.try_pop());
}

// kanal #50: the arm of a select that is not taken loses its value, which had been put into its operation. Here the
// channels hand over to who waits, as there: who was accepted is received, by this select or the next.
GANTRY_MODEL_WITHIN(kanal_50_both_arms_are_handed, 2, 1) {
    auto [a, from_a] = channel::rendezvous<element>();
    auto [b, from_b] = channel::rendezvous<element>();
    later executor;
    int sum = 0;
    task<> waits = select_into(from_a, from_b, executor, sum);
    start(waits);
    bool accepted_a = false;
    bool accepted_b = false;
    std::thread one([&, &a = a] { accepted_a = a.try_push(element_of(1)).has_value(); });
    std::thread two([&, &b = b] { accepted_b = b.try_push(element_of(2)).has_value(); });
    one.join();
    two.join();
    executor.run();
    GANTRY_CHECK(accepted_a || accepted_b);
    GANTRY_CHECK_EQ(sum, (accepted_a ? 1 : 0) + (accepted_b ? 2 : 0));
}

// The same with room for an element, as in the report: what the select does not take stays in its channel.
GANTRY_MODEL_WITHIN(kanal_50_both_arms_have_one, 2, 1) {
    auto [a, from_a] = channel::bounded<element>(1);
    auto [b, from_b] = channel::bounded<element>(1);
    later executor;
    int sum = 0;
    task<> waits = select_into(from_a, from_b, executor, sum);
    start(waits);
    std::thread one([&a = a] { GANTRY_CHECK(a.try_push(element_of(1)).has_value()); });
    GANTRY_CHECK(b.try_push(element_of(2)).has_value());
    one.join();
    executor.run();
    GANTRY_CHECK(sum == 1 || sum == 2);
    if (const auto left = (sum == 1 ? from_b : from_a).try_pop())
        sum += **left;
    GANTRY_CHECK_EQ(sum, 3);
}

// And what the select is destroyed for, having been handed an element that it has not looked at: the channel has it.
GANTRY_MODEL(kanal_50_pop_ends_while_it_is_handed) {
    auto [tx, rx] = channel::rendezvous<element>();
    later executor;
    element got;
    bool accepted = false;
    {
        std::optional<task<>> waits(pop_into(rx, executor, got));
        start(*waits);
        std::thread pusher([&, &tx = tx] { accepted = tx.try_push(element_of(7)).has_value(); });
        waits.reset();
        pusher.join();
    }
    executor.run();
    GANTRY_CHECK(got == nullptr);
    const auto left = rx.try_pop();
    GANTRY_CHECK(left.has_value() == accepted);
    GANTRY_CHECK(!left || **left == 7);
}

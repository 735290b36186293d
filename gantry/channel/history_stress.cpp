// SPDX-License-Identifier: MIT
// What must hold: for every short run of real threads on a channel, with operations that wait, that do not and that
// wait for some time, and with a close in the middle or at the end, there is an order of the operations, one at a time
// and in keeping with the clock, that a FIFO queue with a limit and a close explains. On a rendezvous channel, that a
// push and its pop overlap, too.
#include <gantry/base/prng.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/test_channel_specification.hpp>
#include <gantry/check/linearizability/history_text.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/recorder.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using gantry::prng;
using gantry::channel::errc;
using gantry::channel::receiver;
using gantry::channel::sender;
using gantry::check::check_history;
using gantry::check::explained;
using gantry::check::history;
using gantry::check::recorder;
using gantry::check::verdict;
using gantry::test::seed;
using namespace gantry::channel::test;
using namespace std::chrono_literals;

using element = std::unique_ptr<std::int64_t>; // on the heap: the sanitizers see a wrong hand-over
using log = recorder<channel_request, channel_answer>;

// `./dev stress` asks for long runs.
std::uint64_t runs() {
    return std::getenv("GANTRY_STRESS_LONG") != nullptr ? 400 : 30;
}

constexpr std::int64_t sender_operations = 8;
constexpr std::uint64_t receiver_operations_max = 40;

// False: closed.
bool push_somehow(const sender<element>& tx, log& all, std::uint32_t me, std::int64_t value, prng& random) {
    channel_request asked{.what = channel_act::push, .value = value};
    gantry::channel::push_result<element> pushed;
    element it = std::make_unique<std::int64_t>(value);
    switch (random.uniform_below(4)) {
    case 0:
        asked.what = channel_act::try_push;
        all.call(me, asked);
        pushed = tx.try_push(std::move(it));
        break;
    case 1:
        asked.what = channel_act::push_for;
        all.call(me, asked);
        pushed = tx.push_for(std::move(it), random.uniform_below(20) * 1us);
        break;
    default:
        all.call(me, asked);
        pushed = tx.push(std::move(it));
        break;
    }
    if (pushed) {
        all.end(me, {});
        return true;
    }
    const errc reason = pushed.error().reason;
    all.end(me, {.reason = reason});
    EXPECT_TRUE(pushed.error().value != nullptr && *pushed.error().value == value) << "not the value that was refused";
    return reason != errc::closed;
}

// False: closed and empty.
bool pop_somehow(const receiver<element>& rx, log& all, std::uint32_t me, bool must_wait, prng& random) {
    channel_request asked{.what = channel_act::pop};
    gantry::channel::pop_result<element> popped;
    switch (must_wait ? 3 : random.uniform_below(4)) {
    case 0:
        asked.what = channel_act::try_pop;
        all.call(me, asked);
        popped = rx.try_pop();
        break;
    case 1:
        asked.what = channel_act::pop_for;
        all.call(me, asked);
        popped = rx.pop_for(random.uniform_below(20) * 1us);
        break;
    default:
        all.call(me, asked);
        popped = rx.pop();
        break;
    }
    all.end(me, popped ? channel_answer{.value = **popped} : channel_answer{.reason = popped.error()});
    return popped || popped.error() != errc::closed;
}

enum class closing : std::uint8_t { at_the_end, in_the_middle };

// Senders do so many operations each; receivers go on until it is closed and empty. The last sender to come to its end
// closes, or anyone who is there at a moment drawn beforehand.
void is_linearizable(std::uint32_t senders, std::uint32_t receivers, closing when) {
    using limit = std::optional<std::size_t>;
    for (const limit capacity : {limit(0), limit(1), limit(2), limit(3), limit()}) {
        log all({.threads = senders + receivers, .operations_max = receiver_operations_max + 2});
        for (std::uint64_t run = 0; run != runs(); ++run) {
            auto [tx, rx] = !capacity        ? gantry::channel::unbounded<element>()
                            : *capacity == 0 ? gantry::channel::rendezvous<element>()
                                             : gantry::channel::bounded<element>(*capacity);
            std::barrier start(static_cast<std::ptrdiff_t>(senders + receivers));
            std::atomic<std::uint32_t> sending{senders};
            prng draw(seed(), run);
            const std::uint32_t closer = static_cast<std::uint32_t>(draw.uniform_below(senders + receivers));
            const std::uint64_t closes_after =
                when == closing::at_the_end ? receiver_operations_max + 1 : draw.uniform_below(sender_operations);
            {
                std::vector<std::jthread> threads;
                for (std::uint32_t me = 0; me != senders + receivers; ++me) {
                    threads.emplace_back([&, me, random = prng(seed(), 1000 * run + me)]() mutable {
                        const auto close = [&] {
                            all.call(me, {.what = channel_act::close});
                            tx.close();
                            all.end(me, {});
                        };
                        start.arrive_and_wait();
                        if (me >= senders) {
                            std::uint64_t done = 0;
                            do {
                                if (me == closer && done == closes_after)
                                    close();
                                // Of those that do not wait for long there may be many: a history has an end.
                            } while (pop_somehow(rx, all, me, ++done > receiver_operations_max / 4, random));
                            return;
                        }
                        for (std::int64_t i = 0; i != sender_operations; ++i) {
                            if (me == closer && static_cast<std::uint64_t>(i) == closes_after)
                                close();
                            if (!push_somehow(tx, all, me, 100 * me + i, random))
                                break;
                        }
                        if (sending.fetch_sub(1, std::memory_order_relaxed) == 1)
                            close();
                    });
                }
            }
            const auto recorded = all.take();
            const auto result = check_history(channel_specification{.capacity = capacity}, recorded);
            ASSERT_EQ(result.is, verdict::holds) << explained(recorded, result);
            ASSERT_TRUE(capacity != 0 || all_meet(recorded));
        }
    }
}

TEST(history_stress, one_to_one) {
    is_linearizable(1, 1, closing::at_the_end);
}

TEST(history_stress, many_to_many) {
    is_linearizable(2, 2, closing::at_the_end);
}

TEST(history_stress, many_to_one) {
    is_linearizable(3, 1, closing::in_the_middle);
}

TEST(history_stress, many_to_many_closed_in_the_middle) {
    is_linearizable(2, 2, closing::in_the_middle);
}

// A check that cannot fail checks nothing.
TEST(history_stress, refuses_what_no_channel_does) {
    const auto verdict_on = [](std::optional<std::size_t> capacity, const auto&... steps) {
        history<channel_request, channel_answer> all;
        const auto add = [&](const auto& step) {
            all.push_back({.thread = 0,
                           .what = step.first,
                           .result = step.second,
                           .call = 2 * all.size(),
                           .end = 2 * all.size() + 1});
        };
        (add(steps), ...);
        return check_history(channel_specification{.capacity = capacity}, all).is;
    };
    using step = std::pair<channel_request, channel_answer>;
    const auto push = [](std::int64_t value) {
        return step({channel_act::push, value}, {});
    };
    const auto pop = [](std::int64_t value) {
        return step({channel_act::pop}, {.value = value});
    };
    const auto refused = [](channel_act what, errc reason) {
        return step({what, 9}, {.reason = reason});
    };
    const step close({channel_act::close}, {});

    EXPECT_EQ(verdict_on(2, push(1), push(2), pop(1), close, pop(2), refused(channel_act::pop, errc::closed)),
              verdict::holds);
    EXPECT_EQ(verdict_on(1, push(1), refused(channel_act::try_push, errc::full),
                         refused(channel_act::push_for, errc::timeout), pop(1),
                         refused(channel_act::try_pop, errc::empty), refused(channel_act::pop_for, errc::timeout)),
              verdict::holds);
    EXPECT_EQ(verdict_on(0, push(1), pop(1), refused(channel_act::try_push, errc::full), push(2), pop(2), close,
                         refused(channel_act::push, errc::closed)),
              verdict::holds);
    const auto& wrong = verdict::violated;
    EXPECT_EQ(verdict_on(0, push(1), push(2), pop(1), pop(2)), wrong);                           // two at a time
    EXPECT_EQ(verdict_on({}, push(1), push(2), pop(2)), wrong);                                  // out of order
    EXPECT_EQ(verdict_on({}, push(1), pop(1), pop(1)), wrong);                                   // twice
    EXPECT_EQ(verdict_on({}, push(1), refused(channel_act::try_pop, errc::empty)), wrong);       // unseen
    EXPECT_EQ(verdict_on({}, push(1), close, refused(channel_act::pop, errc::closed)), wrong);   // lost at the close
    EXPECT_EQ(verdict_on({}, push(1), refused(channel_act::pop_for, errc::timeout)), wrong);     // left behind
    EXPECT_EQ(verdict_on({}, close, push(1)), wrong);                                            // in after the close
    EXPECT_EQ(verdict_on(1, push(1), push(2)), wrong);                                           // more than fit
    EXPECT_EQ(verdict_on(1, refused(channel_act::try_push, errc::full)), wrong);                 // full of nothing
    EXPECT_EQ(verdict_on(1, push(1), close, refused(channel_act::try_push, errc::full)), wrong); // closed comes first
}

TEST(history_stress, refuses_those_who_do_not_meet) {
    using entry = gantry::check::record<channel_request, channel_answer>;
    const auto push = [](std::uint64_t call, std::uint64_t end) {
        return entry{.thread = 0, .what = {channel_act::push, 1}, .result = channel_answer{}, .call = call, .end = end};
    };
    const auto pop = [](std::uint64_t call, std::uint64_t end) {
        return entry{.thread = 1, .what = {}, .result = channel_answer{.value = 1}, .call = call, .end = end};
    };
    EXPECT_TRUE(all_meet({push(1, 3), pop(2, 4)}));
    EXPECT_FALSE(all_meet({push(1, 2), pop(3, 4)}));            // left there
    EXPECT_FALSE(all_meet({pop(1, 2), push(3, 4)}));            // from nowhere
    EXPECT_FALSE(all_meet({push(1, 2)}));                       // lost
    EXPECT_FALSE(all_meet({push(1, 5), pop(2, 4), pop(3, 6)})); // twice
}

} // namespace

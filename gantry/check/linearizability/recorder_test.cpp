// SPDX-License-Identifier: MIT
// What threads record comes out as it was, in order; the queue of Herlihy and Wing, which has no fixed linearization
// point, is accepted in every interleaving and on real threads, and its broken twins are refused.
#include <gantry/base/prng.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/linearizability_test_support.hpp>
#include <gantry/check/linearizability/recorder.hpp>
#include <gantry/check/linearizability/specifications.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <thread>
#include <vector>

namespace gantry::check {
namespace {

using test::events;
using test::pop;
using test::push;

TEST(recorder, gives_back_what_it_was_told) {
    recorder<request, response> log({.threads = 2, .operations_max = 2});
    log.call(1, pop());
    log.call(0, push(5));
    log.end(1, response{5});
    log.end(0, {});
    log.call(1, pop());
    EXPECT_EQ(log.room(1), 0U);
    EXPECT_EQ(log.room(0), 1U);
    const events expected = {
        {.thread = 1, .what = pop(), .result = response{5}, .call = 0, .end = 2},
        {.thread = 0, .what = push(5), .result = response{}, .call = 1, .end = 3},
        {.thread = 1, .what = pop(), .result = {}, .call = 4, .end = pending},
    };
    EXPECT_EQ(log.take(), expected);
    EXPECT_TRUE(log.take().empty());
    EXPECT_EQ(log.room(1), 2U);
}

// ---------------------------------------------------------- the queue of Herlihy and Wing (1990), section 4.1, figure
// 5

// An enqueue reserves a slot, then fills it; a dequeue swaps out the first full slot that it finds. Which of two
// overlapping enqueues came first may be settled only by a later dequeue.
class herlihy_wing_queue {
public:
    explicit herlihy_wing_queue(std::size_t slots) : items_(slots) {}

    void push(std::int64_t value) {
        const std::size_t slot = back_.fetch_add(1, std::memory_order_seq_cst);
        items_[slot].store(value, std::memory_order_seq_cst);
    }

    // Waits until there is a value.
    std::int64_t pop() {
        for (;;) {
            const std::size_t range = back_.load(std::memory_order_seq_cst);
            for (std::size_t i = 0; i < range; ++i) {
                const std::int64_t value = items_[i].exchange(0, std::memory_order_seq_cst);
                if (value != 0) {
                    return value;
                }
            }
            std::this_thread::yield();
        }
    }

private:
    std::atomic<std::size_t> back_{0};
    std::vector<std::atomic<std::int64_t>> items_;
};

TEST(herlihy_wing_queue, real_threads_are_accepted) {
    constexpr std::uint32_t pairs = 2;
    constexpr std::size_t each = 8; // a thread that is put to sleep overlaps all the rest
    int accepted = 0;
    constexpr int rounds = 100;
    for (int round = 0; round < rounds; ++round) {
        herlihy_wing_queue queue(pairs * each);
        recorder<request, response> log({.threads = 2 * pairs, .operations_max = each});
        std::latch start(2 * pairs);
        std::vector<std::jthread> threads;
        for (std::uint32_t me = 0; me < 2 * pairs; ++me) {
            threads.emplace_back([&, me] {
                start.arrive_and_wait();
                for (std::size_t i = 0; i < each; ++i) {
                    if (me < pairs) {
                        const auto value = static_cast<std::int64_t>(me * each + i + 1);
                        log.call(me, push(value));
                        queue.push(value);
                        log.end(me, {});
                    } else {
                        log.call(me, pop());
                        log.end(me, queue.pop());
                    }
                }
            });
        }
        threads.clear();
        const events all = log.take();
        ASSERT_EQ(all.size(), 2 * pairs * each);
        const history_result result = check_history(queue_specification{}, all, {.states_max = 100'000});
        ASSERT_NE(result.is, verdict::violated);
        ASSERT_EQ(test::fault(queue_specification{}, all, condition::linearizable, result), "");
        accepted += result.is == verdict::holds ? 1 : 0;
    }
    EXPECT_GT(accepted, rounds / 2) << "the others are not known at the limit";
}

// The same algorithm as steps that a test interleaves as it likes.
enum class kind : std::uint8_t { sound, fills_before_it_reserves, takes_in_two_steps, looks_from_behind };

class stepped_queue {
public:
    struct thread {
        std::vector<request> program;
        std::size_t at = 0;
        int step = 0;
        std::size_t slot = 0;
        std::size_t range = 0;
        std::int64_t value = 0;
    };

    stepped_queue(kind what, std::vector<std::vector<request>> programs) : what_(what) {
        for (auto& each : programs) {
            threads_.push_back({.program = std::move(each)});
        }
    }

    [[nodiscard]] std::size_t threads() const { return threads_.size(); }
    [[nodiscard]] bool done(std::size_t number) const { return threads_[number].at == threads_[number].program.size(); }
    [[nodiscard]] const test::writer& written() const { return written_; }

    // One step of a thread that is not done: a call, one access to shared memory, or the last of them with the end. A
    // dequeue that found nothing in all slots ends with nothing; the paper's tries again.
    void step(std::size_t number) {
        thread& t = threads_[number];
        const request& asked = t.program[t.at];
        const auto id = static_cast<std::uint32_t>(number);
        if (t.step == 0) {
            written_.call(id, asked);
            t.step = 1;
        } else if (asked.what == verb::push) {
            step_push(t, id, asked.value);
        } else {
            step_pop(t, id);
        }
    }

private:
    void step_push(thread& t, std::uint32_t id, std::int64_t value) {
        if (t.step == 1) {
            t.slot = back_;
            if (what_ == kind::fills_before_it_reserves) {
                items_.at(t.slot) = value; // two may fill the same
            } else {
                ++back_;
            }
            t.step = 2;
            return;
        }
        if (what_ == kind::fills_before_it_reserves) {
            ++back_;
        } else {
            items_.at(t.slot) = value;
        }
        end(t, id, {});
    }

    void step_pop(thread& t, std::uint32_t id) {
        if (t.step == 1) {
            t.range = back_;
            t.slot = 0;
            t.step = 2;
            return;
        }
        if (t.slot == t.range) {
            stuck_ = true; // waits for ever in this run: leave it pending
            t.at = t.program.size();
            return;
        }
        const std::size_t slot = what_ == kind::looks_from_behind ? t.range - 1 - t.slot : t.slot;
        if (t.step == 2) {
            t.value = items_.at(slot);
            if (what_ == kind::takes_in_two_steps && t.value != 0) {
                t.step = 3;
                return;
            }
        }
        items_.at(slot) = 0;
        if (t.value != 0) {
            end(t, id, t.value);
            return;
        }
        ++t.slot;
    }

    void end(thread& t, std::uint32_t id, response result) {
        written_.end(id, result);
        ++t.at;
        t.step = 0;
    }

    kind what_;
    std::vector<thread> threads_;
    std::array<std::int64_t, 8> items_{};
    std::size_t back_ = 0;
    bool stuck_ = false;
    test::writer written_;
};

struct tally {
    std::size_t runs = 0;
    std::size_t refused = 0;
};

// Every interleaving.
void explore(const stepped_queue& queue, tally& counts) {
    bool ended = true;
    for (std::size_t i = 0; i < queue.threads(); ++i) {
        if (!queue.done(i)) {
            ended = false;
            stepped_queue next = queue;
            next.step(i);
            explore(next, counts);
        }
    }
    if (ended) {
        ++counts.runs;
        const events& all = queue.written().get();
        const history_result result = check_history(queue_specification{}, all);
        ASSERT_EQ(test::fault(queue_specification{}, all, condition::linearizable, result), "");
        counts.refused += result.is == verdict::holds ? 0U : 1U;
    }
}

std::vector<std::vector<request>> programs() {
    return {{push(1)}, {push(2)}, {pop(), pop()}};
}

TEST(herlihy_wing_queue, every_interleaving_is_accepted) {
    tally counts;
    explore(stepped_queue(kind::sound, programs()), counts);
    EXPECT_GT(counts.runs, 1000U);
    EXPECT_EQ(counts.refused, 0U);
}

TEST(herlihy_wing_queue, broken_twins_are_refused) {
    for (const kind what : {kind::fills_before_it_reserves, kind::takes_in_two_steps, kind::looks_from_behind}) {
        tally counts;
        explore(stepped_queue(what, {{push(1), push(2)}, {pop()}, {pop()}}), counts);
        if (what == kind::fills_before_it_reserves) {
            counts = {};
            explore(stepped_queue(what, {{push(1), push(3)}, {push(2), pop(), pop()}}), counts);
        }
        EXPECT_GT(counts.refused, 0U) << static_cast<int>(what);
        EXPECT_LT(counts.refused, counts.runs) << static_cast<int>(what);
    }
}

// The history that no fixed linearization point explains: after the same beginning, either enqueue may turn out to have
// been first.
TEST(herlihy_wing_queue, the_future_decides) {
    for (const bool late_fills_first : {false, true}) {
        stepped_queue queue(kind::sound, programs());
        for (const std::size_t thread :
             {0U, 0U, 1U, 1U, 1U}) { // 0 reserved the first slot, 1 filled the second and ended
            queue.step(thread);
        }
        queue.step(2); // a dequeue is called,
        queue.step(2); // sees two slots,
        if (late_fills_first) {
            queue.step(0);
        }
        queue.step(2); // and looks into the first
        while (!queue.done(2) || !queue.done(0)) {
            queue.step(queue.done(0) ? 2 : 0);
        }
        const events& all = queue.written().get();
        EXPECT_EQ(all[2].result, response{late_fills_first ? 1 : 2});
        EXPECT_EQ(check_history(queue_specification{}, all).is, verdict::holds);
    }
}

} // namespace
} // namespace gantry::check

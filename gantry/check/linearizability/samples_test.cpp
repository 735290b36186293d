// SPDX-License-Identifier: MIT
// The samples of the README and of the header comments compile and tell the truth.
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/recorder.hpp>
#include <gantry/check/linearizability/specifications.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace gantry::check {
namespace {

// The object under test.
class locked_queue {
public:
    void push(std::int64_t value) {
        const std::lock_guard lock(mutex_);
        values_.push_back(value);
    }

    response try_pop() {
        const std::lock_guard lock(mutex_);
        if (values_.empty()) {
            return {};
        }
        const std::int64_t value = values_.front();
        values_.pop_front();
        return value;
    }

private:
    std::mutex mutex_;
    std::deque<std::int64_t> values_;
};

TEST(samples, recorded_from_threads) {
    locked_queue queue;
    recorder<request, response> log({.threads = 2, .operations_max = 100});
    const auto work = [&](std::uint32_t me) {
        for (std::int64_t i = 0; i < 50; ++i) {
            const std::int64_t value = 100 * me + i; // each value is pushed once
            log.call(me, {.what = verb::push, .value = value});
            queue.push(value);
            log.end(me, {});
            log.call(me, {.what = verb::pop});
            log.end(me, queue.try_pop());
        }
    };
    std::thread other(work, 1);
    work(0);
    other.join();
    const history_result result = check_history(queue_specification{}, log.take());
    EXPECT_EQ(result.is, verdict::holds);
}

TEST(samples, made_by_hand) {
    const history<request, response> all = {
        {.thread = 0, .what = {.what = verb::push, .value = 7}, .result = response{}, .call = 1, .end = 4},
        {.thread = 1, .what = {.what = verb::pop}, .result = response{7}, .call = 2, .end = 3},
    };
    const history_result result = check_history(queue_specification{}, all);
    EXPECT_EQ(result.is, verdict::holds);
    EXPECT_EQ(result.order, (std::vector<std::size_t>{0, 1}));
}

// A one-time flag: the first to set it is told so.
struct flag_specification {
    using operation = int; // there is only one
    using result = bool;

    bool set = false;

    bool apply(const int&) { return !std::exchange(set, true); }
    [[nodiscard]] std::size_t hash() const { return set ? 1 : 0; }
    [[nodiscard]] bool operator==(const flag_specification&) const = default;
};

TEST(samples, a_specification_of_your_own) {
    history<int, bool> all = {
        {.thread = 0, .what = 0, .result = false, .call = 1, .end = 4},
        {.thread = 1, .what = 0, .result = true, .call = 2, .end = 3},
    };
    EXPECT_EQ(check_history(flag_specification{}, all).is, verdict::holds);
    all[0].result = true;
    EXPECT_EQ(check_history(flag_specification{}, all).is, verdict::violated);
}

} // namespace
} // namespace gantry::check

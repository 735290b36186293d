// SPDX-License-Identifier: MIT
// The samples of the README and of the header comments compile and tell the truth.
#include <gantry/check/linearizability/history_text.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/recorder.hpp>
#include <gantry/check/linearizability/specifications.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
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
    EXPECT_EQ(text_of(all[0]), "push(7) -> nothing");
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
    const history_result result = check_history(flag_specification{}, all);
    EXPECT_EQ(result.is, verdict::violated);
    EXPECT_EQ(explained(all, result), "an order explains 1 of 2 operations:\n  1. thread 0: 0 -> true\n"
                                      "but then not  thread 1: 0 -> true, called at 2\n");
}

// What a class is shown as: its own text_of(), its text, what it holds, its number, or what it writes to a stream.
struct shown_by_itself {
    friend std::string text_of(const shown_by_itself&) { return "itself"; }
};

struct shown_by_a_stream {
    friend std::ostream& operator<<(std::ostream& out, const shown_by_a_stream&) { return out << "streamed"; }
};

struct not_shown {};

enum class number : std::uint8_t { three = 3 };

TEST(text_of, a_type_of_your_own) {
    EXPECT_EQ(detail::shown(shown_by_itself()), "itself");
    EXPECT_EQ(detail::shown(shown_by_a_stream()), "streamed");
    EXPECT_EQ(detail::shown(not_shown()), "?");
    EXPECT_EQ(detail::shown(number::three), "3");
    EXPECT_EQ(detail::shown(std::string("text")), "text");
    EXPECT_EQ(detail::shown(std::optional<bool>()), "nothing");
    EXPECT_EQ(detail::shown(std::optional<bool>(true)), "true");
    const record<number, bool> waits{.thread = 1, .what = number::three, .result = {}, .call = 1};
    EXPECT_EQ(text_of(waits), "3 pending");
}

} // namespace
} // namespace gantry::check

// SPDX-License-Identifier: MIT
// <workload>/<implementation>/cap:N. Workloads: seq (one thread pushes, then pops), spsc and mpsc (1 and 4 senders),
// batch (spsc with push_range and pop_some), pingpong (round trips of one element through two channels).
#include <gantry/channel/channel.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

struct gantry_channel {
    explicit gantry_channel(std::size_t capacity)
        : ends(capacity == unbounded ? gantry::channel::unbounded<std::uint64_t>()
                                     : gantry::channel::bounded<std::uint64_t>(capacity)) {}

    void push(std::uint64_t value) const {
        if (!ends.tx.push(std::move(value)))
            std::abort();
    }
    [[nodiscard]] std::uint64_t pop() const { return ends.rx.pop().value(); }
    void push_batch(std::span<std::uint64_t> values) const {
        if (!ends.tx.push_range(values))
            std::abort();
    }
    [[nodiscard]] std::size_t pop_batch(std::uint64_t* out, std::size_t max) const {
        return ends.rx.pop_some(out, max).value();
    }

    gantry::channel::ends<std::uint64_t> ends;
};

// What most people write: std::mutex, two std::condition_variable, std::deque.
class mutex_deque {
public:
    explicit mutex_deque(std::size_t capacity) : capacity_(capacity) {}

    void push(std::uint64_t value) {
        {
            std::unique_lock lock(mutex_);
            not_full_.wait(lock, [this] { return queue_.size() < capacity_; });
            queue_.push_back(value);
        }
        not_empty_.notify_one();
    }
    [[nodiscard]] std::uint64_t pop() {
        std::uint64_t value = 0;
        {
            std::unique_lock lock(mutex_);
            not_empty_.wait(lock, [this] { return !queue_.empty(); });
            value = queue_.front();
            queue_.pop_front();
        }
        not_full_.notify_one();
        return value;
    }
    void push_batch(std::span<std::uint64_t> values) {
        while (!values.empty()) {
            std::size_t count = 0;
            {
                std::unique_lock lock(mutex_);
                not_full_.wait(lock, [this] { return queue_.size() < capacity_; });
                count = std::min(values.size(), capacity_ - queue_.size());
                queue_.insert(queue_.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
            }
            not_empty_.notify_one();
            values = values.subspan(count);
        }
    }
    [[nodiscard]] std::size_t pop_batch(std::uint64_t* out, std::size_t max) {
        std::size_t count = 0;
        {
            std::unique_lock lock(mutex_);
            not_empty_.wait(lock, [this] { return !queue_.empty(); });
            count = std::min(max, queue_.size());
            const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
            std::copy(queue_.begin(), end, out);
            queue_.erase(queue_.begin(), end);
        }
        not_full_.notify_one();
        return count;
    }

private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable not_full_;
    std::condition_variable not_empty_;
    std::deque<std::uint64_t> queue_;
};

// A small channel costs a switch of threads for a few messages: fewer of them tell as much.
constexpr std::uint64_t messages_for(std::size_t capacity) {
    return capacity < 1024 ? 20'000 : 100'000;
}

std::uint64_t sum_below(std::uint64_t count) {
    return count * (count - 1) / 2;
}

void finish(benchmark::State& state, bool right, std::uint64_t items) {
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
    if (!right)
        state.SkipWithError("lost or doubled a message");
}

template<class Channel>
void seq(benchmark::State& state, std::size_t capacity) {
    const std::uint64_t messages = messages_for(capacity);
    const std::uint64_t burst = std::min<std::uint64_t>(capacity, 1000);
    bool right = true;
    for ([[maybe_unused]] auto _ : state) {
        Channel channel(capacity);
        std::uint64_t sum = 0;
        for (std::uint64_t done = 0; done < messages; done += burst) {
            for (std::uint64_t i = 0; i != burst; ++i)
                channel.push(i);
            for (std::uint64_t i = 0; i != burst; ++i)
                sum += channel.pop();
        }
        right = right && sum == sum_below(burst) * ((messages + burst - 1) / burst);
    }
    finish(state, right, messages);
}

template<class Channel>
void many_to_one(benchmark::State& state, std::size_t capacity, std::uint64_t senders) {
    const std::uint64_t messages = messages_for(capacity);
    const std::uint64_t each = messages / senders;
    bool right = true;
    for ([[maybe_unused]] auto _ : state) {
        Channel channel(capacity);
        std::vector<std::jthread> threads;
        for (std::uint64_t sender = 0; sender != senders; ++sender) {
            threads.emplace_back([&channel, each] {
                for (std::uint64_t i = 0; i != each; ++i)
                    channel.push(i);
            });
        }
        std::uint64_t sum = 0;
        for (std::uint64_t i = 0; i != each * senders; ++i)
            sum += channel.pop();
        right = right && sum == sum_below(each) * senders;
    }
    finish(state, right, each * senders);
}

template<class Channel>
void batch(benchmark::State& state, std::size_t capacity) {
    const std::uint64_t messages = messages_for(capacity);
    static constexpr std::uint64_t size = 64;
    bool right = true;
    for ([[maybe_unused]] auto _ : state) {
        Channel channel(capacity);
        const std::jthread sender([&channel, messages] {
            std::uint64_t values[size];
            for (std::uint64_t next = 0; next < messages;) {
                const std::size_t count = std::min(size, messages - next);
                for (std::size_t i = 0; i != count; ++i)
                    values[i] = next++;
                channel.push_batch(std::span(values, count));
            }
        });
        std::uint64_t values[size];
        std::uint64_t sum = 0;
        for (std::uint64_t taken = 0; taken != messages;) {
            const std::size_t count = channel.pop_batch(values, size);
            for (std::size_t i = 0; i != count; ++i)
                sum += values[i];
            taken += count;
        }
        right = right && sum == sum_below(messages);
    }
    finish(state, right, messages);
}

template<class Channel>
void pingpong(benchmark::State& state, std::size_t capacity) {
    constexpr std::uint64_t rounds = 5'000;
    bool right = true;
    for ([[maybe_unused]] auto _ : state) {
        Channel there(capacity);
        Channel back(capacity);
        const std::jthread other([&] {
            for (std::uint64_t i = 0; i != rounds; ++i)
                back.push(there.pop() + 1);
        });
        for (std::uint64_t i = 0; i != rounds; ++i) {
            there.push(i);
            right = right && back.pop() == i + 1;
        }
    }
    finish(state, right, rounds);
}

template<class Channel>
void register_all(const std::string& implementation) {
    const auto add = [](const std::string& name, auto run) {
        benchmark::RegisterBenchmark(name.c_str(), run)->UseRealTime()->Unit(benchmark::kMillisecond);
    };
    for (const std::size_t capacity : {std::size_t{1}, std::size_t{16}, std::size_t{1024}, unbounded}) {
        const std::string tail =
            '/' + implementation + "/cap:" + (capacity == unbounded ? "unbounded" : std::to_string(capacity));
        add("seq" + tail, [capacity](benchmark::State& state) { seq<Channel>(state, capacity); });
        add("spsc" + tail, [capacity](benchmark::State& state) { many_to_one<Channel>(state, capacity, 1); });
        add("mpsc" + tail, [capacity](benchmark::State& state) { many_to_one<Channel>(state, capacity, 4); });
        add("batch" + tail, [capacity](benchmark::State& state) { batch<Channel>(state, capacity); });
        if (capacity == 1)
            add("pingpong" + tail, [capacity](benchmark::State& state) { pingpong<Channel>(state, capacity); });
    }
}

} // namespace

int main(int argc, char** argv) {
    register_all<gantry_channel>("gantry");
    register_all<mutex_deque>("mutex");
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}

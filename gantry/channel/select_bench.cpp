// SPDX-License-Identifier: MIT
// select_rx/<implementation>/cap:N: four senders, each with a channel of its own, and one receiver that takes from any.
// select_both: four senders that push to any of four channels, and four receivers that take from any. One item is one
// message. `gantry_selector`: the arms are added at run time.
#include <gantry/channel/select.hpp>
#include <gantry/channel/test_workloads.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace gantry::channel::test;
using gantry::channel::pop_result;
using gantry::channel::push_result;

constexpr std::size_t channels = 4;

gantry::channel::ends<std::uint64_t> made(std::size_t capacity) {
    return capacity == no_limit ? gantry::channel::unbounded<std::uint64_t>()
           : capacity == 0      ? gantry::channel::rendezvous<std::uint64_t>()
                                : gantry::channel::bounded<std::uint64_t>(capacity);
}

class gantry_group {
public:
    explicit gantry_group(std::size_t capacity)
        : ends_{made(capacity), made(capacity), made(capacity), made(capacity)} {}

    void push(std::size_t channel, std::uint64_t value) {
        if (!ends_[channel].tx.push(value))
            std::abort();
    }
    // For one thread each.
    [[nodiscard]] auto pusher() {
        return [this](std::uint64_t value) {
            const auto pushed = [](const push_result<std::uint64_t>& result) {
                if (!result)
                    std::abort();
            };
            using gantry::channel::on_push;
            gantry::channel::select(on_push(ends_[0].tx, value, pushed), on_push(ends_[1].tx, value, pushed),
                                    on_push(ends_[2].tx, value, pushed), on_push(ends_[3].tx, value, pushed));
        };
    }
    [[nodiscard]] auto popper() {
        return [this] {
            const auto take = [](const pop_result<std::uint64_t>& result) {
                return *result;
            };
            using gantry::channel::on;
            return gantry::channel::select(on(ends_[0].rx, take), on(ends_[1].rx, take), on(ends_[2].rx, take),
                                           on(ends_[3].rx, take));
        };
    }

protected:
    std::array<gantry::channel::ends<std::uint64_t>, channels> ends_;
};

class gantry_selectors : public gantry_group {
public:
    using gantry_group::gantry_group;

    class pusher_of {
    public:
        explicit pusher_of(gantry_selectors& of) {
            for (const auto& each : of.ends_) {
                arms_.on_push(each.tx, *value_, [](const push_result<std::uint64_t>& result) {
                    if (!result)
                        std::abort();
                });
            }
        }
        void operator()(std::uint64_t value) {
            *value_ = value;
            arms_.run();
        }

    private:
        std::unique_ptr<std::uint64_t> value_ = std::make_unique<std::uint64_t>();
        gantry::channel::selector arms_;
    };
    class popper_of {
    public:
        explicit popper_of(gantry_selectors& of) {
            for (const auto& each : of.ends_)
                arms_.on(each.rx,
                         [taken = taken_.get()](const pop_result<std::uint64_t>& result) { *taken = *result; });
        }
        [[nodiscard]] std::uint64_t operator()() {
            arms_.run();
            return *taken_;
        }

    private:
        std::unique_ptr<std::uint64_t> taken_ = std::make_unique<std::uint64_t>();
        gantry::channel::selector arms_;
    };

    [[nodiscard]] pusher_of pusher() { return pusher_of(*this); }
    [[nodiscard]] popper_of popper() { return popper_of(*this); }
};

// What is written without a select: one mutex for all four queues. Not of capacity 0.
class mutex_group {
public:
    explicit mutex_group(std::size_t capacity) : capacity_(capacity) {}

    void push(std::size_t channel, std::uint64_t value) {
        {
            std::unique_lock lock(mutex_);
            not_full_[channel].wait(lock, [&] { return queues_[channel].size() < capacity_; });
            queues_[channel].push_back(value);
        }
        some_not_empty_.notify_one();
    }
    [[nodiscard]] auto pusher() {
        return [this, next = std::size_t{0}](std::uint64_t value) mutable {
            {
                std::unique_lock lock(mutex_);
                some_not_full_.wait(lock, [&] { return found(next, [&](auto& q) { return q.size() < capacity_; }); });
                queues_[next].push_back(value);
            }
            some_not_empty_.notify_one();
        };
    }
    [[nodiscard]] auto popper() {
        return [this, next = std::size_t{0}]() mutable {
            std::uint64_t value = 0;
            {
                std::unique_lock lock(mutex_);
                some_not_empty_.wait(lock, [&] { return found(next, [](auto& q) { return !q.empty(); }); });
                value = queues_[next].front();
                queues_[next].pop_front();
            }
            not_full_[next].notify_one();
            some_not_full_.notify_one();
            return value;
        };
    }

private:
    // Starts behind the last one.
    template<class Wanted>
    bool found(std::size_t& next, Wanted wanted) {
        for (std::size_t i = 1; i <= channels; ++i) {
            if (wanted(queues_[(next + i) % channels])) {
                next = (next + i) % channels;
                return true;
            }
        }
        return false;
    }

    const std::size_t capacity_;
    std::mutex mutex_;
    std::condition_variable some_not_empty_;
    std::condition_variable some_not_full_;
    std::array<std::condition_variable, channels> not_full_;
    std::array<std::deque<std::uint64_t>, channels> queues_;
};

// Whether it was right.
template<class Group>
bool rx(std::size_t capacity, std::uint64_t messages) {
    const std::uint64_t each = (messages + channels - 1) / channels;
    Group group(capacity);
    std::uint64_t sum = 0;
    {
        std::vector<std::jthread> senders;
        for (std::size_t i = 0; i != channels; ++i) {
            senders.emplace_back([&group, each, i] {
                for (std::uint64_t value = 0; value != each; ++value)
                    group.push(i, value);
            });
        }
        auto pop = group.popper();
        for (std::uint64_t i = 0; i != each * channels; ++i)
            sum += pop();
    }
    return sum == sum_below(each) * channels;
}

template<class Group>
bool both(std::size_t capacity, std::uint64_t messages) {
    const std::uint64_t each = (messages + channels - 1) / channels;
    Group group(capacity);
    std::array<std::uint64_t, channels> sums{};
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i != channels; ++i) {
            threads.emplace_back([&group, each] {
                auto push = group.pusher();
                for (std::uint64_t value = 0; value != each; ++value)
                    push(value);
            });
            threads.emplace_back([&group, each, &sum = sums[i]] {
                auto pop = group.popper();
                std::uint64_t mine = 0;
                for (std::uint64_t n = 0; n != each; ++n)
                    mine += pop();
                sum = mine;
            });
        }
    }
    std::uint64_t sum = 0;
    for (const std::uint64_t one : sums)
        sum += one;
    return sum == sum_below(each) * channels;
}

template<class Group>
void enrol(const std::string& name, std::size_t capacity_min) {
    for (const std::size_t capacity : capacities) {
        if (capacity < capacity_min)
            continue;
        const auto add = [&](const char* workload, bool (*round)(std::size_t, std::uint64_t)) {
            benchmark::RegisterBenchmark(full_name(workload, name, capacity).c_str(), [capacity,
                                                                                       round](benchmark::State& state) {
                state.SetItemsProcessed(
                    in_rounds(state, [&](std::uint64_t messages) { return round(capacity, messages); }));
            })->UseRealTime();
        };
        add("select_rx", rx<Group>);
        add("select_both", both<Group>);
    }
}

[[maybe_unused]] const bool added = [] {
    enrol<gantry_group>("gantry", 0);
    enrol<gantry_selectors>("gantry_selector", 0);
    enrol<mutex_group>("mutex", 1);
    return true;
}();

} // namespace

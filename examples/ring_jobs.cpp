// SPDX-License-Identifier: MIT
// One job in several ways: a thread hands a million numbers to another through ten slots. Over a mutex and condition
// variables, over a channel one by one and in batches, over a ring that never waits. Whoever may not wait pays with a
// CPU, whoever waits for each element pays with a switch of threads. The reader checks every number.
#include <gantry/base/backoff.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/container/ring.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/mutex.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct options {
    std::uint32_t numbers = 1'000'000;
    std::size_t capacity = 10;
    std::vector<std::string> ways{"all"};
    bool json = false;
};

template<class Mutex, class ConditionVariable>
class locked_ring {
public:
    explicit locked_ring(std::size_t capacity) : slots_(capacity) {}

    void push(std::uint32_t number) {
        {
            std::unique_lock lock(mutex_);
            not_full_.wait(lock, [this] { return size_ != slots_.size(); });
            slots_[(first_ + size_++) % slots_.size()] = number;
        }
        not_empty_.notify_one();
    }
    [[nodiscard]] std::uint32_t pop() {
        std::uint32_t number = 0;
        {
            std::unique_lock lock(mutex_);
            not_empty_.wait(lock, [this] { return size_ != 0; });
            number = slots_[first_];
            first_ = (first_ + 1) % slots_.size();
            --size_;
        }
        not_full_.notify_one();
        return number;
    }

private:
    Mutex mutex_;
    ConditionVariable not_full_;
    ConditionVariable not_empty_;
    std::vector<std::uint32_t> slots_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

// Whether every number came, in order.
template<class Mutex, class ConditionVariable>
bool over_locked_ring(const options& wanted) {
    locked_ring<Mutex, ConditionVariable> ring(wanted.capacity);
    const std::jthread writer([&] {
        for (std::uint32_t i = 0; i != wanted.numbers; ++i)
            ring.push(i);
    });
    bool right = true;
    for (std::uint32_t i = 0; i != wanted.numbers; ++i)
        right = ring.pop() == i && right;
    return right;
}

bool over_channel(const options& wanted) {
    auto [tx, rx] = gantry::channel::bounded<std::uint32_t>(wanted.capacity);
    const std::jthread writer([&wanted, to = std::move(tx)] {
        for (std::uint32_t i = 0; i != wanted.numbers; ++i)
            if (!to.push(i))
                return; // the reader is gone
    });
    std::uint32_t next = 0;
    bool right = true;
    for (const std::uint32_t number : rx)
        right = number == next++ && right;
    return right && next == wanted.numbers;
}

bool over_channel_in_batches(const options& wanted) {
    auto [tx, rx] = gantry::channel::bounded<std::uint32_t>(wanted.capacity);
    const std::jthread writer([&wanted, to = std::move(tx)] {
        std::vector<std::uint32_t> batch(wanted.capacity);
        for (std::uint32_t next = 0; next != wanted.numbers;) {
            const std::size_t size = std::min<std::size_t>(batch.size(), wanted.numbers - next);
            for (std::size_t i = 0; i != size; ++i)
                batch[i] = next++;
            if (!to.push_range(std::span(batch).first(size)))
                return;
        }
    });
    std::vector<std::uint32_t> batch(wanted.capacity);
    std::uint32_t next = 0;
    bool right = true;
    while (const auto size = rx.pop_some(batch.begin(), batch.size())) {
        for (std::size_t i = 0; i != *size; ++i)
            right = batch[i] == next++ && right;
    }
    return right && next == wanted.numbers;
}

bool over_ring(const options& wanted) {
    gantry::container::ring<std::uint32_t> ring(wanted.capacity);
    const std::jthread writer([&] {
        for (std::uint32_t i = 0; i != wanted.numbers; ++i)
            for (gantry::backoff wait; !ring.try_push(i);)
                wait.pause();
    });
    bool right = true;
    for (std::uint32_t i = 0; i != wanted.numbers; ++i) {
        std::uint32_t number = 0;
        for (gantry::backoff wait; !ring.try_pop(number);)
            wait.pause();
        right = number == i && right;
    }
    return right;
}

struct way {
    const char* name;
    bool (*run)(const options&);
};
constexpr way ways[] = {
    {"std_mutex_ring", over_locked_ring<std::mutex, std::condition_variable>},
    {"mutex_ring", over_locked_ring<gantry::sync::mutex, gantry::sync::condition_variable>},
    {"channel", over_channel},
    {"channel_batch", over_channel_in_batches},
    {"ring", over_ring},
};

} // namespace

int main(int argc, char** argv) {
    options wanted;
    std::vector<std::string> names;
    for (const way& one : ways)
        names.emplace_back(one.name);
    std::vector<std::string> choices = names;
    choices.emplace_back("all");
    CLI::App app{"A thread hands numbers to another through a few slots, in several ways.\n"
                 "Exit status: 0, 1 if a number was lost or out of order, 2 or more for wrong usage."};
    app.add_option("--numbers", wanted.numbers, "How many (1000000)")->check(CLI::Range(1U, 4'000'000'000U));
    app.add_option("--capacity", wanted.capacity, "Slots (10)")->check(CLI::Range(1U, 1U << 24U));
    app.add_option("--way", wanted.ways, fmt::format("{}, or all; several, with commas (all)", fmt::join(names, ", ")))
        ->delimiter(',')
        ->check(CLI::IsMember(choices));
    app.add_flag("--json", wanted.json, "An object a line");
    CLI11_PARSE(app, argc, argv);

    const bool all = std::ranges::find(wanted.ways, "all") != wanted.ways.end();
    bool every_one_right = true;
    for (const way& one : ways) {
        if (!all && std::ranges::find(wanted.ways, one.name) == wanted.ways.end())
            continue;
        const auto begin = std::chrono::steady_clock::now();
        const bool right = one.run(wanted);
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (wanted.json) {
            fmt::print("{}\n", nlohmann::json({{"way", one.name},
                                               {"numbers", wanted.numbers},
                                               {"capacity", wanted.capacity},
                                               {"seconds", seconds},
                                               {"right", right}})
                                   .dump());
        } else {
            fmt::print("{:<15} {:8.3f} s  {:9.1f} ns a number\n", one.name, seconds,
                       seconds * 1e9 / static_cast<double>(wanted.numbers));
        }
        std::fflush(stdout);
        if (!right) {
            fmt::print(stderr, "ring_jobs: {} lost a number or changed their order\n", one.name);
            every_one_right = false;
        }
    }
    return every_one_right ? 0 : 1;
}

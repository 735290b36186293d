// SPDX-License-Identifier: MIT
// <workload>/<implementation>/cap:N, one item is one message:
//
//   seq             one thread pushes as many as fit (1000 at most), then pops them
//   spsc mpsc mpmc  1, 4, 4 senders and 1, 1, 4 receivers
//   oversubscribed  8 senders and 8 receivers
//   batch           spsc, 64 messages at a time
//   pingpong        round trips of one message through two channels; one item is one of them, counters p50_ns, p99_ns
//   pinned1_...     spsc, mpmc and pingpong in a process of its own that may use one CPU only
//   spsc_ring       spsc, of what is made for one sender and one receiver
//   select_...      see select_bench.cpp
//
// `bytes:64` are messages of 64 bytes, others are 64-bit numbers. `x_try_...` are queues that do not
// wait (a loop tries again, with a yield in between; in spsc_ring with gantry's back-off) or are not FIFO across
// senders. The sum of what arrives is checked.
#include <gantry/channel/channel.hpp>
#include <gantry/channel/test_workloads.hpp>

#include <benchmark/benchmark.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace gantry::channel::test;
using std::chrono::steady_clock;

template<class T>
class gantry_channel {
public:
    explicit gantry_channel(std::size_t capacity)
        : ends_(capacity == no_limit ? gantry::channel::unbounded<T>()
                : capacity == 0      ? gantry::channel::rendezvous<T>()
                                     : gantry::channel::bounded<T>(capacity)) {}

    void push(T value) const {
        if (!ends_.tx.push(std::move(value)))
            std::abort();
    }
    [[nodiscard]] T pop() const { return *ends_.rx.pop(); }
    void push_batch(std::span<T> values) const {
        if (!ends_.tx.push_range(values))
            std::abort();
    }
    [[nodiscard]] std::size_t pop_batch(T* out, std::size_t max) const { return *ends_.rx.pop_some(out, max); }

private:
    gantry::channel::ends<T> ends_;
};

// What most people write: std::mutex, std::condition_variable, std::deque. Capacity 0: who pushes waits until its value
// is taken.
template<class T>
class mutex_channel {
public:
    explicit mutex_channel(std::size_t capacity)
        : capacity_(std::max<std::size_t>(capacity, 1)), meets_(capacity == 0) {}

    void push(T value) {
        if (meets_) {
            std::unique_lock lock(mutex_);
            not_full_.wait(lock, [this] { return queue_.empty(); });
            queue_.push_back(value);
            const std::uint64_t mine = ++pushed_;
            not_empty_.notify_one();
            taken_.wait(lock, [this, mine] { return popped_ >= mine; });
            return;
        }
        {
            std::unique_lock lock(mutex_);
            not_full_.wait(lock, [this] { return queue_.size() < capacity_; });
            queue_.push_back(value);
        }
        not_empty_.notify_one();
    }
    [[nodiscard]] T pop() {
        T value{};
        {
            std::unique_lock lock(mutex_);
            not_empty_.wait(lock, [this] { return !queue_.empty(); });
            value = queue_.front();
            queue_.pop_front();
            ++popped_;
        }
        not_full_.notify_one();
        if (meets_)
            taken_.notify_all();
        return value;
    }
    void push_batch(std::span<T> values) {
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
    [[nodiscard]] std::size_t pop_batch(T* out, std::size_t max) {
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
    const bool meets_;
    std::mutex mutex_;
    std::condition_variable not_full_;
    std::condition_variable not_empty_;
    std::condition_variable taken_;
    std::uint64_t pushed_ = 0;
    std::uint64_t popped_ = 0;
    std::deque<T> queue_;
};

// Whether it was right.
bool transfer(subject& channel, std::uint64_t senders, std::uint64_t receivers, std::uint64_t messages,
              bool batches = false) {
    const std::uint64_t each = (messages + senders - 1) / senders;
    const std::uint64_t share = each * senders / receivers; // no remainder: one receiver, or as many as senders
    std::vector<std::uint64_t> sums(receivers);
    const auto receive = [&](std::uint64_t receiver) {
        sums[receiver] = batches ? channel.pop_in_batches(share) : channel.pop(share);
    };
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t sender = 0; sender != senders; ++sender) {
            threads.emplace_back([&] {
                if (batches)
                    channel.push_in_batches(0, each);
                else
                    channel.push(0, each);
            });
        }
        for (std::uint64_t receiver = 1; receiver != receivers; ++receiver)
            threads.emplace_back([&receive, receiver] { receive(receiver); });
        receive(0);
    }
    std::uint64_t sum = 0;
    for (const std::uint64_t one : sums)
        sum += one;
    return sum == sum_below(each) * senders;
}

struct latencies {
    std::uint64_t p50_ns = 0;
    std::uint64_t p99_ns = 0;
};

// nullopt: it was wrong.
std::optional<latencies> ping(subject& there, subject& back, std::uint64_t rounds) {
    std::vector<std::uint64_t> times;
    times.reserve(rounds);
    bool right = true;
    {
        const std::jthread other([&] {
            for (std::uint64_t i = 0; i != rounds; ++i)
                back.push(there.pop(1), 1);
        });
        auto last = steady_clock::now();
        for (std::uint64_t i = 0; i != rounds; ++i) {
            there.push(i, 1);
            right = back.pop(1) == i && right;
            const auto now = steady_clock::now();
            times.push_back(static_cast<std::uint64_t>((now - last).count()));
            last = now;
        }
    }
    if (!right)
        return std::nullopt;
    std::ranges::sort(times);
    return latencies{.p50_ns = times[times.size() / 2], .p99_ns = times[times.size() * 99 / 100]};
}

// ---------------------------------------------------------------------------------- one CPU: a process of its own
//
// `bench_channel pinned1 IMPLEMENTATION WORKLOAD CAPACITY MESSAGES` prints nanoseconds, p50 and p99. What a library
// learnt about the machine when it started holds for its process: a change of the mask in mid-run measures another
// thing than a program that was started on one CPU.

struct pinned_result {
    std::uint64_t ns = 0;
    latencies of_round_trips;
};

struct workload {
    const char* name;
    std::uint64_t senders;
    std::uint64_t receivers;
};
constexpr workload transfers[] = {
    {"spsc", 1, 1},
    {"mpsc", 4, 1},
    {"mpmc", 4, 4},
    {"oversubscribed", 8, 8},
};

std::uint64_t number(const char* text) {
    std::uint64_t value = 0;
    std::from_chars(text, text + std::strlen(text), value);
    return value;
}

int run_pinned(std::span<char*> arguments) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0 || arguments.size() != 4) {
        std::perror("bench_channel pinned1");
        return 1;
    }
    const auto& all = implementations();
    const auto found = std::ranges::find(all, std::string_view(arguments[0]), &implementation::name);
    const std::string_view wanted = arguments[1];
    const auto capacity = static_cast<std::size_t>(number(arguments[2]));
    const std::uint64_t messages = number(arguments[3]);
    if (found == all.end())
        return 1;
    const auto channel = found->make(capacity);
    const auto begin = steady_clock::now();
    latencies of_round_trips;
    bool right = false;
    if (wanted == "pingpong") {
        const auto back = found->make(capacity);
        if (const auto measured = ping(*channel, *back, messages)) {
            of_round_trips = *measured;
            right = true;
        }
    } else {
        const auto* const what = std::ranges::find(transfers, wanted, &workload::name);
        right = transfer(*channel, what->senders, what->receivers, messages);
    }
    const std::uint64_t ns = static_cast<std::uint64_t>((steady_clock::now() - begin).count());
    std::printf("%llu %llu %llu\n", static_cast<unsigned long long>(ns),
                static_cast<unsigned long long>(of_round_trips.p50_ns),
                static_cast<unsigned long long>(of_round_trips.p99_ns));
    return right ? 0 : 1;
}

std::optional<pinned_result> start_pinned(const std::string& implementation, const std::string& what,
                                          std::size_t capacity, std::uint64_t messages) {
    std::array<std::string, 6> words = {
        "bench_channel", "pinned1", implementation, what, std::to_string(capacity), std::to_string(messages)};
    std::array<char*, 7> arguments{};
    for (std::size_t i = 0; i != words.size(); ++i)
        arguments[i] = words[i].data();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return std::nullopt;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    pid_t child = 0;
    const int started = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    unsigned long long ns = 0;
    unsigned long long p50 = 0;
    unsigned long long p99 = 0;
    int fields = 0;
    if (std::FILE* const answer = fdopen(ends[0], "r")) {
        fields = std::fscanf(answer, "%llu %llu %llu", &ns, &p50, &p99);
        std::fclose(answer);
    }
    int status = 1;
    if (started != 0 || waitpid(child, &status, 0) != child || status != 0 || fields != 3)
        return std::nullopt;
    return pinned_result{.ns = ns, .of_round_trips = {.p50_ns = p50, .p99_ns = p99}};
}

// ------------------------------------------------------------------------------------------------ registration

void report(benchmark::State& state, const latencies& measured) {
    state.counters["p50_ns"] = static_cast<double>(measured.p50_ns);
    state.counters["p99_ns"] = static_cast<double>(measured.p99_ns);
}

std::string full_name(const std::string& workload, const implementation& one, std::size_t capacity) {
    return gantry::channel::test::full_name(workload, one.name, capacity);
}

template<class Run>
benchmark::internal::Benchmark* enrol(const std::string& name, Run run) {
    return benchmark::RegisterBenchmark(name.c_str(), run)->UseRealTime();
}

void enrol_transfers(const implementation& one, std::size_t capacity) {
    for (const workload& what : transfers) {
        if (!one.waits && what.senders == 8)
            continue;
        const auto run = [capacity, what](benchmark::State& state, implementation::maker make) {
            state.SetItemsProcessed(in_rounds(state, [&](std::uint64_t messages) {
                return transfer(*make(capacity), what.senders, what.receivers, messages);
            }));
        };
        const std::string name = full_name(what.name, one, capacity);
        enrol(name, [run, make = one.make](benchmark::State& state) { run(state, make); });
        if ((what.senders == 1 && capacity == 1024) || (what.receivers == 4 && capacity == no_limit))
            enrol(name + "/bytes:64", [run, make = one.make_64_bytes](benchmark::State& state) { run(state, make); });
    }
}

void enrol_seq(const implementation& one, std::size_t capacity) {
    enrol(full_name("seq", one, capacity), [make = one.make, capacity](benchmark::State& state) {
        const std::uint64_t burst = std::min<std::uint64_t>(capacity, 1000);
        const auto channel = make(capacity);
        bool right = true;
        while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(burst)))
            right = channel->push_then_pop(burst, 1) == sum_below(burst) && right;
        state.SetItemsProcessed(state.iterations());
        if (!right)
            state.SkipWithError("lost or doubled a message");
    });
}

void enrol_batch(const implementation& one, std::size_t capacity) {
    enrol(full_name("batch", one, capacity), [make = one.make, capacity](benchmark::State& state) {
        state.SetItemsProcessed(
            in_rounds(state, [&](std::uint64_t messages) { return transfer(*make(capacity), 1, 1, messages, true); }));
    });
}

void enrol_pingpong(const implementation& one, std::size_t capacity) {
    enrol(full_name("pingpong", one, capacity), [make = one.make, capacity](benchmark::State& state) {
        state.SetItemsProcessed(in_rounds(state, [&](std::uint64_t messages) {
            const auto there = make(capacity);
            const auto back = make(capacity);
            const auto measured = ping(*there, *back, messages);
            if (measured)
                report(state, *measured);
            return measured.has_value();
        }));
    });
}

void enrol_pinned(const implementation& one, const char* what, std::size_t capacity) {
    const auto run = [name = one.name, what, capacity](benchmark::State& state) {
        state.SetItemsProcessed(in_rounds(state, [&](std::uint64_t messages) {
            const auto measured = start_pinned(name, what, capacity, messages);
            if (!measured)
                return false;
            state.SetIterationTime(static_cast<double>(measured->ns) * 1e-9);
            if (measured->of_round_trips.p50_ns != 0)
                report(state, measured->of_round_trips);
            return true;
        }));
    };
    benchmark::RegisterBenchmark(full_name(std::string("pinned1_") + what, one, capacity).c_str(), run)
        ->UseManualTime();
}

void enrol_for_two(const implementation& one) {
    // Capacity 1 is what a hand-over from one CPU to the other costs.
    for (const std::size_t capacity : {std::size_t{1}, std::size_t{16}, std::size_t{1024}}) {
        if (!one.has(capacity))
            continue;
        const std::string name = full_name("spsc_ring", one, capacity);
        const auto add = [capacity](const std::string& full, implementation::maker make, bool batches) {
            enrol(full, [make, capacity, batches](benchmark::State& state) {
                state.SetItemsProcessed(in_rounds(
                    state, [&](std::uint64_t messages) { return transfer(*make(capacity), 1, 1, messages, batches); }));
            });
        };
        add(name, one.make, false);
        if (capacity == 1024)
            add(name + "/bytes:64", one.make_64_bytes, false);
        if (one.batches && capacity != 1)
            add(full_name("spsc_ring_batch", one, capacity), one.make, true);
    }
}

void enrol_all() {
    for (const implementation& one : implementations()) {
        if (one.for_two) {
            enrol_for_two(one);
            continue;
        }
        for (const std::size_t capacity : capacities) {
            if (!one.has(capacity))
                continue;
            if (capacity != 0)
                enrol_seq(one, capacity);
            enrol_transfers(one, capacity);
            if (one.batches && capacity > 1)
                enrol_batch(one, capacity);
            if (!one.waits)
                continue;
            enrol_pinned(one, "spsc", capacity);
            enrol_pinned(one, "mpmc", capacity);
            if (capacity <= 1 || (capacity == no_limit && one.capacity_min == no_limit)) {
                enrol_pingpong(one, capacity);
                enrol_pinned(one, "pingpong", capacity);
            }
        }
    }
}

[[maybe_unused]] const bool added = [] {
    add<gantry_channel>({.name = "gantry", .capacity_min = 0, .unbounded = true});
    add<mutex_channel>({.name = "mutex", .capacity_min = 0, .unbounded = true});
    return true;
}();

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "pinned1")
        return run_pinned(std::span(argv, static_cast<std::size_t>(argc)).subspan(2));
    enrol_all();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}

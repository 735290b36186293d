// SPDX-License-Identifier: MIT
// What the wrong tool costs: readers that each wait to see a counter come round to zero a hundred times, in three ways.
// Over a read-write lock they ask again and again, and miss what they do not happen to look at; over a channel each
// gets every value; over a condition variable they sleep until it is so. Checks what each reader saw.
#include <gantry/channel/channel.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/shared_mutex.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct options {
    unsigned threads = 5;
    std::uint64_t zeros = 100;
    unsigned bits = 16;
    double seconds = 60;
    bool json = false;
};

using time_point = std::chrono::steady_clock::time_point;

// The counter, and how often it has come to zero, so that a reader can tell one zero from the next.
struct counter {
    explicit counter(unsigned bits) : last((std::uint64_t{1} << bits) - 1) {}

    // True: it has come to zero.
    bool advance() {
        value = value == last ? 0 : value + 1;
        rounds += value == 0 ? 1 : 0;
        return value == 0;
    }

    std::uint64_t last;
    std::uint64_t value = 0;
    std::uint64_t rounds = 0;
};

struct report {
    const char* way;
    double seconds = 0;
    std::uint64_t values = 0;     // that the counter took
    std::uint64_t zeros_seen = 0; // by the reader that saw the fewest
    bool right = true;
};

report measured(const char* way, const options& wanted, report (*run)(const options&, time_point)) {
    const auto begin = std::chrono::steady_clock::now();
    report result = run(wanted, begin + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                            std::chrono::duration<double>(wanted.seconds)));
    result.way = way;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result;
}

std::uint64_t least(const std::vector<std::uint64_t>& seen) {
    std::uint64_t result = seen.front();
    for (const std::uint64_t each : seen)
        result = std::min(result, each);
    return result;
}

report by_shared_mutex(const options& wanted, time_point deadline) {
    gantry::sync::shared_mutex m;
    counter c(wanted.bits);
    std::atomic<unsigned> busy{wanted.threads};
    std::vector<std::uint64_t> seen(wanted.threads, 0);
    std::vector<std::jthread> readers;
    for (std::uint64_t& mine : seen) {
        readers.emplace_back([&] {
            std::uint64_t last_round = 0;
            while (mine != wanted.zeros && std::chrono::steady_clock::now() < deadline) {
                const std::shared_lock lock(m);
                if (c.value == 0 && c.rounds != last_round) {
                    last_round = c.rounds;
                    ++mine;
                }
            }
            busy.fetch_sub(1, std::memory_order_relaxed);
        });
    }
    while (busy.load(std::memory_order_relaxed) != 0) {
        const std::unique_lock lock(m);
        c.advance();
    }
    readers.clear();
    report result{.way = ""};
    result.values = c.rounds * (c.last + 1) + c.value;
    result.zeros_seen = least(seen);
    result.right = result.zeros_seen <= c.rounds;
    return result;
}

report by_channels(const options& wanted, time_point deadline) {
    std::vector<gantry::channel::sender<std::uint64_t>> senders;
    std::vector<std::jthread> readers;
    std::vector<std::uint64_t> seen(wanted.threads, 0);
    std::atomic<bool> right{true};
    const std::uint64_t last = counter(wanted.bits).last;
    for (std::uint64_t& mine : seen) {
        auto [sender, receiver] = gantry::channel::bounded<std::uint64_t>(1024);
        senders.push_back(std::move(sender));
        readers.emplace_back([&, mailbox = std::move(receiver)]() mutable {
            std::uint64_t before = 0;
            while (const auto value = mailbox.pop()) { // until the sender is gone
                if (*value != (before == last ? 0 : before + 1))
                    right.store(false, std::memory_order_relaxed);
                before = *value;
                mine += before == 0 ? 1 : 0;
            }
        });
    }
    counter c(wanted.bits);
    bool delivered = true;
    while (delivered && c.rounds != wanted.zeros) {
        c.advance();
        for (const auto& sender : senders)
            delivered = delivered && sender.push(c.value).has_value();
        if (c.value % 1024 == 0 && std::chrono::steady_clock::now() >= deadline)
            break;
    }
    senders.clear();
    readers.clear();
    report result{.way = ""};
    result.values = c.rounds * (c.last + 1) + c.value;
    result.zeros_seen = least(seen);
    result.right = delivered && right.load(std::memory_order_relaxed) && result.zeros_seen == c.rounds;
    return result;
}

report by_condition_variable(const options& wanted, time_point deadline) {
    gantry::sync::mutex m;
    gantry::sync::condition_variable came_to_zero;
    counter c(wanted.bits);
    bool over = false;
    std::vector<std::uint64_t> seen(wanted.threads, 0);
    std::vector<std::jthread> readers;
    for (std::uint64_t& mine : seen) {
        readers.emplace_back([&] {
            std::unique_lock lock(m);
            while (mine != wanted.zeros) {
                came_to_zero.wait(lock, [&] { return c.rounds > mine || over; });
                if (c.rounds == mine)
                    return;
                ++mine;
            }
        });
    }
    while (c.rounds != wanted.zeros && std::chrono::steady_clock::now() < deadline) {
        bool zero = false;
        while (!zero) {
            const std::scoped_lock lock(m); // one lock a value, as in the other ways
            zero = c.advance();
        }
        came_to_zero.notify_all();
    }
    {
        const std::scoped_lock lock(m);
        over = true;
    }
    came_to_zero.notify_all();
    readers.clear();
    report result{.way = ""};
    result.values = c.rounds * (c.last + 1) + c.value;
    result.zeros_seen = least(seen);
    result.right = result.zeros_seen == c.rounds;
    return result;
}

int run(const options& wanted) {
    const std::vector<report> reports{
        measured("shared_mutex", wanted, by_shared_mutex),
        measured("channel", wanted, by_channels),
        measured("condition_variable", wanted, by_condition_variable),
    };
    bool right = true;
    for (const report& r : reports) {
        right = right && r.right;
        if (wanted.json) {
            fmt::print("{{\"way\": \"{}\", \"readers\": {}, \"seconds\": {:.6f}, \"values\": {}, \"zeros_seen\": {}, "
                       "\"complete\": {}, \"right\": {}}}\n",
                       r.way, wanted.threads, r.seconds, r.values, r.zeros_seen, r.zeros_seen >= wanted.zeros, r.right);
        } else {
            fmt::print("{:<20}{:>10.3f} s  {:>12} values  {:>5} of {} zeros seen{}\n", r.way, r.seconds, r.values,
                       r.zeros_seen, wanted.zeros, r.zeros_seen >= wanted.zeros ? "" : ", then the time was up");
        }
    }
    if (!right)
        fmt::print(stderr, "readers_waiting_for_zero: a reader saw what was not there, or missed what was\n");
    return right ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) try {
    CLI::App app{"Readers wait until a counter has come to zero so many times: over a read-write lock, over a channel\n"
                 "for each, over a condition variable. Exit status: 0 all was seen as it was, 1 not so, 2 bad usage.",
                 "readers_waiting_for_zero"};
    options wanted;
    app.add_option("--threads", wanted.threads, "readers")->check(CLI::Range(1U, 1000U))->capture_default_str();
    app.add_option("--zeros", wanted.zeros, "that each waits for")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
        ->capture_default_str();
    app.add_option("--bits", wanted.bits, "of the counter")->check(CLI::Range(1U, 32U))->capture_default_str();
    app.add_option("--seconds", wanted.seconds, "after which a way is given up")
        ->check(CLI::Range(0.0, 1e6))
        ->capture_default_str();
    app.add_flag("--json", wanted.json, "an object for each way instead of a table");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run(wanted);
} catch (const std::exception& error) {
    std::fputs("readers_waiting_for_zero: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return 1;
}

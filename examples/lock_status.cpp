// SPDX-License-Identifier: MIT
// What a lock costs its users: workers enter a critical section as fast as they can; a line a second says how often
// each of them got in. A fair lock serves all alike and pays a switch of threads for each entry where workers outnumber
// CPUs.
#include <CLI/CLI.hpp>
#include <examples/locks.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

struct options {
    double seconds = 3;
    double report_seconds = 1;
    unsigned threads = 4;
    std::vector<std::string> locks{"all"};
    bool json = false;
};

struct alignas(128) worker {
    std::atomic<std::uint64_t> entries{0};
    std::uint64_t reported = 0;
};

std::string in_words(const std::vector<double>& rates) {
    std::string text;
    for (const double rate : rates)
        text += rate >= 1e6 ? fmt::format(" {:7.2f} M/s", rate / 1e6) : fmt::format(" {:7.2f} k/s", rate / 1e3);
    return text;
}

// Whether everything that was done in the critical section is there at the end.
template<class Lock>
bool run(const options& given, const std::string& name) {
    Lock lock;
    std::uint64_t guarded = 0; // exact only if the lock excludes
    std::atomic<bool> stop{false};
    std::vector<worker> workers(given.threads);
    std::vector<std::jthread> threads;
    for (worker& w : workers) {
        threads.emplace_back([&] {
            for (std::uint64_t n = 1; !stop.load(std::memory_order_relaxed); ++n) {
                {
                    const std::lock_guard guard(lock);
                    if constexpr (!std::is_same_v<Lock, pair_semaphore>)
                        ++guarded;
                }
                w.entries.store(n, std::memory_order_relaxed);
            }
        });
    }
    const auto begin = steady_clock::now();
    auto last = begin;
    const auto end = begin + std::chrono::duration_cast<steady_clock::duration>(duration<double>(given.seconds));
    const auto step = std::chrono::duration_cast<steady_clock::duration>(duration<double>(given.report_seconds));
    while (last < end) {
        std::this_thread::sleep_until(std::min(last + step, end));
        const auto now = steady_clock::now();
        std::vector<double> rates;
        for (worker& w : workers) {
            const std::uint64_t entries = w.entries.load(std::memory_order_relaxed);
            rates.push_back(static_cast<double>(entries - w.reported) / duration<double>(now - last).count());
            w.reported = entries;
        }
        last = now;
        const double at = duration<double>(now - begin).count();
        if (given.json) {
            fmt::print("{}\n", nlohmann::json({{"lock", name}, {"seconds", at}, {"entries_per_second", rates}}).dump());
        } else {
            fmt::print("{:>9} {:5.1f} s:{}\n", name, at, in_words(rates));
        }
        std::fflush(stdout);
    }
    stop.store(true, std::memory_order_relaxed);
    threads.clear();
    std::uint64_t sum = 0;
    for (const worker& w : workers)
        sum += w.entries.load(std::memory_order_relaxed);
    return sum == guarded || std::is_same_v<Lock, pair_semaphore>;
}

} // namespace

int main(int argc, char** argv) {
    options given;
    std::vector<std::string> names(exclusive_locks.begin(), exclusive_locks.end());
    names.emplace_back("pair");
    std::vector<std::string> choices = names;
    choices.emplace_back("all");
    CLI::App app{"Workers enter a critical section as fast as they can; a line a second: entries/s of each worker.\n"
                 "Exit status: 0, 1 if a lock let two in at once, 2 or more for wrong usage."};
    app.add_option("--seconds", given.seconds, "For each lock (3)")->check(CLI::Range(0.01, 1e6));
    app.add_option("--threads", given.threads, "Workers (4)")->check(CLI::Range(1U, 1024U));
    app.add_option("--every", given.report_seconds, "Seconds between lines (1)")->check(CLI::Range(0.01, 3600.0));
    app.add_option("--lock", given.locks,
                   fmt::format("{}, or all; several, with commas (all). semaphore: capacity one; pair: capacity two",
                               fmt::join(names, ", ")))
        ->delimiter(',')
        ->check(CLI::IsMember(choices));
    app.add_flag("--json", given.json, "An object a line");
    CLI11_PARSE(app, argc, argv);

    if (std::ranges::find(given.locks, "all") != given.locks.end())
        given.locks = names;
    bool right = true;
    for (const std::string& name : given.locks) {
        with_lock_type(name, [&]<class Lock>(Lock* /*type*/) {
            if (!run<Lock>(given, name)) {
                fmt::print(stderr, "lock_status: {} let two in at once\n", name);
                right = false;
            }
        });
    }
    return right ? 0 : 1;
}

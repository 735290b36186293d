// SPDX-License-Identifier: MIT
// What reclamation costs: a worker on each CPU pushes an element of three 64-bit numbers on a shared stack (or queue)
// and pops one, 2^26 times. Each second: cycles per second and worker so far, as quantiles; at the end the time, the
// ratios and the garbage that there was at most.
#include <gantry/container/ms_queue.hpp>
#include <gantry/container/treiber_stack.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>
#include <gantry/sketch/ckms.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

struct element {
    std::uint64_t numbers[3];
};

struct options {
    std::uint64_t cycles = std::uint64_t{1} << 26U;
    std::uint64_t burst = 1;
    unsigned threads = std::max(1U, std::thread::hardware_concurrency());
    double seconds = 0; // no limit
    double report_seconds = 1;
    std::string structure = "stack";
    std::vector<std::string> schemes{"epoch", "hazard", "counted"};
    bool json = false;
};

struct outcome {
    std::string scheme;
    double seconds = 0;
    double rate = 0; // cycles a second and worker
    std::size_t garbage_peak = 0;
    bool right = true;
};

struct alignas(128) progress {
    std::atomic<std::uint64_t> done{0};
};

void say(const options& given, const std::string& scheme, double at, const gantry::sketch::ckms<double>& rates) {
    constexpr std::array<double, 5> wanted{0.25, 0.5, 0.75, 0.9, 1.0};
    std::array<double, 5> found{};
    for (std::size_t i = 0; i != wanted.size(); ++i) {
        if (const auto answer = rates.query(wanted[i]))
            found[i] = answer->value;
    }
    if (given.json) {
        fmt::print("{}\n", nlohmann::json({{"scheme", scheme},
                                           {"seconds", at},
                                           {"p25", found[0]},
                                           {"p50", found[1]},
                                           {"p75", found[2]},
                                           {"p90", found[3]},
                                           {"max", found[4]}})
                               .dump());
    } else {
        fmt::print("{:>8} {:6.1f} s  cycles/s a worker, millions: 25% {:.3f}  50% {:.3f}  75% {:.3f}  90% {:.3f}  max "
                   "{:.3f}\n",
                   scheme, at, found[0] / 1e6, found[1] / 1e6, found[2] / 1e6, found[3] / 1e6, found[4] / 1e6);
    }
    std::fflush(stdout);
}

template<class Structure>
outcome run(const options& given, const std::string& scheme) {
    typename Structure::domain_type domain;
    outcome result{.scheme = scheme};
    {
        Structure shared(domain);
        std::vector<progress> workers(given.threads);
        std::atomic<bool> stop{false};
        std::atomic<std::uint64_t> wrong{0};
        const auto begun = std::chrono::steady_clock::now();
        const auto elapsed = [begun] {
            return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        };
        std::vector<std::jthread> threads;
        for (progress& mine : workers) {
            threads.emplace_back([&] {
                std::uint64_t bad = 0;
                for (std::uint64_t i = 0; i != given.cycles && !stop.load(std::memory_order_relaxed);) {
                    for (std::uint64_t k = 0; k != given.burst; ++k)
                        shared.push(element{{i, k, i ^ k}});
                    for (std::uint64_t k = 0; k != given.burst; ++k) {
                        std::optional<element> got = shared.try_pop();
                        while (!got) // each worker pushes before it pops: one comes
                            got = shared.try_pop();
                        bad += (got->numbers[0] ^ got->numbers[1]) != got->numbers[2];
                    }
                    mine.done.store(++i, std::memory_order_relaxed);
                }
                wrong.fetch_add(bad, std::memory_order_relaxed);
            });
        }
        gantry::sketch::ckms<double> rates{{.mode = gantry::sketch::ckms_mode::uniform, .epsilon = 0.001}};
        std::vector<std::uint64_t> before(workers.size(), 0);
        double last = 0;
        for (bool running = true; running;) {
            // Until the next report, or the end.
            for (double now = elapsed(); now - last < given.report_seconds; now = elapsed()) {
                running = false;
                for (const progress& one : workers)
                    running |= one.done.load(std::memory_order_relaxed) != given.cycles;
                if (given.seconds != 0 && now >= given.seconds)
                    running = false;
                if (!running)
                    break;
                std::this_thread::sleep_for(2ms);
            }
            const double now = elapsed();
            for (std::size_t i = 0; i != workers.size(); ++i) {
                const std::uint64_t done = workers[i].done.load(std::memory_order_relaxed);
                if (done != before[i] && now > last)
                    rates.insert(static_cast<double>(done - before[i]) / (now - last));
                before[i] = done;
            }
            last = now;
            say(given, scheme, now, rates);
        }
        stop.store(true, std::memory_order_relaxed);
        threads.clear();
        result.seconds = elapsed();
        std::uint64_t sum = 0;
        for (const progress& one : workers)
            sum += one.done.load(std::memory_order_relaxed);
        result.rate = static_cast<double>(sum) / result.seconds / given.threads;
        result.right = wrong.load(std::memory_order_relaxed) == 0 && shared.empty();
    }
    result.garbage_peak = domain.garbage_bytes_peak();
    return result;
}

template<class Scheme>
outcome run_scheme(const options& given, const std::string& name) {
    return given.structure == "stack" ? run<gantry::container::treiber_stack<element, Scheme>>(given, name)
                                      : run<gantry::container::ms_queue<element, Scheme>>(given, name);
}

} // namespace

int main(int argc, char** argv) {
    options given;
    CLI::App app{"Pushes and pops on a shared stack or queue, with each way to reclaim memory."};
    app.add_option("--cycles", given.cycles, "Cycles for each worker (2^26)")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40U));
    app.add_option("--burst", given.burst, "Pushes, then as many pops, in a cycle (1)")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 20U));
    app.add_option("--threads", given.threads, "Workers (one for each CPU)")->check(CLI::Range(1U, 1024U));
    app.add_option("--seconds", given.seconds, "Stop each scheme after so many seconds (0: when the cycles are done)")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--every", given.report_seconds, "Seconds between reports (1)")->check(CLI::Range(0.01, 3600.0));
    app.add_option("--structure", given.structure, "stack (Treiber) or queue (Michael and Scott)")
        ->check(CLI::IsMember({"stack", "queue"}));
    app.add_option("--scheme", given.schemes, "epoch, hazard, counted; several, with commas (all)")
        ->delimiter(',')
        ->check(CLI::IsMember({"epoch", "hazard", "counted"}));
    app.add_flag("--json", given.json, "An object a line");
    CLI11_PARSE(app, argc, argv);

    std::vector<outcome> all;
    for (const std::string& name : given.schemes) {
        all.push_back(name == "epoch"    ? run_scheme<gantry::reclaim::epoch>(given, name)
                      : name == "hazard" ? run_scheme<gantry::reclaim::hazard>(given, name)
                                         : run_scheme<gantry::reclaim::counted>(given, name));
    }
    bool right = true;
    for (const outcome& one : all) {
        right &= one.right;
        if (given.json) {
            fmt::print("{}\n", nlohmann::json({{"scheme", one.scheme},
                                               {"total_seconds", one.seconds},
                                               {"cycles_per_second_per_worker", one.rate},
                                               {"garbage_bytes_peak", one.garbage_peak},
                                               {"right", one.right}})
                                   .dump());
        } else {
            fmt::print("{:>8}: {:.3f} M cycles/s, {:.1f} s, {:.2f} of {}, garbage up to {} bytes{}\n", one.scheme,
                       one.rate / 1e6, one.seconds, one.rate / all.front().rate, all.front().scheme, one.garbage_peak,
                       one.right ? "" : ", WRONG ELEMENTS");
        }
    }
    if (!right)
        fmt::print(stderr, "reclamation_cycles: elements came out that were never put in, or some are left\n");
    return right ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// Rockets take fuel, oxidizer and astronauts, in that order, from one producer that delivers them at random; a barrier
// tells when all are ready, its leader counts down, and they lift off together. Shows mutex, condition_variable,
// barrier and event. Checks that every rocket took everything in order, that none lifted off before all were ready, and
// that nothing of what was delivered got lost.
#include <gantry/base/prng.hpp>
#include <gantry/sync/barrier.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/event.hpp>
#include <gantry/sync/mutex.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using gantry::sync::barrier;
using gantry::sync::barrier_role;
using gantry::sync::condition_variable;
using gantry::sync::event;
using gantry::sync::mutex;

constexpr std::array<const char*, 3> supplies{"fuel", "oxidizer", "astronauts"};

// What has been delivered and not yet taken, of each kind at most so many.
class depot {
public:
    explicit depot(std::uint64_t room) : room_(room) {}

    // False: there is no room for it, it goes back.
    bool deliver(std::size_t kind) {
        {
            const std::scoped_lock lock(m_);
            if (stock_[kind] == room_)
                return false;
            ++stock_[kind];
        }
        changed_.notify_all(); // those that wait, wait for different kinds
        return true;
    }
    void take(std::size_t kind) {
        std::unique_lock lock(m_);
        changed_.wait(lock, [&] { return stock_[kind] != 0; });
        --stock_[kind];
    }
    std::uint64_t left() {
        const std::scoped_lock lock(m_);
        return stock_[0] + stock_[1] + stock_[2];
    }

private:
    const std::uint64_t room_;
    mutex m_;
    condition_variable changed_;
    std::array<std::uint64_t, supplies.size()> stock_{}; // guarded by m_
};

struct options {
    unsigned threads = 3;
    double seconds = 10;
    std::uint64_t seed = 1;
    bool json = false;
};

int run(const options& wanted) {
    depot store(2);
    std::atomic<bool> all_supplied{false};
    std::uint64_t delivered = 0;
    std::uint64_t sent_back = 0;
    std::jthread producer([&] {
        gantry::prng random(wanted.seed);
        while (!all_supplied.load(std::memory_order_relaxed)) {
            if (store.deliver(random.uniform_below(supplies.size()))) {
                ++delivered;
            } else {
                ++sent_back;
                std::this_thread::yield();
            }
        }
    });

    barrier all_ready(static_cast<std::ptrdiff_t>(wanted.threads));
    event lift_off;
    mutex printing;
    const auto say = [&](const std::string& line) {
        if (!wanted.json) {
            const std::scoped_lock lock(printing);
            fmt::print("{}\n", line);
        }
    };
    std::vector<std::array<bool, supplies.size()>> on_board(wanted.threads);
    std::atomic<unsigned> leaders{0};
    std::atomic<bool> early{false};
    std::vector<std::jthread> rockets;
    for (unsigned rocket = 0; rocket != wanted.threads; ++rocket) {
        rockets.emplace_back([&, rocket] {
            for (std::size_t kind = 0; kind != supplies.size(); ++kind) {
                store.take(kind);
                on_board[rocket][kind] = true;
                say(fmt::format("rocket {} takes {}", rocket + 1, supplies[kind]));
            }
            if (all_ready.arrive_and_wait() == barrier_role::leader) {
                leaders.fetch_add(1, std::memory_order_relaxed);
                all_supplied.store(true, std::memory_order_relaxed);
                const auto steps = static_cast<int>(wanted.seconds);
                for (int left = steps; left > 0; --left) {
                    say(fmt::format("{}", left));
                    std::this_thread::sleep_for(std::chrono::seconds(1));
                }
                std::this_thread::sleep_for(std::chrono::duration<double>(wanted.seconds - steps));
                lift_off.set();
            } else {
                lift_off.wait();
            }
            for (const auto& other : on_board) {
                for (const bool taken : other) {
                    if (!taken)
                        early.store(true, std::memory_order_relaxed);
                }
            }
            say(fmt::format("rocket {} lifts off", rocket + 1));
        });
    }
    rockets.clear();
    producer.join();

    const std::uint64_t taken = std::uint64_t{wanted.threads} * supplies.size();
    const bool right = !early.load(std::memory_order_relaxed) && leaders.load(std::memory_order_relaxed) == 1 &&
                       delivered == taken + store.left();
    if (wanted.json) {
        fmt::print("{{\"rockets\": {}, \"delivered\": {}, \"sent_back\": {}, \"left\": {}, \"right\": {}}}\n",
                   wanted.threads, delivered, sent_back, store.left(), right);
    } else {
        fmt::print("{} delivered, {} taken, {} left, {} sent back\n", delivered, taken, store.left(), sent_back);
    }
    if (!right)
        fmt::print(stderr, "rocket_preparation: a rocket lifted off early, or supplies got lost\n");
    return right ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) try {
    CLI::App app{"Rockets take what they need, wait for each other, count down and lift off.\n"
                 "Exit status: 0 all went right, 1 it did not, 2 bad usage.",
                 "rocket_preparation"};
    options wanted;
    app.add_option("--threads", wanted.threads, "rockets")->check(CLI::Range(1U, 1000U))->capture_default_str();
    app.add_option("--seconds", wanted.seconds, "length of the countdown")
        ->check(CLI::Range(0.0, 3600.0))
        ->capture_default_str();
    app.add_option("--seed", wanted.seed, "of the producer")->capture_default_str();
    app.add_flag("--json", wanted.json, "one object instead of the story");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run(wanted);
} catch (const std::exception& error) {
    std::fputs("rocket_preparation: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return 1;
}

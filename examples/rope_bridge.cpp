// SPDX-License-Identifier: MIT
// The rope bridge: travellers come from both sides, at most five are on the bridge at once, and never in two
// directions. Each traveller turns round and crosses again, for as long as the program runs; transfers a second are
// counted for each side, over each lock.
//
// `free`: whoever finds the bridge passable goes; a side that has the bridge may keep it for long. `fair`: once five
// have gone in one direction and somebody waits at the other end, the direction changes; waiting travellers sleep.
#include <gantry/base/backoff.hpp>
#include <gantry/sync/condition_variable.hpp>

#include <CLI/CLI.hpp>
#include <examples/locks.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

constexpr unsigned carries = 5;

struct options {
    double seconds = 1;
    unsigned threads = 8;
    std::vector<std::string> locks{"all"};
    std::vector<std::string> variants{"free", "fair"};
    bool json = false;
};

// Whoever finds it passable goes.
template<class Lock>
class free_bridge {
public:
    void enter(std::size_t side) {
        for (gantry::backoff backoff; !try_enter(side);)
            backoff.pause();
    }
    void leave(std::size_t /*side*/) {
        const std::lock_guard guard(lock_);
        --on_it_;
    }

private:
    bool try_enter(std::size_t side) {
        const std::lock_guard guard(lock_);
        if (on_it_ != 0 && (side != direction_ || on_it_ == carries))
            return false;
        direction_ = side;
        ++on_it_;
        return true;
    }

    Lock lock_;
    // Guarded by lock_.
    std::size_t direction_ = 0;
    unsigned on_it_ = 0;
};

// The direction changes after so many, if anybody waits at the other end.
template<class Lock>
class fair_bridge {
public:
    void enter(std::size_t side) {
        std::unique_lock guard(lock_);
        ++waiting_[side];
        changed_[side].wait(guard, [&] { return may_go(side); });
        --waiting_[side];
        if (direction_ != side) {
            direction_ = side;
            gone_ = 0;
        }
        ++on_it_;
        ++gone_;
    }
    void leave(std::size_t side) {
        bool turn = false;
        {
            const std::lock_guard guard(lock_);
            --on_it_;
            turn = on_it_ == 0 && waiting_[1 - side] != 0;
        }
        if (turn)
            changed_[1 - side].notify_all();
        else
            changed_[side].notify_one();
    }

private:
    [[nodiscard]] bool may_go(std::size_t side) const {
        const bool others_turn = waiting_[1 - side] != 0 && gone_ >= carries;
        if (on_it_ == 0)
            return direction_ != side || !others_turn;
        return direction_ == side && on_it_ != carries && !others_turn;
    }

    Lock lock_;
    std::array<gantry::sync::condition_variable, 2> changed_;
    // Guarded by lock_.
    std::array<unsigned, 2> waiting_{};
    std::size_t direction_ = 0;
    unsigned on_it_ = 0;
    unsigned gone_ = 0; // in this direction since it last changed
};

// What the travellers see: independent of what the bridge believes.
class witness {
public:
    void on(std::size_t side) {
        const std::uint64_t now = seen_.fetch_add(one_of(side), std::memory_order_relaxed) + one_of(side);
        const std::uint64_t mine = (now >> (32 * side)) & 0xFFFF'FFFFU;
        const std::uint64_t others = (now >> (32 * (1 - side))) & 0xFFFF'FFFFU;
        if (others != 0 || mine > carries)
            broken_.store(true, std::memory_order_relaxed);
    }
    void off(std::size_t side) { seen_.fetch_sub(one_of(side), std::memory_order_relaxed); }
    [[nodiscard]] bool broken() const { return broken_.load(std::memory_order_relaxed); }

private:
    static std::uint64_t one_of(std::size_t side) { return std::uint64_t{1} << (32 * side); }

    std::atomic<std::uint64_t> seen_{0};
    std::atomic<bool> broken_{false};
};

// Whether never too many were on the bridge, nor in two directions.
template<class Bridge>
bool run(const options& given, const std::string& lock, const std::string& variant) {
    Bridge bridge;
    witness seen;
    std::atomic<bool> stop{false};
    std::vector<std::array<std::uint64_t, 2>> transfers(given.threads);
    const auto begin = steady_clock::now();
    {
        std::vector<std::jthread> travellers;
        for (std::size_t i = 0; i != transfers.size(); ++i) {
            travellers.emplace_back([&, i] {
                std::array<std::uint64_t, 2> mine{};
                for (std::size_t side = i % 2; !stop.load(std::memory_order_relaxed); side = 1 - side) {
                    bridge.enter(side);
                    seen.on(side);
                    seen.off(side);
                    bridge.leave(side);
                    ++mine[side];
                }
                transfers[i] = mine;
            });
        }
        std::this_thread::sleep_for(duration<double>(given.seconds));
        stop.store(true, std::memory_order_relaxed);
        // A traveller that waits for the other side is let go by the last that leaves: everybody crosses once more.
    }
    const double took = duration<double>(steady_clock::now() - begin).count();
    std::array<double, 2> rates{};
    for (const auto& mine : transfers) {
        for (std::size_t side = 0; side != 2; ++side)
            rates[side] += static_cast<double>(mine[side]) / took;
    }
    if (given.json) {
        fmt::print("{}\n", nlohmann::json({{"lock", lock},
                                           {"variant", variant},
                                           {"seconds", took},
                                           {"transfers_per_second", rates},
                                           {"right", !seen.broken()}})
                               .dump());
    } else {
        fmt::print("{:>9} {}: {:9.0f} and {:9.0f} transfers/s\n", lock, variant, rates[0], rates[1]);
    }
    std::fflush(stdout);
    if (seen.broken())
        fmt::print(stderr, "rope_bridge: {} {}: too many on the bridge, or in two directions\n", lock, variant);
    return !seen.broken();
}

} // namespace

int main(int argc, char** argv) {
    options given;
    const std::vector<std::string> names(exclusive_locks.begin(), exclusive_locks.end());
    std::vector<std::string> choices = names;
    choices.emplace_back("all");
    CLI::App app{"Travellers cross a rope bridge that carries five, in one direction at a time.\n"
                 "Exit status: 0, 1 if the bridge was misused, 2 or more for wrong usage."};
    app.add_option("--seconds", given.seconds, "For each lock and variant (1)")->check(CLI::Range(0.01, 1e6));
    app.add_option("--threads", given.threads, "Travellers (8)")->check(CLI::Range(1U, 1024U));
    app.add_option("--lock", given.locks, fmt::format("{}, or all; several, with commas (all)", fmt::join(names, ", ")))
        ->delimiter(',')
        ->check(CLI::IsMember(choices));
    app.add_option("--variant", given.variants, "free, fair; several, with commas (both)")
        ->delimiter(',')
        ->check(CLI::IsMember({"free", "fair"}));
    app.add_flag("--json", given.json, "An object a line");
    CLI11_PARSE(app, argc, argv);

    if (std::ranges::find(given.locks, "all") != given.locks.end())
        given.locks = names;
    bool right = true;
    for (const std::string& name : given.locks) {
        with_lock_type(name, [&]<class Lock>(Lock* /*type*/) {
            if constexpr (!std::is_same_v<Lock, pair_semaphore>) {
                for (const std::string& variant : given.variants) {
                    right &= variant == "free" ? run<free_bridge<Lock>>(given, name, variant)
                                               : run<fair_bridge<Lock>>(given, name, variant);
                }
            }
        });
    }
    return right ? 0 : 1;
}

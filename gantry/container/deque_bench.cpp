// SPDX-License-Identifier: MIT
// deque_owner/<implementation>/burst:N: one thread pushes N elements and pops N.
// deque_steal/<implementation>/threads:N: an owner pushes, and pops one of four itself, the others steal until all is
// gone. One item is one element.
#include <gantry/base/backoff.hpp>
#include <gantry/container/deque.hpp>
#include <gantry/container/test_mutex_deque.hpp>

#include <benchmark/benchmark.h>
#include <xenium/chase_work_stealing_deque.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace gantry::container;

struct gantry_deque {
    void push(std::uint64_t value) { deque_.push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) {
        const std::optional<std::uint64_t> popped = deque_.try_pop();
        if (popped)
            value = *popped;
        return popped.has_value();
    }
    [[nodiscard]] bool steal(std::uint64_t& value) {
        const auto stolen = deque_.try_steal();
        if (stolen)
            value = *stolen;
        return stolen.has_value();
    }
    deque<std::uint64_t> deque_;
};

// Pointers only; with room for all from the start: an element came out twice when it grew under a thief.
struct xenium_deque {
    void push(std::uint64_t value) {
        if (!deque_.try_push(reinterpret_cast<char*>(value)))
            std::abort();
    }
    [[nodiscard]] bool pop(std::uint64_t& value) {
        char* popped = nullptr;
        if (!deque_.try_pop(popped))
            return false;
        value = reinterpret_cast<std::uint64_t>(popped);
        return true;
    }
    [[nodiscard]] bool steal(std::uint64_t& value) {
        char* stolen = nullptr;
        if (!deque_.try_steal(stolen))
            return false;
        value = reinterpret_cast<std::uint64_t>(stolen);
        return true;
    }
    xenium::chase_work_stealing_deque<char, xenium::policy::capacity<(1U << 18U)>> deque_;
};

struct std_mutex_deque {
    void push(std::uint64_t value) { static_cast<void>(deque_.push(value)); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return deque_.pop_newest(value); }
    [[nodiscard]] bool steal(std::uint64_t& value) { return deque_.pop(value); }
    test::std_mutex_deque deque_{std::numeric_limits<std::size_t>::max()};
};

template<class Deque>
void owner(benchmark::State& state, std::uint64_t burst) {
    Deque deque;
    bool right = true;
    for ([[maybe_unused]] auto _ : state) {
        for (std::uint64_t i = 0; i != burst; ++i)
            deque.push(i);
        std::uint64_t value = 0;
        for (std::uint64_t i = burst; i != 0; --i)
            right = deque.pop(value) && value == i - 1 && right;
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(burst));
    if (!right)
        state.SkipWithError("another element than the newest");
}

template<class Deque>
void steal(benchmark::State& state, std::uint64_t threads) {
    constexpr std::uint64_t elements = 200'000;
    bool right = true;
    for ([[maybe_unused]] auto _ : state) {
        Deque deque;
        std::atomic<std::uint64_t> taken{0};
        std::atomic<std::uint64_t> sum{0};
        std::vector<std::jthread> thieves;
        for (std::uint64_t i = 1; i != threads; ++i) {
            thieves.emplace_back([&] {
                std::uint64_t mine = 0;
                std::uint64_t count = 0;
                gantry::backoff pause;
                for (std::uint64_t value = 0;;) {
                    if (deque.steal(value)) {
                        mine += value;
                        ++count;
                        pause.reset();
                        continue;
                    }
                    taken.fetch_add(std::exchange(count, 0), std::memory_order_relaxed);
                    if (taken.load(std::memory_order_relaxed) == elements)
                        break;
                    pause.pause();
                }
                sum.fetch_add(mine, std::memory_order_relaxed);
            });
        }
        std::uint64_t mine = 0;
        std::uint64_t count = 0;
        std::uint64_t value = 0;
        for (std::uint64_t i = 0; i != elements; ++i) {
            deque.push(i);
            if (i % 4 == 0 && deque.pop(value)) {
                mine += value;
                ++count;
            }
        }
        taken.fetch_add(count, std::memory_order_relaxed);
        thieves.clear();
        right = right && sum.load(std::memory_order_relaxed) + mine == elements * (elements - 1) / 2;
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(elements));
    if (!right)
        state.SkipWithError("an element was lost or doubled");
}

template<class Deque>
void add(const std::string& name) {
    for (const std::uint64_t burst : {1U, 64U, 1024U}) {
        benchmark::RegisterBenchmark(("deque_owner/" + name + "/burst:" + std::to_string(burst)).c_str(), owner<Deque>,
                                     burst)
            ->UseRealTime();
    }
    for (const std::uint64_t threads : {2U, 4U}) {
        benchmark::RegisterBenchmark(("deque_steal/" + name + "/threads:" + std::to_string(threads)).c_str(),
                                     steal<Deque>, threads)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
    }
}

[[maybe_unused]] const bool added = [] {
    add<gantry_deque>("gantry");
    add<xenium_deque>("xenium");
    add<std_mutex_deque>("std_mutex");
    return true;
}();

} // namespace

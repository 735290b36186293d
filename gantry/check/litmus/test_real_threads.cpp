// SPDX-License-Identifier: MIT
// Compiled without announcements: what runs here is what a program runs.
#include <gantry/check/litmus/test_real_threads.hpp>
#include <gantry/check/litmus/test_shapes.hpp>

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace gantry::check::litmus {

namespace {

constexpr std::size_t rounds = 16384; // of a batch: instances of the shape's locations that lie side by side
constexpr std::size_t hop = 1597;     // to the next one, so that no prefetcher guesses it; odd

// No value of a shape is larger than 3.
constexpr unsigned value_bits = 2;
constexpr std::size_t outcomes = std::size_t{1} << (value_bits * std::tuple_size_v<real_outcome>);

// Where the threads of a round meet. Who comes early waits for a moment only, and not at all for one that is far
// behind: it does not run. Those who have met go on after a delay that differs from round to round, so that each of
// them comes first in some.
class meeting {
public:
    explicit meeting(std::size_t threads)
        : threads_(threads), patience_(threads <= std::max(1U, std::thread::hardware_concurrency()) ? 1000 : 0) {}

    void clear() {
        came_.store(0, std::memory_order_relaxed);
        here_.store(0, std::memory_order_relaxed);
    }

    // All of them run now, or did a moment ago.
    void begin() {
        here_.fetch_add(1, std::memory_order_relaxed);
        for (int i = 0; here_.load(std::memory_order_relaxed) < threads_; ++i) {
            if (i >= patience_) {
                std::this_thread::yield();
                i = 0;
            }
        }
    }

    void at(std::size_t round, std::size_t me) {
        const std::size_t all = (round + 1) * threads_;
        std::size_t came = came_.fetch_add(1, std::memory_order_relaxed) + 1;
        for (int i = 0; i < patience_ && came < all && came + far * threads_ > all; ++i) {
            came = came_.load(std::memory_order_relaxed);
        }
        for (std::size_t left = (me == 0 ? round : round / delays) % delays; left != 0; --left) {
            came = came_.load(std::memory_order_relaxed);
        }
    }

private:
    static constexpr std::size_t far = 64; // rounds
    static constexpr std::size_t delays = 16;

    std::size_t threads_;
    int patience_;
    std::atomic<std::size_t> came_{0};
    std::atomic<std::size_t> here_{0};
};

// Puts the calling thread onto the CPU with this number among those that the process may use, so that two threads of a
// shape do not take turns on one. Without that right it runs where it is put.
void stay_on(std::size_t number) {
    cpu_set_t may;
    CPU_ZERO(&may);
    if (sched_getaffinity(0, sizeof may, &may) != 0) {
        return;
    }
    std::size_t left = number % static_cast<std::size_t>(std::max(1, CPU_COUNT(&may)));
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &may) && left-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof one, &one));
            return;
        }
    }
}

template<class Shape, column C>
real_counts run(double seconds) {
    using clock = std::chrono::steady_clock;
    const auto all = std::make_unique<std::array<memory<C>, rounds>>();
    std::vector<std::vector<registers>> read(Shape::threads, std::vector<registers>(rounds));
    std::vector<std::uint64_t> counts(outcomes);
    meeting together(Shape::threads);
    std::atomic<std::size_t> batch{0}; // odd: it runs
    std::atomic<std::size_t> done{0};
    std::atomic<bool> stop{false};
    const auto worker = [&](std::size_t me) {
        stay_on(me);
        for (std::size_t mine = 1;; mine += 2) {
            for (std::size_t seen = 0; (seen = batch.load(std::memory_order_seq_cst)) < mine;) {
                batch.wait(seen, std::memory_order_seq_cst);
            }
            if (stop.load(std::memory_order_relaxed)) {
                return;
            }
            together.begin();
            for (std::size_t i = 0; i < rounds; ++i) {
                const std::size_t at = i * hop % rounds;
                together.at(i, me);
                Shape::run(me, (*all)[at], read[me][at]);
            }
            done.fetch_add(1, std::memory_order_seq_cst);
            done.notify_one();
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t me = 0; me < Shape::threads; ++me) {
        threads.emplace_back(worker, me);
    }
    const auto end = clock::now() + std::chrono::duration<double>(seconds);
    do {
        for (memory<C>& m : *all) {
            w(m.x, 0), w(m.y, 0), w(m.z, 0);
        }
        together.clear();
        done.store(0, std::memory_order_relaxed);
        batch.fetch_add(1, std::memory_order_seq_cst);
        batch.notify_all();
        for (std::size_t seen = 0; (seen = done.load(std::memory_order_seq_cst)) < Shape::threads;) {
            done.wait(seen, std::memory_order_seq_cst);
        }
        batch.fetch_add(1, std::memory_order_relaxed);
        for (std::size_t i = 0; i < rounds; ++i) {
            std::size_t packed = 0;
            for (std::size_t k = 0; k < registers_max; ++k) {
                int value = 0;
                for (const std::vector<registers>& mine : read) {
                    value |= mine[i][k];
                }
                packed = packed << value_bits | static_cast<std::size_t>(value);
            }
            for (const auto* const at : {&(*all)[i].x, &(*all)[i].y, &(*all)[i].z}) {
                packed = packed << value_bits | static_cast<std::size_t>(r(*at));
            }
            ++counts[packed];
        }
    } while (clock::now() < end);
    stop.store(true, std::memory_order_relaxed);
    batch.fetch_add(1, std::memory_order_seq_cst);
    batch.notify_all();
    for (std::thread& t : threads) {
        t.join();
    }
    real_counts told;
    for (std::size_t packed = 0; packed < outcomes; ++packed) {
        if (counts[packed] != 0) {
            real_outcome values{};
            std::size_t rest = packed;
            for (auto value = values.rbegin(); value != values.rend(); ++value) {
                *value = static_cast<int>(rest % (1U << value_bits));
                rest >>= value_bits;
            }
            told[values] = counts[packed];
        }
    }
    return told;
}

} // namespace

real_counts run_on_threads(std::size_t shape, std::size_t column_number, double seconds) {
    real_counts told;
    std::size_t s = 0;
    each_shape([&]<class Shape>() {
        each_column([&]<column C>() {
            if (s == shape && static_cast<std::size_t>(C) == column_number) {
                told = run<Shape, C>(seconds);
            }
        });
        ++s;
    });
    return told;
}

} // namespace gantry::check::litmus

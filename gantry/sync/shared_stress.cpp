// SPDX-License-Identifier: MIT
// shared_mutex, barrier, event, eventcount, seqlock and once on real threads, more of them than CPUs.
#include <gantry/base/prng.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/recorder.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/sync/barrier.hpp>
#include <gantry/sync/event.hpp>
#include <gantry/sync/eventcount.hpp>
#include <gantry/sync/latch.hpp>
#include <gantry/sync/once.hpp>
#include <gantry/sync/seqlock.hpp>
#include <gantry/sync/shared_mutex.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace {

using gantry::prng;
using gantry::test::seed;

// Two plain counters under the lock never disagree, however it is taken, with few writers and many, over several locks
// at once and with threads that come and go; and every successful write is counted.
TEST(shared_mutex_stress, exclusion) {
    struct guarded {
        gantry::sync::shared_mutex m;
        std::uint64_t first = 0;
        std::uint64_t second = 0;
    };
    for (const std::uint64_t one_write_in : {2U, 20U, 1000U}) {
        std::vector<guarded> locks(3);
        std::atomic<std::uint64_t> written{0};
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i != 6; ++i) {
            threads.emplace_back([&, random = prng(seed(), i)]() mutable {
                std::uint64_t mine = 0;
                for (int step = 0; step != 30'000; ++step) {
                    guarded& g = locks[random.uniform_below(locks.size())];
                    const auto patience = std::chrono::nanoseconds(random.uniform_below(3000));
                    const bool yields = random.uniform_below(500) == 0; // lose the CPU with the lock held
                    if (random.uniform_below(one_write_in) == 0) {
                        switch (random.uniform_below(4)) {
                        case 0:
                            if (!g.m.try_lock())
                                continue;
                            break;
                        case 1:
                            if (!g.m.try_lock_for(patience))
                                continue;
                            break;
                        default:
                            g.m.lock();
                        }
                        ASSERT_EQ(g.first, g.second);
                        ++g.first;
                        if (yields)
                            std::this_thread::yield();
                        ++g.second;
                        g.m.unlock();
                        ++mine;
                    } else {
                        switch (random.uniform_below(4)) {
                        case 0:
                            if (!g.m.try_lock_shared())
                                continue;
                            break;
                        case 1:
                            if (!g.m.try_lock_shared_for(patience))
                                continue;
                            break;
                        default:
                            g.m.lock_shared();
                        }
                        const std::uint64_t before = g.first;
                        if (yields)
                            std::this_thread::yield();
                        ASSERT_EQ(before, g.second);
                        g.m.unlock_shared();
                    }
                    if (random.uniform_below(5000) == 0) {
                        std::jthread([&g] { // a thread that claims a line and gives it back
                            for (int read = 0; read != 3; ++read) {
                                g.m.lock_shared();
                                EXPECT_EQ(g.first, g.second);
                                g.m.unlock_shared();
                            }
                        })
                            .join();
                    }
                }
                written.fetch_add(mine, std::memory_order_relaxed);
            });
        }
        threads.clear();
        std::uint64_t sum = 0;
        for (const guarded& g : locks) {
            EXPECT_EQ(g.first, g.second);
            sum += g.first;
        }
        EXPECT_EQ(sum, written.load(std::memory_order_relaxed));
    }
}

// Readers that never leave a gap do not keep a writer out, and writers that never do, no reader.
TEST(shared_mutex_stress, nobody_starves) {
    gantry::sync::shared_mutex m;
    std::atomic<bool> stop{false};
    std::atomic<int> reads{0};
    std::atomic<int> writes{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i != 3; ++i) {
        threads.emplace_back([&] {
            while (!stop.load(std::memory_order_relaxed)) {
                m.lock_shared();
                std::this_thread::yield(); // so that readers overlap
                m.unlock_shared();
                reads.fetch_add(1, std::memory_order_relaxed);
            }
        });
        threads.emplace_back([&] {
            while (!stop.load(std::memory_order_relaxed)) {
                m.lock();
                std::this_thread::yield();
                m.unlock();
                writes.fetch_add(1, std::memory_order_relaxed);
            }
        });
    }
    while (reads.load(std::memory_order_relaxed) < 1000 || writes.load(std::memory_order_relaxed) < 1000)
        std::this_thread::yield();
    stop.store(true, std::memory_order_relaxed);
}

// Each thread of each phase finds the sum of all threads' work.
TEST(barrier_stress, phases) {
    std::vector<std::uint64_t> work(4, 0);
    gantry::sync::barrier all(static_cast<std::ptrdiff_t>(work.size()));
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i != work.size(); ++i) {
        threads.emplace_back([&, i, random = prng(seed(), i)]() mutable {
            for (std::uint64_t phase = 1; phase <= 5'000; ++phase) {
                work[i] = phase;
                if (random.uniform_below(4) == 0) {
                    auto token = all.arrive();
                    while (!all.wait_for(token, std::chrono::nanoseconds(random.uniform_below(20'000)))) {
                    }
                } else {
                    all.arrive_and_wait();
                }
                for (const std::uint64_t theirs : work)
                    ASSERT_EQ(theirs, phase);
                all.arrive_and_wait();
            }
        });
    }
}

// A stack of numbers with sleeping consumers: none is lost, and a consumer that sleeps on hangs the test.
TEST(eventcount_stress, every_item_is_taken) {
    gantry::sync::eventcount changed;
    std::atomic<std::uint64_t> items{0};
    std::atomic<std::uint64_t> taken{0};
    constexpr std::uint64_t each = 20'000;
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i != 3; ++i) {
        threads.emplace_back([&, random = prng(seed(), i)]() mutable {
            for (std::uint64_t n = 0; n != each; ++n) {
                items.fetch_add(1, std::memory_order_relaxed);
                changed.notify_one();
                if (random.uniform_below(50) == 0)
                    std::this_thread::yield();
            }
        });
        threads.emplace_back([&, random = prng(seed(), 10 + i)]() mutable {
            const auto take = [&] {
                std::uint64_t seen = items.load(std::memory_order_relaxed);
                while (seen != 0 && !items.compare_exchange_strong(seen, seen - 1, std::memory_order_relaxed,
                                                                   std::memory_order_relaxed)) {
                }
                return seen != 0;
            };
            for (std::uint64_t n = 0; n != each; ++n) {
                const auto patience = std::chrono::microseconds(random.uniform_below(100));
                if (random.uniform_below(4) != 0 || !changed.await_for(patience, take))
                    changed.await(take);
            }
            taken.fetch_add(each, std::memory_order_relaxed);
        });
    }
    threads.clear();
    EXPECT_EQ(taken.load(std::memory_order_relaxed), 3 * each);
    EXPECT_EQ(items.load(std::memory_order_relaxed), 0U);
}

// A token goes round through auto-reset events; every thread leaves a latch behind for its neighbour to destroy.
TEST(event_stress, token_goes_round) {
    std::vector<gantry::sync::auto_reset_event> turns(4);
    std::uint64_t token = 0;
    constexpr std::uint64_t rounds = 3'000;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i != turns.size(); ++i) {
        threads.emplace_back([&, i] {
            for (std::uint64_t round = 0; round != rounds; ++round) {
                turns[i].wait();
                ++token;
                turns[(i + 1) % turns.size()].set();
            }
        });
    }
    turns[0].set();
    threads.clear();
    EXPECT_EQ(token, rounds * turns.size());
    for (int round = 0; round != 3'000; ++round) {
        auto* const done = new gantry::sync::latch(2);
        std::jthread first([done] { done->count_down(); });
        done->count_down();
        done->wait();
        delete done;
    }
}

// Histories of a seqlock with many writers are those of a register.
TEST(seqlock_stress, is_a_register) {
    struct wide {
        std::int64_t first;
        std::int64_t second;
    };
    using gantry::check::request;
    using gantry::check::response;
    using gantry::check::verb;
    for (std::uint64_t round = 0; round != 30; ++round) {
        gantry::sync::seqlock<wide, gantry::sync::seqlock_writers::many> value;
        gantry::check::recorder<request, response> log({.threads = 3, .operations_max = 40});
        const auto work = [&](std::uint32_t me) {
            prng random(seed(), 100 * round + me);
            for (std::int64_t i = 0; i != 40; ++i) {
                if (random.uniform_below(3) == 0) {
                    const std::int64_t mine = 1000 * (me + 1) + i;
                    log.call(me, {.what = verb::write, .value = mine});
                    value.store({mine, -mine});
                    log.end(me, {});
                } else {
                    log.call(me, {.what = verb::read});
                    const wide seen = value.load();
                    log.end(me, seen.first);
                    EXPECT_EQ(seen.first, -seen.second);
                }
            }
        };
        std::jthread second(work, 1);
        std::jthread third(work, 2);
        work(0);
        second.join();
        third.join();
        const auto result = gantry::check::check_history(gantry::check::register_specification{}, log.take());
        EXPECT_EQ(result.is, gantry::check::verdict::holds);
    }
}

// Many flags, callers in different orders, calls that throw: each is made once.
TEST(once_stress, every_flag_once) {
    struct entry {
        gantry::sync::once_flag flag;
        int made = 0;
        std::atomic<int> attempts{0};
    };
    std::vector<entry> entries(2'000);
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i != 4; ++i) {
        threads.emplace_back([&, i] {
            for (std::size_t n = 0; n != entries.size(); ++n) {
                entry& e = entries[i % 2 == 0 ? n : entries.size() - 1 - n];
                for (bool again = true; again;) {
                    try {
                        gantry::sync::call_once(e.flag, [&e] {
                            if (e.attempts.fetch_add(1, std::memory_order_relaxed) == 0)
                                throw 1;
                            ++e.made;
                        });
                        again = false;
                    } catch (int) {
                    }
                }
                ASSERT_EQ(e.made, 1);
            }
        });
    }
}

} // namespace

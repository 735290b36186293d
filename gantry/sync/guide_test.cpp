// SPDX-License-Identifier: MIT
// The samples of docs/guides/locks.md.
#include <gantry/sync/barrier.hpp>
#include <gantry/sync/eventcount.hpp>
#include <gantry/sync/seqlock.hpp>
#include <gantry/sync/shared_mutex.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>

namespace {

TEST(guide, readers_and_a_writer) {
    gantry::sync::shared_mutex routes_lock;
    std::map<std::string, int> routes; // guarded by routes_lock
    const auto look_up = [&](const std::string& name) {
        const std::shared_lock lock(routes_lock); // many at once
        const auto found = routes.find(name);
        return found == routes.end() ? -1 : found->second;
    };
    const auto add = [&](const std::string& name, int port) {
        const std::unique_lock lock(routes_lock); // alone
        routes[name] = port;
    };
    std::jthread other([&] { add("telem", 8125); });
    while (look_up("telem") == -1)
        std::this_thread::yield();
    EXPECT_EQ(look_up("telem"), 8125);
}

TEST(guide, a_few_words) {
    struct limits {
        std::uint32_t rate;
        std::uint32_t burst;
    };
    gantry::sync::seqlock<limits> current(limits{100, 10});
    current.store({200, 20});          // one thread at a time
    const limits now = current.load(); // any thread, any number of them
    EXPECT_EQ(now.rate, 200U);
    EXPECT_EQ(now.burst, 20U);
}

TEST(guide, phases) {
    gantry::sync::barrier all(2);
    std::array<int, 2> part{};
    int sum = 0;
    const auto work = [&](std::size_t me) {
        part[me] = static_cast<int>(me) + 1;
        if (all.arrive_and_wait() == gantry::sync::barrier_role::leader)
            sum = part[0] + part[1]; // by one of the two
        all.arrive_and_wait();       // and seen by both
        return sum;
    };
    std::jthread other([&] { EXPECT_EQ(work(1), 3); });
    EXPECT_EQ(work(0), 3);
}

TEST(guide, sleeping_consumers) {
    std::atomic<int> items{0}; // stands for a queue
    gantry::sync::eventcount changed;
    std::jthread producer([&] {
        items.fetch_add(1, std::memory_order_release);
        changed.notify_one(); // one load, if nobody sleeps
    });
    changed.await([&] { return items.exchange(0, std::memory_order_acquire) != 0; });
}

} // namespace

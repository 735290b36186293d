// SPDX-License-Identifier: MIT
// A debug build can say who waits for what; other builds record nothing.
#include <gantry/channel/channel.hpp>
#include <gantry/channel/select.hpp>
#include <gantry/channel/waits.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <chrono>
#include <cstdio>
#include <semaphore>
#include <string>
#include <thread>

namespace {

namespace channel = gantry::channel;

// The sample of the header: nothing is printed here, since nothing is stuck.
TEST(waits, sample) {
    using namespace std::chrono_literals;
    std::binary_semaphore done(1);
    if (!done.try_acquire_for(10s))
        std::fputs(gantry::channel::wait_report().c_str(), stderr);
}

// A thread in a select is listed with its name and its arms until it goes on.
TEST(waits, lists_a_select) {
    auto [tx, rx] = channel::rendezvous<int>();
    auto [full_tx, full_rx] = channel::bounded<int>(1);
    ASSERT_TRUE(full_tx.push(0));
    if (!channel::waits_are_recorded) {
        EXPECT_TRUE(channel::waits().empty());
        EXPECT_EQ(channel::wait_report(), "");
        return;
    }
    std::jthread waiter([&, &in = rx, &out = full_tx] {
        ::pthread_setname_np(::pthread_self(), "stuck");
        channel::select(channel::on(in, [](auto) {}), channel::on_push(out, 1, [](auto) {}));
    });
    while (channel::waits().empty())
        std::this_thread::yield();
    const auto found = channel::waits();
    ASSERT_EQ(found.size(), 1);
    EXPECT_EQ(found[0].name, "stuck");
    ASSERT_EQ(found[0].arms.size(), 2);
    const auto& pops = found[0].arms[found[0].arms[0].pushes ? 1 : 0];
    EXPECT_EQ(pops.channel, rx.id());
    EXPECT_EQ(pops.kind, "rendezvous");
    const std::string report = channel::wait_report();
    EXPECT_NE(report.find("(stuck) has waited"), std::string::npos) << report;
    EXPECT_NE(report.find("push to bounded"), std::string::npos) << report;
    ASSERT_TRUE(tx.push(5));
    waiter.join();
    EXPECT_TRUE(channel::waits().empty());
}

} // namespace

// SPDX-License-Identifier: MIT
#include <gantry/channel/channel.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace channel = gantry::channel;
using channel::errc;
using namespace std::chrono_literals;

static_assert(std::ranges::input_range<const channel::receiver<std::unique_ptr<int>>>);
static_assert(std::copyable<channel::sender<std::unique_ptr<int>>>);
static_assert(std::movable<channel::receiver<int>> && !std::copyable<channel::receiver<int>>);

// The sample of the header runs and gives every word in order.
TEST(channel, sample) {
    std::string text;
    auto [tx, rx] = gantry::channel::bounded<std::string>(16);
    std::jthread worker([tx = std::move(tx)] {
        for (const char* word : {"to", "be"})
            if (!tx.push(word))
                return; // the receiver is gone
    });
    for (std::string& word : rx) // until every sender is gone and everything is out
        text += word;
    EXPECT_EQ(text, "tobe");
}

} // namespace

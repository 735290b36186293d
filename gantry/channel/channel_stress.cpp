// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/base/prng.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/channel/test_elements.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace channel = gantry::channel;
namespace test = gantry::channel::test;
using channel::errc;
using gantry::prng;
using gantry::test::seed;
using namespace std::chrono_literals;

constexpr std::uint32_t sender_shift = 24;

std::uint32_t numbered(std::uint32_t sender, std::uint32_t sequence) {
    return sender << sender_shift | sequence;
}

// Each sender's numbers come in order, each once: what a receiver checks as it goes.
class ledger_of_senders {
public:
    explicit ledger_of_senders(std::uint32_t senders) : next_(senders, 0) {}

    void take(std::uint32_t number) {
        const std::uint32_t sender = number >> sender_shift;
        ASSERT_LT(sender, next_.size());
        ASSERT_EQ(number, numbered(sender, next_[sender]));
        ++next_[sender];
    }
    [[nodiscard]] std::uint32_t taken(std::uint32_t sender) const { return next_[sender]; }

private:
    std::vector<std::uint32_t> next_;
};

template<class T>
channel::ends<T> make(std::size_t capacity) {
    return capacity == 0 ? channel::unbounded<T>() : channel::bounded<T>(capacity);
}

// Sends `count` numbers in every way there is. Returns how many the channel accepted; stops when it is closed.
template<class T>
std::uint32_t send_all(const channel::sender<T>& tx, std::uint32_t sender, std::uint32_t count, prng random) {
    std::uint32_t next = 0;
    while (next != count) {
        switch (random.uniform_below(5)) {
        case 0:
            if (!tx.push(T(numbered(sender, next))))
                return next;
            ++next;
            break;
        case 1:
            if (auto pushed = tx.try_push(T(numbered(sender, next))))
                ++next;
            else if (is_end(pushed.error().reason))
                return next;
            break;
        case 2:
            if (auto pushed =
                    tx.push_for(T(numbered(sender, next)), std::chrono::microseconds(random.uniform_below(50))))
                ++next;
            else if (is_end(pushed.error().reason))
                return next;
            break;
        default: {
            std::vector<T> batch;
            const auto size = std::min(count - next, static_cast<std::uint32_t>(random.uniform_below(9)));
            for (std::uint32_t i = 0; i != size; ++i)
                batch.emplace_back(numbered(sender, next + i));
            const auto pushed = random.uniform_below(2) == 0 ? tx.push_range(batch) : tx.try_push_range(batch);
            if (pushed) {
                next += size;
            } else {
                next += static_cast<std::uint32_t>(pushed.error().pushed);
                if (is_end(pushed.error().reason))
                    return next;
            }
        }
        }
    }
    return next;
}

// Receives in every way there is until the channel says closed (or `limit` were received).
template<class T, class Take>
void receive_all(const channel::receiver<T>& rx, prng random, Take take) {
    const auto one = [&](const channel::pop_result<T>& popped) {
        if (popped)
            take(popped->number());
        return popped || !is_end(popped.error());
    };
    for (bool open = true; open;) {
        switch (random.uniform_below(4)) {
        case 0:
            open = one(rx.pop());
            break;
        case 1:
            open = one(rx.try_pop());
            break;
        case 2:
            open = one(rx.pop_for(std::chrono::microseconds(random.uniform_below(50))));
            break;
        default: {
            std::vector<T> batch;
            const auto popped = rx.pop_some(std::back_inserter(batch), 1 + random.uniform_below(9));
            for (const T& value : batch)
                take(value.number());
            open = popped || !is_end(popped.error());
        }
        }
    }
}

template<class T>
class channel_stress : public testing::Test {};
using element_types = testing::Types<test::string_element, test::move_only_element, test::over_aligned_element>;
TYPED_TEST_SUITE(channel_stress, element_types);

// Several senders using every operation: nothing is lost, doubled or out of its sender's order.
TYPED_TEST(channel_stress, nothing_lost_doubled_or_reordered) {
    constexpr std::uint32_t senders = 3;
    static constexpr std::uint32_t count = 3000;
    for (const std::size_t capacity : {0U, 1U, 2U, 16U, 1024U}) {
        auto [tx, rx] = make<TypeParam>(capacity);
        std::vector<std::jthread> threads;
        for (std::uint32_t sender = 0; sender != senders; ++sender) {
            threads.emplace_back(
                [tx, sender, random = prng(seed(), sender)] { EXPECT_EQ(send_all(tx, sender, count, random), count); });
        }
        {
            const auto mine = std::move(tx);
        }
        ledger_of_senders ledger(senders);
        receive_all(rx, prng(seed(), 100), [&](std::uint32_t number) { ledger.take(number); });
        for (std::uint32_t sender = 0; sender != senders; ++sender)
            EXPECT_EQ(ledger.taken(sender), count);
    }
}

// Several threads popping through one receiver: each element reaches exactly one of them, and each of them ends.
TYPED_TEST(channel_stress, several_poppers) {
    constexpr std::uint32_t senders = 2;
    constexpr std::uint32_t poppers = 3;
    static constexpr std::uint32_t count = 3000;
    for (const std::size_t capacity : {0U, 1U, 3U}) {
        auto [tx, rx] = make<TypeParam>(capacity);
        std::vector<std::vector<std::uint32_t>> received(poppers);
        std::vector<std::jthread> threads;
        for (std::uint32_t popper = 0; popper != poppers; ++popper) {
            threads.emplace_back([&rx, &mine = received[popper], random = prng(seed(), 200 + popper)] {
                receive_all(rx, random, [&](std::uint32_t number) { mine.push_back(number); });
            });
        }
        for (std::uint32_t sender = 0; sender != senders; ++sender) {
            threads.emplace_back(
                [tx, sender, random = prng(seed(), sender)] { EXPECT_EQ(send_all(tx, sender, count, random), count); });
        }
        {
            const auto mine = std::move(tx);
        }
        threads.clear();
        std::vector<std::uint32_t> all;
        for (const auto& mine : received) {
            // One popper sees each sender's numbers in rising order.
            for (std::uint32_t sender = 0; sender != senders; ++sender) {
                std::vector<std::uint32_t> of_sender;
                std::ranges::copy_if(mine, std::back_inserter(of_sender),
                                     [&](std::uint32_t number) { return number >> sender_shift == sender; });
                EXPECT_TRUE(std::ranges::is_sorted(of_sender));
            }
            all.insert(all.end(), mine.begin(), mine.end());
        }
        std::ranges::sort(all);
        ASSERT_EQ(all.size(), senders * count);
        for (std::uint32_t sender = 0; sender != senders; ++sender)
            for (std::uint32_t i = 0; i != count; ++i)
                ASSERT_EQ(all[sender * count + i], numbered(sender, i));
    }
}

// close() at any moment: what was accepted comes out, what was refused does not, and everybody ends.
TYPED_TEST(channel_stress, close_races) {
    constexpr std::uint32_t senders = 2;
    prng random(seed(), 300);
    for (std::uint32_t round = 0; round != 40; ++round) {
        auto [tx, rx] = make<TypeParam>(random.uniform_below(4));
        std::uint32_t accepted[senders] = {};
        std::vector<std::jthread> threads;
        for (std::uint32_t sender = 0; sender != senders; ++sender) {
            threads.emplace_back([tx, sender, &accepted, own = prng(seed(), round * 10 + sender)] {
                accepted[sender] = send_all(tx, sender, 1U << 20U, own);
            });
        }
        threads.emplace_back([out = std::move(tx), pauses = random.uniform_below(30)] {
            for (std::uint32_t i = 0; i != pauses; ++i)
                std::this_thread::yield();
            out.close();
        });
        ledger_of_senders ledger(senders);
        receive_all(rx, prng(seed(), 400 + round), [&](std::uint32_t number) { ledger.take(number); });
        threads.clear();
        for (std::uint32_t sender = 0; sender != senders; ++sender)
            EXPECT_EQ(ledger.taken(sender), accepted[sender]);
    }
}

// Ends that are destroyed at any moment: everybody ends, and every element is destroyed exactly once.
TEST(channel_stress, destruction_races) {
    using element = test::counting_element;
    ASSERT_EQ(element::alive(), 0);
    prng random(seed(), 500);
    for (std::uint32_t round = 0; round != 500; ++round) {
        auto [tx, rx] = make<element>(random.uniform_below(4));
        std::vector<std::jthread> threads;
        for (std::uint32_t sender = 0; sender != 2; ++sender) {
            threads.emplace_back([tx, sender, limit = 1 + random.uniform_below(200)] {
                for (std::uint32_t i = 0; i != limit; ++i) {
                    const auto copy = tx; // copied and destroyed beside the other's last use
                    if (!copy.push(element(numbered(sender, i))))
                        return;
                }
            });
        }
        threads.emplace_back([in = std::move(rx), limit = random.uniform_below(300)] {
            ledger_of_senders ledger(2);
            for (std::uint32_t i = 0; i != limit; ++i) {
                const auto popped = in.pop();
                if (!popped)
                    return;
                ledger.take(popped->number());
            }
        });
        {
            const auto mine = std::move(tx);
        }
        threads.clear();
        ASSERT_EQ(element::alive(), 0);
    }
}

// Two threads hand one element to and fro through channels of one: the tightest wake-up, missed once it hangs.
TEST(channel_stress, ping_pong) {
    auto [ping_tx, ping_rx] = channel::bounded<std::uint32_t>(1);
    auto [pong_tx, pong_rx] = channel::bounded<std::uint32_t>(1);
    constexpr std::uint32_t rounds = 20'000;
    const std::jthread other([in = std::move(ping_rx), out = std::move(pong_tx)] {
        for (const std::uint32_t value : in)
            ASSERT_TRUE(out.push(value + 1));
    });
    for (std::uint32_t i = 0; i != rounds; ++i) {
        ASSERT_TRUE(ping_tx.push(i));
        ASSERT_EQ(pong_rx.pop(), i + 1);
    }
    const auto last = std::move(ping_tx);
}

// Time-outs race with arrivals: an element is either received or still there, whatever the time-out said.
TEST(channel_stress, time_outs_lose_nothing) {
    auto [tx, rx] = channel::bounded<std::uint32_t>(1);
    constexpr std::uint32_t count = 5'000;
    const std::jthread pusher([out = std::move(tx), random = prng(seed(), 600)]() mutable {
        for (std::uint32_t i = 0; i != count;) {
            const auto pushed = out.push_for(i, std::chrono::microseconds(random.uniform_below(100)));
            i += pushed ? 1U : 0U;
            ASSERT_TRUE(pushed || pushed.error().reason == errc::timeout);
        }
    });
    prng random(seed(), 700);
    for (std::uint32_t expected = 0; expected != count;) {
        const auto popped = rx.pop_for(std::chrono::microseconds(random.uniform_below(100)));
        if (popped) {
            ASSERT_EQ(*popped, expected++);
        } else {
            ASSERT_EQ(popped.error(), errc::timeout);
        }
    }
    EXPECT_EQ(rx.pop().error(), errc::disconnected);
}

} // namespace

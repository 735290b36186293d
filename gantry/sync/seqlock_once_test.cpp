// SPDX-License-Identifier: MIT
// seqlock, call_once and lazy.
#include <gantry/sync/once.hpp>
#include <gantry/sync/seqlock.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using gantry::sync::call_once;
using gantry::sync::lazy;
using gantry::sync::once_flag;
using gantry::sync::seqlock;
using gantry::sync::seqlock_writers;

static_assert(sizeof(seqlock<std::uint64_t>) == 16);
static_assert(sizeof(once_flag) == 4);

template<std::size_t Bytes>
using bytes = std::array<std::uint8_t, Bytes>;

struct alignas(64) over_aligned {
    bytes<64> all;
};
struct padded {
    std::uint8_t first;
    std::uint64_t second;
};
struct no_default {
    explicit no_default(std::uint8_t v) : first(v), second(v) {}
    std::uint32_t first;
    std::uint32_t second;
};

// A value all of whose parts say the same, and whether it is one.
template<class T>
T make(std::uint8_t seed) {
    if constexpr (std::is_same_v<T, no_default>) {
        return no_default(seed);
    } else if constexpr (std::is_same_v<T, padded>) {
        return {seed, seed};
    } else if constexpr (std::is_same_v<T, over_aligned>) {
        over_aligned value{};
        value.all.fill(seed);
        return value;
    } else {
        T value{};
        value.fill(seed);
        return value;
    }
}
template<class T>
bool whole(const T& value) {
    if constexpr (std::is_same_v<T, no_default> || std::is_same_v<T, padded>) {
        return value.first == value.second;
    } else if constexpr (std::is_same_v<T, over_aligned>) {
        return value.all == make<over_aligned>(value.all[0]).all;
    } else {
        return value == make<T>(value[0]);
    }
}

template<class T>
class seqlock_test : public testing::Test {};
using values = testing::Types<bytes<1>, bytes<8>, bytes<13>, bytes<256>, over_aligned, padded, no_default>;
TYPED_TEST_SUITE(seqlock_test, values);

// One thread gets what it stored, whatever the type's size and alignment.
TYPED_TEST(seqlock_test, stores_and_loads) {
    seqlock<TypeParam> one(make<TypeParam>(1));
    EXPECT_TRUE(whole(one.load()));
    one.store(make<TypeParam>(7));
    const std::optional<TypeParam> seen = one.try_load();
    ASSERT_TRUE(seen);
    EXPECT_TRUE(whole(*seen));
    EXPECT_TRUE(whole(one.update([](TypeParam) { return make<TypeParam>(9); })));
}

// No reader sees parts of two values.
TYPED_TEST(seqlock_test, is_never_torn) {
    seqlock<TypeParam> value(make<TypeParam>(0));
    seqlock<TypeParam, seqlock_writers::many> by_many(make<TypeParam>(0));
    std::atomic<bool> stop{false};
    std::vector<std::jthread> threads;
    for (int i = 0; i != 2; ++i) {
        threads.emplace_back([&] {
            while (!stop.load(std::memory_order_relaxed)) {
                EXPECT_TRUE(whole(value.load()));
                EXPECT_TRUE(whole(by_many.load()));
            }
        });
        threads.emplace_back([&] {
            for (int n = 0; n != 3000; ++n)
                by_many.store(make<TypeParam>(static_cast<std::uint8_t>(n)));
        });
    }
    for (int n = 0; n != 3000; ++n)
        value.store(make<TypeParam>(static_cast<std::uint8_t>(n)));
    stop.store(true, std::memory_order_relaxed);
}

struct point {
    int x = 0;
    int y = 0;
};

// The sample of the header.
TEST(seqlock, sample) {
    gantry::sync::seqlock<point> position(point{0, 0});
    position.store({3, 4});
    const point now = position.load();
    EXPECT_EQ(now.x, 3);
    EXPECT_EQ(now.y, 4);
    EXPECT_EQ(seqlock<point>().load().y, 0);
}

// Writers lose nothing of each other, and a change that throws leaves the value and lets others write.
TEST(seqlock, updates) {
    seqlock<point, seqlock_writers::many> value;
    std::vector<std::jthread> threads;
    for (int i = 0; i != 3; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n != 5000; ++n)
                value.update([](point old) { return point{old.x + 1, old.y - 1}; });
        });
    }
    threads.clear();
    EXPECT_EQ(value.load().x, 15000);
    EXPECT_EQ(value.load().y, -15000);
    EXPECT_THROW(value.update([](point) -> point { throw std::runtime_error("no"); }), std::runtime_error);
    EXPECT_EQ(value.update([](point old) { return point{old.x, 0}; }).x, 15000);
}

// Called once, and everybody sees what it did.
TEST(call_once, calls_once) {
    for (int round = 0; round != 300; ++round) {
        once_flag flag;
        int calls = 0;
        std::vector<std::jthread> threads;
        for (int i = 0; i != 4; ++i) {
            threads.emplace_back([&] {
                call_once(flag, [&](int by) { calls += by; }, 1);
                EXPECT_EQ(calls, 1);
                EXPECT_TRUE(flag.is_done());
            });
        }
    }
}

// What it throws reaches that caller; another one calls again.
TEST(call_once, throws_and_calls_again) {
    once_flag flag;
    int calls = 0;
    std::atomic<int> caught{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i != 6; ++i) {
        threads.emplace_back([&] {
            try {
                call_once(flag, [&] {
                    std::this_thread::yield();
                    if (++calls != 4)
                        throw std::runtime_error("not yet");
                });
            } catch (const std::runtime_error&) {
                caught.fetch_add(1, std::memory_order_relaxed);
            }
        });
    }
    threads.clear();
    EXPECT_EQ(calls, 4);
    EXPECT_EQ(caught.load(std::memory_order_relaxed), 3);
    EXPECT_TRUE(flag.is_done());
}

// The sample of the header; values that cannot move; values that nobody asked for are not made.
TEST(lazy, makes_on_demand) {
    {
        gantry::sync::lazy<std::string> name([] { return std::string("gantry"); });
        const std::size_t length = name->size(); // made here, once
        EXPECT_EQ(length, 6U);
        EXPECT_TRUE(name.is_made());
    }
    int made = 0;
    int alive = 0;
    struct counted {
        int* alive;
        explicit counted(int* of) : alive(of) { ++*alive; }
        counted(const counted&) = delete;
        counted& operator=(const counted&) = delete;
        ~counted() { --*alive; }
    };
    auto make_it = [&] {
        if (++made == 1)
            throw std::runtime_error("the first time it fails");
        return counted(&alive);
    };
    {
        lazy<counted, decltype(make_it)> never(make_it);
    }
    EXPECT_EQ(made, 0);
    {
        lazy<counted, decltype(make_it)> value(make_it);
        EXPECT_THROW(static_cast<void>(value.get()), std::runtime_error);
        EXPECT_FALSE(value.is_made());
        EXPECT_EQ(value.get().alive, &alive);
        EXPECT_EQ((*value).alive, &alive);
        EXPECT_EQ(alive, 1);
    }
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(made, 2);
}

} // namespace

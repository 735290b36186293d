// SPDX-License-Identifier: MIT
// The small pieces of base: asserts, back-off, prng, byte order, cache line, tuning.
#include <gantry/base/assert.hpp>
#include <gantry/base/backoff.hpp>
#include <gantry/base/byte_order.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/base/prng.hpp>
#include <gantry/base/tuning.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

// Ordering ledger
//   flag : store (release)  ->  load (acquire)   carries: nothing

// A true condition does nothing; it is evaluated once.
TEST(assert, true_condition) {
    int evaluated = 0;
    GANTRY_ASSERT(++evaluated == 1);
    EXPECT_EQ(evaluated, 1);
    GANTRY_ASSERT(std::is_same_v<int, int>); // a comma is no trouble
    const int capacity = 1;
    GANTRY_ASSERT(capacity >= 1);
}

// The default handler says expression, file, line and function on stderr and aborts.
TEST(assert_death, default_handler) {
    const int answer = 41;
    EXPECT_DEATH(GANTRY_ASSERT(answer == 42),
                 R"(gantry: assertion failed: answer == 42 \(.*base_test\.cpp:[0-9]+, .*TestBody.*\))");
}

// A handler gets the facts and may throw; one that returns does not keep the program alive.
TEST(assert_death, replaced_handler) {
    const auto before = gantry::set_assert_handler([](const gantry::assertion& failed) { throw failed; });
    EXPECT_EQ(before, nullptr);
    try {
        GANTRY_ASSERT(1 + 1 == 3);
        FAIL() << "no throw";
    } catch (const gantry::assertion& failed) {
        EXPECT_STREQ(failed.expression, "1 + 1 == 3");
        EXPECT_TRUE(std::string_view(failed.where.file_name()).ends_with("base_test.cpp"));
        EXPECT_GT(failed.where.line(), 0);
    }
    EXPECT_NE(gantry::set_assert_handler([](const gantry::assertion&) {}), nullptr);
    EXPECT_DEATH(GANTRY_ASSERT(false), "");
    EXPECT_NE(gantry::set_assert_handler(nullptr), nullptr);
    EXPECT_EQ(gantry::set_assert_handler(nullptr), nullptr);
}

// Debug asserts are evaluated exactly where the macro says that they are on.
TEST(assert, debug_only) {
    int evaluated = 0;
    GANTRY_DEBUG_ASSERT(++evaluated == 1);
    EXPECT_EQ(evaluated, GANTRY_DEBUG_CHECKS);
}

// Back-off ends at its advice to park, stays there, and starts over when reset; the sample of the header ends.
TEST(backoff, exhausts_and_resets) {
    gantry::backoff backoff;
    const std::uint32_t rounds = gantry::tuning::backoff_spin_rounds + gantry::tuning::backoff_yield_rounds;
    for (std::uint32_t i = 0; i != rounds; ++i) {
        EXPECT_FALSE(backoff.exhausted());
        backoff.pause();
    }
    EXPECT_TRUE(backoff.exhausted());
    backoff.pause();
    EXPECT_TRUE(backoff.exhausted());
    backoff.reset();
    EXPECT_FALSE(backoff.exhausted());
}
TEST(backoff, sample) {
    std::atomic<bool> flag{false};
    const std::jthread setter([&] { flag.store(true, std::memory_order_release); }); // order: flag.w
    gantry::backoff backoff;
    while (!flag.load(std::memory_order_acquire)) // order: flag.r
        backoff.pause();
}

// Spinning is advised by the number of CPUs the process may use.
TEST(backoff, knows_the_machine) {
    cpu_set_t mine;
    ASSERT_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
    EXPECT_EQ(gantry::spinning_helps(), CPU_COUNT(&mine) != 1);
}
// On one CPU of a machine with several it is not. In a process of its own, as the answer is kept.
TEST(backoff_death_test, one_cpu) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto helps_on_one = [] {
        cpu_set_t mine;
        sched_getaffinity(0, sizeof mine, &mine);
        std::size_t cpu = 0;
        while (!CPU_ISSET(cpu, &mine))
            ++cpu;
        CPU_ZERO(&mine);
        CPU_SET(cpu, &mine);
        sched_setaffinity(0, sizeof mine, &mine);
        return gantry::spinning_helps();
    };
    EXPECT_EXIT(std::exit(helps_on_one() ? 1 : 0), testing::ExitedWithCode(0), "");
}

// The sequence is the published one (xoshiro256** seeded by splitmix64), the same everywhere and for ever.
TEST(prng, known_sequence) {
    std::uint64_t state = 1234567;
    EXPECT_EQ(gantry::splitmix64(state), 6457827717110365317U);
    EXPECT_EQ(gantry::splitmix64(state), 3203168211198807973U);
    EXPECT_EQ(gantry::splitmix64(state), 9817491932198370423U);
    constexpr auto third = [] {
        gantry::prng random(1);
        random();
        random();
        return random();
    }();
    gantry::prng random(1);
    random();
    random();
    EXPECT_EQ(random(), third);
}

// Equal seeds repeat; other seeds and streams, neighbours included, do not.
TEST(prng, seeds_and_streams) {
    EXPECT_EQ(gantry::prng(1, 2), gantry::prng(1, 2));
    std::vector<std::uint64_t> firsts;
    for (std::uint64_t seed = 0; seed != 100; ++seed)
        for (std::uint64_t stream = 0; stream != 100; ++stream)
            firsts.push_back(gantry::prng(seed, stream)());
    std::ranges::sort(firsts);
    EXPECT_EQ(std::ranges::adjacent_find(firsts), firsts.end());
}

// uniform_below stays below its limit and is uniform: chi-square over limits, among them one that rejects often.
TEST(prng, uniform_below) {
    gantry::prng random(42);
    for (const std::uint64_t limit : {1U, 2U, 3U, 7U, 10U, 64U, 100U}) {
        std::vector<double> counts(limit, 0);
        const double draws = 20'000.0 * static_cast<double>(limit);
        for (double i = 0; i != draws; ++i) {
            const std::uint64_t drawn = random.uniform_below(limit);
            ASSERT_LT(drawn, limit);
            ++counts[drawn];
        }
        double chi_square = 0;
        for (const double count : counts)
            chi_square += (count - 20'000.0) * (count - 20'000.0) / 20'000.0;
        // Mean limit - 1, variance 2 (limit - 1): six standard deviations.
        const auto freedom = static_cast<double>(limit - 1);
        EXPECT_LE(chi_square, freedom + 6 * std::sqrt(2 * freedom)) << limit;
    }
    // 3 * 2^62: one draw in four is rejected; thirds must be equal, where a plain modulo favours the first.
    constexpr std::uint64_t large = 3ULL << 62U;
    std::array<double, 3> thirds{};
    for (int i = 0; i != 30'000; ++i)
        ++thirds[random.uniform_below(large) >> 62U];
    for (const double count : thirds)
        EXPECT_NEAR(count, 10'000, 500);
}

// uniform_unit lies in [0, 1) with the right mean; the generator serves <random>.
TEST(prng, doubles_and_distributions) {
    static_assert(std::uniform_random_bit_generator<gantry::prng>);
    gantry::prng random(7);
    double sum = 0;
    for (int i = 0; i != 100'000; ++i) {
        const double drawn = random.uniform_unit();
        ASSERT_GE(drawn, 0);
        ASSERT_LT(drawn, 1);
        sum += drawn;
    }
    EXPECT_NEAR(sum / 100'000, 0.5, 0.01);
    std::vector<int> deck{1, 2, 3, 4, 5};
    std::ranges::shuffle(deck, random);
    EXPECT_TRUE(std::ranges::is_permutation(deck, std::array{1, 2, 3, 4, 5}));
}

// The sample of prng.hpp.
TEST(prng, sample) {
    const std::uint64_t seed = 3;
    gantry::prng random(seed);
    const std::uint64_t die = 1 + random.uniform_below(6);
    EXPECT_TRUE(die >= 1 && die <= 6);
}

// A limit of zero is the programmer's error.
TEST(prng, zero_limit_is_asserted) {
    struct broken {};
    const auto before = gantry::set_assert_handler([](const gantry::assertion&) { throw broken(); });
    gantry::prng random(1);
    EXPECT_THROW(static_cast<void>(random.uniform_below(0)), broken);
    gantry::set_assert_handler(before);
}

template<class U>
class byte_order : public testing::Test {};
using unsigned_types = testing::Types<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>;
TYPED_TEST_SUITE(byte_order, unsigned_types);

// What is stored comes back, at every alignment, touches no neighbour, and lies in the order that was asked for.
TYPED_TEST(byte_order, round_trip) {
    const bool held = rc::check("store, load", [](TypeParam value) {
        for (std::size_t offset = 0; offset != 8; ++offset) {
            std::array<unsigned char, 24> buffer;
            buffer.fill(0xee);
            gantry::store_le(value, buffer.data() + offset);
            RC_ASSERT(gantry::load_le<TypeParam>(buffer.data() + offset) == value);
            auto native = value;
            std::memcpy(&native, buffer.data() + offset, sizeof native);
            RC_ASSERT((native == value) == (std::endian::native == std::endian::little || native == value));
            auto reversed = buffer;
            gantry::store_be(value, reversed.data() + offset);
            RC_ASSERT(gantry::load_be<TypeParam>(reversed.data() + offset) == value);
            std::reverse(reversed.begin() + static_cast<std::ptrdiff_t>(offset),
                         reversed.begin() + static_cast<std::ptrdiff_t>(offset + sizeof(TypeParam)));
            RC_ASSERT(reversed == buffer);
            for (std::size_t i = 0; i != buffer.size(); ++i)
                RC_ASSERT((i >= offset && i < offset + sizeof(TypeParam)) || buffer[i] == 0xee);
        }
    });
    EXPECT_TRUE(held);
}

// Known bytes, in constant expressions, over every byte type; the sample of the header.
TEST(byte_order, known_bytes) {
    constexpr unsigned char bytes[] = {0x01, 0x02, 0x03, 0x84};
    static_assert(gantry::load_be<std::uint32_t>(bytes) == 0x01020384);
    static_assert(gantry::load_le<std::uint32_t>(bytes) == 0x84030201);
    static_assert(gantry::load_le<std::uint16_t>("\xff\x80") == 0x80ff); // char may be signed
    std::byte buffer[4];
    gantry::store_be(std::uint32_t{0x01020304}, buffer);
    const auto length = gantry::load_be<std::uint32_t>(buffer);
    EXPECT_EQ(length, 0x01020304);
    EXPECT_EQ(buffer[0], std::byte{1});
}

// Neighbours in an array are a cache line apart, also on the heap; the sample of the header.
TEST(cache_line, aligned) {
    static_assert(sizeof(gantry::cache_aligned<char>) == gantry::cache_line_bytes);
    const std::size_t threads = 3;
    const std::size_t mine = 1;
    std::vector<gantry::cache_aligned<std::uint64_t>> counts(threads);
    ++*counts[mine];
    EXPECT_EQ(*counts[1], 1);
    EXPECT_EQ(*counts[0], 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*counts[2]) % gantry::cache_line_bytes, 0);
    const gantry::cache_aligned<std::unique_ptr<int>> made(new int(3));
    EXPECT_EQ(**made, 3);
    const gantry::cache_aligned<std::string> text(3U, 'x');
    EXPECT_EQ(text->size(), 3);
}

// This is a release build, and the library is of the same kind, or the test would not have linked.
TEST(tuning, one_kind_of_build) {
    static_assert(!gantry::tuning::is_model_build);
    EXPECT_EQ(gantry::tuning::link_check, &gantry::tuning::release_build::linked_with);
    static_assert(gantry::tuning::channel_block_slots_min >= 1);
}

} // namespace

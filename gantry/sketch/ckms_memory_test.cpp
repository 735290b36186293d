// SPDX-License-Identifier: MIT
// bytes() is what the sketch takes, an almost empty one takes little, and a steady stream allocates nothing.
#include <gantry/sketch/ckms_test_support.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> allocated{0};
} // namespace

// Every allocation of this test program passes here. Not inlined: g++ 12 takes the halves for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    allocated.fetch_add(size, std::memory_order_relaxed);
    if (void* const p = std::malloc(size == 0 ? 1 : size)) {
        return p;
    }
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
    std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}

namespace {
using namespace gantry::sketch;

TEST(CkmsMemory, AlmostEmptySketchesAreSmall) {
    ckms<std::uint32_t> s({.mode = ckms_mode::low_biased, .epsilon = 0.01});
    EXPECT_LE(s.bytes(), 192U);
    for (std::uint32_t i = 0; i < 8; ++i) {
        s.insert(i);
    }
    EXPECT_LE(s.bytes(), 256U);
    s.flush();
    EXPECT_LE(s.bytes(), 384U);
}

TEST(CkmsMemory, BytesAreAllThereIs) {
    for (const ckms_options& options : test::all_options()) {
        const ckms<double> empty(options);
        const std::size_t before = allocated.load(std::memory_order_relaxed);
        const ckms<double> one(options);
        EXPECT_EQ(one.bytes(), sizeof(one) + allocated.load(std::memory_order_relaxed) - before);
        ckms<double> s(options);
        for (const double v : test::arrivals("random", 5'000)) {
            s.insert(v);
        }
        s.insert(1, 1'000);
        // A copy takes only what it holds; that is known to the byte.
        const std::size_t at = allocated.load(std::memory_order_relaxed);
        const ckms<double> copy(s);
        EXPECT_EQ(copy.bytes(), sizeof(copy) + allocated.load(std::memory_order_relaxed) - at);
        EXPECT_LE(copy.bytes(), s.bytes());
    }
}

TEST(CkmsMemory, SteadyStreamsAllocateNothing) {
    ckms<std::uint32_t> few({.mode = ckms_mode::low_biased, .epsilon = 0.01});
    ckms<double> many({.mode = ckms_mode::uniform, .epsilon = 0.01});
    gantry::prng random(1);
    const auto work = [&] {
        for (int i = 0; i < 200'000; ++i) {
            few.insert(static_cast<std::uint32_t>(random.uniform_below(100)));
            many.insert(static_cast<double>(random.uniform_below(1'000'000)));
            if (i % 1'000 == 0) {
                few.insert(7, 100);
                EXPECT_TRUE(few.query(0.5));
                EXPECT_TRUE(many.query(0.5));
            }
        }
    };
    work();
    const std::size_t before = allocations.load(std::memory_order_relaxed);
    work();
    EXPECT_EQ(allocations.load(std::memory_order_relaxed), before);
}

} // namespace

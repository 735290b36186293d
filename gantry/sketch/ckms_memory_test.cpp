// SPDX-License-Identifier: MIT
// bytes() is what the sketch takes, an almost empty one takes little, a steady stream allocates nothing, and a failed
// allocation changes nothing: seen through the replaced operator new. The sanitizers bring their own: not under them.
#include <gantry/sketch/ckms_test_support.hpp>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define GANTRY_COUNT_ALLOCATIONS
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define GANTRY_COUNT_ALLOCATIONS
#endif
#endif

#if defined(GANTRY_COUNT_ALLOCATIONS)

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> allocated{0};
thread_local bool fails = false;
} // namespace

// Every allocation of this test program passes here. Not inlined: g++ 12 takes the halves for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    allocated.fetch_add(size, std::memory_order_relaxed);
    if (void* const p = fails ? nullptr : std::malloc(size == 0 ? 1 : size)) {
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

// Where memory is refused, the element or the merge is refused with it, and the sketch goes on.
TEST(CkmsMemory, FailedAllocationsChangeNothing) {
    for (const ckms_options& options : test::all_options()) {
        ckms<double> s(options);
        test::oracle<double> truth;
        std::size_t refused = 0;
        for (const double v : test::arrivals("random", 6'000)) {
            const std::uint64_t weight = s.count() % 100 == 0 ? 1'000 : 1;
            const std::uint64_t before = s.count();
            try {
                fails = true;
                weight == 1 ? s.insert(v) : s.insert(v, weight);
                fails = false;
            } catch (const std::bad_alloc&) {
                fails = false;
                ++refused;
                ASSERT_EQ(s.count(), before);
                weight == 1 ? s.insert(v) : s.insert(v, weight);
            }
            truth.insert(v, weight);
        }
        EXPECT_GT(refused, 0U);
        ASSERT_EQ(test::judge_both(s, truth, options), "");
        if (options.mode == ckms_mode::targeted) {
            continue;
        }
        ckms<double> one({.mode = options.mode, .epsilon = 0.5});
        one.insert(1);
        const auto before = one.serialise();
        try {
            fails = true;
            EXPECT_FALSE(one.merge(s));
        } catch (const std::bad_alloc&) {
            fails = false;
            EXPECT_EQ(one.serialise(), before);
            EXPECT_EQ(one.effective_epsilon(), 0.5);
        }
        EXPECT_TRUE(one.merge(s));
        EXPECT_EQ(one.count(), s.count() + 1);
    }
}

} // namespace

#endif

// SPDX-License-Identifier: MIT
// What channels allocate, seen through the replaced operator new. The sanitizers bring their own: not under them.
#include <gantry/base/cache_line.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/channel/channel.hpp>
#include <gantry/reclaim/epoch.hpp>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define GANTRY_COUNT_ALLOCATIONS
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define GANTRY_COUNT_ALLOCATIONS
#endif
#endif

#if defined(GANTRY_COUNT_ALLOCATIONS)

#include <gtest/gtest.h>

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <thread>

namespace {

thread_local std::size_t allocations = 0;
thread_local std::size_t live_bytes = 0;
thread_local bool fails = false;

void* counted(void* block) {
    if (block == nullptr)
        throw std::bad_alloc();
    ++allocations;
    live_bytes += ::malloc_usable_size(block);
    return block;
}

void uncounted(void* block) noexcept {
    live_bytes -= block ? ::malloc_usable_size(block) : 0;
    std::free(block);
}

} // namespace

void* operator new(std::size_t size) {
    return counted(fails ? nullptr : std::malloc(size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    const auto aligned = static_cast<std::size_t>(alignment);
    return counted(fails ? nullptr : std::aligned_alloc(aligned, (size + aligned - 1) / aligned * aligned));
}
void operator delete(void* block) noexcept {
    uncounted(block);
}
void operator delete(void* block, std::size_t) noexcept {
    uncounted(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
    uncounted(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    uncounted(block);
}

namespace {

namespace channel = gantry::channel;

// A bounded channel allocates when it is made and never again.
TEST(channel_allocation, bounded_is_preallocated) {
    auto [tx, rx] = channel::bounded<std::uint64_t>(100);
    const std::size_t before = allocations;
    for (std::uint64_t i = 0; i != 1000; ++i) {
        ASSERT_TRUE(tx.try_push(i));
        if (i >= 99) {
            ASSERT_TRUE(rx.try_pop());
        }
    }
    ASSERT_TRUE(channel::sender(tx).push(1));
    EXPECT_EQ(allocations, before);
}

// An unbounded channel allocates a segment at a time, gives segments to the default domain of epochs as it is drained,
// and no handle costs any.
TEST(channel_allocation, unbounded_gives_segments_back) {
    constexpr std::uint64_t count = 100'000;
    constexpr std::size_t segment_bytes = gantry::tuning::queue_segment_bytes + 8 * gantry::cache_line_bytes;
    constexpr std::size_t slot_bytes = 2 * sizeof(std::uint64_t); // with the state
    auto& domain = gantry::reclaim::epoch::default_domain();
    const auto collect_all = [&domain] {
        while (domain.garbage_bytes() != 0)
            domain.collect();
    };
    { // the thread's record in the domain, and what lies in it, stay
        auto [tx, rx] = channel::unbounded<std::uint64_t>();
        for (std::uint64_t i = 0; i != count; ++i)
            ASSERT_TRUE(tx.push(i) && rx.pop() == i);
    }
    collect_all();
    const std::size_t nothing = live_bytes;
    {
        auto [tx, rx] = channel::unbounded<std::uint64_t>();
        const std::size_t empty = live_bytes;
        const std::size_t before = allocations;
        for (std::uint64_t i = 0; i != count; ++i)
            ASSERT_TRUE(tx.push(i));
        EXPECT_GE(live_bytes - empty, count * slot_bytes);
        EXPECT_LE(allocations - before, count * slot_bytes / gantry::tuning::queue_segment_bytes + 1);
        for (std::uint64_t i = 0; i != count; ++i)
            ASSERT_EQ(rx.pop(), i);
        collect_all();
        EXPECT_LE(live_bytes, empty + segment_bytes);
    }
    collect_all();
    EXPECT_LE(live_bytes, nothing);
}

// When memory is exhausted the push throws, the value stays with its owner, and the channel goes on when memory is
// back: for what a segment takes, and for what a thread takes that uses the domain for the first time.
TEST(channel_allocation, exhausted_memory) {
    auto [tx, rx] = channel::unbounded<std::uint64_t>();
    std::uint64_t pushed = 0;
    const std::thread::id here = std::this_thread::get_id();
    const auto push_until_it_throws = [&] {
        bool threw = false;
        fails = true;
        try {
            while (tx.push(pushed))
                ++pushed;
        } catch (const std::bad_alloc&) {
            threw = true;
        }
        fails = false;
        EXPECT_TRUE(threw) << (std::this_thread::get_id() == here ? "here" : "in a new thread");
        EXPECT_EQ(rx.size(), pushed);
    };
    std::thread([&] {
        push_until_it_throws();
        EXPECT_EQ(pushed, 0);
        EXPECT_TRUE(tx.push(pushed));
        pushed += 1;
    }).join();
    ASSERT_TRUE(tx.push(pushed));
    pushed += 1;
    push_until_it_throws();
    std::uint64_t failures = 0;
    while (pushed != 5000) { // at each boundary of blocks in turn
        fails = failures % 2 == 0;
        try {
            pushed += tx.push(pushed) ? 1U : 0U;
            failures += failures % 2; // memory was back: the next block fails again
        } catch (const std::bad_alloc&) {
            ++failures;
        }
        fails = false;
        ASSERT_EQ(tx.size(), pushed);
    }
    EXPECT_GE(failures, 2);
    for (std::uint64_t i = 0; i != pushed; ++i)
        ASSERT_EQ(rx.pop(), i);
}

} // namespace

#endif

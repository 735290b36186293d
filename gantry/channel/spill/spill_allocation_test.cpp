// SPDX-License-Identifier: MIT
// Memory runs out at any allocation of any operation: the operation throws or fails and has done nothing, or has done
// all of it; nobody waits for ever; what was accepted comes out once and in order. Through the replaced operator new;
// the sanitizers bring their own: not under them.
#include <gantry/base/posix_storage.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/channel/spill/spill.hpp>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define GANTRY_FAIL_ALLOCATIONS
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define GANTRY_FAIL_ALLOCATIONS
#endif
#endif

#if defined(GANTRY_FAIL_ALLOCATIONS)

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <limits>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
thread_local std::size_t fails_after = never; // so many allocations of this thread succeed, and one does not

void* allocated(void* block) {
    if (block == nullptr)
        throw std::bad_alloc();
    return block;
}

// Apart, or the compiler takes it for a mismatch with operator new where both are inlined.
[[gnu::noinline]] void release(void* block) noexcept {
    std::free(block);
}

bool succeeds() noexcept {
    if (fails_after == never)
        return true;
    return fails_after-- != 0;
}

} // namespace

void* operator new(std::size_t size) {
    return allocated(succeeds() ? std::malloc(size) : nullptr);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    const auto aligned = static_cast<std::size_t>(alignment);
    return allocated(succeeds() ? std::aligned_alloc(aligned, (size + aligned - 1) / aligned * aligned) : nullptr);
}
void operator delete(void* block) noexcept {
    release(block);
}
void operator delete(void* block, std::size_t) noexcept {
    release(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
    release(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
    release(block);
}

namespace {

using namespace gantry;
using namespace gantry::channel;

class folder {
public:
    folder() {
        std::string name = (std::filesystem::temp_directory_path() / "spill_allocation.XXXXXX").string();
        EXPECT_NE(mkdtemp(name.data()), nullptr);
        path_ = name;
    }
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    [[nodiscard]] std::string spool() const { return path_ / "spill"; }

private:
    std::filesystem::path path_;
};

// Runs the operation with one allocation of it failing; nullopt: it threw.
template<class Operation>
auto with_failure(std::size_t after, Operation operation) -> std::optional<decltype(operation())> {
    fails_after = after;
    try {
        auto result = operation();
        fails_after = never;
        return result;
    } catch (const std::bad_alloc&) {
        fails_after = never;
        return std::nullopt;
    }
}

// Long enough for an allocation of its own.
std::string text_of(std::uint64_t number) {
    return std::to_string(number) + std::string(20 + number % 50, 'x');
}

class spill_allocation : public testing::TestWithParam<spill_durability> {};

TEST_P(spill_allocation, fails_at_every_place) {
    const std::uint64_t seed = test::seed();
    const folder at;
    posix_storage storage;
    const spill_options options{.memory_bytes_max = 4096,
                                .disk_bytes_max = 1U << 20U,
                                .segment_bytes = 8192,
                                .durability = GetParam(),
                                .compression = seed % 2 == 0 ? 1 : 0};
    auto made = spill<std::string>(storage, at.spool(), options);
    ASSERT_TRUE(made) << made.error().message();
    std::optional<spilling<std::string>> channel(*std::move(made));
    std::optional<leases<std::string>> lending(channel->disk.leases());
    std::mt19937_64 random(seed);
    std::deque<std::uint64_t> inside;
    std::uint64_t next = 0;
    std::uint64_t threw = 0;
    for (int step = 0; step != 20'000; ++step) {
        const bool filling = step / 500 % 2 == 0; // beyond memory, and back
        const std::size_t after = random() % 3 == 0 ? random() % 12 : never;
        const std::uint64_t action = random() % 9;
        if (action < (filling ? 5U : 2U)) {
            std::string value = text_of(next);
            const auto pushed = with_failure(after, [&] { return channel->tx.try_push(std::move(value)); });
            threw += pushed ? 0U : 1U;
            if (pushed && *pushed)
                inside.push_back(next);
            ++next;
        } else if (action < 6) {
            const auto popped = with_failure(after, [&] { return channel->rx.try_pop(); });
            threw += popped ? 0U : 1U;
            if (popped && *popped) {
                ASSERT_FALSE(inside.empty());
                ASSERT_EQ(**popped, text_of(inside.front())) << "step " << step;
                inside.pop_front();
            } else if (popped && after == never) {
                ASSERT_TRUE(inside.empty()) << "step " << step;
            }
        } else if (action == 8) {
            std::optional<std::string> seen;
            const auto visited =
                with_failure(after, [&] { return lending->try_visit(1, [&](std::string_view text) { seen = text; }); });
            threw += visited ? 0U : 1U;
            if (visited && *visited) {
                ASSERT_FALSE(inside.empty());
                ASSERT_EQ(seen, text_of(inside.front())) << "step " << step;
                inside.pop_front();
            }
        } else {
            // Lent, and given back or acknowledged, with memory or without.
            auto lent = with_failure(after, [&] { return lending->try_pop(); });
            threw += lent ? 0U : 1U;
            if (!lent || !*lent)
                continue;
            ASSERT_FALSE(inside.empty());
            ASSERT_EQ(***lent, text_of(inside.front())) << "step " << step;
            if (action == 6) {
                lent.reset();
            } else {
                const auto done = with_failure(random() % 6, [&] { return (*lent)->acknowledge().has_value(); });
                threw += done ? 0U : 1U;
                if (done)
                    inside.pop_front(); // an error only says that it may come again after a restart
            }
        }
    }
    EXPECT_GT(threw, 100) << "seed " << seed;
    EXPECT_EQ(channel->rx.size(), inside.size());
    if (GetParam() != spill_durability::volatile_overflow) {
        // What is inside is kept over the end of the process.
        EXPECT_TRUE(channel->disk.finish());
        lending.reset();
        channel.reset();
        made = spill<std::string>(storage, at.spool(), options);
        ASSERT_TRUE(made) << made.error().message();
        channel.emplace(*std::move(made));
    }
    // Acknowledgements that failed let elements come again, but none is missing and none out of order.
    std::uint64_t last = 0;
    while (auto popped = channel->rx.try_pop()) {
        const std::uint64_t number = std::stoull(*popped);
        EXPECT_EQ(*popped, text_of(number));
        EXPECT_LE(last, number);
        last = number;
        if (!inside.empty() && inside.front() == number)
            inside.pop_front();
    }
    EXPECT_TRUE(inside.empty()) << "seed " << seed << ": " << inside.size() << " are missing, from " << inside.front();
}

INSTANTIATE_TEST_SUITE_P(, spill_allocation,
                         testing::Values(spill_durability::volatile_overflow, spill_durability::durable_on_drain,
                                         spill_durability::durable));

} // namespace

#endif

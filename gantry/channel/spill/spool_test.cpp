// SPDX-License-Identifier: MIT
// What was appended comes out in order, once for each time that the spool is opened, until it is acknowledged: after
// crashes at any operation, full disks, failing syncs; and damage costs what it hit, nothing else.
#include <gantry/base/assert.hpp>
#include <gantry/base/posix_storage.hpp>
#include <gantry/channel/spill/spool.hpp>
#include <gantry/channel/spill/test_spool_actions.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

namespace {

using namespace gantry::channel;
using gantry::channel::test::action_options;
using gantry::channel::test::spool_actions;

// Runs many; the first failure is shown.
void run_many(action_options options, std::uint64_t runs, spool_actions::met& sum) {
    if (GANTRY_DEBUG_CHECKS != 0)
        runs /= 20; // sanitizers are slow
    for (std::uint64_t i = 0; i != runs; ++i) {
        spool_actions run(options);
        const std::string wrong = run.run();
        ASSERT_TRUE(wrong.empty()) << wrong;
        sum.crashes += run.happened().crashes;
        sum.kills += run.happened().kills;
        sum.refused += run.happened().refused;
        sum.delivered += run.happened().delivered;
        sum.lost += run.happened().lost;
        sum.repeated += run.happened().repeated;
        ++options.seed;
    }
}

// The sample of spool.hpp; an empty string: it went well.
std::string keep(gantry::storage& storage, const std::string& path, gantry::storage_bytes bytes) {
    auto opened = spool::open(storage, path, {.sync = spool_sync::each});
    if (!opened)
        return opened.error().message();
    spool_batch batch;
    batch.add((*opened)->next_sequence(), bytes);
    if (auto done = (*opened)->append(batch); !done)
        return done.error().message();
    return {};
}

TEST(Spool, TheSampleKeepsBytesOnARealDisk) {
    const std::string path = ::testing::TempDir() + "gantry_spool_" + std::to_string(::getpid());
    gantry::posix_storage storage;
    const std::string text = "hop";
    EXPECT_EQ(keep(storage, path, std::as_bytes(std::span(text))), "");
    {
        auto opened = spool::open(storage, path);
        ASSERT_TRUE(opened) << opened.error().message();
        EXPECT_EQ(spool::open(storage, path).error().message(), path + " is in use by another process");
        spool_batch batch;
        ASSERT_TRUE((*opened)->read(batch, 1000).value());
        const auto first = batch.next();
        ASSERT_TRUE(first);
        EXPECT_TRUE(std::ranges::equal(first->bytes, std::as_bytes(std::span(text))));
        struct stat status{};
        ASSERT_EQ(::stat(path.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777U, 0700U);
    }
    const auto refused = spool::open(storage, path, {.leftover = spool_leftover::refuse});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), path + " holds elements of an earlier run");
    const auto discarded = spool::open(storage, path, {.leftover = spool_leftover::discard});
    ASSERT_TRUE(discarded);
    EXPECT_EQ((*discarded)->statistics().segments, 0U);
    std::filesystem::remove_all(path);
}

// Appends until the power goes at some operation; how many elements of segments that were full by then are missing.
std::uint64_t missing_of_full_segments(spool_sync sync, std::uint64_t seed) {
    gantry::check::fault_storage storage({.seed = seed});
    const spool_options options{.segment_bytes = 1024, .sync = sync};
    std::uint64_t full = 0; // up to this number
    {
        const auto opened = spool::open(storage, "/spool", options);
        if (!opened)
            return 0;
        spool& to = **opened;
        storage.crash_at(storage.operations() + seed % 100);
        std::uint64_t segments = 0;
        for (std::uint64_t number = 1; !storage.crashed(); ++number) {
            spool_batch batch;
            const std::string text(seed % 50, 'x');
            batch.add(number, std::as_bytes(std::span(text)));
            if (!to.append(batch))
                break;
            if (const std::uint64_t now = to.statistics().segments; now != std::exchange(segments, now))
                full = number - 1;
        }
    }
    storage.restart();
    const auto opened = spool::open(storage, "/spool", options);
    EXPECT_TRUE(opened);
    std::uint64_t next = 1;
    spool_batch batch;
    while ((*opened)->read(batch, 1000).value())
        while (const auto each = batch.next())
            next = each->sequence == next ? next + 1 : next;
    return full + 1 - std::min(full + 1, next);
}

// What `segment` promises, and that it is the sync that keeps it.
TEST(Spool, FullSegmentsSurviveAPowerCut) {
    std::uint64_t without = 0;
    for (std::uint64_t seed = 1; seed != 2000; ++seed) {
        ASSERT_EQ(missing_of_full_segments(spool_sync::segment, seed), 0U) << "seed " << seed;
        without += missing_of_full_segments(spool_sync::none, seed);
    }
    EXPECT_GT(without, 100U);
}

TEST(Spool, RandomActionsWithPowerCuts) {
    spool_actions::met sum;
    run_many({.seed = 1, .faults = false}, 6000, sum);
    EXPECT_GT(sum.crashes, 100U);
    EXPECT_GT(sum.kills, 100U);
    EXPECT_GT(sum.delivered, 1000U);
}

TEST(Spool, RandomActionsWithFaults) {
    spool_actions::met sum;
    run_many({.seed = 1'000'000, .faults = true}, 6000, sum);
    EXPECT_GT(sum.refused, 100U);
}

TEST(Spool, RandomActionsWithDamage) {
    spool_actions::met sum;
    run_many({.seed = 2'000'000, .faults = false, .power = false, .damage = true}, 6000, sum);
    EXPECT_GT(sum.lost, 50U);
}

} // namespace

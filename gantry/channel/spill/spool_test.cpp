// SPDX-License-Identifier: MIT
// What was appended comes out in order, once for each time that the spool is opened, until it is acknowledged: after
// crashes at any operation, full disks, failing syncs; and damage costs what it hit, nothing else.
#include <gantry/base/assert.hpp>
#include <gantry/base/posix_storage.hpp>
#include <gantry/channel/spill/spool.hpp>
#include <gantry/channel/spill/test_spool_actions.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

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

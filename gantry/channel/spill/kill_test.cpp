// SPDX-License-Identifier: MIT
// A process that is killed at any moment has lost nothing that it was told is accepted, and repeats nothing that it
// acknowledged. Files that a killed process left are listed, verified, dumped and repaired by gantry-spill.
#include <gantry/base/assert.hpp>
#include <gantry/channel/spill/inspect.hpp>
#include <gantry/channel/spill/test_kill_torture.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>

namespace {

using namespace gantry;
using namespace gantry::channel;

std::string folder(const char* name) {
    return ::testing::TempDir() + "gantry_" + name + "_" + std::to_string(::getpid());
}

TEST(SpillKill, NothingAcceptedIsLost) {
    EXPECT_EQ(channel::test::kill_often(channel::test::torture_folder("kill"), GANTRY_DEBUG_CHECKS != 0 ? 40 : 300, 1),
              "");
}

struct outcome {
    int status;
    std::string text;
};

outcome run(const std::string& arguments) {
    FILE* const pipe = ::popen((std::string(GANTRY_SPILL_PROGRAM) + ' ' + arguments + " 2>&1").c_str(), "r");
    outcome result{.status = -1, .text = {}};
    std::array<char, 4096> buffer{};
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
        result.text.append(buffer.data(), got);
    const int status = ::pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

void add(spool& to, std::initializer_list<std::string_view> texts) {
    spool_batch batch;
    std::uint64_t number = to.next_sequence();
    for (const std::string_view text : texts)
        batch.add(number++, std::as_bytes(std::span(text)));
    ASSERT_TRUE(to.append(batch));
}

TEST(SpillTool, ListsVerifiesDumpsAndRepairs) {
    const std::string path = folder("tool");
    std::filesystem::remove_all(path);
    posix_storage storage;
    {
        auto opened = spool::open(storage, path);
        ASSERT_TRUE(opened) << opened.error().message();
        add(**opened, {"one", "two", "three"});
        ASSERT_TRUE((*opened)->acknowledge(1, 1));
        ASSERT_TRUE((*opened)->close());
    }
    outcome got = run("ls " + path);
    EXPECT_EQ(got.status, 0);
    EXPECT_NE(got.text.find("0000000001000001.seg  sealed"), std::string::npos) << got.text;
    EXPECT_NE(got.text.find("acknowledged up to 1"), std::string::npos) << got.text;
    EXPECT_EQ(run("verify " + path).status, 0);
    got = run("dump " + path);
    EXPECT_EQ(got.text, "2 74776f\n3 7468726565\n");
    EXPECT_EQ(run("dump --raw --all " + path).text, "one\ntwo\nthree\n");

    // A letter of the second element changes.
    {
        std::fstream file(path + "/0000000001000001.seg", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(40 + 24 + 20);
        file.put('T');
    }
    std::uint64_t lost = 0;
    const auto report = inspect_spool(storage, path, true);
    for (const segment_report& each : report->segments)
        lost += each.lost;
    EXPECT_EQ(lost, 1U);
    got = run("verify --json " + path);
    EXPECT_EQ(got.status, 1);
    EXPECT_NE(got.text.find("\"lost\":1"), std::string::npos) << got.text;
    EXPECT_EQ(run("dump --raw " + path).text, "three\n");
    got = run("repair " + path);
    EXPECT_EQ(got.status, 0);
    EXPECT_EQ(got.text, "kept 1 elements, lost 1\n");
    EXPECT_EQ(run("verify " + path).status, 0);
    EXPECT_EQ(run("dump --raw " + path).text, "three\n");

    got = run("ls " + path + "/nothing");
    EXPECT_EQ(got.status, 2);
    EXPECT_NE(got.text.find("gantry-spill: open directory"), std::string::npos) << got.text;
    EXPECT_EQ(run("eat " + path).status, 2);
    EXPECT_EQ(run("--help").status, 0);
    std::filesystem::remove_all(path);
}

} // namespace

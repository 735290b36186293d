// SPDX-License-Identifier: MIT
// What must hold: the program reads a checkout as git sees it and any other folder without build/ and hidden folders,
// exits 0 clean, 1 with findings, 2 on bad usage with one line that says why, and --json is one object a line.
#include <sys/wait.h>
#include <tools/tidy/test_tree.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tidy {
namespace {

struct outcome {
    int status = -1;
    std::string out; // standard output and error
};

outcome shell(const std::string& command) {
    outcome result;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) {
        return result;
    }
    std::array<char, 4096> buffer{};
    while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
        result.out.append(buffer.data(), got);
    }
    const int status = pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
}

class Program : public ::testing::Test {
protected:
    Program() {
        std::string name = (std::filesystem::temp_directory_path() / "tidy_test_XXXXXX").string();
        root_ = mkdtemp(name.data());
        write("a.md", "text\n");
    }
    ~Program() override { std::filesystem::remove_all(root_); }

    void write(const std::string& path, std::string_view text) const {
        std::filesystem::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path, std::ios::binary) << text;
    }
    [[nodiscard]] outcome tidy(const std::string& arguments) const {
        return shell(fmt::format("'{}' --root '{}' {}", TIDY_PROGRAM, root_.string(), arguments));
    }

    std::filesystem::path root_;
};

TEST_F(Program, CleanTree) {
    const auto result = tidy("");
    EXPECT_EQ(result.status, 0) << result.out;
    EXPECT_THAT(result.out, HasSubstr("tidy: 0 findings in 1 files"));
}

TEST_F(Program, FindingsAreOneLineEach) {
    write("sub/b.md", "text \n");
    const auto result = tidy("");
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.out, HasSubstr("sub/b.md:1: [words] blanks at the end of the line; expected none\n"));
}

TEST_F(Program, Json) {
    write("b.md", "[a](\\\")\n");
    const auto result = tidy("--json");
    EXPECT_EQ(result.status, 1);
    EXPECT_EQ(result.out,
              "{\"path\":\"b.md\",\"line\":1,\"rule\":\"markdown\",\"message\":\"link to \\\\\\\", which does "
              "not exist; expected a file or folder of this repository\"}\n");
}

TEST_F(Program, RulesAndPathsNarrow) {
    write("sub/b.md", "text \n");
    EXPECT_EQ(tidy("--rule layers").status, 0);
    EXPECT_EQ(tidy("--rule layers --rule words").status, 1);
    EXPECT_EQ(tidy(fmt::format("'{}/a.md'", root_.string())).status, 0);
    EXPECT_EQ(tidy(fmt::format("--rule words '{}/sub'", root_.string())).status, 1);
}

TEST_F(Program, BadUsage) {
    EXPECT_EQ(tidy("--rule none").status, 2);
    EXPECT_THAT(tidy("--rule none").out, HasSubstr("--rule none: no such rule"));
    EXPECT_EQ(tidy("--nonsense").status, 2);
    EXPECT_EQ(tidy("gone.md").status, 2);
    EXPECT_THAT(tidy("gone.md").out, HasSubstr("gone.md: not a file or folder"));
    const auto result = shell(fmt::format("'{}' --root '{}/gone'", TIDY_PROGRAM, root_.string()));
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.out, HasSubstr("no such folder"));
}

TEST_F(Program, ListAndHelp) {
    const auto list = tidy("--list");
    EXPECT_EQ(list.status, 0);
    for (const auto& each : all_rules()) {
        EXPECT_THAT(list.out, HasSubstr(std::string(each.name) + "\n    "));
    }
    EXPECT_EQ(tidy("--help").status, 0);
}

TEST_F(Program, WithoutGitSkipsBuildAndHidden) {
    for (const std::string folder : {"build/x", ".cache", ".ci"}) {
        write(folder + "/b.md", "text \n");
    }
    EXPECT_EQ(tidy("").status, 0);
    write("sub/build/b.md", "text \n");
    EXPECT_EQ(tidy("").status, 1);
}

TEST_F(Program, InACheckoutGitSaysWhatCounts) {
    if (shell(fmt::format("git -C '{}' init -q", root_.string())).status != 0) {
        GTEST_SKIP() << "git is not there";
    }
    write(".gitignore", "/ignored/\n");
    write("ignored/b.md", "text \n");
    EXPECT_EQ(tidy("").status, 0);
    write("odd \"name\".md", "text \n"); // not tracked, not ignored
    const auto result = tidy("");
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.out, HasSubstr("odd \"name\".md:1: [words]"));
}

} // namespace
} // namespace tidy

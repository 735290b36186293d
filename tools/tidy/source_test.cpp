// SPDX-License-Identifier: MIT
// What must hold: strings, raw strings, characters, comments and line continuations are told from code, with the right
// line for each, also in text that is cut off anywhere.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

std::vector<std::string> words(const source& file) {
    std::vector<std::string> found;
    for (const auto& each : file.tokens()) {
        if (each.kind != token_kind::directive_end) {
            found.push_back(fmt::format("{}@{}", each.text, each.line));
        }
    }
    return found;
}

TEST(Source, StringsAreOneToken) {
    const source file("x.cpp", "a = \"// no \\\" comment\"; // yes\nb = '\\'' + u8\"x\";\n");
    EXPECT_THAT(words(file), ElementsAre("a@1", "=@1", "\"// no \\\" comment\"@1", ";@1", "b@2", "=@2", "'\\''@2",
                                         "+@2", "u8\"x\"@2", ";@2"));
    ASSERT_EQ(file.comments().size(), 1U);
    EXPECT_EQ(file.comments()[0].text, " yes");
    EXPECT_FALSE(file.comments()[0].alone);
}

TEST(Source, RawStringKeepsItsLines) {
    const source file("x.cpp", "a = R\"x(1)\"\n2 // no\n)x\";\nb;\n");
    EXPECT_THAT(words(file), ElementsAre("a@1", "=@1", "R\"x(1)\"\n2 // no\n)x\"@1", ";@3", "b@4", ";@4"));
    EXPECT_TRUE(file.comments().empty());
    EXPECT_TRUE(file.in_long_string(2));
    EXPECT_FALSE(file.in_long_string(4));
}

TEST(Source, DigitSeparatorsAndExponents) {
    const source file("x.cpp", "1'000'000 0x1e+2 1e+5 .5 'a'");
    EXPECT_THAT(words(file), ElementsAre("1'000'000@1", "0x1e@1", "+@1", "2@1", "1e+5@1", ".5@1", "'a'@1"));
}

TEST(Source, ContinuedLinesAndBlockComments) {
    const source file("x.cpp", "#define A \\\n    b\nc /* one\ntwo */ d\n");
    EXPECT_THAT(words(file), ElementsAre("#@1", "define@1", "A@1", "b@2", "c@3", "d@4"));
    ASSERT_EQ(file.comments().size(), 1U);
    EXPECT_EQ(file.comments()[0].line, 3U);
    EXPECT_EQ(file.comments()[0].last_line, 4U);
}

TEST(Source, Includes) {
    const source file("x.cpp", "#include <a/b.hpp>\n#  include \"c.hpp\"\n// #include <d.hpp>\n#include MACRO\n");
    ASSERT_EQ(file.includes().size(), 2U);
    EXPECT_EQ(file.includes()[0].path, "a/b.hpp");
    EXPECT_FALSE(file.includes()[0].quoted);
    EXPECT_EQ(file.includes()[1].path, "c.hpp");
    EXPECT_EQ(file.includes()[1].line, 2U);
    EXPECT_TRUE(file.includes()[1].quoted);
}

TEST(Source, EveryPrefixOfAHardTextIsTakenApart) {
    const std::string text = "#include <a>\nR\"x(\n)x\" \"a\\\nb\" '\\'' /* */ // \\\n 1'0 u8R\"(a)\" ->* ... \\";
    for (std::size_t length = 0; length <= text.size(); ++length) {
        const source file("x.cpp", text.substr(0, length));
        for (const auto& each : file.tokens()) {
            EXPECT_GE(each.line, 1U);
            EXPECT_LE(each.line, file.lines().size() + 1);
        }
    }
}

TEST(Source, RolesByPath) {
    const auto role = [](const char* path) {
        return source(path, "");
    };
    EXPECT_TRUE(role("gantry/base/x.hpp").is_public_header());
    EXPECT_FALSE(role("gantry/base/detail/x.hpp").is_public_header());
    EXPECT_FALSE(role("gantry/base/queue_test_support.hpp").is_public_header());
    EXPECT_FALSE(role("gantry/base/test_elements.hpp").is_public_header());
    EXPECT_TRUE(role("gantry/base/x_bench.cpp").is_check());
    EXPECT_FALSE(role("gantry/base/x_test.cpp").is_library());
    EXPECT_TRUE(role("apps/telem/core/x.cpp").is_library());
    EXPECT_FALSE(role("tools/tidy/x.cpp").is_library());
    EXPECT_EQ(role("apps/telem/core/x.cpp").module(), "telem");
    EXPECT_EQ(role("gantry/base/x.hpp").module(), "base");
    EXPECT_EQ(role("gantry/CMakeLists.txt").module(), "");
    EXPECT_TRUE(source("dev", "#!/usr/bin/env bash\n").is_shell());
}

} // namespace
} // namespace tidy

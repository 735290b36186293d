// SPDX-License-Identifier: MIT
// What must hold: each kind of leftover is reported on its line; prose, strings, samples and seeds are left alone.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

std::vector<std::string> words(std::string text) {
    return places("words", {{"a.cpp", std::move(text)}});
}

TEST(Words, Notes) {
    EXPECT_THAT(words("\n// TODO: later\nauto s = \"TODO\"; // FIXME(me) XXX\n// TODO(#12) is known, TODOS are none\n"),
                ElementsAre("a.cpp:2", "a.cpp:3", "a.cpp:3"));
    EXPECT_THAT(places("words", {{"CMakeLists.txt", "set(TODO 1)\n# TODO\n"}}), ElementsAre("CMakeLists.txt:2"));
    EXPECT_THAT(words("/* one\n   FIXME\n */\n"), ElementsAre("a.cpp:2"));
}

TEST(Words, DeadCode) {
    for (const std::string line : {"a = 1;", "call(a, b);", "x.y->call();", "if (a) {", "return a + b;", "return;",
                                   "auto x = y;", "std::size_t n = 0;", "for (int i : v) {", "n++;"}) {
        EXPECT_THAT(words("\n// " + line + "\n"), ElementsAre("a.cpp:2")) << line;
    }
    for (const std::string line :
         {"The head moves; the tail stays;", "it calls f(x);", "return to sender;", "see x.hpp;", "a = b", "    a = 1;",
          "One { two", "where a and b hold:", "const is a promise;"}) {
        EXPECT_THAT(words("// " + line + "\n"), IsEmpty()) << line;
    }
    EXPECT_THAT(words("f(); // g();\n"), IsEmpty());
}

TEST(Words, Blanks) {
    EXPECT_THAT(words("a\n\tb\nc \nd\r\n"), ElementsAre("a.cpp:2", "a.cpp:3", "a.cpp:4"));
    EXPECT_THAT(words("a\nb"), ElementsAre("a.cpp:2"));
    EXPECT_THAT(words(""), IsEmpty());
    EXPECT_THAT(places("words", {{"a_corpus/seed", "\t \n x"}, {"b.bin", std::string("\0\t", 2)}}), IsEmpty());
    EXPECT_THAT(places("words", {{"a.md", "b \n"}}), ElementsAre("a.md:1"));
}

TEST(Words, Columns) {
    const std::string wide(121, 'a');
    EXPECT_THAT(words(wide + "\n"), ElementsAre("a.cpp:1"));
    EXPECT_THAT(words(wide.substr(1) + "\n"), IsEmpty());
    EXPECT_THAT(words("auto s = R\"(\n" + wide + "\n)\";\n"), IsEmpty());
    EXPECT_THAT(places("words", {{"a.md", wide + "\n"}}), IsEmpty());
    std::string accents;
    for (int i = 0; i < 120; ++i) {
        accents += "\xC3\xA9"; // one column, two bytes
    }
    EXPECT_THAT(words(accents + "\n"), IsEmpty());
}

TEST(Words, PathsOfOneMachine) {
    const std::string folder = std::string("/ho") + "me/me/x";
    EXPECT_THAT(places("words", {{"a.md", "\nin " + folder + "\n"}}), ElementsAre("a.md:2"));
    EXPECT_THAT(places("words", {{"a.sh", "cd=\"" + folder + "\"\n"}}), ElementsAre("a.sh:1"));
    EXPECT_THAT(places("words", {{"a.sh", "cd $top" + folder + "\n"}}), IsEmpty());
}

TEST(Words, Suppressions) {
    EXPECT_THAT(places("words", {{"tests/tsan.supp", "# none\n\nrace:x\n"}}), ElementsAre("tests/tsan.supp:3"));
    EXPECT_THAT(places("words", {{"tests/tsan.supp", "# none\n"}}), IsEmpty());
    EXPECT_THAT(words("const char* __tsan_default_suppressions() { return \"\"; }\n"), ElementsAre("a.cpp:1"));
}

} // namespace
} // namespace tidy

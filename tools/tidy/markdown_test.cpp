// SPDX-License-Identifier: MIT
// What must hold: links and anchors that lead nowhere, code that stands nowhere, and commands that do not exist are
// reported on their line.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

std::vector<std::string> page(std::string text) {
    return places("markdown", {{"docs/page.md", std::move(text)},
                               {"docs/other.md", "# One heading\n\n## A `code`, & more!\n\n## Same\n\n## Same\n"},
                               {"gantry/base/x_test.cpp", "int main() {\n    int a = 1;\n\n    return a;\n}\n"},
                               {"gantry/base/x_bench.cpp", ""},
                               {"gantry/base/CMakeLists.txt", "gantry_module(base HEADERS x.hpp)\n"},
                               {"apps/telem/CMakeLists.txt", "gantry_program(telem SOURCES main.cpp)\n"},
                               {"dev", "#!/bin/sh\ncmd_run() {\n}\ncase $1 in\n  test | all) ;;\nesac\n"}});
}

TEST(Markdown, Links) {
    EXPECT_THAT(
        page("[a](other.md) [b](../dev) [c](../gantry/base) [d](/dev) [e](https://x.org/y) [f](other.md \"t\")\n"),
        IsEmpty());
    EXPECT_THAT(page("text\n[a](gone.md)\n"), ElementsAre("docs/page.md:2"));
    EXPECT_THAT(page("[a](../../outside.md)\n"), ElementsAre("docs/page.md:1"));
    EXPECT_THAT(page("\n[a]: gone.md\n"), ElementsAre("docs/page.md:2"));
    EXPECT_THAT(page("`[a](gone.md)` and v[0](x)\n"), ElementsAre("docs/page.md:1"));
    EXPECT_THAT(page("`v[0](x)`\n\n```text\n[a](gone.md)\n```\n"), IsEmpty());
    EXPECT_THAT(page("![p](gone.png)\n"), ElementsAre("docs/page.md:1"));
}

TEST(Markdown, Anchors) {
    EXPECT_THAT(page("# Top\n[a](#top) [b](other.md#one-heading) [c](other.md#a-code--more) [d](other.md#same-1)\n"),
                IsEmpty());
    EXPECT_THAT(page("# Top\n[a](#bottom)\n[b](other.md#two-headings)\n[d](other.md#same-2)\n"),
                ElementsAre("docs/page.md:2", "docs/page.md:3", "docs/page.md:4"));
}

TEST(Markdown, Fences) {
    EXPECT_THAT(page("\n```\ntext\n```\n"), ElementsAre("docs/page.md:2"));
    EXPECT_THAT(page("```text\ntext\n"), ElementsAre("docs/page.md:1"));
    EXPECT_THAT(page("````text\n```\n````\n"), IsEmpty());
    EXPECT_THAT(page("```c++\nint a = 1;\n```\n"), ElementsAre("docs/page.md:1"));
}

TEST(Markdown, CodeStandsInASource) {
    EXPECT_THAT(page("```cpp\nint a = 1;\nreturn a;\n```\n"), IsEmpty());
    EXPECT_THAT(page("- item\n\n  ```cpp\n  int main() {\n      int a = 1;\n  ```\n"), IsEmpty());
    EXPECT_THAT(page("```cpp\nint a = 2;\n```\n"), ElementsAre("docs/page.md:1"));
    EXPECT_THAT(page("```cpp\nint main() {\nreturn a;\n```\n"), ElementsAre("docs/page.md:1"));
    EXPECT_THAT(page("```cpp\nint a\n```\n"), ElementsAre("docs/page.md:1"));
}

TEST(Markdown, Commands) {
    EXPECT_THAT(page("```sh\n./dev run --limit 3\n./dev test\n$ ./dev all\n./dev --help\n# ./dev gone\n```\n"),
                IsEmpty());
    EXPECT_THAT(page("```console\n$ ./dev\n$ ./dev gone\n```\n"), ElementsAre("docs/page.md:3"));
    EXPECT_THAT(places("markdown", {{"a.md", "```sh\n./dev run\n```\n"}}), ElementsAre("a.md:2"));
}

TEST(Markdown, Programs) {
    EXPECT_THAT(page("`build/release/bin/telem` build/release/bin/bench_base build/<preset>/bin/<name> build/x/bin/\n"),
                IsEmpty());
    EXPECT_THAT(page("\nbuild/release/bin/gone\n"), ElementsAre("docs/page.md:2"));
    EXPECT_THAT(page("build/release/bin/bench_telem\n"), ElementsAre("docs/page.md:1"));
}

TEST(Markdown, ExamplesAreMentioned) {
    EXPECT_THAT(places("markdown", {{"examples/one.cpp", ""}, {"a.md", "Say one.\n"}}),
                ElementsAre("examples/one.cpp:1"));
    EXPECT_THAT(places("markdown", {{"examples/one.cpp", ""}, {"a.md", "See `one`.\n"}}), IsEmpty());
    EXPECT_THAT(places("markdown", {{"examples/one.cpp", ""}, {"a.md", "[it](examples/one.cpp)\n"}}), IsEmpty());
}

} // namespace
} // namespace tidy

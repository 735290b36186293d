// SPDX-License-Identifier: MIT
// What must hold: a source that no build reaches, a header that no package installs, a page that no page links to, and
// a decision out of its series are reported.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

TEST(Orphans, CleanTwin) {
    EXPECT_THAT(
        places(
            "orphans",
            {{"gantry/base/CMakeLists.txt",
              "gantry_module(base HEADERS x.hpp detail/x.hpp SOURCES x.cpp ${CMAKE_CURRENT_SOURCE_DIR}/sub/y.cpp)\n"},
             {"gantry/base/README.md", "[d](../../docs/a.md) [e](../../docs/decisions/0001-a.md)\n"},
             {"gantry/base/x.hpp", "#include <gantry/base/detail/x.hpp>\n"},
             {"gantry/base/x.cpp", ""},
             {"gantry/base/sub/y.cpp", ""},
             {"gantry/base/detail/x.hpp", ""},
             {"gantry/base/detail/hidden.hpp", ""},
             {"gantry/base/x_test.cpp", "#include <gantry/base/detail/hidden.hpp>\n"},
             {"docs/a.md", ""},
             {"docs/decisions/0001-a.md", ""}}),
        IsEmpty());
}

TEST(Orphans, Sources) {
    EXPECT_THAT(places("orphans", {{"tools/x/CMakeLists.txt", "# b.cpp\ngantry_program(x SOURCES a.cpp)\n"},
                                   {"tools/x/a.cpp", ""},
                                   {"tools/x/b.cpp", ""},
                                   {"tools/x/c.hpp", ""},
                                   {"tools/x/c_test.cpp", ""}}),
                ElementsAre("tools/x/b.cpp:1", "tools/x/c.hpp:1"));
}

TEST(Orphans, Patterns) {
    EXPECT_THAT(places("orphans", {{"tests/CMakeLists.txt", "file(GLOB found CONFIGURE_DEPENDS one/*.cpp)\n"},
                                   {"tests/one/a.cpp", ""},
                                   {"tests/two/a.cpp", ""}}),
                ElementsAre("tests/two/a.cpp:1"));
}

TEST(Orphans, HeadersAreInstalled) {
    EXPECT_THAT(places("orphans", {{"gantry/base/CMakeLists.txt", "gantry_module(base HEADERS x.hpp SOURCES y.hpp)\n"},
                                   {"gantry/base/README.md", ""},
                                   {"gantry/base/x.hpp", "#include <gantry/base/detail/x.hpp>\n"},
                                   {"gantry/base/y.hpp", ""},
                                   {"gantry/base/detail/x.hpp", ""}}),
                ElementsAre("gantry/base/detail/x.hpp:1", "gantry/base/y.hpp:1"));
}

TEST(Orphans, ModulesHaveAReadme) {
    EXPECT_THAT(places("orphans", {{"apps/one/CMakeLists.txt", ""}, {"gantry/base/sub/x_test.cpp", ""}}),
                ElementsAre("apps/one/README.md:1", "gantry/base/README.md:1"));
}

TEST(Orphans, Pages) {
    EXPECT_THAT(places("orphans", {{"README.md", "[a](docs/a.md#top) [b](docs/guides/)\n"},
                                   {"docs/a.md", ""},
                                   {"docs/b.md", "[b](b.md)\n"},
                                   {"docs/guides/README.md", ""}}),
                ElementsAre("docs/b.md:1"));
}

TEST(Orphans, Decisions) {
    EXPECT_THAT(places("orphans", {{"README.md", "[a](docs/decisions/0001-a.md) [b](docs/decisions/0001-b.md) "
                                                 "[c](docs/decisions/three.md)\n"},
                                   {"docs/decisions/0001-a.md", ""},
                                   {"docs/decisions/0001-b.md", ""},
                                   {"docs/decisions/three.md", ""}}),
                ElementsAre("docs/decisions/0001-b.md:1", "docs/decisions/three.md:1"));
}

} // namespace
} // namespace tidy

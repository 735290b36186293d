// SPDX-License-Identifier: MIT
// What must hold: an include that points upwards, sideways, into another's detail/, at nothing, or that is spelled
// otherwise than from the root, is reported on its line; what the architecture allows is not.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

// One file with one include in its third line, beside targets that exist.
std::vector<std::string> include(std::string path, std::string_view target) {
    return messages("layers", {{"gantry/base/a.hpp", ""},
                               {"gantry/base/detail/a.hpp", ""},
                               {"gantry/sync/a.hpp", ""},
                               {"gantry/channel/a.hpp", ""},
                               {"gantry/sketch/a.hpp", ""},
                               {"gantry/check/a.hpp", ""},
                               {"apps/one/core/a.hpp", ""},
                               {"apps/two/core/a.hpp", ""},
                               {"tools/tidy/a.hpp", ""},
                               {std::move(path), fmt::format("\n\n#include {}\n", target)}});
}

TEST(Layers, ReportsTheLineOfTheInclude) {
    EXPECT_THAT(places("layers", {{"gantry/sync/a.hpp", ""},
                                  {"gantry/base/x.hpp", "// x\n#include <atomic>\n#include <gantry/sync/a.hpp>\n"}}),
                ElementsAre("gantry/base/x.hpp:3"));
}

TEST(Layers, Downwards) {
    EXPECT_THAT(include("gantry/channel/x.hpp", "<gantry/sync/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("gantry/sketch/x.hpp", "<gantry/base/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("gantry/sync/x.cpp", "<gantry/sync/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("gantry/sync/x.hpp", "<gantry/channel/a.hpp>"),
                ElementsAre(HasSubstr("sync to include from base")));
    EXPECT_THAT(include("gantry/sketch/x.hpp", "<gantry/sync/a.hpp>"), ElementsAre(HasSubstr("sketch to include")));
    EXPECT_THAT(include("gantry/channel/x.cpp", "<gantry/sketch/a.hpp>"), ElementsAre(HasSubstr("channel to include")));
}

TEST(Layers, OnlyChecksUseCheck) {
    EXPECT_THAT(include("gantry/sync/x_model.cpp", "<gantry/check/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("gantry/sync/x.cpp", "<gantry/check/a.hpp>"), ElementsAre(HasSubstr("sync to include")));
    EXPECT_THAT(include("gantry/sync/x_test.cpp", "<gantry/channel/a.hpp>"), ElementsAre(HasSubstr("sync to include")));
}

TEST(Layers, Programs) {
    EXPECT_THAT(include("apps/one/main.cpp", "<gantry/channel/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("apps/one/main.cpp", "<apps/one/core/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("apps/one/main.cpp", "<apps/two/core/a.hpp>"), ElementsAre(HasSubstr("between programs")));
    EXPECT_THAT(include("gantry/sync/x.cpp", "<apps/one/core/a.hpp>"), ElementsAre(HasSubstr("gantry headers only")));
    EXPECT_THAT(include("examples/x.cpp", "<gantry/channel/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("examples/x.cpp", "<apps/one/core/a.hpp>"), ElementsAre(HasSubstr("gantry headers only")));
    EXPECT_THAT(include("tools/tidy/x.cpp", "<tools/tidy/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("tools/tidy/x.cpp", "<apps/one/core/a.hpp>"), ElementsAre(HasSubstr("tools to include")));
    EXPECT_THAT(include("tests/end/x_test.cpp", "<apps/one/core/a.hpp>"), IsEmpty());
}

TEST(Layers, DetailStaysInside) {
    EXPECT_THAT(include("gantry/base/x.hpp", "<gantry/base/detail/a.hpp>"), IsEmpty());
    EXPECT_THAT(include("gantry/sync/x.hpp", "<gantry/base/detail/a.hpp>"), ElementsAre(HasSubstr("detail/")));
    EXPECT_THAT(include("apps/one/x.cpp", "<gantry/base/detail/a.hpp>"), ElementsAre(HasSubstr("detail/")));
}

TEST(Layers, OneSpelling) {
    EXPECT_THAT(include("gantry/base/x.hpp", "\"a.hpp\""), ElementsAre(HasSubstr("angle brackets")));
    EXPECT_THAT(include("gantry/sync/x.hpp", "<gantry/sync/../base/a.hpp>"), ElementsAre(HasSubstr("without dots")));
    EXPECT_THAT(include("gantry/base/x.hpp", "<gantry/base/gone.hpp>"), ElementsAre(HasSubstr("does not exist")));
}

TEST(Layers, CoreHeadersArePlain) {
    EXPECT_THAT(include("gantry/base/x.hpp", "<fmt/format.h>"), ElementsAre(HasSubstr("core header")));
    EXPECT_THAT(include("gantry/channel/detail/x.hpp", "<xxhash.h>"), ElementsAre(HasSubstr("core header")));
    EXPECT_THAT(include("gantry/channel/spill.hpp", "<xxhash.h>"), IsEmpty());
    EXPECT_THAT(include("gantry/base/x.cpp", "<fmt/format.h>"), IsEmpty());
    EXPECT_THAT(include("gantry/base/x.hpp", "<linux/futex.h>"), IsEmpty());
    EXPECT_THAT(include("gantry/base/x.hpp", "<atomic>"), IsEmpty());
}

TEST(Layers, ModuleWithoutALayer) {
    EXPECT_THAT(places("layers", {{"gantry/novel/x.hpp", ""}, {"gantry/novel/y.hpp", ""}}),
                ElementsAre("gantry/novel/x.hpp:1"));
}

TEST(Layers, IncludeInAStringIsNone) {
    EXPECT_THAT(places("layers", {{"gantry/base/x.hpp", "auto s = R\"(\n#include \"y.hpp\"\n)\";\n"}}), IsEmpty());
}

} // namespace
} // namespace tidy

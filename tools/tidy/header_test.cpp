// SPDX-License-Identifier: MIT
// What must hold: each part that a file's top lacks is reported; a header written as docs/STYLE.md says is clean.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

constexpr std::string_view good = R"(// SPDX-License-Identifier: MIT
#pragma once
//
// thing: it does something.
//
// Use it when something must be done.
// Do not use it when nothing must -> nothing.
//
// Threads: any. Progress: wait-free. Ordering: n/a.
// Cost: n/a. Failure: n/a. Lifetime: n/a.
// Origin: ours.

#include <cstddef>
)";

std::string without(std::string_view part) {
    std::string text(good);
    text.erase(text.find(part), part.size());
    return text;
}

std::vector<std::string> faults(std::string text) {
    return messages("header", {{"gantry/base/x.hpp", std::move(text)}});
}

TEST(Header, CleanTwin) {
    EXPECT_THAT(faults(std::string(good)), IsEmpty());
}

TEST(Header, CommentBeforePragmaIsCleanToo) {
    EXPECT_THAT(faults(without("#pragma once\n") + "#pragma once\n"), IsEmpty());
}

TEST(Header, EachPartIsMissed) {
    EXPECT_THAT(faults(without("// SPDX-License-Identifier: MIT\n")), ElementsAre(HasSubstr("licence")));
    EXPECT_THAT(faults(without("#pragma once\n")), ElementsAre(HasSubstr("#pragma once")));
    EXPECT_THAT(faults(without("// Use it when something must be done.\n")), ElementsAre(HasSubstr("`Use it when`")));
    EXPECT_THAT(faults(without("// Do not use it when nothing must -> nothing.\n")),
                ElementsAre(HasSubstr("`Do not use it when`")));
    EXPECT_THAT(faults(without("// thing: it does something.\n")), ElementsAre(HasSubstr("begins with `Use it when`")));
    for (const std::string label : {"Threads: any.", "Progress: wait-free.", "Ordering: n/a.", "Cost: n/a.",
                                    "Failure: n/a.", "Lifetime: n/a.", "Origin: ours."}) {
        EXPECT_THAT(faults(without(label)), ElementsAre(HasSubstr(label.substr(0, label.find(' '))))) << label;
    }
}

TEST(Header, EmptyParagraph) {
    EXPECT_THAT(faults(without("any.")), ElementsAre(HasSubstr("`Threads:` is empty")));
}

TEST(Header, TooLong) {
    std::string lines;
    for (int i = 0; i < 60; ++i) {
        lines += "// more\n";
    }
    std::string text(good);
    text.insert(text.find("\n#include"), lines);
    EXPECT_THAT(faults(text), ElementsAre(HasSubstr("expected at most 60")));
    // The ordering ledger does not count.
    text = good;
    text.insert(text.find("\n#include"), "//\n// Ordering ledger\n" + lines);
    EXPECT_THAT(faults(text), IsEmpty());
}

TEST(Header, NoComment) {
    EXPECT_THAT(places("header",
                       {{"gantry/base/x.hpp", "// SPDX-License-Identifier: MIT\n#pragma once\n#include <a>\n// y\n"}}),
                ElementsAre("gantry/base/x.hpp:2"));
}

TEST(Header, PrivateHeadersNeedOnlyAComment) {
    const std::string text = "// SPDX-License-Identifier: MIT\n#pragma once\n// What it is.\n#include <cstddef>\n";
    const std::string bare = "// SPDX-License-Identifier: MIT\n#pragma once\n#include <cstddef>\n";
    EXPECT_THAT(places("header", {{"gantry/base/detail/x.hpp", text}, {"apps/one/core/x.hpp", text}}), IsEmpty());
    EXPECT_THAT(places("header", {{"gantry/base/detail/x.hpp", bare}, {"apps/one/core/x.hpp", bare}}),
                ElementsAre("apps/one/core/x.hpp:2", "gantry/base/detail/x.hpp:2"));
}

TEST(Header, LicenceInEveryKindOfSource) {
    EXPECT_THAT(places("header", {{"dev", "#!/usr/bin/env bash\n# SPDX-License-Identifier: MIT\n"},
                                  {"CMakeLists.txt", "# SPDX-License-Identifier: MIT\n"},
                                  {"a.cpp", "// SPDX-License-Identifier: MIT\n"},
                                  {"README.md", "text\n"}}),
                IsEmpty());
    EXPECT_THAT(places("header", {{"dev", "#!/usr/bin/env bash\necho\n"},
                                  {"x/CMakeLists.txt", "project(x)\n"},
                                  {"a.cpp", "\n// SPDX-License-Identifier: MIT\n"},
                                  {"b.sh", ""}}),
                ElementsAre("a.cpp:1", "b.sh:1", "dev:2", "x/CMakeLists.txt:1"));
}

} // namespace
} // namespace tidy

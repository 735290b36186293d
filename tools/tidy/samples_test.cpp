// SPDX-License-Identifier: MIT
// What must hold: a sample in a public header that no example and no test contains is reported at its first line;
// hanging paragraphs, tables and ledgers are no samples.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

std::vector<std::string> samples(std::string_view comment) {
    return places("samples",
                  {{"gantry/base/x.hpp", std::string(comment) + "\n#include <cstddef>\n//\n//     not(a, sample);\n"},
                   {"examples/x.cpp", "int main() {\n    int a = f();\n    g(a);\n}\n"},
                   {"gantry/base/y.cpp", "h();\n"}});
}

TEST(Samples, InAnExample) {
    EXPECT_THAT(samples("// x.\n//\n//     int a = f();\n//     g(a);\n//\n// Threads: any\n"), IsEmpty());
    EXPECT_THAT(samples("// x.\n//\n//     int a = f();\n//\n//     g(a);\n"), IsEmpty());
}

TEST(Samples, Nowhere) {
    EXPECT_THAT(samples("// x.\n//\n//     int b = f();\n//     g(b);\n//\n// Threads: any\n"),
                ElementsAre("gantry/base/x.hpp:3"));
    EXPECT_THAT(samples("// As in:\n//     h();\n"), ElementsAre("gantry/base/x.hpp:2")); // library code does not count
    EXPECT_THAT(samples("// x.\n//\n//     int a = f();\n//     h();\n"), ElementsAre("gantry/base/x.hpp:3"));
}

TEST(Samples, OtherIndentedText) {
    EXPECT_THAT(samples("// Cost: one (or two);\n//       three (or four);\n"), IsEmpty());
    EXPECT_THAT(samples("//\n//     uniform    e n\n//     low        e t\n"), IsEmpty());
    EXPECT_THAT(samples("// Ordering ledger\n//     e : f() -> g()\n//         h();\n"), IsEmpty());
}

} // namespace
} // namespace tidy

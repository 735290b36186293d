// SPDX-License-Identifier: MIT
// What must hold: a benchmark whose name cannot be compared, whose clock is the CPU's, or that counts nothing is
// reported on the line that registers it.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

constexpr std::string_view top = "#include <benchmark/benchmark.h>\n"
                                 "void run(benchmark::State& s) { s.SetItemsProcessed(1); }\n";

// The registration stands in line 3.
std::vector<std::string> bench(std::string_view registration) {
    return messages("benchmarks", {{"gantry/base/x_bench.cpp",
                                    std::string(top) + std::string(registration) + "\nBENCHMARK_MAIN();\n"}});
}

TEST(Benchmarks, CleanTwins) {
    for (const std::string registration :
         {"BENCHMARK(run)->Name(\"push/gantry/cap:16\")->UseRealTime();",
          "BENCHMARK(run)->Name(\"push/gantry\")->ArgName(\"cap\")->Arg(16)->UseRealTime();",
          "BENCHMARK_CAPTURE(run, x, 1)->Name(\"insert/gantry/high:0.01/random\")->UseManualTime();",
          "BENCHMARK(run)->Name(\"push/gantry\")->Threads(2)->UseRealTime();",
          "int x() { benchmark::RegisterBenchmark(\"push/std/cap:1\", run)->UseRealTime(); }",
          "void x(std::string n) { auto* b = benchmark::RegisterBenchmark(n.c_str(), run); b->UseRealTime(); }",
          "#define B(n) BENCHMARK(run)->Name(n)->UseRealTime()"}) {
        EXPECT_THAT(bench(registration), IsEmpty()) << registration;
    }
}

TEST(Benchmarks, Names) {
    EXPECT_THAT(bench("BENCHMARK(run)->UseRealTime();"), ElementsAre(HasSubstr("without a name")));
    EXPECT_THAT(bench("BENCHMARK(run)->Name(\"push\")->UseRealTime();"), ElementsAre(HasSubstr("three parts")));
    EXPECT_THAT(bench("BENCHMARK(run)->Name(\"push/gantry\")->UseRealTime();"), ElementsAre(HasSubstr("three parts")));
    EXPECT_THAT(bench("BENCHMARK(run)->Name(\"push/gantry/16\")->UseRealTime();"), ElementsAre(HasSubstr("no key")));
    EXPECT_THAT(bench("BENCHMARK(run)->Name(\"push/gantry/cap:\")->UseRealTime();"),
                ElementsAre(HasSubstr("no value")));
    EXPECT_THAT(bench("BENCHMARK(run)->Name(\"push//cap:1\")->UseRealTime();"), ElementsAre(HasSubstr("empty")));
}

TEST(Benchmarks, ArgumentsWithoutAKey) {
    EXPECT_THAT(bench("BENCHMARK(run)->Name(\"push/gantry/cap:1\")->Arg(16)->UseRealTime();"),
                ElementsAre(HasSubstr("no key")));
}

TEST(Benchmarks, CpuTime) {
    EXPECT_THAT(bench("BENCHMARK(run)->Name(\"push/gantry/cap:16\");"), ElementsAre(HasSubstr("CPU time")));
    EXPECT_THAT(bench("int x() { benchmark::RegisterBenchmark(\"push/std/cap:1\", run); }"),
                ElementsAre(HasSubstr("CPU time")));
}

TEST(Benchmarks, ReportsTheLine) {
    EXPECT_THAT(
        places("benchmarks", {{"gantry/base/x_bench.cpp",
                               std::string(top) + "\nBENCHMARK(run)\n    ->Name(\"a/b/c:1\");\nBENCHMARK_MAIN();\n"}}),
        ElementsAre("gantry/base/x_bench.cpp:4"));
}

TEST(Benchmarks, ItemsAndMain) {
    const std::string include = "#include <benchmark/benchmark.h>\n";
    const std::string use = "BENCHMARK(run)->Name(\"a/b/c:1\")->UseRealTime();\n";
    EXPECT_THAT(messages("benchmarks", {{"gantry/base/x_bench.cpp", include + use + "BENCHMARK_MAIN();\n"}}),
                ElementsAre(HasSubstr("no items")));
    EXPECT_THAT(messages("benchmarks", {{"gantry/base/x_bench.cpp", std::string(top)}}),
                ElementsAre(HasSubstr("BENCHMARK_MAIN")));
    EXPECT_THAT(places("benchmarks", {{"gantry/base/x_bench.cpp", std::string(top) + "BENCHMARK_MAIN();\n"},
                                      {"gantry/base/y_bench.cpp", std::string(top) + "BENCHMARK_MAIN();\n"},
                                      {"gantry/sync/y_bench.cpp", std::string(top) + "BENCHMARK_MAIN();\n"}}),
                ElementsAre("gantry/base/y_bench.cpp:1"));
}

TEST(Benchmarks, ProgramsWithoutTheLibrary) {
    EXPECT_THAT(places("benchmarks", {{"apps/telem/flood_bench.cpp", "int main() {}\n"}}), IsEmpty());
}

} // namespace
} // namespace tidy

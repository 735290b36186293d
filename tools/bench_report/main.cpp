// SPDX-License-Identifier: MIT
// bench_report RESULT.json...: prints docs/BENCHMARKS.md from what `./dev bench` left behind; with --summary, ours
// beside the best peers.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <tools/bench_report/report.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace {

std::string cpu_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("model name")) {
            return line.substr(line.find(':') + 2);
        }
    }
    return "unknown";
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Prints the benchmark page from Google Benchmark's JSON results.", "bench_report"};
    std::vector<std::filesystem::path> files;
    std::string commit = "unknown";
    app.add_option("files", files, "Result files; the name of each is its section's title")->required();
    bool only_summary = false;
    app.add_option("--commit", commit, "What was measured");
    app.add_flag("--summary", only_summary, "Print, instead of the page, each of ours beside its best peers");
    CLI11_PARSE(app, argc, argv);

    std::vector<bench_report::run> runs;
    for (const auto& path : files) {
        std::ifstream file(path, std::ios::binary);
        if (!file) {
            fmt::print(stderr, "bench_report: {}: cannot be opened\n", path.string());
            return 1;
        }
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        auto read = bench_report::read(path.stem().string(), text);
        if (!read) {
            fmt::print(stderr, "bench_report: {}: {}\n", path.string(), read.error());
            return 1;
        }
        runs.push_back(std::move(*read));
    }
    const auto text = only_summary
                          ? bench_report::summary(runs)
                          : bench_report::page(
                                runs, {.cpu = cpu_name(), .compiler = "g++ " __VERSION__, .commit = std::move(commit)});
    std::fputs(text.c_str(), stdout);
    return std::ferror(stdout) ? 1 : 0;
}

// SPDX-License-Identifier: MIT
// The command line of mutate: runs the models of a module with each order weakened and prints a row for each order.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <tools/mutate/mutate.hpp>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

namespace {

constexpr int exit_wrong = 1;
constexpr int exit_usage = 2;

std::string output_of(const std::string& command) {
    std::string text;
    std::FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) {
        return text;
    }
    std::array<char, 4096> some{};
    for (std::size_t n = 0; (n = std::fread(some.data(), 1, some.size(), pipe)) > 0;) {
        text.append(some.data(), n);
    }
    pclose(pipe); // the models' exit code says no more than their lines
    return text;
}

} // namespace

int main(int argc, char** argv) try {
    CLI::App app{"Weakens every order of a module by a step and tells which of them no model of the module notices.\n"
                 "Exit status: 0 every order is needed by a model or says UNPROVEN, 1 some are not, 2 bad usage.",
                 "mutate"};
    std::string root = ".";
    std::string programs = "build/release/bin";
    std::vector<std::string> modules;
    app.add_option("--root", root, "top of the checkout");
    app.add_option("--bin", programs, "where model_MODULE lies");
    app.add_option("MODULE", modules, "modules to judge")->required();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : exit_usage;
    }
    const auto all = tidy::tree::read(root);
    if (!all) {
        fmt::print(stderr, "mutate: {}\n", all.error());
        return exit_usage;
    }
    bool wrong = false;
    for (const std::string& module : modules) {
        const auto weakenings =
            mutate::read_weakenings(output_of(fmt::format("'{}/model_{}' --weaken --json", programs, module)));
        if (!weakenings) {
            fmt::print(stderr, "mutate: model_{}: {}\n", module, weakenings.error());
            return exit_usage;
        }
        if (weakenings->empty()) {
            fmt::print(stderr, "mutate: {}/model_{} tells of no order\n", programs, module);
            return exit_usage;
        }
        for (const auto& row : mutate::judge(*all, module, *weakenings)) {
            wrong = wrong || mutate::is_wrong(row.is);
            fmt::print("{:<10} {}:{} {}: {}\n", mutate::name_of(row.is), row.path, row.line, row.label, row.detail);
        }
    }
    return wrong ? exit_wrong : 0;
} catch (const std::exception& error) {
    std::fputs("mutate: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return exit_usage;
}

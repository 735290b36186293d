// SPDX-License-Identifier: MIT
// The command line of mutate: runs the models of a module with each order weakened and prints a row for each order.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <tools/mutate/mutate.hpp>
#include <tools/tidy/text.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

constexpr int exit_wrong = 1;
constexpr int exit_usage = 2;
// Most faults are found soon; only what is left after that is worth a search to its end.
constexpr double shallow_seconds = 1;

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

// What the models of a program noticed, kept also in a file for the next one: a step that one of them has noticed is
// not shown to the others.
class questions {
public:
    explicit questions(std::string program) : program_(std::move(program)) {
        if (const int file = mkstemp(known_.data()); file != -1) {
            close(file);
        } else {
            throw std::system_error(errno, std::generic_category(), known_);
        }
    }
    ~questions() { std::remove(known_.c_str()); }
    questions(const questions&) = delete;
    questions& operator=(const questions&) = delete;

    // Each model with each step that is still open, and at most `seconds` (0: without end) for each.
    void ask(double seconds) {
        const std::string names = output_of(fmt::format("'{}' --list", program_));
        for (const auto name : tidy::lines_of(names)) {
            if (name.empty()) {
                continue;
            }
            fmt::print(stderr, "{}\n", name);
            const std::string lines = output_of(
                fmt::format("'{}' {} --weaken --json --seconds {} --known '{}'", program_, name, seconds, known_));
            const auto steps = mutate::read_weakenings(lines);
            if (!steps) {
                throw std::runtime_error(fmt::format("{}: {}", program_, steps.error()));
            }
            found_.insert(found_.end(), steps->begin(), steps->end());
            std::ofstream(known_, std::ios::app) << lines;
        }
    }
    [[nodiscard]] const std::vector<mutate::weakening>& found() const noexcept { return found_; }

private:
    const std::string program_;
    std::string known_ = (std::filesystem::temp_directory_path() / "mutate.XXXXXX").string();
    std::vector<mutate::weakening> found_;
};

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
        questions models(fmt::format("{}/model_{}", programs, module));
        models.ask(shallow_seconds);
        const auto is_open = [](const mutate::row& row) {
            return row.is != mutate::verdict::proven;
        };
        if (std::ranges::any_of(mutate::judge(*all, module, models.found()), is_open)) {
            models.ask(0);
        }
        if (models.found().empty()) {
            fmt::print(stderr, "mutate: {}/model_{} tells of no order\n", programs, module);
            return exit_usage;
        }
        for (const auto& row : mutate::judge(*all, module, models.found())) {
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

// SPDX-License-Identifier: MIT
// The command line of tidy; all checks are in the core library.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace {

constexpr int exit_findings = 1;
constexpr int exit_usage = 2;

std::string json_string(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted.push_back('\\');
            quoted.push_back(c);
        } else if (static_cast<unsigned char>(c) < 0x20) {
            quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            quoted.push_back(c);
        }
    }
    quoted.push_back('"');
    return quoted;
}

// The nearest folder at or above the current one that holds a .git; the current one when there is none.
std::filesystem::path find_root() {
    const auto here = std::filesystem::current_path();
    for (auto folder = here;; folder = folder.parent_path()) {
        if (std::filesystem::exists(folder / ".git")) {
            return folder;
        }
        if (folder == folder.parent_path()) {
            return here;
        }
    }
}

// A path argument as a path below the root; nothing when it is outside.
std::optional<std::string> below_root(const std::filesystem::path& root, const std::string& argument) {
    const auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(argument));
    const auto relative = full.lexically_relative(std::filesystem::weakly_canonical(root)).generic_string();
    if (relative.empty() || relative == ".." || relative.starts_with("../")) {
        return std::nullopt;
    }
    return relative == "." ? std::string{} : relative;
}

} // namespace

int main(int argc, char** argv) try {
    CLI::App app{"Checks the house rules of this repository.\n"
                 "Prints one line for each finding: path:line: [rule] what is wrong; what was expected.",
                 "tidy"};
    app.footer("Exit status: 0 clean, 1 findings, 2 bad usage.\ntools/tidy/README.md explains every rule.");
    std::string root_argument;
    std::vector<std::string> rules;
    std::vector<std::string> paths;
    bool json = false;
    bool list = false;
    app.add_option("--root", root_argument, "top of the checkout (default: the one around the current folder)");
    app.add_flag("--json", json, "one JSON object for each finding: path, line, rule, message");
    app.add_option("--rule", rules, "run only this rule; may be repeated")->allow_extra_args(false);
    app.add_flag("--list", list, "explain the rules and stop");
    app.add_option("PATH", paths, "report only findings in these files and folders");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : exit_usage;
    }

    if (list) {
        for (const auto& each : tidy::all_rules()) {
            fmt::print("{}\n", each.name);
            for (const auto line : tidy::lines_of(each.summary)) {
                fmt::print("    {}\n", line);
            }
        }
        return 0;
    }
    for (const auto& name : rules) {
        if (std::ranges::find(tidy::all_rules(), name, &tidy::rule::name) == tidy::all_rules().end()) {
            fmt::print(stderr, "tidy: --rule {}: no such rule; `tidy --list` names them\n", name);
            return exit_usage;
        }
    }
    const auto root = root_argument.empty() ? find_root() : std::filesystem::path(root_argument);
    const auto started = std::chrono::steady_clock::now();
    const auto all = tidy::tree::read(root);
    if (!all) {
        fmt::print(stderr, "tidy: {}\n", all.error());
        return exit_usage;
    }
    std::vector<std::string> wanted;
    for (const auto& argument : paths) {
        auto path = below_root(root, argument);
        if (!path || (all->find(*path) == nullptr && !all->has_folder(*path))) {
            fmt::print(stderr, "tidy: {}: not a file or folder of {}\n", argument, root.string());
            return exit_usage;
        }
        wanted.push_back(std::move(*path));
    }

    std::size_t shown = 0;
    for (const auto& found : tidy::run(*all, rules)) {
        const bool asked = wanted.empty() || std::ranges::any_of(wanted, [&](const std::string& path) {
                               return path.empty() || found.path == path || found.path.starts_with(path + "/");
                           });
        if (!asked) {
            continue;
        }
        ++shown;
        if (json) {
            fmt::print("{{\"path\":{},\"line\":{},\"rule\":{},\"message\":{}}}\n", json_string(found.path), found.line,
                       json_string(found.rule), json_string(found.message));
        } else {
            fmt::print("{}:{}: [{}] {}\n", found.path, found.line, found.rule, found.message);
        }
    }
    if (!json) {
        std::fflush(stdout); // the summary comes last, also where both streams are one
        const auto spent = std::chrono::steady_clock::now() - started;
        fmt::print(stderr, "tidy: {} finding{} in {} files, {} ms\n", shown, shown == 1 ? "" : "s", all->files().size(),
                   std::chrono::duration_cast<std::chrono::milliseconds>(spent).count());
    }
    return shown == 0 ? 0 : exit_findings;
} catch (const std::exception& error) {
    std::fputs("tidy: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return exit_usage;
}

// SPDX-License-Identifier: MIT
// Rule markdown: pages say nothing that is not there.
#include <fmt/format.h>
#include <tools/tidy/cmake_calls.hpp>
#include <tools/tidy/markdown_page.hpp>
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace tidy {

namespace {

struct pages {
    std::map<std::string_view, markdown_page> by_path;
    std::vector<std::string> code;            // normalised text of every C++ source
    std::set<std::string> programs;           // build/<preset>/bin/<name>
    std::set<std::string, std::less<>> verbs; // subcommands of ./dev
    bool has_dev = false;
};

// Names of functions and case labels of the script: `run() {`, `cmd_run() {`, `run | bench)`.
std::set<std::string, std::less<>> script_verbs(const source& script) {
    std::set<std::string, std::less<>> verbs;
    for (const auto line : script.lines()) {
        auto text = trim(line);
        if (text.starts_with("function ")) {
            text = trim(text.substr(9));
        }
        const auto close = text.find(')');
        if (close == std::string_view::npos || text.starts_with('#')) {
            continue;
        }
        auto names = text.substr(0, close);
        if (names.ends_with('(')) {
            names.remove_suffix(1);
        }
        if (names.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-| \t(") !=
            std::string_view::npos) {
            continue;
        }
        while (!names.empty()) {
            const auto end = names.find('|');
            std::string name(trim(names.substr(0, end)));
            names = end == std::string_view::npos ? std::string_view{} : names.substr(end + 1);
            verbs.insert(name);
            for (const std::string_view prefix : {"cmd_", "dev_", "do_", "command_"}) {
                if (name.starts_with(prefix)) {
                    verbs.insert(name.substr(prefix.size()));
                }
            }
        }
    }
    return verbs;
}

pages read_pages(const tree& all) {
    pages found;
    for (const auto& file : all.files()) {
        if (file.is_markdown()) {
            found.by_path.emplace(file.path(), markdown_page(file));
        } else if (file.is_cpp()) {
            found.code.push_back(normalised_code(file.lines()));
        }
    }
    found.programs = program_names(all);
    if (const auto* script = all.find("dev"); script != nullptr) {
        found.has_dev = true;
        found.verbs = script_verbs(*script);
    }
    return found;
}

std::string decoded(std::string_view target) {
    std::string text;
    for (std::size_t i = 0; i < target.size(); ++i) {
        const auto digit = [&](std::size_t at) {
            return at < target.size() && std::isxdigit(static_cast<unsigned char>(target[at])) != 0;
        };
        if (target[i] == '%' && digit(i + 1) && digit(i + 2)) {
            text.push_back(static_cast<char>(std::stoi(std::string(target.substr(i + 1, 2)), nullptr, 16)));
            i += 2;
        } else {
            text.push_back(target[i]);
        }
    }
    return text;
}

void check_link(const tree& all, const pages& known, const source& file, const markdown_link& link, reporter& report) {
    if (link.target.empty()) {
        report(file, link.line, "link without a target; expected a path");
        return;
    }
    if (is_external(link.target)) {
        return;
    }
    const auto hash = link.target.find('#');
    const auto target = decoded(std::string_view(link.target).substr(0, hash));
    std::string path = file.path();
    if (!target.empty()) {
        const auto joined = join_path(target.starts_with('/') ? std::string_view{} : folder_of(file.path()), target);
        if (!joined || (all.find(*joined) == nullptr && !all.has_folder(*joined))) {
            report(file, link.line,
                   fmt::format("link to {}, which does not exist; expected a file or folder of this repository",
                               link.target));
            return;
        }
        path = *joined;
    }
    const auto page = known.by_path.find(path);
    if (hash != std::string::npos && page != known.by_path.end()) {
        const auto anchor = decoded(std::string_view(link.target).substr(hash + 1));
        if (!page->second.anchors.contains(anchor)) {
            report(
                file, link.line,
                fmt::format("link to {}, but {} has no such heading; expected the anchor of one", link.target, path));
        }
    }
}

bool is_shell_language(std::string_view language) {
    return language == "sh" || language == "bash" || language == "console" || language == "shell";
}

void check_command(const pages& known, const source& file, std::string_view line, std::size_t number,
                   reporter& report) {
    const auto words = split_words(line);
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i].starts_with('#')) {
            return; // a comment to the end of the line
        }
        if (words[i] != "./dev" || i + 1 == words.size()) {
            continue;
        }
        auto verb = words[i + 1];
        while (!verb.empty() && (verb.back() == ';' || verb.back() == ')' || verb.back() == '`')) {
            verb.remove_suffix(1);
        }
        if (!known.has_dev) {
            report(file, number, fmt::format("command ./dev {}, but there is no script dev; expected one", verb));
        } else if (!verb.empty() && std::isalpha(static_cast<unsigned char>(verb[0])) != 0 &&
                   !known.verbs.contains(verb)) {
            report(file, number,
                   fmt::format("command ./dev {} does not exist; expected a function or case label of dev", verb));
        }
    }
}

void check_programs(const pages& known, const source& file, reporter& report) {
    std::size_t number = 0;
    for (const auto line : file.lines()) {
        ++number;
        for (auto at = line.find("build/"); at != std::string_view::npos; at = line.find("build/", at + 1)) {
            auto rest = line.substr(at + 6);
            const auto slash = rest.find('/');
            if (slash == std::string_view::npos || !rest.substr(slash).starts_with("/bin/")) {
                continue;
            }
            rest.remove_prefix(slash + 5);
            std::size_t length = 0;
            while (length < rest.size() && (is_word_char(rest[length]) || rest[length] == '-')) {
                ++length;
            }
            const bool placeholder =
                length < rest.size() && std::string_view("*<${[").find(rest[length]) != std::string_view::npos;
            const std::string name(rest.substr(0, length));
            if (length > 0 && !placeholder && !known.programs.contains(name)) {
                report(
                    file, number,
                    fmt::format("program {} is not built; expected the name of a program, example or benchmark", name));
            }
        }
    }
}

void check_block(const pages& known, const source& file, const markdown_block& block, reporter& report) {
    if (!block.closed) {
        report(file, block.line, "code fence without its end; expected a closing fence");
        return;
    }
    if (block.language.empty()) {
        report(file, block.line, "code fence without a language; expected cpp, sh, console, text, ...");
    } else if (block.language == "c++" || block.language == "cxx" || block.language == "C++") {
        report(file, block.line, fmt::format("code fence with language {}; expected cpp", block.language));
    } else if (block.language == "cpp") {
        const auto wanted = normalised_code(block.lines);
        const bool found = std::ranges::any_of(
            known.code, [&](const std::string& code) { return code.find(wanted) != std::string::npos; });
        if (!found) {
            report(
                file, block.line,
                "code block stands in no source; expected the same lines, indentation aside, in examples/ or a test");
        }
    }
    if (is_shell_language(block.language)) {
        for (std::size_t i = 0; i < block.lines.size(); ++i) {
            check_command(known, file, block.lines[i], block.line + 1 + i, report);
        }
    }
}

void check_examples(const tree& all, reporter& report) {
    for (const auto& example : all.files()) {
        if (!example.path().starts_with("examples/") || extension_of(example.path()) != ".cpp") {
            continue;
        }
        const std::string stem(stem_of(example.path()));
        const bool mentioned = std::ranges::any_of(all.files(), [&](const source& page) {
            return page.is_markdown() && (find_word(page.text(), stem + ".cpp") != std::string_view::npos ||
                                          page.text().find("`" + stem + "`") != std::string::npos ||
                                          find_word(page.text(), "bin/" + stem) != std::string_view::npos);
        });
        if (!mentioned) {
            report(example, 1,
                   fmt::format(
                       "example is mentioned nowhere; expected {}.cpp, bin/{} or its name as `code` in a markdown page",
                       stem, stem));
        }
    }
}

} // namespace

void check_markdown(const tree& all, reporter& report) {
    const auto known = read_pages(all);
    for (const auto& file : all.files()) {
        if (!file.is_markdown()) {
            continue;
        }
        const auto& page = known.by_path.at(file.path());
        for (const auto& link : page.links) {
            check_link(all, known, file, link, report);
        }
        for (const auto& block : page.blocks) {
            check_block(known, file, block, report);
        }
        check_programs(known, file, report);
    }
    check_examples(all, report);
}

} // namespace tidy

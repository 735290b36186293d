// SPDX-License-Identifier: MIT
// Rule orphans: everything in the repository is reached from somewhere.
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

bool is_built_by_suffix(const source& file) {
    const auto stem = stem_of(file.path());
    static constexpr std::array<std::string_view, 5> suffixes = {"_test", "_model", "_stress", "_bench", "_fuzz"};
    return extension_of(file.path()) == ".cpp" &&
           std::ranges::any_of(suffixes, [&](std::string_view suffix) { return stem.ends_with(suffix); });
}

void check_sources(const tree& all, reporter& report) {
    std::set<std::string, std::less<>> listed;
    std::set<std::string, std::less<>> installed;
    std::vector<std::string> patterns;
    for (auto& each : listed_files(all)) {
        if (each.header_set) {
            installed.insert(each.path);
        }
        if (each.path.find('*') != std::string::npos) {
            patterns.push_back(std::move(each.path));
        } else {
            listed.insert(std::move(each.path));
        }
    }
    std::map<std::string_view, const source*> included; // by whom, an installed header if there is one
    for (const auto& file : all.files()) {
        for (const auto& used : file.includes()) {
            auto& by = included.try_emplace(used.path, &file).first->second;
            by = installed.contains(file.path()) ? &file : by;
        }
    }
    for (const auto& file : all.files()) {
        if (!file.is_cpp() || is_built_by_suffix(file)) {
            continue;
        }
        const auto& path = file.path();
        const bool is_listed = listed.contains(path) || std::ranges::any_of(patterns, [&](const std::string& pattern) {
                                   return matches_pattern(path, pattern);
                               });
        if (file.is_public_header()) {
            if (!installed.contains(path)) {
                report(file, 1,
                       "public header is not installed; expected it under HEADERS of its module, or in detail/");
            }
            continue;
        }
        const auto by = included.find(path);
        if (file.is_header() && path.starts_with("gantry/") && by != included.end() &&
            installed.contains(by->second->path()) && !installed.contains(path)) {
            report(file, 1,
                   fmt::format("installed header {} includes this one; expected it under HEADERS too",
                               by->second->path()));
        } else if (file.is_header() && by == included.end() && !is_listed) {
            report(file, 1, "header is included nowhere and listed in no CMake file; expected a use");
        } else if (!file.is_header() && !is_listed && by == included.end()) {
            report(file, 1, "source is listed in no CMake file; expected it there, or one of the known suffixes");
        }
    }
}

void check_modules(const tree& all, reporter& report) {
    for (const auto& folder : all.folders()) {
        const auto parent = folder_of(folder);
        if ((parent == "gantry" || parent == "apps") && all.find(folder + "/README.md") == nullptr) {
            report(folder + "/README.md", 1,
                   "module without a README.md; expected what each piece is for and when not to use it");
        }
    }
}

void check_pages(const tree& all, reporter& report) {
    std::set<std::string, std::less<>> linked;
    for (const auto& file : all.files()) {
        if (!file.is_markdown()) {
            continue;
        }
        for (const auto& link : markdown_page(file).links) {
            if (is_external(link.target)) {
                continue;
            }
            const auto target = std::string_view(link.target).substr(0, link.target.find('#'));
            const auto path = join_path(target.starts_with('/') ? std::string_view{} : folder_of(file.path()), target);
            if (path && *path != file.path()) {
                linked.insert(*path);
            }
        }
    }
    for (const auto& file : all.files()) {
        const auto& path = file.path();
        // A README.md is the page that a link to its folder shows.
        const bool by_folder = name_of(path) == "README.md" && linked.contains(folder_of(path));
        if (path.starts_with("docs/") && !linked.contains(path) && !by_folder) {
            report(file, 1, "page is linked from no other; expected a link in a markdown file");
        }
    }
}

void check_decisions(const tree& all, reporter& report) {
    std::map<std::string_view, std::string_view> numbers;
    for (const auto& file : all.files()) {
        const auto name = name_of(file.path());
        if (folder_of(file.path()) != "docs/decisions" || name == "README.md") {
            continue;
        }
        const bool numbered = name.size() > 8 && name[4] == '-' && extension_of(name) == ".md" &&
                              std::ranges::all_of(name.substr(0, 4), [](char c) { return c >= '0' && c <= '9'; });
        if (!numbered) {
            report(file, 1, fmt::format("decision is named {}; expected NNNN-name.md", name));
            continue;
        }
        const auto [at, fresh] = numbers.emplace(name.substr(0, 4), name);
        if (!fresh) {
            report(file, 1, fmt::format("decision number is taken by {}; expected the next free one", at->second));
        }
    }
}

} // namespace

void check_orphans(const tree& all, reporter& report) {
    check_sources(all, report);
    check_modules(all, report);
    check_pages(all, report);
    check_decisions(all, report);
}

} // namespace tidy

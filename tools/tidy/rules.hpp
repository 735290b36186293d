// SPDX-License-Identifier: MIT
#pragma once
//
// The table of house rules, and what a rule is: a function from a tree to findings.

#include <tools/tidy/tree.hpp>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

struct finding {
    std::string path;
    std::size_t line = 0;
    std::string_view rule;
    std::string message; // what is wrong; what was expected

    friend auto operator<=>(const finding&, const finding&) = default;
};

/** Where one rule puts what it finds. */
class reporter {
public:
    explicit reporter(std::string_view rule) : rule_(rule) {}

    void operator()(const source& file, std::size_t line, std::string message) {
        (*this)(file.path(), line, std::move(message));
    }
    void operator()(std::string path, std::size_t line, std::string message) {
        findings_.push_back({std::move(path), line, rule_, std::move(message)});
    }

    [[nodiscard]] std::vector<finding> take() { return std::move(findings_); }

private:
    std::string_view rule_;
    std::vector<finding> findings_;
};

struct rule {
    std::string_view name;
    std::string_view summary; // for --list: some lines
    void (*check)(const tree&, reporter&);
};

void check_layers(const tree& all, reporter& report);
void check_header(const tree& all, reporter& report);
void check_ledger(const tree& all, reporter& report);
void check_atomics(const tree& all, reporter& report);
void check_markdown(const tree& all, reporter& report);
void check_samples(const tree& all, reporter& report);
void check_orphans(const tree& all, reporter& report);
void check_words(const tree& all, reporter& report);
void check_benchmarks(const tree& all, reporter& report);

[[nodiscard]] std::span<const rule> all_rules();

/** Runs the named rules (all when none is named; the names must exist); sorted by path and line, each finding once. */
[[nodiscard]] std::vector<finding> run(const tree& all, std::span<const std::string> names = {});

} // namespace tidy

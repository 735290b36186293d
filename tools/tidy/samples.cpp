// SPDX-License-Identifier: MIT
// Rule samples: what a header's comment shows is code that runs.
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>

namespace tidy {

namespace {

constexpr std::size_t sample_indent = 5; // the blank behind the slashes, and four more

struct sample {
    std::size_t line = 0;
    std::vector<std::string_view> lines;
};

bool looks_like_code(const sample& each) {
    return std::ranges::any_of(
        each.lines, [](std::string_view line) { return line.find_first_of(";{}()") != std::string_view::npos; });
}

// Indented runs of the file comment that follow an empty line or a colon; others are hanging paragraphs.
std::vector<sample> find_samples(const source& file) {
    std::vector<sample> samples;
    const std::size_t code_line = file.includes().empty() ? file.lines().size() + 1 : file.includes()[0].line;
    bool in_ledger = false;
    bool in_sample = false;
    bool may_begin = false;
    std::size_t expected_line = 0;
    for (const auto& each : file.comments()) {
        if (each.line >= code_line) {
            break;
        }
        const bool adjacent = each.line == expected_line;
        expected_line = each.last_line + 1;
        const auto text = trim(each.text);
        in_ledger = text.starts_with("Ordering ledger") || (in_ledger && adjacent && !text.empty());
        const auto indent = std::min(each.text.find_first_not_of(' '), each.text.size());
        if (text.empty() || in_ledger || !each.alone) {
            // A blank line inside a sample does not end it: the comparison skips blank lines.
            may_begin = !in_ledger;
            continue;
        }
        if (indent >= sample_indent && (in_sample || may_begin || !adjacent)) {
            if (!in_sample) {
                samples.push_back({each.line, {}});
            }
            samples.back().lines.push_back(text);
            in_sample = true;
        } else {
            in_sample = false;
        }
        may_begin = text.ends_with(':');
    }
    std::erase_if(samples, [](const sample& each) { return !looks_like_code(each); });
    return samples;
}

} // namespace

void check_samples(const tree& all, reporter& report) {
    std::vector<std::string> code;
    for (const auto& file : all.files()) {
        if (file.is_cpp() &&
            (file.is_check() || file.path().starts_with("examples/") || file.path().starts_with("tests/"))) {
            code.push_back(normalised_code(file.lines()));
        }
    }
    for (const auto& file : all.files()) {
        if (!file.is_cpp() || !file.is_public_header()) {
            continue;
        }
        for (const auto& each : find_samples(file)) {
            const auto wanted = normalised_code(each.lines);
            if (std::ranges::none_of(code, [&](const std::string& text) { return text.find(wanted) != text.npos; })) {
                report(file, each.line,
                       "sample stands in no example and no test; expected the same lines, indentation aside, there");
            }
        }
    }
}

} // namespace tidy

// SPDX-License-Identifier: MIT
// Rule header: what stands at the top of a file.
#include <fmt/format.h>
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <array>

namespace tidy {

namespace {

constexpr std::string_view licence = "SPDX-License-Identifier: MIT";
constexpr std::size_t comment_lines_max = 60;
constexpr std::array<std::string_view, 7> labels = {
    "Threads:", "Progress:", "Ordering:", "Cost:", "Failure:", "Lifetime:", "Origin:"};

bool needs_licence(const source& file) {
    return !file.is_binary() &&
           (file.is_cpp() || file.is_cmake() || file.is_shell() || extension_of(file.path()) == ".py");
}

void check_licence(const source& file, reporter& report) {
    const auto lines = file.lines();
    const std::size_t at = !lines.empty() && lines[0].starts_with("#!") ? 1U : 0U;
    const std::string expected = std::string(file.is_cpp() ? "// " : "# ") + std::string(licence);
    if (at >= lines.size() || lines[at] != expected) {
        report(file, at + 1, fmt::format("no licence line; expected `{}` here", expected));
    }
}

struct file_comment {
    std::size_t line = 0;
    std::size_t lines = 0; // without the ordering ledger
    std::string definition;
    std::string text; // all lines, joined by blanks
};

// The comments between the licence and the first declaration or include.
file_comment find_file_comment(const source& file) {
    std::size_t code_line = file.lines().size() + 1;
    const auto tokens = file.tokens();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool pragma = tokens[i].kind == token_kind::directive && i + 1 < tokens.size() &&
                            (tokens[i + 1].is("pragma") || tokens[i + 1].is("ifndef") || tokens[i + 1].is("define"));
        if (!pragma) {
            code_line = tokens[i].line;
            break;
        }
        while (i < tokens.size() && tokens[i].kind != token_kind::directive_end) {
            ++i;
        }
    }
    file_comment found;
    bool in_ledger = false;
    for (const auto& each : file.comments()) {
        if (each.line >= code_line || trim(each.text).starts_with("SPDX-License-Identifier")) {
            continue;
        }
        const auto text = trim(each.text);
        in_ledger = text.starts_with("Ordering ledger") || (in_ledger && !text.empty());
        if (found.line == 0) {
            found.line = each.line;
        }
        if (!in_ledger) {
            found.lines += each.last_line - each.line + 1;
        }
        if (found.definition.empty()) {
            found.definition = text;
        }
        found.text.append(text).push_back(' ');
    }
    return found;
}

void check_labels(const source& file, const file_comment& comment, reporter& report) {
    for (const auto label : labels) {
        const auto at = find_word(comment.text, label.substr(0, label.size() - 1));
        const auto start = comment.text.find(label, at == std::string::npos ? 0 : at);
        if (start == std::string::npos) {
            report(file, comment.line,
                   fmt::format("file comment has no paragraph `{}`; expected it, or `{} n/a`", label, label));
            continue;
        }
        auto end = comment.text.size();
        for (const auto other : labels) {
            end = std::min(end, comment.text.find(other, start + label.size()));
        }
        if (trim(std::string_view(comment.text).substr(start + label.size(), end - start - label.size())).empty()) {
            report(file, comment.line, fmt::format("paragraph `{}` is empty; expected text or n/a", label));
        }
    }
}

void check_comment(const source& file, reporter& report) {
    const auto comment = find_file_comment(file);
    if (comment.line == 0) {
        report(file, 2,
               file.is_public_header()
                   ? "no file comment; expected a definition, when to use it, and the labelled paragraphs"
                   : "no leading comment; expected what this header is, before the first include");
        return;
    }
    if (!file.is_public_header()) {
        return;
    }
    // "Do not use it when" also contains "use it when", but with a small u.
    if (comment.text.find("Use it when") == std::string::npos) {
        report(file, comment.line, "file comment has no `Use it when`; expected it after the definition");
    }
    if (comment.text.find("Do not use it when") == std::string::npos) {
        report(file, comment.line, "file comment has no `Do not use it when`; expected it, with the alternative");
    }
    for (const std::string_view start : {"Use it when", "Do not use it when", "Threads:"}) {
        if (comment.definition.starts_with(start)) {
            report(file, comment.line,
                   fmt::format("file comment begins with `{}`; expected one sentence that defines the thing", start));
        }
    }
    if (comment.lines > comment_lines_max) {
        report(file, comment.line,
               fmt::format("file comment has {} lines; expected at most {}, the rest belongs in a design note",
                           comment.lines, comment_lines_max));
    }
    check_labels(file, comment, report);
}

void check_once(const source& file, reporter& report) {
    const auto tokens = file.tokens();
    for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
        if (tokens[i].kind == token_kind::directive && tokens[i + 1].is("pragma") && tokens[i + 2].is("once")) {
            return;
        }
    }
    report(file, 2, "header without `#pragma once`; expected it on the line after the licence");
}

} // namespace

void check_header(const tree& all, reporter& report) {
    for (const auto& file : all.files()) {
        if (needs_licence(file)) {
            check_licence(file, report);
        }
        if (file.is_cpp() && file.is_header()) {
            check_once(file, report);
            check_comment(file, report);
        }
    }
}

} // namespace tidy

// SPDX-License-Identifier: MIT
#pragma once
//
// source: one file of the repository, taken apart once for all rules.
//
// A C++ file is split into tokens, comments and includes; strings, raw strings, character literals, digit separators
// and line continuations are respected, so that no rule mistakes a string for code. Nothing is preprocessed: both
// sides of an #if are seen, and the body of a #define is tokens like any other.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidy {

enum class token_kind {
    identifier,
    number,
    string, // string or character literal, its prefix and quotes included
    punctuation,
    directive,     // '#' at the start of a line; the next token is its name
    directive_end, // end of that line; empty text
};

struct token {
    token_kind kind{};
    std::string_view text;
    std::size_t line = 0;

    [[nodiscard]] bool is(std::string_view spelled) const {
        return text == spelled && kind != token_kind::string && kind != token_kind::directive_end;
    }
    [[nodiscard]] bool is_identifier() const { return kind == token_kind::identifier; }
};

struct comment {
    std::string_view text; // without the comment's own signs
    std::size_t line = 0;
    std::size_t last_line = 0;
    std::size_t column = 0;
    bool alone = false; // no code before it on its first line
    bool block = false; // of the two-sided kind
};

struct include {
    std::string_view path;
    std::size_t line = 0;
    bool quoted = false;
};

class source {
public:
    source(std::string path, std::string text);
    source(const source&) = delete;
    source& operator=(const source&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] std::span<const std::string_view> lines() const { return lines_; }

    /** Bytes that are no text: the rules leave such files alone. */
    [[nodiscard]] bool is_binary() const { return binary_; }
    [[nodiscard]] bool is_cpp() const { return cpp_; }
    [[nodiscard]] bool is_header() const;
    [[nodiscard]] bool is_markdown() const;
    [[nodiscard]] bool is_cmake() const;
    /** Bash or sh, by name or by first line. */
    [[nodiscard]] bool is_shell() const;

    /** Tests, models, stress tests, benchmarks, fuzzers, and what they share: told by the name. */
    [[nodiscard]] bool is_check() const;
    /** Part of gantry/ or apps/ that ships; litmus/ and corpus/, whose orders are their subject, do not. */
    [[nodiscard]] bool is_library() const;
    /** A header of gantry/ that users include. */
    [[nodiscard]] bool is_public_header() const;
    /** "base" for gantry/base/x.hpp, "telem" for apps/telem/core/x.cpp; empty elsewhere. */
    [[nodiscard]] std::string_view module() const;

    [[nodiscard]] std::span<const token> tokens() const { return tokens_; }
    [[nodiscard]] std::span<const comment> comments() const { return comments_; }
    [[nodiscard]] std::span<const include> includes() const { return includes_; }
    /** True for lines that lie in a string of several lines. */
    [[nodiscard]] bool in_long_string(std::size_t line) const;

private:
    void lex();

    std::string path_;
    std::string text_;
    std::vector<std::string_view> lines_;
    std::vector<token> tokens_;
    std::vector<comment> comments_;
    std::vector<include> includes_;
    std::vector<std::pair<std::size_t, std::size_t>> long_strings_;
    bool binary_ = false;
    bool cpp_ = false;
};

} // namespace tidy

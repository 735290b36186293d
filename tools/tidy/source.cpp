// SPDX-License-Identifier: MIT
#include <tools/tidy/source.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <array>
#include <cctype>

namespace tidy {

namespace {

constexpr std::array cpp_extensions = {".cpp", ".hpp", ".h", ".c", ".cc", ".hh", ".ipp", ".inl"};
constexpr std::array check_suffixes = {"_test", "_model", "_stress", "_bench", "_fuzz"};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Longest first. '>>' stays two tokens, because it closes two template argument lists more often than it shifts.
constexpr std::array<std::string_view, 19> punctuators = {
    "...", "::", "->", "++", "--", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "==", "!=", "<=", ">=", "&&", "||"};

} // namespace

source::source(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {
    binary_ = text_.find('\0') != std::string::npos;
    if (binary_) {
        return;
    }
    lines_ = lines_of(text_);
    cpp_ = std::ranges::find(cpp_extensions, extension_of(path_)) != cpp_extensions.end();
    if (cpp_) {
        lex();
    }
}

bool source::is_header() const {
    const auto extension = extension_of(path_);
    return extension == ".hpp" || extension == ".h" || extension == ".hh";
}

bool source::is_markdown() const {
    return !binary_ && extension_of(path_) == ".md";
}

bool source::is_cmake() const {
    return !binary_ && (name_of(path_) == "CMakeLists.txt" || extension_of(path_) == ".cmake");
}

bool source::is_shell() const {
    if (binary_) {
        return false;
    }
    if (extension_of(path_) == ".sh" || extension_of(path_) == ".bash") {
        return true;
    }
    return !lines_.empty() && lines_[0].starts_with("#!") && lines_[0].ends_with("sh");
}

bool source::is_check() const {
    const auto stem = stem_of(path_);
    return stem.starts_with("test_") || std::ranges::any_of(check_suffixes, [&](std::string_view suffix) {
               return stem.ends_with(suffix) || stem.find(std::string(suffix) + "_") != std::string_view::npos;
           });
}

bool source::is_library() const {
    return cpp_ && (path_.starts_with("gantry/") || path_.starts_with("apps/")) && !is_check() &&
           !has_part(path_, "litmus") && !has_part(path_, "corpus");
}

bool source::is_public_header() const {
    return path_.starts_with("gantry/") && extension_of(path_) == ".hpp" && !is_check() && !has_part(path_, "detail");
}

std::string_view source::module() const {
    std::string_view rest = path_;
    if (!rest.starts_with("gantry/") && !rest.starts_with("apps/")) {
        return {};
    }
    rest.remove_prefix(rest.find('/') + 1);
    const auto end = rest.find('/');
    return end == std::string_view::npos ? std::string_view{} : rest.substr(0, end);
}

bool source::in_long_string(std::size_t line) const {
    return std::ranges::any_of(long_strings_,
                               [&](const auto& span) { return span.first <= line && line <= span.second; });
}

void source::lex() {
    const std::string_view text = text_;
    std::size_t at = 0;
    std::size_t line = 1;
    std::size_t line_start = 0;
    bool code_on_line = false;
    bool in_directive = false;

    const auto peek = [&](std::size_t ahead) {
        return at + ahead < text.size() ? text[at + ahead] : '\0';
    };
    const auto newline = [&](std::size_t position) {
        ++line;
        line_start = position + 1;
        code_on_line = false;
    };
    const auto emit = [&](token_kind kind, std::size_t begin, std::size_t first_line) {
        tokens_.push_back({kind, text.substr(begin, at - begin), first_line});
        code_on_line = true;
    };
    const auto end_directive = [&] {
        if (in_directive) {
            tokens_.push_back({token_kind::directive_end, {}, line});
            in_directive = false;
        }
    };
    // A string or character literal whose quote is at `at`; `begin` is where its prefix starts.
    const auto quoted = [&](std::size_t begin) {
        const char quote = text[at++];
        while (at < text.size() && text[at] != quote && text[at] != '\n') {
            if (text[at] == '\\' && peek(1) == '\n') {
                ++at;
                newline(at);
            } else if (text[at] == '\\') {
                ++at;
            }
            ++at;
        }
        at = std::min(at + (at < text.size() && text[at] == quote ? 1U : 0U), text.size());
        emit(token_kind::string, begin, line);
    };
    const auto raw_string = [&](std::size_t begin) {
        const std::size_t first_line = line;
        const auto open = text.find('(', at);
        if (open == std::string_view::npos) {
            at = text.size();
            return;
        }
        const std::string closing = ")" + std::string(text.substr(at + 1, open - at - 1)) + "\"";
        const auto close = text.find(closing, open);
        const auto end = close == std::string_view::npos ? text.size() : close + closing.size();
        for (; at < end; ++at) {
            if (text[at] == '\n') {
                newline(at);
            }
        }
        emit(token_kind::string, begin, first_line);
        if (line != first_line) {
            long_strings_.emplace_back(first_line, line);
        }
    };

    while (at < text.size()) {
        const char c = text[at];
        if (c == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) {
            at += peek(1) == '\n' ? 1U : 2U;
            newline(at);
            ++at;
        } else if (c == '\n') {
            end_directive();
            newline(at);
            ++at;
        } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            ++at;
        } else if (c == '/' && peek(1) == '/') {
            const auto end = std::min(text.find('\n', at), text.size());
            comments_.push_back(
                {trim_right(text.substr(at + 2, end - at - 2)), line, line, at - line_start, !code_on_line, false});
            at = end;
        } else if (c == '/' && peek(1) == '*') {
            const auto close = text.find("*/", at + 2);
            const auto end = close == std::string_view::npos ? text.size() : close;
            comment found{text.substr(at + 2, end - at - 2), line, line, at - line_start, !code_on_line, true};
            const bool had_code = code_on_line;
            for (; at < end; ++at) {
                if (text[at] == '\n') {
                    newline(at);
                }
            }
            at = std::min(end + 2, text.size());
            found.last_line = line;
            code_on_line = had_code && found.line == line;
            comments_.push_back(found);
        } else if (c == '#' && !code_on_line && !in_directive) {
            const auto begin = at++;
            emit(token_kind::directive, begin, line);
            in_directive = true;
        } else if (c == '"' || c == '\'') {
            quoted(at);
        } else if (is_word_char(c) && !is_digit(c)) {
            const auto begin = at;
            while (at < text.size() && is_word_char(text[at])) {
                ++at;
            }
            const auto word = text.substr(begin, at - begin);
            if (peek(0) == '"' && (word == "R" || word == "u8R" || word == "uR" || word == "UR" || word == "LR")) {
                raw_string(begin);
            } else if ((peek(0) == '"' || peek(0) == '\'') &&
                       (word == "u8" || word == "u" || word == "U" || word == "L")) {
                quoted(begin);
            } else {
                const bool names_include = in_directive && word == "include" && !tokens_.empty() &&
                                           tokens_.back().kind == token_kind::directive;
                emit(token_kind::identifier, begin, line);
                if (names_include) {
                    while (peek(0) == ' ' || peek(0) == '\t') {
                        ++at;
                    }
                    const char open = peek(0);
                    const char close = open == '<' ? '>' : open;
                    const auto end = text.find(close, at + 1);
                    if ((open == '<' || open == '"') && end != std::string_view::npos && end < text.find('\n', at)) {
                        includes_.push_back({text.substr(at + 1, end - at - 1), line, open == '"'});
                        at = end + 1;
                    }
                }
            }
        } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
            const auto begin = at++;
            while (at < text.size()) {
                const char n = text[at];
                const char before = text[at - 1];
                const bool exponent = (n == '+' || n == '-') &&
                                      (before == 'e' || before == 'E' || before == 'p' || before == 'P') &&
                                      !(before == 'e' && text.substr(begin).starts_with("0x"));
                if (!is_word_char(n) && n != '.' && !(n == '\'' && is_word_char(peek(1))) && !exponent) {
                    break;
                }
                ++at;
            }
            emit(token_kind::number, begin, line);
        } else {
            const auto begin = at;
            const auto found = std::ranges::find_if(
                punctuators, [&](std::string_view sign) { return text.substr(at).starts_with(sign); });
            at += found == punctuators.end() ? 1 : found->size();
            emit(token_kind::punctuation, begin, line);
        }
    }
    end_directive();
}

} // namespace tidy

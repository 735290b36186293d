// SPDX-License-Identifier: MIT
// Rule words: what no committed file contains.
#include <fmt/format.h>
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <array>
#include <cctype>

namespace tidy {

namespace {

constexpr std::size_t columns_max = 120;

// Spelled in two halves, so that this file passes.
constexpr std::array<std::string_view, 3> private_folders = {"/ho"
                                                             "me/",
                                                             "/wo"
                                                             "rk/",
                                                             "/ro"
                                                             "ot/"};
constexpr std::array<std::string_view, 3> notes = {"TO"
                                                   "DO",
                                                   "FIX"
                                                   "ME",
                                                   "XX"
                                                   "X"};

// Inputs of fuzzers and tests are what they are.
bool is_data(const source& file) {
    const auto& path = file.path();
    return file.is_binary() || path.find("_corpus/") != std::string::npos || has_part(path, "testdata") ||
           extension_of(path) == ".patch" || extension_of(path) == ".diff" || extension_of(path) == ".tsv";
}

std::size_t columns_of(std::string_view line) {
    return static_cast<std::size_t>(
        std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void check_layout(const source& file, reporter& report) {
    std::size_t number = 0;
    for (auto line : file.lines()) {
        ++number;
        if (line.ends_with('\r')) {
            report(file, number, "carriage return at the end of the line; expected a newline alone");
            line.remove_suffix(1);
        }
        if (line.find('\t') != std::string_view::npos && name_of(file.path()) != "Makefile") {
            report(file, number, "tab; expected blanks");
        }
        if (!line.empty() && (line.back() == ' ' || line.back() == '\t')) {
            report(file, number, "blanks at the end of the line; expected none");
        }
        const bool exempt = file.in_long_string(number) || line.find("://") != std::string_view::npos;
        if (file.is_cpp() && !exempt && columns_of(line) > columns_max) {
            report(file, number, fmt::format("line of {} columns; expected at most {}", columns_of(line), columns_max));
        }
        for (const auto folder : private_folders) {
            const auto at = line.find(folder);
            const bool absolute =
                at != std::string_view::npos &&
                (at == 0 || std::string_view(" \"'`=(<[:,").find(line[at - 1]) != std::string_view::npos);
            if (absolute) {
                report(file, number, fmt::format("path {} of one machine; expected a relative path", folder));
            }
        }
    }
    if (!file.text().empty() && file.text().back() != '\n') {
        report(file, number, "no newline at the end of the file; expected one");
    }
}

void check_notes(const source& file, std::string_view text, std::size_t line, reporter& report) {
    for (const auto note : notes) {
        for (auto at = find_word(text, note); at != std::string_view::npos; at = find_word(text, note, at + 1)) {
            auto rest = text.substr(at + note.size());
            std::size_t digits = 0;
            if (rest.starts_with("(#")) {
                rest.remove_prefix(2);
                while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
                    ++digits;
                }
            }
            if (digits == 0 || !rest.substr(digits).starts_with(")")) {
                report(file, line, fmt::format("{} without an issue; expected {}(#12), or the work done", note, note));
            }
        }
    }
}

// Comments of C++, and of files whose comments begin with '#'.
void check_all_notes(const source& file, reporter& report) {
    if (file.is_cpp()) {
        for (const auto& each : file.comments()) {
            std::size_t line = each.line;
            for (const auto text : lines_of(each.text)) {
                check_notes(file, text, line++, report);
            }
        }
    } else if (file.is_cmake() || file.is_shell() || extension_of(file.path()) == ".py") {
        std::size_t number = 0;
        for (const auto line : file.lines()) {
            ++number;
            if (const auto hash = line.find('#'); hash != std::string_view::npos) {
                check_notes(file, line.substr(hash), number, report);
            }
        }
    }
}

// `name = value;`, `call(...);`, `return x;`, `if (...) {`, `int x...;`: shapes that prose does not have.
bool is_code(std::string_view text) {
    if (text.empty() || (text.back() != ';' && text.back() != '{')) {
        return false;
    }
    const auto length = static_cast<std::size_t>(std::ranges::find_if_not(text,
                                                                          [](char c) {
                                                                              return is_word_char(c) || c == ':' ||
                                                                                     c == '.' || c == '>' || c == '-' ||
                                                                                     c == '[' || c == ']';
                                                                          }) -
                                                 text.begin());
    const auto head = text.substr(0, length);
    const auto rest = text.substr(length);
    if (head.empty()) {
        return false;
    }
    if (rest.starts_with("(") && (rest.ends_with(");") || rest.ends_with(") {"))) {
        return true;
    }
    if ((head == "if" || head == "for" || head == "while" || head == "switch") && rest.starts_with(" (")) {
        return true;
    }
    if (head == "return" && text.back() == ';') {
        return rest.find(' ', 1) == std::string_view::npos || rest.find_first_of("()+-*/=<>") != std::string_view::npos;
    }
    static constexpr std::array<std::string_view, 6> assignments = {" = ", " += ", " -= ", " |= ", " &= ", "++"};
    if (std::ranges::any_of(assignments, [&](std::string_view sign) { return rest.starts_with(sign); })) {
        return true;
    }
    static constexpr std::array<std::string_view, 9> types = {"auto",   "const",    "int",         "bool", "char",
                                                              "double", "unsigned", "std::size_t", "float"};
    return std::ranges::find(types, head) != types.end() && rest.find('=') != std::string_view::npos;
}

void check_dead_code(const source& file, reporter& report) {
    for (const auto& each : file.comments()) {
        const auto indent = std::min(each.text.find_first_not_of(' '), each.text.size());
        // Indented by four more: a sample, which is text on purpose.
        if (!each.block && each.alone && indent < 5 && is_code(trim(each.text))) {
            report(file, each.line, "code in a comment; expected it gone, or a sample indented by four");
        }
    }
}

void check_suppressions(const source& file, reporter& report) {
    const auto name = name_of(file.path());
    if (extension_of(name) == ".supp" || name.ends_with(".suppressions") || name.ends_with("suppressions.txt")) {
        std::size_t number = 0;
        for (const auto line : file.lines()) {
            ++number;
            if (const auto text = trim(line); !text.empty() && !text.starts_with('#')) {
                report(file, number, "sanitizer suppression; expected an empty file");
            }
        }
    }
    for (const auto& each : file.tokens()) {
        if (each.is_identifier() && each.text.starts_with("__") && each.text.ends_with("_default_suppressions")) {
            report(file, each.line, fmt::format("{}; expected no suppressions", each.text));
        }
    }
}

} // namespace

void check_words(const tree& all, reporter& report) {
    for (const auto& file : all.files()) {
        if (is_data(file)) {
            continue;
        }
        check_layout(file, report);
        check_all_notes(file, report);
        check_dead_code(file, report);
        check_suppressions(file, report);
    }
}

} // namespace tidy

// SPDX-License-Identifier: MIT
#include <tools/tidy/cmake_calls.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <array>
#include <cctype>

namespace tidy {

namespace {

bool is_keyword(std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](char c) {
        return (std::isupper(static_cast<unsigned char>(c)) != 0) || c == '_';
    });
}

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';';
}

// Splits one file into words; brackets come as words of their own.
std::vector<cmake_word> words_of(std::string_view text) {
    std::vector<cmake_word> words;
    std::size_t line = 1;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == '\n') {
            ++line;
            ++at;
        } else if (is_blank(c)) {
            ++at;
        } else if (c == '#') {
            at = std::min(text.find('\n', at), text.size());
        } else if (c == '(' || c == ')') {
            words.push_back({text.substr(at++, 1), line});
        } else if (c == '"') {
            const auto begin = ++at;
            const auto first_line = line;
            while (at < text.size() && text[at] != '"') {
                line += text[at] == '\n' ? 1U : 0U;
                at += text[at] == '\\' ? 2U : 1U;
            }
            at = std::min(at, text.size());
            words.push_back({text.substr(begin, at - begin), first_line, true});
            ++at;
        } else {
            const auto begin = at;
            while (at < text.size() && !is_blank(text[at]) && text[at] != '(' && text[at] != ')' && text[at] != '"') {
                ++at;
            }
            words.push_back({text.substr(begin, at - begin), line});
        }
    }
    return words;
}

// A word with the variables for known folders resolved; empty when other variables are left.
std::string resolve(std::string_view word, std::string_view folder) {
    static constexpr std::array<std::string_view, 3> here = {"${CMAKE_CURRENT_SOURCE_DIR}/",
                                                             "${CMAKE_CURRENT_LIST_DIR}/",
                                                             "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>/"};
    static constexpr std::array<std::string_view, 3> top = {"${PROJECT_SOURCE_DIR}/", "${CMAKE_SOURCE_DIR}/",
                                                            "${gantry_SOURCE_DIR}/"};
    for (const auto prefix : here) {
        if (word.starts_with(prefix)) {
            word.remove_prefix(prefix.size());
        }
    }
    for (const auto prefix : top) {
        if (word.starts_with(prefix)) {
            word.remove_prefix(prefix.size());
            folder = {};
        }
    }
    if (word.find('$') != std::string_view::npos || word.starts_with('/')) {
        return {};
    }
    return join_path(folder, word).value_or("");
}

bool looks_like_file(std::string_view word) {
    const auto extension = extension_of(word);
    return extension == ".cpp" || extension == ".hpp" || extension == ".h" || extension == ".c" || extension == ".cc" ||
           extension == ".ipp" || extension == ".inl";
}

} // namespace

std::vector<cmake_call> parse_cmake(std::string_view text) {
    std::vector<cmake_call> calls;
    const auto words = words_of(text);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i].quoted || words[i + 1].quoted || words[i + 1].text != "(" || words[i].text == "(") {
            continue;
        }
        cmake_call call{words[i].text, words[i].line, {}};
        std::size_t depth = 1;
        for (i += 2; i < words.size(); ++i) {
            const bool sign = !words[i].quoted && (words[i].text == "(" || words[i].text == ")");
            if (sign) {
                depth += words[i].text == "(" ? 1U : 0U;
                depth -= words[i].text == ")" ? 1U : 0U;
                if (depth == 0) {
                    break;
                }
            } else {
                call.arguments.push_back(words[i]);
            }
        }
        calls.push_back(std::move(call));
    }
    return calls;
}

std::vector<listed_file> listed_files(const tree& all) {
    std::vector<listed_file> listed;
    for (const auto& file : all.files()) {
        if (!file.is_cmake()) {
            continue;
        }
        for (const auto& call : parse_cmake(file.text())) {
            bool headers = false;
            for (const auto& word : call.arguments) {
                if (!word.quoted && is_keyword(word.text)) {
                    // target_sources(... FILE_SET HEADERS BASE_DIRS x FILES y) keeps the mark up to its next set.
                    headers = word.text == "HEADERS" || (headers && (word.text == "BASE_DIRS" || word.text == "FILES"));
                } else if (looks_like_file(word.text)) {
                    auto path = resolve(word.text, folder_of(file.path()));
                    if (!path.empty()) {
                        listed.push_back({std::move(path), file.path(), word.line, headers});
                    }
                }
            }
        }
    }
    return listed;
}

std::set<std::string> program_names(const tree& all) {
    std::set<std::string> names;
    for (const auto& file : all.files()) {
        if (file.path().starts_with("examples/") && extension_of(file.path()) == ".cpp") {
            names.emplace(stem_of(file.path()));
        }
        if (!file.is_cmake()) {
            continue;
        }
        for (const auto& call : parse_cmake(file.text())) {
            if (call.arguments.empty()) {
                continue;
            }
            const auto first = call.arguments[0].text;
            if (call.name == "gantry_program" || call.name == "add_executable") {
                names.emplace(first);
            } else if (call.name == "gantry_example") {
                names.emplace(stem_of(first));
            }
            if (call.name == "gantry_program" || call.name == "gantry_module") {
                const auto below = std::string(folder_of(file.path())) + "/";
                for (const auto& each : all.files()) {
                    if (!each.path().starts_with(below) || extension_of(each.path()) != ".cpp") {
                        continue;
                    }
                    const auto stem = stem_of(each.path());
                    for (const std::string_view kind : {"test", "stress", "bench"}) {
                        if (stem.ends_with(std::string("_") + std::string(kind))) {
                            names.insert(std::string(kind) + "_" + std::string(first));
                        }
                    }
                    if (stem.ends_with("_fuzz")) {
                        names.insert("fuzz_" + std::string(first) + "_" + std::string(stem.substr(0, stem.size() - 5)));
                    }
                }
            }
        }
    }
    return names;
}

} // namespace tidy

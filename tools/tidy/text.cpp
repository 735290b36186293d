// SPDX-License-Identifier: MIT
#include <tools/tidy/text.hpp>

#include <cctype>

namespace tidy {

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos) {
            lines.push_back(text);
            break;
        }
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return lines;
}

std::string_view trim_right(std::string_view text) {
    const auto last = text.find_last_not_of(" \t\r\n");
    return last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos ? std::string_view{} : trim_right(text.substr(first));
}

bool is_word_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::size_t find_word(std::string_view text, std::string_view word, std::size_t from) {
    for (auto at = text.find(word, from); at != std::string_view::npos; at = text.find(word, at + 1)) {
        const auto end = at + word.size();
        if ((at == 0 || !is_word_char(text[at - 1])) && (end == text.size() || !is_word_char(text[end]))) {
            return at;
        }
    }
    return std::string_view::npos;
}

std::vector<std::string_view> split_words(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const auto first = text.find_first_not_of(" \t\r\n");
        if (first == std::string_view::npos) {
            return words;
        }
        text.remove_prefix(first);
        const auto end = text.find_first_of(" \t\r\n");
        words.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return words;
        }
        text.remove_prefix(end);
    }
}

bool has_part(std::string_view path, std::string_view name) {
    while (true) {
        const auto end = path.find('/');
        if (path.substr(0, end) == name) {
            return true;
        }
        if (end == std::string_view::npos) {
            return false;
        }
        path.remove_prefix(end + 1);
    }
}

std::string_view folder_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view stem_of(std::string_view path) {
    const auto name = name_of(path);
    return name.substr(0, name.rfind('.'));
}

std::string_view extension_of(std::string_view path) {
    const auto name = name_of(path);
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos || dot == 0 ? std::string_view{} : name.substr(dot);
}

std::optional<std::string> join_path(std::string_view folder, std::string_view relative) {
    std::vector<std::string_view> parts;
    for (auto rest : {folder, relative}) {
        while (!rest.empty()) {
            const auto end = rest.find('/');
            const auto part = rest.substr(0, end);
            rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
            if (part == "..") {
                if (parts.empty()) {
                    return std::nullopt;
                }
                parts.pop_back();
            } else if (!part.empty() && part != ".") {
                parts.push_back(part);
            }
        }
    }
    std::string joined;
    for (const auto part : parts) {
        joined.append(joined.empty() ? "" : "/").append(part);
    }
    return joined;
}

bool matches_pattern(std::string_view text, std::string_view pattern) {
    std::size_t t = 0;
    std::size_t p = 0;
    std::size_t star = std::string_view::npos;
    std::size_t retry = 0;
    while (t < text.size()) {
        if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
            ++t;
            ++p;
        } else if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') {
        ++p;
    }
    return p == pattern.size();
}

std::string normalised_code(std::span<const std::string_view> lines) {
    std::string code = "\n";
    for (const auto line : lines) {
        if (const auto trimmed = trim(line); !trimmed.empty()) {
            code.append(trimmed).push_back('\n');
        }
    }
    return code;
}

} // namespace tidy

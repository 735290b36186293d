// SPDX-License-Identifier: MIT
#include <tools/tidy/markdown_page.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <cctype>

namespace tidy {

namespace {

// A line with its `code spans` blanked out, so that columns stay.
std::string without_code_spans(std::string_view line) {
    std::string text(line);
    for (std::size_t at = text.find('`'); at != std::string::npos; at = text.find('`', at)) {
        const auto run = std::min(text.find_first_not_of('`', at), text.size()) - at;
        const std::string ticks(run, '`');
        auto close = text.find(ticks, at + run);
        while (close != std::string::npos && close + run < text.size() && text[close + run] == '`') {
            close = text.find(ticks, text.find_first_not_of('`', close));
        }
        if (close == std::string::npos) {
            at += run;
            continue;
        }
        std::fill(text.begin() + static_cast<std::ptrdiff_t>(at),
                  text.begin() + static_cast<std::ptrdiff_t>(close + run), ' ');
        at = close + run;
    }
    return text;
}

std::string clean_target(std::string_view target) {
    target = trim(target);
    if (target.starts_with('<')) {
        return std::string(target.substr(1, target.find('>') - 1));
    }
    return std::string(target.substr(0, target.find_first_of(" \t")));
}

void find_links(std::string_view line, std::size_t number, std::vector<markdown_link>& links) {
    const auto text = without_code_spans(line);
    for (auto at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
        std::size_t depth = 1;
        std::size_t end = at + 2;
        for (; end < text.size(); ++end) {
            depth += text[end] == '(' ? 1U : 0U;
            depth -= text[end] == ')' ? 1U : 0U;
            if (depth == 0) {
                break;
            }
        }
        if (depth == 0) {
            links.push_back({clean_target(std::string_view(text).substr(at + 2, end - at - 2)), number});
        }
    }
    // [name]: target
    const auto trimmed = trim(text);
    const auto close = trimmed.find("]: ");
    if (trimmed.starts_with('[') && !trimmed.starts_with("[^") && close != std::string_view::npos &&
        close == trimmed.find(']')) {
        links.push_back({clean_target(trimmed.substr(close + 3)), number});
    }
    for (const std::string_view attribute : {"href=\"", "src=\""}) {
        for (auto at = text.find(attribute); at != std::string::npos; at = text.find(attribute, at + 1)) {
            const auto begin = at + attribute.size();
            links.push_back({text.substr(begin, text.find('"', begin) - begin), number});
        }
    }
}

// The anchor that GitHub makes of a heading.
std::string anchor_of(std::string_view heading) {
    std::string plain;
    for (std::size_t i = 0; i < heading.size(); ++i) {
        // [text](target) is read as its text.
        if (heading[i] == ']' && i + 1 < heading.size() && heading[i + 1] == '(') {
            i = std::min(heading.find(')', i), heading.size() - 1);
        } else if (heading[i] != '[') {
            plain.push_back(heading[i]);
        }
    }
    std::string anchor;
    for (const char c : trim(plain)) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '_' || c == '-' || byte >= 0x80) {
            anchor.push_back(static_cast<char>(std::tolower(byte)));
        } else if (c == ' ') {
            anchor.push_back('-');
        }
    }
    return anchor;
}

} // namespace

bool is_external(std::string_view target) {
    const auto colon = target.find(':');
    return target.starts_with("//") || (colon != std::string_view::npos && colon < target.find_first_of("/#?."));
}

markdown_page::markdown_page(const source& file) {
    std::string_view fence;
    std::size_t fence_indent = 0;
    std::string_view before;
    const auto add_heading = [&](std::string_view text) {
        const auto base = anchor_of(text);
        auto name = base;
        for (int copy = 1; !anchors.insert(name).second; ++copy) {
            name = base + "-" + std::to_string(copy);
        }
    };
    std::size_t number = 0;
    for (const auto line : file.lines()) {
        ++number;
        const auto text = trim(line);
        const auto indent = std::min(line.find_first_not_of(' '), line.size());
        const bool fenced = text.starts_with("```") || text.starts_with("~~~");
        if (!fence.empty()) {
            if (fenced && text.starts_with(fence) && text.find_first_not_of(fence[0]) == std::string_view::npos) {
                blocks.back().closed = true;
                fence = {};
            } else {
                blocks.back().lines.push_back(line.substr(std::min(indent, fence_indent)));
            }
            continue;
        }
        if (fenced) {
            fence = text.substr(0, std::min(text.find_first_not_of(text[0]), text.size()));
            fence_indent = indent;
            const auto words = split_words(text.substr(fence.size()));
            blocks.push_back({words.empty() ? std::string_view{} : words[0], number, {}, false});
            before = {};
            continue;
        }
        if (indent < 4 && text.starts_with('#')) {
            const auto level = std::min(text.find_first_not_of('#'), text.size());
            if (level <= 6 && level < text.size() && text[level] == ' ') {
                auto heading = trim(text.substr(level));
                while (heading.ends_with('#')) {
                    heading.remove_suffix(1);
                }
                add_heading(heading);
            }
        } else if (!before.empty() && text.size() >= 2 && !before.starts_with('|') &&
                   (text.find_first_not_of('=') == std::string_view::npos ||
                    text.find_first_not_of('-') == std::string_view::npos)) {
            add_heading(before);
        }
        for (const std::string_view attribute : {"id=\"", "name=\""}) {
            for (auto at = line.find(attribute); at != std::string_view::npos; at = line.find(attribute, at + 1)) {
                const auto begin = at + attribute.size();
                anchors.emplace(line.substr(begin, line.find('"', begin) - begin));
            }
        }
        find_links(line, number, links);
        before = text;
    }
}

} // namespace tidy

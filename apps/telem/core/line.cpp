// SPDX-License-Identifier: MIT
#include <apps/telem/core/line.hpp>

namespace telem {
namespace {

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

std::optional<std::uint32_t> read_value(std::string_view digits) noexcept {
    if (digits.empty()) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
        if (value > 0xffffffff) {
            return std::nullopt;
        }
    }
    return static_cast<std::uint32_t>(value);
}

} // namespace

bool is_clean_utf8(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) {
        return static_cast<unsigned char>(text[i]);
    };
    const auto tail = [&](std::size_t i) {
        return i < text.size() && (byte(i) & 0xc0) == 0x80;
    };
    for (std::size_t i = 0; i < text.size();) {
        const unsigned char first = byte(i);
        if (first < 0x20 || first == 0x7f) {
            return false;
        }
        if (first < 0x80) {
            i += 1;
        } else if (first >= 0xc2 && first <= 0xdf) {
            if (!tail(i + 1) || (first == 0xc2 && byte(i + 1) < 0xa0)) { // C1 controls are U+0080 to U+009F
                return false;
            }
            i += 2;
        } else if (first >= 0xe0 && first <= 0xef) {
            if (!tail(i + 1) || !tail(i + 2) || (first == 0xe0 && byte(i + 1) < 0xa0) ||
                (first == 0xed && byte(i + 1) > 0x9f)) { // overlong; surrogates
                return false;
            }
            i += 3;
        } else if (first >= 0xf0 && first <= 0xf4) {
            if (!tail(i + 1) || !tail(i + 2) || !tail(i + 3) || (first == 0xf0 && byte(i + 1) < 0x90) ||
                (first == 0xf4 && byte(i + 1) > 0x8f)) { // overlong; above U+10FFFF
                return false;
            }
            i += 4;
        } else {
            return false;
        }
    }
    return true;
}

line_kind read_line(std::string_view line, point& out) noexcept {
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    line = trimmed(line);
    if (line.empty()) {
        return line_kind::blank;
    }
    std::size_t length = 0;
    while (length < line.size() && !is_blank(line[length])) {
        ++length;
    }
    const std::string_view name = line.substr(0, length);
    const auto value = read_value(trimmed(line.substr(length)));
    if (!value || name.size() > name_bytes_max || !is_clean_utf8(name)) {
        return line_kind::malformed;
    }
    out = {name, *value};
    return line_kind::point;
}

} // namespace telem

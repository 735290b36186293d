// SPDX-License-Identifier: MIT
//
// What must hold: decode_lines agrees on any bytes with a second reading of docs/formats/telem-line.md, written for
// plainness alone: it cuts, decodes code points one by one, and has no fast path.
#include <apps/telem/core/line.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct seen {
    std::vector<std::pair<std::string, std::uint32_t>> points;
    std::uint64_t malformed = 0;

    bool operator==(const seen&) const = default;
};

// The code points of the text, or nothing if it is not well-formed UTF-8.
std::optional<std::vector<std::uint32_t>> code_points(const std::string& text) {
    std::vector<std::uint32_t> all;
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const std::size_t length = first < 0x80       ? 1
                                   : first >> 5 == 6  ? 2
                                   : first >> 4 == 14 ? 3
                                   : first >> 3 == 30 ? 4
                                                      : 0;
        if (length == 0 || i + length > text.size()) {
            return std::nullopt;
        }
        std::uint32_t point = length == 1 ? first : first & (0xffU >> (length + 1));
        for (std::size_t k = 1; k < length; ++k) {
            const auto next = static_cast<unsigned char>(text[i + k]);
            if (next >> 6 != 2) {
                return std::nullopt;
            }
            point = point << 6 | (next & 0x3fU);
        }
        const std::uint32_t least = length == 1 ? 0 : length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
        if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
            return std::nullopt;
        }
        all.push_back(point);
        i += length;
    }
    return all;
}

void read(std::string line, seen& into) {
    if (!line.empty() && line.back() == '\r') {
        line.pop_back();
    }
    std::vector<std::string> words(1);
    for (const char c : line) {
        if (c == ' ' || c == '\t') {
            words.emplace_back();
        } else {
            words.back() += c;
        }
    }
    std::erase(words, "");
    if (words.empty()) {
        return;
    }
    const auto name = code_points(words[0]);
    bool good = words.size() == 2 && words[0].size() <= 255 && name.has_value();
    if (good) {
        for (const std::uint32_t point : *name) {
            good = good && point >= 0x20 && (point < 0x7f || point > 0x9f);
        }
        good = good && words[1].find_first_not_of("0123456789") == std::string::npos;
    }
    if (good) {
        const std::size_t zeros = std::min(words[1].find_first_not_of('0'), words[1].size() - 1);
        const std::string digits = words[1].substr(zeros);
        good = digits.size() < 10 || (digits.size() == 10 && digits <= "4294967295");
        if (good) {
            into.points.emplace_back(words[0], static_cast<std::uint32_t>(std::stoull(digits)));
        }
    }
    into.malformed += good ? 0 : 1;
}

seen reference(std::string_view datagram) {
    seen out;
    std::string line;
    for (const char c : datagram) {
        if (c == '\n') {
            read(line, out);
            line.clear();
        } else {
            line += c;
        }
    }
    read(line, out);
    if (out.points.empty() && out.malformed == 0) {
        out.malformed = 1;
    }
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view datagram(reinterpret_cast<const char*>(data), size);
    seen got;
    const telem::line_counts counts = telem::decode_lines(
        datagram, [&](std::string_view name, std::uint32_t value) { got.points.emplace_back(name, value); });
    got.malformed = counts.malformed;
    if (got != reference(datagram) || counts.points != got.points.size()) {
        std::fputs("decode_lines and the reference disagree\n", stderr);
        std::abort();
    }
    return 0;
}

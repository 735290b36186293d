// SPDX-License-Identifier: MIT
#pragma once
//
// decode_lines: turns the bytes of one datagram into points. The grammar is docs/formats/telem-line.md.
//
// Use it when bytes come from a network: any input is safe, bad lines are counted and skipped.
// Do not use it when the text is a file of unbounded size -> cut it into lines first.
//
//   const telem::line_counts seen = telem::decode_lines("a 10\nb x\n", [&](std::string_view name, std::uint32_t value)
//   {
//       points.emplace_back(name, value);
//   });
//
// Threads: any, no state is shared. Progress: wait-free, allocates nothing. Ordering: points come in the order of
// their lines. Cost: one pass; eight bytes of a name at a time while they are plain ASCII; a line that is not in the
// common form is read a second time by the careful reader. Failure: what is not a point is counted in malformed.
// Lifetime: the names given to the callback point into the datagram. Origin: the word-at-a-time search for a byte in a
// range is from "Hacker's Delight" (Warren); the split in a fast reader for the common form and a careful one for the
// rest is ours.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace telem {

inline constexpr std::size_t name_bytes_max = 255;

struct point {
    std::string_view name;
    std::uint32_t value;
};

struct line_counts {
    std::uint64_t points = 0;
    std::uint64_t malformed = 0;
};

// What one line holds; the line comes without its LF.
enum class line_kind { point, blank, malformed };

// The careful reader: reads any line, whatever its form.
[[nodiscard]] line_kind read_line(std::string_view line, point& out) noexcept;

// True when every byte belongs to well-formed UTF-8 that is free of control characters (C0, DEL, C1).
[[nodiscard]] bool is_clean_utf8(std::string_view text) noexcept;

namespace detail {

// The first byte at or after p that cannot be part of a plain ASCII name (up to 0x20, or 0x7f and above), or end.
[[nodiscard]] inline const char* name_end(const char* p, const char* end) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101;
    while (end - p >= 8) {
        std::uint64_t word;
        std::memcpy(&word, p, 8);
        if constexpr (std::endian::native == std::endian::big) {
            word = __builtin_bswap64(word);
        }
        // The lowest marked byte is exact; borrows and carries can only mark bytes above one that is marked.
        const std::uint64_t marks = (((word - ones * 0x21) & ~word) | word | (word + ones)) & (ones * 0x80);
        if (marks != 0) {
            return p + (std::countr_zero(marks) >> 3);
        }
        p += 8;
    }
    while (p != end && static_cast<unsigned char>(*p) > 0x20 && static_cast<unsigned char>(*p) < 0x7f) {
        ++p;
    }
    return p;
}

// Reads `name SP value [CR] LF`, the form that senders write. Returns behind the LF, or null when the line has any
// other form and needs the careful reader.
[[nodiscard]] inline const char* read_plain_line(const char* p, const char* end, point& out) noexcept {
    const char* const name = p;
    p = name_end(p, end);
    const std::size_t length = static_cast<std::size_t>(p - name);
    if (p == end || *p != ' ' || length - 1 >= name_bytes_max) {
        return nullptr;
    }
    const char* const digits = ++p;
    std::uint64_t value = 0;
    while (p != end && static_cast<unsigned char>(*p - '0') <= 9) {
        value = value * 10 + static_cast<unsigned char>(*p - '0');
        ++p;
    }
    // Ten digits cannot overflow 64 bits, and longer values are left to the careful reader.
    if (p == digits || p - digits > 10 || value > 0xffffffff) {
        return nullptr;
    }
    if (p != end && *p == '\r') {
        ++p;
    }
    if (p != end) {
        if (*p != '\n') {
            return nullptr;
        }
        ++p;
    }
    out = {{name, length}, static_cast<std::uint32_t>(value)};
    return p;
}

} // namespace detail

// Calls on_point(std::string_view name, std::uint32_t value) for every point of the datagram.
template<class OnPoint>
line_counts decode_lines(std::string_view datagram, OnPoint&& on_point) {
    line_counts counts;
    const char* p = datagram.data();
    const char* const end = p + datagram.size();
    while (p != end) {
        point found;
        if (const char* next = detail::read_plain_line(p, end, found); next != nullptr) {
            p = next;
            ++counts.points;
            on_point(found.name, found.value);
            continue;
        }
        const auto left = static_cast<std::size_t>(end - p);
        const auto* lf = static_cast<const char*>(std::memchr(p, '\n', left));
        const std::string_view line(p, lf != nullptr ? static_cast<std::size_t>(lf - p) : left);
        p = lf != nullptr ? lf + 1 : end;
        switch (read_line(line, found)) {
        case line_kind::point:
            ++counts.points;
            on_point(found.name, found.value);
            break;
        case line_kind::malformed:
            ++counts.malformed;
            break;
        case line_kind::blank:
            break;
        }
    }
    if (counts.points == 0 && counts.malformed == 0) {
        counts.malformed = 1; // a datagram that says nothing at all
    }
    return counts;
}

} // namespace telem

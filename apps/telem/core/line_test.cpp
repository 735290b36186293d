// SPDX-License-Identifier: MIT
//
// What must hold: decode_lines reads exactly the grammar of docs/formats/telem-line.md, whatever bytes come.
#include <apps/telem/core/line.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::string_literals;

struct decoded {
    std::vector<std::pair<std::string, std::uint32_t>> points;
    std::uint64_t malformed = 0;

    bool operator==(const decoded&) const = default;
};

decoded decode(const std::string& datagram) {
    // A copy of the exact size on the heap, so that the address sanitizer sees a read beyond its end.
    const std::vector<char> exact(datagram.begin(), datagram.end());
    decoded out;
    const telem::line_counts counts =
        telem::decode_lines({exact.data(), exact.size()},
                            [&](std::string_view name, std::uint32_t value) { out.points.emplace_back(name, value); });
    EXPECT_EQ(counts.points, out.points.size());
    out.malformed = counts.malformed;
    return out;
}

decoded points(std::vector<std::pair<std::string, std::uint32_t>> all, std::uint64_t malformed = 0) {
    return {std::move(all), malformed};
}

// The sample of line.hpp.
TEST(Line, SampleOfTheHeader) {
    std::vector<std::pair<std::string, std::uint32_t>> points;
    const telem::line_counts seen = telem::decode_lines(
        "a 10\nb x\n", [&](std::string_view name, std::uint32_t value) { points.emplace_back(name, value); });
    EXPECT_EQ(seen.points, 1U);
    EXPECT_EQ(seen.malformed, 1U);
    EXPECT_EQ(points, (std::vector<std::pair<std::string, std::uint32_t>>{{"a", 10}}));
}

// The worked example of the format page reads as the page says.
TEST(Line, WorkedExample) {
    const std::string datagram = "a 10\n\t\xc3\xbc"
                                 "ber  007 \r\n\nb -1\nc 4294967296\nd 1 2";
    EXPECT_EQ(datagram.size(), 43U);
    EXPECT_EQ(decode(datagram), points({{"a", 10},
                                        {"\xc3\xbc"
                                         "ber",
                                         7}},
                                       3));
}

// Line ends and blanks in every allowed place give the same point.
TEST(Line, FormsOfOnePoint) {
    for (const char* form :
         {"a 10", "a 10\n", "a 10\r\n", "a 10\r", "a\t10\n", " a 10\n", "\t a \t 10 \t\n", "a 10 \r\n", "a 010\n",
          "a 00000000000000000000000000000000010\n", "\na 10\n\n", "\r\na 10"}) {
        EXPECT_EQ(decode(form), points({{"a", 10}})) << form;
    }
}

// Values from 0 to 2^32 - 1 are taken, in digits only.
TEST(Line, Values) {
    EXPECT_EQ(decode("a 0"), points({{"a", 0}}));
    EXPECT_EQ(decode("a 4294967295"), points({{"a", 4294967295}}));
    for (const char* bad : {"a 4294967296", "a 42949672950", "a 99999999999999999999999999", "a -1", "a +1", "a 1.5",
                            "a 1e3", "a 0x10", "a ten", "a 1,2", "a \xd9\xa1", "a 10\v", "a 10\r\r"}) {
        EXPECT_EQ(decode(bad), points({}, 1)) << bad;
    }
}

// A line that is not a point counts once and leaves its neighbours alone.
TEST(Line, MalformedLines) {
    for (const std::string& bad : {"a"s,
                                   "10"s,
                                   "a 10 11"s,
                                   "a 10 b"s,
                                   "a b 10"s,
                                   "\x01 1"s,
                                   "a\x7f 1"s,
                                   "\0 1"s,
                                   "a\0b 1"s,
                                   "a\rb 1"s,
                                   "a\v 1"s,
                                   "\xff 1"s,
                                   "\xc3 1"s,
                                   "\xc3\x28 1"s,
                                   "\xc0\xaf 1"s,
                                   "\xe0\x80\xaf 1"s,
                                   "\xed\xa0\x80 1"s,
                                   "\xf0\x80\x80\xaf 1"s,
                                   "\xf4\x90\x80\x80 1"s,
                                   "\xf8\x88\x80\x80\x80 1"s,
                                   "\xc2\x85 1"s,
                                   "\xe2\x82 1"s,
                                   "\xf0\x9f\x98 1"s,
                                   "\x80 1"s}) {
        EXPECT_EQ(decode(bad), points({}, 1)) << bad;
        EXPECT_EQ(decode("x 1\n" + bad + "\ny 2\n"), points({{"x", 1}, {"y", 2}}, 1)) << bad;
    }
}

// Names are any clean UTF-8 of 1 to 255 bytes.
TEST(Line, Names) {
    for (const std::string& good : {"metric.cpu-0{host=a}"s, "\xc3\xbc"s, "\xe2\x82\xac"s, "\xf0\x9f\x98\x80"s,
                                    "\xf4\x8f\xbf\xbf"s, "\xed\x9f\xbf"s, "\xc2\xa0"s, "a\"b\\"s, "10"s}) {
        EXPECT_EQ(decode(good + " 1"), points({{good, 1}})) << good;
    }
    for (std::size_t size = 1; size <= 300; ++size) {
        const std::string plain(size, 'n');
        const std::string umlaut = "\xc3\xbc" + std::string(size - 1, 'n');
        EXPECT_EQ(decode(plain + " 1\n"), size <= 255 ? points({{plain, 1}}) : points({}, 1)) << size;
        EXPECT_EQ(decode(umlaut + " 1\n"), size <= 254 ? points({{umlaut, 1}}) : points({}, 1)) << size;
    }
}

// A datagram that says nothing at all counts as one malformed line, however many blank lines it has.
TEST(Line, SilentDatagrams) {
    for (const char* silent : {"", "\n", "\r\n", "\r", " \t ", "\n\n\n", " \n\t\r\n"}) {
        EXPECT_EQ(decode(silent), points({}, 1)) << silent;
    }
}

// Every byte, at every place of a name around the word size, is judged the same by the fast and the careful reader.
TEST(Line, EveryByteAtEveryPlace) {
    for (std::size_t size = 1; size <= 20; ++size) {
        for (std::size_t place = 0; place < size; ++place) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string line(size, 'n');
                line[place] = static_cast<char>(byte);
                line += " 7";
                if (byte == '\n') {
                    continue; // two lines
                }
                telem::point careful{};
                const telem::line_kind kind = telem::read_line(line, careful);
                const decoded fast = decode(line);
                ASSERT_EQ(fast.points.size(), kind == telem::line_kind::point ? 1U : 0U)
                    << size << ' ' << place << ' ' << byte;
                if (kind == telem::line_kind::point) {
                    ASSERT_EQ(fast.points[0].first, careful.name);
                    ASSERT_EQ(fast.points[0].second, careful.value);
                }
            }
        }
    }
}

// What was written as points is read as those points.
TEST(Line, RoundTrip) {
    const bool held = rc::check("round trip", [] {
        const auto name = rc::gen::mapcat(rc::gen::inRange<std::size_t>(1, 256), [](std::size_t size) {
            return rc::gen::container<std::string>(size, rc::gen::inRange<char>(0x21, 0x7f));
        });
        const auto wanted = *rc::gen::container<std::vector<std::pair<std::string, std::uint32_t>>>(
            rc::gen::pair(name, rc::gen::arbitrary<std::uint32_t>()));
        std::string datagram;
        for (const auto& [text, value] : wanted) {
            datagram += text + ' ' + std::to_string(value) + '\n';
        }
        const decoded got = decode(datagram);
        RC_ASSERT(got.points == wanted);
        RC_ASSERT(got.malformed == (wanted.empty() ? 1U : 0U));
    });
    EXPECT_TRUE(held);
}

} // namespace

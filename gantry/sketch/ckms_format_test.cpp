// SPDX-License-Identifier: MIT
// A summary survives writing and reading to the byte; whatever else the reader is given, it refuses with the place and
// what it expected there, or the sketch it makes works and keeps its invariant.
#include <gantry/sketch/ckms_test_support.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace {
using namespace gantry::sketch;
using namespace gantry::sketch::test;
using bytes = std::vector<std::byte>;

template<class T>
ckms<T> filled(const ckms_options& options, std::size_t size, oracle<T>* truth = nullptr) {
    ckms<T> s(options);
    for (const double v : arrivals("lognormal", size)) {
        const auto value = static_cast<T>(std::fmod(v, 3e4));
        s.insert(value);
        if (truth != nullptr) {
            truth->insert(value);
        }
    }
    return s;
}

// Reads `input`; what is accepted must be whole: valid, usable, and written as it was read.
template<class T>
bool accepts(const bytes& input) {
    const auto read = ckms<T>::deserialise(input);
    if (!read) {
        EXPECT_LE(read.error().offset, input.size());
        EXPECT_NE(read.error().expected, nullptr);
        return false;
    }
    EXPECT_TRUE(read->valid());
    EXPECT_EQ(read->serialise(), input);
    ckms<T> s = *read;
    for (int i = 0; i < 200; ++i) {
        static_cast<void>(s.insert(static_cast<T>(i)));
    }
    for (const double q : quantiles()) {
        if (const auto a = s.query(q)) {
            EXPECT_LE(a->rank_min, a->rank_max);
        }
    }
    if (s.mode() != ckms_mode::targeted && s.count() < UINT64_MAX / 2) {
        EXPECT_TRUE(s.merge(*read));
    }
    s.flush();
    EXPECT_TRUE(s.valid());
    return true;
}

// What comes back is the same sketch: same bytes, same answers, same exact figures.
template<class T>
void round_trip() {
    for (ckms_options options : all_options()) {
        for (const std::size_t cap : {0U, 30U}) {
            options.tuples_max = cap;
            SCOPED_TRACE(describe(options));
            for (const std::size_t size : {0U, 1U, 10U, 5'000U}) {
                oracle<T> truth;
                const ckms<T> s = filled<T>(options, size, &truth);
                const bytes written = s.serialise();
                auto read = ckms<T>::deserialise(written);
                ASSERT_TRUE(read) << read.error().offset << ": expected " << read.error().expected;
                EXPECT_EQ(read->serialise(), written);
                EXPECT_TRUE(read->sum() == s.sum());
                EXPECT_EQ(read->min(), s.min());
                EXPECT_EQ(read->max(), s.max());
                ASSERT_EQ(judge_both(*read, truth, options), "");
                read->insert(T{1});
                truth.insert(T{1});
                ASSERT_EQ(judge_both(*read, truth, options), "");
            }
        }
    }
}

TEST(CkmsFormat, RoundTripIsExact) {
    round_trip<float>();
    round_trip<double>();
    round_trip<std::int16_t>();
    round_trip<std::uint32_t>();
    round_trip<std::int64_t>();
}

TEST(CkmsFormat, RoundTripKeepsLargeCountsAndSpecialValues) {
    ckms<double> s({.mode = ckms_mode::high_biased, .epsilon = 0.01});
    s.insert(-std::numeric_limits<double>::infinity(), 1ULL << 40);
    s.insert(std::numeric_limits<double>::infinity(), 1ULL << 60);
    s.insert(0.1, 3);
    s.insert(std::numeric_limits<double>::quiet_NaN());
    const auto read = ckms<double>::deserialise(s.serialise());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->count(), (1ULL << 40) + (1ULL << 60) + 3);
    EXPECT_EQ(read->nan_count(), 1U);
    EXPECT_EQ(read->serialise(), s.serialise());
    EXPECT_EQ(read->query(0)->value, -std::numeric_limits<double>::infinity());
}

// Every beginning of a summary is refused.
TEST(CkmsFormat, RefusesEveryTruncation) {
    for (const ckms_options& options : all_options()) {
        const bytes whole = filled<float>(options, 250).serialise();
        EXPECT_TRUE(accepts<float>(whole));
        for (std::size_t size = 0; size < whole.size(); ++size) {
            ASSERT_FALSE(ckms<float>::deserialise(std::span(whole).first(size))) << size;
        }
        bytes more = whole;
        more.push_back(std::byte{0});
        const auto read = ckms<float>::deserialise(more);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().offset, whole.size());
    }
}

// Every flipped bit is refused, or makes another whole summary.
TEST(CkmsFormat, SurvivesEveryFlippedBit) {
    for (const ckms_options& options : all_options()) {
        bytes input = filled<std::int32_t>(options, 80).serialise();
        std::size_t refused = 0;
        for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
            const auto mask = static_cast<std::byte>(1U << (bit % 8));
            input[bit / 8] ^= mask;
            refused += accepts<std::int32_t>(input) ? 0U : 1U;
            input[bit / 8] ^= mask;
        }
        EXPECT_GE(refused, input.size()); // the fields, order and invariant leave little to chance
    }
}

TEST(CkmsFormat, SurvivesRandomDamage) {
    gantry::prng random(5);
    const bytes whole = filled<double>({.mode = ckms_mode::low_biased, .epsilon = 0.01}, 2'000).serialise();
    for (int i = 0; i < 3'000; ++i) {
        bytes input = whole;
        for (std::uint64_t k = 1 + random.uniform_below(4); k > 0; --k) {
            input[random.uniform_below(input.size())] = static_cast<std::byte>(random());
        }
        accepts<double>(input);
    }
}

// The example of docs/formats/ckms.md is what the code writes and reads.
TEST(CkmsFormat, TheExampleOnTheFormatPageIsRight) {
    std::ifstream page(GANTRY_SOURCE_DIR "/docs/formats/ckms.md");
    bytes example;
    bool inside = false;
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("47 43 4b 4d")) {
            inside = true;
        } else if (line.starts_with("```")) {
            inside = false;
        }
        std::istringstream words(inside ? line.substr(0, 50) : "");
        for (std::string word; words >> word;) {
            example.push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
        }
    }
    ckms<std::uint32_t> s({.mode = ckms_mode::low_biased, .epsilon = 0.01});
    for (const std::uint32_t v : {1U, 2U, 2U, 3U}) {
        s.insert(v);
    }
    EXPECT_EQ(s.serialise(), example);
    const auto read = ckms<std::uint32_t>::deserialise(example);
    ASSERT_TRUE(read) << read.error().offset << ": expected " << read.error().expected;
    EXPECT_EQ(read->query(0.5)->value, 2U);
}

struct raw_tuple {
    std::uint32_t value;
    std::uint64_t weight;
    std::uint64_t hidden;
    std::uint64_t delta;
};

struct raw_summary {
    std::uint32_t magic = 0x4D4B4347;
    std::uint8_t version = 1;
    std::uint8_t element = 4;
    std::uint8_t mode = 0;
    std::uint8_t zero = 0;
    std::uint64_t tuples_max = 0;
    double scale = 1;
    double epsilon = 0.1015625;
    std::uint64_t count = 100;
    std::uint64_t sum = 1'000;
    std::uint64_t size = 4;
    // Uniform, epsilon 13 in 128, 100 elements: a gap may be 20 wide.
    std::vector<raw_tuple> tuples = {{1, 1, 0, 0}, {9, 60, 10, 9}, {11, 9, 0, 9}, {20, 10, 10, 0}};

    [[nodiscard]] bytes write() const {
        detail::byte_writer out;
        out.fixed(magic);
        out.fixed(version);
        out.fixed(element);
        out.fixed(mode);
        out.fixed(zero);
        out.varint(tuples_max);
        out.number(scale);
        out.number(epsilon);
        out.varint(count);
        out.varint(0);
        out.fixed(sum);
        out.fixed(std::uint64_t{0});
        out.varint(size);
        for (const raw_tuple& t : tuples) {
            out.fixed(t.value);
            out.varint(t.weight);
            out.varint(t.hidden);
            out.varint(t.delta);
        }
        return std::move(out).take();
    }
};

// The verifier can fail: each kind of illegal field or tuple is refused where it stands, and the legal neighbour of
// each is not.
TEST(CkmsFormat, EachIllegalFieldIsNamed) {
    ASSERT_TRUE(accepts<std::uint32_t>(raw_summary{}.write()));
    constexpr std::size_t first = 8 + 1 + 8 + 8 + 1 + 1 + 16 + 1; // where the tuples begin
    const auto refuses = [](std::size_t offset, const std::string& expected,
                            const std::function<void(raw_summary&)>& f) {
        raw_summary raw;
        f(raw);
        const auto read = ckms<std::uint32_t>::deserialise(raw.write());
        ASSERT_FALSE(read) << expected;
        EXPECT_EQ(read.error().offset, offset) << read.error().expected;
        EXPECT_NE(std::string(read.error().expected).find(expected), std::string::npos) << read.error().expected;
    };
    refuses(0, "GCKM", [](raw_summary& s) { s.magic ^= 1; });
    refuses(4, "version", [](raw_summary& s) { s.version = 2; });
    refuses(5, "element", [](raw_summary& s) { s.element = 0x24; });
    refuses(6, "mode", [](raw_summary& s) { s.mode = 4; });
    refuses(7, "zero", [](raw_summary& s) { s.zero = 1; });
    refuses(8, "16", [](raw_summary& s) { s.tuples_max = 15; });
    refuses(9, "scale", [](raw_summary& s) { s.scale = 0.5; });
    refuses(9, "scale", [](raw_summary& s) { s.scale = std::numeric_limits<double>::quiet_NaN(); });
    refuses(8, "epsilon", [](raw_summary& s) { s.epsilon = -1; });
    refuses(27, "sum", [](raw_summary& s) { s.sum = 99; });
    refuses(27, "sum", [](raw_summary& s) { s.sum = 2'001; });
    refuses(43, "elements", [](raw_summary& s) { s.size = 0; });
    refuses(43, "hold", [](raw_summary& s) { s.size = 100; });
    const auto tuple = [&](std::size_t i, const std::string& expected, const std::function<void(raw_summary&)>& f) {
        refuses(first + 7 * i, expected, f);
    };
    // Order, as the second of the two sees it.
    tuple(1, "invariant", [](raw_summary& s) { s.tuples[0].value = 9; });
    tuple(2, "invariant", [](raw_summary& s) { s.tuples[1].value = 12; });
    // A weight of none, and weights that do not add up to the count.
    refuses(first + 7 + 4, "weight", [](raw_summary& s) { s.tuples[1].weight = 0; });
    refuses(first + 7 + 4, "weight", [](raw_summary& s) { s.tuples[1].weight = 101; });
    tuple(3, "invariant", [](raw_summary& s) { s.tuples[3].weight = 9; });
    tuple(3, "invariant", [](raw_summary& s) { s.tuples[3].weight = 11; });
    // The first tuple hides nothing.
    tuple(0, "invariant", [](raw_summary& s) { s.tuples[0].hidden = 1, s.tuples[1].weight = 59; });
    // Nor does any of the minimum hide further right.
    tuple(0, "invariant", [](raw_summary& s) { s.tuples[0].delta = 1; });
    // Nothing lies right of the last; elsewhere no more than hides there.
    tuple(3, "invariant", [](raw_summary& s) { s.tuples[3].delta = 1; });
    tuple(2, "invariant", [](raw_summary& s) { s.tuples[2].delta = 11; });
    tuple(1, "invariant", [](raw_summary& s) { s.tuples[1].delta = 10; });
    // A gap one wider than allowed; at 20 it is legal.
    tuple(1, "invariant", [](raw_summary& s) { s.tuples[1].hidden = 11, s.tuples[1].weight = 59; });
    raw_summary legal;
    legal.tuples[1] = {9, 60, 10, 9};
    EXPECT_TRUE(accepts<std::uint32_t>(legal.write()));
    legal.tuples[2] = {11, 9, 0, 10};
    EXPECT_TRUE(accepts<std::uint32_t>(legal.write()));
    // Numbers not in their shortest form.
    bytes longer = raw_summary{}.write();
    longer[first + 4] = std::byte{0x81};
    longer.insert(longer.begin() + first + 5, std::byte{0});
    const auto read = ckms<std::uint32_t>::deserialise(longer);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().offset, first + 4);
}

// A number of tuples that the input cannot hold is refused before memory is taken for it.
TEST(CkmsFormat, TakesNoMemoryOnTrust) {
    raw_summary raw;
    raw.size = UINT32_MAX;
    raw.count = UINT64_MAX;
    EXPECT_FALSE(ckms<std::uint32_t>::deserialise(raw.write()));
    // The densest tuples there are: the sketch stays within 8 bytes a byte of input, beside its own size.
    ckms<std::uint16_t> s({.epsilon = 1e-9});
    for (std::uint32_t i = 0; i < 60'000; ++i) {
        s.insert(static_cast<std::uint16_t>(i));
    }
    s.insert(0, 1ULL << 33);
    const bytes written = s.serialise();
    const auto read = ckms<std::uint16_t>::deserialise(written);
    ASSERT_TRUE(read);
    EXPECT_LE(read->bytes(), 8 * written.size() + sizeof(s) + 64);
}

// Floating point has values that no sketch holds.
TEST(CkmsFormat, RefusesNaNAndNegativeZero) {
    ckms<float> s;
    s.insert(1.0F);
    const bytes written = s.serialise();
    const std::size_t at = written.size() - 7;
    for (const float v : {std::numeric_limits<float>::quiet_NaN(), -0.0F, -1.0F}) {
        bytes input = written;
        gantry::store_le(std::bit_cast<std::uint32_t>(v), input.data() + at);
        const auto read = ckms<float>::deserialise(input);
        EXPECT_EQ(read.has_value(), v == -1.0F);
        if (!read) {
            EXPECT_EQ(read.error().offset, at);
        }
    }
}

} // namespace

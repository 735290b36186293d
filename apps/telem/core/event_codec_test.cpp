// SPDX-License-Identifier: MIT
//
// What must hold: an event that was written and is read by another process (another table of names) is the same event,
// in as many parcels as it takes; what is not a parcel is refused; the example of the format's page is right.
#include <apps/telem/core/event_codec.hpp>
#include <apps/telem/core/line.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace {

using telem::event;
using telem::metric;

// The memory of one process.
struct process {
    explicit process(std::uint64_t run_, std::size_t names_max = 64U << 20U)
        : names({.bytes_max = names_max, .secret = telem::name_secret::seeded(run_)}), run(run_), writer(names, run),
          reader(names, blocks, run, 7) {}

    telem::name_id id(std::string_view name) { return *names.intern(name, names.hash(name)); }
    event points(std::span<const std::pair<std::string, std::uint32_t>> of) {
        auto made = blocks.points.take();
        for (const auto& [name, value] : of) {
            made.fill().room().front() = {id(name), value};
            made.fill().used(1);
        }
        return {std::move(made)};
    }
    std::deque<telem::parcel> write(const event& from) {
        std::deque<telem::parcel> parcels;
        writer.write(from, parcels);
        return parcels;
    }

    telem::name_table names;
    telem::pools blocks;
    const std::uint64_t run;
    telem::event_writer writer;
    telem::event_reader reader;
};

using named = std::vector<std::pair<std::string, std::uint32_t>>;

named read_points(process& by, const std::deque<telem::parcel>& parcels, bool earlier) {
    named all;
    for (const telem::parcel& one : parcels) {
        const auto read = by.reader.read(one.bytes);
        EXPECT_TRUE(read.has_value());
        EXPECT_LT(one.bytes.size(), telem::parcel_bytes_max + 512);
        EXPECT_EQ(read->points, one.points);
        EXPECT_EQ(read->earlier, earlier);
        for (const metric& point : std::get<telem::shared_block<metric>>(read->what.what).entries()) {
            all.emplace_back(by.names.text(point.name), point.value);
        }
    }
    return all;
}

// Random blocks, short and long names, by a writer that has seen others before.
TEST(EventCodec, PointsComeBack) {
    std::mt19937_64 random(1);
    process before(1);
    process after(2);
    for (int round = 0; round < 60; ++round) {
        const std::size_t names = 1 + random() % (round % 3 == 0 ? 5000 : 20);
        const std::size_t longest = round % 5 == 0 ? 255 : 20;
        named points(1 + random() % telem::block<metric>::capacity);
        for (auto& [name, value] : points) {
            name = std::to_string(random() % names);
            name.resize(std::max(name.size(), longest - (random() % 10)), 'x');
            value = static_cast<std::uint32_t>(random());
        }
        const auto parcels = before.write(before.points(points));
        ASSERT_EQ(read_points(before, parcels, false), points);
        ASSERT_EQ(read_points(after, parcels, true), points);
    }
}

TEST(EventCodec, RowsAndPulsesComeBack) {
    process before(1);
    process after(2);
    const telem::schema quantiles{"ckms", "CKMS", "q", {"0.5", "0.99", std::string(340, '0')}};
    const telem::schema mean{"cma", "it's \"CMA\"", "", {}};
    std::mt19937_64 random(1);
    const telem::schema* known[2] = {nullptr, nullptr};
    for (int round = 0; round < 20; ++round) {
        const telem::schema& meaning = round % 2 == 0 ? quantiles : mean;
        auto rows = before.blocks.rows.take();
        const std::size_t count = round == 0 ? telem::block<telem::row>::capacity : 1 + random() % 1000;
        for (std::size_t i = 0; i < count; ++i) {
            rows.fill().room().front() = {before.id("n" + std::to_string(random() % 500)),
                                          static_cast<std::uint32_t>(random() % (round % 2 == 0 ? 3 : 1)),
                                          static_cast<double>(random()) / 3, random()};
            rows.fill().used(1);
        }
        const event all{telem::report{rows.share(), &meaning, std::chrono::milliseconds(round - 5)}};
        std::size_t at = 0;
        for (const telem::parcel& one : before.write(all)) {
            EXPECT_EQ(one.points, 0U);
            const auto read = after.reader.read(one.bytes);
            ASSERT_TRUE(read.has_value());
            const auto& figures = std::get<telem::report>(read->what.what);
            ASSERT_EQ(*figures.meaning, meaning);
            // The same meaning is the same object.
            ASSERT_TRUE(known[round % 2] == nullptr || known[round % 2] == figures.meaning);
            known[round % 2] = figures.meaning;
            EXPECT_EQ(figures.time.count(), round - 5);
            for (const telem::row& each : figures.rows.entries()) {
                const telem::row& wanted = rows.entries()[at++];
                ASSERT_EQ(after.names.text(each.name), before.names.text(wanted.name));
                ASSERT_EQ(each.column, wanted.column);
                ASSERT_EQ(each.value, wanted.value);
                ASSERT_EQ(each.count, wanted.count);
            }
        }
        EXPECT_EQ(at, count);
    }
    for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{5}, telem::pulse::last}) {
        const auto parcels = before.write({telem::pulse{.sequence = sequence, .time = std::chrono::milliseconds(9)}});
        ASSERT_EQ(parcels.size(), 1U);
        const auto read = after.reader.read(parcels[0].bytes);
        ASSERT_TRUE(read.has_value());
        EXPECT_TRUE(read->earlier);
        const auto& beat = std::get<telem::pulse>(read->what.what);
        EXPECT_EQ(beat.sequence, sequence);
        EXPECT_EQ(beat.time.count(), 9);
        EXPECT_EQ(beat.arrow, 7U);
    }
}

// Names that do not fit into the reader's table: their points are counted, the others come.
TEST(EventCodec, NamesThatDoNotFit) {
    process before(1);
    process after(2, 384U << 10U);
    named points;
    for (std::uint32_t i = 0; i < telem::block<metric>::capacity; ++i) {
        points.emplace_back(std::string(200, 'x') + std::to_string(i), i);
    }
    std::uint64_t came = 0;
    std::uint64_t refused = 0;
    for (const telem::parcel& one : before.write(before.points(points))) {
        const auto read = after.reader.read(one.bytes);
        ASSERT_TRUE(read.has_value());
        came += read->points;
        refused += read->refused;
    }
    EXPECT_GT(came, 0U);
    EXPECT_GT(refused, 0U);
    EXPECT_EQ(came + refused, points.size());
}

// No part of a parcel is a parcel, nor is one with a byte more; random damage is read or refused, and nothing else.
TEST(EventCodec, DamageIsRefused) {
    process before(1);
    const named points{{"a", 1}, {"über", 2}, {"a", 3}};
    const telem::schema meaning{"ckms", "CKMS", "q", {"0.5"}};
    auto rows = before.blocks.rows.take();
    rows.fill().room().front() = {before.id("a"), 0, 1.5, 2};
    rows.fill().used(1);
    std::vector<std::vector<std::byte>> sound;
    sound.push_back(before.write(before.points(points))[0].bytes);
    sound.push_back(before.write({telem::report{std::move(rows), &meaning, {}}})[0].bytes);
    sound.push_back(before.write({telem::pulse{}})[0].bytes);
    std::mt19937_64 random(1);
    for (const auto& bytes : sound) {
        process after(2);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_FALSE(after.reader.read(std::span(bytes).first(size)).has_value()) << size;
        }
        auto longer = bytes;
        longer.push_back(std::byte{0});
        EXPECT_FALSE(after.reader.read(longer).has_value());
        for (int i = 0; i < 2000; ++i) {
            auto damaged = bytes;
            for (std::uint64_t hits = 1 + random() % 3; hits > 0; --hits) {
                damaged[random() % damaged.size()] = static_cast<std::byte>(random());
            }
            static_cast<void>(after.reader.read(damaged));
        }
    }
}

// The worked example of docs/formats/telem-event.md.
TEST(EventCodec, WorkedExample) {
    process before(0x0807060504030201);
    const auto parcels = before.write(before.points(named{{"a", 10}, {"b", 1000}, {"a", 20}}));
    ASSERT_EQ(parcels.size(), 1U);
    constexpr std::array<unsigned, 36> wanted{0x01, 0x01, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x02, 0x00,
                                              0x03, 0x00, 0x01, 0x61, 0x01, 0x62, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x00,
                                              0x01, 0x00, 0xe8, 0x03, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00};
    ASSERT_EQ(parcels[0].bytes.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(std::to_integer<unsigned>(parcels[0].bytes[i]), wanted[i]) << i;
    }
}

} // namespace

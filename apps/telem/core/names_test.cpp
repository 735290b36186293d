// SPDX-License-Identifier: MIT
//
// What must hold: equal names get equal numbers, different names different ones, from any thread; memory stays within
// the limit; what is refused is only ever new.
#include <apps/telem/core/names.hpp>

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <thread>

namespace {

telem::name_table::options with(std::size_t bytes_max) {
    return {.bytes_max = bytes_max, .secret = telem::name_secret::seeded(7)};
}

// Against a std::map, over names of all sizes, with growth of table and index many times over.
TEST(Names, AgreesWithAMap) {
    const std::uint64_t seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    telem::name_table table(with(64U << 20U));
    telem::name_index index(table);
    std::map<std::string, telem::name_id> model;
    for (int i = 0; i < 200'000; ++i) {
        std::string name = std::to_string(random() % 50'000);
        name.resize(std::min<std::size_t>(255, name.size() + (name.back() % 2 == 0 ? 0U : 200U)), 'x');
        const auto id = index.intern(name);
        ASSERT_TRUE(id.has_value());
        const auto [known, is_new] = model.emplace(name, *id);
        ASSERT_EQ(known->second, *id);
        ASSERT_EQ(table.text(*id), name);
        ASSERT_EQ(table.count(), model.size());
    }
    std::map<telem::name_id, std::string> back;
    for (const auto& [name, id] : model) {
        ASSERT_TRUE(back.emplace(id, name).second);
        ASSERT_LT(id, model.size()); // dense
    }
    EXPECT_LE(table.bytes(), table.bytes_max());
}

// Full: new names are refused, known ones still found, and bytes() never passes the limit.
TEST(Names, RefusesWhatDoesNotFit) {
    telem::name_table table(with(1U << 20U));
    telem::name_index index(table);
    std::size_t taken = 0;
    std::size_t refused = 0;
    for (int i = 0; i < 200'000; ++i) {
        (index.intern("name." + std::to_string(i)) ? taken : refused) += 1;
        ASSERT_LE(table.bytes(), table.bytes_max());
    }
    EXPECT_GT(taken, 5'000U);
    EXPECT_GT(refused, 100'000U);
    EXPECT_EQ(table.count(), taken);
    for (std::size_t i = 0; i < taken; ++i) {
        const auto id = index.intern("name." + std::to_string(i));
        ASSERT_TRUE(id.has_value());
        ASSERT_EQ(*id, i);
    }
}

// A second index that finds no room of its own is slower, not wrong.
TEST(Names, WorksWithoutRoomForAnIndex) {
    telem::name_table table(with(1U << 18U));
    telem::name_index first(table);
    std::size_t taken = 0;
    while (first.intern("name." + std::to_string(taken))) {
        ++taken;
    }
    telem::name_index second(table);
    for (std::size_t i = 0; i < taken; ++i) {
        ASSERT_EQ(second.intern("name." + std::to_string(i)), std::optional<telem::name_id>(i));
    }
    EXPECT_LE(table.bytes(), table.bytes_max());
}

// An index gives its memory back.
TEST(Names, IndexIsAccountedFor) {
    telem::name_table table(with(8U << 20U));
    std::size_t before = 0;
    {
        telem::name_index first(table);
        for (int i = 0; i < 1000; ++i) {
            ASSERT_TRUE(first.intern(std::to_string(i)).has_value());
        }
        before = table.bytes();
    }
    EXPECT_LT(table.bytes(), before);
}

// Another secret puts the same names elsewhere: nobody outside can prepare collisions.
TEST(Names, SecretMatters) {
    const telem::name_table one(with(1U << 20U));
    const telem::name_table two({.bytes_max = 1U << 20U, .secret = telem::name_secret::seeded(8)});
    const telem::name_table drawn({.bytes_max = 1U << 20U, .secret = telem::name_secret::draw()});
    int same = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::string name(1 + static_cast<std::size_t>(i) % 255, static_cast<char>('a' + i % 26));
        same += one.hash(name) == two.hash(name) || one.hash(name) == drawn.hash(name) ? 1 : 0;
    }
    EXPECT_EQ(same, 0);
}

// Threads with an index each agree on every number.
TEST(Names, ThreadsAgree) {
    telem::name_table table(with(64U << 20U));
    constexpr int threads = 4;
    constexpr int names = 20'000;
    std::vector<std::vector<telem::name_id>> ids(threads, std::vector<telem::name_id>(names));
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < threads; ++t) {
            all.emplace_back([&, t] {
                telem::name_index index(table);
                for (int i = 0; i < names; ++i) {
                    const int which = (i * 7919 + t * 977) % names; // each in an order of its own
                    ids[static_cast<std::size_t>(t)][static_cast<std::size_t>(which)] =
                        index.intern("n" + std::to_string(which)).value();
                }
            });
        }
    }
    for (int t = 1; t < threads; ++t) {
        EXPECT_EQ(ids[0], ids[static_cast<std::size_t>(t)]);
    }
    EXPECT_EQ(table.count(), static_cast<std::size_t>(names));
}

} // namespace

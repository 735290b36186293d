// SPDX-License-Identifier: MIT
// The bytes are those of docs/formats/spill.md, both ways; what is not such bytes is refused; a reader steps over
// damage, loses what was damaged and nothing else.
#include <gantry/channel/spill/detail/format.hpp>
#include <gantry/channel/spill/detail/segment_reader.hpp>
#include <gantry/channel/spill/spool.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace gantry;
using namespace gantry::channel;
using namespace gantry::channel::detail;

constexpr std::uint64_t identity = 0x1122334455667788;

storage_bytes bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

// The bytes of the example on the page.
std::vector<std::byte> example() {
    std::ifstream page(GANTRY_SOURCE_DIR "/docs/formats/spill.md");
    std::string line;
    while (std::getline(page, line) && line != "## Example") {
    }
    while (std::getline(page, line) && line != "```text") {
    }
    std::vector<std::byte> bytes;
    while (std::getline(page, line) && line != "```") {
        std::istringstream words(line.substr(0, line.find("    ")));
        unsigned value = 0;
        while (words >> std::hex >> value)
            bytes.push_back(static_cast<std::byte>(value));
    }
    return bytes;
}

std::vector<std::byte> content(storage_directory& directory, std::string_view name) {
    const auto file = directory.open(name, storage_access::read);
    std::vector<std::byte> bytes((*file)->size().value());
    static_cast<void>((*file)->read_at(0, bytes).value());
    return bytes;
}

TEST(SpillFormat, TheExampleOnThePageIsWrittenAndRead) {
    check::fault_storage storage;
    {
        auto opened = spool::open(storage, "/spool", {.identity = identity});
        spool_batch batch;
        batch.add(1, bytes_of("hop"));
        batch.add(2, bytes_of("per"));
        ASSERT_TRUE((*opened)->append(batch));
        ASSERT_TRUE((*opened)->close());
    }
    const auto directory = storage.open_directory("/spool");
    const std::string name = segment_name((1U << numbers_bits) + 1);
    EXPECT_EQ(name, "0000000001000001.seg");
    EXPECT_EQ(content(**directory, name), example());

    auto again = spool::open(storage, "/spool");
    spool_batch batch;
    ASSERT_TRUE((*again)->read(batch, 1000).value());
    EXPECT_EQ(batch.size(), 2U);
    const auto first = batch.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->sequence, 1U);
    EXPECT_TRUE(std::ranges::equal(first->bytes, bytes_of("hop")));
}

TEST(SpillFormat, NamesAreExactlyThose) {
    EXPECT_EQ(segment_number("00000000000000ff.seg"), 255U);
    EXPECT_EQ(segment_name(0xfedcba9876543210), "fedcba9876543210.seg");
    EXPECT_EQ(segment_number("fedcba9876543210.seg"), 0xfedcba9876543210);
    for (const char* wrong : {"", ".seg", "00000000000000FF.seg", "0000000000000ff.seg", "00000000000000ff.new",
                              "00000000000000fg.seg", "000000000000000ff.seg", "00000000000000ff.segx"})
        EXPECT_FALSE(segment_number(wrong)) << wrong;
}

TEST(SpillFormat, SlotsAreReadBackAndEveryFlippedBitIsNoticed) {
    const position_slot slot{.spool = identity,
                             .generation = 7,
                             .all = 100,
                             .opened = 3,
                             .ranges = {{.first = 102, .last = 102}, {.first = 110, .last = 200}}};
    auto bytes = write_slot(slot);
    EXPECT_EQ(read_slot(bytes), slot);
    for (std::size_t i = 0; i != 8 * bytes.size(); ++i) {
        bytes[i / 8] ^= static_cast<std::byte>(1U << i % 8);
        EXPECT_FALSE(read_slot(bytes)) << "bit " << i;
        bytes[i / 8] ^= static_cast<std::byte>(1U << i % 8);
    }
    for (std::size_t size = 0; size != bytes.size(); ++size)
        EXPECT_FALSE(read_slot({bytes.data(), size}));
}

// A spool with elements of so many bytes each, its first segment alone.
struct written {
    check::fault_storage storage;
    std::string path;
    std::uint64_t size = 0;
    std::size_t elements = 0;
};

void write(written& to, int compression) {
    to.elements = 12;
    auto opened = spool::open(to.storage, "/spool", {.compression = compression, .identity = identity});
    for (std::uint64_t i = 1; i <= to.elements; i += 3) {
        spool_batch batch;
        for (std::uint64_t each = i; each != i + 3; ++each)
            batch.add(each, bytes_of(std::string(30 + each, static_cast<char>('a' + each))));
        ASSERT_TRUE((*opened)->append(batch));
    }
    ASSERT_TRUE((*opened)->close());
    const std::string name = segment_name((1U << numbers_bits) + 1);
    to.path = "/spool/" + name;
    to.size = (*to.storage.open_directory("/spool"))->size(name).value();
}

// What can be read, and that all of it is right.
std::set<std::uint64_t> readable(written& from, std::uint64_t& lost) {
    auto opened = spool::open(from.storage, "/spool");
    EXPECT_TRUE(opened) << opened.error().message();
    std::set<std::uint64_t> there;
    spool_batch batch;
    while ((*opened)->read(batch, 64).value())
        while (const auto each = batch.next()) {
            EXPECT_TRUE(std::ranges::equal(
                each->bytes, bytes_of(std::string(30 + each->sequence, static_cast<char>('a' + each->sequence)))));
            there.insert(each->sequence);
        }
    lost = (*opened)->statistics().lost;
    return there;
}

TEST(SpillFormat, AFlippedBitAnywhereCostsOneElement) {
    for (const int compression : {0, 1}) {
        const std::size_t most = compression == 0 ? 1 : 3; // a block has three
        std::size_t damaged = 0;
        written base;
        write(base, compression);
        for (std::uint64_t at = 0; at != base.size; ++at) {
            written one;
            write(one, compression);
            ASSERT_TRUE(one.storage.corrupt(one.path, at, std::byte{0x10}));
            std::uint64_t lost = 0;
            const auto there = readable(one, lost);
            EXPECT_GE(there.size() + most, one.elements) << "byte " << at;
            EXPECT_EQ(there.size() + lost, one.elements) << "byte " << at;
            damaged += there.size() != one.elements;
        }
        EXPECT_GT(damaged, 100U);
    }
}

TEST(SpillFormat, ATornTailEndsTheSpoolAndTheRestIsThere) {
    written base;
    write(base, 0);
    for (std::uint64_t size = segment_header_bytes; size < base.size; size += 3) {
        written one;
        write(one, 0);
        {
            const auto directory = one.storage.open_directory("/spool");
            const auto file = (*directory)->open(one.path.substr(7), storage_access::read_write);
            ASSERT_TRUE((*file)->truncate(size));
        }
        std::uint64_t lost = 0;
        const auto there = readable(one, lost);
        EXPECT_EQ(lost, 0U);
        EXPECT_TRUE(there.empty() || *there.rbegin() == there.size());
        std::uint64_t again = 0; // it got its footer: nothing is torn any more
        EXPECT_EQ(readable(one, again), there);
    }
}

} // namespace

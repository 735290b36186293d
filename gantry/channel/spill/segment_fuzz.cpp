// SPDX-License-Identifier: MIT
// A file of any bytes is read to its end: no crash, no loop, elements in ascending order, and never more memory than
// the largest record. The checksum stops most inputs early, so part of the input becomes records with right sums.
#include <gantry/channel/spill/detail/segment_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace gantry;
using namespace gantry::channel::detail;

class bytes_file final : public storage_file {
public:
    explicit bytes_file(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
    storage_result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const override {
        if (offset >= bytes_.size())
            return 0;
        const std::size_t count = std::min<std::size_t>(to.size(), bytes_.size() - offset);
        std::memcpy(to.data(), bytes_.data() + offset, count);
        return count;
    }
    storage_result<void> write_at(std::uint64_t, std::span<const storage_bytes>) override { return {}; }
    storage_result<void> sync() override { return {}; }
    storage_result<void> truncate(std::uint64_t) override { return {}; }
    storage_result<std::uint64_t> size() const override { return bytes_.size(); }
    const std::string& path() const noexcept override { return path_; }

private:
    std::vector<std::byte> bytes_;
    std::string path_ = "fuzz";
};

void require(bool holds) {
    if (!holds)
        std::abort();
}

constexpr std::uint64_t identity = 0x0102030405060708;

// Each control byte says what comes next: raw bytes, an element, a block or a footer, with a number near the last one.
std::vector<std::byte> file_of(std::span<const std::uint8_t> input) {
    std::vector<std::byte> file(segment_header_bytes);
    std::uint64_t next = 1;
    std::size_t at = 0;
    const auto take = [&](std::size_t count) {
        const auto part = input.subspan(at, std::min(count, input.size() - at));
        at += part.size();
        return part;
    };
    while (at != input.size()) {
        const std::uint8_t control = input[at++];
        const auto payload = std::as_bytes(take(control >> 2U));
        if ((control & 3U) == 0) {
            file.insert(file.end(), payload.begin(), payload.end());
            continue;
        }
        if ((control & 3U) == 3) {
            footer what{.next = next, .first = 1, .count = next - 1, .end = file.size()};
            if (!payload.empty())
                what.next += static_cast<std::uint64_t>(payload[0]);
            std::byte bytes[footer_bytes];
            write_footer(what, identity, bytes);
            file.insert(file.end(), std::begin(bytes), std::end(bytes));
            continue;
        }
        batch records;
        if (!payload.empty())
            next += static_cast<std::uint64_t>(payload[0]) / 64;
        const std::size_t count = (control & 3U) == 2 ? 8 : 1;
        for (std::size_t i = 0; i != count; ++i) {
            std::byte* const to = records.begin_element(next++, static_cast<std::uint32_t>(payload.size()));
            if (!payload.empty())
                std::memcpy(to, payload.data(), payload.size());
            records.end_element(identity);
        }
        batch packed;
        const storage_bytes bytes =
            count != 1 && records.compress(packed, identity, 1) ? packed.bytes() : records.bytes();
        file.insert(file.end(), bytes.begin(), bytes.end());
        while (file.size() % record_alignment != 0)
            file.push_back(std::byte{0});
    }
    return file;
}

void read_all(std::vector<std::byte> bytes, std::size_t batch_bytes) {
    const std::uint64_t size = bytes.size();
    const bytes_file file(std::move(bytes));
    segment_reader reader(file, {.spool = identity, .end = size, .expected = 1, .record_bytes_max = 1U << 16U});
    batch records;
    std::uint64_t last = 0;
    std::uint64_t rounds = 0;
    for (;;) {
        const auto more = reader.next(records, batch_bytes);
        require(more.has_value() && ++rounds <= size + 1);
        if (!*more)
            break;
        require(!records.empty() && records.capacity() <= (1U << 17U));
        while (const auto element = records.next()) {
            require(element->sequence > last);
            last = element->sequence;
        }
    }
    require(reader.offset() <= std::max<std::uint64_t>(size, segment_header_bytes) &&
            reader.damaged_bytes() + reader.torn_bytes() <= size);
    for (const sequence_range& each : reader.lost())
        require(each.first <= each.last);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::uint8_t> input(data, size);
    const auto plain = std::as_bytes(input);
    for (const std::size_t batch_bytes : {std::size_t{1}, std::size_t{200}, std::size_t{1} << 16U}) {
        read_all({plain.begin(), plain.end()}, batch_bytes);
        read_all(file_of(input), batch_bytes);
    }
    static_cast<void>(read_slot(plain));
    static_cast<void>(read_segment_header(plain));
    static_cast<void>(read_footer(plain, identity));
    return 0;
}

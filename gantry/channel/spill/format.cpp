// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/base/byte_order.hpp>
#include <gantry/channel/spill/detail/format.hpp>

#define XXH_INLINE_ALL // nothing to link, and short inputs are summed in place
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace gantry::channel::detail {
namespace {

constexpr char segment_magic[4] = {'G', 'S', 'E', 'G'};
constexpr char position_magic[4] = {'G', 'P', 'O', 'S'};
constexpr std::size_t slot_fixed_bytes = 48;
constexpr std::size_t sum_bytes = 8;
constexpr unsigned kind_shift = 30;
constexpr std::size_t block_header_bytes = 4;

std::uint64_t sum_of(const std::byte* from, std::size_t size, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(from, size, seed);
}

void write_magic(const char (&magic)[4], unsigned version, std::byte* to) noexcept {
    std::memcpy(to, magic, sizeof magic);
    store_le(std::uint32_t{version}, to + 4); // the three bytes behind the version are zero
}

// The version, or nullopt.
std::optional<unsigned> read_magic(const char (&magic)[4], const std::byte* from) noexcept {
    const auto version = load_le<std::uint32_t>(from + 4);
    if (std::memcmp(from, magic, sizeof magic) != 0 || version > 255)
        return std::nullopt;
    return version;
}

std::size_t padded(std::size_t size) noexcept {
    return (size + record_alignment - 1) / record_alignment * record_alignment;
}

void write_record_header(record_kind kind, std::uint32_t length, std::uint64_t sequence, std::byte* to) noexcept {
    store_le(std::uint64_t{0}, to);
    store_le(length | std::uint32_t{static_cast<std::uint8_t>(kind)} << kind_shift, to + 8);
    store_le(sequence, to + 12);
}

void write_sum(std::byte* at, std::size_t bytes, std::uint64_t spool) noexcept {
    store_le(sum_of(at + sum_bytes, bytes - sum_bytes, spool), at);
}

std::string name_of(std::uint64_t number, std::string_view suffix) {
    std::string name(16, '0');
    for (std::size_t i = 16; i != 0; number >>= 4U)
        name[--i] = "0123456789abcdef"[number & 15U];
    return name.append(suffix);
}

std::optional<std::uint64_t> number_in(std::string_view name, std::string_view suffix) noexcept {
    if (name.size() != 16 + suffix.size() || !name.ends_with(suffix))
        return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : name.substr(0, 16)) {
        const bool digit = c >= '0' && c <= '9';
        if (!digit && !(c >= 'a' && c <= 'f'))
            return std::nullopt;
        number = number << 4U | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
    }
    return number;
}

} // namespace

std::string segment_name(std::uint64_t number) {
    return name_of(number, ".seg");
}

std::string unfinished_name(std::uint64_t number) {
    return name_of(number, ".new");
}

std::optional<std::uint64_t> segment_number(std::string_view name) noexcept {
    return number_in(name, ".seg");
}

bool is_unfinished_name(std::string_view name) noexcept {
    return number_in(name, ".new").has_value();
}

void write_segment_header(const segment_header& header, std::span<std::byte, segment_header_bytes> to) noexcept {
    write_magic(segment_magic, header.version, to.data());
    store_le(header.spool, to.data() + 8);
    store_le(header.number, to.data() + 16);
    store_le(header.first, to.data() + 24);
    store_le(sum_of(to.data(), 32, 0), to.data() + 32);
}

std::optional<segment_header> read_segment_header(storage_bytes from) noexcept {
    if (from.size() < segment_header_bytes || load_le<std::uint64_t>(from.data() + 32) != sum_of(from.data(), 32, 0))
        return std::nullopt;
    const auto version = read_magic(segment_magic, from.data());
    segment_header header{.spool = load_le<std::uint64_t>(from.data() + 8),
                          .number = load_le<std::uint64_t>(from.data() + 16),
                          .first = load_le<std::uint64_t>(from.data() + 24),
                          .version = version.value_or(0)};
    if (!version || header.spool == 0 || header.first == 0)
        return std::nullopt;
    return header;
}

record_header read_record_header(const std::byte* at) noexcept {
    const auto word = load_le<std::uint32_t>(at + 8);
    return {.sum = load_le<std::uint64_t>(at),
            .sequence = load_le<std::uint64_t>(at + 12),
            .length = word & record_length_max,
            .kind = static_cast<record_kind>(word >> kind_shift)};
}

bool is_whole(const std::byte* at, const record_header& header, std::uint64_t spool) noexcept {
    return header.kind != record_kind::skipped && header.sequence != 0 &&
           header.sum == sum_of(at + sum_bytes, header.bytes() - sum_bytes, spool) &&
           std::all_of(at + record_header_bytes + header.length, at + header.bytes(),
                       [](std::byte b) { return b == std::byte{0}; });
}

void write_footer(const footer& what, std::uint64_t spool, std::span<std::byte, footer_bytes> to) noexcept {
    write_record_header(record_kind::footer, footer_bytes - record_header_bytes, what.next, to.data());
    store_le(what.first, to.data() + record_header_bytes);
    store_le(what.count, to.data() + record_header_bytes + 8);
    store_le(what.end, to.data() + record_header_bytes + 16);
    write_sum(to.data(), footer_bytes, spool);
}

std::optional<footer> read_footer(storage_bytes from, std::uint64_t spool) noexcept {
    if (from.size() < footer_bytes)
        return std::nullopt;
    const record_header header = read_record_header(from.data());
    if (header.kind != record_kind::footer || header.length != footer_bytes - record_header_bytes ||
        !is_whole(from.data(), header, spool))
        return std::nullopt;
    footer what{.next = header.sequence,
                .first = load_le<std::uint64_t>(from.data() + record_header_bytes),
                .count = load_le<std::uint64_t>(from.data() + record_header_bytes + 8),
                .end = load_le<std::uint64_t>(from.data() + record_header_bytes + 16)};
    if (what.first == 0 || what.first > what.next || what.count > what.next - what.first)
        return std::nullopt;
    return what;
}

std::vector<std::byte> write_slot(const position_slot& slot) {
    GANTRY_ASSERT(slot.ranges.size() <= slot_ranges_max);
    std::vector<std::byte> bytes(slot_fixed_bytes + slot.ranges.size() * 16 + sum_bytes);
    write_magic(position_magic, slot.version, bytes.data());
    store_le(slot.spool, bytes.data() + 8);
    store_le(slot.generation, bytes.data() + 16);
    store_le(slot.all, bytes.data() + 24);
    store_le(slot.opened, bytes.data() + 32);
    store_le(static_cast<std::uint32_t>(slot.ranges.size()), bytes.data() + 40);
    std::byte* at = bytes.data() + slot_fixed_bytes;
    for (const sequence_range& each : slot.ranges) {
        store_le(each.first, at);
        store_le(each.last, at + 8);
        at += 16;
    }
    store_le(sum_of(bytes.data(), bytes.size() - sum_bytes, 0), at);
    return bytes;
}

std::optional<position_slot> read_slot(storage_bytes from) {
    if (from.size() < slot_fixed_bytes + sum_bytes)
        return std::nullopt;
    const auto version = read_magic(position_magic, from.data());
    const auto ranges = load_le<std::uint64_t>(from.data() + 40); // with the zeros behind
    if (!version || ranges > slot_ranges_max)
        return std::nullopt;
    const std::size_t size = slot_fixed_bytes + static_cast<std::size_t>(ranges) * 16;
    if (from.size() < size + sum_bytes || load_le<std::uint64_t>(from.data() + size) != sum_of(from.data(), size, 0))
        return std::nullopt;
    position_slot slot{.spool = load_le<std::uint64_t>(from.data() + 8),
                       .generation = load_le<std::uint64_t>(from.data() + 16),
                       .all = load_le<std::uint64_t>(from.data() + 24),
                       .opened = load_le<std::uint64_t>(from.data() + 32),
                       .ranges = {},
                       .version = *version};
    std::uint64_t before = slot.all;
    for (std::size_t at = slot_fixed_bytes; at != size; at += 16) {
        const sequence_range each{.first = load_le<std::uint64_t>(from.data() + at),
                                  .last = load_le<std::uint64_t>(from.data() + at + 8)};
        if (each.first <= before || each.last < each.first)
            return std::nullopt;
        before = each.last;
        slot.ranges.push_back(each);
    }
    if (slot.spool == 0)
        return std::nullopt;
    return slot;
}

batch::batch(batch&& other) noexcept
    : memory_(std::move(other.memory_)), capacity_(std::exchange(other.capacity_, 0)),
      size_(std::exchange(other.size_, 0)), open_(std::exchange(other.open_, 0)), at_(std::exchange(other.at_, 0)),
      count_(std::exchange(other.count_, 0)), left_(std::exchange(other.left_, 0)), first_(other.first_),
      last_(other.last_) {}

batch& batch::operator=(batch&& other) noexcept {
    memory_ = std::move(other.memory_);
    capacity_ = std::exchange(other.capacity_, 0);
    size_ = std::exchange(other.size_, 0);
    open_ = std::exchange(other.open_, 0);
    at_ = std::exchange(other.at_, 0);
    count_ = std::exchange(other.count_, 0);
    left_ = std::exchange(other.left_, 0);
    first_ = other.first_;
    last_ = other.last_;
    return *this;
}

void batch::reserve(std::size_t bytes) {
    if (bytes <= capacity_)
        return;
    auto larger = std::make_unique_for_overwrite<std::byte[]>(bytes);
    if (size_ != 0)
        std::memcpy(larger.get(), memory_.get(), size_);
    memory_ = std::move(larger);
    capacity_ = bytes;
}

std::byte* batch::begin_element(std::uint64_t sequence, std::uint32_t length) {
    GANTRY_DEBUG_ASSERT(length <= record_length_max && (count_ == 0 || sequence == last_ + 1));
    const std::size_t needed = size_ + padded(record_header_bytes + length);
    if (needed > capacity_)
        reserve(std::max(needed, 2 * capacity_));
    open_ = size_;
    size_ = needed;
    std::byte* const at = memory_.get() + open_;
    store_le(std::uint32_t{0}, memory_.get() + size_ - 4); // padding
    write_record_header(record_kind::element, length, sequence, at);
    return at + record_header_bytes;
}

void batch::end_element(std::uint64_t spool) noexcept {
    std::byte* const at = memory_.get() + open_;
    const auto sequence = load_le<std::uint64_t>(at + 12);
    if (spool != 0)
        write_sum(at, size_ - open_, spool);
    if (count_ == 0)
        first_ = sequence;
    last_ = sequence;
    ++count_;
    ++left_;
}

void batch::write_sums(std::uint64_t spool) noexcept {
    for (std::size_t at = 0; at != size_;) {
        const auto bytes = static_cast<std::size_t>(read_record_header(memory_.get() + at).bytes());
        write_sum(memory_.get() + at, bytes, spool);
        at += bytes;
    }
}

void batch::number_from(std::uint64_t first) noexcept {
    first_ = first;
    last_ = first + count_ - 1;
    for (std::size_t at = 0; at != size_; ++first) {
        store_le(first, memory_.get() + at + 12);
        at += static_cast<std::size_t>(read_record_header(memory_.get() + at).bytes());
    }
}

bool batch::compress(batch& to, std::uint64_t spool, int level) const {
    to.clear();
    const std::size_t bound = ZSTD_compressBound(size_);
    if (size_ > record_length_max || bound + block_header_bytes > record_length_max)
        return false;
    to.reserve(padded(record_header_bytes + block_header_bytes + bound));
    std::byte* const at = to.memory_.get();
    std::byte* const payload = at + record_header_bytes;
    const std::size_t got = ZSTD_compress(payload + block_header_bytes, bound, memory_.get(), size_, level);
    if (ZSTD_isError(got) != 0 || padded(record_header_bytes + block_header_bytes + got) >= size_)
        return false;
    const std::size_t length = block_header_bytes + got;
    to.size_ = padded(record_header_bytes + length);
    std::fill(payload + length, at + to.size_, std::byte{0});
    store_le(static_cast<std::uint32_t>(size_), payload);
    write_record_header(record_kind::block, static_cast<std::uint32_t>(length), first_, at);
    write_sum(at, to.size_, spool);
    to.count_ = count_;
    to.first_ = first_;
    to.last_ = last_;
    return true;
}

std::optional<batch::element> batch::next() noexcept {
    while (at_ != size_) {
        const std::byte* const at = memory_.get() + at_;
        const record_header header = read_record_header(at);
        at_ += static_cast<std::size_t>(header.bytes());
        if (header.kind == record_kind::skipped)
            continue;
        --left_;
        return element{.sequence = header.sequence, .payload = {at + record_header_bytes, header.length}};
    }
    return std::nullopt;
}

bool batch::join(const batch& next) noexcept {
    if (next.first_ != last_ + 1 || next.size_ > capacity_ - size_ || next.size_ > capacity_ / 8)
        return false;
    std::memcpy(memory_.get() + size_, next.memory_.get(), next.size_);
    size_ += next.size_;
    count_ += next.count_;
    left_ += next.left_;
    last_ = next.last_;
    return true;
}

void batch::clear() noexcept {
    size_ = open_ = at_ = count_ = left_ = 0;
}

void batch::release() noexcept {
    clear();
    memory_.reset();
    capacity_ = 0;
}

void batch::set(std::size_t begin, std::size_t end, std::size_t count, std::size_t left, std::uint64_t first,
                std::uint64_t last) noexcept {
    at_ = begin;
    size_ = end;
    count_ = count;
    left_ = left;
    first_ = first;
    last_ = last;
}

void skip_record(std::byte* at) noexcept {
    store_le(load_le<std::uint32_t>(at + 8) | std::uint32_t{3} << kind_shift, at + 8);
}

std::optional<std::uint32_t> block_size(storage_bytes payload) noexcept {
    if (payload.size() < block_header_bytes)
        return std::nullopt;
    const auto size = load_le<std::uint32_t>(payload.data());
    if (size > record_length_max || size % record_alignment != 0)
        return std::nullopt;
    return size;
}

bool unpack_block(storage_bytes payload, std::uint64_t first, batch& to) {
    const auto size = block_size(payload);
    if (!size)
        return false;
    to.clear();
    to.reserve(*size);
    const storage_bytes frame = payload.subspan(block_header_bytes);
    if (ZSTD_decompress(to.data(), *size, frame.data(), frame.size()) != *size)
        return false;
    std::size_t count = 0;
    for (std::size_t at = 0; at != *size; ++count) {
        if (*size - at < record_header_bytes)
            return false;
        const record_header header = read_record_header(to.data() + at);
        if (header.kind != record_kind::element || header.sequence != first + count || header.bytes() > *size - at)
            return false;
        at += static_cast<std::size_t>(header.bytes());
    }
    if (count == 0)
        return false;
    to.set(0, *size, count, count, first, first + count - 1);
    return true;
}

} // namespace gantry::channel::detail

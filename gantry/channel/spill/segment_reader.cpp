// SPDX-License-Identifier: MIT
#include <gantry/channel/spill/detail/segment_reader.hpp>

#include <algorithm>
#include <utility>

namespace gantry::channel::detail {
namespace {

constexpr std::size_t page = 4096;                            // what a disk fails to read in one piece
constexpr std::size_t window_bytes = std::size_t{64} << 10U;  // of the search
constexpr std::uint64_t jump_max = std::uint64_t{1} << 32U;   // a number further ahead is taken for damage
constexpr std::uint64_t budget_base = std::uint64_t{1} << 20; // for small files

std::uint64_t aligned(std::uint64_t offset) noexcept {
    return (offset + record_alignment - 1) / record_alignment * record_alignment;
}

} // namespace

segment_reader::segment_reader(const storage_file& file, const segment_part& part)
    : file_(file), spool_(part.spool), last_(part.last),
      record_bytes_max_(
          record_header{.sum = 0, .sequence = 0, .length = part.record_bytes_max, .kind = record_kind::element}
              .bytes()),
      end_(part.end), offset_(aligned(part.begin)), expected_(part.expected), budget_(budget_base + 8 * part.end) {}

bool segment_reader::plausible(const record_header& header, std::uint64_t at) const noexcept {
    if (header.kind == record_kind::skipped || header.sequence == 0 || header.sequence < expected_ ||
        (expected_ != 0 && header.sequence - expected_ > jump_max))
        return false;
    const std::uint64_t bytes = header.bytes();
    return bytes <= record_bytes_max_ && bytes <= end_ - at;
}

// As much as can be read: a bad sector must not take its neighbours along.
storage_result<std::size_t> segment_reader::read(std::uint64_t offset, std::byte* to, std::size_t size) const {
    for (;;) {
        auto got = file_.read_at(offset, {to, size});
        if (got || size <= page)
            return got;
        size = std::max(page, size / 2 / page * page);
    }
}

// At least `size` bytes from `offset` on, or nullptr where the file ends before.
storage_result<const std::byte*> segment_reader::view(std::uint64_t offset, std::size_t size) {
    const bool there = offset >= window_offset_ && offset - window_offset_ <= window_size_ &&
                       size <= window_size_ - static_cast<std::size_t>(offset - window_offset_);
    if (!there) {
        const auto wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(std::max(size, window_bytes), end_ - offset));
        if (window_.size() < wanted)
            window_.resize(wanted);
        window_size_ = 0;
        const auto got = read(offset, window_.data(), wanted);
        if (!got)
            return std::unexpected(got.error());
        window_offset_ = offset;
        window_size_ = *got;
        if (*got < size)
            return nullptr;
    }
    return window_.data() + (offset - window_offset_);
}

// Finds the next record behind a wrong one. False: there is none.
storage_result<bool> segment_reader::resynchronise() {
    const std::uint64_t from = offset_;
    window_size_ = 0; // the file may have grown
    while (end_ - offset_ >= record_header_bytes && offset_ <= end_) {
        const auto at = view(offset_, record_header_bytes);
        if (!at)
            return std::unexpected(at.error());
        if (*at == nullptr)
            break;
        const record_header header = read_record_header(*at);
        if (plausible(header, offset_)) {
            const auto bytes = static_cast<std::size_t>(header.bytes());
            if (bytes > budget_)
                break;
            const auto whole = view(offset_, bytes);
            if (!whole)
                return std::unexpected(whole.error());
            budget_ -= bytes;
            if (*whole != nullptr && is_whole(*whole, header, spool_)) {
                searching_ = false;
                return true;
            }
        }
        offset_ += record_alignment;
        damaged_bytes_ += record_alignment;
    }
    // Nothing: what the search stepped over was the torn end.
    damaged_bytes_ -= offset_ - from;
    offset_ = from;
    return false;
}

void segment_reader::note(std::uint64_t sequence) {
    if (expected_ != 0 && sequence > expected_)
        lost_.push_back({.first = expected_, .last = sequence - 1});
}

void segment_reader::tear() noexcept {
    torn_bytes_ = end_ - offset_;
    ended_ = true;
}

void segment_reader::skip_unreadable() noexcept {
    const std::uint64_t behind = std::min((offset_ / page + 1) * page, end_);
    damaged_bytes_ += behind - offset_;
    offset_ = behind;
    searching_ = true;
}

storage_result<bool> segment_reader::next(batch& to, std::size_t bytes) {
    to.clear();
    std::size_t wanted = std::max(bytes, record_header_bytes);
    while (!ended_) {
        if (searching_) {
            const auto found = resynchronise();
            if (!found)
                return std::unexpected(found.error());
            if (!*found) {
                tear();
                break;
            }
        }
        if (offset_ > end_ || end_ - offset_ < record_header_bytes) {
            if (offset_ < end_)
                torn_bytes_ = end_ - offset_;
            return false; // not the end for ever: the file may grow
        }
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, end_ - offset_));
        to.reserve(size);
        const auto got = read(offset_, to.data(), size);
        if (!got)
            return std::unexpected(got.error());

        std::size_t at = 0;
        std::size_t elements = 0;
        std::uint64_t first = 0;
        std::size_t larger = 0; // what the record at `at` needs
        bool wrong = false;
        while (*got - at >= record_header_bytes) {
            const record_header header = read_record_header(to.data() + at);
            wrong = !plausible(header, offset_ + at);
            if (wrong)
                break;
            const auto length = static_cast<std::size_t>(header.bytes());
            if (length > *got - at) {
                larger = length;
                break;
            }
            wrong = !is_whole(to.data() + at, header, spool_);
            if (wrong || (header.kind != record_kind::element && elements != 0))
                break;
            if (header.kind == record_kind::footer) {
                footer_ = read_footer({to.data() + at, length}, spool_);
                wrong = !footer_;
                if (wrong)
                    break;
                if (header.sequence - 1 <= last_) // what comes after `last_` is not ours to miss
                    note(header.sequence);
                expected_ = header.sequence;
                offset_ += length;
                ended_ = true;
                to.clear();
                return false;
            }
            if (header.sequence > last_) {
                if (elements == 0) {
                    to.clear();
                    return false;
                }
                break;
            }
            if (header.kind == record_kind::block) {
                const storage_bytes payload{to.data() + record_header_bytes, header.length};
                const auto unpacked = block_size(payload);
                wrong = !unpacked || *unpacked > record_bytes_max_ || !unpack_block(payload, header.sequence, packed_);
                if (wrong)
                    break;
                note(header.sequence);
                if (first_ == 0)
                    first_ = header.sequence;
                offset_ += length;
                expected_ = packed_.last() + 1;
                count_ += packed_.count();
                std::swap(to, packed_);
                packed_.clear();
                return true;
            }
            note(header.sequence);
            if (elements == 0)
                first = header.sequence;
            expected_ = header.sequence + 1;
            ++elements;
            at += length;
        }
        if (elements != 0) {
            if (first_ == 0)
                first_ = first;
            offset_ += at;
            count_ += elements;
            to.set(0, at, elements, elements, first, expected_ - 1);
            return true;
        }
        if (larger != 0 && size < end_ - offset_ && *got == size) {
            wanted = larger;
            continue;
        }
        if (*got < size) {
            // The file is shorter than it was said to be, or the rest cannot be read now.
            if (const auto behind = file_.size(); !behind)
                return std::unexpected(behind.error());
            else if (*behind < end_)
                end_ = *behind;
            else if (!wrong) {
                // Cut by a bad sector: the read of just this record says why.
                wanted = std::max(larger, record_header_bytes);
                to.reserve(wanted);
                if (const auto tried = file_.read_at(offset_, {to.data(), wanted}); !tried)
                    return std::unexpected(tried.error());
            }
            if (!wrong)
                continue;
        }
        // A wrong record, or a last one that is cut off.
        offset_ += record_alignment;
        damaged_bytes_ += record_alignment;
        searching_ = true;
        if (const auto found = resynchronise(); !found) {
            return std::unexpected(found.error());
        } else if (!*found) {
            offset_ -= record_alignment;
            damaged_bytes_ -= record_alignment;
            tear();
        }
    }
    to.clear();
    return false;
}

} // namespace gantry::channel::detail

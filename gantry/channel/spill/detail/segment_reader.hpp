// SPDX-License-Identifier: MIT
#pragma once
//
// segment_reader: the elements of one segment file in order, whatever the file contains.
//
// Use it when you read a segment (spool.cpp, gantry-spill, the fuzzer).
// Do not use it when you use a spool -> channel/spill/spool.hpp.
//
// A record that is wrong is stepped over: the next one whose number fits and whose sum is right goes on, the numbers
// between are lost and reported. Nothing found: the rest is torn, and that is the end.
//
// Threads: one at a time; the file may grow beside it. Progress: blocking (reads). Ordering: n/a.
// Cost: each byte is read once and summed once; behind damage, every fourth offset is tried, with a budget for sums
//   that depends on the size of the file alone.
// Failure: a read that fails says so and can be tried again, or stepped over with skip_unreadable(). Memory: the bytes
//   asked for, or one record.
// Lifetime: the file must outlive the reader. Origin: resynchronisation by checksum, as in leveldb's log::Reader, but
//   without block boundaries.

#include <gantry/base/storage.hpp>
#include <gantry/channel/spill/detail/format.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <vector>

namespace gantry::channel::detail {

struct segment_part {
    std::uint64_t spool = 0;
    std::uint64_t begin = segment_header_bytes;                     // offset of the first record
    std::uint64_t end = 0;                                          // where records end at the latest
    std::uint64_t expected = 0;                                     // sequence of the first record, 0: not known
    std::uint64_t last = std::numeric_limits<std::uint64_t>::max(); // later elements belong to the next segment
    std::uint32_t record_bytes_max = record_length_max;
};

class segment_reader {
public:
    segment_reader(const storage_file& file, const segment_part& part);

    // Replaces the content of `to` by the next elements, about `bytes` of them and at least one. False: the end.
    [[nodiscard]] storage_result<bool> next(batch& to, std::size_t bytes);

    // After a read failed: goes on behind the next multiple of 4096.
    void skip_unreadable() noexcept;

    // The file has grown to `end`; before `expected` nothing is missed any more.
    void go_on(std::uint64_t end, std::uint64_t expected) noexcept {
        if (end > end_ && ended_ && !footer_) {
            ended_ = false;
            searching_ = true;
        }
        end_ = end;
        expected_ = std::max(expected_, expected);
    }

    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::uint64_t expected() const noexcept { return expected_; }
    [[nodiscard]] std::uint64_t first() const noexcept { return first_; } // 0: nothing was read
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; } // elements
    [[nodiscard]] const std::optional<footer>& seen_footer() const noexcept { return footer_; }

    // Lost numbers, as found.
    [[nodiscard]] std::vector<sequence_range>& lost() noexcept { return lost_; }
    [[nodiscard]] std::uint64_t damaged_bytes() const noexcept { return damaged_bytes_; } // stepped over
    [[nodiscard]] std::uint64_t torn_bytes() const noexcept { return torn_bytes_; }       // at the end

private:
    [[nodiscard]] bool plausible(const record_header& header, std::uint64_t at) const noexcept;
    [[nodiscard]] storage_result<std::size_t> read(std::uint64_t offset, std::byte* to, std::size_t size) const;
    [[nodiscard]] storage_result<const std::byte*> view(std::uint64_t offset, std::size_t size);
    [[nodiscard]] storage_result<bool> resynchronise();
    void note(std::uint64_t sequence);
    void tear() noexcept;

    const storage_file& file_;
    const std::uint64_t spool_;
    const std::uint64_t last_;
    const std::uint64_t record_bytes_max_; // with header and padding

    std::uint64_t end_;
    std::uint64_t offset_;
    std::uint64_t expected_;
    std::uint64_t first_ = 0;
    std::uint64_t count_ = 0;
    std::optional<footer> footer_;
    std::vector<sequence_range> lost_;
    std::uint64_t damaged_bytes_ = 0;
    std::uint64_t torn_bytes_ = 0;
    std::uint64_t budget_; // bytes that may still be summed while searching
    bool searching_ = false;
    bool ended_ = false;

    std::vector<std::byte> window_; // of the search
    std::uint64_t window_offset_ = 0;
    std::size_t window_size_ = 0;
    batch packed_; // a block as it is in the file
};

} // namespace gantry::channel::detail

// SPDX-License-Identifier: MIT
#pragma once
//
// The bytes of a spool, as docs/formats/spill.md has them: headers, records, footers, position slots.
//
// Use it when you write or read the files of a spool (spool.cpp, segment_reader.cpp).
// Do not use it when you use a spool -> channel/spill/spool.hpp.
//
// Threads: pure functions and plain values. Progress: n/a. Ordering: n/a.
// Cost: XXH3, several bytes a cycle; nothing allocates but batch. Failure: what is not valid is nullopt.
// Lifetime: views are of the caller's bytes. Origin: ours; record framing after leveldb's log.

#include <gantry/base/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::channel::detail {

inline constexpr std::size_t segment_header_bytes = 40;
inline constexpr std::size_t record_header_bytes = 20;
inline constexpr std::size_t footer_bytes = record_header_bytes + 24;
inline constexpr std::size_t record_alignment = 4;
inline constexpr std::uint32_t record_length_max = (std::uint32_t{1} << 30U) - 1;
inline constexpr unsigned slots = 3;
inline constexpr std::uint64_t slot_offset[slots] = {0, 4096, 8192};
inline constexpr std::size_t slot_bytes_max = 4096;
inline constexpr std::size_t slot_ranges_max = 250;
inline constexpr std::uint64_t position_bytes = slots * slot_bytes_max; // what the file may take
inline constexpr unsigned format_version = 1;
inline constexpr unsigned numbers_bits = 24; // segments that one process numbers: their lower bits

enum class record_kind : std::uint8_t {
    element = 0,
    block = 1,
    footer = 2,
    skipped = 3, // only in memory: an element that was acknowledged before
};

struct segment_header {
    std::uint64_t spool;
    std::uint64_t number;
    std::uint64_t first;
    unsigned version = format_version;

    [[nodiscard]] bool operator==(const segment_header&) const = default;
};

// What stands before a payload, not yet believed.
struct record_header {
    std::uint64_t sum;
    std::uint64_t sequence;
    std::uint32_t length;
    record_kind kind;

    // With padding.
    [[nodiscard]] std::uint64_t bytes() const noexcept {
        return (record_header_bytes + std::uint64_t{length} + record_alignment - 1) / record_alignment *
               record_alignment;
    }
};

struct footer {
    std::uint64_t next; // sequence after the last
    std::uint64_t first;
    std::uint64_t count;
    std::uint64_t end;

    [[nodiscard]] bool operator==(const footer&) const = default;
};

struct sequence_range {
    std::uint64_t first;
    std::uint64_t last;

    [[nodiscard]] bool operator==(const sequence_range&) const = default;
};

struct position_slot {
    std::uint64_t spool;
    std::uint64_t generation;
    std::uint64_t all;
    std::uint64_t opened; // how often the spool was opened
    std::vector<sequence_range> ranges;
    unsigned version = format_version;

    [[nodiscard]] bool operator==(const position_slot&) const = default;
};

[[nodiscard]] std::string segment_name(std::uint64_t number);
[[nodiscard]] std::string unfinished_name(std::uint64_t number);
[[nodiscard]] bool is_unfinished_name(std::string_view name) noexcept;
[[nodiscard]] std::optional<std::uint64_t> segment_number(std::string_view name) noexcept;

void write_segment_header(const segment_header& header, std::span<std::byte, segment_header_bytes> to) noexcept;
// Of any version: the rest of the format may have changed.
[[nodiscard]] std::optional<segment_header> read_segment_header(storage_bytes from) noexcept;

// `at` has record_header_bytes bytes.
[[nodiscard]] record_header read_record_header(const std::byte* at) noexcept;
// Whether the record that begins at `at` and has all its bytes there is what its writer wrote.
[[nodiscard]] bool is_whole(const std::byte* at, const record_header& header, std::uint64_t spool) noexcept;

void write_footer(const footer& what, std::uint64_t spool, std::span<std::byte, footer_bytes> to) noexcept;
[[nodiscard]] std::optional<footer> read_footer(storage_bytes from, std::uint64_t spool) noexcept;

[[nodiscard]] std::vector<std::byte> write_slot(const position_slot& slot);
[[nodiscard]] std::optional<position_slot> read_slot(storage_bytes from);

// Records in memory, one after the other: what is about to be written, or was read.
class batch {
public:
    batch() = default;
    batch(batch&& other) noexcept;
    batch& operator=(batch&& other) noexcept;
    ~batch() = default;

    // Room for a payload of `length` bytes; the caller fills it before end_element(). Numbers are consecutive.
    [[nodiscard]] std::byte* begin_element(std::uint64_t sequence, std::uint32_t length);
    // `spool` 0: without a sum, for a batch that will be compressed.
    void end_element(std::uint64_t spool) noexcept;
    // As if begin_element() had not been called.
    void drop_element() noexcept { size_ = open_; }

    // All in one block; the batch must not be empty. False: it would not get smaller, and has got its sums instead.
    [[nodiscard]] bool compress(batch& to, std::uint64_t spool, int level) const;
    void write_sums(std::uint64_t spool) noexcept;
    // Gives the elements consecutive numbers from `first` on.
    void number_from(std::uint64_t first) noexcept;

    // Adds the elements of the other one, if they are next and few and there is room.
    [[nodiscard]] bool join(const batch& next) noexcept;

    // Elements that are there, in order, without a look at their sums: nullopt at the end. Skipped ones are left out.
    struct element {
        std::uint64_t sequence;
        storage_bytes payload;
    };
    [[nodiscard]] std::optional<element> next() noexcept;
    // As if next() had not returned that one, which was the latest.
    void put_back(const element& latest) noexcept {
        at_ = static_cast<std::size_t>(latest.payload.data() - memory_.get()) - record_header_bytes;
        ++left_;
    }
    [[nodiscard]] std::size_t left() const noexcept { return left_; } // elements that next() has not returned

    void clear() noexcept;
    void release() noexcept; // the memory, too
    void reserve(std::size_t bytes);

    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t first() const noexcept { return first_; }
    [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
    [[nodiscard]] storage_bytes bytes() const noexcept { return {memory_.get(), size_}; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

    // Leaves out elements that next() would return: those whose number the predicate holds for.
    template<class Predicate>
    void skip_if(Predicate leave_out);

    // For the reader: `size` bytes of memory, then what of it is elements.
    [[nodiscard]] std::byte* data() noexcept { return memory_.get(); }
    void set(std::size_t begin, std::size_t end, std::size_t count, std::size_t left, std::uint64_t first,
             std::uint64_t last) noexcept;

private:
    std::unique_ptr<std::byte[]> memory_;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;  // the end of the last record
    std::size_t open_ = 0;  // where the element begins that is being written
    std::size_t at_ = 0;    // where next() goes on
    std::size_t count_ = 0; // elements
    std::size_t left_ = 0;
    std::uint64_t first_ = 0;
    std::uint64_t last_ = 0;
};

// Marks an element of a batch's memory as skipped.
void skip_record(std::byte* at) noexcept;

template<class Predicate>
void batch::skip_if(Predicate leave_out) {
    for (std::size_t at = at_; at != size_;) {
        const record_header header = read_record_header(memory_.get() + at);
        if (header.kind != record_kind::skipped && leave_out(header.sequence)) {
            skip_record(memory_.get() + at);
            --left_;
        }
        at += static_cast<std::size_t>(header.bytes());
    }
}

// The size that a block would have in memory, or nullopt if its payload is none.
[[nodiscard]] std::optional<std::uint32_t> block_size(storage_bytes payload) noexcept;

// The elements of a block of which `first` is the first: false if they are not as they should be.
[[nodiscard]] bool unpack_block(storage_bytes payload, std::uint64_t first, batch& to);

} // namespace gantry::channel::detail

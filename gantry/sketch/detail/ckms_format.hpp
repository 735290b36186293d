// SPDX-License-Identifier: MIT
#pragma once
//
// byte_writer, byte_reader: the fields of docs/formats/ckms.md.
//
// Use it when ckms.hpp does: it is not an interface of its own.
// Do not use it when the input is large -> a format with blocks and checksums.
//
// Threads: n/a. Progress: n/a. Ordering: n/a. Cost: n/a.
// Failure: the reader keeps the first error (where, and what was expected there); all it reads after that is zero.
// Lifetime: the reader refers to the caller's bytes. Origin: varints are LEB128, the shortest form only.

#include <gantry/base/byte_order.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gantry::sketch {

// Where reading stopped, and what should have stood there.
struct ckms_read_error {
    std::size_t offset;
    const char* expected;
};

namespace detail {

class byte_writer {
public:
    template<std::unsigned_integral U>
    void fixed(U value) {
        const std::size_t at = bytes_.size();
        bytes_.resize(at + sizeof(U));
        store_le(value, bytes_.data() + at);
    }
    void number(double value) { fixed(std::bit_cast<std::uint64_t>(value)); }
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) {
            bytes_.push_back(static_cast<std::byte>(value | 0x80));
        }
        bytes_.push_back(static_cast<std::byte>(value));
    }
    [[nodiscard]] std::vector<std::byte> take() && noexcept { return std::move(bytes_); }

private:
    std::vector<std::byte> bytes_;
};

class byte_reader {
public:
    explicit byte_reader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

    template<std::unsigned_integral U>
    U fixed(const char* expected) noexcept {
        if (error_.expected != nullptr || bytes_.size() - offset_ < sizeof(U)) {
            fail(offset_, expected);
            return 0;
        }
        last_ = offset_;
        offset_ += sizeof(U);
        return load_le<U>(bytes_.data() + last_);
    }
    double number(const char* expected) noexcept { return std::bit_cast<double>(fixed<std::uint64_t>(expected)); }
    std::uint64_t varint(const char* expected) noexcept {
        const std::size_t begin = offset_;
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = fixed<std::uint8_t>(expected);
            value |= std::uint64_t{byte & 0x7FU} << shift;
            if (byte < 0x80) {
                const bool shortest = byte != 0 || shift == 0;
                const bool in_range = shift < 63 || byte <= 1;
                last_ = begin;
                require(shortest && in_range, expected);
                return ok() ? value : 0;
            }
        }
        fail(begin, expected);
        return 0;
    }
    // Judges the field read last.
    void require(bool condition, const char* expected) noexcept {
        if (!condition) {
            fail(last_, expected);
        }
    }
    void fail(std::size_t offset, const char* expected) noexcept {
        if (error_.expected == nullptr) {
            error_ = {offset, expected};
        }
    }

    [[nodiscard]] bool ok() const noexcept { return error_.expected == nullptr; }
    [[nodiscard]] const ckms_read_error& error() const noexcept { return error_; }
    [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - offset_; }

private:
    std::span<const std::byte> bytes_;
    std::size_t offset_ = 0;
    std::size_t last_ = 0; // where the field read last began
    ckms_read_error error_{0, nullptr};
};

} // namespace detail
} // namespace gantry::sketch

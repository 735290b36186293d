// SPDX-License-Identifier: MIT
#pragma once
//
// load_le, load_be, store_le, store_be: unsigned integers in bytes, in an order that the format decides.
//
// Use it when you read or write a file, a packet, a checkpoint: at any alignment, on any machine, in constant
// expressions too.
// Do not use it when the bytes never leave the process -> std::bit_cast or the value itself.
//
//     gantry::store_be(std::uint32_t{0x01020304}, buffer);
//     const auto length = gantry::load_be<std::uint32_t>(buffer);
//
// The caller vouches for sizeof(U) readable or writable bytes at the pointer.
//
// Threads: pure functions. Progress: wait-free. Ordering: n/a. Cost: one load or store, with a byte swap where the
// orders differ (both compilers see through the loop). Failure: n/a. Lifetime: n/a.
// Origin: shifts instead of type punning, as Rob Pike, "The byte order fallacy", 2012.

#include <concepts>
#include <cstddef>

namespace gantry {

template<class B>
concept byte_like = std::same_as<B, std::byte> || std::same_as<B, unsigned char> || std::same_as<B, char>;

template<std::unsigned_integral U, byte_like B>
[[nodiscard]] constexpr U load_le(const B* from) noexcept {
    U value = 0;
    for (std::size_t i = 0; i != sizeof(U); ++i)
        value = static_cast<U>(value | static_cast<U>(static_cast<U>(static_cast<unsigned char>(from[i])) << (8 * i)));
    return value;
}

template<std::unsigned_integral U, byte_like B>
[[nodiscard]] constexpr U load_be(const B* from) noexcept {
    U value = 0;
    for (std::size_t i = 0; i != sizeof(U); ++i)
        value = static_cast<U>(
            value | static_cast<U>(static_cast<U>(static_cast<unsigned char>(from[i])) << (8 * (sizeof(U) - 1 - i))));
    return value;
}

template<std::unsigned_integral U, byte_like B>
constexpr void store_le(U value, B* to) noexcept {
    for (std::size_t i = 0; i != sizeof(U); ++i)
        to[i] = static_cast<B>(static_cast<unsigned char>(value >> (8 * i)));
}

template<std::unsigned_integral U, byte_like B>
constexpr void store_be(U value, B* to) noexcept {
    for (std::size_t i = 0; i != sizeof(U); ++i)
        to[i] = static_cast<B>(static_cast<unsigned char>(value >> (8 * (sizeof(U) - 1 - i))));
}

} // namespace gantry

// SPDX-License-Identifier: MIT
#pragma once
//
// ordered_key: maps a number to an unsigned integer of 32 or 64 bits, and back, so that order is kept.
//
// Use it when code compares and sorts numbers of many types: it is then written, compiled and tested for two.
// Do not use it when the value may be NaN (it has no place in the order), or when -0.0 must stay apart from +0.0.
//
// Threads: n/a. Progress: n/a. Ordering: n/a. Cost: two or three instructions each way. Failure: n/a. Lifetime: n/a.
// Origin: the usual trick for sorting IEEE numbers as integers: flip all bits of a negative one, the sign of the
// others.

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace gantry::sketch::detail {

// What a sketch can hold: integers up to 64 bits, float and double.
template<class T>
concept sketch_number =
    (std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= 8) || std::same_as<T, float> || std::same_as<T, double>;

template<sketch_number T>
using ordered_key = std::conditional_t<(sizeof(T) <= 4), std::uint32_t, std::uint64_t>;

template<sketch_number T>
[[nodiscard]] constexpr ordered_key<T> to_key(T value) noexcept {
    using key = ordered_key<T>;
    constexpr key sign = key{1} << (std::numeric_limits<key>::digits - 1);
    if constexpr (std::floating_point<T>) {
        const key bits = std::bit_cast<key>(value + T{0}); // -0.0 + 0.0 is +0.0
        return (bits & sign) != 0 ? static_cast<key>(~bits) : static_cast<key>(bits | sign);
    } else if constexpr (std::signed_integral<T>) {
        return static_cast<key>(static_cast<key>(value) ^ sign);
    } else {
        return static_cast<key>(value);
    }
}

template<sketch_number T>
[[nodiscard]] constexpr T from_key(ordered_key<T> value) noexcept {
    using key = ordered_key<T>;
    constexpr key sign = key{1} << (std::numeric_limits<key>::digits - 1);
    if constexpr (std::floating_point<T>) {
        return std::bit_cast<T>((value & sign) != 0 ? static_cast<key>(value ^ sign) : static_cast<key>(~value));
    } else if constexpr (std::signed_integral<T>) {
        return static_cast<T>(static_cast<std::make_signed_t<key>>(static_cast<key>(value ^ sign)));
    } else {
        return static_cast<T>(value);
    }
}

} // namespace gantry::sketch::detail

// SPDX-License-Identifier: MIT
#pragma once
//
// sort_keys: sorts a small block of 32- or 64-bit unsigned keys with the help of a scratch block of the same size.
//
// Use it when a few hundred keys in no particular order are sorted over and over.
// Do not use it when there are more than 65,535 of them -> std::sort.
//
// Threads: n/a. Progress: allocates nothing. Ordering: n/a.
// Cost: one look for blocks that are in order or in reverse order; else a byte-wise radix sort that skips every byte
// in which all keys agree, so that small numbers cost one or two passes. Failure: n/a. Lifetime: n/a.
// Origin: least-significant-digit radix sort, all histograms taken in one pass.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace gantry::sketch::detail {

template<class Key>
void sort_keys(Key* keys, std::size_t size, Key* scratch) noexcept {
    std::size_t run = 1;
    while (run < size && keys[run - 1] <= keys[run]) {
        ++run;
    }
    if (run >= size) {
        return;
    }
    if (run == 1) {
        while (run < size && keys[run - 1] >= keys[run]) {
            ++run;
        }
        if (run == size) {
            std::reverse(keys, keys + size);
            return;
        }
    }
    if (size < 48) {
        std::sort(keys, keys + size);
        return;
    }
    constexpr std::size_t digits = sizeof(Key);
    std::array<std::array<std::uint16_t, 256>, digits> counts{};
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t d = 0; d < digits; ++d) {
            ++counts[d][static_cast<std::uint8_t>(keys[i] >> (8 * d))];
        }
    }
    Key* from = keys;
    Key* to = scratch;
    for (std::size_t d = 0; d < digits; ++d) {
        std::array<std::uint16_t, 256>& at = counts[d];
        if (at[static_cast<std::uint8_t>(from[0] >> (8 * d))] == size) {
            continue;
        }
        unsigned sum = 0;
        for (std::uint16_t& count : at) {
            const unsigned next = sum + count;
            count = static_cast<std::uint16_t>(sum);
            sum = next;
        }
        for (std::size_t i = 0; i < size; ++i) {
            to[at[static_cast<std::uint8_t>(from[i] >> (8 * d))]++] = from[i];
        }
        std::swap(from, to);
    }
    if (from != keys) {
        std::copy(from, from + size, keys);
    }
}

} // namespace gantry::sketch::detail

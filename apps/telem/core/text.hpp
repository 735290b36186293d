// SPDX-License-Identifier: MIT
#pragma once
//
// append_decimal: a number as people write it: the shortest decimal that reads back as the same number, no exponent.
//
// Use it when a figure is printed. Do not use it when a number may be infinite or NaN: figures never are.
//
// Threads: any. Progress: allocates as std::string does. Ordering: n/a. Cost: one std::to_chars. Failure: n/a.
// Lifetime: n/a. Origin: n/a.

#include <array>
#include <charconv>
#include <string>

namespace telem {

inline void append_decimal(std::string& text, double number) {
    std::array<char, 352> digits; // the largest double has 309 digits before the point, the smallest 340 behind it
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
    text.append(digits.data(), end.ptr);
}

} // namespace telem

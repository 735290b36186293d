// SPDX-License-Identifier: MIT
#pragma once
//
// running_sum: the sum of a stream, exact for integers, carried in twice the precision for floating point.
//
// Use it when a mean must stay right over 2^40 points and more.
// Do not use it when the terms are few: a plain double is enough.
//
// Threads: one writer, or readers only. Progress: n/a. Ordering: n/a.
// Cost: 16 bytes; an add with carry, or eight floating-point operations of which one waits for the one before.
// Failure: an infinite term, or a finite sum beyond double's range, makes the sum infinite, or NaN where infinities of
// both signs met, as IEEE 754 says. Integers cannot overflow: 2^64 terms of 64 bits fit in 128. Lifetime: n/a.
// Origin: Knuth's TwoSum with a second word for what was lost, as in Neumaier 1974; the compiler must not reassociate
// (-ffast-math breaks it).

#include <gantry/sketch/detail/ordered_key.hpp>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

namespace gantry::sketch {

// 128-bit integers: both compilers have them, the standard does not name them.
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

namespace detail {

template<class T>
class running_sum;

template<std::integral T>
class running_sum<T> {
public:
    using value_type = std::conditional_t<std::signed_integral<T>, int128, uint128>;

    void add(T value) noexcept { sum_ += static_cast<value_type>(value); }
    void add(T value, std::uint64_t weight) noexcept {
        sum_ += static_cast<value_type>(value) * static_cast<value_type>(weight);
    }
    void add(const running_sum& other) noexcept { sum_ += other.sum_; }

    [[nodiscard]] value_type value() const noexcept { return sum_; }
    [[nodiscard]] double over(std::uint64_t count) const noexcept {
        return static_cast<double>(sum_) / static_cast<double>(count);
    }

    // The two words of the serialised form, low one first.
    [[nodiscard]] std::uint64_t word(int i) const noexcept {
        return static_cast<std::uint64_t>(static_cast<uint128>(sum_) >> (64 * i));
    }
    static running_sum from_words(std::uint64_t low, std::uint64_t high) noexcept {
        running_sum s;
        s.sum_ = static_cast<value_type>(uint128{high} << 64 | low);
        return s;
    }

private:
    value_type sum_ = 0;
};

template<std::floating_point T>
class running_sum<T> {
public:
    using value_type = double;

    void add(T value) noexcept { add_double(static_cast<double>(value)); }
    void add(T value, std::uint64_t weight) noexcept {
        // value * weight as two doubles: the product, and what it lost.
        const double v = static_cast<double>(value);
        const double w_high = static_cast<double>(weight >> 32) * 0x1p32;
        const double w_low = static_cast<double>(weight & 0xFFFF'FFFFU);
        for (const double w : {w_high, w_low}) {
            const double product = v * w;
            if (w == 0) {
                continue; // infinity times zero is no term
            }
            add_double(product);
            if (std::isfinite(product)) {
                add_double(std::fma(v, w, -product));
            }
        }
    }
    void add(const running_sum& other) noexcept {
        add_double(other.high_);
        add_double(other.low_);
    }

    [[nodiscard]] double value() const noexcept { return high_ + low_; }
    [[nodiscard]] double over(std::uint64_t count) const noexcept { return value() / static_cast<double>(count); }

    [[nodiscard]] std::uint64_t word(int i) const noexcept {
        return std::bit_cast<std::uint64_t>(i == 0 ? high_ : low_);
    }
    static running_sum from_words(std::uint64_t high, std::uint64_t low) noexcept {
        running_sum s;
        s.high_ = std::bit_cast<double>(high);
        s.low_ = std::bit_cast<double>(low);
        return s;
    }

private:
    void add_double(double x) noexcept {
        const double sum = high_ + x;
        const double part = sum - high_;
        const double lost = (high_ - (sum - part)) + (x - part);
        high_ = sum;
        // Once the sum is infinite, what was "lost" is NaN and says nothing.
        low_ = std::isfinite(lost) ? low_ + lost : low_;
    }

    double high_ = 0; // the sum, rounded
    double low_ = 0;  // what rounding took from it
};

} // namespace detail
} // namespace gantry::sketch

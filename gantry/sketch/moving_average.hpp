// SPDX-License-Identifier: MIT
#pragma once
//
// moving_average: the cumulative mean of a stream, with its count, sum, least and greatest value.
//
// Use it when the mean of everything seen so far is wanted and must stay right over 2^40 points.
// Do not use it when old points should count less (this mean forgets nothing), or when a few great values would drown
// the rest -> the median of a ckms.
//
//     gantry::sketch::moving_average m;
//     m.insert(1000);
//     m.insert(2000);
//     const double mean = m.mean(); // 1500
//
// basic_moving_average<T> keeps values of type T; moving_average is the one of double. The sum is exact for integers
// (128 bits), and carried in two doubles otherwise, so that whole numbers below 2^53 are summed exactly too. A mean is
// the sum and the count, each rounded to double, divided: within 2 units in the last place.
//
// Threads: one writer, or readers only. Progress: wait-free, allocates nothing. Ordering: n/a.
// Cost: 48 bytes and a few additions a point for double; 64 bytes for 64-bit integers.
// Failure: NaN is refused and counted. Infinities are taken: they are least or greatest, and make sum and mean what
// IEEE 754 says. A point beyond 2^64 - 1 is refused.
// Lifetime: a value type. Origin: Knuth's TwoSum, Neumaier's second word.

#include <gantry/sketch/detail/running_sum.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace gantry::sketch {

template<detail::sketch_number T>
class basic_moving_average {
public:
    using sum_type = typename detail::running_sum<T>::value_type;

    // False, with nothing changed but nan_count(): the value is NaN, or the count is full. May be ignored.
    bool insert(T value) noexcept {
        if constexpr (std::floating_point<T>) {
            if (value != value) [[unlikely]] {
                ++nans_;
                return false;
            }
        }
        if (count_ == UINT64_MAX) [[unlikely]] {
            return false;
        }
        min_ = count_ == 0 ? value : std::min(min_, value);
        max_ = count_ == 0 ? value : std::max(max_, value);
        sum_.add(value);
        ++count_;
        return true;
    }

    // As if every point of `other` had been inserted. False, with nothing changed: the counts together exceed 2^64 - 1.
    bool merge(const basic_moving_average& other) noexcept {
        if (other.count_ > UINT64_MAX - count_) {
            return false;
        }
        if (other.count_ > 0) {
            min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
            max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
        }
        const auto sum = other.sum_;
        sum_.add(sum);
        count_ += other.count_;
        nans_ += other.nans_;
        return true;
    }

    void clear() noexcept { *this = basic_moving_average(); }

    // 0 while empty, as is sum().
    [[nodiscard]] double mean() const noexcept { return count_ == 0 ? 0 : sum_.over(count_); }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t nan_count() const noexcept { return nans_; }
    [[nodiscard]] sum_type sum() const noexcept { return sum_.value(); }
    [[nodiscard]] std::optional<T> min() const noexcept { return count_ == 0 ? std::nullopt : std::optional<T>(min_); }
    [[nodiscard]] std::optional<T> max() const noexcept { return count_ == 0 ? std::nullopt : std::optional<T>(max_); }

private:
    detail::running_sum<T> sum_;
    std::uint64_t count_ = 0;
    std::uint64_t nans_ = 0;
    T min_{};
    T max_{};
};

using moving_average = basic_moving_average<double>;

} // namespace gantry::sketch

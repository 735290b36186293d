// SPDX-License-Identifier: MIT
#pragma once
//
// ckms_allowance: how wide a gap between two tuples of a summary of n elements may be (CKMS.md has the proofs).
//
// Use it when checking or compressing a ckms summary.
// Do not use it when n has changed since: it is made for one n.
//
// A gap is the pair (left, right): the rank up to which the tuple before is known to reach, and the rank at which this
// one begins at the latest; its width is right - left = hidden + 1 + delta. The allowance is the least value of the
// error function f over the ranks from left to right:
//   uniform      2 e n
//   low_biased   2 e left
//   high_biased  2 e (n - right)
//   targeted     the least, over all targets (p, e), of 2 e max(n, left / p, (n - right) / (1 - p))
// A width of 1 is always allowed.
//
// Threads: n/a. Progress: allocates nothing. Ordering: n/a. Cost: a few multiplications a question.
// Failure: n/a: beyond 2^64 it saturates. Lifetime: n/a.
// Origin: Cormode, Korn, Muthukrishnan, Srivastava 2005 and 2006. All arithmetic is on integers (an epsilon counts
// units of 2^-52, rounded down), so that it is the same on every machine and the proofs need no word on rounding.

#include <gantry/sketch/detail/running_sum.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace gantry::sketch {

// What the error of an answer is measured against.
enum class ckms_mode : std::uint8_t {
    uniform = 0,     // the count: the same error at every rank
    low_biased = 1,  // the rank: ever finer towards the minimum
    high_biased = 2, // the distance from the end: ever finer towards the maximum
    targeted = 3,    // the count, each target with an epsilon of its own; elsewhere nothing is promised
};

struct ckms_target {
    double quantile = 0.5;
    double epsilon = 0.01;
};

namespace detail {

inline constexpr std::size_t ckms_targets_max = 32;

class ckms_allowance {
public:
    // `epsilons` are the targets' (targeted mode), or the one at epsilons[0].
    ckms_allowance(ckms_mode mode, const ckms_target* targets, std::size_t size, double scale, std::uint64_t n) noexcept
        : mode_(mode), size_(size), n_(n) {
        for (std::size_t i = 0; i < size; ++i) {
            const double slope = 2 * targets[i].epsilon * scale;
            flat_[i] = times(fixed(slope), n);
            if (mode == ckms_mode::targeted) {
                constexpr double down = 1 - 0x1p-50;               // more than the two roundings before it can add
                const double quantile = targets[i].quantile + 0.0; // -0.0 would divide to -infinity
                rising_[i] = line(fixed(slope / quantile * down));
                falling_[i] = fixed(slope / (1 - quantile) * down);
            } else {
                rising_[i] = line(fixed(slope));
                falling_[i] = fixed(slope);
            }
        }
    }

    // The widest gap from `left` to `right` that is allowed.
    [[nodiscard]] std::uint64_t width_max(std::uint64_t left, std::uint64_t right) const noexcept {
        const std::uint64_t rest = n_ - right;
        switch (mode_) {
        case ckms_mode::uniform:
            return std::max<std::uint64_t>(1, flat_[0]);
        case ckms_mode::low_biased:
            return std::max<std::uint64_t>(1, times(rising_[0].slope, left));
        case ckms_mode::high_biased:
            return std::max<std::uint64_t>(1, times(falling_[0], rest));
        case ckms_mode::targeted:
            break;
        }
        std::uint64_t least = UINT64_MAX;
        for (std::size_t i = 0; i < size_; ++i) {
            least = std::min(least, std::max({flat_[i], times(rising_[i].slope, left), times(falling_[i], rest)}));
        }
        return std::max<std::uint64_t>(1, least);
    }

    // How many elements a tuple may hide at most, that starts `before` ranks after the last known one of the tuple
    // to the left of all it hides (before = left + hidden, whatever it hides) and is uncertain by `delta`: a lower
    // bound of the largest h with h + 1 + delta <= width_max(before - h, before + delta + 1).
    [[nodiscard]] std::uint64_t hidden_max(std::uint64_t before, std::uint64_t delta) const noexcept {
        const std::uint64_t own = delta + 1;
        const std::uint64_t rest = n_ - before - own;
        switch (mode_) {
        case ckms_mode::uniform:
            return minus(flat_[0], own);
        case ckms_mode::low_biased:
            return rising_[0].hidden_max(before, own);
        case ckms_mode::high_biased:
            return minus(times(falling_[0], rest), own);
        case ckms_mode::targeted:
            break;
        }
        std::uint64_t least = UINT64_MAX;
        for (std::size_t i = 0; i < size_; ++i) {
            const std::uint64_t flat = std::max(flat_[i], times(falling_[i], rest));
            least = std::min(least, std::max(minus(flat, own), rising_[i].hidden_max(before, own)));
        }
        return least;
    }

private:
    static constexpr int bits = 52;
    static constexpr std::uint64_t one = std::uint64_t{1} << bits;

    static std::uint64_t fixed(double x) noexcept {
        constexpr double top = 0x1p63;
        const double units = x * 0x1p52; // exact
        return units < top ? static_cast<std::uint64_t>(units) : std::uint64_t{1} << 63;
    }
    static std::uint64_t times(std::uint64_t slope, std::uint64_t n) noexcept {
        const uint128 product = (uint128{slope} * n) >> bits;
        return product > UINT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(product);
    }
    static std::uint64_t minus(std::uint64_t a, std::uint64_t b) noexcept { return a > b ? a - b : 0; }

    // width <= slope * left, solved for hidden, with left = before - hidden and width = hidden + own:
    // hidden <= before * slope / (1 + slope) - own / (1 + slope).
    struct line {
        std::uint64_t slope;
        std::uint64_t share;     // slope / (1 + slope), rounded down
        std::uint64_t own_share; // 1 / (1 + slope), rounded up

        line() = default;
        explicit line(std::uint64_t s) noexcept
            : slope(s), share(static_cast<std::uint64_t>((uint128{s} << bits) / (uint128{one} + s))),
              own_share(static_cast<std::uint64_t>((uint128{one} << bits) / (uint128{one} + s)) + 1) {}

        [[nodiscard]] std::uint64_t hidden_max(std::uint64_t before, std::uint64_t own) const noexcept {
            const uint128 gain = uint128{share} * before;
            const uint128 cost = uint128{own_share} * own;
            return gain > cost ? static_cast<std::uint64_t>((gain - cost) >> bits) : 0;
        }
    };

    ckms_mode mode_;
    std::size_t size_;
    std::uint64_t n_;
    std::array<std::uint64_t, ckms_targets_max> flat_;    // 2 e n
    std::array<line, ckms_targets_max> rising_;           // 2 e left (/ p)
    std::array<std::uint64_t, ckms_targets_max> falling_; // 2 e right (/ (1 - p))
};

} // namespace detail
} // namespace gantry::sketch

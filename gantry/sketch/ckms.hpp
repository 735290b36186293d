// SPDX-License-Identifier: MIT
#pragma once
//
// ckms<T>: quantiles of a stream in small memory, each answer with a guaranteed error in rank.
//
// Use it when quantiles of unknown data are wanted with a promise that holds for every order of arrival.
// Do not use it when every element fits in memory -> std::nth_element; or when the promise should be on the value, not
// on the rank.
//
//     gantry::sketch::ckms<std::uint32_t> latencies{{.mode = gantry::sketch::ckms_mode::high_biased, .epsilon = 0.01}};
//     for (std::uint32_t ms : {12, 15, 11, 90, 14}) {
//         latencies.insert(ms);
//     }
//     if (const auto p99 = latencies.query(0.99)) {
//         std::cout << p99->value << " is of rank " << p99->rank_min << " to " << p99->rank_max << '\n';
//     }
//
// The promise: query(q) aims at the rank t = ceil(q n), at least 1, at most n. A value's true ranks are those from
// (elements less) + 1 to (elements less or equal). The nearest of the answer's true ranks is off t by at most
//   uniform      e n                    low_biased    e t
//   high_biased  e (n - t)              targeted      e n of the target, where q is the target's quantile
// so that q = 0 and q = 1 give the exact minimum and maximum in every mode. e is effective_epsilon().
//
// Threads: const members may be called at once by many threads while no other member runs; they change nothing, not
// even hidden state: a query sees the buffered elements without flushing them. All else needs the sketch alone.
// Progress: an insertion allocates only while the summary still grows. Ordering: n/a.
// Cost: insert O(1) amortised (the README has figures); query O(tuples()), plus a sort of at most 512 buffered elements
// unless flush() came before. Memory: bytes(); some 200 bytes for an almost empty sketch.
// Failure: NaN is refused and counted; infinities are elements like others; -0.0 is taken as +0.0; elements beyond
// 2^64 - 1 are refused; std::bad_alloc leaves the sketch as it was.
// Lifetime: a value type; a moved-from sketch may only be assigned to or destroyed.
// Origin: Cormode, Korn, Muthukrishnan, Srivastava, "Effective Computation of Biased Quantiles over Data Streams" (ICDE
// 2005) and "Space- and Time-Efficient Deterministic Algorithms for Biased Quantiles over Data Streams" (PODS 2006), on
// Greenwald and Khanna 2001. CKMS.md says where we differ, with proofs.

#include <gantry/sketch/detail/ckms_core.hpp>
#include <gantry/sketch/detail/ordered_key.hpp>
#include <gantry/sketch/detail/running_sum.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <utility>
#include <vector>

namespace gantry::sketch {

struct ckms_options {
    ckms_mode mode = ckms_mode::uniform;
    // From 1e-9 to 0.5; unused in targeted mode.
    double epsilon = 0.01;
    // Targeted mode: 1 to 32 quantiles from 0 to 1, each with an epsilon as above. Else empty.
    std::vector<ckms_target> targets = {};
    // 0, or at least 16: more tuples than this are never kept; epsilon rises instead (effective_epsilon()).
    std::size_t tuples_max = 0;

    // What is wrong with these options, or nullptr.
    [[nodiscard]] const char* fault() const noexcept {
        const auto sound = [](double e) {
            return e >= 1e-9 && e <= 0.5;
        };
        if (mode > ckms_mode::targeted) {
            return "mode is none of the four";
        }
        if (tuples_max != 0 && tuples_max < 16) {
            return "tuples_max is neither 0 nor at least 16";
        }
        if (mode != ckms_mode::targeted) {
            return !targets.empty()  ? "targets without targeted mode"
                   : !sound(epsilon) ? "epsilon is outside 1e-9 to 0.5"
                                     : nullptr;
        }
        if (targets.empty() || targets.size() > detail::ckms_targets_max) {
            return "targeted mode needs 1 to 32 targets";
        }
        for (const ckms_target& t : targets) {
            if (!(t.quantile >= 0 && t.quantile <= 1)) {
                return "a target's quantile is outside 0 to 1";
            }
            if (!sound(t.epsilon)) {
                return "a target's epsilon is outside 1e-9 to 0.5";
            }
        }
        return nullptr;
    }
};

template<class T>
struct ckms_answer {
    T value;
    std::uint64_t rank;     // the rank aimed at
    std::uint64_t rank_min; // (elements less than value) + 1 is at least this
    std::uint64_t rank_max; // (elements less or equal) is at most this
    std::uint64_t error;    // the nearest rank of value is off the rank aimed at by at most this
};

enum class ckms_merge_error : std::uint8_t {
    mode_mismatch,  // the two measure their error differently
    targeted,       // targeted summaries do not keep their promise when merged
    count_overflow, // together more than 2^64 - 1 elements
};

template<detail::sketch_number T>
class ckms {
public:
    using value_type = T;
    using answer = ckms_answer<T>;
    using sum_type = typename detail::running_sum<T>::value_type;

    // Requires options.fault() == nullptr.
    explicit ckms(const ckms_options& options = {})
        : core_(options.mode, options.mode == ckms_mode::targeted ? options.targets.data() : single(options.epsilon),
                options.mode == ckms_mode::targeted ? options.targets.size() : 1, options.tuples_max) {}

    // False, with nothing changed but nan_count(): the value is NaN, or the count is full. May be ignored.
    bool insert(T value) {
        if (refused(value, 1)) [[unlikely]] {
            return false;
        }
        core_.insert(detail::to_key(value));
        sum_.add(value);
        return true;
    }

    // As `weight` insertions of value, at the cost of one; none if weight is 0.
    bool insert(T value, std::uint64_t weight) {
        if (refused(value, weight)) {
            return false;
        }
        if (weight > 0) {
            core_.insert(detail::to_key(value), weight);
            sum_.add(value, weight);
        }
        return true;
    }

    // The answer for quantile q (below 0 taken as 0, above 1 as 1); none if the sketch is empty or q is NaN.
    [[nodiscard]] std::optional<answer> query(double q) const {
        if (count() == 0 || q != q) {
            return std::nullopt;
        }
        const std::uint64_t rank = target_rank(q, count());
        const auto place = core_.find(rank);
        return answer{detail::from_key<T>(place.key), rank, place.rank_min, place.rank_max, place.error};
    }

    // ceil(q n) as double arithmetic gives it, at least 1, at most n.
    [[nodiscard]] static std::uint64_t target_rank(double q, std::uint64_t n) noexcept {
        const double t = std::ceil(q * static_cast<double>(n));
        return !(t > 1) ? 1 : t >= static_cast<double>(n) ? n : static_cast<std::uint64_t>(t);
    }

    // Takes in every element of `other`. The result keeps the promise for the greater of the two effective epsilons
    // and the cap of this one. On refusal nothing has changed.
    std::expected<void, ckms_merge_error> merge(const ckms& other) {
        if (core_.mode() != other.core_.mode()) {
            return std::unexpected(ckms_merge_error::mode_mismatch);
        }
        if (core_.mode() == ckms_mode::targeted) {
            return std::unexpected(ckms_merge_error::targeted);
        }
        if (other.count() > UINT64_MAX - count()) {
            return std::unexpected(ckms_merge_error::count_overflow);
        }
        core_.merge(other.core_);
        const auto sum = other.sum_;
        sum_.add(sum);
        nans_ += other.nans_;
        return {};
    }

    // Works the buffered elements into the summary; queries are faster until the next insertion.
    void flush() { core_.flush(); }

    [[nodiscard]] std::uint64_t count() const noexcept { return core_.count(); }
    [[nodiscard]] bool empty() const noexcept { return count() == 0; }
    [[nodiscard]] std::uint64_t nan_count() const noexcept { return nans_; }
    [[nodiscard]] sum_type sum() const noexcept { return sum_.value(); }
    // 0 while empty.
    [[nodiscard]] double mean() const noexcept { return empty() ? 0 : sum_.over(count()); }
    [[nodiscard]] std::optional<T> min() const {
        const auto a = query(0);
        return a ? std::optional<T>(a->value) : std::nullopt;
    }
    [[nodiscard]] std::optional<T> max() const {
        const auto a = query(1);
        return a ? std::optional<T>(a->value) : std::nullopt;
    }

    [[nodiscard]] ckms_mode mode() const noexcept { return core_.mode(); }
    // The epsilon of the promise: what was asked for, unless the cap or a merge has raised it. In targeted mode the
    // greatest of the targets'.
    [[nodiscard]] double effective_epsilon() const noexcept {
        double greatest = 0;
        for (const ckms_target& t : core_.targets()) {
            greatest = std::max(greatest, t.epsilon);
        }
        return greatest * core_.scale();
    }
    // By how much the cap has multiplied every epsilon.
    [[nodiscard]] double epsilon_scale() const noexcept { return core_.scale(); }

    // Tuples in the summary, not counting buffered elements.
    [[nodiscard]] std::size_t tuples() const noexcept { return core_.tuples(); }
    // All memory held: the object and its heap blocks with their spare capacity.
    [[nodiscard]] std::size_t bytes() const noexcept { return sizeof(*this) + core_.heap_bytes(); }

    // Whether the summary obeys its invariant: always, unless memory was corrupted. O(tuples()).
    [[nodiscard]] bool valid() const { return core_.valid(); }

private:
    struct single {
        explicit single(double e) : target{0, e} {}
        operator const ckms_target*() const noexcept { return &target; }
        ckms_target target;
    };

    [[nodiscard]] bool refused(T value, std::uint64_t weight) noexcept {
        if constexpr (std::floating_point<T>) {
            if (value != value) [[unlikely]] {
                nans_ += weight;
                return true;
            }
        }
        return weight > UINT64_MAX - count();
    }

    detail::ckms_core<detail::ordered_key<T>> core_;
    detail::running_sum<T> sum_;
    std::uint64_t nans_ = 0;
};

} // namespace gantry::sketch

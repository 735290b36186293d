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
//     for (std::uint32_t ms : {12U, 15U, 11U, 90U, 14U}) {
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
// Cost: insert O(1) amortised (the README has figures); query O(tuples()), plus a sort of at most 1024 buffered
// elements unless flush() came before; at most 64 kB of stack while a batch is worked in. Memory: bytes(), 176 for an
// empty sketch of 32-bit elements. Failure: NaN is refused and counted; infinities are elements like others; -0.0 is
// taken as +0.0; elements beyond 2^64 - 1 are refused; std::bad_alloc leaves the sketch as it was. Lifetime: a value
// type; a moved-from sketch may only be assigned to or destroyed. Origin: Cormode, Korn, Muthukrishnan, Srivastava,
// "Effective Computation of Biased Quantiles over Data Streams" (ICDE 2005) and "Space- and Time-Efficient
// Deterministic Algorithms for Biased Quantiles over Data Streams" (PODS 2006), on Greenwald and Khanna 2001. CKMS.md
// says where we differ, with proofs.

#include <gantry/base/assert.hpp>
#include <gantry/sketch/detail/ckms_core.hpp>
#include <gantry/sketch/detail/ckms_format.hpp>
#include <gantry/sketch/detail/ordered_key.hpp>
#include <gantry/sketch/detail/running_sum.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <span>
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
    explicit ckms(const ckms_options& options = {}) : core_(make_core(options)) {}

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

    // Whether the tuples obey their invariant: always, unless memory was corrupted. O(tuples()).
    [[nodiscard]] bool valid() const { return core_.first_fault() == core_.tuples(); }

    // The sketch as bytes (docs/formats/ckms.md), buffered elements included.
    [[nodiscard]] std::vector<std::byte> serialise() const {
        if (core_.buffered()) {
            ckms flushed(*this);
            flushed.flush();
            return flushed.serialise();
        }
        detail::byte_writer out;
        out.fixed(magic);
        out.fixed(version);
        out.fixed(element);
        out.fixed(static_cast<std::uint8_t>(mode()));
        out.fixed(std::uint8_t{0});
        out.varint(core_.tuples_max());
        out.number(core_.scale());
        if (mode() == ckms_mode::targeted) {
            out.varint(core_.targets().size());
            for (const ckms_target& t : core_.targets()) {
                out.number(t.quantile);
                out.number(t.epsilon);
            }
        } else {
            out.number(core_.epsilon());
        }
        out.varint(count());
        out.varint(nans_);
        out.fixed(sum_.word(0));
        out.fixed(sum_.word(1));
        out.varint(tuples());
        core_.with_tuples([&](const auto& all) {
            for (const auto& t : all) {
                out.fixed(std::bit_cast<value_bits>(detail::from_key<T>(t.key())));
                out.varint(t.weight);
                out.varint(t.hidden);
                out.varint(t.delta);
            }
        });
        return std::move(out).take();
    }

    // The sketch that serialise() made these bytes from; or what is wrong with them. Safe on any input.
    [[nodiscard]] static std::expected<ckms, ckms_read_error> deserialise(std::span<const std::byte> bytes) {
        detail::byte_reader in(bytes);
        const auto refused = [&] {
            return std::unexpected(in.error());
        };
        in.require(in.fixed<std::uint32_t>("the magic bytes GCKM") == magic, "the magic bytes GCKM");
        in.require(in.fixed<std::uint8_t>("version 1") == version, "version 1");
        in.require(in.fixed<std::uint8_t>("this element type") == element, "this element type");
        const auto mode = in.fixed<std::uint8_t>("a mode from 0 to 3");
        in.require(mode <= 3, "a mode from 0 to 3");
        in.require(in.fixed<std::uint8_t>("a zero byte") == 0, "a zero byte");
        ckms_options options{.mode = static_cast<ckms_mode>(mode & 3)};
        const std::size_t options_begin = in.offset();
        const std::uint64_t tuples_max = in.varint("a cap on tuples");
        in.require(tuples_max <= UINT32_MAX, "a cap on tuples below 2^32");
        options.tuples_max = static_cast<std::size_t>(tuples_max);
        const double scale = in.number("a scale");
        in.require(scale >= 1 && scale <= 0x1p64, "a scale of at least 1");
        if (options.mode == ckms_mode::targeted) {
            const std::uint64_t size = in.varint("1 to 32 targets");
            in.require(size >= 1 && size <= detail::ckms_targets_max, "1 to 32 targets");
            for (std::uint64_t i = 0; in.ok() && i < size; ++i) {
                const double quantile = in.number("a quantile");
                options.targets.push_back({.quantile = quantile, .epsilon = in.number("an epsilon")});
            }
        } else {
            options.epsilon = in.number("an epsilon");
        }
        if (in.ok() && options.fault() != nullptr) {
            in.fail(options_begin, options.fault());
        }
        if (!in.ok()) {
            return refused();
        }

        ckms result(options);
        const std::uint64_t count = in.varint("a count");
        result.nans_ = in.varint("a count of NaNs");
        const std::size_t sum_begin = in.offset();
        const auto sum_low = in.fixed<std::uint64_t>("a sum");
        const auto sum_high = in.fixed<std::uint64_t>("a sum");
        result.sum_ = detail::running_sum<T>::from_words(sum_low, sum_high);
        const std::uint64_t size = in.varint("a number of tuples");
        in.require(size <= in.left() / tuple_bytes_min, "no more tuples than the bytes that follow can hold");
        in.require(options.tuples_max == 0 || size <= options.tuples_max, "no more tuples than the cap");
        in.require((size == 0) == (count == 0), "tuples if and only if there are elements");
        if (!in.ok()) {
            return refused();
        }

        const std::size_t tuples_begin = in.offset();
        // Narrow tuples cannot hold more; what exceeds the count is refused here, before it would be cut off.
        const auto read = [&](std::size_t) {
            const T value = std::bit_cast<T>(in.fixed<value_bits>("a value"));
            if constexpr (std::floating_point<T>) {
                in.require(value == value, "a value that is not NaN");
                in.require(value != 0 || !std::signbit(value), "+0.0 for zero");
            }
            const std::uint64_t weight = in.varint("a weight");
            in.require(weight >= 1 && weight <= count, "a weight from 1 to the count");
            const std::uint64_t hidden = in.varint("a hidden count");
            in.require(hidden <= count, "a hidden count of at most the count");
            const std::uint64_t delta = in.varint("a delta");
            in.require(delta <= count, "a delta of at most the count");
            return typename core::wide(detail::to_key(in.ok() ? value : T{}), weight, hidden, delta);
        };
        result.core_.assign(count, scale, static_cast<std::size_t>(size), read);
        if (in.ok() && in.left() != 0) {
            in.fail(in.offset(), "the end");
        }
        if (const std::size_t fault = result.core_.first_fault(); in.ok() && fault != size) {
            // Where the faulty tuple begins: read up to it once more.
            detail::byte_reader again(bytes.subspan(tuples_begin));
            for (std::size_t i = 0; i < fault; ++i) {
                again.fixed<value_bits>("");
                for (int field = 0; field < 3; ++field) {
                    again.varint("");
                }
            }
            in.fail(tuples_begin + again.offset(), "a tuple that keeps order, count and invariant");
        }
        if constexpr (std::integral<T>) {
            if (in.ok() && !result.sum_is_possible()) {
                in.fail(sum_begin, "a sum between count times least and count times greatest value");
            }
        } else {
            static_cast<void>(sum_begin);
        }
        if (!in.ok()) {
            return refused();
        }
        return result;
    }

private:
    using key = detail::ordered_key<T>;
    using core = detail::ckms_core<key>;

    static constexpr std::uint32_t magic = 0x4D4B'4347; // "GCKM"
    static constexpr std::uint8_t version = 1;
    static constexpr std::uint8_t element = static_cast<std::uint8_t>((std::floating_point<T>    ? 0x20
                                                                       : std::signed_integral<T> ? 0x10
                                                                                                 : 0x00) +
                                                                      sizeof(T));
    using value_bits =
        std::conditional_t<sizeof(T) == 1, std::uint8_t,
                           std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                              std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;

    static core make_core(const ckms_options& options) {
        GANTRY_ASSERT(options.fault() == nullptr);
        const ckms_target only{.quantile = 0, .epsilon = options.epsilon};
        const bool targeted = options.mode == ckms_mode::targeted;
        return core(options.mode, targeted ? options.targets.data() : &only, targeted ? options.targets.size() : 1,
                    options.tuples_max);
    }

    static constexpr std::size_t tuple_bytes_min = sizeof(T) + 3;

    [[nodiscard]] bool sum_is_possible() const {
        if (empty()) {
            return sum() == 0;
        }
        const auto n = static_cast<sum_type>(count());
        return sum() >= static_cast<sum_type>(*min()) * n && sum() <= static_cast<sum_type>(*max()) * n;
    }

    [[nodiscard]] bool refused(T value, std::uint64_t weight) noexcept {
        if constexpr (std::floating_point<T>) {
            if (value != value) [[unlikely]] {
                nans_ += weight;
                return true;
            }
        }
        return weight > UINT64_MAX - count();
    }

    core core_;
    detail::running_sum<T> sum_;
    std::uint64_t nans_ = 0;
};

} // namespace gantry::sketch

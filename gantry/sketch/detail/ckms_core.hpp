// SPDX-License-Identifier: MIT
#pragma once
//
// ckms_core: the summary behind ckms<T>, over unsigned keys of 32 or 64 bits. CKMS.md has the rules and their proofs.
//
// Use it when ckms.hpp does: it is not an interface of its own.
// Do not use it when the keys need more than comparison -> ckms<T>.
//
// Threads: one writer, or readers only. Progress: an insertion allocates only while the summary grows.
// Ordering: n/a. Cost: see ckms.hpp. Failure: std::bad_alloc before anything has changed. Lifetime: n/a.
// Origin: Greenwald and Khanna 2001; Cormode, Korn, Muthukrishnan, Srivastava 2005, 2006; Luo, Wang, Yi, Cormode 2016
// (the tighter delta, batches); Agarwal and others 2013 (merging). Ours: known copies of a value are a weight beside
// the tuple's gap; the error function taken at its least over the gap; merge and compression in one pass.

#include <gantry/sketch/detail/ckms_error.hpp>
#include <gantry/sketch/detail/small_array.hpp>
#include <gantry/sketch/detail/sort_keys.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

namespace gantry::sketch::detail {

// `weight` known copies of the key; `hidden` elements that are smaller, but not smaller than the tuple before; up to
// `delta` more elements that are not greater than the key hide in tuples further right.
template<class Key, class Count>
struct ckms_tuple {
    Count weight;
    Count hidden;
    Count delta;

    ckms_tuple() = default;
    ckms_tuple(Key key, std::uint64_t w, std::uint64_t h, std::uint64_t d) noexcept
        : weight(static_cast<Count>(w)), hidden(static_cast<Count>(h)), delta(static_cast<Count>(d)) {
        std::memcpy(key_, &key, sizeof(Key));
    }
    [[nodiscard]] Key key() const noexcept {
        Key k;
        std::memcpy(&k, key_, sizeof(Key));
        return k;
    }

private:
    unsigned char key_[sizeof(Key)]; // bytes, lest a 64-bit key pad the tuple from 20 bytes to 24
};

// A tuple whose rank is known exactly: what lies in the buffers, sorted.
template<class Key>
struct ckms_exact {
    Key key_;
    std::uint64_t weight;
    static constexpr std::uint64_t hidden = 0;
    static constexpr std::uint64_t delta = 0;

    [[nodiscard]] Key key() const noexcept { return key_; }
};

// Where the elements equal to a key lie: between rank_min and rank_max, and surely from first_max to last_min when
// first_max <= last_min.
template<class Key>
struct ckms_place {
    Key key;
    std::uint64_t rank_min;  // the first of them has at least this rank
    std::uint64_t first_max; // ... and at most this one
    std::uint64_t last_min;  // the last of them has at least this rank
    std::uint64_t rank_max;  // ... and at most this one
    std::uint64_t error;     // how far they may all be from the rank asked for
};

template<class Key>
class ckms_core {
public:
    using narrow = ckms_tuple<Key, std::uint32_t>;
    using wide = ckms_tuple<Key, std::uint64_t>;
    using exact = ckms_exact<Key>;

    static constexpr std::size_t buffer_min = 8;
    static constexpr std::size_t buffer_small = 64;
    static constexpr std::size_t buffer_usual = 512;
    static constexpr std::size_t buffer_max = 1024; // once there are tuples_many
    static constexpr std::size_t tuples_many = 2048;
    static constexpr std::size_t heavy_max = 64;
    static constexpr std::size_t pending_max = buffer_max + heavy_max;

    ckms_core(ckms_mode mode, const ckms_target* targets, std::size_t size, std::size_t tuples_max)
        : tuples_max_(tuples_max), mode_(mode) {
        targets_.grow(size);
        for (std::size_t i = 0; i < size; ++i) {
            targets_.push_back_unchecked(targets[i]);
        }
    }

    // Requires count() < 2^64 - 1.
    void insert(Key key) {
        if (buffer_.full()) [[unlikely]] {
            make_room();
        }
        buffer_.push_back_unchecked(key);
        ++count_;
    }

    // Requires weight >= 1 and count() + weight < 2^64.
    void insert(Key key, std::uint64_t weight) {
        if (heavy_.full()) {
            if (heavy_.capacity() == heavy_max) {
                flush();
            } else {
                heavy_.grow(heavy_.empty() ? 4 : heavy_.capacity() * 2);
            }
        }
        heavy_.push_back_unchecked({key, weight});
        count_ += weight;
    }

    void flush() {
        if (buffer_.empty() && heavy_.empty()) {
            return;
        }
        with_pending([&](const exact* pending, std::size_t size) {
            fill_limits limits;
            with_tuples([&](const auto& tuples) { limits.set(tuples, merged_, pending, size); });
            combine(pending, size, count_, limits);
            buffer_.clear();
            heavy_.clear();
            merged_ = count_;
        });
        fit();
    }

    // Requires the same mode and other.count() + count() < 2^64.
    void merge(const ckms_core& other) {
        if (this == &other || !other.buffer_.empty() || !other.heavy_.empty()) {
            ckms_core flushed(other);
            flushed.flush();
            merge(flushed);
            return;
        }
        flush();
        // The greater epsilon is kept, as epsilon and scale of one of the two.
        const bool theirs = other.epsilon() * other.scale_ > epsilon() * scale_;
        const ckms_target target = theirs ? other.targets_[0] : targets_[0];
        const double scale = theirs ? other.scale_ : scale_;
        const ckms_target target_before = targets_[0];
        const double scale_before = scale_;
        targets_[0] = target;
        scale_ = scale;
        try {
            other.with_tuples(
                [&](const auto& tuples) { combine(tuples.data(), tuples.size(), count_ + other.count_, {}); });
        } catch (...) {
            targets_[0] = target_before;
            scale_ = scale_before;
            throw;
        }
        count_ += other.count_;
        merged_ = count_;
        fit();
    }

    // The place whose elements are surely the nearest to `rank`. Requires 1 <= rank <= count().
    [[nodiscard]] ckms_place<Key> find(std::uint64_t rank) const {
        ckms_place<Key> best{};
        best.error = UINT64_MAX;
        walk([&](const ckms_place<Key>& place) {
            const std::uint64_t over = place.first_max > rank ? place.first_max - rank : 0;
            const std::uint64_t under = rank > place.last_min ? rank - place.last_min : 0;
            const std::uint64_t error = std::max(over, under);
            if (error < best.error) {
                best = place;
                best.error = error;
            }
            return place.last_min < rank; // first_max never falls from here on
        });
        return best;
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] bool buffered() const noexcept { return !buffer_.empty() || !heavy_.empty(); }
    // Tuples after the last flush; what lies in the buffers is not among them.
    [[nodiscard]] std::size_t tuples() const noexcept { return narrow_.size() + wide_.size(); }
    [[nodiscard]] std::size_t heap_bytes() const noexcept {
        return targets_.bytes() + buffer_.bytes() + heavy_.bytes() + narrow_.bytes() + wide_.bytes();
    }
    [[nodiscard]] ckms_mode mode() const noexcept { return mode_; }
    [[nodiscard]] double epsilon() const noexcept { return targets_[0].epsilon; }
    [[nodiscard]] double scale() const noexcept { return scale_; }
    [[nodiscard]] const small_array<ckms_target>& targets() const noexcept { return targets_; }
    [[nodiscard]] std::size_t tuples_max() const noexcept { return tuples_max_; }

    // Calls f with the array of tuples, narrow or wide.
    template<class F>
    decltype(auto) with_tuples(F&& f) const {
        return wide_.empty() ? f(narrow_) : f(wide_);
    }

    // Takes over tuples from outside, in place of those held: `read(i)` makes the i-th of `size`, which hold `count`
    // elements; rejects nothing, first_fault() is for that. Requires nothing buffered.
    template<class Read>
    void assign(std::uint64_t count, double scale, std::size_t size, Read&& read) {
        const auto fill = [&](auto& tuples) {
            tuples.grow(size);
            tuples.clear();
            for (std::size_t i = 0; i < size; ++i) {
                const wide t = read(i);
                tuples.push_back_unchecked({t.key(), t.weight, t.hidden, t.delta});
            }
        };
        if (count > UINT32_MAX) {
            fill(wide_);
            narrow_.release();
        } else {
            fill(narrow_);
            wide_.release();
        }
        count_ = count;
        merged_ = count;
        scale_ = scale;
    }

    // The first tuple that breaks a rule of CKMS.md, or tuples() if none does, as it must be after each flush.
    [[nodiscard]] std::size_t first_fault() const {
        return with_tuples([&](const auto& tuples) { return first_fault(tuples); });
    }

private:
    template<class Tuples>
    [[nodiscard]] std::size_t first_fault(const Tuples& tuples) const {
        const ckms_allowance allowance = allow(merged_);
        std::uint64_t left = 0;
        for (std::size_t i = 0; i < tuples.size(); ++i) {
            const std::uint64_t weight = tuples[i].weight;
            const std::uint64_t hidden = tuples[i].hidden;
            const std::uint64_t delta = tuples[i].delta;
            const bool last = i + 1 == tuples.size();
            // Keys ascend, every tuple has a known copy, and all together hold as many elements as were inserted.
            if ((i > 0 && tuples[i - 1].key() >= tuples[i].key()) || weight == 0 || hidden > merged_ - left ||
                weight > merged_ - left - hidden || (last && hidden + weight != merged_ - left)) {
                return i;
            }
            // The first is the minimum, all of it; what hides to the right of a tuple hides in the tuples there.
            const std::uint64_t before = left + hidden;
            const std::uint64_t rest = merged_ - before - weight;
            if ((i == 0 && (hidden != 0 || delta != 0)) || delta > rest ||
                delta > (last ? 0 : std::uint64_t{tuples[i + 1].hidden} + tuples[i + 1].delta)) {
                return i;
            }
            if (hidden + 1 + delta > allowance.width_max(left, before + delta + 1)) {
                return i;
            }
            left = before + weight;
        }
        return tuples.size();
    }

    [[nodiscard]] ckms_allowance allow(std::uint64_t n) const noexcept {
        return {mode_, targets_.data(), targets_.size(), scale_, n};
    }

    // The buffer grows with the summary, so that one merge pass always pays for itself and a small sketch stays small.
    void make_room() {
        const std::size_t capacity = buffer_.capacity();
        const std::size_t wanted =
            tuples() >= tuples_many ? buffer_max : std::clamp(std::bit_ceil(tuples()), buffer_small, buffer_usual);
        if (capacity < wanted) {
            buffer_.grow(capacity == 0 ? buffer_min : std::min(capacity * 2, wanted));
        } else {
            flush();
        }
    }

    // Calls f with what lies in the buffers, as sorted exact tuples; changes nothing.
    template<class F>
    void with_pending(F&& f) const {
        std::array<Key, buffer_max> keys;
        std::array<Key, buffer_max> scratch;
        std::array<exact, pending_max> pending;
        std::copy(buffer_.begin(), buffer_.end(), keys.begin());
        sort_keys(keys.data(), buffer_.size(), scratch.data());
        // One entry for each run of equal keys, without a branch on where runs end: an entry is overwritten until its
        // run is over, and holds that end until it is known where the run began.
        std::size_t size = 0;
        const std::size_t held = buffer_.size();
        for (std::size_t i = 0; i < held; ++i) {
            pending[size] = {keys[i], i + 1};
            size += i + 1 == held || keys[i] != keys[i + 1] ? 1U : 0U;
        }
        for (std::size_t i = size; i-- > 1;) {
            pending[i].weight -= pending[i - 1].weight;
        }
        if (!heavy_.empty()) {
            std::copy(heavy_.begin(), heavy_.end(), pending.data() + size);
            size += heavy_.size();
            std::sort(pending.data(), pending.data() + size,
                      [](const exact& a, const exact& b) { return a.key_ < b.key_; });
            std::size_t kept = 0;
            for (std::size_t i = 1; i < size; ++i) {
                if (pending[i].key_ == pending[kept].key_) {
                    pending[kept].weight += pending[i].weight;
                } else {
                    pending[++kept] = pending[i];
                }
            }
            size = kept + 1;
        }
        f(pending.data(), size);
    }

    // Calls f with every place from left to right while it returns true: the tuples merged with the buffers' elements.
    template<class F>
    void walk(F&& f) const {
        if (buffer_.empty() && heavy_.empty()) {
            with_tuples([&](const auto& tuples) { walk(tuples, static_cast<const exact*>(nullptr), 0, f); });
        } else {
            with_pending([&](const exact* pending, std::size_t size) {
                with_tuples([&](const auto& tuples) { walk(tuples, pending, size, f); });
            });
        }
    }

    template<class Tuples, class F>
    static void walk(const Tuples& tuples, const exact* pending, std::size_t size, F& f) {
        std::uint64_t left = 0;
        std::size_t a = 0;
        std::size_t b = 0;
        while (a < tuples.size() || b < size) {
            const bool old = b == size || (a < tuples.size() && tuples[a].key() <= pending[b].key());
            const bool fresh = a == tuples.size() || (b < size && pending[b].key() <= tuples[a].key());
            std::uint64_t weight = fresh ? pending[b].weight : 0;
            std::uint64_t hidden = 0;
            std::uint64_t delta = 0;
            const Key key = old ? tuples[a].key() : pending[b].key();
            if (old) {
                weight += tuples[a].weight;
                hidden = tuples[a].hidden;
                delta = tuples[a].delta;
            } else if (a < tuples.size()) {
                delta = std::uint64_t{tuples[a].hidden} + tuples[a].delta;
            }
            const std::uint64_t before = left + hidden;
            left = before + weight;
            if (!f(ckms_place<Key>{key, before + 1, before + delta + 1, left, left + delta, 0})) {
                return;
            }
            a += old ? 1 : 0;
            b += fresh ? 1 : 0;
        }
    }

    // How full a tuple may be made, in 256ths of what the invariant allows, by how many pending elements lie left of
    // it. A gap is filled only as far as the stream's past bears out: where elements now arrive far more densely than
    // they used to, filled gaps would be the places of the next ones, which could then never be compressed
    // (CKMS.md, "Hot places"). This is thrift only: the promise holds whatever the numbers are.
    class fill_limits {
    public:
        static constexpr std::uint16_t full = 256;

        [[nodiscard]] std::uint64_t at(std::size_t pending_left) const noexcept {
            return pending_left < size_ ? limits_[pending_left] : full;
        }

        // `tuples` hold n elements.
        template<class Tuples>
        void set(const Tuples& tuples, std::uint64_t n, const exact* pending, std::size_t size) noexcept {
            if (n == 0 || size < 2 * narrow_window) {
                return;
            }
            // Where each pending element falls among the old ones, in a unit such that one arrival a unit is the
            // past's density. Elements of one gap are spread evenly over it.
            std::array<float, pending_max> place;
            const auto unit = static_cast<float>(static_cast<double>(size) / static_cast<double>(n));
            const auto end = static_cast<float>(size);
            std::size_t placed = 0;
            float gap_begin = 0;
            const auto spread = [&](std::size_t upto, float gap_end) {
                if (placed != upto) {
                    const float step = (gap_end - gap_begin) / static_cast<float>(upto - placed + 1);
                    for (; placed < upto; ++placed) {
                        gap_begin += step;
                        place[placed] = gap_begin;
                    }
                }
                gap_begin = gap_end;
            };
            std::uint64_t rank = 0;
            for (const auto& t : tuples) {
                rank += std::uint64_t{t.weight} + t.hidden;
                const Key key = t.key();
                std::size_t upto = placed;
                while (upto < size && pending[upto].key() <= key) {
                    ++upto;
                }
                spread(upto, unit * (static_cast<float>(rank) + static_cast<float>(t.delta) / 2));
            }
            spread(size, end);

            // The density around each, against the past's: over few neighbours, to see small hot places, and over many,
            // to see slight excess; each must exceed what chance brings about.
            std::array<float, pending_max> around;
            const auto share = [&](std::size_t i, std::size_t window) {
                const std::size_t first = i > window ? i - window : 0;
                const std::size_t last = std::min(size - 1, i + window);
                return (place[last] - place[first]) / static_cast<float>(last - first);
            };
            const auto judge = [](float narrow_share, float wide_share) {
                return std::min(std::min(16 * narrow_share, 4 * wide_share), 1.0F) * full;
            };
            const std::size_t inner_end = std::max(wide_window, size - std::min(size, wide_window));
            for (std::size_t i = wide_window; i < inner_end; ++i) {
                around[i] = judge((place[i + narrow_window] - place[i - narrow_window]) / (2 * narrow_window),
                                  (place[i + wide_window] - place[i - wide_window]) / (2 * wide_window));
            }
            for (std::size_t i = 0; i < std::min(size, wide_window); ++i) {
                around[i] = judge(share(i, narrow_window), share(i, wide_window));
            }
            for (std::size_t i = inner_end; i < size; ++i) {
                around[i] = judge(share(i, narrow_window), share(i, wide_window));
            }
            // Between two of them: the lower limit, unless the stretch is so wide that it is a quiet place.
            const auto between = [](float width, float limit) {
                return static_cast<std::uint16_t>(width >= quiet_width ? full : limit);
            };
            limits_[0] = between(place[0], around[0]);
            for (std::size_t i = 1; i < size; ++i) {
                limits_[i] = between(place[i] - place[i - 1], std::min(around[i - 1], around[i]));
            }
            limits_[size] = between(end - place[size - 1], around[size - 1]);
            size_ = size + 1;
        }

    private:
        static constexpr std::size_t narrow_window = 4;
        static constexpr std::size_t wide_window = 16;
        static constexpr float quiet_width = 8;

        std::size_t size_ = 0;
        std::array<std::uint16_t, pending_max + 1> limits_;
    };

    // Merges the summary `from` into the tuples and compresses, for n elements in all.
    template<class Source>
    void combine(const Source* from, std::size_t size, std::uint64_t n, const fill_limits& limits) {
        if (wide_.empty() && n > UINT32_MAX) {
            wide_.grow(narrow_.size() + size);
            for (const narrow& t : narrow_) {
                wide_.push_back_unchecked(wide(t.key(), t.weight, t.hidden, t.delta));
            }
            narrow_.release();
        }
        if (n > UINT32_MAX) {
            combine(wide_, from, size, n, limits);
        } else {
            combine(narrow_, from, size, n, limits);
        }
    }

    // One pass from right to left, in place: the results fill the spare capacity from its end, and never overtake
    // what is still to be read.
    template<class Tuple, class Source>
    void combine(small_array<Tuple>& tuples, const Source* from, std::size_t size, std::uint64_t n,
                 const fill_limits& limits) {
        std::size_t a = tuples.size();
        std::size_t b = size;
        const std::size_t end = a + b;
        if (end == 0) {
            return;
        }
        if (end > tuples.capacity()) {
            tuples.grow(std::max(end, tuples.capacity() + tuples.capacity() / 4));
        }
        Tuple* const out = tuples.data();
        std::size_t o = end;
        const ckms_allowance allowance = allow(n);
        const Key lowest = a == 0 ? from[0].key() : b == 0 ? out[0].key() : std::min(out[0].key(), from[0].key());

        // The tuple in the making, which takes in its left neighbours while it may.
        Key key{};
        std::uint64_t weight = 0;
        std::uint64_t hidden = 0;
        std::uint64_t delta = 0;
        std::uint64_t before = n;               // ranks left of its known copies
        std::uint64_t room = 0;                 // the most it may hide
        std::uint64_t fill = fill_limits::full; // where it began
        const auto start = [&](Key k, std::uint64_t w, std::uint64_t h, std::uint64_t d) {
            key = k;
            weight = w;
            hidden = h;
            delta = d;
            before -= w;
            room = allowance.hidden_max(before, d);
            fill = limits.at(b);
        };
        const auto next = [&](Key k, std::uint64_t w, std::uint64_t h, std::uint64_t d) {
            const std::uint64_t limit = std::min(fill, limits.at(b));
            const bool fits = hidden + w + h <= room && k != lowest &&
                              (limit == fill_limits::full || uint128{hidden + w + h + delta + 1} * fill_limits::full <=
                                                                 uint128{room + delta + 1} * limit);
            if (fits) {
                hidden += w + h;
            } else {
                out[--o] = Tuple(key, weight, hidden, delta);
                before -= hidden;
                start(k, w, h, d);
            }
        };
        // What the next tuple to the right, in the one summary, leaves open for an element of the other.
        std::uint64_t open_a = 0;
        std::uint64_t open_b = 0;
        const auto take = [&](auto&& use) {
            const bool old = b == 0 || (a > 0 && out[a - 1].key() >= from[b - 1].key());
            const bool fresh = a == 0 || (b > 0 && from[b - 1].key() >= out[a - 1].key());
            if (old && fresh) {
                const Tuple x = out[--a];
                const Source& y = from[--b];
                open_a = std::uint64_t{x.hidden} + x.delta;
                open_b = std::uint64_t{y.hidden} + y.delta;
                use(x.key(), std::uint64_t{x.weight} + y.weight, std::uint64_t{x.hidden} + y.hidden,
                    std::uint64_t{x.delta} + y.delta);
            } else if (old) {
                const Tuple x = out[--a];
                open_a = std::uint64_t{x.hidden} + x.delta;
                use(x.key(), std::uint64_t{x.weight}, std::uint64_t{x.hidden}, x.delta + open_b);
            } else {
                const Source& y = from[--b];
                open_b = std::uint64_t{y.hidden} + y.delta;
                use(y.key(), std::uint64_t{y.weight}, std::uint64_t{y.hidden}, y.delta + open_a);
            }
        };
        take(start);
        while (a + b > 0) {
            take(next);
        }
        out[--o] = Tuple(key, weight, hidden, delta);
        std::memmove(static_cast<void*>(out), out + o, (end - o) * sizeof(Tuple));
        tuples.resize_unchecked(end - o);
    }

    // Under the cap: by filling hot places too, else by raising epsilon by eighths until the tuples fit.
    void fit() {
        if (tuples_max_ == 0 || tuples() <= tuples_max_) {
            return;
        }
        compress();
        while (tuples() > tuples_max_) {
            scale_ *= 1.125;
            compress();
        }
    }
    void compress() { combine(static_cast<const exact*>(nullptr), 0, merged_, {}); }

    // Constant after construction, but for merge() (an epsilon) and fit() (the scale).
    small_array<ckms_target> targets_; // targeted mode: all of them; else one, for its epsilon
    double scale_ = 1;                 // what the cap has multiplied every epsilon by
    std::size_t tuples_max_;           // 0: no cap

    std::uint64_t count_ = 0;  // all elements
    std::uint64_t merged_ = 0; // those in the tuples
    small_array<Key> buffer_;
    small_array<exact> heavy_;   // those with a weight
    small_array<narrow> narrow_; // the tuples while count_ < 2^32 ...
    small_array<wide> wide_;     // ... and after
    ckms_mode mode_;
};

} // namespace gantry::sketch::detail

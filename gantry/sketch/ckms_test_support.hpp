// SPDX-License-Identifier: MIT
#pragma once
//
// What the tests of ckms share: orders of arrival, the exact ranks of everything inserted, and the judge.

#include <gantry/base/prng.hpp>
#include <gantry/sketch/ckms.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace gantry::sketch::test {

inline const std::vector<std::string> orders = {
    "random",       "sorted",       "reverse",          "zigzag_in",     "zigzag_out", "blocks",
    "small_blocks", "descending",   "small_descending", "few_distinct",  "all_equal",  "one_outlier",
    "lognormal",    "many_zigzags", "noisy_sorted",     "noisy_reverse", "sawtooth",   "bisection"};

// `size` whole numbers in the named order of arrival.
inline std::vector<double> arrivals(const std::string& order, std::size_t size, std::uint64_t seed = 1) {
    prng random(seed);
    std::vector<double> v(size);
    const auto n = static_cast<double>(size);
    const auto fill = [&](auto&& f) {
        for (std::size_t i = 0; i < size; ++i) {
            v[i] = std::floor(f(i, static_cast<double>(i)));
        }
    };
    // Blocks of neighbouring values, each in random order within.
    const auto blocks = [&](std::size_t count, bool descending) {
        fill([&](std::size_t, double i) { return i; });
        const std::size_t length = std::max<std::size_t>(1, size / count);
        std::vector<double> out;
        for (std::size_t begin = 0; begin < size; begin += length) {
            const std::size_t end = std::min(size, begin + length);
            for (std::size_t i = end - 1; i > begin; --i) {
                std::swap(v[i], v[begin + random.uniform_below(i - begin + 1)]);
            }
            out.insert(descending ? out.begin() : out.end(), v.begin() + static_cast<std::ptrdiff_t>(begin),
                       v.begin() + static_cast<std::ptrdiff_t>(end));
        }
        v = std::move(out);
    };
    const auto chance = [&] {
        return static_cast<double>(random() >> 11) * 0x1p-53;
    };
    if (order == "random") {
        fill([&](std::size_t, double) { return chance() * 1e9; });
    } else if (order == "sorted") {
        fill([&](std::size_t, double i) { return i; });
    } else if (order == "reverse") {
        fill([&](std::size_t, double i) { return n - i; });
    } else if (order == "zigzag_in") {
        fill([&](std::size_t k, double i) { return k % 2 == 0 ? i : 2 * n - i; });
    } else if (order == "zigzag_out") {
        fill([&](std::size_t k, double i) { return k % 2 == 0 ? n + i : n - i; });
    } else if (order == "blocks" || order == "descending") {
        blocks(5, order == "descending");
    } else if (order == "small_blocks" || order == "small_descending") {
        blocks(60, order == "small_descending");
    } else if (order == "few_distinct") {
        fill([&](std::size_t, double) { return static_cast<double>(random.uniform_below(7)); });
    } else if (order == "all_equal") {
        fill([&](std::size_t, double) { return 42.0; });
    } else if (order == "one_outlier") {
        fill([&](std::size_t k, double) { return k == size / 3 ? 1e9 : 42.0; });
    } else if (order == "lognormal") {
        fill([&](std::size_t, double) {
            return std::exp(10 + 2 * std::sqrt(-2 * std::log(1 - chance())) * std::cos(6.283185307179586 * chance()));
        });
    } else if (order == "many_zigzags") {
        fill([&](std::size_t k, double i) {
            const auto place = static_cast<double>(k % 50);
            return place * 1e6 + ((k / 50) % 2 == 0 ? i / 50 : 1e6 - i / 50);
        });
    } else if (order == "noisy_sorted") {
        fill([&](std::size_t, double i) { return i + chance() * n / 10; });
    } else if (order == "noisy_reverse") {
        fill([&](std::size_t, double i) { return n - i + chance() * n / 10; });
    } else if (order == "sawtooth") {
        fill([&](std::size_t k, double i) { return static_cast<double>(k % 1000) * 1e4 + std::floor(i / 1000); });
    } else { // bisection: each element halves a gap
        fill([&](std::size_t k, double) {
            double x = 0;
            double bit = 0x1p40;
            for (std::size_t j = k + 1; j != 0; j >>= 1, bit /= 2) {
                x += (j & 1) != 0 ? bit : 0;
            }
            return x;
        });
    }
    return v;
}

// Every element inserted, with its exact ranks.
template<class T>
class oracle {
public:
    void insert(T value, std::uint64_t weight = 1) {
        if (weight > 0) {
            fresh_.push_back({value + T{0}, weight});
        }
    }
    void insert(const oracle& other) {
        other.settle();
        fresh_.insert(fresh_.end(), other.all_.begin(), other.all_.end());
    }
    [[nodiscard]] std::uint64_t count() const {
        settle();
        return upto_.empty() ? 0 : upto_.back();
    }
    [[nodiscard]] T min() const {
        settle();
        return all_.front().first;
    }
    [[nodiscard]] T max() const {
        settle();
        return all_.back().first;
    }
    // The ranks of value: (elements less) + 1 and (elements less or equal).
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> ranks(T value) const {
        settle();
        const auto at =
            std::lower_bound(all_.begin(), all_.end(), value, [](const auto& a, T v) { return a.first < v; });
        const auto i = static_cast<std::size_t>(at - all_.begin());
        const std::uint64_t less = i == 0 ? 0 : upto_[i - 1];
        return {less + 1, at != all_.end() && at->first == value ? upto_[i] : less};
    }

private:
    void settle() const {
        if (fresh_.empty()) {
            return;
        }
        const auto by_value = [](const auto& a, const auto& b) {
            return a.first < b.first;
        };
        std::sort(fresh_.begin(), fresh_.end(), by_value);
        std::vector<std::pair<T, std::uint64_t>> merged;
        std::merge(all_.begin(), all_.end(), fresh_.begin(), fresh_.end(), std::back_inserter(merged), by_value);
        fresh_.clear();
        all_.clear();
        upto_.clear();
        std::uint64_t sum = 0;
        for (const auto& [value, weight] : merged) {
            sum += weight;
            if (!all_.empty() && all_.back().first == value) {
                all_.back().second += weight;
                upto_.back() = sum;
            } else {
                all_.push_back({value, weight});
                upto_.push_back(sum);
            }
        }
    }

    mutable std::vector<std::pair<T, std::uint64_t>> fresh_;
    mutable std::vector<std::pair<T, std::uint64_t>> all_; // distinct, ascending
    mutable std::vector<std::uint64_t> upto_;              // elements less or equal
};

// By how much an answer at `rank` of n may be off.
inline double promised(ckms_mode mode, double epsilon, std::uint64_t rank, std::uint64_t n) {
    switch (mode) {
    case ckms_mode::low_biased:
        return epsilon * static_cast<double>(rank);
    case ckms_mode::high_biased:
        return epsilon * static_cast<double>(n - rank);
    default:
        return epsilon * static_cast<double>(n);
    }
}

inline std::vector<double> quantiles() {
    std::vector<double> q = {0, 1e-6, 1e-4, 0.001, 0.003, 0.01, 0.03, 0.97, 0.99, 0.997, 0.999, 0.9999, 1 - 1e-6, 1};
    for (int i = 1; i < 20; ++i) {
        q.push_back(i / 20.0);
    }
    return q;
}

// What is wrong with the sketch's answers, given the truth; empty if nothing is.
template<class Sketch, class T>
std::string judge(const Sketch& s, const oracle<T>& truth, const ckms_options& options) {
    std::ostringstream fault;
    const std::uint64_t n = truth.count();
    if (s.count() != n) {
        fault << "count " << s.count() << ", not " << n;
        return fault.str();
    }
    if (n == 0) {
        return s.query(0.5) ? "an answer from an empty sketch" : "";
    }
    const auto ask = [&](double q, double bound) {
        const auto a = s.query(q);
        if (!a) {
            fault << "no answer for q = " << q;
            return false;
        }
        const auto [first, last] = truth.ranks(a->value);
        const std::uint64_t off = first > a->rank ? first - a->rank : a->rank > last ? a->rank - last : 0;
        fault << "q = " << q << ", n = " << n << ": " << a->value << " has ranks " << first << " to " << last
              << ", certified " << a->rank_min << " to " << a->rank_max << "; aimed at " << a->rank
              << ", certified error " << a->error << ", promised " << bound << ": ";
        if (last < first) {
            fault << "a value that was never inserted";
        } else if (a->rank_min > first || a->rank_max < last) {
            fault << "the certified ranks do not contain the true ones";
        } else if (off > a->error) {
            fault << "the certified error is too small";
        } else if (static_cast<double>(a->error) > bound) {
            fault << "the promise is broken";
        } else {
            fault.str("");
            return true;
        }
        return false;
    };
    const double scale = s.epsilon_scale();
    if (options.mode == ckms_mode::targeted) {
        for (const ckms_target& t : options.targets) {
            if (!ask(t.quantile, t.epsilon * scale * static_cast<double>(n))) {
                return fault.str();
            }
        }
    }
    for (const double q : quantiles()) {
        const std::uint64_t rank = ckms<T>::target_rank(q, n);
        const double bound = options.mode == ckms_mode::targeted
                                 ? static_cast<double>(n)
                                 : promised(options.mode, s.effective_epsilon(), rank, n);
        if (!ask(q, bound)) {
            return fault.str();
        }
    }
    if (s.query(0)->value != truth.min() || s.query(1)->value != truth.max()) {
        return "the minimum or the maximum is not exact";
    }
    return "";
}

// The same for the sketch with its buffered elements, and for a flushed copy, whose invariant must hold too.
template<class T>
std::string judge_both(const ckms<T>& s, const oracle<T>& truth, const ckms_options& options) {
    std::string fault = judge(s, truth, options);
    if (!fault.empty()) {
        return "with buffered elements: " + fault;
    }
    ckms<T> flushed(s);
    flushed.flush();
    if (!flushed.valid() || !s.valid()) {
        return "the invariant is broken";
    }
    fault = judge(flushed, truth, options);
    return fault.empty() ? "" : "after a flush: " + fault;
}

inline const std::vector<ckms_target> some_targets = {
    {.quantile = 0.5, .epsilon = 0.05}, {.quantile = 0.9, .epsilon = 0.01}, {.quantile = 0.99, .epsilon = 0.001}};
inline const std::vector<ckms_target> low_targets = {{.quantile = 0, .epsilon = 0.01},
                                                     {.quantile = 0.01, .epsilon = 0.001},
                                                     {.quantile = 0.1, .epsilon = 0.02},
                                                     {.quantile = 0.25, .epsilon = 0.1},
                                                     {.quantile = 1, .epsilon = 0.01}};

// Every mode with every epsilon that the tests use.
inline std::vector<ckms_options> all_options() {
    std::vector<ckms_options> options;
    for (const double e : {0.1, 0.05, 0.01, 0.001}) {
        for (const ckms_mode mode : {ckms_mode::uniform, ckms_mode::low_biased, ckms_mode::high_biased}) {
            options.push_back({.mode = mode, .epsilon = e});
        }
        options.push_back({.mode = ckms_mode::targeted, .targets = {{.quantile = 0.75, .epsilon = e}}});
        options.push_back({.mode = ckms_mode::targeted, .targets = {{.quantile = 0.2, .epsilon = e}}});
    }
    options.push_back({.mode = ckms_mode::targeted, .targets = some_targets});
    options.push_back({.mode = ckms_mode::targeted, .targets = low_targets});
    return options;
}

inline std::string describe(const ckms_options& o) {
    static const char* const names[] = {"uniform", "low-biased", "high-biased", "targeted"};
    std::ostringstream out;
    out << names[static_cast<int>(o.mode)];
    if (o.mode != ckms_mode::targeted) {
        out << " " << o.epsilon;
    }
    for (const ckms_target& t : o.targets) {
        out << " " << t.quantile << ":" << t.epsilon;
    }
    if (o.tuples_max != 0) {
        out << " at most " << o.tuples_max << " tuples";
    }
    return out.str();
}

} // namespace gantry::sketch::test

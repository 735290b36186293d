// SPDX-License-Identifier: MIT
// What an insertion, a query and a merge cost, on many orders of arrival; each result is held against the exact one.
// GANTRY_BENCH_SMOKE: streams of 50,000 elements, instead of a million.
#include <gantry/sketch/ckms.hpp>
#include <gantry/sketch/moving_average.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {
using namespace gantry::sketch;

const std::size_t stream_size = std::getenv("GANTRY_BENCH_SMOKE") != nullptr ? 50'000 : 1'000'000;

// The orders of arrival. The seed is fixed: every run and every peer works on the same stream.
template<class T>
std::vector<T> stream(const std::string& order, std::size_t size = stream_size) {
    std::mt19937_64 rng(20'050'405);
    std::vector<T> v(size);
    const auto n = static_cast<std::int64_t>(size);
    for (std::int64_t i = 0; i < n; ++i) {
        auto& x = v[static_cast<std::size_t>(i)];
        if (order == "sorted") {
            x = static_cast<T>(i);
        } else if (order == "reverse") {
            x = static_cast<T>(n - i);
        } else if (order == "zigzag") { // from both ends to the middle
            x = static_cast<T>(i % 2 == 0 ? i / 2 : n - i / 2);
        } else if (order == "lognormal") {
            x = static_cast<T>(std::lognormal_distribution<double>(10, 2)(rng));
        } else if (order == "few_distinct") {
            x = static_cast<T>(rng() % 100);
        } else { // random
            x = static_cast<T>(rng() % 1'000'000'007);
        }
    }
    return v;
}

double promised(const ckms_options& options, std::uint64_t rank, std::uint64_t n) {
    switch (options.mode) {
    case ckms_mode::low_biased:
        return options.epsilon * static_cast<double>(rank);
    case ckms_mode::high_biased:
        return options.epsilon * static_cast<double>(n - rank);
    default:
        return options.epsilon * static_cast<double>(n);
    }
}

// Whether every answer keeps the promise on this stream.
template<class T>
bool sound(const ckms<T>& s, const ckms_options& options, std::vector<T> all) {
    std::sort(all.begin(), all.end());
    std::vector<ckms_target> asked = options.targets;
    if (asked.empty()) {
        for (int i = 0; i <= 1000; ++i) {
            asked.push_back({.quantile = i / 1000.0, .epsilon = options.epsilon});
        }
    }
    return std::all_of(asked.begin(), asked.end(), [&](const ckms_target& t) {
        const auto a = s.query(t.quantile);
        const auto range = std::equal_range(all.begin(), all.end(), a->value);
        const auto first = static_cast<double>(range.first - all.begin()) + 1;
        const auto last = static_cast<double>(range.second - all.begin());
        const auto rank = static_cast<double>(a->rank);
        const double bound = options.targets.empty() ? promised(options, a->rank, all.size())
                                                     : t.epsilon * static_cast<double>(all.size());
        return std::max(first - rank, rank - last) <= bound;
    });
}

template<class T>
void insert(benchmark::State& state, const ckms_options& options, const std::string& order) {
    const std::vector<T> values = stream<T>(order);
    ckms<T> s(options);
    for (auto _ : state) {
        s = ckms<T>(options);
        for (const T v : values) {
            s.insert(v);
        }
        benchmark::DoNotOptimize(s);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
    s.flush();
    state.counters["tuples"] = static_cast<double>(s.tuples());
    state.counters["bytes"] = static_cast<double>(s.bytes());
    if (!sound(s, options, values)) {
        state.SkipWithError("an answer breaks the promise");
    }
}

// The exact alternative: keep everything, select at the end.
void insert_exact(benchmark::State& state, const std::string& order) {
    const std::vector<double> values = stream<double>(order);
    std::vector<double> kept;
    double median = 0;
    for (auto _ : state) {
        kept = {};
        for (const double v : values) {
            kept.push_back(v);
        }
        const auto middle = kept.begin() + static_cast<std::ptrdiff_t>(kept.size() / 2);
        std::nth_element(kept.begin(), middle, kept.end());
        median = *middle;
        benchmark::DoNotOptimize(median);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
    state.counters["bytes"] = static_cast<double>(kept.capacity() * sizeof(double));
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    if (median != sorted[sorted.size() / 2]) {
        state.SkipWithError("not the median");
    }
}

void query(benchmark::State& state, const ckms_options& options, bool buffered) {
    const std::vector<double> values = stream<double>("random");
    ckms<double> s(options);
    for (const double v : values) {
        s.insert(v);
    }
    s.flush();
    for (int i = 0; buffered && i < 200; ++i) {
        s.insert(values[static_cast<std::size_t>(i)]);
    }
    double q = 0;
    std::uint64_t missed = 0;
    for (auto _ : state) {
        const auto a = s.query(q);
        missed += static_cast<double>(a->error) > promised(options, a->rank, s.count()) ? 1U : 0U;
        q = q >= 1 ? 0 : q + 0.001;
    }
    state.SetItemsProcessed(state.iterations());
    state.counters["tuples"] = static_cast<double>(s.tuples());
    if (missed != 0) {
        state.SkipWithError("an answer breaks the promise");
    }
}

void query_exact(benchmark::State& state) {
    std::vector<double> values = stream<double>("random");
    std::sort(values.begin(), values.end());
    double q = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))]);
        q = q >= 1 ? 0 : q + 0.001;
    }
    state.SetItemsProcessed(state.iterations());
}

void merge(benchmark::State& state, const ckms_options& options) {
    constexpr std::size_t parts = 16;
    const std::vector<double> values = stream<double>("random");
    std::vector<ckms<double>> sketches(parts, ckms<double>(options));
    for (std::size_t i = 0; i < values.size(); ++i) {
        sketches[i % parts].insert(values[i]);
    }
    for (ckms<double>& s : sketches) {
        s.flush();
    }
    ckms<double> all(options);
    for (auto _ : state) {
        all = ckms<double>(options);
        for (const ckms<double>& s : sketches) {
            benchmark::DoNotOptimize(all.merge(s));
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(parts));
    state.counters["tuples"] = static_cast<double>(all.tuples());
    if (all.count() != values.size() || !sound(all, options, values)) {
        state.SkipWithError("an answer breaks the promise");
    }
}

template<class T>
void average(benchmark::State& state) {
    const std::vector<T> values = stream<T>("random");
    double mean = 0;
    for (auto _ : state) {
        basic_moving_average<T> m;
        for (const T v : values) {
            m.insert(v);
        }
        benchmark::DoNotOptimize(mean = m.mean());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
    const double sum = std::accumulate(values.begin(), values.end(), 0.0); // whole numbers below 2^53: exact
    if (mean != sum / static_cast<double>(values.size())) {
        state.SkipWithError("not the mean");
    }
}

void average_std(benchmark::State& state) {
    const std::vector<double> values = stream<double>("random");
    for (auto _ : state) {
        benchmark::DoNotOptimize(std::accumulate(values.begin(), values.end(), 0.0) /
                                 static_cast<double>(values.size()));
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
}

struct configuration {
    std::string name;
    ckms_options options;
};

const std::vector<configuration> configurations = {
    {"high:0.01", {.mode = ckms_mode::high_biased, .epsilon = 0.01}},
    {"high:0.001", {.mode = ckms_mode::high_biased, .epsilon = 0.001}},
    {"low:0.01", {.mode = ckms_mode::low_biased, .epsilon = 0.01}},
    {"low:0.001", {.mode = ckms_mode::low_biased, .epsilon = 0.001}},
    {"uniform:0.01", {.mode = ckms_mode::uniform, .epsilon = 0.01}},
    {"uniform:0.001", {.mode = ckms_mode::uniform, .epsilon = 0.001}},
    {"targeted",
     {.mode = ckms_mode::targeted,
      .targets = {{.quantile = 0.5, .epsilon = 0.05},
                  {.quantile = 0.9, .epsilon = 0.01},
                  {.quantile = 0.99, .epsilon = 0.001}}}},
};

const bool registered = [] {
    for (const configuration& c : configurations) {
        for (const char* order : {"random", "sorted", "reverse", "zigzag", "lognormal", "few_distinct"}) {
            benchmark::RegisterBenchmark(("ckms_insert/gantry/" + c.name + "/" + order).c_str(),
                                         [=](benchmark::State& state) { insert<double>(state, c.options, order); })
                ->Unit(benchmark::kMillisecond)
                ->UseRealTime();
        }
        for (const char* order : {"random", "few_distinct"}) {
            benchmark::RegisterBenchmark(
                ("ckms_insert/gantry/" + c.name + "/" + order + "/type:u32").c_str(),
                [=](benchmark::State& state) { insert<std::uint32_t>(state, c.options, order); })
                ->Unit(benchmark::kMillisecond)
                ->UseRealTime();
        }
    }
    for (const char* order : {"random", "sorted"}) {
        benchmark::RegisterBenchmark((std::string("ckms_insert/std_nth_element/exact/") + order).c_str(),
                                     [=](benchmark::State& state) { insert_exact(state, order); })
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
    }
    for (const configuration& c : configurations) {
        if (c.options.mode == ckms_mode::targeted) {
            continue;
        }
        for (const bool buffered : {false, true}) {
            benchmark::RegisterBenchmark(("ckms_query/gantry/" + c.name + (buffered ? "/buffered:200" : "")).c_str(),
                                         [=](benchmark::State& state) { query(state, c.options, buffered); })
                ->UseRealTime();
        }
    }
    benchmark::RegisterBenchmark("ckms_query/std_sorted_vector/exact", query_exact)->UseRealTime();
    for (const configuration& c : configurations) {
        if (c.options.mode != ckms_mode::targeted) {
            benchmark::RegisterBenchmark(("ckms_merge/gantry/" + c.name).c_str(), [=](benchmark::State& state) {
                merge(state, c.options);
            })->UseRealTime();
        }
    }
    benchmark::RegisterBenchmark("moving_average/gantry/type:double", average<double>)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark("moving_average/gantry/type:u32", average<std::uint32_t>)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    benchmark::RegisterBenchmark("moving_average/std_accumulate/type:double", average_std)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    return true;
}();

} // namespace

BENCHMARK_MAIN();

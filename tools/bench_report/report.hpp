// SPDX-License-Identifier: MIT
#pragma once
//
// Turns the JSON that Google Benchmark wrote into the page docs/BENCHMARKS.md: medians and spread over the repetitions,
// and for every peer its ratio to ours on the same work in the same run.

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench_report {

// One benchmark (`workload/implementation/parameters`) over all its repetitions.
struct measurement {
    std::string workload;
    std::string implementation;
    std::string parameters;
    std::vector<double> ns_per_item;        // one per repetition
    std::map<std::string, double> counters; // user counters, the median over the repetitions
};

struct run {
    std::string module;
    std::string date;
    unsigned cpus = 0;
    double mhz = 0;
    std::vector<measurement> measurements; // in the order of the file
};

// Reads one result file; `module` is what its section is called. The error says what is wrong with the text.
[[nodiscard]] std::expected<run, std::string> read(std::string module, std::string_view json);

// The median; `values` must not be empty.
[[nodiscard]] double median(std::vector<double> values);

struct page_facts {
    std::string cpu;
    std::string compiler;
    std::string commit;
};

// The whole page in markdown.
[[nodiscard]] std::string page(const std::vector<run>& runs, const page_facts& facts);

// For each of ours (`gantry`, `gantry_...`) the best peer that keeps the same promises, and the best of those named
// `..._try...`, which promise less. A table for people, with aligned columns; ours that have no peer are left out.
[[nodiscard]] std::string summary(const std::vector<run>& runs);

} // namespace bench_report

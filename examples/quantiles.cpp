// SPDX-License-Identifier: MIT
// A CKMS summary beside the exact answer: a million values, a few hundred tuples, and for every quantile the interval
// of ranks in which the answer certainly lies.
#include <gantry/sketch/ckms.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

int main() {
    using gantry::sketch::ckms;
    using gantry::sketch::ckms_mode;
    ckms<double> latencies{{.mode = ckms_mode::high_biased, .epsilon = 0.01}};
    std::vector<double> exact;
    std::mt19937_64 random{1};
    std::lognormal_distribution<double> milliseconds{1.0, 1.0};
    for (int i = 0; i < 1'000'000; ++i) {
        exact.push_back(milliseconds(random));
        latencies.insert(exact.back());
    }
    std::sort(exact.begin(), exact.end());
    std::printf("%llu values in %zu bytes\n", static_cast<unsigned long long>(latencies.count()), latencies.bytes());
    for (const double q : {0.0, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto answer = latencies.query(q);
        const auto rank = static_cast<std::size_t>(q * static_cast<double>(exact.size() - 1));
        std::printf("q %-6g summary %-10.4f exact %-10.4f rank within [%llu, %llu]\n", q, answer->value, exact[rank],
                    static_cast<unsigned long long>(answer->rank_min),
                    static_cast<unsigned long long>(answer->rank_max));
    }
    return 0;
}

// SPDX-License-Identifier: MIT
#include <gantry/check/explore/exact.hpp>
#include <gantry/check/runtime/detail/estimate.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>

namespace gantry::check::runtime {

namespace {

constexpr std::size_t parts = 10;

} // namespace

size_estimate guess_size(session& s, const subject& what, const model_options& options, double seconds_max) {
    size_estimate guess;
    tally counted;
    std::array<double, parts> sums{};
    std::mt19937_64 dice(options.seed);
    exact_explorer strategy;
    const double start = now();
    do {
        strategy.restart();
        double ways = 1;
        double executions = 0;
        while (counted.found == fault::none && strategy.more()) {
            run_one(s, strategy, what, options, counted);
            executions += ways;
            ways *= static_cast<double>(strategy.keep_one(dice()));
        }
        sums[guess.descents++ % parts] += executions;
        // A guess takes a few descents, a long time for one none.
    } while (counted.found == fault::none && (guess.descents < 10 * parts || now() - start < seconds_max) &&
             now() - start < 10 * seconds_max);
    const double seconds = now() - start;
    std::array<double, parts> means{};
    for (std::size_t i = 0; i < parts; ++i) {
        const auto descents = static_cast<double>((guess.descents + parts - 1 - i) / parts);
        means[i] = descents > 0 ? sums[i] / descents : 0;
        guess.executions += sums[i] / static_cast<double>(guess.descents);
    }
    std::ranges::sort(means);
    guess.low = means[1];
    guess.high = means[parts - 2];
    guess.seconds = seconds / static_cast<double>(counted.executions) * guess.executions;
    guess.result.found = counted.found;
    guess.result.report = counted.report;
    guess.result.token = counted.token;
    return guess;
}

void say_size(const std::string& name, const size_estimate& guess) {
    std::fprintf(stderr, "%s: about %.2g executions (%.2g to %.2g), %.2g s in one process\n", name.c_str(),
                 guess.executions, guess.low, guess.high, guess.seconds);
}

} // namespace gantry::check::runtime

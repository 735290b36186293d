// SPDX-License-Identifier: MIT
// The benchmarks of this module are in the files beside this one.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();

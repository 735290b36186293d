// SPDX-License-Identifier: MIT
// The main() of bench_container; the workloads are in the files beside it.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();

// SPDX-License-Identifier: MIT
// What must hold: repetitions of one benchmark become one row with their median, peers get their ratio to ours, and a
// file that is no result file is refused with the reason.
#include <gmock/gmock.h>
#include <tools/bench_report/report.hpp>

namespace {

using testing::HasSubstr;

constexpr const char* three_repetitions = R"({
  "context": {"date": "2026-01-01", "num_cpus": 2, "mhz_per_cpu": 3000},
  "benchmarks": [
    {"name": "spsc/gantry/cap:16/real_time", "run_name": "spsc/gantry/cap:16/real_time", "run_type": "iteration",
     "real_time": 5, "time_unit": "us", "items_per_second": 1e8, "tuples": 5},
    {"name": "spsc/gantry/cap:16/real_time", "run_name": "spsc/gantry/cap:16/real_time", "run_type": "iteration",
     "real_time": 5, "time_unit": "us", "items_per_second": 5e7, "tuples": 7},
    {"name": "spsc/gantry/cap:16/real_time", "run_name": "spsc/gantry/cap:16/real_time", "run_type": "iteration",
     "real_time": 5, "time_unit": "us", "items_per_second": 2e7, "tuples": 6},
    {"name": "spsc/std/cap:16/real_time", "run_name": "spsc/std/cap:16/real_time", "run_type": "iteration",
     "real_time": 60, "time_unit": "ns"},
    {"name": "spsc/std/cap:16/real_time_mean", "run_name": "spsc/std/cap:16/real_time", "run_type": "aggregate",
     "real_time": 1000, "time_unit": "ns"}
  ]})";

TEST(bench_report, takes_the_median_of_the_repetitions) {
    const auto run = bench_report::read("channel", three_repetitions);
    ASSERT_TRUE(run.has_value());
    ASSERT_EQ(run->measurements.size(), 2U);
    EXPECT_EQ(run->measurements[0].workload, "spsc");
    EXPECT_EQ(run->measurements[0].implementation, "gantry");
    EXPECT_EQ(run->measurements[0].parameters, "cap:16");
    EXPECT_DOUBLE_EQ(bench_report::median(run->measurements[0].ns_per_item), 20.0);
    EXPECT_DOUBLE_EQ(run->measurements[0].counters.at("tuples"), 6.0);
    EXPECT_DOUBLE_EQ(bench_report::median(run->measurements[1].ns_per_item), 60.0);
}

TEST(bench_report, sets_a_peer_in_relation_to_ours) {
    const auto run = bench_report::read("channel", three_repetitions);
    ASSERT_TRUE(run.has_value());
    const auto text = bench_report::page({*run}, {.cpu = "c", .compiler = "g", .commit = "abc"});
    EXPECT_THAT(text, HasSubstr("| spsc | cap:16 | gantry | 20 ns | 10 ns - 50 ns |  | tuples 6 |"));
    EXPECT_THAT(text, HasSubstr("| spsc | cap:16 | std | 60 ns | 60 ns - 60 ns | 3.00 |  |"));
}

TEST(bench_report, puts_together_what_belongs_together) {
    const auto run = bench_report::read("m", R"({"benchmarks": [
        {"name": "b/std/x", "run_type": "iteration", "real_time": 1500, "time_unit": "ns"},
        {"name": "a/std/x", "run_type": "iteration", "real_time": 2, "time_unit": "ms"},
        {"name": "b/gantry/x", "run_type": "iteration", "real_time": 999, "time_unit": "ns"}]})");
    ASSERT_TRUE(run.has_value());
    const auto text = bench_report::page({*run}, {.cpu = "c", .compiler = "g", .commit = "abc"});
    const auto first = text.find("| a | x | std | 2 ms |");
    const auto second = text.find("| b | x | gantry | 999 ns |");
    const auto third = text.find("| b | x | std | 1.5 us |");
    EXPECT_NE(third, std::string::npos);
    EXPECT_LT(first, second);
    EXPECT_LT(second, third);
}

// Parameters are in the order of their numbers; what promises less is beside, not in, the comparison.
TEST(bench_report, sums_up_against_the_best_peers) {
    const auto run = bench_report::read("m", R"({"benchmarks": [
        {"name": "a/gantry/cap:1024", "run_type": "iteration", "real_time": 10, "time_unit": "ns"},
        {"name": "a/gantry/cap:1024", "run_type": "iteration", "real_time": 20, "time_unit": "ns"},
        {"name": "a/gantry/cap:1024", "run_type": "iteration", "real_time": 40, "time_unit": "ns"},
        {"name": "a/slow/cap:1024", "run_type": "iteration", "real_time": 90, "time_unit": "ns"},
        {"name": "a/fast/cap:1024", "run_type": "iteration", "real_time": 30, "time_unit": "ns"},
        {"name": "a/moodycamel_try/cap:1024", "run_type": "iteration", "real_time": 5, "time_unit": "ns"},
        {"name": "a/gantry_ring/cap:16", "run_type": "iteration", "real_time": 8, "time_unit": "ns"},
        {"name": "a/boost_try/cap:16", "run_type": "iteration", "real_time": 4, "time_unit": "ns"},
        {"name": "alone/gantry/cap:1", "run_type": "iteration", "real_time": 1, "time_unit": "ns"}]})");
    ASSERT_TRUE(run.has_value());
    const auto text = bench_report::summary({*run});
    EXPECT_THAT(text, testing::MatchesRegex(
                          "workload [^\n]*\n"
                          "a +cap:16 +gantry_ring +8 ns +- +- +- +-  boost_try +0.50\n"
                          "a +cap:1024 +gantry +20 ns  fast +30 ns +1.50 +0.75 - 3.00  moodycamel_try +0.25\n"));
}

// The variation of a counter that was 0 in every repetition.
TEST(bench_report, knows_nan) {
    const auto read = bench_report::read("x", R"({"benchmarks": [
        {"name": "a/gantry", "run_name": "a/gantry", "run_type": "iteration", "real_time": 5, "time_unit": "ns", "heap": 0},
        {"name": "a/gantry_cv", "run_name": "a/gantry", "run_type": "aggregate", "real_time": 5, "time_unit": "ns",
         "heap": NaN}]})");
    EXPECT_TRUE(read.has_value());
}

TEST(bench_report, refuses_what_is_no_result_file) {
    EXPECT_FALSE(bench_report::read("x", "not json").has_value());
    EXPECT_FALSE(bench_report::read("x", "[]").has_value());
    EXPECT_FALSE(bench_report::read("x", R"({"benchmarks": 5})").has_value());
    const auto unnamed = bench_report::read("x", R"({"benchmarks": [{"name": "BM_x", "run_type": "iteration"}]})");
    ASSERT_FALSE(unnamed.has_value());
    EXPECT_THAT(unnamed.error(), HasSubstr("BM_x"));
}

} // namespace

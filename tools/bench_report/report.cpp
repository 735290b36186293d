// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <tools/bench_report/report.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace bench_report {
namespace {

// What Google Benchmark itself puts into an entry: every other number is a user's counter.
constexpr std::string_view own_keys[] = {"repetitions", "repetition_index", "family_index",
                                         "threads",     "iterations",       "per_family_instance_index",
                                         "real_time",   "cpu_time",         "items_per_second"};

double nanoseconds_in(const std::string& unit) {
    return unit == "s" ? 1e9 : unit == "ms" ? 1e6 : unit == "us" ? 1e3 : 1.0;
}

// workload/implementation/parameters without the suffixes that the library itself appends.
std::optional<measurement> split(std::string_view name) {
    std::vector<std::string> parts;
    while (!name.empty()) {
        const auto slash = name.find('/');
        const auto part = name.substr(0, slash);
        const bool appended = part == "real_time" || part == "manual_time" || part == "process_time" ||
                              part.starts_with("repeats:") || part.starts_with("iterations:") ||
                              part.starts_with("min_time:");
        if (!appended) {
            parts.emplace_back(part);
        }
        name = slash == std::string_view::npos ? std::string_view{} : name.substr(slash + 1);
    }
    if (parts.size() < 2) {
        return std::nullopt;
    }
    measurement found{
        .workload = parts[0], .implementation = parts[1], .parameters = {}, .ns_per_item = {}, .counters = {}};
    for (std::size_t i = 2; i < parts.size(); ++i) {
        found.parameters += (i > 2 ? "/" : "") + parts[i];
    }
    return found;
}

std::string si(double value) {
    constexpr std::string_view suffixes[] = {"", " k", " M", " G"};
    std::size_t step = 0;
    while (std::abs(value) >= 10'000 && step + 1 < std::size(suffixes)) {
        value /= 1000;
        ++step;
    }
    return fmt::format("{:.4g}{}", value, suffixes[step]);
}

std::string duration(double ns) {
    return ns < 1e3   ? fmt::format("{:.3g} ns", ns)
           : ns < 1e6 ? fmt::format("{:.3g} us", ns / 1e3)
                      : fmt::format("{:.3g} ms", ns / 1e6);
}

bool is_ours(const measurement& m) {
    return m.implementation == "gantry" || m.implementation.starts_with("gantry_");
}

bool promises_less(const measurement& m) {
    return m.implementation.find("_try") != std::string::npos;
}

// cap:2 before cap:16: digits count as numbers.
bool natural_less(std::string_view a, std::string_view b) {
    const auto is_digit = [](char c) {
        return c >= '0' && c <= '9';
    };
    while (!a.empty() && !b.empty()) {
        if (is_digit(a.front()) && is_digit(b.front())) {
            const auto a_end = std::find_if_not(a.begin(), a.end(), is_digit);
            const auto b_end = std::find_if_not(b.begin(), b.end(), is_digit);
            const std::string_view a_digits(a.begin(), a_end);
            const std::string_view b_digits(b.begin(), b_end);
            if (a_digits != b_digits) {
                return std::pair(a_digits.size(), a_digits) < std::pair(b_digits.size(), b_digits);
            }
            a.remove_prefix(a_digits.size());
            b.remove_prefix(b_digits.size());
        } else {
            if (a.front() != b.front()) {
                return a.front() < b.front();
            }
            a.remove_prefix(1);
            b.remove_prefix(1);
        }
    }
    return a.size() < b.size();
}

// Google Benchmark writes the variation of a counter that was always 0 as NaN, which JSON does not know.
std::string without_nan(std::string_view json) {
    constexpr std::string_view nan = ": NaN";
    constexpr std::string_view null = ": null";
    std::string mended;
    for (std::size_t at = json.find(nan); at != std::string_view::npos; at = json.find(nan)) {
        mended.append(json.substr(0, at)).append(null);
        json.remove_prefix(at + nan.size());
    }
    return mended.append(json);
}

} // namespace

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::expected<run, std::string> read(std::string module, std::string_view json) {
    const auto document = nlohmann::json::parse(without_nan(json), nullptr, false);
    if (document.is_discarded() || !document.is_object() || !document.contains("benchmarks") ||
        !document["benchmarks"].is_array()) {
        return std::unexpected("not a result file of Google Benchmark: expected an object with an array 'benchmarks'");
    }
    run result{.module = std::move(module), .date = {}, .cpus = 0, .mhz = 0, .measurements = {}};
    const auto context = document.value("context", nlohmann::json::object());
    result.date = context.value("date", "");
    result.cpus = context.value("num_cpus", 0U);
    result.mhz = context.value("mhz_per_cpu", 0.0);
    std::vector<std::map<std::string, std::vector<double>>> counters;
    for (const auto& entry : document["benchmarks"]) {
        if (entry.value("run_type", "") != "iteration" || entry.value("error_occurred", false)) {
            continue;
        }
        auto named = split(entry.value("run_name", entry.value("name", "")));
        if (!named) {
            return std::unexpected(
                fmt::format("benchmark '{}' is not named workload/implementation/parameters", entry.value("name", "")));
        }
        auto place = std::find_if(result.measurements.begin(), result.measurements.end(), [&](const measurement& m) {
            return m.workload == named->workload && m.implementation == named->implementation &&
                   m.parameters == named->parameters;
        });
        if (place == result.measurements.end()) {
            place = result.measurements.insert(place, std::move(*named));
            counters.emplace_back();
        }
        const auto index = static_cast<std::size_t>(place - result.measurements.begin());
        const double per_second = entry.value("items_per_second", 0.0);
        place->ns_per_item.push_back(per_second > 0 ? 1e9 / per_second
                                                    : entry.value("real_time", 0.0) *
                                                          nanoseconds_in(entry.value("time_unit", "ns")));
        for (const auto& [key, value] : entry.items()) {
            if (value.is_number() && std::find(std::begin(own_keys), std::end(own_keys), key) == std::end(own_keys)) {
                counters[index][key].push_back(value.get<double>());
            }
        }
    }
    for (std::size_t i = 0; i < counters.size(); ++i) {
        for (auto& [key, values] : counters[i]) {
            result.measurements[i].counters[key] = median(std::move(values));
        }
    }
    return result;
}

std::string page(const std::vector<run>& runs, const page_facts& facts) {
    std::string out = fmt::format("# Benchmarks\n\n"
                                  "Made by `./dev bench` and `./dev docs`; do not edit. Figures are medians over the "
                                  "repetitions of one run, with the lowest and highest repetition behind; `x ours` is "
                                  "the peer's time over ours on the same work in the same run (above 1: ours is "
                                  "faster). Ratios travel between machines, absolute figures do not.\n\n"
                                  "CPU: {}. Compiler: {}. Commit: {}.\n",
                                  facts.cpu, facts.compiler, facts.commit);
    for (const auto& one : runs) {
        out +=
            fmt::format("\n## {}\n\n{} CPUs, {}.\n\n"
                        "| workload | parameters | implementation | per item | lowest - highest | x ours | counters |\n"
                        "|---|---|---|---|---|---|---|\n",
                        one.module, one.cpus, one.date);
        // Repetitions come in random order: what belongs together is put together, ours first.
        auto rows = one.measurements;
        std::sort(rows.begin(), rows.end(), [](const measurement& a, const measurement& b) {
            if (a.workload != b.workload || a.parameters == b.parameters) {
                const bool a_peer = a.implementation != "gantry";
                const bool b_peer = b.implementation != "gantry";
                return std::tie(a.workload, a_peer, a.implementation) < std::tie(b.workload, b_peer, b.implementation);
            }
            return natural_less(a.parameters, b.parameters);
        });
        for (const auto& m : rows) {
            const auto ours = std::find_if(one.measurements.begin(), one.measurements.end(), [&](const measurement& o) {
                return o.implementation == "gantry" && o.workload == m.workload && o.parameters == m.parameters;
            });
            const double mid = median(m.ns_per_item);
            const auto [low, high] = std::minmax_element(m.ns_per_item.begin(), m.ns_per_item.end());
            std::string ratio;
            if (ours != one.measurements.end() && m.implementation != "gantry") {
                ratio = fmt::format("{:.2f}", mid / median(ours->ns_per_item));
            }
            std::string counters;
            for (const auto& [key, value] : m.counters) {
                counters += fmt::format("{}{} {}", counters.empty() ? "" : ", ", key, si(value));
            }
            out += fmt::format("| {} | {} | {} | {} | {} - {} | {} | {} |\n", m.workload, m.parameters,
                               m.implementation, duration(mid), duration(*low), duration(*high), ratio, counters);
        }
    }
    return out;
}

std::string summary(const std::vector<run>& runs) {
    constexpr std::string_view row = "{:<26} {:<24} {:<14} {:>9}  {:<28} {:>9} {:>7} {:>15}  {:<28} {:>7}\n";
    std::string out = fmt::format(fmt::runtime(row), "workload", "parameters", "ours", "per item", "best peer",
                                  "per item", "x ours", "low - high", "best that promises less", "x ours");
    for (const auto& one : runs) {
        std::vector<const measurement*> all;
        for (const auto& m : one.measurements) {
            if (is_ours(m)) {
                all.push_back(&m);
            }
        }
        std::sort(all.begin(), all.end(), [](const measurement* a, const measurement* b) {
            if (a->workload != b->workload) {
                return a->workload < b->workload;
            }
            if (a->parameters != b->parameters) {
                return natural_less(a->parameters, b->parameters);
            }
            return a->implementation < b->implementation;
        });
        for (const measurement* const ours : all) {
            const measurement* best = nullptr;
            const measurement* best_of_less = nullptr;
            for (const auto& m : one.measurements) {
                if (is_ours(m) || m.workload != ours->workload || m.parameters != ours->parameters) {
                    continue;
                }
                const measurement*& place = promises_less(m) ? best_of_less : best;
                if (place == nullptr || median(m.ns_per_item) < median(place->ns_per_item)) {
                    place = &m;
                }
            }
            if (best == nullptr && best_of_less == nullptr) {
                continue;
            }
            const double mid = median(ours->ns_per_item);
            const auto name = [](const measurement* m) {
                return m ? m->implementation : std::string("-");
            };
            const auto ratio = [mid](const measurement* m) {
                return m ? fmt::format("{:.2f}", median(m->ns_per_item) / mid) : std::string("-");
            };
            std::string range = "-";
            if (best != nullptr) {
                const auto [low, high] = std::minmax_element(best->ns_per_item.begin(), best->ns_per_item.end());
                const auto [our_low, our_high] =
                    std::minmax_element(ours->ns_per_item.begin(), ours->ns_per_item.end());
                range = fmt::format("{:.2f} - {:.2f}", *low / *our_high, *high / *our_low);
            }
            out += fmt::format(fmt::runtime(row), ours->workload, ours->parameters, ours->implementation, duration(mid),
                               name(best), best ? duration(median(best->ns_per_item)) : "-", ratio(best), range,
                               name(best_of_less), ratio(best_of_less));
        }
    }
    return out;
}

} // namespace bench_report

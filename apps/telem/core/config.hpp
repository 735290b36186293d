// SPDX-License-Identifier: MIT
#pragma once
//
// config: a topology as a value: read from TOML and checked as a whole, or printed as TOML.
// docs/formats/telem-config.md is its grammar.
//
// Use it when a topology comes from a file, or goes to one. Do not use it when building nodes -> topology.hpp.
//
// Threads: values. Progress: reads in one pass, checks in a second; allocates. Ordering: n/a. Cost: start-up only.
// Failure: read_config returns every problem it finds, each with its place, in the order of the file; only broken TOML
// syntax ends at the first. Any input is safe. Lifetime: values; kinds are static. Origin: `to` lists on the upstream
// node as `forwards` in cernan.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace telem {

struct kind_spec;

struct place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

struct problem {
    place at;
    std::string what; // what is wrong, and what was expected
};

using config_value = std::variant<std::uint64_t, double, std::string, std::vector<double>>;

// Keys and values; every key that there is, defaults filled in.
struct keyed_config {
    std::map<std::string, config_value, std::less<>> values;

    [[nodiscard]] std::uint64_t integer(std::string_view key) const;
    [[nodiscard]] double real(std::string_view key) const;
    [[nodiscard]] const std::string& text(std::string_view key) const;
    [[nodiscard]] const std::vector<double>& reals(std::string_view key) const;
};

// An arrow whose queue goes on on disk; its keys are all_spill_keys() (kinds.hpp).
struct spill_config : keyed_config {
    place at;
};

struct edge_config {
    std::string name;
    place at;
    std::size_t target = 0; // index into config::nodes
    std::optional<spill_config> spill;
};

struct node_config : keyed_config {
    const kind_spec* kind = nullptr;
    std::string name;
    place at;
    std::vector<edge_config> to;
};

struct config {
    std::uint64_t flush_every_ms = 1000;
    std::uint64_t names_bytes_max = 64U << 20U;
    std::vector<node_config> nodes; // in the order of the file
};

inline constexpr std::size_t config_bytes_max = 1U << 20U;

[[nodiscard]] std::expected<config, std::vector<problem>> read_config(std::string_view toml);

// TOML that read_config turns into an equal config.
[[nodiscard]] std::string print_config(const config& shown);

// Section 8 of the mission: UDP on 127.0.0.1:1990, low and high side at 100, CKMS and CMA on the console.
[[nodiscard]] config default_config();

} // namespace telem

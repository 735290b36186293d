// SPDX-License-Identifier: MIT
#pragma once
//
// kinds: the one table of node kinds: what each is called, which keys it has, what goes in and out, how it is made.
//
// Use it when adding a kind (one entry in kinds.cpp) or listing them. Do not use it when running nodes -> station.hpp.
//
// Threads: constant data. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: make functions throw only bad_alloc: what
// could be wrong in a config was found before. Lifetime: static. Origin: n/a.

#include <apps/telem/core/config.hpp>
#include <apps/telem/core/node.hpp>
#include <apps/telem/core/system.hpp>

#include <functional>

namespace telem {

// A size is an integer of bytes, or a string such as "64MiB".
enum class key_type { integer, real, size, text, path, choice, address, quantiles };

struct key_spec {
    std::string_view name;
    key_type type;
    config_value fallback; // empty text or list: the key must be given
    bool required;
    double least;
    double most;
    std::vector<std::string_view> choices;
    std::string_view meaning;
};

// What flows over an arrow.
enum class flow : std::uint8_t { nothing = 0, points = 1, rows = 2, either = 3 };

// What a node is made from, beside its own config.
struct surroundings {
    name_table& names;
    output& console;
    // Called by a node (from its thread) that cannot go on: telem then drains, says why, and fails.
    std::function<void(std::string why)> fail;
};

struct kind_spec {
    std::string_view section; // source, filter, aggregate, sink
    std::string_view name;
    std::string_view meaning;
    flow takes;
    flow gives;
    std::vector<key_spec> keys;
    std::unique_ptr<node> (*make)(const node_config&, const surroundings&); // null for a source
};

[[nodiscard]] std::span<const kind_spec> all_kinds();
[[nodiscard]] const kind_spec* find_kind(std::string_view section, std::string_view name);
[[nodiscard]] std::span<const std::string_view> all_sections();
// The keys of `spill = { ... }` at an arrow.
[[nodiscard]] std::span<const key_spec> all_spill_keys();

// The kinds, one folder-level function each.
[[nodiscard]] std::unique_ptr<node> make_low(const node_config&, const surroundings&);
[[nodiscard]] std::unique_ptr<node> make_high(const node_config&, const surroundings&);
[[nodiscard]] std::unique_ptr<node> make_ckms(const node_config&, const surroundings&);
[[nodiscard]] std::unique_ptr<node> make_moving_average(const node_config&, const surroundings&);
[[nodiscard]] std::unique_ptr<node> make_console(const node_config&, const surroundings&);

} // namespace telem

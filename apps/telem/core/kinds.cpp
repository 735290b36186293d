// SPDX-License-Identifier: MIT
#include <apps/telem/core/kinds.hpp>

#include <algorithm>
#include <array>

namespace telem {
namespace {

key_spec integer(std::string_view name, std::uint64_t fallback, double least, double most, std::string_view meaning) {
    return {name, key_type::integer, fallback, false, least, most, {}, meaning};
}

key_spec size(std::string_view name, std::uint64_t fallback, double least, double most, std::string_view meaning) {
    return {name, key_type::size, fallback, false, least, most, {}, meaning};
}

key_spec limit_key() {
    return {
        "limit", key_type::integer, std::uint64_t{100}, true, 0, 4294967295.0, {}, "the value that is compared with"};
}

key_spec queue_key() {
    return integer("queue_blocks", 32, 1, 65536,
                   "how many blocks (of up to 4096 points) wait before this node at most");
}

key_spec label_key(std::string_view fallback) {
    return {"label", key_type::text, std::string(fallback), false, 1, 64, {}, "printed in brackets before each figure"};
}

key_spec bytes_key() {
    return size("bytes_max", 256U << 20U, 65536, 1e15,
                "memory for what is kept per name; beyond it points are refused");
}

} // namespace

std::span<const kind_spec> all_kinds() {
    static const std::vector<kind_spec> kinds{
        {"source",
         "udp",
         "lines of `name value` in UDP datagrams",
         flow::nothing,
         flow::points,
         {{"listen", key_type::address, std::string("127.0.0.1:1990"), true, 0, 0, {}, "address and port"},
          {"protocol", key_type::choice, std::string("line"), false, 0, 0, {"line"}, "how a datagram is read"},
          size("receive_buffer_bytes", 8U << 20U, 4096, 1U << 30U, "what the kernel may hold; it may give less")},
         nullptr},
        {"filter",
         "low",
         "passes points with value <= limit",
         flow::points,
         flow::points,
         {limit_key(), queue_key()},
         make_low},
        {"filter",
         "high",
         "passes points with value >= limit",
         flow::points,
         flow::points,
         {limit_key(), queue_key()},
         make_high},
        {"aggregate",
         "ckms",
         "quantiles per name, over all its points",
         flow::points,
         flow::rows,
         {label_key("CKMS"),
          {"mode",
           key_type::choice,
           std::string("low_biased"),
           false,
           0,
           0,
           {"low_biased", "high_biased", "uniform"},
           "where the ranks are most exact"},
          {"epsilon", key_type::real, 0.01, false, 0.0001, 0.5, {}, "the error allowed, as a share of the rank"},
          {"quantiles",
           key_type::quantiles,
           std::vector<double>{0, 0.25, 0.5, 0.75, 0.9, 0.99},
           false,
           0,
           1,
           {},
           "which quantiles are reported, rising"},
          bytes_key(),
          queue_key()},
         make_ckms},
        {"aggregate",
         "moving_average",
         "the mean per name, over all its points",
         flow::points,
         flow::rows,
         {label_key("CMA"), bytes_key(), queue_key()},
         make_moving_average},
        {"sink",
         "console",
         "prints on standard output",
         flow::either,
         flow::nothing,
         {{"format",
           key_type::choice,
           std::string("text"),
           false,
           0,
           0,
           {"text", "json"},
           "lines for people, or an object a line for machines"},
          queue_key()},
         make_console},
    };
    return kinds;
}

const kind_spec* find_kind(std::string_view section, std::string_view name) {
    const auto kinds = all_kinds();
    const auto found = std::ranges::find_if(
        kinds, [&](const kind_spec& kind) { return kind.section == section && kind.name == name; });
    return found == kinds.end() ? nullptr : &*found;
}

std::span<const key_spec> all_spill_keys() {
    static const std::vector<key_spec> keys{
        {"dir", key_type::path, std::string(), true, 1, 4095, {}, "the directory for what does not fit into memory"},
        size("memory", 64U << 20U, 1U << 20U, 1e15, "what may wait in memory"),
        size("disk", 1U << 30U, 1U << 20U, 1e18, "what may lie in the directory; at least as much as memory"),
        {"durability",
         key_type::choice,
         std::string("volatile_overflow"),
         false,
         0,
         0,
         {"volatile_overflow", "durable_on_drain", "durable"},
         "what a restart finds again"},
        {"when_full",
         key_type::choice,
         std::string("block"),
         false,
         0,
         0,
         {"block", "refuse", "drop_newest", "drop_oldest"},
         "what happens to points when neither memory nor disk has room"},
        {"sync",
         key_type::choice,
         std::string("none"),
         false,
         0,
         0,
         {"none", "segment", "each"},
         "what is safe from a power cut, with durability `durable`"},
    };
    return keys;
}

std::span<const std::string_view> all_sections() {
    static constexpr std::array<std::string_view, 4> sections{"source", "filter", "aggregate", "sink"};
    return sections;
}

} // namespace telem

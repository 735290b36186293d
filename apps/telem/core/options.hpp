// SPDX-License-Identifier: MIT
#pragma once
//
// options: what the command line asks for, and its effect on a config.
//
// Use it when telem starts. Do not use it when a setting belongs into the config file: flags are few.
//
// Threads: values. Progress: allocates. Ordering: n/a. Cost: n/a. Failure: one line that says what is wrong.
// Lifetime: values. Origin: n/a.

#include <apps/telem/core/config.hpp>

#include <optional>

namespace telem {

enum class action { run, check, print_config, help, version, man };

struct options {
    action what = action::run;
    std::string file; // of --config or check; empty: the built-in topology
    std::optional<std::string> listen;
    std::optional<std::uint32_t> limit;
    bool json = false;
};

[[nodiscard]] std::expected<options, std::string> read_options(int argc, const char* const* argv);

// --limit for every filter, --listen for the only source, --json for every console.
[[nodiscard]] std::expected<void, std::string> apply(const options& asked, config& to);

} // namespace telem

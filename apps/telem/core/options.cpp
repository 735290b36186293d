// SPDX-License-Identifier: MIT
#include <apps/telem/core/address.hpp>
#include <apps/telem/core/kinds.hpp>
#include <apps/telem/core/options.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace telem {

std::expected<options, std::string> read_options(int argc, const char* const* argv) {
    options read;
    bool help = false;
    bool version = false;
    bool print = false;
    bool man = false;
    std::string config_file;
    std::string listen;
    std::uint64_t limit = 0;

    CLI::App app;
    app.set_help_flag(); // the text is ours
    app.add_flag("--help,-h", help);
    app.add_flag("--version", version);
    app.add_flag("--man", man);
    app.add_flag("--print-config", print);
    app.add_flag("--json", read.json);
    app.add_option("--config", config_file);
    auto* const listen_option = app.add_option("--listen", listen);
    auto* const limit_option =
        app.add_option("--limit", limit)->check(CLI::Range(std::uint64_t{0}, std::uint64_t{4294967295}));
    auto* const check = app.add_subcommand("check");
    check->set_help_flag();
    check->add_flag("--help,-h", help);
    auto* const file = check->add_option("FILE", read.file);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& wrong) {
        std::string line = wrong.what();
        std::ranges::replace(line, '\n', ' ');
        return std::unexpected(line);
    }

    if (help) {
        read.what = action::help;
    } else if (version) {
        read.what = action::version;
    } else if (man) {
        read.what = action::man;
    } else if (check->parsed()) {
        read.what = action::check;
        if (file->count() == 0) {
            return std::unexpected("check needs a FILE");
        }
        if (app.count_all() > check->count_all() + 1) {
            return std::unexpected("check takes a FILE and no other option");
        }
        return read;
    } else if (print) {
        read.what = action::print_config;
    }
    read.file = config_file;
    if (listen_option->count() != 0) {
        if (const auto parsed = parse_address(listen); !parsed) {
            return std::unexpected("--listen: " + parsed.error());
        }
        read.listen = listen;
    }
    if (limit_option->count() != 0) {
        read.limit = static_cast<std::uint32_t>(limit);
    }
    return read;
}

std::expected<void, std::string> apply(const options& asked, config& to) {
    if (asked.listen) {
        const auto is_source = [](const node_config& one) {
            return one.kind->takes == flow::nothing;
        };
        if (std::ranges::count_if(to.nodes, is_source) != 1) {
            return std::unexpected("--listen needs a topology with exactly one source");
        }
        std::ranges::find_if(to.nodes, is_source)->values.insert_or_assign("listen", *asked.listen);
    }
    for (node_config& one : to.nodes) {
        if (const auto limit = one.values.find("limit"); asked.limit && limit != one.values.end()) {
            limit->second = std::uint64_t{*asked.limit};
        }
        if (const auto format = one.values.find("format"); asked.json && format != one.values.end()) {
            format->second = std::string("json");
        }
    }
    return {};
}

} // namespace telem

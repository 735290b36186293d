// SPDX-License-Identifier: MIT
#include <apps/telem/core/help.hpp>
#include <apps/telem/core/options.hpp>
#include <apps/telem/core/runtime.hpp>
#include <gantry/base/posix_storage.hpp>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace {

using telem::exit_code;

std::expected<std::string, std::string> read_file(const std::string& name) {
    struct stat facts{};
    if (::stat(name.c_str(), &facts) != 0) {
        return std::unexpected(fmt::format("cannot read {}: {}", name, std::strerror(errno)));
    }
    if (S_ISDIR(facts.st_mode)) {
        return std::unexpected(fmt::format("cannot read {}: it is a directory", name));
    }
    std::ifstream in(name, std::ios::binary);
    std::string text(telem::config_bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.is_open() || in.bad()) {
        return std::unexpected(fmt::format("cannot read {}: {}", name, std::strerror(errno)));
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

// The config of the file, or of no file; what is wrong with it goes to the log.
std::optional<telem::config> load(const std::string& file, spdlog::logger& log) {
    if (file.empty()) {
        return telem::default_config();
    }
    const auto text = read_file(file);
    if (!text) {
        log.error("error: {}", text.error());
        return std::nullopt;
    }
    auto read = telem::read_config(*text);
    if (!read) {
        for (const telem::problem& one : read.error()) {
            // Without a prefix, so that editors find the place.
            fmt::print(stderr, "{}:{}:{}: {}\n", file, one.at.line, one.at.column, one.what);
        }
        return std::nullopt;
    }
    return std::move(*read);
}

exit_code print(std::string_view text, spdlog::logger& log) {
    if (const auto wrote = telem::file_output(STDOUT_FILENO)->write(text); !wrote) {
        log.error("error: cannot write to standard output: {}", wrote.error());
        return exit_code::failed;
    }
    return exit_code::ok;
}

exit_code start(int argc, const char* const* argv, spdlog::logger& log) {
    const auto asked = telem::read_options(argc, argv);
    if (!asked) {
        log.error("error: {} (see telem --help)", asked.error());
        return exit_code::usage;
    }
    switch (asked->what) {
    case telem::action::help:
        return print(telem::help_text(), log);
    case telem::action::man:
        return print(telem::man_page(), log);
    case telem::action::version:
        return print("telem " GANTRY_VERSION "\n", log);
    case telem::action::check:
    case telem::action::print_config:
    case telem::action::run:
        break;
    }
    auto config = load(asked->file, log);
    if (!config) {
        return exit_code::failed;
    }
    if (asked->what == telem::action::check) {
        return print(asked->file + ": ok\n", log);
    }
    if (const auto applied = telem::apply(*asked, *config); !applied) {
        log.error("error: {}", applied.error());
        return exit_code::usage;
    }
    if (asked->what == telem::action::print_config) {
        return print(telem::print_config(*config), log);
    }
    const auto time = telem::system_clock();
    const auto sockets = telem::system_network();
    const auto console = telem::file_output(STDOUT_FILENO);
    gantry::posix_storage disk;
    return telem::run(*config, {*time, *sockets, *console, telem::name_secret::draw(), &disk},
                      [&](std::string_view line) { log.info("{}", line); });
}

} // namespace

int main(int argc, char** argv) {
    spdlog::logger log("telem", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    log.set_pattern("telem: %v");
    log.flush_on(spdlog::level::trace);
    try {
        return static_cast<int>(start(argc, argv, log));
    } catch (const std::exception& thrown) {
        log.error("error: {}", thrown.what());
        return static_cast<int>(exit_code::failed);
    }
}

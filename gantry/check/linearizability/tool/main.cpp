// SPDX-License-Identifier: MIT
// gantry-linear: judges a recorded history.
#include <gantry/check/linearizability/history_file.hpp>
#include <gantry/check/linearizability/history_page.hpp>
#include <gantry/check/linearizability/history_text.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace gantry::check;

constexpr int exit_violated = 1;
constexpr int exit_bad = 2;
constexpr int exit_unknown = 3;

struct asked {
    std::string file;
    std::string object;
    std::optional<std::uint64_t> capacity;
    std::optional<std::uint64_t> k;
    condition what = condition::linearizable;
    bool whole = false;
    std::uint64_t states_max = history_options{}.states_max;
    double seconds = 0;
    std::string html;
    bool json = false;
};

int bad(const std::string& what) {
    std::fprintf(stderr, "gantry-linear: %s\n", what.c_str());
    return exit_bad;
}

std::optional<std::string> read_all(const std::string& name) {
    if (name == "-") {
        return std::string(std::istreambuf_iterator<char>(std::cin), {});
    }
    std::ifstream in(name, std::ios::binary);
    std::error_code ignored;
    if (!in || std::filesystem::is_directory(name, ignored)) {
        return std::nullopt;
    }
    std::string text(std::istreambuf_iterator<char>(in), {});
    return in.bad() ? std::nullopt : std::optional(std::move(text));
}

const char* name_of(verdict is) {
    switch (is) {
    case verdict::holds:
        return "holds";
    case verdict::violated:
        return "violated";
    case verdict::unknown:
        return "unknown";
    }
    return "";
}

void print(const history_file& file, const history_result& result, const std::string& wanted) {
    switch (result.is) {
    case verdict::holds:
        std::printf("%s: yes\n", wanted.c_str());
        break;
    case verdict::violated:
        std::printf("%s: no\n", wanted.c_str());
        break;
    case verdict::unknown:
        std::printf("%s: not known at the limit\n", wanted.c_str());
        break;
    }
    std::printf("%zu operations in %zu parts, %llu states\n", file.all.size(), result.parts,
                static_cast<unsigned long long>(result.states));
    std::printf("%s", explained(file.all, result).c_str());
}

void print_json(const history_file& file, const history_result& result) {
    nlohmann::json out = {{"verdict", name_of(result.is)}, {"operations", file.all.size()}, {"parts", result.parts},
                          {"states", result.states},       {"order", result.order},         {"part", result.part}};
    if (result.stuck) {
        out["stuck"] = *result.stuck;
    }
    std::printf("%s\n", out.dump().c_str());
}

int run(const asked& options) {
    const auto text = read_all(options.file);
    if (!text) {
        return bad("cannot read " + options.file);
    }
    auto file = read_history(*text);
    if (!file) {
        const std::string line = file.error().line == 0 ? "" : ":" + std::to_string(file.error().line);
        return bad(options.file + line + ": " + file.error().what);
    }
    if (!options.object.empty()) {
        file->object = options.object;
    }
    if (options.capacity) {
        file->capacity = *options.capacity;
    }
    if (options.k) {
        file->k = *options.k;
    }
    history_options how{.what = options.what, .partition = !options.whole, .states_max = options.states_max};
    if (options.seconds > 0) {
        how.time = std::chrono::nanoseconds(static_cast<std::int64_t>(options.seconds * 1e9));
    }
    const auto result = check_file(*file, how);
    if (!result) {
        const bool unnamed = file->object.empty();
        return bad(options.file + ": " + result.error().what + (unnamed ? "; expected --object" : ""));
    }
    const std::string wanted = name_of(options.what);
    if (!options.html.empty()) {
        std::vector<page_bar> bars;
        for (const auto& each : file->all) {
            bars.push_back({.thread = each.thread, .call = each.call, .end = each.end, .label = text_of(each)});
        }
        std::ofstream out(options.html, std::ios::binary);
        out << history_page(bars, *result, options.file + " as a " + file->object + ", " + wanted);
        out.flush();
        if (!out) {
            return bad("cannot write " + options.html);
        }
    }
    if (options.json) {
        print_json(*file, *result);
    } else {
        print(*file, *result, wanted);
    }
    switch (result->is) {
    case verdict::holds:
        return 0;
    case verdict::violated:
        return exit_violated;
    case verdict::unknown:
        return exit_unknown;
    }
    return exit_bad;
}

// A whole number of at least `least`: the parser takes -1 for a large one.
CLI::Validator at_least(std::uint64_t least) {
    return {[least](const std::string& text) {
                std::uint64_t value = 0;
                const char* const end = text.data() + text.size();
                const auto [stop, error] = std::from_chars(text.data(), end, value);
                return error == std::errc() && stop == end && value >= least
                           ? std::string()
                           : "'" + text + "' is no whole number from " + std::to_string(least);
            },
            "", "whole"};
}

CLI::Validator one_of(std::vector<std::string> names) {
    return {[names = std::move(names)](const std::string& text) {
                if (std::ranges::find(names, text) != names.end()) {
                    return std::string();
                }
                std::string wrong = "'" + text + "' is none of";
                for (const std::string& each : names) {
                    wrong += " " + each;
                }
                return wrong;
            },
            "", "name"};
}

CLI::Validator duration() {
    return {[](const std::string& text) {
                double value = -1;
                const char* const end = text.data() + text.size();
                const auto [stop, error] = std::from_chars(text.data(), end, value);
                return error == std::errc() && stop == end && value >= 0 && value <= 1e6
                           ? std::string()
                           : "'" + text + "' is no number of seconds from 0 to 1000000";
            },
            "", "seconds"};
}

} // namespace

int main(int argc, char** argv) try {
    asked options;
    CLI::App app{"Says whether an order of the operations of a recorded history explains all their results.",
                 "gantry-linear"};
    app.footer("Exit status: 0 yes, 1 no, 2 bad usage or a bad file, 3 not known at a limit.\n"
               "The format of histories is described in docs/formats/history.md.");
    std::vector<std::string> objects;
    for (const std::string_view each : history_objects()) {
        objects.emplace_back(each);
    }
    app.add_option("FILE", options.file, "the history; - for standard input")->required();
    app.add_option("--object", options.object, "the object, instead of what the file says")->check(one_of(objects));
    app.add_option("--capacity", options.capacity, "of a queue: when try_push fails (0: never)")->check(at_least(0));
    app.add_option("--k", options.k, "of a relaxed-queue: how many of the oldest a pop may choose from")
        ->check(at_least(1));
    std::string what = name_of(options.what);
    app.add_option("--condition", what, "linearizable (default), quiescent or sequential")
        ->check(one_of({"linearizable", "quiescent", "sequential"}));
    app.add_flag("--whole", options.whole, "do not search the keys of a set or map apart");
    app.add_option("--states", options.states_max, "stop after so many states")
        ->check(at_least(0))
        ->capture_default_str();
    app.add_option("--seconds", options.seconds, "stop after so long (0: never)")->check(duration());
    app.add_option("--html", options.html, "write a picture of the history to this file");
    app.add_flag("--json", options.json, "one JSON object; indices count the operations of the file from 0");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return app.exit(error);
        }
        return bad(std::string(error.what()) + "; --help says how it is called");
    }
    for (const condition each : {condition::linearizable, condition::quiescent, condition::sequential}) {
        if (what == name_of(each)) {
            options.what = each;
        }
    }
    return run(options);
} catch (const std::exception& error) {
    std::fprintf(stderr, "gantry-linear: %s\n", error.what());
    return exit_bad;
}

// SPDX-License-Identifier: MIT
// Rule benchmarks: names that can be compared, clocks that do not lie.
#include <fmt/format.h>
#include <tools/tidy/atomic_calls.hpp>
#include <tools/tidy/rules.hpp>
#include <tools/tidy/text.hpp>

#include <algorithm>
#include <array>
#include <map>

namespace tidy {

namespace {

bool is_benchmark(const source& file) {
    return file.is_cpp() && stem_of(file.path()).ends_with("_bench") &&
           std::ranges::any_of(file.includes(),
                               [](const include& used) { return used.path == "benchmark/benchmark.h"; });
}

bool has_word(std::span<const token> tokens, std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(
        tokens, [&](const token& t) { return t.is_identifier() && std::ranges::find(words, t.text) != words.end(); });
}

// What is wrong with a name; empty when nothing is. `{}` stands for anything.
std::string fault_of_name(std::string_view name) {
    std::vector<std::string_view> parts;
    for (auto rest = name;;) {
        const auto end = rest.find('/');
        parts.push_back(rest.substr(0, end));
        if (end == std::string_view::npos) {
            break;
        }
        rest = rest.substr(end + 1);
    }
    if (parts.size() < 3) {
        return "it has fewer than three parts";
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto part = parts[i];
        if (part.empty() || part.find(' ') != std::string_view::npos) {
            return "a part is empty or has a blank";
        }
        if (i >= 2 && std::ranges::all_of(part, [](char c) { return (c >= '0' && c <= '9') || c == '.'; })) {
            return fmt::format("parameter {} has no key", part);
        }
        if (i >= 2 && (part.starts_with(':') || part.ends_with(':'))) {
            return fmt::format("parameter {} has no key or no value", part);
        }
    }
    return {};
}

struct registration {
    std::span<const token> statement;
    std::size_t line = 0;
    std::string_view name; // the literal without quotes; empty when it is put together at run time
    bool macro = false;
    bool named = false;
    bool kept = false; // the result is used further on
};

std::string_view unquoted(std::string_view literal) {
    return literal.substr(1, literal.size() - 2);
}

std::vector<registration> find_registrations(const source& file) {
    static constexpr std::array<std::string_view, 7> macros = {
        "BENCHMARK",           "BENCHMARK_CAPTURE",    "BENCHMARK_TEMPLATE", "BENCHMARK_TEMPLATE1",
        "BENCHMARK_TEMPLATE2", "BENCHMARK_REGISTER_F", "BENCHMARK_F"};
    std::vector<registration> found;
    const auto tokens = file.tokens();
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        const bool macro = std::ranges::find(macros, tokens[i].text) != macros.end() && tokens[i].is_identifier();
        if (!(macro || tokens[i].is("RegisterBenchmark")) || !tokens[i + 1].is("(") ||
            (i > 0 && tokens[i - 1].is("define"))) {
            continue;
        }
        // To the end of the statement, or of the macro that holds it.
        std::size_t end = closing_bracket(tokens, i + 1);
        while (end < tokens.size() && !tokens[end].is(";") && tokens[end].kind != token_kind::directive_end) {
            const bool opens = tokens[end].is("(") || tokens[end].is("{");
            end = opens ? closing_bracket(tokens, end) + 1 : end + 1;
        }
        end = std::min(end, tokens.size());
        registration each{tokens.subspan(i, end - i), tokens[i].line, {}, macro, false, false};
        std::size_t before = i;
        while (before > 0 && (tokens[before - 1].is("::") || tokens[before - 1].is("benchmark"))) {
            --before;
        }
        each.kept = before > 0 && (tokens[before - 1].is("=") || tokens[before - 1].is("return") ||
                                   tokens[before - 1].is("(") || tokens[before - 1].is(","));
        const auto literal = [&](std::size_t at) {
            return at + 1 < each.statement.size() && each.statement[at].kind == token_kind::string &&
                           each.statement[at].text.starts_with('"') &&
                           (each.statement[at + 1].is(",") || each.statement[at + 1].is(")"))
                       ? unquoted(each.statement[at].text)
                       : std::string_view{};
        };
        if (!macro) {
            each.named = true;
            each.name = literal(2);
        }
        for (std::size_t at = 0; at + 2 < each.statement.size(); ++at) {
            if (each.statement[at].is("Name") && each.statement[at + 1].is("(")) {
                each.named = true;
                each.name = literal(at + 2);
            }
        }
        found.push_back(each);
    }
    return found;
}

void check_registration(const source& file, const registration& each, reporter& report) {
    if (!each.named) {
        report(file, each.line,
               "benchmark without a name of its own; expected ->Name(\"<workload>/<implementation>/<parameters>\")");
    } else if (!each.name.empty()) {
        // What Arg and its kind append to the name counts as parameters.
        const bool appended = has_word(each.statement, {"ArgName", "ArgNames", "Threads", "ThreadRange", "Apply"});
        const auto fault = fault_of_name(appended ? std::string(each.name) + "/key:value" : std::string(each.name));
        if (!fault.empty()) {
            report(
                file, each.line,
                fmt::format("benchmark {}: {}; expected <workload>/<implementation>/<key:value>...", each.name, fault));
        }
    }
    if (has_word(each.statement, {"Arg", "Args", "Range", "Ranges", "DenseRange", "ArgsProduct"}) &&
        !has_word(each.statement, {"ArgName", "ArgNames"})) {
        report(file, each.line,
               "benchmark with arguments that have no key; expected ->ArgName(...) or ->ArgNames(...)");
    }
    const bool real = has_word(each.statement, {"UseRealTime", "UseManualTime"});
    const bool elsewhere =
        (each.kept || has_word(each.statement, {"Apply"})) && has_word(file.tokens(), {"UseRealTime", "UseManualTime"});
    if (!real && !elsewhere) {
        report(file, each.line, "benchmark on CPU time; expected ->UseRealTime() or ->UseManualTime()");
    }
}

// What one binary is made of: a module, or a folder in it that has a CMakeLists.txt of its own.
std::string_view home_of(const tree& all, const source& file) {
    const auto module = file.module();
    if (module.empty()) {
        return module;
    }
    std::string_view folder = file.path();
    for (;;) {
        folder = folder.substr(0, folder.rfind('/'));
        if (folder.ends_with(module) && folder.find('/') == folder.rfind('/')) {
            return module;
        }
        if (all.find(std::string(folder) + "/CMakeLists.txt") != nullptr) {
            return folder;
        }
    }
}

} // namespace

void check_benchmarks(const tree& all, reporter& report) {
    std::map<std::string_view, std::vector<const source*>> mains;
    std::map<std::string_view, const source*> first;
    for (const auto& file : all.files()) {
        if (!is_benchmark(file)) {
            continue;
        }
        const auto registrations = find_registrations(file);
        for (const auto& each : registrations) {
            check_registration(file, each, report);
        }
        if (!registrations.empty() &&
            !has_word(file.tokens(), {"SetItemsProcessed", "SetBytesProcessed", "counters"})) {
            report(file, registrations[0].line,
                   "benchmarks that set no items; expected SetItemsProcessed, SetBytesProcessed or counters");
        }
        if (const auto home = home_of(all, file); !home.empty()) {
            first.emplace(home, &file);
            if (has_word(file.tokens(), {"BENCHMARK_MAIN", "main"})) {
                mains[home].push_back(&file);
            }
        }
    }
    for (const auto& [module, file] : first) {
        const auto& with_main = mains[module];
        if (with_main.empty()) {
            report(*file, 1, fmt::format("no benchmark of {} has BENCHMARK_MAIN(); expected it in one", module));
        }
        for (std::size_t i = 1; i < with_main.size(); ++i) {
            report(*with_main[i], 1,
                   fmt::format("second BENCHMARK_MAIN() of {}, after {}; expected one", module, with_main[0]->path()));
        }
    }
}

} // namespace tidy

// SPDX-License-Identifier: MIT
// The bug museum: published defects, made again as small programs that the checker must find, and their repairs, which
// it must find nothing in. docs/BUG_MUSEUM.md is this program's table.
//
// The exhibits are the programs, here and in ../corpus, that say where they were seen.
#include <gantry/check/corpus/test_corpus.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gantry::check;

// More steps than any of the programs needs that come to an end.
constexpr std::uint64_t steps_max = 600;
constexpr double seconds_max = 20;

// A search that needs more to find an exhibit has lost something.
constexpr std::uint64_t executions_max = 300;

// `minimise`: as a report needs it; the time that a search takes is told without it.
model_result run(const corpus::program& p, bool minimise, const std::string& token = {}) {
    const model_options options{
        .seconds_max = seconds_max, .steps_max = steps_max, .minimise = minimise ? 2.0 : 0, .replay = token};
    return model(options, [](void* body) { reinterpret_cast<void (*)()>(body)(); }, reinterpret_cast<void*>(p.body));
}

const corpus::program* find(std::string_view name) {
    const std::vector<corpus::program>& all = corpus::programs();
    const auto at = std::find_if(all.begin(), all.end(), [&](const corpus::program& p) { return p.name == name; });
    return at == all.end() ? nullptr : &*at;
}

bool on_show(const corpus::program& p) {
    return p.expected != fault::none && *p.text.seen != '\0';
}

// A search's length as a reader wants it: how long it takes differs from machine to machine.
const char* length_of(double seconds) {
    return seconds < 0.01 ? "< 10 ms" : seconds < 0.1 ? "< 0.1 s" : seconds < 1 ? "< 1 s" : "< 20 s";
}

std::string ran(const model_result& r) {
    return std::to_string(r.executions) + " | " + length_of(r.seconds);
}

// What of a row does not depend on the machine.
std::string beginning_of_row(const corpus::program& p) {
    return "\n| `" + std::string(p.name) + "` | " + p.text.seen + " | " + p.text.what + " | " + name_of(p.expected) +
           " | ";
}

int compare_with_page(const char* path) {
    std::ifstream file(path);
    const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    int wrong = 0;
    int exhibits = 0;
    for (const corpus::program& p : corpus::programs()) {
        if (!on_show(p)) {
            continue;
        }
        ++exhibits;
        const std::size_t at = page.find(beginning_of_row(p));
        const corpus::program* const twin = find(p.text.twin);
        const bool right = at != std::string::npos && twin != nullptr && twin->expected == fault::none &&
                           std::string_view(page)
                               .substr(at + 1, page.find('\n', at + 1) - at - 1)
                               .contains("| `" + std::string(twin->name) + "` | ");
        wrong += right ? 0 : 1;
        if (!right) {
            std::printf("WRONG %s is not on the page, or not as it is: museum --markdown\n", p.name);
        }
    }
    std::printf("%s %d exhibits are on the page\n", wrong == 0 ? "ok   " : "WRONG", exhibits);
    return wrong;
}

constexpr const char* above_the_table =
    R"(# The bug museum

Defects of lock-free and blocking code that were released, reported and (most of them) repaired in public, and a few that
textbooks warn of. Each is made again as a small program of our own: what went wrong is the same, the code is not theirs,
and what was Rust, C, C# or Pony is C++ here. The model checker ([gantry/check](../gantry/check/README.md)) must find each by
an exhaustive search, and again by its replay token, and must find nothing in the repaired twin, whose search must come to
its end.

Made by `museum --markdown`. `museum` is run by ctest, and so is a comparison of this page with the exhibits; `museum NAME`
prints the report on one. *Executions* is how many the search ran, the faulty one included; for a twin, all that there are and
those given up because a thread waited for a value that it had seen. *Time* is that of a 2.1 GHz x86-64 with two CPUs that was
busy with builds; it includes reading names for the report from debug information, and differs from machine to machine.

| exhibit | seen in | what went wrong | found as | executions | time | twin | executions | time |
|---|---|---|---|---|---|---|---|---|)";

constexpr const char* below_the_table =
    R"(
Most are found within ten executions, none takes more than 300. In their own programs they were rarer: tokio's showed itself
every few seconds on 36 hardware threads, oneTBB's #2136 after hours or days on an Arm server, and those that are an order too
weak cannot show on an x86 unless the compiler moves something.

The programs are in [gantry/check/museum](../gantry/check/museum/test_channels.cpp) and
[gantry/check/corpus](../gantry/check/corpus/README.md). Looked for and not shown:

- parking_lot #489 is the report of a deadlock in upgrading a lock, and its repair (#490) calls it a false positive of the
  lock's own deadlock detection: no fault of the lock. Two others of that lock, #101 and #212, are here.
- folly #1969: no text of that number was found. #2701 is here, as its reporter explains it; no cause was confirmed.
- Linux's qspinlock under the kernel's own memory model (Paolillo and others, 2021): the report is about orders that C++ does
  not have. Its mixed-size accesses are here.
- moodycamel's #325 (a block freed while it is read) has the same shape as #404, which is here.)";

constexpr const char* usage =
    "usage: museum [NAME...] [--markdown] [--page FILE]\n"
    "Runs all exhibits or the named ones, each with its repaired twin. A named one's report is printed.\n"
    "--markdown   prints docs/BUG_MUSEUM.md\n"
    "--page FILE  runs nothing, and compares what the page says with the exhibits\n"
    "Exit codes: 0 all as it should be, 1 not, 2 a wrong argument.\n";

} // namespace

int main(int argc, char** argv) {
    bool markdown = false;
    std::vector<std::string_view> wanted;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--help") {
            std::fputs(usage, stdout);
            return 0;
        }
        if (argument == "--page" && i + 1 < argc) {
            return compare_with_page(argv[i + 1]) == 0 ? 0 : 1;
        }
        if (argument == "--markdown") {
            markdown = true;
            continue;
        }
        const corpus::program* const p = find(argument);
        if (p == nullptr || !on_show(*p)) {
            std::fprintf(stderr, "museum: no exhibit is called %s\n%s", argv[i], usage);
            return 2;
        }
        wanted.push_back(argument);
    }
    if (markdown) {
        std::puts(above_the_table);
    }
    int wrong = 0;
    for (const corpus::program& p : corpus::programs()) {
        if (!on_show(p) || (!wanted.empty() && std::find(wanted.begin(), wanted.end(), p.name) == wanted.end())) {
            continue;
        }
        const corpus::program* const twin = find(p.text.twin);
        const model_result found = run(p, !wanted.empty());
        const model_result again = found.ok() ? model_result{} : run(p, false, found.token);
        const model_result repaired = twin == nullptr ? model_result{} : run(*twin, false);
        const bool right = found.found == p.expected && found.executions <= executions_max &&
                           again.found == p.expected && repaired.ok() && repaired.exhaustive;
        wrong += right ? 0 : 1;
        if (markdown) {
            std::printf("| `%s` | %s | %s | %s | %s | `%s` | %s |\n", p.name, p.text.seen, p.text.what,
                        name_of(p.expected), ran(found).c_str(), p.text.twin, ran(repaired).c_str());
        } else {
            std::printf("%s %-40s expected %s, found %s after %llu in %.3f s; %s %s, %llu in %.3f s\n",
                        right ? "ok   " : "WRONG", p.name, name_of(p.expected), name_of(found.found),
                        static_cast<unsigned long long>(found.executions), found.seconds, p.text.twin,
                        repaired.exhaustive && repaired.ok() ? "exhaustive" : "NOT PROVED",
                        static_cast<unsigned long long>(repaired.executions), repaired.seconds);
        }
        if (!wanted.empty()) {
            std::printf("%s\n%s", found.report.c_str(), repaired.report.c_str());
        } else if (!right) {
            std::printf("%s\n%s\n", found.summary.c_str(), repaired.summary.c_str());
        }
        std::fflush(stdout);
    }
    if (markdown) {
        std::puts(below_the_table);
    }
    return wrong == 0 ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// Runs the peers: each must show what docs/PEERS.md says of it, and nothing else.
#include <gantry/check/peers/test_peers.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gantry::check;

constexpr std::uint64_t steps_max = 5'000;

model_result run(const peers::peer& p, double seconds) {
    model_options options{.seconds_max = seconds, .steps_max = steps_max, .leaks = p.bounds.leaks};
    if (p.bounds.random != 0) {
        options.mode = search::random;
        options.executions_max = p.bounds.random;
    }
    return model(options, [](void* body) { reinterpret_cast<void (*)()>(body)(); }, reinterpret_cast<void*>(p.body));
}

std::string row(const peers::peer& p, const model_result& r) {
    std::string text = "| `" + std::string(p.name) + "` | " + p.library + " | ";
    text += p.expected == fault::none ? "nothing | " : std::string(name_of(p.expected)) + " | ";
    if (p.expected != fault::none) {
        text += p.bounds.why;
    } else if (p.bounds.random != 0) {
        text += std::to_string(p.bounds.random) + " random executions";
    } else {
        text += "exhaustive, " + std::to_string(r.graphs) + " graphs";
    }
    return text + " |";
}

int compare_with_page(const char* path) {
    std::ifstream file(path);
    const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    int wrong = 0;
    for (const peers::peer& p : peers::all()) {
        const std::string begin = "\n| `" + std::string(p.name) + "` | " + p.library + " | " +
                                  (p.expected == fault::none ? "nothing" : name_of(p.expected)) + " |";
        if (page.find(begin) == std::string::npos) {
            ++wrong;
            std::printf("WRONG %s is not on the page, or not as it is: peers --markdown\n", p.name);
        }
    }
    std::printf("%s %zu peers are on the page\n", wrong == 0 ? "ok   " : "WRONG", peers::all().size());
    return wrong;
}

} // namespace

// peers [NAME...]: runs all or some. --markdown: prints the page's table. --page FILE: compares the page with the
// peers.
// --seconds N: gives up a search after so long (60), which is a failure unless something was found.
int main(int argc, char** argv) {
    bool markdown = false;
    double seconds = 60;
    std::vector<std::string_view> wanted;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--page" && i + 1 < argc) {
            return compare_with_page(argv[i + 1]) == 0 ? 0 : 1;
        }
        if (argument == "--seconds" && i + 1 < argc) {
            seconds = std::atof(argv[++i]);
        } else if (argument == "--markdown") {
            markdown = true;
        } else {
            wanted.push_back(argument);
        }
    }
    int wrong = 0;
    for (const peers::peer& p : peers::all()) {
        bool run_it = wanted.empty();
        for (const std::string_view name : wanted) {
            run_it = run_it || name == p.name;
        }
        if (!run_it) {
            continue;
        }
        const model_result r = run(p, seconds);
        const bool complete = p.bounds.random != 0 ? r.graphs + r.blocked >= p.bounds.random : r.exhaustive;
        const bool right = r.found == p.expected && (p.expected != fault::none || complete);
        wrong += right ? 0 : 1;
        if (markdown) {
            std::printf("%s\n", row(p, r).c_str());
        } else {
            std::printf("%s %-34s expected %s, found %s: %llu %s, %llu blocked, %.3f s%s\n", right ? "ok   " : "WRONG",
                        p.name, name_of(p.expected), name_of(r.found), static_cast<unsigned long long>(r.graphs),
                        p.bounds.random != 0 ? "executions" : "graphs", static_cast<unsigned long long>(r.blocked),
                        r.seconds, r.exhaustive ? ", exhaustive" : "");
        }
        if (!right || !wanted.empty()) {
            std::printf("%s\n", r.report.c_str());
        }
        std::fflush(stdout);
    }
    return wrong == 0 ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// Runs the corpus: every faulty program must be reported, with the right fault, and every repaired twin must pass.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace gantry::check;

// More steps than any of the programs needs that come to an end.
constexpr std::uint64_t steps_max = 400;

model_result run(const corpus::program& p, const model_options& options) {
    return model(options, [](void* body) { reinterpret_cast<void (*)()>(body)(); }, reinterpret_cast<void*>(p.body));
}

// Message passing with a store that is stronger than it needs to be: weakening that is not noticed, weakening it or the
// load to relaxed is.
int weakened_orders() {
    const auto body = [](void*) {
        std::atomic<int> flag{0};
        int data = 0;
        std::thread writer([&] {
            data = 1;
            flag.store(1, std::memory_order_seq_cst);
        });
        if (flag.load(std::memory_order_acquire) == 1) {
            GANTRY_CHECK(data == 1);
        }
        writer.join();
    };
    bool store_too_strong = false;
    bool load_needed = false;
    int others = 0;
    const auto all = weaken({}, body, nullptr).steps;
    for (const gantry::check::weakening& w : all) {
        if (w.from == "seq_cst" && w.to == "release" && w.noticed == fault::none && w.exhaustive) {
            store_too_strong = true;
        } else if (w.from == "acquire" && w.to == "relaxed" && w.noticed == fault::race) {
            load_needed = true;
        } else {
            ++others;
        }
    }
    // What somebody has noticed is not asked again.
    const auto left = weaken({}, body, nullptr, all).steps;
    const bool asked = left.size() == 1 && left.front().from == "seq_cst";
    const bool right = store_too_strong && load_needed && others == 0 && asked;
    std::printf("%s weakening: a seq_cst store that needs to be a release, an acquire load that is needed\n",
                right ? "ok   " : "WRONG");
    return right ? 0 : 1;
}

// A report on a race says what would have ordered the two accesses.
int missing_edges() {
    constexpr std::pair<std::string_view, std::string_view> wanted[] = {
        {"message_relaxed_store", "would synchronise if the write were release"},
        {"message_relaxed_load", "would synchronise if the read were acquire"},
        {"double_checked_relaxed", "would synchronise if the write were release and the read acquire"},
        {"counter_without_lock", "guard both accesses with one mutex"},
        {"peterson_acq_rel", "both need seq_cst accesses"},
    };
    int wrong = 0;
    for (const auto& [name, edge] : wanted) {
        for (const corpus::program& p : corpus::programs()) {
            if (p.name == name) {
                const model_result r = run(p, {.steps_max = steps_max});
                const bool right = r.report.find(edge) != std::string::npos;
                wrong += right ? 0 : 1;
                std::printf("%s report on %s: %s\n", right ? "ok   " : "WRONG", p.name, edge.data());
            }
        }
    }
    return wrong;
}

struct line {
    const corpus::program* p;
    model_result exact;
    std::uint64_t random = 0; // executions until dice found it; 0: not looked for
    bool right = false;
};

line examine(const corpus::program& p) {
    line l{.p = &p, .exact = run(p, {.seconds_max = 10, .steps_max = steps_max})};
    const model_result& r = l.exact;
    l.right = r.found == p.expected && (p.expected != fault::none || r.exhaustive);
    if (p.expected == fault::nondeterminism) {
        return l; // what differs once need not differ again
    }
    if (l.right && p.expected != fault::none) {
        // The token leads to the same fault again, and so do random walks.
        const model_result again = run(p, {.steps_max = steps_max, .replay = r.token});
        const model_result random = run(p, {.mode = search::random, .executions_max = 20'000, .seconds_max = 10});
        // Dice are fair: what never ends under an unfair schedule ends by chance.
        l.right = again.found == p.expected && (random.found == p.expected || p.expected == fault::endless);
        l.random = random.ok() ? 0 : random.graphs + random.blocked + 1;
        // What random walks find is made as small as what the exact search finds, give or take a step or two.
        if (l.right && random.execution.steps_left > r.execution.steps_left + 2) {
            l.right = false;
            std::printf("at random: minimised to %zu steps only\n%s", random.execution.steps_left,
                        random.report.c_str());
        }
        if (!l.right) {
            std::printf("replay of %s found %s: %s\nat random: %s after %llu\n", r.token.c_str(), name_of(again.found),
                        again.report.c_str(), name_of(random.found), static_cast<unsigned long long>(random.graphs));
        }
    } else if (l.right) {
        const model_result random = run(p, {.mode = search::random, .executions_max = 2'000, .seconds_max = 10});
        l.right = random.ok();
        if (!l.right) {
            std::printf("at random: %s\n", random.report.c_str());
        }
    }
    return l;
}

void print(const line& l) {
    const model_result& r = l.exact;
    std::printf("%s %-36s expected %s, found %s: %llu graphs, %llu blocked, %.3f s%s\n", l.right ? "ok   " : "WRONG",
                l.p->name, name_of(l.p->expected), name_of(r.found), static_cast<unsigned long long>(r.graphs),
                static_cast<unsigned long long>(r.blocked), r.seconds, r.exhaustive ? ", exhaustive" : "");
    if (!l.right) {
        std::printf("%s\n", r.report.c_str());
    }
}

const line* find(const std::vector<line>& lines, std::string_view name) {
    for (const line& l : lines) {
        if (l.p->name == name) {
            return &l;
        }
    }
    return nullptr;
}

std::string place_of(const corpus::program& p) {
    const std::string_view file(p.file);
    const std::string name(file.substr(file.rfind('/') + 1));
    return "[" + name + "](" + name + ")";
}

// The page that gantry/check/corpus/README.md is.
void print_page(const std::vector<line>& lines) {
    std::puts("# The corpus: programs that the checker must find faulty, and programs that it must not\n");
    std::puts(
        "Made by `corpus --markdown`. Each faulty program is found within ten seconds by the exact search, by its "
        "replay\ntoken and at random; each sound one passes exhaustively, whatever its threads do and its loads see "
        "(bounds: one wait\nthat ends for no reason for each thread, no weak compare-exchange that fails for no "
        "reason). `executions` is how many\nof them, the faulty one included, the exact search needed; `at random` "
        "the same for the dice (`-`: dice are fair, and\nwhat never ends under an unfair schedule ends by "
        "chance).\n");
    std::puts("| faulty program | what is wrong | found | in | executions | at random | repaired twin "
              "|\n|---|---|---|---|---|---|---|");
    for (const line& l : lines) {
        if (l.p->expected == fault::none) {
            continue;
        }
        const line* const twin = find(lines, l.p->text.twin);
        std::printf("| `%s` | %s | %s | %s | %llu | %s | %s | %s |\n", l.p->name, l.p->text.what,
                    name_of(l.p->expected), place_of(*l.p).c_str(),
                    static_cast<unsigned long long>(l.exact.graphs + l.exact.blocked + 1),
                    l.random == 0 ? "-" : std::to_string(l.random).c_str(),
                    twin == nullptr ? "-" : ("`" + std::string(twin->p->name) + "`").c_str(), l.p->text.seen);
    }
    std::puts("\n| sound program | in | graphs | blocked |\n|---|---|---|---|");
    for (const line& l : lines) {
        if (l.p->expected == fault::none) {
            std::printf("| `%s` | %s | %llu | %llu |\n", l.p->name, place_of(*l.p).c_str(),
                        static_cast<unsigned long long>(l.exact.graphs),
                        static_cast<unsigned long long>(l.exact.blocked));
        }
    }
}

// Every program is on the page, with its fault and its twin; every twin is a sound program.
int compare_with_page(const char* path) {
    std::ifstream file(path);
    const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    int wrong = 0;
    for (const corpus::program& p : corpus::programs()) {
        const std::string begin = "\n| `" + std::string(p.name) + "` | ";
        const std::size_t at = page.find(begin);
        bool right = at != std::string::npos;
        if (right && p.expected != fault::none) {
            const std::string_view row = std::string_view(page).substr(at + 1, page.find('\n', at + 1) - at - 1);
            const std::string_view twin = p.text.twin;
            right = row.contains("| " + std::string(p.text.what) + " | " + name_of(p.expected) + " |") &&
                    row.ends_with((twin.empty() ? "| - | " : "| `" + std::string(twin) + "` | ") + p.text.seen + " |");
            bool sound = twin.empty();
            for (const corpus::program& other : corpus::programs()) {
                sound = sound || (other.name == twin && other.expected == fault::none);
            }
            right = right && sound;
        }
        wrong += right ? 0 : 1;
        if (!right) {
            std::printf("WRONG %s is not on the page, or not as it is: corpus --markdown\n", p.name);
        }
    }
    std::printf("%s %zu programs are on the page\n", wrong == 0 ? "ok   " : "WRONG", corpus::programs().size());
    return wrong;
}

} // namespace

// corpus [NAME]: runs all or one. --markdown: prints the page instead. --page FILE: compares that page with the
// programs.
int main(int argc, char** argv) {
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (first == "--page" && argc == 3) {
        return compare_with_page(argv[2]) == 0 ? 0 : 1;
    }
    const bool page = first == "--markdown";
    const bool all = page || first.empty();
    int wrong = 0;
    std::vector<line> lines;
    for (const corpus::program& p : corpus::programs()) {
        if (!all && first != p.name) {
            continue;
        }
        lines.push_back(examine(p));
        wrong += lines.back().right ? 0 : 1;
        if (!page) {
            print(lines.back());
        }
        if (!all) {
            std::printf("%s\n", lines.back().exact.report.c_str());
        }
    }
    if (page) {
        print_page(lines);
    } else if (all) {
        wrong += weakened_orders() + missing_edges() + corpus::wrong_scenarios();
    } else if (lines.empty()) {
        std::fprintf(stderr, "%s: no program is called %s\n", argv[0], argv[1]);
        return 2;
    }
    return wrong == 0 ? 0 : 1;
}

// SPDX-License-Identifier: MIT
// Runs the corpus: every faulty program must be reported, with the right fault, and every repaired twin must pass.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

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
    for (const gantry::check::weakening& w : weaken({}, body, nullptr)) {
        if (w.from == "seq_cst" && w.to == "release" && w.noticed == fault::none && w.exhaustive) {
            store_too_strong = true;
        } else if (w.from == "acquire" && w.to == "relaxed" && w.noticed == fault::race) {
            load_needed = true;
        } else {
            ++others;
        }
    }
    const bool right = store_too_strong && load_needed && others == 0;
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

} // namespace

int main(int argc, char** argv) {
    const char* const only = argc > 1 ? argv[1] : nullptr;
    int wrong = 0;
    for (const corpus::program& p : corpus::programs()) {
        if (only != nullptr && std::strcmp(only, p.name) != 0) {
            continue;
        }
        const model_result r = run(p, {.seconds_max = 10, .steps_max = steps_max});
        bool right = r.found == p.expected && (p.expected != fault::none || r.exhaustive);
        if (p.expected == fault::nondeterminism) {
            // What differs once need not differ again.
        } else if (right && p.expected != fault::none) {
            // The token leads to the same fault again, and so do random walks.
            const model_result again = run(p, {.steps_max = steps_max, .replay = r.token});
            const model_result random = run(p, {.mode = search::random, .executions_max = 20'000, .seconds_max = 10});
            // Dice are fair: what never ends under an unfair schedule ends by chance.
            right = again.found == p.expected && (random.found == p.expected || p.expected == fault::endless);
            // What random walks find is made as small as what the exact search finds, give or take a step or two.
            const std::size_t small = r.execution.steps_left + 2;
            if (right && random.execution.steps_left > small) {
                right = false;
                std::printf("at random: minimised to %zu steps only\n%s", random.execution.steps_left,
                            random.report.c_str());
            }
            if (!right) {
                std::printf("replay of %s found %s: %s\nat random: %s after %llu\n", r.token.c_str(),
                            name_of(again.found), again.report.c_str(), name_of(random.found),
                            static_cast<unsigned long long>(random.graphs));
            }
        } else if (right) {
            const model_result random = run(p, {.mode = search::random, .executions_max = 2'000, .seconds_max = 10});
            right = random.ok();
            if (!right) {
                std::printf("at random: %s\n", random.report.c_str());
            }
        }
        wrong += right ? 0 : 1;
        std::printf("%s %-36s expected %s, found %s: %llu graphs, %llu blocked, %.3f s%s\n", right ? "ok   " : "WRONG",
                    p.name, name_of(p.expected), name_of(r.found), static_cast<unsigned long long>(r.graphs),
                    static_cast<unsigned long long>(r.blocked), r.seconds, r.exhaustive ? ", exhaustive" : "");
        if (!right || only != nullptr) {
            std::printf("%s\n", r.report.c_str());
        }
    }
    wrong += only == nullptr ? weakened_orders() + missing_edges() + corpus::wrong_scenarios() : 0;
    return wrong == 0 ? 0 : 1;
}

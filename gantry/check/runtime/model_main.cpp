// SPDX-License-Identifier: MIT
#include <gantry/check/model.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace gantry::check {

namespace {

void run_body(void* body) {
    reinterpret_cast<void (*)()>(body)();
}

// Whether an order of this model is too strong for it, or the model fails as it is.
bool weaken_one(const model_options& options, const registered_model& m, bool json) {
    const model_result as_it_is = model(options, run_body, reinterpret_cast<void*>(m.body));
    if (!as_it_is.ok()) {
        std::printf("FAILED %s, as it is\n%s\n", m.name, as_it_is.report.c_str());
        return true;
    }
    bool too_strong = false;
    for (const weakening& w : weaken(options, run_body, reinterpret_cast<void*>(m.body))) {
        too_strong = too_strong || w.noticed == fault::none;
        if (json) {
            std::printf("%s\n", nlohmann::json{{"model", m.name},
                                               {"place", w.place},
                                               {"from", w.from},
                                               {"to", w.to},
                                               {"noticed", name_of(w.noticed)},
                                               {"exhaustive", w.exhaustive}}
                                    .dump()
                                    .c_str());
        } else {
            std::printf("%s %s: %s -> %s at %s%s%s\n", w.noticed == fault::none ? "UNNOTICED" : "needed   ", m.name,
                        w.from.c_str(), w.to.c_str(), w.place.c_str(), w.noticed == fault::none ? "" : ": ",
                        w.noticed == fault::none ? "" : name_of(w.noticed));
        }
    }
    return too_strong;
}

} // namespace

#pragma GCC visibility push(default)

int model_main(int argc, char** argv) {
    CLI::App app("Runs the models of this program: every execution that the C++ memory model allows, or random ones.");
    model_options options;
    std::vector<std::string> wanted;
    bool list = false;
    bool json = false;
    bool random = false;
    bool weaken_orders = false;
    app.add_option("models", wanted, "Names of models to run; none: all");
    app.add_flag("--list", list, "Print the names and stop");
    app.add_flag("--json", json, "Print an object a line");
    app.add_flag("--random", random, "Random executions instead of all of them");
    app.add_flag("--weaken", weaken_orders, "Weaken each order by a step and tell which of them no model notices");
    app.add_option("--executions", options.executions_max, "Stop after so many executions");
    app.add_option("--seconds", options.seconds_max, "Stop after so many seconds");
    app.add_option("--seed", options.seed, "Seed of --random");
    app.add_option("--steps", options.steps_max, "An execution with more steps than this never ends");
    app.add_option("--spurious", options.spurious_max, "Waits that may end for no reason, for each thread");
    app.add_option("--weak-failures", options.weak_failures_max,
                   "Weak compare-exchanges that may fail for no reason, for each thread (g++ only)");
    app.add_option("--replay", options.replay, "Run the execution that a report's token names");
    CLI11_PARSE(app, argc, argv);
    if (random) {
        options.mode = search::random;
        if (options.executions_max == UINT64_MAX && options.seconds_max == 0) {
            options.executions_max = 10'000;
        }
    }

    std::vector<registered_model*> models;
    for (registered_model* m = registered_models(); m != nullptr; m = m->next) {
        models.push_back(m);
    }
    std::ranges::reverse(models);
    bool failed = false;
    for (const std::string& name : wanted) {
        if (std::ranges::none_of(models, [&](const registered_model* m) { return name == m->name; })) {
            std::fprintf(stderr, "%s: no model is called %s; --list names them\n", argv[0], name.c_str());
            return 2;
        }
    }
    for (registered_model* const m : models) {
        if (!wanted.empty() && std::ranges::find(wanted, m->name) == wanted.end()) {
            continue;
        }
        if (list) {
            std::printf("%s\n", m->name);
            continue;
        }
        if (weaken_orders) {
            failed = weaken_one(options, *m, json) || failed;
            continue;
        }
        const model_result r = model(options, run_body, reinterpret_cast<void*>(m->body));
        failed = failed || !r.ok();
        if (json) {
            std::printf("%s\n", nlohmann::json{{"model", m->name},
                                               {"found", name_of(r.found)},
                                               {"graphs", r.graphs},
                                               {"blocked", r.blocked},
                                               {"exhaustive", r.exhaustive},
                                               {"seconds", r.seconds},
                                               {"token", r.token},
                                               {"report", r.report}}
                                    .dump()
                                    .c_str());
        } else {
            std::printf("%s %s: %llu %s, %llu blocked, %.0f/s%s\n", r.ok() ? "ok    " : "FAILED", m->name,
                        static_cast<unsigned long long>(r.graphs), random ? "executions" : "graphs",
                        static_cast<unsigned long long>(r.blocked),
                        static_cast<double>(r.graphs + r.blocked) / std::max(r.seconds, 1e-9),
                        r.exhaustive ? ", exhaustive" : "");
            if (!r.ok()) {
                std::printf("%s\n", r.report.c_str());
                if (!r.token.empty()) {
                    std::printf("replay: %s %s --replay %s\n", argv[0], m->name, r.token.c_str());
                }
            }
        }
        std::fflush(stdout);
    }
    return failed ? 1 : 0;
}

#pragma GCC visibility pop

} // namespace gantry::check

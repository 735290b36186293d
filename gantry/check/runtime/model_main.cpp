// SPDX-License-Identifier: MIT
#include <gantry/check/explore/script.hpp>
#include <gantry/check/model.hpp>
#include <gantry/check/report/detail/json.hpp>
#include <gantry/check/scenario/certificate.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sys/personality.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <expected>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace gantry::check {

namespace {

struct request {
    model_options options;
    std::vector<std::string> wanted;
    std::string html;
    bool list = false;
    bool unseen = false;
    bool json = false;
    bool weaken = false;
    std::string known; // file of steps that need no look
    std::vector<weakening> known_steps;
    bool estimate = false;
    bool exact = false; // also models that are marked as too large for it
};

std::atomic<bool> stop_wanted{false};

void want_stop(int number) {
    stop_wanted.store(true, std::memory_order_relaxed); // relaxed: stale-ok
    std::signal(number, SIG_DFL);                       // a second one ends the program at once
}

void run_body(void* body) {
    reinterpret_cast<void (*)()>(body)();
}

void* context_of(const registered_model& m) {
    return reinterpret_cast<void*>(m.body);
}

// The exit code, if the program is to end now.
std::optional<int> parse(int argc, char** argv, request& r) {
    CLI::App app("Runs the models of this program: every execution that the C++ memory model allows, or random ones.");
    app.footer("Exit status: 0 nothing was found, 1 something was, 2 wrong usage, 130 interrupted.");
    model_options& options = r.options;
    bool random = false;
    bool bounded = false;
    bool long_tail = false;
    unsigned pct = 0;
    std::uint64_t states_mib = options.states_bytes_max >> 20U;
    app.add_option("models", r.wanted, "Names of models to run; none: all");
    app.add_flag("--list", r.list, "Print the names and stop");
    app.add_flag("--unseen", r.unseen, "Print the libraries whose accesses are not seen, and stop");
    app.add_flag("--json", r.json, "Print an object a line");
    app.add_option("--html", r.html,
                   "Write a failure to this file, as a page to look at; the failures of several "
                   "models to files whose names end in the model's");
    app.add_option("--replay", options.replay, "Run the execution that a report's token names");
    app.add_option("--minimise", options.minimise,
                   "Seconds for finding a smaller execution with the same fault (2; 0: none)")
        ->check(CLI::NonNegativeNumber);

    const std::string how = "How to search (ordinarily: every execution, once)";
    app.add_flag("--exact", r.exact, "Every execution, also of models that ordinarily are searched within bounds")
        ->group(how);
    app.add_flag("--bounded", bounded, "Every execution within --preemptions and --stale")->group(how);
    const auto* const preemptions = app.add_option("--preemptions", options.preemptions_max,
                                                   "Most preemptions in an execution (ordinarily 2); implies --bounded")
                                        ->check(CLI::NonNegativeNumber)
                                        ->group(how);
    const auto* const stale =
        app.add_option("--stale", options.stale_max,
                       "Most accesses in an execution that do not see, or are not put, the newest "
                       "(ordinarily 2); implies --bounded")
            ->check(CLI::NonNegativeNumber)
            ->group(how);
    app.add_option("--states-mib", states_mib, "Memory of --bounded for what was visited (ordinarily 64)")
        ->check(CLI::Range(1, 1 << 20))
        ->group(how);
    app.add_flag("--random", random, "Random executions")->group(how);
    app.add_option("--pct", pct, "Random by priorities, for bugs that need so many things in an order")
        ->check(CLI::Range(1, 100))
        ->group(how);
    app.add_flag("--long-tail", long_tail, "Random with stretches and distances of any length")->group(how);
    app.add_option("--seed", options.seed, "Where random searches start")->check(CLI::NonNegativeNumber)->group(how);
    app.add_option("--workers", options.workers, "Processes for a search that takes long; 0: one for each CPU")
        ->check(CLI::Range(0, 64))
        ->group(how);

    const std::string far = "How far";
    app.add_option("--executions", options.executions_max, "Stop after so many executions (random: 10,000)")
        ->check(CLI::NonNegativeNumber)
        ->group(far);
    app.add_option("--seconds", options.seconds_max, "Stop after so many seconds, for each model")
        ->check(CLI::NonNegativeNumber)
        ->group(far);
    app.add_option("--steps", options.steps_max, "An execution with more steps than this never ends")
        ->check(CLI::NonNegativeNumber)
        ->group(far);
    app.add_option("--stuck", options.stuck_seconds,
                   "Seconds of processor time without an event after which a thread counts as endless (10; 0: never)")
        ->check(CLI::NonNegativeNumber)
        ->group(far);
    app.add_option("--spurious", options.spurious_max, "Waits that may end for no reason, for each thread (1)")
        ->check(CLI::NonNegativeNumber)
        ->group(far);
    app.add_option("--weak-failures", options.weak_failures_max,
                   "Weak compare-exchanges that may fail for no reason, for each thread (0; g++ only)")
        ->check(CLI::NonNegativeNumber)
        ->group(far);
    app.add_option("--reuse", options.reuse_max, "Freed blocks that may be used again, by each thread (1)")
        ->check(CLI::NonNegativeNumber)
        ->group(far);
    app.add_option("--membarrier", options.kernel, "What membarrier(2) answers: both (in turn), works, refused")
        ->transform(
            CLI::CheckedTransformer(std::map<std::string, membarrier_answer>{{"both", membarrier_answer::both},
                                                                             {"works", membarrier_answer::works},
                                                                             {"refused", membarrier_answer::refused}}))
        ->option_text("ANSWER")
        ->group(far);
    app.add_option("--checkpoint", options.checkpoint,
                   "Write what is left to this file each minute, and when a limit or Ctrl-C ends the search")
        ->group(far);
    app.add_option("--resume", options.resume, "Go on from such a file")->group(far);

    const std::string other = "Other questions";
    app.add_flag("--estimate", r.estimate, "Guess how many executions there are, and how long they take")->group(other);
    app.add_flag("--weaken", r.weaken, "Weaken each order by a step and tell which of them no model notices")
        ->group(other);
    app.add_option("--known", r.known, "Leave out what is noticed in this file, which --weaken --json printed")
        ->check(CLI::ExistingFile)
        ->group(other);
    try {
        app.parse(argc, argv);
        if (static_cast<int>(random || pct > 0 || long_tail) +
                static_cast<int>(bounded || preemptions->count() + stale->count() > 0) + static_cast<int>(r.exact) >
            1) {
            throw CLI::ValidationError("--exact, --bounded and --random", "a search is one of them");
        }
        if (pct > 0 && long_tail) {
            throw CLI::ValidationError("--pct and --long-tail", "a search is one or the other");
        }
    } catch (const CLI::ParseError& e) {
        const int code = app.exit(e);
        return code == 0 ? 0 : 2;
    }
    if (random || pct > 0 || long_tail) {
        options.mode = search::random;
        options.way = pct > 0 ? walk::pct : long_tail ? walk::long_tail : walk::uniform;
        options.depth = pct;
        if (options.executions_max == UINT64_MAX && options.seconds_max == 0) {
            options.executions_max = 10'000;
        }
    } else if (bounded || preemptions->count() + stale->count() > 0) {
        options.mode = search::bounded;
    }
    options.states_bytes_max = states_mib << 20U;
    return std::nullopt;
}

// A checkpoint holds addresses, so the program must lie where it lay: runs it anew without address randomisation.
void fix_addresses(char** argv) {
    const int now = personality(0xFFFF'FFFFU);
    if (now != -1 && (now & ADDR_NO_RANDOMIZE) == 0 &&
        personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) != -1) {
        // By its name, which is what ps shows.
        std::error_code unknown;
        const std::string self = std::filesystem::read_symlink("/proc/self/exe", unknown).string();
        execv(unknown ? "/proc/self/exe" : self.c_str(), argv);
    }
}

// The steps that --weaken --json noticed; the error names the line that it did not print.
std::expected<std::vector<weakening>, std::string> read_steps(const std::string& file) {
    std::ifstream in(file);
    std::vector<weakening> steps;
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        const auto object = nlohmann::json::parse(line, nullptr, false);
        const auto text = [&](const char* key) {
            const auto at = object.find(key);
            return at != object.end() && at->is_string() ? at->get<std::string>() : "";
        };
        if (!object.is_object() || text("place").empty() || text("noticed").empty()) {
            return std::unexpected("line " + std::to_string(number) + ": not a line of --weaken --json");
        }
        if (text("noticed") != name_of(fault::none)) {
            steps.push_back({text("place"), text("from"), text("to"), fault::assertion, true});
        }
    }
    return steps;
}

// Whether an order of this model is too strong for it, or the model fails as it is.
bool weaken_one(const request& wanted, const registered_model& m) {
    const weakenings all = weaken(wanted.options, run_body, context_of(m), wanted.known_steps);
    if (!all.as_it_is.ok()) {
        std::printf("FAILED %s, as it is\n%s\n", m.name, all.as_it_is.report.c_str());
        return true;
    }
    bool too_strong = false;
    for (const weakening& w : all.steps) {
        too_strong = too_strong || w.noticed == fault::none;
        if (wanted.json) {
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

bool estimate_one(const request& wanted, const registered_model& m) {
    const size_estimate guess = estimate(wanted.options, run_body, context_of(m));
    if (!guess.result.ok()) {
        std::printf("FAILED %s, on the way\n%s\n", m.name, guess.result.report.c_str());
        return true;
    }
    if (wanted.json) {
        std::printf("%s\n", nlohmann::json{{"model", m.name},
                                           {"executions", guess.executions},
                                           {"low", guess.low},
                                           {"high", guess.high},
                                           {"seconds", guess.seconds},
                                           {"descents", guess.descents}}
                                .dump()
                                .c_str());
    } else {
        std::printf("guess  %s: about %.3g executions (%.3g to %.3g, from %llu descents), %.2g s in one process\n",
                    m.name, guess.executions, guess.low, guess.high, static_cast<unsigned long long>(guess.descents),
                    guess.seconds);
    }
    return false;
}

// What a search of this kind has gone through, and whether it is all.
std::string extent_of(const model_options& options, const model_result& r) {
    std::string text = r.exhaustive ? ", exhaustive" : "";
    if (!r.ok()) {
        return text;
    }
    if (options.mode == search::bounded) {
        text = ", " + std::to_string(r.repeated) + " repeated" +
               (r.finished ? ", all within " + std::to_string(options.preemptions_max) + " preemptions and " +
                                 std::to_string(options.stale_max) + " stale accesses"
                           : "");
    }
    if (r.interrupted) {
        text += ", interrupted";
    } else if (!r.finished && options.mode != search::random && options.replay.empty()) {
        text += ", stopped at a limit";
    }
    return text;
}

// Where the page of a model goes: the file that was asked for, or, of several models, one that is called after it.
std::string page_of(const request& wanted, const registered_model& m, bool several) {
    std::filesystem::path file(wanted.html);
    if (several) {
        file.replace_filename(file.stem().string() + "-" + m.name + file.extension().string());
    }
    return file.string();
}

// Why a page cannot be written there; empty when it can.
std::string unwritable(const std::string& file) {
    std::error_code ignored;
    const bool there = std::filesystem::exists(file, ignored);
    if (!std::ofstream(file, std::ios::app)) {
        return std::strerror(errno);
    }
    if (!there) {
        std::filesystem::remove(file, ignored);
    }
    return "";
}

// The exit code.
int run_model(const request& wanted, const registered_model& m, const char* program, bool several,
              std::string& bounds) {
    const model_options& options = wanted.options;
    const model_result r = model(options, run_body, context_of(m));
    if (bounds.empty() || options.mode != search::bounded)
        bounds = r.bounds;
    if (!options.replay.empty() && r.found == fault::nondeterminism) {
        std::fprintf(stderr, "%s: --replay %s: the token does not belong to %s as it is now\n", program,
                     options.replay.c_str(), m.name);
        return 2;
    }
    if (r.found == fault::unsupported && r.executions == 0 && !options.resume.empty()) {
        std::fprintf(stderr, "%s: --resume %s\n", program, r.report.c_str());
        return 2;
    }
    const std::string replay = r.token.empty() ? "" : std::string(program) + " " + m.name + " --replay " + r.token;
    std::string page;
    if (!r.ok() && !wanted.html.empty()) {
        page = page_of(wanted, m, several);
        if (!(std::ofstream(page) << html_of(r, m.name, replay) << std::flush)) {
            std::fprintf(stderr, "%s: cannot write %s: %s\n", program, page.c_str(), std::strerror(errno));
            return 2;
        }
    }
    if (wanted.json) {
        std::printf("%s\n", json_of(m.name, options, r).c_str());
        return r.ok() ? 0 : 1;
    }
    std::printf("%s %s: %llu %s, %llu blocked, %.0f/s%s\n", r.ok() ? "ok    " : "FAILED", m.name,
                static_cast<unsigned long long>(r.graphs), options.mode == search::random ? "executions" : "graphs",
                static_cast<unsigned long long>(r.blocked),
                static_cast<double>(r.executions) / std::max(r.seconds, 1e-9), extent_of(options, r).c_str());
    if (!r.ok()) {
        std::printf("%s\n", r.report.c_str());
        if (!replay.empty()) {
            std::printf("replay: %s\n", replay.c_str());
        }
        if (!page.empty()) {
            std::printf("page: %s\n", page.c_str());
        }
    }
    return r.ok() ? 0 : 1;
}

bool run_scenarios(const request& wanted, const registered_model& m, const char* program) {
    const certificate proof = m.scenarios(wanted.options);
    if (wanted.json) {
        std::printf("%s\n", nlohmann::json{{"model", m.name},
                                           {"found", name_of(proof.found)},
                                           {"condition", proof.condition},
                                           {"threads_max", proof.threads_max},
                                           {"operations_max", proof.operations_max},
                                           {"operations", proof.operations},
                                           {"tables_within", proof.tables_within},
                                           {"tables", proof.tables},
                                           {"tables_cut", proof.tables_cut},
                                           {"tables_random", proof.tables_random},
                                           {"graphs", proof.graphs},
                                           {"blocked", proof.blocked},
                                           {"exhaustive", proof.exhaustive},
                                           {"interrupted", proof.interrupted},
                                           {"seconds", proof.seconds},
                                           {"table", proof.table},
                                           {"shrinks", proof.shrinks},
                                           {"token", proof.token},
                                           {"report", proof.report}}
                                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                                .c_str());
        return !proof.ok();
    }
    std::printf("%s %s: %s\n", proof.ok() ? "ok    " : "FAILED", m.name, text_of(proof).c_str());
    if (!proof.token.empty()) {
        std::printf("replay: %s %s --replay %s\n", program, m.name, proof.token.c_str());
    }
    return !proof.ok();
}

} // namespace

#pragma GCC visibility push(default)

int model_main(int argc, char** argv) {
    request wanted;
    if (const auto code = parse(argc, argv, wanted)) {
        return *code;
    }
    if (wanted.unseen) {
        for (const std::string& name : unseen_libraries()) {
            std::printf("%s\n", name.c_str());
        }
        return 0;
    }
    std::vector<registered_model*> models;
    for (registered_model* m = registered_models(); m != nullptr; m = m->next) {
        models.push_back(m);
    }
    std::ranges::reverse(models);
    if (models.empty()) {
        std::fprintf(stderr, "%s: no GANTRY_MODEL in this program\n", argv[0]);
        return 2;
    }
    for (const std::string& name : wanted.wanted) {
        if (std::ranges::none_of(models, [&](const registered_model* m) { return name == m->name; })) {
            std::fprintf(stderr, "%s: no model is called %s; --list names them\n", argv[0], name.c_str());
            return 2;
        }
    }
    if (!wanted.wanted.empty()) {
        std::erase_if(models, [&](const registered_model* m) {
            return std::ranges::find(wanted.wanted, m->name) == wanted.wanted.end();
        });
    }
    if (!(wanted.options.checkpoint.empty() && wanted.options.resume.empty())) {
        if (models.size() != 1) {
            std::fprintf(stderr, "%s: a checkpoint belongs to one model; name it\n", argv[0]);
            return 2;
        }
        if (models[0]->scenarios != nullptr) {
            std::fprintf(stderr, "%s: a checkpoint belongs to a model, and %s are scenarios\n", argv[0],
                         models[0]->name);
            return 2;
        }
        fix_addresses(argv);
    }
    if (!wanted.options.replay.empty()) {
        if (models.size() != 1) {
            std::fprintf(stderr, "%s: a token belongs to one model; name it before --replay\n", argv[0]);
            return 2;
        }
        if (models[0]->scenarios == nullptr && !parse_token(wanted.options.replay)) {
            std::fprintf(stderr, "%s: --replay %s: not a token; a report prints one after --replay\n", argv[0],
                         wanted.options.replay.c_str());
            return 2;
        }
    }
    if (!wanted.html.empty()) {
        if (const std::string why = unwritable(wanted.html); !why.empty()) {
            std::fprintf(stderr, "%s: --html %s: %s\n", argv[0], wanted.html.c_str(), why.c_str());
            return 2;
        }
    }
    if (!wanted.known.empty()) {
        auto steps = read_steps(wanted.known);
        if (!steps) {
            std::fprintf(stderr, "%s: --known %s: %s\n", argv[0], wanted.known.c_str(), steps.error().c_str());
            return 2;
        }
        wanted.known_steps = *std::move(steps);
    }
    wanted.options.progress = isatty(STDERR_FILENO) != 0;
    wanted.options.stop = &stop_wanted;
    std::signal(SIGINT, want_stop);
    std::signal(SIGTERM, want_stop);
    int code = 0;
    std::string bounds; // of the last: models that are marked name theirs
    const bool several = models.size() > 1;
    const request asked = wanted;
    for (const registered_model* const m : models) {
        wanted = asked;
        wanted.options.name = m->name;
        const bool can_be_bounded = wanted.options.replay.empty() && !wanted.estimate &&
                                    wanted.options.resume.empty() && wanted.options.checkpoint.empty();
        if (m->preemptions_max != 0 && wanted.options.mode == search::exact && !wanted.exact && can_be_bounded) {
            wanted.options.mode = search::bounded;
            wanted.options.preemptions_max = m->preemptions_max;
            wanted.options.stale_max = m->stale_max;
        }
        if (wanted.list) {
            std::printf("%s\n", m->name);
        } else if (m->scenarios != nullptr) {
            if (wanted.weaken || wanted.estimate) {
                std::fprintf(stderr, "%s: %s are scenarios: left out\n", argv[0], m->name);
            } else {
                code = std::max(code, run_scenarios(wanted, *m, argv[0]) ? 1 : 0);
            }
        } else if (wanted.weaken) {
            code = std::max(code, weaken_one(wanted, *m) ? 1 : 0);
        } else if (wanted.estimate) {
            code = std::max(code, estimate_one(wanted, *m) ? 1 : 0);
        } else {
            code = std::max(code, run_model(wanted, *m, argv[0], several, bounds));
        }
        std::fflush(stdout);
        if (stop_wanted.load(std::memory_order_relaxed)) { // relaxed: stale-ok
            return 130;
        }
    }
    if (!bounds.empty() && !wanted.json && wanted.options.replay.empty()) {
        std::printf("bounds: %s\n", bounds.c_str());
    }
    return code;
}

#pragma GCC visibility pop

} // namespace gantry::check

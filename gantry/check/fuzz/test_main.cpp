// SPDX-License-Identifier: MIT
// The checker on random programs with random options. It may report what it likes; it must not crash or hang, must say
// the same when it is asked again, a token must lead back to the fault that it was made from, and random walks must not
// find what the exact search has ruled out.
#include <gantry/check/fuzz/test_machine.hpp>
#include <gantry/check/model.hpp>

#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>

namespace {

using namespace gantry::check;

constexpr unsigned seconds_of_a_case = 60;     // of processor time; then it hangs
constexpr unsigned patience_with_a_case = 300; // of anybody's time
constexpr std::uint64_t cases_of_a_process = 100;

struct shared_state {
    std::uint64_t now;   // the seed that is being tried
    std::uint64_t wrong; // how many cases were
    std::uint64_t graphs;
    std::uint64_t exhaustive;
    std::uint64_t faults[32];
};

class dice {
public:
    explicit dice(std::uint64_t seed) : random_(seed) {}

    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    bool one_in(unsigned n) { return below(n) == 0; }

private:
    std::mt19937_64 random_;
};

fuzz::scripts random_scripts(dice& d) {
    fuzz::scripts s;
    const bool wild = d.one_in(3);
    const unsigned most = d.one_in(4) ? 12 : 4;
    const unsigned kinds = wild ? fuzz::instruction_count() : fuzz::wild_first();
    // Few kinds in a program: they meet each other more often.
    const unsigned few = d.one_in(2) ? 1 + d.below(6) : 0;
    std::vector<std::uint8_t> chosen;
    for (unsigned i = 0; i < few; ++i) {
        chosen.push_back(static_cast<std::uint8_t>(d.below(kinds)));
    }
    const unsigned start = fuzz::number_of("start"); // without threads nothing is concurrent
    for (std::size_t t = 0; t < s.size(); ++t) {
        const unsigned steps = d.below(most + 1);
        const bool starts = t < 2;
        for (unsigned i = 0; starts && i < 2; ++i) {
            if (t == 0 || d.one_in(4)) {
                s[t].push_back(static_cast<std::uint8_t>(start));
                s[t].push_back(static_cast<std::uint8_t>(i));
            }
        }
        for (unsigned i = 0; i < steps; ++i) {
            s[t].push_back(few > 0 ? chosen[d.below(few)] : static_cast<std::uint8_t>(d.below(kinds)));
            s[t].push_back(static_cast<std::uint8_t>(d.below(d.one_in(3) ? 256 : 4)));
        }
    }
    return s;
}

model_options random_options(dice& d) {
    model_options o;
    o.executions_max = 1 + d.below(d.one_in(4) ? 3'000 : 300);
    o.seconds_max = 3;
    o.seed = d.below(1'000);
    o.steps_max = d.one_in(4) ? 1 + d.below(100) : d.one_in(2) ? 0 : 500;
    o.spurious_max = d.below(3);
    o.weak_failures_max = d.below(3);
    o.leaks = !d.one_in(4);
    // Several processes find faults in no certain order.
    o.workers = d.one_in(8) ? 2 : 1;
    o.minimise = d.one_in(8) ? 0.05 : 0;
    return o;
}

model_result run(const model_options& o) {
    return model(o, [] { fuzz::run_loaded(); });
}

std::string random_token(dice& d, const std::string& right) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string token = d.one_in(2) ? right : "";
    const unsigned changes = 1 + d.below(5);
    for (unsigned i = 0; i < changes; ++i) {
        const char c = d.one_in(8) ? static_cast<char>(1 + d.below(255)) : digits[d.below(d.one_in(2) ? 16 : 64)];
        if (token.empty() || d.one_in(2)) {
            token.push_back(c);
        } else {
            token[d.below(static_cast<unsigned>(token.size()))] = c;
        }
    }
    return token;
}

std::string said(const model_result& r) {
    return std::string(name_of(r.found)) + ", " + std::to_string(r.graphs) + " graphs, " + std::to_string(r.blocked) +
           " blocked" + (r.exhaustive ? ", exhaustive" : "") + (r.token.empty() ? "" : ", token " + r.token) + "\n" +
           r.report;
}

// Empty: all is well.
std::string try_case(std::uint64_t seed, shared_state& state) {
    dice d(seed);
    fuzz::loaded = random_scripts(d);
    const model_options o = random_options(d);
    model_options at_random = o;
    at_random.mode = search::random;
    at_random.executions_max = 1 + d.below(200);
    at_random.steps_max = o.steps_max != 0 ? o.steps_max : 3'000;
    constexpr walk ways[] = {walk::uniform, walk::pct, walk::long_tail};
    at_random.way = ways[d.below(3)];
    at_random.depth = 1 + d.below(5);
    model_options within_bounds = o;
    within_bounds.mode = search::bounded;
    within_bounds.preemptions_max = d.below(4);
    within_bounds.stale_max = d.below(4);
    within_bounds.steps_max = at_random.steps_max;
    const model_result exact = run(o);
    const model_result walked = run(at_random);
    const model_result bounded = run(within_bounds);
    ++state.faults[static_cast<unsigned>(exact.found)];
    state.graphs += exact.graphs;
    state.exhaustive += exact.exhaustive ? 1 : 0;
    for (const model_result* r : {&exact, &walked, &bounded}) {
        if (r->found == fault::nondeterminism) {
            return "called nondeterministic:\n" + said(*r);
        }
    }
    if (exact.seconds < 2 && (o.workers == 1 || exact.exhaustive)) {
        const model_result again = run(o);
        // How small it can be made in a time depends on the time.
        const bool same = o.minimise == 0 ? said(again) == said(exact) : again.found == exact.found;
        if (!same) {
            return "exact search said something else when it was asked again:\n" + said(exact) + "\nthen:\n" +
                   said(again);
        }
    }
    const bool same_bounds = o.steps_max != 0;
    for (const model_result* r : {&walked, &bounded}) {
        if (exact.exhaustive && !r->ok() && (same_bounds || r->found != fault::endless)) {
            return "found although the exact search has ruled it out:\n" + said(*r);
        }
    }
    for (const model_result* r : {&exact, &walked, &bounded}) {
        if (r->ok()) {
            continue;
        }
        model_options follow = r == &exact ? o : at_random;
        follow.replay = r->token;
        const model_result replayed = run(follow);
        if (replayed.found != r->found) {
            return "a token leads elsewhere:\n" + said(*r) + "\nreplayed:\n" + said(replayed);
        }
    }
    model_options astray = o;
    astray.replay = random_token(d, exact.token);
    static_cast<void>(run(astray));
    if (exact.exhaustive && exact.graphs < 50) {
        static_cast<void>(weaken(o, [](void*) { fuzz::run_loaded(); }, nullptr));
    }
    return "";
}

// A signal ends the process when a case takes too long.
void limit(unsigned processor, unsigned all) {
    const itimerval used{{0, 0}, {static_cast<time_t>(processor), 0}};
    setitimer(ITIMER_PROF, &used, nullptr);
    alarm(all);
}

void show(std::uint64_t seed, const std::string& what) {
    dice d(seed);
    const fuzz::scripts s = random_scripts(d);
    const model_options o = random_options(d);
    std::printf("case %llu: %s\n%sexecutions %llu, seed %llu, steps %llu, spurious %u, weak failures %u%s\n\n",
                static_cast<unsigned long long>(seed), what.c_str(), fuzz::text_of(s).c_str(),
                static_cast<unsigned long long>(o.executions_max), static_cast<unsigned long long>(o.seed),
                static_cast<unsigned long long>(o.steps_max), o.spurious_max, o.weak_failures_max,
                o.leaks ? "" : ", leaks allowed");
    std::fflush(stdout);
}

void run_cases(std::uint64_t from, std::uint64_t to, shared_state& state) {
    // What modelled programs say when they end badly is of no interest.
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    for (std::uint64_t seed = from; seed < to; ++seed) {
        state.now = seed;
        limit(seconds_of_a_case, patience_with_a_case);
        const std::string what = try_case(seed, state);
        limit(0, 0);
        if (!what.empty()) {
            ++state.wrong;
            show(seed, what);
        }
    }
    state.now = to;
}

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// "--cases 100" and so on.
double argument(int argc, char** argv, const char* name, double otherwise) {
    for (int i = 1; i + 1 < argc; ++i) {
        if (std::strcmp(argv[i], name) == 0) {
            return std::strtod(argv[i + 1], nullptr);
        }
    }
    return otherwise;
}

} // namespace

int main(int argc, char** argv) {
    if (argc % 2 == 0) {
        std::puts(
            "usage: fuzz_model [--seed N] [--cases N] [--seconds S]\n"
            "Tries the model checker on random programs, a seed each, from N on; ends after so many, or so long.");
        return 2;
    }
    const auto first = static_cast<std::uint64_t>(argument(argc, argv, "--seed", 1));
    constexpr double endless = 1e15;
    const double wanted = argument(argc, argv, "--cases", endless);
    const auto cases = static_cast<std::uint64_t>(wanted);
    const double seconds = argument(argc, argv, "--seconds", wanted < endless ? endless : 10);
    auto* const state = static_cast<shared_state*>(
        mmap(nullptr, sizeof(shared_state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (state == MAP_FAILED) {
        std::perror("fuzz_model");
        return 2;
    }
    const double start = now();
    std::uint64_t seed = first;
    while (seed < first + cases && now() - start < seconds) {
        const std::uint64_t to = std::min(seed + cases_of_a_process, first + cases);
        state->now = seed;
        const pid_t child = fork();
        if (child == 0) {
            run_cases(seed, to, *state);
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        seed = state->now;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || seed < to) {
            ++state->wrong;
            const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
            show(seed, signal == SIGPROF || signal == SIGALRM ? "hangs"
                       : signal != 0                          ? "crashes: " + std::string(strsignal(signal))
                                     : "ends the process, exit code " + std::to_string(WEXITSTATUS(status)));
            ++seed;
        }
    }
    std::printf("seeds %llu to %llu, %.1f s: %llu graphs, %llu programs explored to the end, %llu wrong\n",
                static_cast<unsigned long long>(first), static_cast<unsigned long long>(seed - 1), now() - start,
                static_cast<unsigned long long>(state->graphs), static_cast<unsigned long long>(state->exhaustive),
                static_cast<unsigned long long>(state->wrong));
    for (unsigned f = 0; f <= static_cast<unsigned>(fault::unsupported); ++f) {
        if (state->faults[f] != 0) {
            std::printf("  %-16s %llu\n", name_of(static_cast<fault>(f)),
                        static_cast<unsigned long long>(state->faults[f]));
        }
    }
    return state->wrong == 0 ? 0 : 1;
}

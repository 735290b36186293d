// SPDX-License-Identifier: MIT
#include <gantry/check/explore/exact.hpp>
#include <gantry/check/explore/random.hpp>
#include <gantry/check/model.hpp>
#include <gantry/check/report/detail/text.hpp>
#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/session.hpp>

#include <chrono>
#include <cstdio>
#include <memory>

#pragma GCC visibility push(default)

namespace gantry::check {

namespace {

registered_model* first_model = nullptr;

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

const char* name_of(fault f) noexcept {
    switch (f) {
    case fault::none:
        return "none";
    case fault::assertion:
        return "assertion";
    case fault::race:
        return "race";
    case fault::mixed_size:
        return "mixed-size";
    case fault::use_after_free:
        return "use-after-free";
    case fault::out_of_bounds:
        return "out-of-bounds";
    case fault::double_free:
        return "double-free";
    case fault::mismatched_free:
        return "mismatched-free";
    case fault::leak:
        return "leak";
    case fault::deadlock:
        return "deadlock";
    case fault::lock_misuse:
        return "lock-misuse";
    case fault::exception:
        return "exception";
    case fault::aborted:
        return "aborted";
    case fault::nondeterminism:
        return "nondeterminism";
    case fault::unsupported:
        return "unsupported";
    }
    return "";
}

model_result model(const model_options& options, void (*body)(void*), void* context) {
    model_result result;
    if (!runtime::fibers_available() || runtime::active != nullptr) {
        result.found = fault::unsupported;
        result.report = "models cannot be run here";
        return result;
    }
    const double start = now();
    std::unique_ptr<explorer> chosen;
    if (!options.replay.empty()) {
        auto script = parse_token(options.replay);
        if (!script) {
            result.found = fault::unsupported;
            result.report = "not a replay token: " + options.replay;
            return result;
        }
        chosen = std::make_unique<random_explorer>(std::move(*script));
    } else if (options.mode == search::random) {
        chosen = std::make_unique<random_explorer>(options.seed);
    } else {
        chosen = std::make_unique<exact_explorer>();
    }
    explorer& strategy = *chosen;
    runtime::session s(options, strategy);
    std::uint64_t executions = 0;
    while (strategy.more() && executions < options.executions_max) {
        if (options.seconds_max > 0 && executions % 256 == 255 && now() - start > options.seconds_max) {
            break;
        }
        ++executions;
        const ending end = s.run(body, context);
        if (!strategy.diverged().empty()) {
            result.found = fault::nondeterminism;
            result.report = "the program does not repeat itself: " + strategy.diverged();
            break;
        }
        if (s.found() == fault::none) {
            if (end == ending::complete) {
                ++result.graphs;
                if (s.has_noted()) {
                    ++result.outcomes[s.noted()];
                }
                if (options.leaks) {
                    s.check_leaks();
                }
            } else if (end == ending::deadlock) {
                s.report_deadlock();
            } else {
                ++result.blocked;
            }
        }
        if (s.found() != fault::none) {
            result.found = s.found();
            result.report = s.report() + "\nexecution:\n" + trace_of(strategy.current());
            result.token = token_of(script_of(strategy.current(), s.turns()));
            break;
        }
    }
    result.exhaustive = result.ok() && options.mode == search::exact && !strategy.more();
    result.seconds = now() - start;
    return result;
}

void outcome(std::initializer_list<std::int64_t> values) {
    if (runtime::running != nullptr) {
        runtime::entry in;
        runtime::active->note(values);
    }
}

void fail(const char* what, const char* file, int line) {
    if (runtime::running == nullptr) {
        runtime::host_fatal(what);
    }
    runtime::entry in;
    runtime::active->fail(fault::assertion, "does not hold: " + std::string(what) + "\n  at " + file + ":" +
                                                std::to_string(line) + ", thread " + std::to_string(in.thread().id));
}

bool register_model(registered_model& entry) noexcept {
    entry.next = first_model;
    first_model = &entry;
    return true;
}

registered_model* registered_models() noexcept {
    return first_model;
}

} // namespace gantry::check

#pragma GCC visibility pop

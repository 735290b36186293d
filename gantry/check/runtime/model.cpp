// SPDX-License-Identifier: MIT
#include <gantry/check/explore/exact.hpp>
#include <gantry/check/explore/random.hpp>
#include <gantry/check/model.hpp>
#include <gantry/check/report/detail/text.hpp>
#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/session.hpp>
#include <gantry/check/runtime/detail/signals.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

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
    case fault::crash:
        return "crash";
    case fault::endless:
        return "endless";
    case fault::nondeterminism:
        return "nondeterminism";
    case fault::unsupported:
        return "unsupported";
    }
    return "";
}

namespace {

// What the sites of a program are used for.
struct use {
    const void* site;
    event_kind kind;
    order o;

    friend auto operator<=>(const use&, const use&) = default;
};

void collect(const graph& g, std::set<use>& uses) {
    for (event_id id = 0; id < g.size(); ++id) {
        const event& e = g.at(id);
        const bool access = e.kind == event_kind::read || e.kind == event_kind::write || e.kind == event_kind::fence;
        // Library calls are locations with a tag: their orders are not the program's.
        const bool own = e.location == no_location || g.location_at(e.location).address >> 56U == 0;
        if (access && own && e.site != nullptr && e.memory_order != order::relaxed) {
            uses.insert({e.site, e.kind, e.memory_order});
        }
    }
}

// Runs the most ordinary execution twice. The answer says where the second differed from the first; empty: nowhere.
std::string difference(const model_options& options, void (*body)(void*), void* context) {
    graph graphs[2];
    for (graph& g : graphs) {
        random_explorer ordinary(std::vector<scripted>{});
        runtime::session s(options, ordinary);
        static_cast<void>(s.run(body, context));
        g = ordinary.current();
    }
    const event_id both = std::min(graphs[0].size(), graphs[1].size());
    for (event_id id = 0; id < both; ++id) {
        const event& a = graphs[0].at(id);
        const event& b = graphs[1].at(id);
        const auto address = [](const graph& g, const event& e) {
            return e.location == no_location ? 0 : g.location_at(e.location).address;
        };
        if (a.thread != b.thread || a.kind != b.kind || !(a.data == b.data) ||
            address(graphs[0], a) != address(graphs[1], b)) {
            return "first seen in thread " + std::to_string(b.thread) + " at " + place_of(b.site);
        }
    }
    return graphs[0].size() == graphs[1].size() ? "" : "one execution was longer than the other";
}

model_result explore(const model_options& options, void (*body)(void*), void* context,
                     const runtime::mutation& mutation, std::set<use>* uses) {
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
    // The exact search replays what it did and so notices by itself.
    const runtime::signals_caught signals;
    if (options.mode == search::random && options.replay.empty()) {
        if (const std::string different = difference(options, body, context); !different.empty()) {
            result.found = fault::nondeterminism;
            result.report = "the program does not repeat itself: " + different;
            return result;
        }
    }
    explorer& strategy = *chosen;
    runtime::session s(options, strategy);
    s.mutate(mutation);
    std::uint64_t executions = 0;
    while (strategy.more() && executions < options.executions_max) {
        if (options.seconds_max > 0 && now() - start > options.seconds_max) {
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
            if (uses != nullptr) {
                collect(strategy.current(), *uses);
            }
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
            auto script = script_of(strategy.current(), s.turns());
            result.token = token_of(script);
            result.report = s.report();
            if (s.earlier()) {
                random_explorer again(std::move(script));
                runtime::session second(options, again);
                second.mutate(mutation);
                second.watch(*s.earlier());
                static_cast<void>(second.run(body, context));
                result.report += second.watched_stack();
            }
            result.report += "\nexecution:\n" + trace_of(strategy.current());
            break;
        }
    }
    result.exhaustive = result.ok() && options.mode == search::exact && !strategy.more();
    result.seconds = now() - start;
    return result;
}

} // namespace

model_result model(const model_options& options, void (*body)(void*), void* context) {
    return explore(options, body, context, {}, nullptr);
}

std::vector<weakening> weaken(const model_options& options, void (*body)(void*), void* context) {
    std::set<use> uses;
    std::vector<weakening> all;
    if (!explore(options, body, context, {}, &uses).ok()) {
        return all;
    }
    // Both halves of a read-modify-write have its order; a fence and a read-modify-write can go two ways from acq_rel.
    struct line {
        std::set<const void*> sites;
        std::set<event_kind> kinds;
    };

    std::map<std::pair<std::string, order>, line> lines;
    for (const use& u : uses) {
        line& l = lines[{place_of(u.site), u.o}];
        l.sites.insert(u.site);
        l.kinds.insert(u.kind);
    }
    for (const auto& [key, found] : lines) {
        const auto& [place, from] = key;
        const auto& kinds = found.kinds;
        const bool both = kinds.contains(event_kind::fence) || kinds.size() > 1;
        std::vector<order> weaker{order::relaxed};
        if (from == order::seq_cst) {
            weaker = {both ? order::acq_rel : kinds.contains(event_kind::write) ? order::release : order::acquire};
        } else if (from == order::acq_rel && both) {
            weaker = {order::acquire, order::release};
        }
        for (const order to : weaker) {
            const model_result r =
                explore(options, body, context, {{found.sites.begin(), found.sites.end()}, from, to}, nullptr);
            all.push_back({place, name_of(from), name_of(to), r.found, r.exhaustive});
        }
    }
    return all;
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

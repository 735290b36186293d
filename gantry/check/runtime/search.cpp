// SPDX-License-Identifier: MIT
#include <gantry/check/explore/script.hpp>
#include <gantry/check/runtime/detail/search.hpp>

#include <chrono>

namespace gantry::check::runtime {

namespace {

void collect(const graph& g, std::set<use>& uses) {
    for (event_id id = 0; id < g.size(); ++id) {
        const event& e = g.at(id);
        const bool access = e.kind == event_kind::read || e.kind == event_kind::write || e.kind == event_kind::fence;
        // Library calls are locations with a tag: their orders are not the program's.
        const bool own = e.location == no_location || g.location_at(e.location).address >> 56U == 0;
        // A heavy fence is known by its beginning.
        if (access && own && e.site != nullptr && e.memory_order != order::relaxed &&
            e.memory_order != order::heavy_end) {
            uses.insert({e.site, e.kind, e.memory_order});
        }
    }
}

} // namespace

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool limits::interrupted() const noexcept {
    return options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed); // relaxed: stale-ok
}

void tally::add(const tally& other) {
    executions += other.executions;
    graphs += other.graphs;
    blocked += other.blocked;
    repeated += other.repeated;
    for (const auto& [values, times] : other.outcomes) {
        outcomes[values] += times;
    }
    uses.insert(other.uses.begin(), other.uses.end());
    met_a_bound = met_a_bound || other.met_a_bound;
    if (found == fault::none) {
        found = other.found;
        report = other.report;
        token = other.token;
    }
}

void run_one(session& s, explorer& strategy, const subject& what, const model_options& options, tally& into) {
    ++into.executions;
    const ending how = s.run(strategy, what.body, what.context);
    if (!strategy.diverged().empty()) {
        into.found = fault::nondeterminism;
        into.report = "the program does not repeat itself: " + strategy.diverged();
        return;
    }
    into.met_a_bound = into.met_a_bound || s.left_out();
    if (s.found() == fault::none) {
        if (what.collects_uses) {
            collect(strategy.current(), into.uses);
        }
        switch (how) {
        case ending::complete:
            ++into.graphs;
            if (s.has_noted()) {
                ++into.outcomes[s.noted()];
            }
            if (options.leaks) {
                s.check_leaks();
            }
            break;
        case ending::deadlock:
            s.report_deadlock();
            break;
        case ending::repeated:
            ++into.repeated;
            break;
        case ending::blocked:
        case ending::abandoned:
            ++into.blocked;
            break;
        }
    }
    if (s.found() != fault::none) {
        into.found = s.found();
        into.report = s.report();
        into.token = token_of(script_of(strategy.current(), s.turns()));
    }
}

} // namespace gantry::check::runtime

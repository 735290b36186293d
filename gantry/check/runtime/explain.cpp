// SPDX-License-Identifier: MIT
#include <gantry/check/explore/minimise.hpp>
#include <gantry/check/explore/script.hpp>
#include <gantry/check/report/detail/text.hpp>
#include <gantry/check/runtime/detail/explain.hpp>
#include <gantry/check/runtime/detail/narrator.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <utility>

namespace gantry::check::runtime {

namespace {

using script = std::vector<scripted>;

// What the program prints is printed by the search; a thousand times more is of no use.
class silence {
public:
    silence() {
        std::fflush(stdout);
        const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
        for (int i = 0; i < 2; ++i) {
            kept_[i] = nothing < 0 ? -1 : fcntl(i + 1, F_DUPFD_CLOEXEC, 3);
            if (kept_[i] >= 0) {
                dup2(nothing, i + 1);
            }
        }
        if (nothing >= 0) {
            close(nothing);
        }
    }
    silence(const silence&) = delete;
    silence& operator=(const silence&) = delete;
    ~silence() {
        std::fflush(stdout);
        for (int i = 0; i < 2; ++i) {
            if (kept_[i] >= 0) {
                dup2(kept_[i], i + 1);
                close(kept_[i]);
            }
        }
    }

private:
    int kept_[2] = {-1, -1};
};

// Runs the program along scripts.
class stage {
public:
    stage(session& s, const model_options& options, const subject& what)
        : session_(s), options_(options), what_({what.body, what.context, what.mutated}) {}

    // Along that script, or roughly so. The answer is what was found.
    fault run(script way, bool roughly, std::uint64_t steps_max) {
        session_.limit_steps(steps_max);
        way_.emplace(std::move(way), roughly);
        tally counted;
        run_one(session_, *way_, what_, options_, counted);
        session_.limit_steps(session::steps_max_of(options_));
        return counted.found;
    }

    fault run(script way) { return run(std::move(way), false, session::steps_max_of(options_)); }

    [[nodiscard]] script taken() const { return script_of(way_->current(), session_.turns()); }
    [[nodiscard]] const graph& execution() const { return way_->current(); }

    // Steps as the report counts them: a read-modify-write is one, chance that goes the ordinary way none.
    [[nodiscard]] std::size_t steps() const {
        const graph& g = execution();
        std::size_t count = 0;
        for (event_id id = 0; id < g.size(); ++id) {
            const event& e = g.at(id);
            count += (e.kind == event_kind::write && e.exclusive) || (e.kind == event_kind::choice && e.data.low == 0)
                         ? 0U
                         : 1U;
        }
        return count;
    }

private:
    session& session_;
    const model_options& options_;
    const subject what_;
    std::optional<script_explorer> way_;
};

// The shortest beginning of the script that goes on to the same by itself.
script beginning(stage& on, script whole, fault found) {
    std::size_t enough = whole.size();
    for (std::size_t low = 0; low < enough;) {
        const std::size_t middle = low + (enough - low) / 2;
        if (on.run({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(middle)}) == found &&
            on.taken() == whole) {
            enough = middle;
        } else {
            low = middle + 1;
        }
    }
    whole.resize(enough);
    return whole;
}

std::string heading(const counterexample& c) {
    if (c.runs == 0) {
        return "\nexecution:\n";
    }
    const std::string runs = std::to_string(c.runs) + (c.runs == 1 ? " run" : " runs");
    if (c.steps_left < c.steps_found) {
        return "\nexecution, minimised from " + std::to_string(c.steps_found) + " to " + std::to_string(c.steps_left) +
               " steps in " + runs + ":\n";
    }
    return "\nexecution of " + std::to_string(c.steps_found) + (c.steps_found == 1 ? " step (" : " steps (") + runs +
           " showed no shorter one):\n";
}

} // namespace

void explain(session& s, const model_options& options, const subject& what, model_result& result) {
    result.summary = result.report;
    auto way = parse_token(result.token);
    if (result.token.empty() || !way) {
        return;
    }
    const silence quiet;
    stage on(s, options, what);
    if (const fault again = on.run(std::move(*way)); again != result.found) {
        result.report += "\n(its replay came to something else: " + std::string(name_of(again)) + ")";
        return;
    }
    result.summary = s.report();
    script best = on.taken();
    counterexample& told = result.execution;
    told.steps_found = on.steps();
    if (options.minimise > 0 && options.replay.empty() && result.found != fault::endless) {
        const std::vector<const void*> places = s.places();
        const rerun along = [&](script edited, std::size_t steps_max) -> std::optional<script> {
            if (on.run(std::move(edited), true, steps_max) != result.found || s.places() != places) {
                return std::nullopt;
            }
            return on.taken();
        };
        minimised smaller = minimise(best, along, {.seconds_max = options.minimise});
        best = std::move(smaller.script);
        told.runs = smaller.runs;
    }
    if (options.replay.empty()) {
        best = beginning(on, std::move(best), result.found);
    }

    // Once more to learn which access comes first, and then to tell all of it.
    std::optional<touch> earlier;
    if (on.run(best) == result.found) {
        earlier = s.earlier();
    }
    told.steps_left = on.steps();
    narrator tells(s);
    s.narrate(&tells);
    s.watch(earlier);
    if (on.run(best) == result.found) {
        counterexample story = story_of(on.execution(), s.remarks(), tells, earlier.has_value());
        told.steps = std::move(story.steps);
        told.edges = std::move(story.edges);
        told.objects = std::move(story.objects);
        told.stale_because = std::move(story.stale_because);
        result.token = token_of(best);
        result.summary = s.report();
        result.report = result.summary + heading(told) + text_of(told);
    }
    s.narrate(nullptr);
    s.watch(std::nullopt);
    if (const std::vector<std::string> unseen = unseen_libraries(); !unseen.empty()) {
        result.report += "\nnot seen, since compiled without -fsanitize=thread:";
        for (const std::string& name : unseen) {
            result.report += " " + name;
        }
        result.report += "\n";
    }
}

} // namespace gantry::check::runtime

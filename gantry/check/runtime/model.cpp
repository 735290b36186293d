// SPDX-License-Identifier: MIT
#include <gantry/check/explore/bounded.hpp>
#include <gantry/check/explore/checkpoint.hpp>
#include <gantry/check/explore/exact.hpp>
#include <gantry/check/explore/random.hpp>
#include <gantry/check/explore/script.hpp>
#include <gantry/check/model.hpp>
#include <gantry/check/report/detail/symbols.hpp>
#include <gantry/check/report/detail/text.hpp>
#include <gantry/check/runtime/detail/checkpoint_file.hpp>
#include <gantry/check/runtime/detail/estimate.hpp>
#include <gantry/check/runtime/detail/explain.hpp>
#include <gantry/check/runtime/detail/host.hpp>
#include <gantry/check/runtime/detail/progress.hpp>
#include <gantry/check/runtime/detail/search.hpp>
#include <gantry/check/runtime/detail/session.hpp>
#include <gantry/check/runtime/detail/signals.hpp>
#include <gantry/check/runtime/detail/workers.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)

namespace gantry::check {

namespace {

registered_model* first_model = nullptr;

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
    case fault::uninitialised:
        return "uninitialised";
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

using runtime::limits;
using runtime::now;
using runtime::session;
using runtime::subject;
using runtime::tally;
using runtime::use;

// A search that is over by then is not worth a process.
constexpr double alone_seconds = 0.05;

// The most ordinary execution.
graph ordinary(session& s, const subject& what) {
    script_explorer way({});
    static_cast<void>(s.run(way, what.body, what.context));
    return way.current();
}

// Whether executions begin with a choice depends on what the program asks the kernel for.
void learn_choices(session& s, const subject& what) {
    static_cast<void>(ordinary(s, what));
    if (s.wants_choice_of_membarrier()) {
        s.choose_membarrier();
    }
}

// Runs the most ordinary execution twice. The answer says where the second differed from the first; empty: nowhere.
std::string difference(session& s, const subject& what) {
    graph graphs[2];
    for (graph& g : graphs) {
        g = ordinary(s, what);
    }
    if (s.wants_choice_of_membarrier()) {
        s.choose_membarrier();
        return difference(s, what);
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

std::string bounds_of(const model_options& options) {
    std::string text = options.mode == search::bounded
                           ? "preemptions " + std::to_string(options.preemptions_max) + ", stale accesses " +
                                 std::to_string(options.stale_max) + ", "
                           : "";
    text += "waits that end for no reason " + std::to_string(options.spurious_max);
    text += ", weak exchanges that fail for no reason " + std::to_string(options.weak_failures_max);
    text += ", freed blocks used again " + std::to_string(options.reuse_max);
    text += ", steps " + std::to_string(session::steps_max_of(options));
    if (options.kernel != membarrier_answer::both) {
        text += options.kernel == membarrier_answer::works ? ", membarrier works" : ", membarrier refused";
    }
    return text;
}

// Memory for the states that a bounded search has visited, shared with its workers.
class state_memory {
public:
    explicit state_memory(std::uint64_t bytes) {
        slots_ = std::bit_floor(std::max<std::uint64_t>(bytes, 4096) / sizeof(std::uint64_t));
        memory_ = mmap(nullptr, slots_ * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory_ == MAP_FAILED) {
            runtime::host_fatal("cannot map memory for the states of a bounded search");
        }
    }
    state_memory(const state_memory&) = delete;
    state_memory& operator=(const state_memory&) = delete;
    ~state_memory() { munmap(memory_, slots_ * sizeof(std::uint64_t)); }

    [[nodiscard]] seen_table table() const {
        return seen_table({static_cast<std::atomic<std::uint64_t>*>(memory_), slots_});
    }

private:
    void* memory_;
    std::size_t slots_;
};

// A search from its start, or from a checkpoint, to its end.
class run {
public:
    run(const model_options& options, const subject& what)
        : options_(options), what_(what), start_(now()), until_(options, start_), session_(options) {
        session_.mutate(what.mutated);
        runtime::catch_signals(options.stuck_seconds);
    }

    void search(model_result& result, std::set<use>* uses) {
        if (options_.mode == search::bounded) {
            states_.emplace(options_.states_bytes_max);
            strategy_ = std::make_unique<bounded_explorer>(bounds{options_.preemptions_max, options_.stale_max},
                                                           states_->table());
        } else if (options_.mode == search::random) {
            strategy_ = random(0, 1);
        } else {
            strategy_ = std::make_unique<exact_explorer>();
        }
        if (std::string wrong = resume(); !wrong.empty()) {
            result.found = fault::unsupported;
            result.report = std::move(wrong);
            return;
        }
        if (const std::string different = difference(session_, what_); !different.empty()) {
            counted_.found = fault::nondeterminism;
            counted_.report = "the program does not repeat itself: " + different;
        } else {
            alone();
            result.finished = !strategy_->more();
            if (goes_on()) {
                in_workers(result); // what is left is theirs then
            }
        }
        progress_.reset();
        result.found = counted_.found;
        result.report = counted_.report;
        result.token = counted_.token;
        explain(session_, options_, what_, result);
        result.executions = counted_.executions;
        result.graphs = counted_.graphs;
        result.blocked = counted_.blocked;
        result.repeated = counted_.repeated;
        result.outcomes = std::move(counted_.outcomes);
        result.finished = result.ok() && result.finished;
        result.exhaustive = result.finished && options_.mode == search::exact && !counted_.met_a_bound;
        result.interrupted = until_.interrupted();
        result.seconds = before_seconds_ + now() - start_;
        if (uses != nullptr) {
            *uses = std::move(counted_.uses);
        }
    }

private:
    [[nodiscard]] std::unique_ptr<explorer> random(std::uint64_t first, std::uint64_t stride) const {
        return std::make_unique<random_explorer>(
            walk_options{options_.way, options_.depth, options_.seed, first, stride});
    }

    [[nodiscard]] bool goes_on() const {
        return counted_.found == fault::none && strategy_->more() && counted_.executions < options_.executions_max &&
               !until_.met();
    }

    // Most searches are over before another process would be there.
    void alone() {
        const unsigned workers = workers_wanted();
        while (goes_on()) {
            if ((workers > 1 || !options_.checkpoint.empty()) && until_.elapsed() > alone_seconds) {
                break;
            }
            run_one(session_, *strategy_, what_, options_, counted_);
            if (options_.progress && counted_.executions % 256 == 0) {
                show(counted_, share());
            }
        }
        if (const auto* const bounded = dynamic_cast<const bounded_explorer*>(strategy_.get())) {
            counted_.met_a_bound = bounded->met_a_bound();
        }
    }

    [[nodiscard]] unsigned workers_wanted() const {
        static const unsigned cpus = std::max(1U, std::thread::hardware_concurrency()); // it reads a file
        return options_.workers != 0 ? options_.workers : cpus;
    }

    void in_workers(model_result& result) {
        runtime::workers_job job;
        job.workers = result.workers = workers_wanted();
        const std::uint64_t done = counted_.executions;
        job.make = [this, done](unsigned worker, unsigned workers) {
            return random(done + worker, workers);
        };
        if (options_.progress && options_.mode == search::exact && options_.resume.empty()) {
            const size_estimate guess = runtime::guess_size(session_, what_, options_, 0.3);
            if (guess.result.ok()) {
                runtime::say_size(options_.name, guess);
            }
        }
        if (options_.progress) {
            job.progress = [this](const tally& so_far, double share) {
                show(so_far, share);
            };
        }
        if (!options_.checkpoint.empty()) {
            job.save_seconds = options_.checkpoint_seconds;
            job.save = [this](const tally& so_far, const std::vector<std::string>& left,
                              std::span<const thread_names::creation> names) {
                save(so_far, left, names);
            };
        }
        result.finished = run_in_workers(job, session_, *strategy_, what_, options_, until_, counted_);
        if (!save_error_.empty() && counted_.found == fault::none) {
            counted_.found = fault::unsupported;
            counted_.report = "the checkpoint could not be written: " + save_error_;
        }
    }

    [[nodiscard]] double share() const {
        const auto* const divided = dynamic_cast<const divisible*>(strategy_.get());
        return divided != nullptr ? divided->share_done() : 0;
    }

    void show(const tally& so_far, double share) {
        if (!progress_) {
            progress_.emplace(options_.name);
        }
        progress_->show(so_far, share, until_.elapsed());
    }

    // Empty, or what is wrong.
    [[nodiscard]] std::string resume() {
        if (options_.mode != search::exact && !(options_.checkpoint.empty() && options_.resume.empty())) {
            return "a checkpoint is for the exact search";
        }
        if (options_.resume.empty()) {
            return "";
        }
        auto loaded = runtime::read_checkpoint(options_.resume, identity());
        if (!loaded) {
            return loaded.error();
        }
        auto& exact = dynamic_cast<exact_explorer&>(*strategy_);
        names_.emplace();
        names_->assign(loaded->names);
        exact.share_names(*names_);
        exact.drop();
        for (const std::string& piece : loaded->pieces) {
            if (!exact.take(piece)) {
                return options_.resume + ": not a checkpoint: a piece of it is no execution";
            }
        }
        counted_.executions = loaded->executions;
        counted_.graphs = loaded->graphs;
        counted_.blocked = loaded->blocked;
        counted_.outcomes = std::move(loaded->outcomes);
        before_seconds_ = loaded->seconds;
        return "";
    }

    void save(const tally& so_far, const std::vector<std::string>& left,
              std::span<const thread_names::creation> names) {
        checkpoint c = identity();
        c.executions = so_far.executions;
        c.graphs = so_far.graphs;
        c.blocked = so_far.blocked;
        c.outcomes = so_far.outcomes;
        c.seconds = before_seconds_ + now() - start_;
        c.names.assign(names.begin(), names.end());
        c.pieces = left;
        save_error_ = runtime::write_checkpoint(options_.checkpoint, c);
    }

    [[nodiscard]] checkpoint identity() const {
        checkpoint c;
        c.model = options_.name;
        c.bounds = bounds_of(options_);
        runtime::name_program(c);
        return c;
    }

    const model_options& options_;
    const subject& what_;
    double start_;
    double before_seconds_ = 0; // of the runs that a checkpoint comes from
    limits until_;
    session session_;
    std::optional<state_memory> states_;
    std::optional<thread_names> names_;
    std::unique_ptr<explorer> strategy_;
    std::optional<runtime::progress_line> progress_;
    tally counted_;
    std::string save_error_;
};

// A token's execution.
void replay(const model_options& options, const subject& what, model_result& result) {
    const double start = now();
    auto script = parse_token(options.replay);
    if (!script) {
        result.found = fault::unsupported;
        result.report = "not a replay token: " + options.replay;
        return;
    }
    runtime::catch_signals(options.stuck_seconds);
    session s(options);
    s.mutate(what.mutated);
    learn_choices(s, what);
    script_explorer strategy(std::move(*script));
    tally counted;
    run_one(s, strategy, what, options, counted);
    result.found = counted.found;
    result.report = counted.report;
    result.token = counted.token;
    explain(s, options, what, result);
    result.executions = counted.executions;
    result.graphs = counted.graphs;
    result.blocked = counted.blocked;
    result.outcomes = std::move(counted.outcomes);
    result.seconds = now() - start;
}

// Of "file:line (function)".
std::string line_of(const std::string& place) {
    return place.substr(0, place.find(" ("));
}

model_result explore(const model_options& options, const subject& what, std::set<use>* uses) {
    model_result result;
    result.bounds = bounds_of(options);
    if (runtime::active != nullptr) {
        result.found = fault::unsupported;
        result.report = "models cannot be run here";
    } else if (!options.replay.empty()) {
        replay(options, what, result);
    } else {
        run(options, what).search(result, uses);
    }
    return result;
}

} // namespace

model_result model(const model_options& options, void (*body)(void*), void* context) {
    return explore(options, {body, context}, nullptr);
}

size_estimate estimate(const model_options& options, void (*body)(void*), void* context, double seconds_max) {
    size_estimate guess;
    if (runtime::active != nullptr) {
        guess.result.found = fault::unsupported;
        guess.result.report = "models cannot be run here";
        return guess;
    }
    runtime::catch_signals(options.stuck_seconds);
    session s(options);
    const subject what{body, context};
    learn_choices(s, what);
    guess = runtime::guess_size(s, what, options, seconds_max);
    explain(s, options, what, guess.result);
    return guess;
}

weakenings weaken(const model_options& wanted, void (*body)(void*), void* context,
                  const std::vector<weakening>& known) {
    std::set<std::array<std::string, 3>> noticed; // line, from, to
    for (const weakening& w : known) {
        if (w.noticed != fault::none) {
            noticed.insert({line_of(w.place), w.from, w.to});
        }
    }
    std::set<use> uses;
    weakenings all;
    model_options options = wanted;
    options.minimise = 0;
    all.as_it_is = explore(options, {body, context, {}, true}, &uses);
    if (!all.as_it_is.ok()) {
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
        if (from == order::heavy_begin) {
            weaker = {order::seq_cst};
        } else if (from == order::seq_cst) {
            weaker = {both ? order::acq_rel : kinds.contains(event_kind::write) ? order::release : order::acquire};
        } else if (from == order::acq_rel && both) {
            weaker = {order::acquire, order::release};
        }
        for (const order to : weaker) {
            if (noticed.contains({line_of(place), name_of(from), name_of(to)})) {
                continue;
            }
            const model_result r =
                explore(options, {body, context, {{found.sites.begin(), found.sites.end()}, from, to}}, nullptr);
            all.steps.push_back({place, name_of(from), name_of(to), r.found, r.exhaustive});
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

moment here() {
    if (runtime::running == nullptr) {
        runtime::host_fatal("here() outside of a model's body");
    }
    runtime::entry in;
    return runtime::active->here(in.thread());
}

bool happens_before(const moment& a, const moment& b) {
    if (runtime::active == nullptr) {
        runtime::host_fatal("happens_before() outside of a model's body");
    }
    const runtime::entry in;
    return runtime::active->happens_before(a, b);
}

void aside(void (*what)(void*), void* context) {
    const runtime::entry in;
    what(context);
}
namespace {

[[noreturn]] void fail_at(const char* what, const std::string& remark, const char* file, int line, const void* site) {
    runtime::entry in;
    const std::string path = file;
    runtime::active->remark_on(in.thread(), remark, site);
    runtime::active->fail(fault::assertion, what + std::string("\n  at ") + path.substr(path.rfind('/') + 1) + ":" +
                                                std::to_string(line) + ", thread " + std::to_string(in.thread().id));
}

} // namespace

void fail(const char* what, const char* file, int line) {
    if (runtime::running == nullptr) {
        runtime::host_fatal(what);
    }
    fail_at(("does not hold: " + std::string(what)).c_str(), "the check fails", file, line,
            __builtin_return_address(0));
}

void fail_saying(const char* message, const char* file, int line) {
    if (runtime::running == nullptr) {
        runtime::host_fatal(message);
    }
    fail_at(message, "fails", file, line, __builtin_return_address(0));
}

void fail_compared(const char* what, const spelled& left, const spelled& right, const char* file, int line) {
    if (runtime::running == nullptr) {
        runtime::host_fatal(what);
    }
    fail_at(("does not hold: " + std::string(what) + "\n  left: " + left.text + ", right: " + right.text).c_str(),
            "the check fails: " + left.text + ", " + right.text, file, line, __builtin_return_address(0));
}

spelled spell_streamed(void (*write)(std::ostream&, const void*), const void* value) {
    std::ostringstream text;
    if (write != nullptr) {
        write(text, value);
    } else {
        text << value;
    }
    return {text.str()};
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

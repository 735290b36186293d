// SPDX-License-Identifier: MIT
#pragma once
//
// search: runs execution after execution until there are no more, something is found, or a limit is met.
//
// Use it when working on the checker's runtime.
// Do not use it when checking your own code: <gantry/check/model.hpp> is all that is needed.
//
// Threads: one thread. Progress: blocking. Ordering: n/a. Cost: see MODEL.md.
// Failure: what is found is in the tally. Lifetime: n/a. Origin: n/a.

#include <gantry/check/explore/explorer.hpp>
#include <gantry/check/model.hpp>
#include <gantry/check/runtime/detail/session.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace gantry::check::runtime {

// What is explored.
struct subject {
    void (*body)(void*) = nullptr;
    void* context = nullptr;
    mutation mutated{};
    bool collects_uses = false;
};

// What a site of the program is used for.
struct use {
    const void* site;
    event_kind kind;
    order o;

    friend auto operator<=>(const use&, const use&) = default;
};

// What a search has come to.
struct tally {
    std::uint64_t executions = 0;
    std::uint64_t graphs = 0;
    std::uint64_t blocked = 0;
    std::uint64_t repeated = 0;
    std::map<std::vector<std::int64_t>, std::uint64_t> outcomes;
    std::set<use> uses;
    fault found = fault::none;
    std::string report; // of the fault, without the picture of its execution
    std::string token;  // of the execution; empty when it cannot be replayed
    bool met_a_bound = false;

    void add(const tally& other);
};

// Seconds on the host's clock.
[[nodiscard]] double now();

// Runs one execution, counts it, and looks at its end for what its threads could not see.
void run_one(session& s, explorer& strategy, const subject& what, const model_options& options, tally& into);

// Whether the user, or the clock, wants the search to stop.
class limits {
public:
    limits(const model_options& options, double start) : options_(options), start_(start) {}

    [[nodiscard]] double elapsed() const { return now() - start_; }
    [[nodiscard]] bool interrupted() const noexcept;
    [[nodiscard]] bool met() const {
        return interrupted() || (options_.seconds_max > 0 && elapsed() > options_.seconds_max);
    }

private:
    const model_options& options_;
    double start_;
};

} // namespace gantry::check::runtime

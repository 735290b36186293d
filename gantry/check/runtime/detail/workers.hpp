// SPDX-License-Identifier: MIT
#pragma once
//
// run_in_workers(): goes on with a search in several processes.
//
// Use it when a search takes long: globals belong to a process, so what runs at once runs in processes.
// Do not use it when it is over in milliseconds.
//
// Workers are forked where the search stands and start with a share of what is left each. One that has nothing left
// says so; another that sees it gives away what waits longest, through this process, which only hands work on, prints
// and saves. Random searches have nothing to share: each worker throws its own dice.
//
// Threads: called by one thread. Progress: blocking. Ordering: n/a. Cost: a fork() for each worker, and memory that
// its executions change. Failure: a worker that dies is a fault of its own. Lifetime: workers have ended when it
// returns, and end by themselves when this process does. Origin: n/a.

#include <gantry/check/runtime/detail/search.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gantry::check::runtime {

struct workers_job {
    unsigned workers = 1;
    // The explorer of one of the workers of a random search.
    std::function<std::unique_ptr<explorer>(unsigned worker, unsigned workers)> make;
    // Called about ten times a second: what was counted so far, and the share of the search that is done if that can be
    // told.
    std::function<void(const tally&, double share)> progress;
    // Called every `save_seconds`, and at the end if something is left: that, as divisible::give() wrote it, with what
    // was counted. May be empty: then what is left when the search is stopped is lost.
    std::function<void(const tally&, const std::vector<std::string>& left, std::span<const thread_names::creation>)>
        save;
    double save_seconds = 60;
};

// Whether all of it was done.
[[nodiscard]] bool run_in_workers(const workers_job& job, session& s, explorer& strategy, const subject& what,
                                  const model_options& options, const limits& until, tally& into);

} // namespace gantry::check::runtime

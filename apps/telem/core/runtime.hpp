// SPDX-License-Identifier: MIT
#pragma once
//
// run: a topology on threads, from its start to its final report.
//
// Use it when telem runs for real. Do not use it when a test wants repeatable schedules -> step the topology.
//
// Threads: main only, before any other thread exists (it blocks SIGINT and SIGTERM and reads them itself).
// Progress: returns when every stage has ended. Ordering: what was accepted has been reported when it returns, unless a
// second signal cut it short. Cost: one thread a node. Failure: one line on the log, and the exit code.
// Lifetime: the world outlives the call. Origin: n/a.

#include <apps/telem/core/topology.hpp>

namespace telem {

// Exit codes, as --help documents them.
enum class exit_code : int { ok = 0, failed = 1, usage = 2, cut_short = 3 };

// log takes one line of text without its end.
[[nodiscard]] exit_code run(const config& checked, const world& around,
                            const std::function<void(std::string_view)>& log);

} // namespace telem

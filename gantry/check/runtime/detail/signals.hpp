// SPDX-License-Identifier: MIT
#pragma once
//
// signals: turns a crash of the modelled program, and a loop that nobody hears of, into a report.
//
// Use it when a session runs.
// Do not use it when no modelled code does: other crashes are passed on.
//
// Threads: the session's. Progress: n/a. Ordering: n/a. Cost: a system call for each search, some more for the first.
// Failure: n/a. Lifetime: handlers stay; what is not the modelled program's goes to whoever was there before.
// Origin: n/a.

namespace gantry::check::runtime {

// Before a search, on the thread that is going to run it. A thread of the program that takes `stuck_seconds` of the
// processor's time without an event is reported as endless; 0: nobody looks.
void catch_signals(double stuck_seconds) noexcept;

// The clock for that does not survive fork(): a child asks anew.
void watch_for_stuck_threads(double seconds) noexcept;

} // namespace gantry::check::runtime

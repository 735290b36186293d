// SPDX-License-Identifier: MIT
#pragma once
//
// signals: turns a crash of the modelled program, and a loop that nobody hears of, into a report.
//
// Use it when a session runs.
// Do not use it when no modelled code does: other crashes are passed on.
//
// Threads: the session's. Progress: n/a. Ordering: n/a. Cost: a few system calls for each session.
// Failure: n/a. Lifetime: handlers are put back at the end. Origin: n/a.

#include <array>
#include <csignal>

namespace gantry::check::runtime {

// A thread that takes so much of the processor's time without an event is reported as endless. Ends with the process: a
// child of fork() asks anew. 0: nobody looks.
void watch_for_stuck_threads(double seconds) noexcept;

class signals_caught {
public:
    explicit signals_caught(double stuck_seconds);
    signals_caught(const signals_caught&) = delete;
    signals_caught& operator=(const signals_caught&) = delete;
    ~signals_caught();

private:
    std::array<struct sigaction, 5> before_{};
    stack_t stack_before_{};
};

} // namespace gantry::check::runtime

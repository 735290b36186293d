// SPDX-License-Identifier: MIT
#pragma once
//
// signals: turns a crash of the modelled program into a report.
//
// Use it when a session runs.
// Do not use it when no modelled code does: other crashes are passed on.
//
// Threads: the session's. Progress: n/a. Ordering: n/a. Cost: a few system calls for each session.
// Failure: n/a. Lifetime: handlers are put back at the end. Origin: n/a.

#include <array>
#include <csignal>

namespace gantry::check::runtime {

class signals_caught {
public:
    signals_caught();
    signals_caught(const signals_caught&) = delete;
    signals_caught& operator=(const signals_caught&) = delete;
    ~signals_caught();

private:
    std::array<struct sigaction, 4> before_{};
    stack_t stack_before_{};
};

} // namespace gantry::check::runtime

// SPDX-License-Identifier: MIT
#pragma once
//
// explorer: decides, execution after execution, what every atomic access sees and who runs next.
//
// Use it when working on the checker itself, or when driving an exploration from something that is not compiled code
// (the tests run little programs written as tables).
// Do not use it when checking your own code: <gantry/check/model.hpp> is all that is needed.
//
// The program's side of the contract: from begin() to end(), whenever thread t reaches an operation it calls the member
// for it. `done` means that it happened. `wait` means that nothing happened: run the thread that pick() names, and ask
// again when t is picked. Between calls a thread must be a function of what it was told.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: see MODEL.md. Failure: a program that does not repeat
// itself is named by diverged(). Lifetime: keeps nothing of the program's.
// Origin: the interface is ours; strategies name theirs.

#include <gantry/check/graph/graph.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::check {

inline constexpr thread_id no_thread = UINT16_MAX;

enum class progress : std::uint8_t { done, wait };

struct accessed {
    progress state = progress::wait;
    bool wrote = false;
    bool newest = false; // what it wrote is the last in modification order, as far as this execution got
    bool stale = false;  // what it read is not
    value seen;
};

// Where an access goes. `initial` is what memory holds there now; it counts when the location is new.
struct target {
    std::uint64_t address = 0;
    std::uint32_t epoch = 0;
    value initial;
    const void* site = nullptr;
};

enum class ending : std::uint8_t {
    complete,  // every thread came to its end
    blocked,   // some thread waits for what could still come: not an execution of its own
    deadlock,  // every thread that is left waits, and what each saw was the newest there is
    repeated,  // came to where an execution has been before; what is new in it has been seen
    abandoned, // stopped from outside
};

class explorer {
public:
    virtual ~explorer() = default;

    // Starts the next execution, with thread 0 alone.
    virtual void begin() = 0;
    // Ends it. `stopped`: the program was not run to its end.
    virtual ending end(bool stopped) = 0;
    // Whether there is another execution to run.
    [[nodiscard]] virtual bool more() const = 0;

    virtual accessed access(thread_id t, const operation& op, const target& where) = 0;
    virtual progress fence(thread_id t, order o, const void* site) = 0;
    // One of 0 .. options-1; 0 is what happens ordinarily.
    virtual progress choose(thread_id t, std::uint32_t options, const void* site, std::uint32_t& chosen) = 0;
    // Names the new thread: the same name for the same creation in every execution.
    virtual progress create(thread_id t, const void* site, thread_id& child) = 0;
    virtual progress join(thread_id t, thread_id child, const void* site) = 0;
    virtual progress finish(thread_id t) = 0;
    // The thread is where it was `events` events ago, and wrote nothing since: what it did in between may as well not
    // have happened. `done`: let it go on all the same; `wait`: it goes on when something has changed.
    virtual progress spin(thread_id t, std::uint32_t events) = 0;
    // Who runs next, or no_thread when nobody can.
    virtual thread_id pick() = 0;

    [[nodiscard]] const graph& current() const noexcept { return graph_; }
    // The clock of what the thread did last, for race detection: how many events of each thread happen before now.
    [[nodiscard]] virtual std::span<const std::uint32_t> clock(thread_id t) const noexcept = 0;
    // Not empty when an execution did not repeat what the same choices led to before: says what differed.
    [[nodiscard]] const std::string& diverged() const noexcept { return diverged_; }

protected:
    graph graph_;
    std::string diverged_;
};

} // namespace gantry::check

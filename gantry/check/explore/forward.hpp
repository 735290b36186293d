// SPDX-License-Identifier: MIT
#pragma once
//
// forward_explorer: walks forward through executions: somebody runs, a read sees a write that is there, a write takes a
// place. Who, which and where is decided by what derives from it.
//
// Use it when writing a new way of choosing executions.
// Do not use it when every execution is wanted, once -> exact_explorer.
//
// A thread that waits in vain, or spins on values that are the newest, is left alone until somebody writes. Whatever is
// decided, every execution that comes out is one of the program's.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: one run of the program for each execution.
// Failure: see explorer. Lifetime: n/a.
// Origin: walks over C11 graphs as in C11Tester (Luo, Demsky, ASPLOS 2021), with any coherent place for a write.

#include <gantry/check/explore/explorer.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gantry::check {

class forward_explorer : public explorer {
public:
    void begin() override;
    ending end(bool stopped) override;

    accessed access(thread_id t, const operation& op, const target& where) override;
    progress fence(thread_id t, order o, const void* site) override;
    progress choose(thread_id t, std::uint32_t options, const void* site, std::uint32_t& chosen) override;
    progress create(thread_id t, const void* site, thread_id& child) override;
    progress join(thread_id t, thread_id child, const void* site) override;
    progress finish(thread_id t) override;
    progress spin(thread_id t, std::uint32_t events) override;
    thread_id pick() override;
    [[nodiscard]] std::span<const std::uint32_t> clock(thread_id t) const noexcept override;

protected:
    // Who goes next, of those that can (in rising order, at least one); no_thread ends the execution.
    virtual thread_id next_thread(std::span<const thread_id> able) = 0;
    // How far behind the newest an access is to stay, 0 .. most. When it cannot be there, the nearest newer place is
    // taken, and if there is none, the nearest older one.
    virtual std::uint32_t how_far(std::uint32_t most) = 0;
    // The same, when every place is known that it can be at. Asked instead of how_far() if `wants_places()`.
    virtual std::uint32_t one_of(std::span<const std::uint32_t> places) { return places.front(); }
    [[nodiscard]] virtual bool wants_places() const noexcept { return false; }
    // What choose() chooses.
    virtual std::uint32_t chosen_of(std::uint32_t options) { return how_far(options - 1); }
    // Whether how_far() is obeyed even by a thread that has spun on old values; otherwise such a thread sees the
    // newest.
    [[nodiscard]] virtual bool obeyed() const noexcept { return false; }

    void give_up(std::string why) {
        if (diverged_.empty()) {
            diverged_ = std::move(why);
        }
    }

    // The thread that took the last step, or no_thread.
    [[nodiscard]] thread_id last() const noexcept { return last_; }
    // Steps taken in this execution.
    [[nodiscard]] std::size_t steps() const noexcept { return step_; }
    // Threads that see the newest only, a bit each: the part of the state that is not in the graph.
    [[nodiscard]] std::uint64_t fresh_only() const noexcept;

private:
    enum class state : std::uint8_t { running, waiting, finished };

    struct thread_progress {
        state now = state::running;
        thread_id joining = no_thread;
        std::uint64_t writes_seen = 0; // waiting: goes on when there are more
        bool timed = false;            // waiting: not for ever
        bool fresh_only = false;       // spun on stale values: reads the newest from now on
    };

    [[nodiscard]] bool can_run(thread_id t) const noexcept;
    void stepped(thread_id t);
    bool try_source(event_id read, std::uint32_t position);
    [[nodiscard]] bool fits(event_id write, location_id l, std::uint32_t position);
    void place(event_id write, location_id l, std::uint32_t end);
    [[nodiscard]] bool find_source(thread_id t, event_id read, std::uint32_t end, std::uint32_t& behind);

    std::uint64_t writes_ = 0;
    std::vector<thread_progress> threads_;
    std::vector<thread_id> able_;
    std::vector<std::uint32_t> places_;
    thread_id turn_ = no_thread;
    thread_id last_ = no_thread;
    std::size_t step_ = 0;
};

} // namespace gantry::check

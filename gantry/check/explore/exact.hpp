// SPDX-License-Identifier: MIT
#pragma once
//
// exact_explorer: visits every consistent execution graph of a program once.
//
// Use it when the program is small enough to be explored to the end.
// Do not use it when it is not -> bounded_explorer, random_explorer.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: one re-execution of the program for each graph; memory
// grows with the depth of the search, not with the number of graphs. Failure: see explorer. Lifetime: n/a.
// Origin: TruSt (Kokologiannakis, Marmanis, Gladstein, Vafeiadis, POPL 2022); read-modify-writes as GenMC does them.
// Ours: graphs are pushed instead of visited recursively, and a pushed graph is replayed by running the program.

#include <gantry/check/explore/divisible.hpp>
#include <gantry/check/explore/explorer.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::check {

class exact_explorer final : public explorer, public divisible {
public:
    exact_explorer();

    void begin() override;
    ending end(bool stopped) override;
    [[nodiscard]] bool more() const override { return !pending_.empty(); }

    accessed access(thread_id t, const operation& op, const target& where) override;
    progress fence(thread_id t, order o, const void* site) override;
    progress choose(thread_id t, std::uint32_t options, const void* site, std::uint32_t& chosen) override;
    progress create(thread_id t, const void* site, thread_id& child) override;
    progress join(thread_id t, thread_id child, const void* site) override;
    progress finish(thread_id t) override;
    progress spin(thread_id t, std::uint32_t events) override;
    thread_id pick() override;
    [[nodiscard]] std::span<const std::uint32_t> clock(thread_id t) const noexcept override;

    // Graphs that wait to be run.
    [[nodiscard]] std::size_t backlog() const noexcept override { return pending_.size(); }
    [[nodiscard]] std::string give() override;
    [[nodiscard]] bool take(std::string_view piece) override;
    void drop() noexcept override { pending_.clear(); }
    void keep_share(std::size_t part, std::size_t parts) override;
    [[nodiscard]] double share_done() const noexcept override { return done_; }
    void share_names(thread_names& names) noexcept override;

    // For estimates: of the graphs that the last execution left to be run, keeps the n-th alone, and forgets all
    // others; `n` counts modulo their number. The answer is how many there were.
    std::size_t keep_one(std::uint64_t n);
    // Begins the search anew.
    void restart();

private:
    enum class state : std::uint8_t { absent, running, blocked, spinning, finished };

    struct thread_progress {
        std::uint32_t replayed = 0; // events of the graph that this execution has come past
        state now = state::absent;
        thread_id joining = no_thread;
        std::uint32_t round = 0; // events of the loop that it spins in
        std::uint32_t children = 0;
    };

    // A graph to be run, and what part of the whole search it is, if all that is left of a graph is alike.
    struct unfinished {
        std::unique_ptr<graph> at;
        double share = 0;
    };

    [[nodiscard]] const event* next_of(thread_id t) const noexcept;
    [[nodiscard]] bool has_happened(event_id e) const noexcept;
    [[nodiscard]] bool ready(const event& e) const noexcept;
    [[nodiscard]] bool replaying() const noexcept { return replayed_ < graph_.size(); }
    [[nodiscard]] bool expect(const event* e, event_kind kind, std::uint64_t address);
    void pass(thread_id t);
    accessed replay_access(thread_id t, const operation& op, const target& where, const event& e);
    accessed new_read(thread_id t, const operation& op, const target& where, location_id l);
    accessed finish_rmw(thread_id t, event_id read, const operation& op, const void* site);
    void new_write(thread_id t, location_id l, order o, const value& data, event_id half, const void* site);
    void push_conflicting_rmw(event_id read, event_id write, event_id rival);
    void revisit(const graph& from, event_id write, event_id last_target);
    bool maximally_added(const graph& from, event_id e, event_id write) const;
    void push_revisit(const graph& from, event_id write, event_id read);
    void push(const graph& g);
    void place_and_push(std::unique_ptr<graph> g, event_id write, event_id read);
    std::unique_ptr<graph> spare();
    void diverge(std::string what);

    std::vector<thread_progress> threads_;
    event_id replayed_ = 0;
    // False from the end of a replay until pick(): who adds the next event must follow from the graph alone.
    bool settled_ = true;
    thread_names own_names_;
    thread_names* names_ = &own_names_; // the same for the whole exploration
    std::vector<unfinished> pending_;
    std::size_t pending_before_ = 0; // how many there were when this execution began
    double share_ = 1;               // of this execution and all that it leaves
    double done_ = 0;
    std::vector<std::unique_ptr<graph>> pool_;
    std::vector<std::uint8_t> keep_;
    std::vector<event_id> renamed_;
    graph scratch_;
};

} // namespace gantry::check

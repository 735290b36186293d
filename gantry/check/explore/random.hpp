// SPDX-License-Identifier: MIT
#pragma once
//
// random_explorer: walks forward through one execution after the other, throwing dice for who runs, what a read sees
// and where a write goes; or follows a script.
//
// Use it when a program is too large for all of its executions.
// Do not use it when it is small -> exact_explorer.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: one run of the program for each execution.
// Failure: see explorer. Lifetime: n/a.
// Origin: random walks over C11 graphs as in C11Tester (Luo, Demsky, ASPLOS 2021), with any coherent place for a write.

#include <gantry/check/explore/explorer.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gantry::check {

// One step of an execution that is to be followed: who, and how far its access stays behind the newest write: a read's
// source, a write's place.
struct scripted {
    thread_id thread = 0;
    std::uint32_t behind = 0;
};

// The steps of the execution, given the order in which its threads took them.
[[nodiscard]] std::vector<scripted> script_of(const graph& g, std::span<const thread_id> turns);
// A script as a word that can be pasted into a command line, and back; no value when it is not such a word.
[[nodiscard]] std::string token_of(std::span<const scripted> script);
[[nodiscard]] std::optional<std::vector<scripted>> parse_token(const std::string& token);

class random_explorer final : public explorer {
public:
    explicit random_explorer(std::uint64_t seed) : seed_(seed) {}

    // Follows the script, and where it ends goes on in the most ordinary way.
    explicit random_explorer(std::vector<scripted> script) : script_(std::move(script)), follows_(true) {}

    void begin() override;
    ending end(bool stopped) override;
    [[nodiscard]] bool more() const override { return !follows_ || executions_ == 0; }

    accessed access(thread_id t, const operation& op, const target& where) override;
    progress fence(thread_id t, order o, const void* site) override;
    progress choose(thread_id t, std::uint32_t options, const void* site, std::uint32_t& chosen) override;
    progress create(thread_id t, const void* site, thread_id& child) override;
    progress join(thread_id t, thread_id child, const void* site) override;
    progress finish(thread_id t) override;
    progress spin(thread_id t, std::uint32_t events) override;
    thread_id pick() override;
    [[nodiscard]] std::span<const std::uint32_t> clock(thread_id t) const noexcept override;

private:
    enum class state : std::uint8_t { running, waiting, finished };

    struct thread_progress {
        state now = state::running;
        thread_id joining = no_thread;
        std::uint64_t writes_seen = 0; // waiting: goes on when there are more
        bool timed = false;            // waiting: not for ever
        bool fresh_only = false;       // spun on stale values: reads the newest from now on
    };

    [[nodiscard]] std::uint64_t roll();
    [[nodiscard]] std::uint32_t how_far(std::uint32_t most);
    [[nodiscard]] bool can_run(thread_id t) const noexcept;
    void stepped(thread_id t);
    bool try_source(event_id read, std::uint32_t position);

    std::uint64_t seed_ = 0;
    std::uint64_t dice_ = 0;
    std::uint64_t executions_ = 0;
    std::uint64_t writes_ = 0;
    std::vector<thread_progress> threads_;
    thread_id turn_ = no_thread;
    std::vector<scripted> script_;
    std::size_t step_ = 0;
    bool follows_ = false;
};

} // namespace gantry::check

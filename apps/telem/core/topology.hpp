// SPDX-License-Identifier: MIT
#pragma once
//
// topology: the stages of a checked config, joined by channels, and what they share.
//
// Use it when a config is to run: with threads -> runtime.hpp, or stepped by a test. Do not use it when the config was
// not checked: build() relies on it.
//
// Threads: each stage belongs to one; stop(), failure(), figures from any. Progress: n/a. Ordering: stages are listed
// in the order of the arrows, sources first. Cost: memory is bounded by the channels' capacities, names_bytes_max and
// the aggregates' bytes_max. Failure: build() says which socket or directory could not be had. Lifetime: the world
// outlives it. Origin: n/a.

#include <apps/telem/core/config.hpp>
#include <apps/telem/core/source.hpp>
#include <apps/telem/core/spill_edge.hpp>

namespace telem {

struct world {
    clock& time;
    network& sockets;
    output& console;
    name_secret secret;
    gantry::storage* disk = nullptr;                // where arrows spill to; needed if one does
    std::function<void(std::string_view)> say = {}; // a line for people, from any thread
};

class topology {
public:
    // waits: whether stages block (each has a thread) or return from step() when they cannot go on.
    [[nodiscard]] static std::expected<std::unique_ptr<topology>, std::string> build(const config& checked,
                                                                                     const world& around, bool waits);

    [[nodiscard]] const std::vector<std::unique_ptr<stage>>& stages() const noexcept { return stages_; }
    [[nodiscard]] const std::vector<source*>& sources() const noexcept { return sources_; }
    [[nodiscard]] const std::vector<spill_edge*>& spills() const noexcept { return spills_; }
    [[nodiscard]] const name_table& names() const noexcept { return names_; }
    [[nodiscard]] const pools& blocks() const noexcept { return pools_; }
    // A console prints JSON.
    [[nodiscard]] bool json() const noexcept { return json_; }

    // Asks all sources to fetch what the kernel holds and end; the rest ends in the order of the arrows.
    void stop();
    // Something cannot go on: stop, and remember why (the first reason counts).
    void fail(std::string why);
    [[nodiscard]] std::optional<std::string> failure() const;

private:
    topology(const config& checked, const world& around);

    // before the stages, which use them until their end
    pools pools_;
    name_table names_;

    std::vector<std::unique_ptr<stage>> stages_;
    std::vector<source*> sources_;
    std::vector<spill_edge*> spills_;
    bool json_ = false;

    mutable std::mutex m_;
    // guarded by m_
    std::optional<std::string> failure_;
};

} // namespace telem

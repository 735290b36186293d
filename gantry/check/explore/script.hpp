// SPDX-License-Identifier: MIT
#pragma once
//
// script_explorer: repeats one execution, step by step, as a script says; and scripts as short words, replay tokens.
//
// Use it when an execution that was found is to be run again.
// Do not use it when executions are to be found -> exact_explorer, bounded_explorer, random_explorer.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: one run of the program. Failure: a script that does
// not fit the program is named by diverged(). Lifetime: n/a. Origin: n/a.

#include <gantry/check/explore/forward.hpp>

#include <algorithm>
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

    friend constexpr bool operator==(const scripted&, const scripted&) = default;
};

// The steps of the execution, given the order in which its threads took them.
[[nodiscard]] std::vector<scripted> script_of(const graph& g, std::span<const thread_id> turns);
// A script as a word that can be pasted into a command line, and back; no value when it is not such a word.
[[nodiscard]] std::string token_of(std::span<const scripted> script);
[[nodiscard]] std::optional<std::vector<scripted>> parse_token(const std::string& token);

// Follows the script, and where it ends goes on in the most ordinary way: the lowest thread, the newest values.
class script_explorer final : public forward_explorer {
public:
    explicit script_explorer(std::vector<scripted> script) : script_(std::move(script)) {}

    void begin() override {
        forward_explorer::begin();
        ran_ = true;
    }

    [[nodiscard]] bool more() const override { return !ran_; }

protected:
    thread_id next_thread(std::span<const thread_id> able) override;

    std::uint32_t how_far(std::uint32_t most) override {
        return steps() < script_.size() ? std::min(most, script_[steps()].behind) : 0;
    }

    [[nodiscard]] bool obeyed() const noexcept override { return true; }

private:
    std::vector<scripted> script_;
    bool ran_ = false;
};

} // namespace gantry::check

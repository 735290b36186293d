// SPDX-License-Identifier: MIT
#pragma once
//
// select_arm, select_among: one of several operations, whichever can go on first.
//
// Use it when you write a form of select.
// Do not use it when you use channels -> channel/select.hpp.
//
// Threads: one selection belongs to one thread. Progress: blocks as asked. Ordering: of the operation that was chosen.
// Cost: an attempt an arm; to wait, an entry an arm and a sort. Failure: what an attempt throws ends the selection, no
//   operation was done. Lifetime: n/a. Origin: see waiting.hpp.

#include <gantry/base/wait.hpp>
#include <gantry/channel/detail/waiting.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace gantry::channel::detail {

class select_arm {
public:
    select_arm(const select_arm&) = delete;
    select_arm& operator=(const select_arm&) = delete;

    // Tries; true: done, one way or the other.
    virtual bool attempt() = 0;
    // Its partner has done it.
    virtual void handed() noexcept = 0;
    // So that give_back() cannot fail.
    virtual void prepare_return() {}
    // Its partner has done it, but it is not wanted any more: the element goes back to the channel.
    virtual void give_back() noexcept {}
    // What the entry says of it.
    virtual void describe(wait_entry& entry) = 0;

    core_base* const core;
    const side on;

protected:
    select_arm(core_base& of, side side) noexcept : core(&of), on(side) {}
    ~select_arm() = default;
};

// In what order arms that are all ready are looked at.
enum class order : std::uint8_t {
    fair,   // from any of them on
    listed, // the first in the list comes first
};

// The arm that was done; nothing: none was in time. `room`: as many as there are arms.
[[nodiscard]] std::optional<std::size_t> select_among(std::span<select_arm* const> arms, std::span<wait_arm> room,
                                                      steady_deadline deadline, order by);
// The same without waiting, and only what comes after that.
[[nodiscard]] std::optional<std::size_t> select_now(std::span<select_arm* const> arms, order by);
[[nodiscard]] std::optional<std::size_t> select_waiting(std::span<select_arm* const> arms, std::span<wait_arm> room,
                                                        steady_deadline deadline, order by);

// Where a fair one begins; `count` is less than 2^32.
[[nodiscard]] std::size_t any_below(std::size_t count) noexcept;

} // namespace gantry::channel::detail

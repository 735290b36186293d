// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/base/backoff.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/channel/detail/selection.hpp>

#include <algorithm>
#include <functional>

namespace gantry::channel::detail {

// A thread's own sequence of numbers: xorshift (Marsaglia 2003).
std::size_t any_below(std::size_t count) noexcept {
    thread_local std::uint32_t state = 0;
    if (state == 0) {
        // Threads differ by where their state lies; in models every run must be the same.
        const auto place = reinterpret_cast<std::uintptr_t>(&state);
        state = tuning::is_model_build ? 1 : static_cast<std::uint32_t>(place >> 6U) | 1U;
    }
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return static_cast<std::size_t>((std::uint64_t{state} * count) >> 32U);
}

namespace {

std::optional<std::size_t> attempt_from(std::span<select_arm* const> arms, std::size_t start) {
    for (std::size_t i = start; i != arms.size(); ++i) {
        if (arms[i]->attempt())
            return i;
    }
    for (std::size_t i = 0; i != start; ++i) {
        if (arms[i]->attempt())
            return i;
    }
    return std::nullopt;
}

} // namespace

std::optional<std::size_t> select_now(std::span<select_arm* const> arms, order by) {
    if (arms.empty())
        return std::nullopt;
    return attempt_from(arms, by == order::fair ? any_below(arms.size()) : 0);
}

std::optional<std::size_t> select_among(std::span<select_arm* const> arms, std::span<wait_arm> room,
                                        steady_deadline deadline, order by) {
    if (const auto done = select_now(arms, by))
        return done;
    return select_waiting(arms, room, deadline, by);
}

std::optional<std::size_t> select_waiting(std::span<select_arm* const> arms, std::span<wait_arm> room,
                                          steady_deadline deadline, order by) {
    GANTRY_ASSERT(!arms.empty() || deadline != no_deadline); // it would never end
    bool can_spin = !arms.empty();
    for (std::size_t i = 0; i != arms.size(); ++i) {
        wait_arm& wait = room[i];
        wait.core = arms[i]->core;
        wait.on = arms[i]->on;
        wait.entry = wait_entry{};
        wait.entry.arm = static_cast<std::uint32_t>(i);
        arms[i]->describe(wait.entry);
        can_spin = can_spin && wait.core->can_spin();
    }
    const std::span<wait_arm> waits = room.first(arms.size());
    std::ranges::sort(waits, std::ranges::less(), [](const wait_arm& each) { return each.core; });
    const searches_end ends(waits);
    if (can_spin) {
        wait_list& one = waits.front().core->list(waits.front().on);
        std::uint32_t looks = spin_looks(one) / static_cast<std::uint32_t>(arms.size());
        for (; looks != 0; --looks) {
            spin_pause();
            if (const auto done = select_now(arms, by)) {
                spin_learn(one, true);
                return done;
            }
        }
    }
    for (;;) {
        const awaited result = await(waits, deadline);
        if (result.called) {
            const std::size_t arm = *result.called;
            const auto& entry =
                std::ranges::find(waits, *result.called, [](const wait_arm& each) { return each.entry.arm; })->entry;
            if (entry.handed) {
                arms[arm]->handed();
                return arm;
            }
            if (arms[arm]->attempt())
                return arm;
        }
        if (const auto done = select_now(arms, by))
            return done;
        if (result.late)
            return std::nullopt;
    }
}

} // namespace gantry::channel::detail

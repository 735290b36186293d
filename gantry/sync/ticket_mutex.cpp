// SPDX-License-Identifier: MIT
#include <gantry/base/wait.hpp>
#include <gantry/sync/ticket_mutex.hpp>

namespace gantry::sync::detail {

void ticket_mutex_core::wait(std::uint32_t mine) noexcept {
    auto& word = turn(mine);
    if (spinning_.spin([&] { return has_come(word.load(std::memory_order_acquire), mine); })) // order: turn.r
        return;
    for (;;) {
        std::uint32_t seen = word.load(std::memory_order_acquire); // order: turn.r
        if (has_come(seen, mine))
            return;
        if ((seen & asleep) != 0 || word.compare_exchange_strong(seen, seen | asleep, std::memory_order_relaxed,
                                                                 std::memory_order_relaxed)) // relaxed: revalidated
            wait_on(word, seen | asleep);
    }
}

} // namespace gantry::sync::detail

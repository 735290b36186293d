// SPDX-License-Identifier: MIT
#include <gantry/base/backoff.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/sync/mutex.hpp>

namespace gantry::sync::detail {

bool mutex_core::lock_until(steady_deadline deadline) noexcept {
    if (spinning_helps()) {
        for (std::uint32_t look = 0; look != tuning::mutex_spin_looks; ++look) {
            std::uint32_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
            if (seen == contended)
                break; // others sleep already: spinning would only overtake them
            if (seen == unlocked &&
                word_.compare_exchange_strong(seen, locked, std::memory_order_acquire,
                                              std::memory_order_relaxed)) // order: hand_over.r; relaxed: revalidated
                return true;
            spin_pause();
        }
    }
    // From here on the word says `contended`, also when this thread gets the lock: it cannot know whether another one
    // sleeps, and a wake too many is cheap where one too few would be a deadlock.
    while (word_.exchange(contended, std::memory_order_acquire) != unlocked) { // order: hand_over.r
        if (wait_on_until(word_, contended, deadline) == wait_result::timeout)
            return false;
    }
    return true;
}

} // namespace gantry::sync::detail

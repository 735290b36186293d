// SPDX-License-Identifier: MIT
#pragma once
//
// spin_while, take_one: the two ways in which the slow paths of this module wait for a word.
//
// Threads: all. Progress: take_one() blocks. Nothing allocates. Ordering: take_one() sees what was done before the unit
//   that it takes was put there. Lifetime: whoever puts a unit there only uses the address afterwards.
//
// Ordering ledger
//   unit : put, word fetch_add (release)  ->  take_one, word compare-exchange (acquire)
//          carries: what the giver did before
// Relaxed used as: revalidated (a look before the compare-exchange)

#include <gantry/base/backoff.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/base/wait.hpp>

#include <atomic>
#include <cstdint>

namespace gantry::sync::detail {

// Looks a bounded number of times, where that can help; whether `busy` became false.
template<class Busy>
[[nodiscard]] bool spin_while(Busy busy) noexcept {
    if (spinning_helps()) {
        for (std::uint32_t look = 0; look != tuning::mutex_spin_looks; ++look) {
            if (!busy())
                return true;
            spin_pause();
        }
    }
    return false;
}

// Takes one of the units that the word counts, and sleeps while there is none; false: none came in time.
[[nodiscard]] inline bool take_one(std::atomic<std::uint32_t>& word, steady_deadline deadline) noexcept {
    for (bool spun = false;; spun = true) {
        std::uint32_t units = word.load(std::memory_order_relaxed); // relaxed: revalidated
        while (units != 0) {
            if (word.compare_exchange_weak(units, units - 1, std::memory_order_acquire,
                                           std::memory_order_relaxed)) // order: unit.r; relaxed: revalidated
                return true;
        }
        // relaxed: revalidated
        if (!spun && spin_while([&word] { return word.load(std::memory_order_relaxed) == 0; }))
            continue;
        if (wait_on_until(word, 0, deadline) == wait_result::timeout)
            return false;
    }
}

// Puts units there; wake with `wake_one` or `wake_all` on the word, by its address only, afterwards.
inline void put(std::atomic<std::uint32_t>& word, std::uint32_t units) noexcept {
    word.fetch_add(units, std::memory_order_release); // order: unit.w
}

} // namespace gantry::sync::detail

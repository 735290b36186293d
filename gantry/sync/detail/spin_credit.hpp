// SPDX-License-Identifier: MIT
#pragma once
//
// spin_credit: whether it pays, at this lock and lately, to spin before sleeping.
//
// A waiter of a fair lock gets the lock when those before it have had it. While all of them run, that is soon, and
// spinning saves two system calls; where threads outnumber CPUs one of them sleeps, and spinning keeps it from waking
// up. Nobody knows which it is, so each lock learns: a spin that ended with the lock fills the credit, one in vain
// takes one away, and without credit only one waiter in so many tries again.
//
// Threads: every member from any thread; what one learns may be lost to another. Ordering: none. Cost: 4 bytes.
// Origin: glibc's adaptive mutex learns how long to spin; we learn whether.
//
// Ordering ledger
// Relaxed used as: stale-ok (all of it: a guess)

#include <gantry/base/backoff.hpp>
#include <gantry/base/tuning.hpp>

#include <atomic>
#include <cstdint>

namespace gantry::sync::detail {

class spin_credit {
public:
    // Looks for a bounded time whether `has_come`; true: it has.
    template<class HasCome>
    [[nodiscard]] bool spin(HasCome has_come) noexcept {
        if (!spinning_helps() || !worth_it())
            return false;
        for (std::uint32_t look = 0; look != tuning::fair_mutex_spin_looks; ++look) {
            if (has_come()) {
                learn(full);
                return true;
            }
            spin_pause();
        }
        if constexpr (tuning::fair_mutex_spin_learns) {
            const std::uint16_t left = credit_.load(std::memory_order_relaxed); // relaxed: stale-ok
            if (left != 0)
                learn(static_cast<std::uint16_t>(left - 1));
        }
        return false;
    }

private:
    static constexpr std::uint16_t full = 16;
    static constexpr std::uint16_t trial_every = 64;

    [[nodiscard]] bool worth_it() noexcept {
        if constexpr (tuning::fair_mutex_spin_learns) {
            if (credit_.load(std::memory_order_relaxed) != 0) // relaxed: stale-ok
                return true;
            const std::uint16_t passed = passed_.load(std::memory_order_relaxed); // relaxed: stale-ok
            passed_.store(static_cast<std::uint16_t>((passed + 1) % trial_every),
                          std::memory_order_relaxed); // relaxed: stale-ok
            return passed == 0;
        }
        return true;
    }
    void learn(std::uint16_t credit) noexcept {
        if constexpr (tuning::fair_mutex_spin_learns)
            credit_.store(credit, std::memory_order_relaxed); // relaxed: stale-ok
    }

    std::atomic<std::uint16_t> credit_{full};
    std::atomic<std::uint16_t> passed_{0};
};

} // namespace gantry::sync::detail

// SPDX-License-Identifier: MIT
#pragma once
//
// backoff: how a thread spends the time until another thread has made progress, without hurting that thread.
//
// Use it when a compare-exchange failed or a short critical section is in the way: pause() after each failure.
// Do not use it when the wait may be long -> stop at exhausted() and park (base/wait.hpp).
//
//     gantry::backoff backoff;
//     while (!flag.load(std::memory_order_acquire)) // order: flag.r
//         backoff.pause();
//
// The first rounds execute 1, 2, 4, ... pause instructions; later rounds yield the CPU to the scheduler. Where the
// process may use one CPU only, spinning can never help, so every round yields.
//
// Threads: one object belongs to one thread. Progress: wait-free; yields are system calls. Ordering: none.
// Cost: 4 bytes; from nanoseconds (first round) to a system call. Failure: n/a. Lifetime: n/a.
// Origin: exponential back-off (Anderson 1990; Mellor-Crummey and Scott 1991); spin-then-yield with an advice to park
// as in crossbeam's Backoff. The limits are those of base/tuning.hpp.
//
// Ordering ledger
// Relaxed used as: stale-ok (the number of CPUs, computed again by whoever does not see it yet)

#include <gantry/base/tuning.hpp>

#include <cstdint>
#include <thread>

namespace gantry {

// Tells the core that this is a spin loop: frees shared pipeline resources and saves power. No ordering.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); // `yield` retires at once on most cores; `isb` waits a few tens of cycles.
#elif defined(__arm__)
    __asm__ volatile("yield");
#elif defined(__riscv)
    __asm__ volatile(".insn i 0x0F, 0, x0, x0, 0x010"); // pause, a hint: harmless where unknown.
#endif
}

// False where the process may run on one CPU only. Asked of the system once.
[[nodiscard]] bool spinning_helps() noexcept;

class backoff {
public:
    // Waits a little, longer each time.
    void pause() noexcept {
        if (round_ < tuning::backoff_spin_rounds && spinning_helps()) {
            for (std::uint32_t left = 1U << round_; left != 0; --left)
                spin_pause();
        } else {
            std::this_thread::yield();
        }
        if (!exhausted())
            ++round_;
    }

    // True once spinning and yielding have both had their turn: time to park, where that is possible.
    [[nodiscard]] bool exhausted() const noexcept {
        return round_ >= tuning::backoff_spin_rounds + tuning::backoff_yield_rounds;
    }

    void reset() noexcept { round_ = 0; }

private:
    std::uint32_t round_ = 0;
};

} // namespace gantry

// SPDX-License-Identifier: MIT
#include <gantry/base/backoff.hpp>
#include <gantry/base/tuning.hpp>

#include <sched.h>
#include <unistd.h>

#include <atomic>

namespace gantry {
namespace {

constinit std::atomic<std::uint32_t> cpus{0}; // 0: not asked yet

// The CPUs that the calling thread or the main thread may use: a program that ties each of its threads to a CPU of its
// own has several, one that was started on one CPU has one. Not std::thread::hardware_concurrency(): the C library's
// answer to it counts the CPUs of the machine, whatever this process may use (glibc 2.35 and later).
std::uint32_t count_cpus() noexcept {
    cpu_set_t own;
    cpu_set_t main;
    // It fails where a machine has more CPUs than the set has room for.
    if (sched_getaffinity(0, sizeof own, &own) != 0 || sched_getaffinity(getpid(), sizeof main, &main) != 0)
        return 2;
    CPU_OR(&own, &own, &main);
    return static_cast<std::uint32_t>(CPU_COUNT(&own));
}

} // namespace

bool spinning_helps() noexcept {
    if constexpr (tuning::is_model_build) // what is explored does not depend on the machine
        return true;
    std::uint32_t count = cpus.load(std::memory_order_relaxed); // relaxed: stale-ok
    if (count == 0) {
        count = count_cpus();
        cpus.store(count, std::memory_order_relaxed); // relaxed: stale-ok
    }
    return count > 1;
}

} // namespace gantry

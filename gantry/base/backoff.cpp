// SPDX-License-Identifier: MIT
#include <gantry/base/backoff.hpp>

#include <atomic>

namespace gantry {
namespace {

constinit std::atomic<std::uint32_t> cpus{0}; // 0: not asked yet

} // namespace

bool spinning_helps() noexcept {
    std::uint32_t count = cpus.load(std::memory_order_relaxed); // relaxed: stale-ok
    if (count == 0) {
        // glibc and libstdc++ answer with the CPUs of the affinity mask; 0 means unknown, and spinning is the usual
        // case.
        count = std::thread::hardware_concurrency();
        count = count == 0 ? 2 : count;
        cpus.store(count, std::memory_order_relaxed); // relaxed: stale-ok
    }
    return count > 1;
}

} // namespace gantry

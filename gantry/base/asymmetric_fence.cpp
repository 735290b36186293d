// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/base/asymmetric_fence.hpp>

#include <linux/membarrier.h>
#include <sys/syscall.h>

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace gantry {

namespace detail {
constinit std::atomic<asymmetric_fence_mode> asymmetric_fence_chosen{asymmetric_fence_mode::undecided};
} // namespace detail

namespace {

using detail::asymmetric_fence_chosen;

// Through syscall(), which the model checker's runtime takes over: it explores both answers to the query, and knows
// that the command below orders with the light side's compiler barrier (check/MODEL.md).
long membarrier(int command) noexcept {
    return ::syscall(SYS_membarrier, command, 0U, 0);
}

asymmetric_fence_mode decide() noexcept {
    const int saved = errno;
    const char* const wish = std::getenv("GANTRY_MEMBARRIER");
    const bool allowed = wish == nullptr || std::string_view(wish) != "off";
    const long commands = allowed ? membarrier(MEMBARRIER_CMD_QUERY) : 0;
    // Registration makes the heavy side's expedited command legal for this process; it is idempotent.
    const bool works = commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 &&
                       membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0 &&
                       membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
    errno = saved;
    asymmetric_fence_mode mine = works ? asymmetric_fence_mode::membarrier : asymmetric_fence_mode::fences;
    // Threads that decide at once must agree: the first one's answer holds. If it is `membarrier`, that one registered
    // the process before it said so.
    asymmetric_fence_mode seen = asymmetric_fence_mode::undecided;
    if (!asymmetric_fence_chosen.compare_exchange_strong(seen, mine, std::memory_order_relaxed,
                                                         std::memory_order_relaxed)) // relaxed: stale-ok
        mine = seen;
    return mine;
}

} // namespace

asymmetric_fence_mode asymmetric_fence_mode_in_force() noexcept {
    const asymmetric_fence_mode mode = asymmetric_fence_chosen.load(std::memory_order_relaxed); // relaxed: stale-ok
    return mode == asymmetric_fence_mode::undecided ? decide() : mode;
}

void detail::asymmetric_fence_light_slow() noexcept {
    static_cast<void>(asymmetric_fence_mode_in_force()); // so that the next one is light, if it can be
    std::atomic_thread_fence(std::memory_order_seq_cst); // order: pair.w. Suits either kind of heavy.
}

void asymmetric_fence_heavy() noexcept {
    if (asymmetric_fence_mode_in_force() == asymmetric_fence_mode::fences) {
        // Every light fence is a seq_cst fence as well: no thread can have seen `membarrier`.
        std::atomic_thread_fence(std::memory_order_seq_cst); // order: pair.r
    } else {
        const int saved = errno;
        const long result = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); // order: pair.r
        GANTRY_ASSERT(result == 0); // it has worked before: going on without it would be silent memory corruption
        errno = saved;
    }
}

} // namespace gantry

// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/base/wait.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>

namespace gantry {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t) &&
              std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::time_t) == 8 && sizeof(long) == 8, "SYS_futex takes the 64-bit timespec");

// Through syscall(), which the model checker's runtime takes over.
long futex(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value, const timespec* deadline) {
    return ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, deadline, nullptr,
                     FUTEX_BITSET_MATCH_ANY);
}

std::uint32_t wake(const std::atomic<std::uint32_t>& word, std::uint32_t count) noexcept {
    const int saved = errno;
    const long woken = futex(word, FUTEX_WAKE, count, nullptr);
    errno = saved;
    return woken > 0 ? static_cast<std::uint32_t>(woken) : 0; // an address that is gone has no sleepers
}

} // namespace

wait_result wait_on_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                          steady_deadline deadline) noexcept {
    // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC, which is steady_clock; the kernel refuses negatives.
    timespec time{};
    const auto since_epoch = deadline.time_since_epoch().count();
    if (since_epoch > 0) {
        time.tv_sec = since_epoch / 1'000'000'000;
        time.tv_nsec = since_epoch % 1'000'000'000;
    }
    const int saved = errno;
    for (;;) {
        const long result = futex(word, FUTEX_WAIT_BITSET, expected, deadline == no_deadline ? nullptr : &time);
        const int reason = result == 0 ? 0 : errno;
        if (reason == EINTR)
            continue; // a signal; the deadline is absolute, so nothing is to be computed anew
        errno = saved;
        if (reason == 0)
            return wait_result::woken;
        if (reason == EAGAIN)
            return wait_result::changed;
        GANTRY_ASSERT(reason == ETIMEDOUT);
        return wait_result::timeout;
    }
}

wait_result wait_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    return wait_on_until(word, expected, no_deadline);
}

std::uint32_t wake_one(const std::atomic<std::uint32_t>& word) noexcept {
    return wake(word, 1);
}
std::uint32_t wake_all(const std::atomic<std::uint32_t>& word) noexcept {
    return wake(word, INT_MAX);
}

bool parker::park_until(steady_deadline deadline) noexcept {
    // token -> empty takes it; empty -> asleep announces the sleeper.
    if (state_.fetch_sub(1, std::memory_order_acquire) == token) // order: token.r
        return true;
    for (;;) {
        const wait_result result = wait_on_until(state_, asleep, deadline);
        std::uint32_t seen = token;
        if (state_.compare_exchange_strong(seen, empty, std::memory_order_acquire,
                                           std::memory_order_relaxed)) // order: token.r; relaxed: revalidated
            return true;
        if (result == wait_result::timeout) // A token may have come since: take it along or leave awake without one.
            return state_.exchange(empty, std::memory_order_acquire) == token; // order: token.r
    }
}

void parker::unpark() noexcept {
    if (state_.exchange(token, std::memory_order_release) == asleep) // order: token.w
        wake_one(state_);
}

} // namespace gantry

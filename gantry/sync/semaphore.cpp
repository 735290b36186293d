// SPDX-License-Identifier: MIT
#include <gantry/sync/semaphore.hpp>

#include <mutex>

namespace gantry::sync {

// Lies on the stack of acquire_slow(). Linked, and its links used, under the queue's lock; once it was taken out, its
// `next` belongs to the releaser until it sets the state.
struct semaphore::waiter {
    static constexpr std::uint32_t waiting = 0;
    static constexpr std::uint32_t asleep = 1;
    static constexpr std::uint32_t granted = 2;

    waiter* before = nullptr;
    waiter* next = nullptr;
    bool queued = true;
    std::atomic<std::uint32_t> state{waiting};

    // False: the deadline has passed.
    [[nodiscard]] bool wait(steady_deadline deadline, detail::spin_credit& spinning) noexcept {
        if (spinning.spin([this] { return state.load(std::memory_order_acquire) == granted; })) // order: grant.r
            return true;
        // Fails only if the permit has come.
        std::uint32_t seen = waiting;
        state.compare_exchange_strong(seen, asleep, std::memory_order_relaxed,
                                      std::memory_order_relaxed); // relaxed: revalidated
        for (wait_result result = wait_result::woken;
             state.load(std::memory_order_acquire) != granted; // order: grant.r
             result = wait_on_until(state, asleep, deadline)) {
            if (result == wait_result::timeout)
                return false;
        }
        return true;
    }
};

bool semaphore::acquire_slow(steady_deadline deadline) noexcept {
    waiter mine;
    {
        const std::lock_guard guard(queue_lock_);
        std::uint32_t seen = 0;
        // Permits may have come; from the moment that the state says somebody waits, only holders of the lock change
        // it.
        while (!state_.compare_exchange_weak(seen, somebody_waits, std::memory_order_relaxed,
                                             std::memory_order_relaxed)) { // relaxed: revalidated
            if (seen == somebody_waits)
                break;
            if (try_acquire())
                return true;
            seen = 0;
        }
        mine.before = last_;
        (last_ == nullptr ? first_ : last_->next) = &mine;
        last_ = &mine;
        ++waiters_;
    }
    return mine.wait(deadline, spinning_) || !leave(mine);
}

// False: a permit has been given to this waiter already.
bool semaphore::leave(waiter& mine) noexcept {
    {
        const std::lock_guard guard(queue_lock_);
        if (mine.queued) {
            (mine.before == nullptr ? first_ : mine.before->next) = mine.next;
            (mine.next == nullptr ? last_ : mine.next->before) = mine.before;
            if (--waiters_ == 0)
                state_.store(0, std::memory_order_relaxed); // relaxed: under-lock
            return true;
        }
    }
    // The releaser is on its way to this waiter.
    static_cast<void>(mine.wait(no_deadline, spinning_));
    return false;
}

std::optional<release_result> semaphore::release_to_waiters(std::uint32_t permits) noexcept {
    waiter* granted = nullptr;
    {
        const std::lock_guard guard(queue_lock_);
        if (waiters_ == 0)
            return std::nullopt;
        if (permits > waiters_ && permits - waiters_ > max_)
            return release_result::would_exceed;
        granted = first_;
        waiter* rest = first_;
        for (; permits != 0 && rest != nullptr; --permits) {
            rest->queued = false;
            rest = rest->next;
            --waiters_;
        }
        if (rest != nullptr) {
            if (rest != granted) {
                rest->before->next = nullptr;
                rest->before = nullptr;
            } else {
                granted = nullptr; // no permits at all
            }
        } else {
            last_ = nullptr;
            state_.store(permits << 1U, std::memory_order_release); // order: permit.w
        }
        first_ = rest;
    }
    while (granted != nullptr) {
        // The waiter is gone as soon as it sees its permit: only its address is used after that.
        waiter* const next = granted->next;
        const std::atomic<std::uint32_t>& state = granted->state;
        if (granted->state.exchange(waiter::granted, std::memory_order_release) == waiter::asleep) // order: grant.w
            wake_one(state);
        granted = next;
    }
    return release_result::released;
}

} // namespace gantry::sync

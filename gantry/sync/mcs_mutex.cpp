// SPDX-License-Identifier: MIT
#include <gantry/base/backoff.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/sync/mcs_mutex.hpp>

namespace gantry::sync::detail {

struct mcs_mutex_core::node {
    static constexpr std::uint32_t waiting = 0;
    static constexpr std::uint32_t asleep = 1;
    static constexpr std::uint32_t turn = 2;

    std::atomic<node*> next{nullptr};
    std::atomic<std::uint32_t> state{waiting};

    void wait(spin_credit& spinning) noexcept {
        if (spinning.spin([this] { return state.load(std::memory_order_acquire) == turn; })) // order: turn.r
            return;
        // Fails only if the turn has come.
        std::uint32_t seen = waiting;
        state.compare_exchange_strong(seen, asleep, std::memory_order_relaxed,
                                      std::memory_order_relaxed); // relaxed: revalidated
        while (state.load(std::memory_order_acquire) != turn)     // order: turn.r
            wait_on(state, asleep);
    }
};

// The tail has moved on, so the thread that moved it is about to set the link: it may have lost its CPU in between.
mcs_mutex_core::node* mcs_mutex_core::wait_for_link(std::atomic<node*>& link) noexcept {
    backoff backoff;
    for (;;) {
        if (node* const next = link.load(std::memory_order_acquire)) // order: link.r
            return next;
        backoff.pause();
    }
}

void mcs_mutex_core::lock_slow() noexcept {
    node mine;
    node* before = tail_.load(std::memory_order_relaxed); // relaxed: revalidated
    for (;;) {
        if (before == nullptr) {
            if (tail_.compare_exchange_weak(before, holder(), std::memory_order_acquire,
                                            std::memory_order_relaxed)) // order: free.r; relaxed: revalidated
                return;
        } else if (tail_.compare_exchange_weak(before, &mine, std::memory_order_acq_rel,
                                               std::memory_order_relaxed)) { // order: join.rw; relaxed: revalidated
            break;
        }
    }
    (before == holder() ? next_ : before->next).store(&mine, std::memory_order_release); // order: link.w
    mine.wait(spinning_);

    // This thread has the lock now; its node leaves the queue, and the lock's own fields take its place.
    node* next = mine.next.load(std::memory_order_acquire); // order: link.r
    if (next == nullptr) {
        next_.store(nullptr, std::memory_order_relaxed); // relaxed: under-lock
        node* seen = &mine;
        if (tail_.compare_exchange_strong(seen, holder(), std::memory_order_release,
                                          std::memory_order_relaxed)) // order: join.w; relaxed: revalidated
            return;
        next = wait_for_link(mine.next);
    }
    next_.store(next, std::memory_order_relaxed); // relaxed: under-lock
}

void mcs_mutex_core::unlock() noexcept {
    node* next = next_.load(std::memory_order_acquire); // order: link.r
    if (next == nullptr) {
        node* seen = holder();
        if (tail_.compare_exchange_strong(seen, nullptr, std::memory_order_release,
                                          std::memory_order_relaxed)) // order: free.w; relaxed: revalidated
            return;
        next = wait_for_link(next_);
    }
    // The node is gone as soon as its owner sees its turn: only the address is used after that.
    const std::atomic<std::uint32_t>& state = next->state;
    if (next->state.exchange(node::turn, std::memory_order_release) == node::asleep) // order: turn.w
        wake_one(state);
}

} // namespace gantry::sync::detail

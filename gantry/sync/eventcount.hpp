// SPDX-License-Identifier: MIT
#pragma once
//
// eventcount: lets threads sleep until a lock-free structure has changed, at the price of one load a change.
//
// Use it when a structure has non-blocking operations (a queue's try_pop) and is to get blocking ones.
// Do not use it when the condition is about data under a lock -> condition_variable.hpp; when one known thread sleeps
// -> parker in base/wait.hpp.
//
//     while (!try_take()) {
//         const auto key = changed.prepare_wait();
//         if (try_take()) {
//             changed.cancel_wait();
//             break;
//         }
//         changed.commit_wait(key);
//     }
//
// await(try_take) is that loop. Who changes something does so and then calls changed.notify_one(). Every prepare_wait()
// is followed by one cancel_wait() or commit_wait*() of the same thread.
//
// Threads: every member from any thread. Progress: notify_* are wait-free but for the system call, prepare_wait() and
//   cancel_wait() too; commit_wait*() block. Nothing allocates.
// Ordering: a change made before notify_*() is seen by the look after prepare_wait(), or else the notification ends the
//   wait. What happened before a notification is seen after the wait that it ended; a wait may also end for no reason.
//   Linearization: a notification at its look at the count of waiters, prepare_wait() at its fence.
// Cost: 8 bytes; notify_* one load (and a compiler barrier) when nobody waits, else one read-modify-write and a system
//   call; prepare_wait() one asymmetric_fence_heavy(), 1 to 3 us: look once without it first. Where the kernel has no
//   membarrier, both sides cost a seq_cst fence.
// Failure: none. A wait misses a notification only if exactly 2^32 of them fall between its preparation and its sleep.
// Lifetime: must outlive every call on it: notify_*() looks at it after the change was made visible.
// Origin: Reed and Kanodia 1979; the split into prepare, cancel and commit by Dmitry Vyukov, also in folly and Eigen;
//   the asymmetric fence on the waiting side is ours.
//
// Ordering ledger
//   notify : notify_*, epoch fetch_add (release)  ->  commit_wait, epoch load (acquire)   carries: the change
// The change and the look at the count on one side, the count and the look at the structure on the other: store
// buffering, ordered by asymmetric_fence_light and _heavy.
// Relaxed used as: revalidated (the count, looked at after the fence; the epoch, looked at before it and again by the
//   kernel), stale-ok (leaving the count)

#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/wait.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace gantry::sync {

class eventcount {
public:
    class key {
        friend eventcount;
        explicit constexpr key(std::uint32_t epoch) noexcept : epoch_(epoch) {}
        std::uint32_t epoch_;
    };

    constexpr eventcount() noexcept = default;
    eventcount(const eventcount&) = delete;
    eventcount& operator=(const eventcount&) = delete;
    ~eventcount() = default;

    void notify_one() noexcept {
        if (somebody_waits()) {
            epoch_.fetch_add(1, std::memory_order_release); // order: notify.w
            wake_one(epoch_);
        }
    }
    void notify_all() noexcept {
        if (somebody_waits()) {
            epoch_.fetch_add(1, std::memory_order_release); // order: notify.w
            wake_all(epoch_);
        }
    }

    [[nodiscard]] key prepare_wait() noexcept {
        waiters_.fetch_add(1, std::memory_order_relaxed);       // relaxed: revalidated
        const key mine(epoch_.load(std::memory_order_relaxed)); // relaxed: revalidated
        asymmetric_fence_heavy();
        return mine;
    }

    void cancel_wait() noexcept { leave(); }

    // Sleeps until a notification that came after prepare_wait().
    void commit_wait(key prepared) noexcept { static_cast<void>(commit_wait_until(prepared, no_deadline)); }

    // The same with a limit; false: no notification in time.
    template<class Rep, class Period>
    [[nodiscard]] bool commit_wait_for(key prepared, std::chrono::duration<Rep, Period> duration) noexcept {
        return commit_wait_until(prepared, deadline_after(duration));
    }
    [[nodiscard]] bool commit_wait_until(key prepared, steady_deadline deadline) noexcept {
        wait_result result = wait_result::woken;
        std::uint32_t seen = 0;
        do {
            result = wait_on_until(epoch_, prepared.epoch_, deadline);
            seen = epoch_.load(std::memory_order_acquire); // order: notify.r
        } while (seen == prepared.epoch_ && result != wait_result::timeout);
        leave();
        return seen != prepared.epoch_;
    }

    // Until done() says true, which is called again after each notification; false: it did not in time.
    template<class Done>
    void await(Done done) {
        static_cast<void>(await_until(no_deadline, done));
    }
    template<class Rep, class Period, class Done>
    [[nodiscard]] bool await_for(std::chrono::duration<Rep, Period> duration, Done done) {
        return await_until(deadline_after(duration), done);
    }
    template<class Done>
    [[nodiscard]] bool await_until(steady_deadline deadline, Done done) {
        for (;;) {
            if (done())
                return true;
            struct preparation {
                eventcount& count;
                bool open = true;
                ~preparation() {
                    if (open)
                        count.cancel_wait();
                }
            } prepared{*this}; // done() may throw
            const key mine = prepare_wait();
            if (done())
                return true;
            prepared.open = false;
            if (!commit_wait_until(mine, deadline))
                return done();
        }
    }

private:
    [[nodiscard]] bool somebody_waits() const noexcept {
        asymmetric_fence_light();
        return waiters_.load(std::memory_order_relaxed) != 0; // relaxed: revalidated
    }
    void leave() noexcept {
        waiters_.fetch_sub(1, std::memory_order_relaxed); // relaxed: stale-ok
    }

    std::atomic<std::uint32_t> epoch_{0};
    std::atomic<std::uint32_t> waiters_{0};
};

} // namespace gantry::sync

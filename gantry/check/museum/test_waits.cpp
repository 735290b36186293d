// SPDX-License-Identifier: MIT
// Sleeping and being woken: each of these leaves somebody asleep, or touches what its waker has freed.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

// What a kernel gives: sleeping as long as a word holds a value, which is looked at in one step with lying down.
class futex {
public:
    void wait_while(const std::atomic<int>& word, int value) {
        std::unique_lock lock(mutex_);
        if (word.load(memory_order_relaxed) == value) {
            woken_.wait(lock);
        }
    }

    void wake(bool all = true) {
        const std::lock_guard lock(mutex_);
        if (all) {
            woken_.notify_all();
        } else {
            woken_.notify_one();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable woken_;
};

// A waiter says that it waits and looks once more; who makes the condition true looks whether anybody waits. Each must
// see the other, which only a fence between the two steps of both makes sure.
template<bool Fence>
void looks_for_waiters() {
    std::atomic<bool> locked{true};
    std::atomic<int> waiters{0};
    std::atomic<int> signal{0};
    futex f;
    std::thread waiter([&] {
        waiters.store(1, memory_order_relaxed);
        std::atomic_thread_fence(memory_order_seq_cst);
        if (locked.load(memory_order_relaxed)) {
            while (signal.load(memory_order_acquire) == 0) {
                f.wait_while(signal, 0);
            }
        }
    });
    locked.exchange(false, memory_order_acq_rel);
    if (Fence) {
        std::atomic_thread_fence(memory_order_seq_cst);
    }
    if (waiters.load(memory_order_relaxed) != 0) {
        signal.store(1, memory_order_release);
        f.wake();
    }
    waiter.join();
}

FAULTY(notifies_without_fence, deadlock, "notifies_behind_fence",
       "unlock() changes the mutex by a read-modify-write and looks for waiters without a fence between: it sees none, "
       "and the waiter sees the mutex locked",
       "[oneTBB #2136](https://github.com/uxlfoundation/oneTBB/pull/2136)") {
    looks_for_waiters<false>();
}

SOUND(notifies_behind_fence) {
    looks_for_waiters<true>();
}

// A kernel thread that is about to sleep says so in the ring's flags and looks at its tail again; who adds to the ring
// moves the tail and looks at the flags.
template<bool Fence>
void ring_needs_wakeup() {
    std::atomic<int> tail{0};
    std::atomic<int> needs_wakeup{0};
    std::atomic<int> woken{0};
    futex f;
    std::thread kernel([&] {
        needs_wakeup.store(1, memory_order_relaxed);
        if (Fence) {
            std::atomic_thread_fence(memory_order_seq_cst);
        }
        if (tail.load(memory_order_acquire) == 0) {
            while (woken.load(memory_order_acquire) == 0) {
                f.wait_while(woken, 0);
            }
        }
        GANTRY_CHECK(tail.load(memory_order_acquire) == 1);
    });
    tail.store(1, memory_order_release);
    std::atomic_thread_fence(memory_order_seq_cst);
    if (needs_wakeup.load(memory_order_relaxed) != 0) {
        woken.store(1, memory_order_release);
        f.wake();
    }
    kernel.join();
}

FAULTY(
    ring_sleeps_without_barrier, deadlock, "ring_sleeps_behind_barrier",
    "the thread that serves a ring sets its flag and looks at the tail without a full barrier between: a store and a "
    "later load",
    "[Linux io_uring 0d7bae6](https://git.kernel.org/torvalds/c/0d7bae69c574c5f25802f8a71252e7d66933a3ab)") {
    ring_needs_wakeup<false>();
}

SOUND(ring_sleeps_behind_barrier) {
    ring_needs_wakeup<true>();
}

// Waiting for a value by way of a version that every notification raises.
template<bool VersionFirst>
void waits_by_version() {
    std::atomic<int> value{0};
    std::atomic<int> version{0};
    futex f;
    std::thread waiter([&] {
        for (;;) {
            int seen = VersionFirst ? version.load(memory_order_seq_cst) : 0;
            if (value.load(memory_order_seq_cst) != 0) {
                return;
            }
            if (!VersionFirst) {
                seen = version.load(memory_order_seq_cst);
            }
            f.wait_while(version, seen);
        }
    });
    value.store(1, memory_order_seq_cst);
    version.fetch_add(1, memory_order_seq_cst);
    f.wake();
    waiter.join();
}

FAULTY(waits_by_a_late_version, deadlock, "waits_by_an_early_version",
       "the version that a waiter sleeps on is read after the value: the notification in between is in it already",
       "libstdc++, the change that moved atomic waiting into the library: the second of its two races") {
    waits_by_version<false>();
}

SOUND(waits_by_an_early_version) {
    waits_by_version<true>();
}

// Initialisation that is done once: 0 not begun, 1 being done, 2 done. A late caller may not take "done" back, however
// shortly.
template<bool Swaps>
void initialises_once() {
    std::atomic<int> state{0};
    futex f;
    const auto once = [&] {
        for (;;) {
            int seen = 0;
            if (Swaps) {
                seen = state.exchange(1, memory_order_acq_rel);
                if (seen == 2) {
                    state.store(2, memory_order_release);
                }
            } else {
                state.compare_exchange_strong(seen, 1, memory_order_acq_rel, memory_order_acquire);
            }
            if (seen == 0) {
                state.store(2, memory_order_release);
                f.wake();
                return;
            }
            if (seen == 2) {
                return;
            }
            f.wait_while(state, 1);
        }
    };
    std::thread one(once);
    std::thread two(once);
    once();
    one.join();
    two.join();
}

FAULTY(once_undone_for_a_moment, deadlock, "once_stays_done",
       "a caller that comes late sets the state from done to being done and back, and wakes nobody: who looks in "
       "between sleeps for ever",
       "[musl 0d0c2f4](https://git.musl-libc.org/cgit/musl/commit/?id=0d0c2f40344640a2a6942dda156509593f51db5d)") {
    initialises_once<true>();
}

SOUND(once_stays_done) {
    initialises_once<false>();
}

// A lock that is 0 free, 1 held, 2 held and perhaps waited for. A waiter that was woken and finds the lock taken by
// another, without the mark, must set it again before it lies down again.
template<bool MarksAgain>
void another_takes_it_first() {
    std::atomic<int> word{1}; // held by this thread
    futex f;
    const auto unlock = [&] {
        if (word.exchange(0, memory_order_release) == 2) {
            f.wake(false);
        }
    };
    std::thread waiter([&] {
        bool marked = false;
        for (int seen = 0; !word.compare_exchange_strong(seen, 2, memory_order_acquire, memory_order_relaxed);
             seen = 0) {
            if (seen == 1 && (MarksAgain || !marked)) {
                if (!word.compare_exchange_strong(seen, 2, memory_order_relaxed, memory_order_relaxed)) {
                    continue;
                }
                marked = true;
                seen = 2;
            }
            f.wait_while(word, seen);
        }
        unlock();
    });
    std::thread passer([&] {
        int seen = 0;
        if (word.compare_exchange_strong(seen, 1, memory_order_acquire, memory_order_relaxed)) {
            unlock();
        }
    });
    unlock();
    waiter.join();
    passer.join();
}

FAULTY(lock_loses_its_mark, deadlock, "lock_keeps_its_mark",
       "a waiter that was woken finds the lock taken by another and lies down again without setting the mark that "
       "somebody "
       "waits; the other's unlock wakes nobody",
       "[musl 0db393d](https://git.musl-libc.org/cgit/musl/commit/?id=0db393d3a77bb9f300a356c6a5484fc2dddb161d)") {
    another_takes_it_first<false>();
}

SOUND(lock_keeps_its_mark) {
    another_takes_it_first<true>();
}

// Who got through a semaphore may destroy it. So post() must not look at it after it has let somebody through.
template<bool LooksAfter>
void destroys_after_waiting() {
    struct semaphore {
        std::atomic<int> count{0};
        std::atomic<int> waiters{0};
    };
    auto* const s = new semaphore;
    std::thread poster([s] {
        const bool before = s->waiters.load(memory_order_seq_cst) != 0;
        s->count.fetch_add(1, memory_order_seq_cst);
        const bool wakes = LooksAfter ? s->waiters.load(memory_order_seq_cst) != 0 : before;
        static_cast<void>(wakes); // it would wake by the address alone
    });
    while (s->count.load(memory_order_acquire) == 0) {
    }
    delete s;
    poster.join();
}

FAULTY(semaphore_looked_at_after_post, use_after_free, "semaphore_looked_at_before_post",
       "post() raises the count and looks then whether somebody waits; who got through has destroyed the semaphore",
       "[glibc 12674](https://sourceware.org/bugzilla/show_bug.cgi?id=12674), "
       "[musl 88c4e72](https://git.musl-libc.org/cgit/musl/commit/?id=88c4e720317845a8e01aee03f142ba82674cd23d)") {
    destroys_after_waiting<true>();
}

SOUND(semaphore_looked_at_before_post) {
    destroys_after_waiting<false>();
}

// A queue that all its waiters can be sent away from. Who comes to wait after that must be sent away, too.
template<bool Remembers>
void sends_waiters_away() {
    std::mutex mutex;
    std::condition_variable woken;
    bool sent_away = false;
    int waits = 0;
    std::thread reader([&] {
        std::unique_lock lock(mutex);
        if (Remembers && sent_away) {
            return;
        }
        ++waits;
        woken.wait(lock, [&] { return waits == 0; });
    });
    {
        const std::lock_guard lock(mutex);
        sent_away = true;
        waits = 0;
    }
    woken.notify_all();
    reader.join();
}

FAULTY(wake_all_comes_too_early, deadlock, "wake_all_is_remembered",
       "wakeUpAll() wakes those who wait now and leaves no trace; a reader that found the queue empty just before goes "
       "to sleep after it",
       "[POCO #5214](https://github.com/pocoproject/poco/pull/5214)") {
    sends_waiters_away<false>();
}

SOUND(wake_all_is_remembered) {
    sends_waiters_away<true>();
}

} // namespace

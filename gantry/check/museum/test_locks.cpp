// SPDX-License-Identifier: MIT
// Locks, in use and in need.
#include <gantry/check/corpus/test_corpus.hpp>

#include <atomic>
#include <bit>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace {

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;

// Mellor-Crummey's and Scott's lock. That a waiter waits is written before it is announced to the one before it; unless
// both sides of that announcement are ordered, the hand-over may come first and be overwritten.
template<std::memory_order Announce, std::memory_order Look>
class queue_lock {
public:
    struct node {
        std::atomic<node*> next{nullptr};
        std::atomic<bool> waits{false};
    };

    void lock(node& mine) {
        mine.waits.store(true, memory_order_relaxed);
        mine.next.store(nullptr, memory_order_relaxed);
        node* const before = tail_.exchange(&mine, memory_order_acq_rel);
        if (before == nullptr) {
            return;
        }
        before->next.store(&mine, Announce);
        while (mine.waits.load(memory_order_acquire)) {
        }
    }

    void unlock(node& mine) {
        node* next = mine.next.load(Look);
        if (next == nullptr) {
            node* last = &mine;
            if (tail_.compare_exchange_strong(last, nullptr, memory_order_release, memory_order_relaxed)) {
                return;
            }
            while ((next = mine.next.load(Look)) == nullptr) {
            }
        }
        next->waits.store(false, memory_order_release);
    }

private:
    std::atomic<node*> tail_{nullptr};
};

template<std::memory_order Announce, std::memory_order Look>
void two_queue() {
    using lock = queue_lock<Announce, Look>;
    lock l;
    typename lock::node nodes[2];
    int inside = 0;
    const auto enter = [&](int me) {
        l.lock(nodes[me]);
        ++inside;
        l.unlock(nodes[me]);
    };
    std::thread other([&] { enter(1); });
    enter(0);
    other.join();
    GANTRY_CHECK(inside == 2);
}

FAULTY(
    queue_lock_announces_relaxed, deadlock, "queue_lock",
    "MCS: the waiter announces itself by a relaxed store; what says that it waits may be written after the hand-over",
    "[DPDK 021b698](https://git.dpdk.org/dpdk/commit/?id=021b698eb56e48009d74d818bea5a9bdad4f54fa)") {
    two_queue<memory_order_relaxed, memory_order_acquire>();
}

FAULTY(queue_lock_looks_relaxed, deadlock, "queue_lock",
       "MCS: unlock() reads its successor relaxed; its hand-over may lie before what says that the successor waits",
       "[DPDK, October 2025](https://mails.dpdk.org/archives/dev/2025-October/326743.html)") {
    two_queue<memory_order_release, memory_order_relaxed>();
}

SOUND(queue_lock) {
    two_queue<memory_order_release, memory_order_acquire>();
}

// A lock for readers, for one that may become a writer, and for writers. Readers are to wait for writers only.
enum class readers_wait_for { writers, anybody };

template<readers_wait_for Whom>
class fair_lock {
public:
    void lock_shared() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] {
            return !written_ && waiting_writers_ == 0 &&
                   (Whom == readers_wait_for::writers || waiting_upgradable_ == 0);
        });
        ++readers_;
    }

    // For a thread that reads already: it may not wait behind those who wait for it.
    void lock_shared_again() {
        const std::lock_guard lock(mutex_);
        ++readers_;
    }

    void unlock_shared() {
        change([&] { --readers_; });
    }

    void lock_upgradable() {
        std::unique_lock lock(mutex_);
        ++waiting_upgradable_;
        changed_.wait(lock, [&] { return !upgradable_ && !written_; });
        --waiting_upgradable_;
        upgradable_ = true;
    }

    void unlock_upgradable() {
        change([&] { upgradable_ = false; });
    }

    void lock() {
        std::unique_lock lock(mutex_);
        ++waiting_writers_;
        changed_.wait(lock, [&] { return readers_ == 0 && !upgradable_ && !written_; });
        --waiting_writers_;
        written_ = true;
    }

    void unlock() {
        change([&] { written_ = false; });
    }

private:
    template<class Change>
    void change(Change what) {
        {
            const std::lock_guard lock(mutex_);
            what();
        }
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    int readers_ = 0;
    int waiting_upgradable_ = 0;
    int waiting_writers_ = 0;
    bool upgradable_ = false;
    bool written_ = false;
};

template<readers_wait_for Whom>
void waits_for_a_reader_while_upgradable() {
    fair_lock<Whom> l;
    l.lock_upgradable();
    std::thread other([&] {
        l.lock_upgradable();
        l.unlock_upgradable();
    });
    std::thread reader([&] {
        l.lock_shared();
        l.unlock_shared();
    });
    reader.join();
    l.unlock_upgradable();
    other.join();
}

FAULTY(
    reader_waits_behind_upgradable, deadlock, "reader_passes_upgradable",
    "a reader waits when anybody waits, also behind one that waits to become upgradable; the holder of the upgradable "
    "lock waits for that reader",
    "[parking_lot #101](https://github.com/Amanieu/parking_lot/issues/101)") {
    waits_for_a_reader_while_upgradable<readers_wait_for::anybody>();
}

SOUND(reader_passes_upgradable) {
    waits_for_a_reader_while_upgradable<readers_wait_for::writers>();
}

template<bool Again>
void reads_in_a_read() {
    fair_lock<readers_wait_for::writers> l;
    std::thread writer([&] {
        l.lock();
        l.unlock();
    });
    l.lock_shared();
    if (Again) {
        l.lock_shared_again();
    } else {
        l.lock_shared();
    }
    l.unlock_shared();
    l.unlock_shared();
    writer.join();
}

FAULTY(reader_waits_for_its_own_writer, deadlock, "reader_reads_again",
       "a thread that reads takes the read lock again and waits behind a writer, which waits for its first read to end",
       "[parking_lot #212](https://github.com/Amanieu/parking_lot/issues/212)") {
    reads_in_a_read<false>();
}

SOUND(reader_reads_again) {
    reads_in_a_read<true>();
}

// A lock with a fast way and, under a lock of its own, a slow one. Both must acquire what the last owner released.
template<std::memory_order Slow>
void takes_the_slow_way() {
    std::atomic<int> owner{0};
    std::mutex waiting;
    int inside = 0;
    const auto enter = [&](int me) {
        int nobody = 0;
        if (!owner.compare_exchange_strong(nobody, me, memory_order_acquire, memory_order_relaxed)) {
            do {
                while (owner.load(memory_order_relaxed) != 0) {
                }
                const std::lock_guard lock(waiting);
                nobody = 0;
                owner.compare_exchange_strong(nobody, me, Slow, memory_order_relaxed);
            } while (nobody != 0);
        }
        ++inside;
        owner.store(0, memory_order_release);
    };
    std::thread other([&] { enter(2); });
    enter(1);
    other.join();
    GANTRY_CHECK(inside == 2);
}

FAULTY(slow_way_takes_relaxed, race, "slow_way_acquires",
       "the slow way into the lock sets the owner without acquire; only the fast way is ordered",
       "[Linux rtmutex, December 2022](https://patches.ctt.linaro.org/patch/630559)") {
    takes_the_slow_way<memory_order_relaxed>();
}

SOUND(slow_way_acquires) {
    takes_the_slow_way<memory_order_acquire>();
}

// A spin lock whose unlock has a barrier, and a plain store after it.
template<std::memory_order Barrier>
void unlocks_by_barrier() {
    std::atomic<int> word{0};
    int inside = 0;
    const auto enter = [&] {
        while (word.exchange(1, memory_order_acquire) != 0) {
            while (word.load(memory_order_relaxed) != 0) {
            }
        }
        ++inside;
        std::atomic_thread_fence(Barrier);
        word.store(0, memory_order_relaxed);
    };
    std::thread other(enter);
    enter();
    other.join();
    GANTRY_CHECK(inside == 2);
}

FAULTY(unlock_by_read_barrier, race, "unlock_by_write_barrier",
       "unlock has a read barrier where it needs the other one",
       "[MySQL #87293](https://github.com/mysql/mysql-server/pull/166)") {
    unlocks_by_barrier<memory_order_acquire>();
}

SOUND(unlock_by_write_barrier) {
    unlocks_by_barrier<memory_order_release>();
}

// A value that is set once, and a flag that says so.
template<std::memory_order Set, std::memory_order Look>
void sets_once() {
    std::atomic<bool> set{false};
    int value = 0;
    std::thread setter([&] {
        value = 42;
        set.store(true, Set);
    });
    if (set.load(Look)) {
        GANTRY_CHECK(value == 42);
    }
    setter.join();
}

FAULTY(once_lock_relaxed, race, "once_lock",
       "the flag of a OnceLock is stored and loaded relaxed; who sees it need not see the value",
       "[embassy #6000](https://github.com/embassy-rs/embassy/pull/6000)") {
    sets_once<memory_order_relaxed, memory_order_relaxed>();
}

SOUND(once_lock) {
    sets_once<memory_order_release, memory_order_acquire>();
}

// A waiter hands its holder of the lock a function to run under it. The bytes that hold the function are used for the
// waiter's own bookkeeping afterwards.
template<std::memory_order Done>
void combines() {
    struct waiter {
        int bytes = 1; // first a function, then who sleeps
        std::atomic<bool> done{false};
    };
    waiter w;
    std::thread holder([&] {
        GANTRY_CHECK(w.bytes == 1);
        w.done.store(true, Done);
    });
    while (!w.done.load(memory_order_acquire)) {
    }
    w.bytes = 2;
    holder.join();
}

FAULTY(combined_function_overwritten, race, "combined_function_kept",
       "the bytes of the function that a waiter hands over are written as its bookkeeping while the combiner may still "
       "call it (so the report reads its crashes on Arm; the issue is open)",
       "[folly #2701](https://github.com/facebook/folly/issues/2701)") {
    combines<memory_order_relaxed>();
}

SOUND(combined_function_kept) {
    combines<memory_order_release>();
}

// The word of a queued spin lock: the lock in its lower half, the end of the queue in its upper one. C++ has no answer
// to an access of half an atomic object; a processor may see the half older than the whole.
template<bool Halves>
void exchanges_half_a_word() {
    alignas(4) std::uint32_t word = 0;
    std::thread queues([&] {
        if constexpr (Halves) {
            auto* const upper = reinterpret_cast<std::uint16_t*>(&word) + (std::endian::native == std::endian::little);
            std::atomic_ref(*upper).exchange(1, memory_order_relaxed);
        } else {
            std::atomic_ref(word).fetch_or(0x10000U, memory_order_relaxed);
        }
    });
    GANTRY_CHECK(std::atomic_ref(word).load(memory_order_acquire) % 0x10000U == 0);
    queues.join();
}

FAULTY(
    spin_lock_of_two_halves, mixed_size, "spin_lock_of_one_word",
    "the end of the queue is exchanged as 16 bits and the word read as 32: on Arm the two halves of such a load may be "
    "of different ages",
    "[Linux qspinlock, June 2025](https://lkml.indiana.edu/hypermail/linux/kernel/2506.1/07265.html)") {
    exchanges_half_a_word<true>();
}

SOUND(spin_lock_of_one_word) {
    exchanges_half_a_word<false>();
}

} // namespace

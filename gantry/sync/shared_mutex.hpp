// SPDX-License-Identifier: MIT
#pragma once
//
// shared_mutex: one writer or many readers; readers that come often write nothing that another CPU reads.
//
// Use it when reads dominate (hundreds for each write) and last longer than a load, or must see several objects at
// once. Do not use it when reads are short and rare, or writes common -> mutex.hpp; when the data are a few words to
// copy -> seqlock.hpp.
//
//     gantry::sync::shared_mutex m;
//     const std::shared_lock reader(m); // many; a writer takes std::unique_lock or std::scoped_lock
//
// Two ways in for readers. At first they count themselves in the lock's own word. After some reads in a row without a
// writer the lock becomes *biased*: a reader then only notes the lock in a slot of a cache line that belongs to its
// thread. A writer takes the bias back, and looks through the lines of all threads for readers that are still inside.
//
// Policy: nobody starves. A writer that waits keeps new readers out. The readers that it kept out try again when it
// leaves; one that then meets a second writer goes in before the third: so a reader sleeps for two writers at most.
// Going in by right at once would be fairer still, and slower by far where threads outnumber CPUs: a sleeping reader
// that owns the lock keeps everybody waiting until it gets a CPU. Among writers it is unfair, like mutex. A writer that
// gives up lets in at once whom it kept out. No upgrade: a reader that wants to write unlocks, locks, and looks again.
//
// Threads: every member from any thread; unlock*() by the thread that locked. Not recursive: a reader that locks again
//   while a writer waits deadlocks, as with any lock that does not starve writers.
// Progress: lock*() block; try_lock*() without a time do not wait for other threads, and try_lock() may fail when it
//   meets a reader on its way in or out. unlock*() are lock-free but for the system call. Nothing allocates.
// Ordering: what happened before unlock() is seen after each later lock, shared or not; what happened before
//   unlock_shared() is seen after the lock() of the next writer. Linearization: a writer where it finds the last reader
//   gone; a reader at its change of the word, or at its second look at the word after it has taken a slot.
// Cost: 32 bytes a lock, and one static table of 32 KiB. Biased reader: two stores and three loads, no
// read-modify-write.
//   Other reader, and writer without bias: one read-modify-write to lock and one to unlock. Taking the bias back: one
//   asymmetric_fence_heavy() (1 to 3 us) and a look at one line of each thread that ever read a biased lock.
// Failure: none at run time; at most 32,767 threads at one lock at once. Misuse is asserted in debug builds. A thread
// that finds no line left (more than 256
//   threads read at once), no slot free (more than 8 biased locks held) or that is past its thread_locals counts
//   itself.
// Lifetime: may be destroyed as soon as no thread holds it or waits for it, also by a thread that has just been let in
//   while the one before is on its way out of unlock*(): after letting go those touch only static memory or addresses.
// Origin: BRAVO (Dice and Kogan 2019) for the bias, with slots owned by threads and an asymmetric fence instead of a
//   shared hashed table; the phases of Brandenburg and Anderson 2010, with grants that are counted instead of numbered,
//   so that writers that give up cannot bring an old number back.
//
// Ordering ledger (of shared_mutex.cpp, too)
//   hand_over : unlock, word compare-exchange (release)  ->  lock*, word compare-exchange (acquire), and the biased
//               reader's second look (acquire)   carries: everything done under the lock
//   leave     : unlock_shared, word fetch_sub or slot store, and the slot's next store (release)  ->  the writer's
//               compare-exchange, its look at the word once the last reader has called, its look at the slot (acquire)
//               carries: the end of the reads
//   line      : a thread's end, line store (release)  ->  claim of the line, compare-exchange (acquire)
//               carries: the slots' emptiness
// The biased reader stores its slot, then looks at the word; the writer changes the word, then looks at the slots:
// store buffering, ordered by asymmetric_fence_light and _heavy. The same pair is between the emptied slot and the
// count of writers that wait at the line. Relaxed used as: revalidated (a look before a compare-exchange, or before a
// look after the fence), owner (slots, read
//   by their own thread), stale-ok (the count of reads, which only steers)

#include <gantry/base/assert.hpp>
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/base/wait.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace gantry::sync {

namespace detail {

// The locks that one thread reads by way of the bias. Static memory: readers may touch it after they have let go.
struct alignas(cache_line_bytes) reader_line {
    using slot = std::atomic<const void*>;

    std::array<slot, tuning::shared_mutex_slots> slots{}; // written by the thread that owns the line
    std::atomic<std::uint32_t> owned{0};
    std::atomic<std::uint32_t> waiters{0}; // writers that wait until a slot is emptied
    std::atomic<std::uint32_t> emptied{0}; // changes when one may have been
};

// A thread's line, if it has one, and how many of its slots are in use.
struct reader {
    reader_line* line;
    std::uint32_t held;
};

// One table and one of these a thread in the whole program, whatever shared objects it consists of.
extern constinit std::array<reader_line, tuning::shared_mutex_lines> reader_lines [[gnu::visibility("default")]];
extern constinit std::atomic<std::uint32_t> reader_lines_used [[gnu::visibility("default")]];
extern constinit thread_local reader reader_here [[gnu::visibility("default")]];
void wake_writers(reader_line& line) noexcept;

inline void empty_slot(reader_line& line, reader_line::slot& slot) noexcept {
    slot.store(nullptr, std::memory_order_release); // order: leave.w
    // Since the store above the lock may be gone.
    asymmetric_fence_light();
    if (line.waiters.load(std::memory_order_relaxed) != 0) // relaxed: revalidated
        wake_writers(line);
}

} // namespace detail

class shared_mutex {
public:
    constexpr shared_mutex() noexcept = default;
    shared_mutex(const shared_mutex&) = delete;
    shared_mutex& operator=(const shared_mutex&) = delete;
    ~shared_mutex() {
        // relaxed: stale-ok
        GANTRY_DEBUG_ASSERT((word_.load(std::memory_order_relaxed) & ~(biased | phase)) == 0);
    }

    void lock_shared() noexcept {
        if (!take_slot() && !count())
            static_cast<void>(lock_shared_slow(no_deadline));
    }
    [[nodiscard]] bool try_lock_shared() noexcept { return take_slot() || count() || try_lock_shared_slow(); }

    template<class Rep, class Period>
    [[nodiscard]] bool try_lock_shared_for(std::chrono::duration<Rep, Period> duration) noexcept {
        return try_lock_shared() || lock_shared_slow(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> time) noexcept {
        return try_lock_shared() || until_deadline(
                                        time, [this](steady_deadline deadline) { return lock_shared_slow(deadline); },
                                        [](bool got) { return !got; });
    }

    void unlock_shared() noexcept {
        if (detail::reader& me = detail::reader_here; me.held != 0) {
            for (detail::reader_line::slot& slot : me.line->slots) {
                if (slot.load(std::memory_order_relaxed) == this) { // relaxed: owner
                    --me.held;
                    detail::empty_slot(*me.line, slot);
                    return;
                }
            }
        }
        const std::uint64_t before = word_.fetch_sub(reader_one, std::memory_order_release); // order: leave.w
        GANTRY_DEBUG_ASSERT((before & readers_mask) != 0);
        if ((before & writer) != 0 && (before & readers_mask) == reader_one)
            tell_drained();
    }

    void lock() noexcept {
        std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        // order: hand_over.r, leave.r; relaxed: revalidated
        if ((seen & ~phase) != 0 ||
            !word_.compare_exchange_strong(seen, seen | writer, std::memory_order_acquire, std::memory_order_relaxed))
            static_cast<void>(lock_slow(no_deadline));
        else
            reads_.store(0, std::memory_order_relaxed); // relaxed: stale-ok
    }
    [[nodiscard]] bool try_lock() noexcept;

    template<class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> duration) noexcept {
        return lock_slow(deadline_after(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) noexcept {
        return until_deadline(
            time, [this](steady_deadline deadline) { return lock_slow(deadline); }, [](bool got) { return !got; });
    }

    void unlock() noexcept {
        std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        GANTRY_DEBUG_ASSERT((seen & writer) != 0 && (seen & readers_mask) == 0);
        // order: hand_over.w; relaxed: revalidated
        if ((seen & ~phase) != writer ||
            !word_.compare_exchange_strong(seen, seen & ~writer, std::memory_order_release, std::memory_order_relaxed))
            unlock_slow();
    }

private:
    // The word. Whoever has to wait registers in it; whoever takes a registration out owes its thread a unit in the
    // word where that thread sleeps; a thread does not leave before it has taken its own registration out, or the unit.
    // So the units are counted exactly, and nobody can destroy the lock while a unit is still owed.
    static constexpr std::uint64_t writer = 1; // a writer is inside, or waits for the readers to leave
    static constexpr std::uint64_t biased = 2; // readers may use their slots; never together with `writer`
    static constexpr std::uint64_t phase = 4;  // which of gates_ the readers that are to be let in will pass
    static constexpr std::uint64_t reader_one = 1ULL << 4U; // counts of 15 bits each
    static constexpr std::uint64_t readers_mask = 0x7FFFULL << 4U;
    static constexpr std::uint64_t looker_one = 1ULL << 19U; // readers that wait and will then look again
    static constexpr std::uint64_t lookers_mask = 0x7FFFULL << 19U;
    static constexpr std::uint64_t heir_one = 1ULL << 34U; // readers that will own the lock when the writer leaves
    static constexpr std::uint64_t heirs_mask = 0x7FFFULL << 34U;
    static constexpr std::uint64_t writer_waits_one = 1ULL << 49U; // writers that wait and will then look again
    static constexpr std::uint64_t writers_wait_mask = 0x7FFFULL << 49U;

    [[nodiscard]] bool take_slot() noexcept {
        // relaxed: revalidated
        if ((word_.load(std::memory_order_relaxed) & biased) == 0)
            return false;
        detail::reader& me = detail::reader_here;
        if (me.line == nullptr)
            return false;
        for (detail::reader_line::slot& slot : me.line->slots) {
            if (slot.load(std::memory_order_relaxed) != nullptr) // relaxed: owner
                continue;
            // Release: a writer of the lock that was in this slot before sees that its reader has left.
            slot.store(this, std::memory_order_release); // order: leave.w
            asymmetric_fence_light();
            if ((word_.load(std::memory_order_acquire) & biased) != 0) [[likely]] { // order: hand_over.r
                ++me.held;
                return true;
            }
            detail::empty_slot(*me.line, slot);
            return false;
        }
        return false;
    }

    // Counts the caller in, if there is neither bias, nor reason for it, nor a writer.
    [[nodiscard]] bool count() noexcept {
        std::uint64_t seen = word_.load(std::memory_order_relaxed);         // relaxed: revalidated
        const std::uint32_t reads = reads_.load(std::memory_order_relaxed); // relaxed: stale-ok
        // order: hand_over.r; relaxed: revalidated
        if ((seen & (writer | biased)) != 0 || reads >= tuning::shared_mutex_bias_reads ||
            !word_.compare_exchange_strong(seen, seen + reader_one, std::memory_order_acquire,
                                           std::memory_order_relaxed))
            return false;
        reads_.store(reads + 1, std::memory_order_relaxed); // relaxed: stale-ok
        return true;
    }

    [[nodiscard]] bool try_lock_shared_slow() noexcept;
    [[nodiscard]] bool lock_shared_slow(steady_deadline deadline) noexcept;
    void tell_drained() noexcept;
    [[nodiscard]] bool join(std::uint64_t one, std::uint64_t mask, std::uint64_t& seen) noexcept;
    [[nodiscard]] bool await(std::uint64_t one, std::uint64_t mask, std::uint64_t same, std::uint64_t as,
                             std::atomic<std::uint32_t>& units, steady_deadline deadline) noexcept;
    [[nodiscard]] bool lock_slow(steady_deadline deadline) noexcept;
    [[nodiscard]] bool drain(std::uint64_t before, steady_deadline deadline) noexcept;
    [[nodiscard]] bool revoke(steady_deadline deadline) noexcept;
    void unlock_slow() noexcept;
    void let_in(std::uint64_t before) noexcept;
    [[nodiscard]] static std::uint64_t without_writer(std::uint64_t seen) noexcept;

    std::atomic<std::uint64_t> word_{0};
    std::array<std::atomic<std::uint32_t>, 2> gates_{}; // units: readers that were let in and have not noticed yet
    std::atomic<std::uint32_t> looks_{0};               // units: readers told to look again
    std::atomic<std::uint32_t> turns_{0};               // units: writers told to look again
    std::atomic<std::uint32_t> drained_{0};             // unit: the last reader has left
    std::atomic<std::uint32_t> reads_{0};               // about how many since the last writer
};

} // namespace gantry::sync

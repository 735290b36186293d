// SPDX-License-Identifier: MIT
#pragma once
//
// core_base: what every channel has in common, whatever it carries: two sides on which threads and coroutines wait,
// the end of the channel, and who still has a handle.
// waiter, wait_entry, wait_list: who waits, where, and whom a change calls.
//
// Use it when you write a kind of channel: derive from core.hpp's core<T>, say when a side is ready, and call the other
// side after each change.
// Do not use it when you use channels -> channel/channel.hpp.
//
// A thread that cannot go on makes one waiter, puts one entry into the list of each side that it waits for (several for
// a select), looks once more whether one of them is ready, and sleeps. Who changes a channel afterwards looks at the
// count of the other side's list, and if there is somebody, takes the first entry whose waiter can be had: one
// compare-exchange on the waiter decides, so one waiter is called once, by one channel. Nobody is handed an element
// (but see rendezvous_core.hpp): who is called tries again, and may find that somebody else was faster.
//
// While one thread of a side is awake and looking, no other of that side is called: the first one calls the next when
// it is done looking and there is more. So a channel between two running threads calls nobody, however many sleep.
//
// Threads: everything from any thread. Progress: call_one() is one load when nobody waits; it takes the list's lock
//   otherwise. Nothing allocates.
// Ordering: a change made before call_one() is seen by the look after enlisting, or else the waiter is called; what
//   happened before a call is seen by the waiter that it woke.
// Cost: a system call and up to 3 us (asymmetric_fence_heavy()) to fall asleep, a system call to wake.
// Failure: none. Lifetime: a waiter and its entries lie on the stack of who waits. After the compare-exchange that
//   calls it only its address is used.
// Origin: Reppy's claims of offers in Concurrent ML (1991); waiting lists with one-shot contexts as in Go's select and
//   crossbeam-channel; "one searcher at a time" as in Go's and Tokio's schedulers.
//
// Ordering ledger
//   called : waiter::finish, state exchange (release)  ->  waiter::sleep and waiter::withdraw, state
//            loads and exchange (acquire)   carries: what the caller changed, or the element it handed over
//   search : call_one_slow, searching fetch_add (release)  ->  end_search, searching fetch_sub (acquire)   carries:
//            the change that was not told because somebody searched
//   handle : drop_sender and drop_receiver, fetch_sub (release)  ->  the same of the last handle (acquire)   carries:
//            all uses of the others
//   side   : leave, fetch_sub (release)  ->  leave of the last (acquire)   carries: all uses of the other side
// The change and the look at the count on one side, the count and the look at the channel on the other: store
// buffering, ordered by asymmetric_fence_light and _heavy.
// Relaxed used as: revalidated (the count after the fence; states before their compare-exchange; the end, which the
//   mark of the kind publishes; what is added to and taken from the number of those who search, which who ends a search
//   reads through), under-lock (the count, changed), stale-ok (a hint that saves a call), owner (a handle is copied by
//   who has one)

#include <gantry/base/assert.hpp>
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/channel/result.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

namespace gantry::channel::detail {

enum class side : std::uint8_t { push, pop };

[[nodiscard]] constexpr side other(side of) noexcept {
    return of == side::push ? side::pop : side::push;
}

class core_base;

// Somebody who waits: a thread, or something that is told.
class waiter {
public:
    // Told in place of a wake-up, by the thread that calls, outside of all locks. After it nobody uses the waiter.
    using told_function = void (*)(waiter&, std::uint32_t arm) noexcept;

    waiter() = default;
    explicit waiter(told_function told) noexcept : told_(told) {}
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    [[nodiscard]] bool is_thread() const noexcept { return told_ == nullptr; }

    // For who calls: the waiter is had. False: somebody else had it, or it gave up.
    [[nodiscard]] bool take() noexcept;
    // After take(): it may go on with this arm.
    void finish(std::uint32_t arm) noexcept;

    // Whether a call of take() could have succeeded just now; and whether it has not fallen asleep yet.
    [[nodiscard]] bool can_be_had() const noexcept {
        return state_.load(std::memory_order_relaxed) <= asleep; // relaxed: stale-ok
    }
    [[nodiscard]] bool is_awake() const noexcept {
        return state_.load(std::memory_order_relaxed) == awake; // relaxed: stale-ok
    }

    // For who waits: sleeps until called; the arm, or nothing when the deadline passed first. `looks`: so often it
    // looks before it sleeps.
    [[nodiscard]] std::optional<std::uint32_t> sleep(steady_deadline deadline, std::uint32_t looks) noexcept;
    // Gives up; the arm if it was called before.
    [[nodiscard]] std::optional<std::uint32_t> withdraw() noexcept;
    // To wait again, when it is in no list.
    void reset() noexcept;

private:
    static constexpr std::uint32_t awake = 0;     // and will look at the state before it sleeps
    static constexpr std::uint32_t asleep = 1;    // and needs a wake-up
    static constexpr std::uint32_t busy = 2;      // had: finish() follows
    static constexpr std::uint32_t busy_wake = 3; // the same, and it sleeps
    static constexpr std::uint32_t withdrawn = 4;
    static constexpr std::uint32_t called = 5; // plus the arm

    [[nodiscard]] std::uint32_t wait_finished(std::uint32_t seen) const noexcept;

    std::atomic<std::uint32_t> state_{awake};
    const told_function told_ = nullptr;
};

// One waiter in one list. Fields are its owner's until it is enlisted and after it is delisted.
struct wait_entry {
    waiter* who = nullptr;
    std::uint32_t arm = 0;
    bool listed = false;    // guarded by the list's lock
    bool announced = false; // its owner counts as searching, and owes an end_search()
    bool handed = false;    // rendezvous: the element was handed over
    void* item = nullptr;   // rendezvous: the element, or where it goes; nullptr: it only asks
    std::size_t bytes = 0;  // bounded_bytes: what the element needs
    wait_entry* before = nullptr;
    wait_entry* after = nullptr;
};

// Those who wait on one side of a channel, the longest first.
class wait_list {
public:
    wait_list() = default;
    wait_list(const wait_list&) = delete;
    wait_list& operator=(const wait_list&) = delete;
    ~wait_list() { GANTRY_DEBUG_ASSERT(first_ == nullptr); }

    // Under the lock.
    void add(wait_entry& entry) noexcept;
    void remove(wait_entry& entry) noexcept;
    [[nodiscard]] wait_entry* first() const noexcept { return first_; }

    [[nodiscard]] bool has_any() const noexcept {
        return count_.load(std::memory_order_relaxed) != 0; // relaxed: revalidated
    }

    std::mutex mutex;
    // How many of this side are awake and looking at the channel: announced by who looks, or by who woke them.
    std::atomic<std::uint32_t> searching{0};
    // What spinning was good for lately: see spin().
    std::atomic<std::uint32_t> spin_credit{0};

private:
    wait_entry* first_ = nullptr;
    wait_entry* last_ = nullptr;
    std::atomic<std::uint32_t> count_{0}; // written under the lock
};

// One of the things that a thread waits for.
struct wait_arm {
    core_base* core = nullptr;
    side on = side::pop;
    wait_entry entry{};
};

class core_base {
public:
    core_base(const core_base&) = delete;
    core_base& operator=(const core_base&) = delete;

    // Whether an operation of that side would not wait: it would succeed, or be refused because the channel has ended.
    // `entry`: of who asks; nullptr: whoever waits.
    [[nodiscard]] virtual bool is_ready(side on, const wait_entry* entry) noexcept = 0;
    // Whether a call could be of use to this one, which waits (under the list's lock).
    [[nodiscard]] virtual bool may_go(side, const wait_entry&) noexcept { return true; }
    // Whether nothing goes in any more.
    [[nodiscard]] virtual bool is_closed() noexcept = 0;
    // When it may become ready by itself: timers.
    [[nodiscard]] virtual steady_deadline ready_at(side) noexcept { return no_deadline; }
    // Puts an entry into the list. True: it is ready already, and the look needs no fence.
    virtual bool enlist(side on, wait_entry& entry) noexcept;
    virtual void delist(side on, wait_entry& entry) noexcept;
    // Whether an attempt that precedes waiting may find what waits here: not in a rendezvous, where both have to.
    [[nodiscard]] virtual bool can_spin() const noexcept { return true; }

    // After a change: the side may go on.
    void call_one(side on) noexcept {
        asymmetric_fence_light();
        if (list(on).has_any()) [[unlikely]]
            call_one_slow(on);
    }
    void call_all(side on) noexcept;

    // Who announced that it looks, or was called, and is done with it: calls the next if there is more.
    void begin_search(side on) noexcept {
        list(on).searching.fetch_add(1, std::memory_order_relaxed); // relaxed: stale-ok
    }
    void end_search(side on) noexcept;

    [[nodiscard]] wait_list& list(side on) noexcept { return on == side::push ? pushers_ : poppers_; }
    // Guards that list.
    [[nodiscard]] std::mutex& lock_of(side on) noexcept { return one_lock_ ? pushers_.mutex : list(on).mutex; }

    // Why nothing goes in any more, for who has seen that it is so: the reason was there before.
    [[nodiscard]] errc end() const noexcept {
        return end_.load(std::memory_order_relaxed); // relaxed: revalidated
    }
    void close(errc reason) noexcept;

    void add_sender() noexcept { senders_.fetch_add(1, std::memory_order_relaxed); }     // relaxed: owner
    void add_receiver() noexcept { receivers_.fetch_add(1, std::memory_order_relaxed); } // relaxed: owner
    void add_weak() noexcept { holders_.fetch_add(1, std::memory_order_relaxed); }       // relaxed: owner
    // False: there is none left to take after.
    [[nodiscard]] bool try_add_sender() noexcept;
    void drop_sender() noexcept;
    void drop_receiver() noexcept;
    void drop_weak() noexcept { leave(); }

    [[nodiscard]] virtual const char* kind_name() const noexcept = 0;

protected:
    // one_lock: both lists are under the same lock.
    explicit core_base(bool one_lock = false) noexcept : one_lock_(one_lock) {}
    virtual ~core_base() = default;

    // Nothing goes in any more.
    virtual void stop() noexcept = 0;
    // The last receiver is gone: elements are destroyed.
    virtual void discard() noexcept = 0;

private:
    void call_one_slow(side on) noexcept;
    bool call_first(side on, bool anybody) noexcept;
    void leave() noexcept;

    // Constant after construction.
    const bool one_lock_;
    // Shared atomics.
    std::atomic<std::size_t> senders_{1};
    std::atomic<std::size_t> receivers_{1};
    std::atomic<std::size_t> holders_{2}; // all senders, all receivers, and each weak sender
    std::atomic<errc> end_{};
    // Each has its own lock, and is only written when somebody waits.
    alignas(cache_line_bytes) wait_list pushers_;
    alignas(cache_line_bytes) wait_list poppers_;
};

// What a wait came to.
struct awaited {
    std::optional<std::uint32_t> called{}; // the arm; nothing: look at all of them
    bool late = false;                     // the deadline passed
};

// Waits until one of the arms may go on, or for no reason. The arms are sorted by the address of their channels, or two
// that wait for each other could take turns in finding each other ready for ever.
[[nodiscard]] awaited await(std::span<wait_arm> arms, steady_deadline deadline) noexcept;

// Ends the searches that arms were announced for.
struct searches_end {
    std::span<wait_arm> arms;
    explicit searches_end(std::span<wait_arm> of) noexcept : arms(of) {}
    searches_end(const searches_end&) = delete;
    searches_end& operator=(const searches_end&) = delete;
    ~searches_end();
};

// How often to try before waiting, given what it was good for lately; and what came of it.
[[nodiscard]] std::uint32_t spin_looks(wait_list& of) noexcept;
void spin_learn(wait_list& of, bool good) noexcept;

} // namespace gantry::channel::detail

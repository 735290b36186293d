// SPDX-License-Identifier: MIT
#pragma once
//
// core<T>: what the handles of one channel share: the elements, one mutex, two condition variables, the handle counts.
//
// Use it when you write a handle (channel/channel.hpp).
// Do not use it when you use channels: its shape will change with faster implementations, that of the handles will not.
//
// Who is woken: under the lock each side knows how many of its threads wait and how many of those have been called and
// are on their way. At the end of every critical section (class section) as many are called as can go on, those on
// their way included:
//
//     called >= min(waiting, available)      after every section; available = elements, or free slots
//
// A thread that leaves its wait, whatever the reason, takes one call with it. If that was another thread's call, that
// thread still comes, and the section in which the first one found or took the element settles the account anew; so a
// call is at times made for nothing, and never missing. A thread whose time ran out looks once more before it says so,
// hence no element is left behind by a call that met a time-out.
//
// Threads: all. Progress: blocking; see channel.hpp for allocation.
// Ordering: everything under the mutex; the handle counts keep the core alive.
// Cost: one lock a operation (a batch is one operation). Failure: see channel.hpp.
// Lifetime: deleted by whoever releases the last handle of the second side to go.
// Origin: a monitor (Hoare 1974); call accounting ours.
//
// Ordering ledger
//   handle : drop_sender and drop_receiver, count fetch_sub (release)  ->  the same fetch_sub of the last one (acquire)
//            carries: what the other handles of this side did
//   side   : leave, sides fetch_sub (release)  ->  the same fetch_sub of the second side (acquire)
//            carries: all uses of the core
// Relaxed used as: owner (a handle is copied by who has one)

#include <gantry/channel/detail/element_queue.hpp>
#include <gantry/channel/result.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/mutex.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

namespace gantry::channel::detail {

// How long an operation waits (its Patience): not at all, or until a time point of any clock.
struct at_once {};

template<class T>
class core {
public:
    explicit core(std::optional<std::size_t> capacity) : capacity_(capacity), elements_(capacity) {}
    core(const core&) = delete;
    core& operator=(const core&) = delete;

    template<class Patience>
    push_result<T> push(T&& value, Patience patience) {
        errc reason{};
        {
            section turn(*this);
            const auto room = turn.await_room(patience);
            if (room) {
                elements_.push_back(std::move(value));
                return {};
            }
            reason = room.error();
        }
        return push_result<T>(std::unexpect, reason, std::move(value)); // the user's move: outside the lock
    }

    // As much as fits at a time, one section each.
    template<class Patience>
    std::expected<void, refused_range> push_range(std::span<T> values, Patience patience) {
        std::size_t pushed = 0;
        while (pushed != values.size()) {
            section turn(*this);
            if (const auto room = turn.await_room(patience); !room)
                return std::unexpected(refused_range{room.error(), pushed});
            const std::size_t last = pushed + std::min(values.size() - pushed, free_slots());
            while (pushed != last) {
                elements_.push_back(std::move(values[pushed]));
                ++pushed;
            }
        }
        return {};
    }

    template<class Patience>
    pop_result<T> pop(Patience patience) {
        section turn(*this);
        if (const auto there = turn.await_element(patience); !there)
            return std::unexpected(there.error());
        pop_result<T> result(std::in_place, std::move(elements_.front()));
        elements_.pop_front();
        return result;
    }

    template<class Out, class Patience>
    std::expected<std::size_t, errc> pop_some(Out& out, std::size_t max, Patience patience) {
        section turn(*this);
        if (const auto there = turn.await_element(patience); !there)
            return std::unexpected(there.error());
        const std::size_t count = std::min(max, elements_.size());
        for (std::size_t done = 0; done != count; ++done) {
            *out = std::move(elements_.front());
            ++out;
            elements_.pop_front();
        }
        return count;
    }

    void close() noexcept {
        {
            const std::scoped_lock lock(mutex_);
            closed_ = true;
        }
        poppers_.changed.notify_all();
        pushers_.changed.notify_all();
    }

    [[nodiscard]] bool is_closed() const noexcept {
        const std::scoped_lock lock(mutex_);
        return closed_;
    }
    [[nodiscard]] std::size_t size() const noexcept {
        const std::scoped_lock lock(mutex_);
        return elements_.size();
    }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept { return capacity_; }

    void add_sender() noexcept { senders_.fetch_add(1, std::memory_order_relaxed); } // relaxed: owner
    void drop_sender() noexcept {
        if (senders_.fetch_sub(1, std::memory_order_acq_rel) == 1) { // order: handle.rw
            close();
            leave();
        }
    }

    void drop_receiver() noexcept {
        // UNPROVEN: a receiver cannot be copied yet, so no model has two of them leave at once.
        if (receivers_.fetch_sub(1, std::memory_order_acq_rel) == 1) { // order: handle.rw
            drop_elements();
            leave();
        }
    }

private:
    struct side {
        sync::condition_variable changed;
        std::size_t waiting = 0;
        std::size_t called = 0;
    };

    // One critical section. Its end calls those who can go on, unlocks, and only then wakes them.
    class section {
    public:
        explicit section(core& owner) noexcept : core_(owner), lock_(owner.mutex_) {}
        section(const section&) = delete;
        section& operator=(const section&) = delete;
        ~section() {
            const std::size_t poppers = call(core_.poppers_, core_.elements_.size());
            const std::size_t pushers = core_.capacity_ ? call(core_.pushers_, core_.free_slots()) : 0;
            lock_.unlock();
            wake(core_.poppers_, poppers);
            wake(core_.pushers_, pushers);
        }

        template<class Patience>
        std::expected<void, errc> await_room(Patience patience) {
            bool late = false;
            for (;;) {
                if (core_.closed_)
                    return std::unexpected(errc::closed);
                if (core_.free_slots() != 0)
                    return {};
                if constexpr (std::same_as<Patience, at_once>) {
                    return std::unexpected(errc::full);
                } else {
                    if (late)
                        return std::unexpected(errc::timeout);
                    late = sleep(core_.pushers_, patience);
                }
            }
        }

        template<class Patience>
        std::expected<void, errc> await_element(Patience patience) {
            bool late = false;
            for (;;) {
                if (core_.elements_.size() != 0)
                    return {};
                if (core_.closed_)
                    return std::unexpected(errc::closed);
                if constexpr (std::same_as<Patience, at_once>) {
                    return std::unexpected(errc::empty);
                } else {
                    if (late)
                        return std::unexpected(errc::timeout);
                    late = sleep(core_.poppers_, patience);
                }
            }
        }

    private:
        // True: the deadline passed. Only called before the section changed anything, so nobody needs a call first.
        template<class Clock, class Duration>
        [[nodiscard]] bool sleep(side& of, std::chrono::time_point<Clock, Duration> time) {
            ++of.waiting;
            const std::cv_status status = of.changed.wait_until(lock_, time);
            --of.waiting;
            if (of.called != 0)
                --of.called;
            return status == std::cv_status::timeout;
        }

        [[nodiscard]] static std::size_t call(side& of, std::size_t available) noexcept {
            const std::size_t wanted = std::min(of.waiting, available);
            if (wanted <= of.called)
                return 0;
            return wanted - std::exchange(of.called, wanted);
        }

        static void wake(side& of, std::size_t count) noexcept {
            for (; count != 0; --count)
                of.changed.notify_one();
        }

        core& core_;
        std::unique_lock<sync::mutex> lock_;
    };

    ~core() = default;

    [[nodiscard]] std::size_t free_slots() const noexcept {
        return capacity_ ? *capacity_ - elements_.size() : std::numeric_limits<std::size_t>::max();
    }

    // The last receiver is gone: what is left is destroyed at once, outside the lock, since destructors are the user's.
    void drop_elements() noexcept {
        close();
        mutex_.lock();
        const element_queue<T> rest(std::move(elements_));
        mutex_.unlock();
    }

    void leave() noexcept {
        if (sides_.fetch_sub(1, std::memory_order_acq_rel) == 1) // order: side.rw
            delete this;
    }

    // Constant after construction.
    const std::optional<std::size_t> capacity_;

    // Shared atomics.
    std::atomic<std::size_t> senders_{1};
    std::atomic<std::size_t> receivers_{1};
    std::atomic<std::uint32_t> sides_{2};

    // Guarded by mutex_.
    mutable sync::mutex mutex_;
    element_queue<T> elements_;
    bool closed_ = false;
    side poppers_;
    side pushers_;
};

} // namespace gantry::channel::detail

// SPDX-License-Identifier: MIT
#pragma once
//
// lock_guard, unique_lock: the standard's guards with clang's annotations.
//
// Use it when the code is built with clang's -Wthread-safety: what these lock, the analysis sees.
// Do not use it when it is not -> std::scoped_lock, std::unique_lock, which work with every lock here; when a guard
// changes hands -> std::unique_lock, since the analysis cannot follow that.
//
//     gantry::sync::unique_lock lock(m);
//     ready_changed.wait(lock, [&] { return ready; });
//
// Threads: a guard belongs to one thread. Progress: that of the lock. Ordering: that of the lock.
// Cost: that of the lock; lock_guard is a reference, unique_lock a reference and a flag. Failure: lock() of a
//   unique_lock that has the lock, and unlock() of one that has not, are programmer errors (GANTRY_ASSERT).
// Lifetime: the lock outlives its guard. Origin: std::lock_guard, std::unique_lock.

#include <gantry/base/assert.hpp>
#include <gantry/sync/thread_safety.hpp>

#include <mutex>

namespace gantry::sync {

template<class Mutex>
class GANTRY_SCOPED_CAPABILITY lock_guard {
public:
    using mutex_type = Mutex;

    explicit lock_guard(Mutex& m) GANTRY_ACQUIRE(m) : mutex_(m) { mutex_.lock(); }
    // Takes over what the calling thread has locked.
    lock_guard(Mutex& m, std::adopt_lock_t /*unused*/) noexcept GANTRY_REQUIRES(m) : mutex_(m) {}
    lock_guard(const lock_guard&) = delete;
    lock_guard& operator=(const lock_guard&) = delete;
    ~lock_guard() GANTRY_RELEASE() { mutex_.unlock(); }

private:
    Mutex& mutex_;
};

template<class Mutex>
class GANTRY_SCOPED_CAPABILITY unique_lock {
public:
    using mutex_type = Mutex;

    explicit unique_lock(Mutex& m) GANTRY_ACQUIRE(m) : mutex_(m), owns_(true) { mutex_.lock(); }
    unique_lock(Mutex& m, std::defer_lock_t /*unused*/) noexcept GANTRY_EXCLUDES(m) : mutex_(m) {}
    unique_lock(const unique_lock&) = delete;
    unique_lock& operator=(const unique_lock&) = delete;
    ~unique_lock() GANTRY_RELEASE() {
        if (owns_)
            mutex_.unlock();
    }

    void lock() GANTRY_ACQUIRE() {
        GANTRY_ASSERT(!owns_);
        mutex_.lock();
        owns_ = true;
    }
    [[nodiscard]] bool try_lock() GANTRY_TRY_ACQUIRE(true) {
        GANTRY_ASSERT(!owns_);
        owns_ = mutex_.try_lock();
        return owns_;
    }
    void unlock() GANTRY_RELEASE() {
        GANTRY_ASSERT(owns_);
        owns_ = false;
        mutex_.unlock();
    }
    [[nodiscard]] bool owns_lock() const noexcept { return owns_; }

private:
    Mutex& mutex_;
    bool owns_ = false;
};

} // namespace gantry::sync

// SPDX-License-Identifier: MIT
#pragma once
//
// lockable<Core, Checked>: the public face of every exclusive lock: the standard's names over a core, clang's
// annotations, and in debug builds the reports of misuse (lock_checks.hpp).
//
// A core has lock(), try_lock(), unlock(), is_locked(), the word `kind`, and, if it can wait for a limited time,
// lock_until(steady_deadline). What the checks remember lies outside of the object, keyed by its address: checked and
// unchecked locks are laid out alike. They are different types, so that no function of the standard library's guards
// is compiled with the checks in one file, without them in another, and merged by the linker.

#include <gantry/base/assert.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/sync/detail/lock_checks.hpp>
#include <gantry/sync/thread_safety.hpp>

#include <chrono>
#include <utility>

// The model checker has its own detectors. Under ThreadSanitizer the checks are off, since what they share between
// threads would order what the program itself does not, and so hide its races.
#if !GANTRY_DEBUG_CHECKS || defined(GANTRY_MODEL_BUILD) || defined(__SANITIZE_THREAD__)
#define GANTRY_LOCK_CHECKS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GANTRY_LOCK_CHECKS 0
#endif
#endif
#if !defined(GANTRY_LOCK_CHECKS)
#define GANTRY_LOCK_CHECKS 1
#endif

namespace gantry::sync::detail {

template<class Core>
concept timed_core = requires(Core& core) { core.lock_until(no_deadline); };

template<class Core, bool Checked>
class GANTRY_CAPABILITY("mutex") lockable {
public:
    constexpr lockable() noexcept = default;
    lockable(const lockable&) = delete;
    lockable& operator=(const lockable&) = delete;
    ~lockable()
    requires(!Checked)
    = default;
    ~lockable() { lock_destroyed(this, Core::kind, core_.is_locked()); }

    void lock() noexcept(!Checked) GANTRY_ACQUIRE() GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        if constexpr (Checked)
            lock_wanted(this, Core::kind);
        core_.lock();
        if constexpr (Checked)
            lock_taken(this, Core::kind);
    }

    [[nodiscard]] bool try_lock() noexcept(!Checked) GANTRY_TRY_ACQUIRE(true) GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        return note(core_.try_lock());
    }

    template<class Rep, class Period>
    requires timed_core<Core>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> duration) noexcept(!Checked)
        GANTRY_TRY_ACQUIRE(true) GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        return note(core_.try_lock() || core_.lock_until(deadline_after(duration)));
    }

    template<class Clock, class Duration>
    requires timed_core<Core>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> time) noexcept(!Checked)
        GANTRY_TRY_ACQUIRE(true) GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        return note(core_.try_lock() ||
                    until_deadline(
                        time, [this](steady_deadline deadline) { return core_.lock_until(deadline); },
                        [](bool got) { return !got; }));
    }

    void unlock() noexcept(!Checked) GANTRY_RELEASE() GANTRY_NO_THREAD_SAFETY_ANALYSIS {
        if constexpr (Checked)
            lock_released(this, Core::kind, core_.is_locked());
        core_.unlock();
    }

private:
    [[nodiscard]] bool note(bool locked) noexcept(!Checked) {
        if constexpr (Checked) {
            if (locked)
                lock_taken(this, Core::kind);
        }
        return locked;
    }

    Core core_;
};

} // namespace gantry::sync::detail

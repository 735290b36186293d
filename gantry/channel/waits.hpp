// SPDX-License-Identifier: MIT
#pragma once
//
// waits(), wait_report(): which threads wait for which channels now. For a program that is stuck.
//
// Use it when a debug build hangs: from a signal's thread, a debugger (`call gantry::channel::wait_report()`), a test's
// watchdog.
// Do not use it when the program is built for release: nothing is recorded there, and the answer is empty.
//
//     if (!done.try_acquire_for(10s))
//         std::fputs(gantry::channel::wait_report().c_str(), stderr);
//
// Threads: from any thread. Progress: takes a lock that a thread which falls asleep takes, too. Ordering: each wait is
//   of a moment during the call. Cost: debug builds: a lock before
//   and after each sleep. Others: nothing. Failure: throws when memory is exhausted.
// Lifetime: values. Origin: the goroutine dump of Go's runtime.

#include <gantry/base/assert.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

// Not in models, which have their own report; nor under ThreadSanitizer, since the lock that threads share for it would
// order what the program itself does not, and so hide its races.
#if !GANTRY_DEBUG_CHECKS || defined(GANTRY_MODEL_BUILD) || defined(__SANITIZE_THREAD__)
#define GANTRY_WAIT_RECORDS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GANTRY_WAIT_RECORDS 0
#endif
#endif
#if !defined(GANTRY_WAIT_RECORDS)
#define GANTRY_WAIT_RECORDS 1
#endif

namespace gantry::channel {

// Whether waits are recorded in this build.
inline constexpr bool waits_are_recorded = GANTRY_WAIT_RECORDS;

struct wait {
    struct arm {
        const void* channel; // as handle::id() says
        std::string kind;    // "bounded", "rendezvous", ...
        bool pushes;         // else it pops
    };

    std::int64_t thread; // as gettid(2) says, and the debugger
    std::string name;    // as pthread_setname_np(3) gave it
    std::chrono::nanoseconds since;
    std::vector<arm> arms; // several: a select
};

// Those that wait, the longest first.
[[nodiscard]] std::vector<wait> waits();

// The same as text: a line a wait.
//     thread 4711 (worker) has waited 2.041 s to pop from rendezvous 0x55d0c0 or push to bounded 0x55d140
[[nodiscard]] std::string wait_report();

} // namespace gantry::channel

// SPDX-License-Identifier: MIT
#pragma once
//
// GANTRY_ASSERT(condition): stops the program when its programmer broke a requirement.
//
// Use it when only a bug can make the condition false: GANTRY_ASSERT stays on in every build, GANTRY_DEBUG_ASSERT costs
// nothing where NDEBUG is set (it stays on under the sanitizers and in the model build).
// Do not use it when the outside world can make the condition false (a file, a peer, a full queue): return a value
// that says so.
//
//     GANTRY_ASSERT(capacity >= 1);
//
// The default handler writes one line, "gantry: assertion failed: EXPRESSION (FILE:LINE, FUNCTION)", to stderr and
// aborts: the one place where the library prints or aborts. set_assert_handler() replaces it. A handler may throw
// (tests do; a throw out of a noexcept function terminates); when it returns, the program aborts.
//
// Threads: everything may be called at any time from any thread. Progress: lock-free.
// Ordering: what happened before set_assert_handler() is seen by the handler it installed.
// Cost: one predictable branch a check. Failure: that is its subject. Lifetime: a handler must outlive its use.
// Origin: the C assert; the replaceable handler as in Boost.Assert and Abseil.
//
// Ordering ledger (of assert.cpp)
//   install : set_assert_handler, handler exchange (release)  ->  assertion_failed, handler load (acquire)
//             and the next set_assert_handler, handler exchange (acquire)   carries: what the handler reads

#include <source_location>

namespace gantry {

struct assertion {
    const char* expression;
    std::source_location where;
};

using assert_handler = void (*)(const assertion&);

// Installs `handler` (nullptr: the default one) and returns the one it replaces (nullptr: the default one).
assert_handler set_assert_handler(assert_handler handler) noexcept;

// What the macros call; also for the branch of a switch that cannot be reached.
[[noreturn]] void assertion_failed(const char* expression,
                                   std::source_location where = std::source_location::current());

} // namespace gantry

#define GANTRY_ASSERT(...) (static_cast<bool>(__VA_ARGS__) ? void() : ::gantry::assertion_failed(#__VA_ARGS__))

#if !defined(NDEBUG) || defined(GANTRY_MODEL_BUILD) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GANTRY_DEBUG_CHECKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GANTRY_DEBUG_CHECKS 1
#endif
#endif
#if !defined(GANTRY_DEBUG_CHECKS)
#define GANTRY_DEBUG_CHECKS 0
#endif

#if GANTRY_DEBUG_CHECKS
#define GANTRY_DEBUG_ASSERT(...) GANTRY_ASSERT(__VA_ARGS__)
#else
// Compiled, so that it cannot rot; not evaluated.
#define GANTRY_DEBUG_ASSERT(...) (true ? void() : static_cast<void>(static_cast<bool>(__VA_ARGS__)))
#endif

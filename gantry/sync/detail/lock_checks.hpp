// SPDX-License-Identifier: MIT
#pragma once
//
// What a debug build remembers of locks, to report misuse: unlocking what is not locked or what another thread locked,
// locking what the thread has already, destroying what is locked, and taking locks in an order that contradicts an
// earlier one, through any number of locks.
//
// Each report is one call of assertion_failed() with a message of a few lines that names the functions on both stacks.
//
// The order of locks is a graph over the addresses of locks: an edge from A to B says that some thread waited for B
// while it held A, and keeps where it took both. A wait that would close a cycle is reported before it begins, whether
// or not it would have come to a deadlock this time. try_lock() and timed attempts do not wait for ever: they add
// no edge. A lock that is destroyed leaves the graph.
//
// Threads: everything from any thread. Progress: blocking (one lock of the C library's). Ordering: none to rely on.
// Cost: 3 to 6 us and three locks of a global mutex for a lock() and its unlock(). Failure: reports; when memory runs
//   out, std::bad_alloc. Lifetime: what is remembered is never freed at the end of the program, so locks of static
//   objects may be used until then.
// Origin: the acquired-before graph of Abseil's Mutex; the Linux kernel's lockdep, which keeps classes of locks where
// we
//   keep locks.

namespace gantry::sync::detail {

// Before a thread waits for the lock without a limit.
void lock_wanted(const void* lock, const char* kind);

// The calling thread has taken it.
void lock_taken(const void* lock, const char* kind);

// Before it gives it up; `locked`: what the lock itself says.
void lock_released(const void* lock, const char* kind, bool locked);

// Before it is gone.
void lock_destroyed(const void* lock, const char* kind, bool locked);

} // namespace gantry::sync::detail

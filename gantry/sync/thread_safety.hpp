// SPDX-License-Identifier: MIT
#pragma once
//
// GANTRY_GUARDED_BY and its kin: what clang's -Wthread-safety must know to find a missing lock at compile time.
//
// Use it when a class has a lock and data that only the lock's holder may touch: annotate the data, build with clang.
// Do not use it when the data can be put inside its lock -> sync/guarded.hpp, which every compiler enforces.
//
//     class account {
//     public:
//         void deposit(int amount) {
//             const gantry::sync::lock_guard lock(mutex_);
//             balance_ += amount;
//         }
//
//     private:
//         gantry::sync::mutex mutex_;
//         int balance_ GANTRY_GUARDED_BY(mutex_) = 0;
//     };
//
// Every lock of gantry/sync is a capability. libstdc++'s std::lock_guard and its kin are not annotated, so the analysis
// does not see what they lock: sync/lock_guard.hpp has guards that are.
//
// Threads: n/a. Progress: n/a. Ordering: n/a. Cost: none. Failure: a warning of clang; other compilers see nothing.
// Lifetime: n/a.
// Origin: clang's "Thread Safety Analysis" (Hutchins, Ballman, Sutherland, "C/C++ Thread Safety Analysis", 2014), whose
//   attributes are spelled here with a prefix.

#if defined(__clang__)
#define GANTRY_THREAD_SAFETY_ATTRIBUTE(...) __attribute__((__VA_ARGS__))
#else
#define GANTRY_THREAD_SAFETY_ATTRIBUTE(...)
#endif

// Of classes: a lock, with the word that warnings call it by; a guard, which locks for its own life.
#define GANTRY_CAPABILITY(kind) GANTRY_THREAD_SAFETY_ATTRIBUTE(capability(kind))
#define GANTRY_SCOPED_CAPABILITY GANTRY_THREAD_SAFETY_ATTRIBUTE(scoped_lockable)

// Of data: only under that lock; of a pointer: what it points to only under that lock.
#define GANTRY_GUARDED_BY(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(guarded_by(__VA_ARGS__))
#define GANTRY_PT_GUARDED_BY(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(pt_guarded_by(__VA_ARGS__))

// Of a lock: taken before or after that one.
#define GANTRY_ACQUIRED_BEFORE(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(acquired_before(__VA_ARGS__))
#define GANTRY_ACQUIRED_AFTER(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(acquired_after(__VA_ARGS__))

// Of functions: the caller must hold the lock, or must not.
#define GANTRY_REQUIRES(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define GANTRY_REQUIRES_SHARED(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
#define GANTRY_EXCLUDES(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(locks_excluded(__VA_ARGS__))

// Of functions: locks, unlocks; locks where the result is the first argument. Without a lock's name: the object itself.
#define GANTRY_ACQUIRE(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define GANTRY_ACQUIRE_SHARED(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define GANTRY_RELEASE(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(release_capability(__VA_ARGS__))
#define GANTRY_RELEASE_SHARED(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define GANTRY_RELEASE_GENERIC(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(release_generic_capability(__VA_ARGS__))
#define GANTRY_TRY_ACQUIRE(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define GANTRY_TRY_ACQUIRE_SHARED(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(try_acquire_shared_capability(__VA_ARGS__))

// Of functions: the lock is known to be held here; returns that lock; is not to be looked into.
#define GANTRY_ASSERT_CAPABILITY(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(assert_capability(__VA_ARGS__))
#define GANTRY_RETURN_CAPABILITY(...) GANTRY_THREAD_SAFETY_ATTRIBUTE(lock_returned(__VA_ARGS__))
#define GANTRY_NO_THREAD_SAFETY_ANALYSIS GANTRY_THREAD_SAFETY_ATTRIBUTE(no_thread_safety_analysis)

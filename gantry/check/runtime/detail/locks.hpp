// SPDX-License-Identifier: MIT
#pragma once
//
// locks: the C library's locks, queues and clocks, made of atomic operations on locations that stand for the lock, the
// queue of waiters and so on.
//
// Use it when the runtime takes over a function that waits.
// Do not use it when the modelled program's own atomics are meant -> session::access.
//
// Threads: one thread. Progress: n/a. Ordering: what POSIX promises; a queue of waiters promises nothing
// (order::kernel). Cost: an event or two a call. Failure: misuse ends the execution; the answers are the C library's
// error numbers. Lifetime: a lock is an address. Origin: n/a.

#include <gantry/check/runtime/detail/session.hpp>

#include <pthread.h>
#include <semaphore.h>

#include <cstdint>
#include <ctime>

namespace gantry::check::runtime {

// Whether a thread waits, and whether it may give up.
enum class patience : std::uint8_t { none, some, endless };

int lock_mutex(modelled_thread& t, pthread_mutex_t* m, patience p, const timespec* until, const void* site);
int unlock_mutex(modelled_thread& t, pthread_mutex_t* m, const void* site);

int lock_spin(modelled_thread& t, const void* lock, patience p, const void* site);
int unlock_spin(modelled_thread& t, const void* lock, const void* site);

int lock_shared(modelled_thread& t, const void* lock, patience p, const timespec* until, const void* site);
int lock_alone(modelled_thread& t, const void* lock, patience p, const timespec* until, const void* site);
int unlock_shared_or_alone(modelled_thread& t, const void* lock, const void* site);

// A lock of any kind: nobody may hold it.
void destroy_lock(modelled_thread& t, const void* lock, const char* kind, const void* site);

int wait_on_condition(modelled_thread& t, const void* condition, pthread_mutex_t* m, const timespec* until,
                      const void* site);
// The answer is how many were let go. A futex's wake does not touch the word: it may have been freed.
int wake(modelled_thread& t, const void* queue, unsigned count, const void* site, bool touches = true);
void destroy_condition(modelled_thread& t, const void* condition, const void* site);

void make_semaphore(modelled_thread& t, sem_t* s, unsigned count, const void* site);
void post_semaphore(modelled_thread& t, sem_t* s, const void* site);
int wait_semaphore(modelled_thread& t, sem_t* s, patience p, const timespec* until, const void* site);
int count_of_semaphore(modelled_thread& t, sem_t* s, const void* site);

int make_barrier(modelled_thread& t, pthread_barrier_t* b, unsigned count, const void* site);
int wait_barrier(modelled_thread& t, pthread_barrier_t* b, const void* site);
void destroy_barrier(modelled_thread& t, pthread_barrier_t* b, const void* site);

// Runs the function by the first thread that comes, as that thread; the others wait.
void call_once(modelled_thread& t, const void* flag, void (*function)(), const void* site);

// The static object that the guard belongs to is to be made by this thread; done with it, or not.
bool begin_static(modelled_thread& t, const void* guard, const void* site);
void end_static(modelled_thread& t, const void* guard, bool made, const void* site);

long futex(modelled_thread& t, const void* word, int what, std::uint32_t v, const timespec* until, const void* site);

// Looks at the clock.
timespec time_now(modelled_thread& t);
void pass_time(modelled_thread& t, const timespec& how_long);
// The thread's clock says at least that time from now on.
void pass_time_until(modelled_thread& t, const timespec& until);

} // namespace gantry::check::runtime

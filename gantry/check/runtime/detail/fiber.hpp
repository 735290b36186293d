// SPDX-License-Identifier: MIT
#pragma once
//
// fiber: a stack and a place to go on, switched by hand, with the thread pointer of a parked thread so that
// thread_local is per fiber.
//
// Use it when working on the checker's runtime.
// Do not use it when writing programs: a debugger is the only tool that understands it.
//
// Threads: all fibers run on one thread. Progress: n/a. Ordering: n/a.
// Cost: a switch is some 5 ns, and the thread pointer 12 ns more, or a system call on machines without FSGSBASE. A
// program without thread_locals of its own stays on one thread pointer; then only what the libraries keep is exchanged.
// With GANTRY_FIBERS=ucontext, for machines without assembly here, a switch is a system call more.
// Failure: what the process lacks is one line and an abort.
// Lifetime: stacks and donor threads are kept for the life of the process, at addresses that are the same in each
// process; a child of fork() goes on with them. Origin: the usual callee-saved switch.

#include <pthread.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>

namespace gantry::check::runtime {

inline constexpr std::size_t threads_max = 64;
// Below each stack.
inline constexpr std::size_t guard_bytes = 64 * 1024;

// What the C and C++ libraries keep for each thread, of which a fiber must have its own: exceptions in flight, errno,
// and what call_once() is about to call.
struct library_state {
    void* caught_exceptions = nullptr;
    void* once_callable = nullptr;
    void (*once_call)() = nullptr;
    unsigned uncaught_exceptions = 0;
    int error = 0;
};

struct fiber {
#if defined(GANTRY_FIBERS_UCONTEXT)
    ucontext_t context{};
#else
    void* stack_pointer = nullptr;
#endif
    std::uintptr_t thread_pointer = 0;
    char* stack_low = nullptr; // above the guard page
    std::size_t stack_size = 0;
    pthread_t handle = 0; // what pthread_self() says inside
    // The executable's thread_local block of this fiber.
    char* tls = nullptr;
    library_state libraries; // while another fiber runs on the same thread pointer
};

// The executable's thread_local block: what it starts as.
struct tls_image {
    const char* start = nullptr;
    std::size_t file_size = 0;
    std::size_t memory_size = 0;
};

// Whether each fiber can have thread_locals of its own: where it is known how to set the thread pointer.
[[nodiscard]] bool thread_locals_apart() noexcept;
[[nodiscard]] const tls_image& executable_tls() noexcept;

// Visible outside of the runtime's library for its benchmark.
#pragma GCC visibility push(default)

// The n-th fiber of the process: made when first asked for.
[[nodiscard]] fiber& fiber_at(std::size_t n);

// Prepares the fiber to enter `entry(argument)` on an empty stack, with fresh thread_locals.
void fiber_reset(fiber& f, void (*entry)(void*), void* argument) noexcept;

// What the caller runs on now: the host's stack and thread pointer. Comes before any switch.
void fiber_adopt(fiber& host) noexcept;

void fiber_switch(fiber& from, fiber& to) noexcept;

// Whether the address is errno's, where all fibers have it at the same place: each has a value of its own there.
[[nodiscard]] bool fiber_owns(std::uint64_t address) noexcept;

// As a program with thread_locals needs it: the thread pointer changes too.
void fiber_switch_whole(fiber& from, fiber& to) noexcept;

#pragma GCC visibility pop

} // namespace gantry::check::runtime

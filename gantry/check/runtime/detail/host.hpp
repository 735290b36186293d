// SPDX-License-Identifier: MIT
#pragma once
//
// host: the C library's own functions, for the runtime, which has taken over their names.
//
// Use it when the runtime itself needs memory or a thread.
// Do not use it when acting for the modelled program.
//
// Threads: as the C library's. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: host_fatal() prints a line and aborts.
// Lifetime: n/a. Origin: n/a.

#include <pthread.h>

#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace gantry::check::runtime {

inline void* host_malloc(std::size_t bytes) {
    return __libc_malloc(bytes);
}

inline void host_free(void* p) {
    __libc_free(p);
}

// The next definition of a function that the runtime interposes.
[[nodiscard]] void* host_symbol(const char* name) noexcept;

int host_pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*entry)(void*), void* argument);

[[noreturn]] void host_fatal(const char* what) noexcept;

} // namespace gantry::check::runtime

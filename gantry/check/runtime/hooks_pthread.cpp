// SPDX-License-Identifier: MIT
// The functions of POSIX threads and of the C++ runtime that start, stop and order threads. Outside of a model every
// function is the C library's own.
#include <gantry/check/runtime/detail/hooks.hpp>
#include <gantry/check/runtime/detail/locks.hpp>

#include <sys/syscall.h>

#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace gantry::check::runtime {

void* host_symbol(const char* name) noexcept {
    return dlsym(RTLD_NEXT, name);
}

void host_fatal(const char* what) noexcept {
    const auto abort_now = reinterpret_cast<void (*)()>(host_symbol("abort"));
    std::fprintf(stderr, "gantry::model: %s\n", what);
    abort_now();
    _exit(134);
}

int host_pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*entry)(void*), void* argument) {
    using type = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto next = reinterpret_cast<type>(host_symbol("pthread_create"));
    return next(handle, attributes, entry, argument);
}

namespace {

struct range {
    std::uintptr_t low = 0;
    std::uintptr_t high = 0;
};

int find_unwinder(dl_phdr_info* info, std::size_t, void* data) {
    if (std::strstr(info->dlpi_name, "libgcc_s.so") == nullptr) {
        return 0;
    }
    auto& found = *static_cast<range*>(data);
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0) {
            found.low = info->dlpi_addr + header.p_vaddr;
            found.high = found.low + header.p_memsz;
        }
    }
    return 1;
}

} // namespace

bool from_unwinder(const void* site) noexcept {
    const entry not_the_program;
    static const range unwinder = [] {
        range found;
        dl_iterate_phdr(find_unwinder, &found);
        return found;
    }();
    const auto p = reinterpret_cast<std::uintptr_t>(site);
    return p >= unwinder.low && p < unwinder.high;
}

} // namespace gantry::check::runtime

namespace rt = gantry::check::runtime;
using gantry::check::fault;

#pragma GCC visibility push(default)

extern "C" {

int pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*entry)(void*), void* argument) {
    GANTRY_HOST(pthread_create, handle, attributes, entry, argument);
    rt::modelled_thread& child = rt::active->create(self, entry, argument, site);
    *handle = child.on->handle;
    return 0;
}

int pthread_join(pthread_t handle, void** result) {
    GANTRY_HOST(pthread_join, handle, result);
    rt::modelled_thread* const child = rt::active->thread_of(handle);
    if (child == nullptr) {
        rt::active->fail(fault::lock_misuse, "join of an unknown thread", site);
    }
    rt::active->join(self, *child, site);
    if (result != nullptr) {
        *result = child->result;
    }
    return 0;
}

// Fibers may share a thread pointer; each has a thread's name all the same.
pthread_t pthread_self() noexcept {
    GANTRY_HOST(pthread_self);
    return self.on->handle;
}

// A thread that asks too early is told so once; then it waits: a loop around it would have no end.
static int join_impatiently(gantry::check::runtime::modelled_thread& self, pthread_t handle, void** result,
                            const timespec* until, const void* site) {
    rt::modelled_thread* const child = rt::active->thread_of(handle);
    if (child == nullptr) {
        rt::active->fail(fault::lock_misuse, "join of an unknown thread", site);
    }
    if (self.early_joins == 0 && rt::active->choose(self, 2, site) == 1) {
        ++self.early_joins;
        if (until == nullptr) {
            return EBUSY;
        }
        rt::pass_time_until(self, *until);
        return ETIMEDOUT;
    }
    rt::active->join(self, *child, site, false);
    if (result != nullptr) {
        *result = child->result;
    }
    return 0;
}

int pthread_tryjoin_np(pthread_t handle, void** result) noexcept {
    GANTRY_HOST(pthread_tryjoin_np, handle, result);
    return join_impatiently(self, handle, result, nullptr, site);
}

int pthread_timedjoin_np(pthread_t handle, void** result, const timespec* until) {
    GANTRY_HOST(pthread_timedjoin_np, handle, result, until);
    return join_impatiently(self, handle, result, until, site);
}

int pthread_clockjoin_np(pthread_t handle, void** result, clockid_t clock, const timespec* until) {
    GANTRY_HOST(pthread_clockjoin_np, handle, result, clock, until);
    return join_impatiently(self, handle, result, until, site);
}

void pthread_exit(void* result) {
    if (rt::running == nullptr) {
        static const auto host = rt::next<void (*)(void*)>("pthread_exit");
        host(result);
        _exit(134);
    }
    rt::entry in;
    in.thread().result = result;
    rt::active->leave_thread(in.thread());
}

int pthread_detach(pthread_t handle) {
    GANTRY_HOST(pthread_detach, handle);
    rt::modelled_thread* const child = rt::active->thread_of(handle);
    if (child == nullptr || child->joined || child->detached) {
        rt::active->fail(fault::lock_misuse, "detach of a thread that cannot be detached", site);
    }
    child->detached = true;
    return 0;
}

int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
    GANTRY_HOST(pthread_mutex_lock, m);
    return rt::lock_mutex(self, m, rt::patience::endless, nullptr, site);
}

int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
    GANTRY_HOST(pthread_mutex_trylock, m);
    return rt::lock_mutex(self, m, rt::patience::none, nullptr, site);
}

int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
    GANTRY_HOST(pthread_mutex_unlock, m);
    return rt::unlock_mutex(self, m, site);
}

int pthread_mutex_destroy(pthread_mutex_t* m) noexcept {
    GANTRY_HOST(pthread_mutex_destroy, m);
    rt::destroy_lock(self, m, "a mutex", site);
    return 0;
}

int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
    GANTRY_HOST(pthread_cond_wait, c, m);
    return rt::wait_on_condition(self, c, m, nullptr, site);
}

int pthread_cond_signal(pthread_cond_t* c) noexcept {
    GANTRY_HOST(pthread_cond_signal, c);
    rt::signal(self, c, 1, site);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
    GANTRY_HOST(pthread_cond_broadcast, c);
    rt::signal(self, c, 16, site);
    return 0;
}

int pthread_cond_destroy(pthread_cond_t* c) noexcept {
    GANTRY_HOST(pthread_cond_destroy, c);
    rt::destroy_condition(self, c, site);
    return 0;
}

int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m, const timespec* until) {
    GANTRY_HOST(pthread_cond_timedwait, c, m, until);
    return rt::wait_on_condition(self, c, m, until, site);
}

int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* until) {
    GANTRY_HOST(pthread_cond_clockwait, c, m, clock, until);
    return rt::wait_on_condition(self, c, m, until, site);
}

int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* until) noexcept {
    GANTRY_HOST(pthread_mutex_timedlock, m, until);
    return rt::lock_mutex(self, m, rt::patience::some, until, site);
}

int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock, const timespec* until) noexcept {
    GANTRY_HOST(pthread_mutex_clocklock, m, clock, until);
    return rt::lock_mutex(self, m, rt::patience::some, until, site);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_rdlock, l);
    return rt::lock_shared(self, l, rt::patience::endless, nullptr, site);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_tryrdlock, l);
    return rt::lock_shared(self, l, rt::patience::none, nullptr, site);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t* l, const timespec* until) noexcept {
    GANTRY_HOST(pthread_rwlock_timedrdlock, l, until);
    return rt::lock_shared(self, l, rt::patience::some, until, site);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t* l, clockid_t clock, const timespec* until) noexcept {
    GANTRY_HOST(pthread_rwlock_clockrdlock, l, clock, until);
    return rt::lock_shared(self, l, rt::patience::some, until, site);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_wrlock, l);
    return rt::lock_alone(self, l, rt::patience::endless, nullptr, site);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_trywrlock, l);
    return rt::lock_alone(self, l, rt::patience::none, nullptr, site);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t* l, const timespec* until) noexcept {
    GANTRY_HOST(pthread_rwlock_timedwrlock, l, until);
    return rt::lock_alone(self, l, rt::patience::some, until, site);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t* l, clockid_t clock, const timespec* until) noexcept {
    GANTRY_HOST(pthread_rwlock_clockwrlock, l, clock, until);
    return rt::lock_alone(self, l, rt::patience::some, until, site);
}

int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_unlock, l);
    return rt::unlock_shared_or_alone(self, l, site);
}

int pthread_rwlock_destroy(pthread_rwlock_t* l) noexcept {
    GANTRY_HOST(pthread_rwlock_destroy, l);
    rt::destroy_lock(self, l, "a read-write lock", site);
    return 0;
}

int pthread_spin_init(pthread_spinlock_t* l, int shared) noexcept {
    GANTRY_HOST(pthread_spin_init, l, shared);
    rt::active->plain(self, reinterpret_cast<std::uint64_t>(l), sizeof *l, true, site);
    return 0;
}

int pthread_spin_lock(pthread_spinlock_t* l) noexcept {
    GANTRY_HOST(pthread_spin_lock, l);
    return rt::lock_spin(self, const_cast<const int*>(l), rt::patience::endless, site);
}

int pthread_spin_trylock(pthread_spinlock_t* l) noexcept {
    GANTRY_HOST(pthread_spin_trylock, l);
    return rt::lock_spin(self, const_cast<const int*>(l), rt::patience::none, site);
}

int pthread_spin_unlock(pthread_spinlock_t* l) noexcept {
    GANTRY_HOST(pthread_spin_unlock, l);
    return rt::unlock_spin(self, const_cast<const int*>(l), site);
}

int pthread_spin_destroy(pthread_spinlock_t* l) noexcept {
    GANTRY_HOST(pthread_spin_destroy, l);
    rt::destroy_lock(self, const_cast<const int*>(l), "a spin lock", site);
    return 0;
}

int pthread_barrier_init(pthread_barrier_t* b, const pthread_barrierattr_t* attributes, unsigned count) noexcept {
    GANTRY_HOST(pthread_barrier_init, b, attributes, count);
    return rt::make_barrier(self, b, count, site);
}

int pthread_barrier_wait(pthread_barrier_t* b) noexcept {
    GANTRY_HOST(pthread_barrier_wait, b);
    return rt::wait_barrier(self, b, site);
}

int pthread_barrier_destroy(pthread_barrier_t* b) noexcept {
    GANTRY_HOST(pthread_barrier_destroy, b);
    rt::destroy_barrier(self, b, site);
    return 0;
}

int pthread_once(pthread_once_t* flag, void (*function)()) {
    GANTRY_HOST(pthread_once, flag, function);
    rt::call_once(self, flag, function, site);
    return 0;
}

// Static objects of functions.
int __cxa_guard_acquire(long long* guard) {
    if (rt::running == nullptr) {
        static int (*host)(long long*) = nullptr; // not a guarded static: this is how those are made
        if (host == nullptr) {
            host = rt::next<int (*)(long long*)>("__cxa_guard_acquire");
        }
        return host(guard);
    }
    const void* const site = GANTRY_SITE;
    rt::entry in;
    return rt::begin_static(in.thread(), guard, site) ? 1 : 0;
}

void __cxa_guard_release(long long* guard) {
    if (rt::running == nullptr) {
        static void (*host)(long long*) = nullptr;
        if (host == nullptr) {
            host = rt::next<void (*)(long long*)>("__cxa_guard_release");
        }
        host(guard);
        return;
    }
    const void* const site = GANTRY_SITE;
    rt::entry in;
    rt::end_static(in.thread(), guard, true, site);
}

void __cxa_guard_abort(long long* guard) {
    if (rt::running == nullptr) {
        static void (*host)(long long*) = nullptr;
        if (host == nullptr) {
            host = rt::next<void (*)(long long*)>("__cxa_guard_abort");
        }
        host(guard);
        return;
    }
    rt::entry in;
    rt::end_static(in.thread(), guard, false, GANTRY_SITE);
}

int __cxa_atexit(void (*destroy)(void*), void* object, void* library) noexcept {
    if (rt::running == nullptr) {
        static int (*host)(void (*)(void*), void*, void*) = nullptr;
        if (host == nullptr) {
            host = rt::next<int (*)(void (*)(void*), void*, void*)>("__cxa_atexit");
        }
        return host(destroy, object, library);
    }
    rt::entry in;
    rt::active->at_exit({destroy, object});
    return 0;
}

long syscall(long which, ...) noexcept {
    va_list arguments;
    va_start(arguments, which);
    long a[6];
    for (long& each : a) {
        each = va_arg(arguments, long);
    }
    va_end(arguments);
    GANTRY_HOST(syscall, which, a[0], a[1], a[2], a[3], a[4], a[5]);
    switch (which) {
    case SYS_futex:
        return rt::futex(self, reinterpret_cast<const void*>(a[0]), static_cast<int>(a[1]),
                         static_cast<std::uint32_t>(a[2]), reinterpret_cast<const timespec*>(a[3]), site);
    case SYS_membarrier:
        return rt::active->membarrier(self, static_cast<int>(a[0]), site);
    default:
        rt::active->fail(fault::unsupported, "a system call that is not modelled", site);
    }
}

int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* library) noexcept {
    using type = int (*)(void (*)(void*), void*, void*);
    if (rt::running == nullptr) {
        static const auto host = rt::next<type>("__cxa_thread_atexit");
        return host(destroy, object, library);
    }
    rt::entry in;
    in.thread().exits.push_back({destroy, object});
    return 0;
}

void abort() noexcept {
    if (rt::running == nullptr) {
        static const auto host = rt::next<void (*)()>("abort");
        host();
        _exit(134);
    }
    rt::entry in;
    rt::active->fail(fault::aborted, "abort() was called", GANTRY_SITE);
}

void __assert_fail(const char* condition, const char* file, unsigned line, const char* function) noexcept {
    if (rt::running == nullptr) {
        static const auto host = rt::next<void (*)(const char*, const char*, unsigned, const char*)>("__assert_fail");
        host(condition, file, line, function);
        _exit(134);
    }
    gantry::check::fail(condition, file, static_cast<int>(line));
}

} // extern "C"

#pragma GCC visibility pop

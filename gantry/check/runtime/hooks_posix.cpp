// SPDX-License-Identifier: MIT
// What else a concurrent program asks the C library for: semaphores, C11's threads and locks, clocks; and the calls
// that wait for something outside of the model, which are named instead of left to hang.
#include <gantry/check/runtime/detail/hooks.hpp>
#include <gantry/check/runtime/detail/locks.hpp>

#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <poll.h>
#include <sched.h>
#include <threads.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <ctime>
#include <string>

namespace rt = gantry::check::runtime;
using gantry::check::fault;

namespace {

pthread_mutex_t* mutex_of(mtx_t* m) noexcept {
    return reinterpret_cast<pthread_mutex_t*>(m);
}

int c11(int error) noexcept {
    return error == 0 ? thrd_success : error == EBUSY ? thrd_busy : error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

// Ends the execution: the call would wait for something that no modelled thread does.
[[noreturn]] void refuse(const char* what, const void* site) {
    rt::active->fail(fault::unsupported,
                     std::string(what) + "() is not modelled: it waits for, or acts on, what is "
                                         "outside of the model; give the code a stand-in for it",
                     site);
}

} // namespace

#define GANTRY_REFUSE(function, ...)                                                                                   \
    GANTRY_HOST(function, __VA_ARGS__);                                                                                \
    refuse(#function, site)

#pragma GCC visibility push(default)

extern "C" {

int sem_init(sem_t* s, int shared, unsigned count) noexcept {
    GANTRY_HOST(sem_init, s, shared, count);
    rt::make_semaphore(self, s, count, site);
    return 0;
}

sem_t* sem_open(const char* name, int flags, ...) noexcept {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = va_arg(arguments, mode_t);
    const unsigned count = va_arg(arguments, unsigned);
    va_end(arguments);
    GANTRY_REFUSE(sem_open, name, flags, mode, count);
}

int sem_destroy(sem_t* s) noexcept {
    GANTRY_HOST(sem_destroy, s);
    return 0;
}

int sem_post(sem_t* s) noexcept {
    GANTRY_HOST(sem_post, s);
    rt::post_semaphore(self, s, site);
    return 0;
}

int sem_wait(sem_t* s) {
    GANTRY_HOST(sem_wait, s);
    return rt::wait_semaphore(self, s, rt::patience::endless, nullptr, site);
}

int sem_trywait(sem_t* s) noexcept {
    GANTRY_HOST(sem_trywait, s);
    return rt::wait_semaphore(self, s, rt::patience::none, nullptr, site);
}

int sem_timedwait(sem_t* s, const timespec* until) {
    GANTRY_HOST(sem_timedwait, s, until);
    return rt::wait_semaphore(self, s, rt::patience::some, until, site);
}

int sem_clockwait(sem_t* s, clockid_t clock, const timespec* until) {
    GANTRY_HOST(sem_clockwait, s, clock, until);
    return rt::wait_semaphore(self, s, rt::patience::some, until, site);
}

int sem_getvalue(sem_t* s, int* count) noexcept {
    GANTRY_HOST(sem_getvalue, s, count);
    *count = rt::count_of_semaphore(self, s, site);
    return 0;
}

int thrd_create(thrd_t* handle, thrd_start_t start, void* argument) {
    GANTRY_HOST(thrd_create, handle, start, argument);
    rt::modelled_thread& child = rt::active->create(self, nullptr, argument, site);
    child.c11_entry = start;
    *handle = child.on->handle;
    return thrd_success;
}

thrd_t thrd_current() {
    GANTRY_HOST(thrd_current);
    return self.on->handle;
}

int thrd_join(thrd_t handle, int* result) {
    GANTRY_HOST(thrd_join, handle, result);
    rt::modelled_thread* const child = rt::active->thread_of(handle);
    if (child == nullptr) {
        rt::active->fail(fault::lock_misuse, "join of an unknown thread", site);
    }
    rt::active->join(self, *child, site);
    if (result != nullptr) {
        *result = static_cast<int>(reinterpret_cast<std::intptr_t>(child->result));
    }
    return thrd_success;
}

void thrd_exit(int result) {
    if (rt::running == nullptr) {
        static const auto host = rt::next<void (*)(int)>("thrd_exit");
        host(result);
        _exit(134);
    }
    rt::entry in;
    in.thread().result = reinterpret_cast<void*>(static_cast<std::intptr_t>(result));
    rt::active->leave_thread(in.thread());
}

int thrd_detach(thrd_t handle) {
    GANTRY_HOST(thrd_detach, handle);
    rt::modelled_thread* const child = rt::active->thread_of(handle);
    if (child == nullptr || child->joined || child->detached) {
        rt::active->fail(fault::lock_misuse, "detach of a thread that cannot be detached", site);
    }
    child->detached = true;
    return thrd_success;
}

int mtx_lock(mtx_t* m) {
    GANTRY_HOST(mtx_lock, m);
    return c11(rt::lock_mutex(self, mutex_of(m), rt::patience::endless, nullptr, site));
}

int mtx_trylock(mtx_t* m) {
    GANTRY_HOST(mtx_trylock, m);
    return c11(rt::lock_mutex(self, mutex_of(m), rt::patience::none, nullptr, site));
}

int mtx_timedlock(mtx_t* m, const timespec* until) {
    GANTRY_HOST(mtx_timedlock, m, until);
    return c11(rt::lock_mutex(self, mutex_of(m), rt::patience::some, until, site));
}

int mtx_unlock(mtx_t* m) {
    GANTRY_HOST(mtx_unlock, m);
    return c11(rt::unlock_mutex(self, mutex_of(m), site));
}

void mtx_destroy(mtx_t* m) {
    if (rt::running == nullptr) {
        return; // nothing but memory
    }
    rt::entry in;
    rt::destroy_lock(in.thread(), m, "a mutex", GANTRY_SITE);
}

int cnd_wait(cnd_t* c, mtx_t* m) {
    GANTRY_HOST(cnd_wait, c, m);
    return c11(rt::wait_on_condition(self, c, mutex_of(m), nullptr, site));
}

int cnd_timedwait(cnd_t* c, mtx_t* m, const timespec* until) {
    GANTRY_HOST(cnd_timedwait, c, m, until);
    return c11(rt::wait_on_condition(self, c, mutex_of(m), until, site));
}

int cnd_signal(cnd_t* c) {
    GANTRY_HOST(cnd_signal, c);
    rt::signal(self, c, 1, site);
    return thrd_success;
}

int cnd_broadcast(cnd_t* c) {
    GANTRY_HOST(cnd_broadcast, c);
    rt::signal(self, c, 16, site);
    return thrd_success;
}

void cnd_destroy(cnd_t* c) {
    if (rt::running == nullptr) {
        static const auto host = rt::next<decltype(&cnd_destroy)>("cnd_destroy");
        host(c);
        return;
    }
    rt::entry in;
    rt::destroy_condition(in.thread(), c, GANTRY_SITE);
}

void call_once(once_flag* flag, void (*function)()) {
    if (rt::running == nullptr) {
        static const auto host = rt::next<decltype(&call_once)>("call_once");
        host(flag, function);
        return;
    }
    rt::entry in;
    rt::call_once(in.thread(), flag, function, GANTRY_SITE);
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
    GANTRY_HOST(clock_gettime, clock, now);
    *now = rt::time_now(self);
    return 0;
}

int timespec_get(timespec* now, int base) noexcept {
    GANTRY_HOST(timespec_get, now, base);
    if (base != TIME_UTC) {
        return 0;
    }
    *now = rt::time_now(self);
    return base;
}

int gettimeofday(timeval* now, void* zone) noexcept {
    GANTRY_HOST(gettimeofday, now, zone);
    const timespec time = rt::time_now(self);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t* now) noexcept {
    GANTRY_HOST(time, now);
    const timespec time = rt::time_now(self);
    if (now != nullptr) {
        *now = time.tv_sec;
    }
    return time.tv_sec;
}

clock_t clock() noexcept {
    GANTRY_HOST(clock);
    rt::time_now(self);
    return static_cast<clock_t>(self.time_ns / 1000);
}

int sched_yield() noexcept {
    GANTRY_HOST(sched_yield);
    return 0;
}

void thrd_yield() {
    if (rt::running == nullptr) {
        static const auto host = rt::next<decltype(&thrd_yield)>("thrd_yield");
        host();
    }
}

int sched_getcpu() noexcept {
    GANTRY_HOST(sched_getcpu);
    return 0;
}

int nanosleep(const timespec* wanted, timespec* left) {
    GANTRY_HOST(nanosleep, wanted, left);
    rt::pass_time(self, *wanted);
    return 0;
}

int clock_nanosleep(clockid_t clock, int flags, const timespec* wanted, timespec* left) {
    GANTRY_HOST(clock_nanosleep, clock, flags, wanted, left);
    (flags & TIMER_ABSTIME) != 0 ? rt::pass_time_until(self, *wanted) : rt::pass_time(self, *wanted);
    return 0;
}

int thrd_sleep(const timespec* wanted, timespec* left) {
    GANTRY_HOST(thrd_sleep, wanted, left);
    rt::pass_time(self, *wanted);
    return 0;
}

unsigned sleep(unsigned seconds) {
    GANTRY_HOST(sleep, seconds);
    rt::pass_time(self, {static_cast<time_t>(seconds), 0});
    return 0;
}

int usleep(useconds_t microseconds) {
    GANTRY_HOST(usleep, microseconds);
    rt::pass_time(self,
                  {static_cast<time_t>(microseconds / 1'000'000), static_cast<long>(microseconds % 1'000'000) * 1000});
    return 0;
}

int poll(pollfd* files, nfds_t count, int timeout) {
    GANTRY_REFUSE(poll, files, count, timeout);
}

int ppoll(pollfd* files, nfds_t count, const timespec* timeout, const sigset_t* mask) {
    GANTRY_REFUSE(ppoll, files, count, timeout, mask);
}

int select(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, timeval* timeout) {
    GANTRY_REFUSE(select, count, readable, writable, exceptional, timeout);
}

int pselect(int count, fd_set* readable, fd_set* writable, fd_set* exceptional, const timespec* timeout,
            const sigset_t* mask) {
    GANTRY_REFUSE(pselect, count, readable, writable, exceptional, timeout, mask);
}

int epoll_wait(int set, epoll_event* events, int count, int timeout) {
    GANTRY_REFUSE(epoll_wait, set, events, count, timeout);
}

int epoll_pwait(int set, epoll_event* events, int count, int timeout, const sigset_t* mask) {
    GANTRY_REFUSE(epoll_pwait, set, events, count, timeout, mask);
}

ssize_t recv(int socket, void* into, size_t size, int flags) {
    GANTRY_REFUSE(recv, socket, into, size, flags);
}

int accept(int socket, sockaddr* address, socklen_t* size) {
    GANTRY_REFUSE(accept, socket, address, size);
}

// Files are read as they are; what another thread or process would have to write is not there.
ssize_t read(int file, void* into, size_t size) {
    GANTRY_HOST(read, file, into, size);
    struct stat status{};
    if (fstat(file, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))) {
        refuse("read", site);
    }
    static const auto next_read = rt::next<decltype(&read)>("read");
    return next_read(file, into, size);
}

pid_t fork() noexcept {
    GANTRY_REFUSE(fork);
}

pid_t waitpid(pid_t process, int* status, int flags) {
    GANTRY_REFUSE(waitpid, process, status, flags);
}

int sigwait(const sigset_t* signals, int* received) {
    GANTRY_REFUSE(sigwait, signals, received);
}

int pthread_cancel(pthread_t thread) {
    GANTRY_REFUSE(pthread_cancel, thread);
}

int pthread_kill(pthread_t thread, int signal) noexcept {
    GANTRY_REFUSE(pthread_kill, thread, signal);
}

} // extern "C"

#pragma GCC visibility pop

// SPDX-License-Identifier: MIT
// What POSIX and C11 offer for threads, used rightly and wrongly.
#include <gantry/check/corpus/test_corpus.hpp>

#include <sys/time.h>

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <threads.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <thread>

namespace {

int shared_value = 0;

// Each writes its part and reads the other's when all have come.
template<unsigned Count>
void two_at_a_barrier() {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, nullptr, Count);
    int parts[2] = {};
    int serial = 0;
    std::atomic<int> serials{0};
    const auto part = [&](int me) {
        for (int round = 1; round <= 2; ++round) {
            parts[me] = round;
            if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
                serials.fetch_add(1, std::memory_order_relaxed);
                serial += round;
            }
            const int seen = parts[1 - me];
            GANTRY_CHECK(Count == 2 ? seen == round : seen >= 0);
            pthread_barrier_wait(&barrier);
        }
    };
    std::thread other(part, 1);
    part(0);
    other.join();
    GANTRY_CHECK(Count != 2 || (serials.load(std::memory_order_relaxed) == 2 && serial == 3));
    pthread_barrier_destroy(&barrier);
}

SOUND(pthread_barrier) {
    two_at_a_barrier<2>();
}

FAULTY(pthread_barrier_for_too_many, deadlock) {
    two_at_a_barrier<3>();
}

FAULTY(pthread_barrier_for_too_few, race) {
    two_at_a_barrier<1>();
}

FAULTY(pthread_barrier_destroyed_under_a_waiter, lock_misuse) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, nullptr, 2);
    std::thread other([&] { pthread_barrier_wait(&barrier); });
    pthread_barrier_destroy(&barrier);
    other.join();
}

template<unsigned Initially>
void posix_semaphore() {
    sem_t semaphore;
    sem_init(&semaphore, 0, Initially);
    std::thread producer([&] {
        shared_value = 1;
        sem_post(&semaphore);
    });
    sem_wait(&semaphore);
    const int seen = shared_value;
    GANTRY_CHECK(Initially == 0 ? seen == 1 : seen >= 0);
    producer.join();
    int left = -1;
    sem_getvalue(&semaphore, &left);
    GANTRY_CHECK(left == static_cast<int>(Initially));
    sem_destroy(&semaphore);
}

SOUND(posix_semaphore) {
    posix_semaphore<0>();
}

FAULTY(posix_semaphore_open_at_first, race) {
    posix_semaphore<1>();
}

FAULTY(posix_semaphore_posted_once_for_two, deadlock) {
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    std::thread other([&] { sem_wait(&semaphore); });
    sem_post(&semaphore);
    sem_wait(&semaphore);
    other.join();
}

SOUND(posix_semaphore_as_a_lock) {
    sem_t semaphore;
    sem_init(&semaphore, 0, 1);
    const auto add = [&] {
        sem_wait(&semaphore);
        ++shared_value;
        sem_post(&semaphore);
    };
    std::thread a(add);
    std::thread b(add);
    add();
    a.join();
    b.join();
    GANTRY_CHECK(shared_value == 3);
}

// What is tried may fail, and says so.
SOUND(posix_semaphore_tried) {
    sem_t semaphore;
    sem_init(&semaphore, 0, 1);
    std::atomic<int> got{0};
    const auto once = [&] {
        if (sem_trywait(&semaphore) == 0) {
            got.fetch_add(1, std::memory_order_relaxed);
        } else {
            GANTRY_CHECK(errno == EAGAIN);
        }
    };
    std::thread other(once);
    once();
    other.join();
    GANTRY_CHECK(got.load(std::memory_order_relaxed) == 1);
}

template<bool Looks>
void posix_semaphore_timed() {
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    std::thread other([&] {
        shared_value = 1;
        sem_post(&semaphore);
    });
    timespec until{};
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    const bool in_time = sem_timedwait(&semaphore, &until) == 0;
    if (!in_time) {
        timespec now{};
        clock_gettime(CLOCK_REALTIME, &now);
        GANTRY_CHECK(errno == ETIMEDOUT && now.tv_sec >= until.tv_sec);
    }
    if (!Looks || in_time) {
        const int seen = shared_value;
        GANTRY_CHECK(Looks ? seen == 1 : seen >= 0);
    }
    other.join();
}

FAULTY(posix_semaphore_timed_out, race) {
    posix_semaphore_timed<false>();
}

SOUND(posix_semaphore_timed_wait) {
    posix_semaphore_timed<true>();
}

template<bool Locks>
void spin_lock() {
    pthread_spinlock_t lock;
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    const auto add = [&] {
        if (Locks) {
            pthread_spin_lock(&lock);
        }
        ++shared_value;
        if (Locks) {
            pthread_spin_unlock(&lock);
        }
    };
    std::thread other(add);
    add();
    other.join();
    GANTRY_CHECK(shared_value == 2);
    pthread_spin_destroy(&lock);
}

SOUND(pthread_spin) {
    spin_lock<true>();
}

FAULTY(pthread_spin_not_locked, race) {
    spin_lock<false>();
}

FAULTY(pthread_spin_locked_twice, lock_misuse) {
    pthread_spinlock_t lock;
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    pthread_spin_lock(&lock);
    pthread_spin_lock(&lock);
}

FAULTY(pthread_spin_unlocked_by_nobody, lock_misuse) {
    pthread_spinlock_t lock;
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    pthread_spin_unlock(&lock);
}

// A mutex that says what is wrong instead of leaving it undefined.
SOUND(error_checking_mutex) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_t m;
    pthread_mutex_init(&m, &attributes);
    GANTRY_CHECK(pthread_mutex_unlock(&m) == EPERM);
    GANTRY_CHECK(pthread_mutex_lock(&m) == 0);
    GANTRY_CHECK(pthread_mutex_lock(&m) == EDEADLK);
    std::thread other([&] {
        GANTRY_CHECK(pthread_mutex_unlock(&m) == EPERM);
        GANTRY_CHECK(pthread_mutex_trylock(&m) == EBUSY);
    });
    other.join();
    GANTRY_CHECK(pthread_mutex_unlock(&m) == 0);
    pthread_mutex_destroy(&m);
    pthread_mutexattr_destroy(&attributes);
}

FAULTY(mutex_destroyed_while_held_by_another, lock_misuse) {
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    std::thread other([&] {
        pthread_mutex_lock(&m);
        pthread_mutex_unlock(&m);
    });
    pthread_mutex_destroy(&m);
    other.join();
}

FAULTY(condition_destroyed_under_a_waiter, lock_misuse) {
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    std::atomic<bool> waits{false};
    std::thread waiter([&] {
        pthread_mutex_lock(&m);
        waits.store(true, std::memory_order_relaxed);
        pthread_cond_wait(&changed, &m);
        pthread_mutex_unlock(&m);
    });
    while (!waits.load(std::memory_order_relaxed)) {
    }
    pthread_mutex_lock(&m); // it has let go of it: it waits
    pthread_mutex_unlock(&m);
    pthread_cond_destroy(&changed);
    pthread_cond_signal(&changed);
    waiter.join();
}

// Who was woken may still be on its way out of the wait.
SOUND(condition_destroyed_after_waking) {
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    bool waits = false;
    bool go = false;
    std::thread waiter([&] {
        pthread_mutex_lock(&m);
        waits = true;
        while (!go) {
            pthread_cond_wait(&changed, &m);
        }
        pthread_mutex_unlock(&m);
    });
    pthread_mutex_lock(&m);
    go = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&m);
    waiter.join();
    GANTRY_CHECK(waits);
    pthread_cond_destroy(&changed);
    pthread_mutex_destroy(&m);
}

FAULTY(rwlock_written_twice, lock_misuse) {
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    pthread_rwlock_wrlock(&lock);
    pthread_rwlock_wrlock(&lock);
}

FAULTY(rwlock_reader_becomes_writer, lock_misuse) {
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    pthread_rwlock_rdlock(&lock);
    pthread_rwlock_wrlock(&lock);
}

FAULTY(rwlock_unlocked_by_another_reader, lock_misuse) {
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    pthread_rwlock_rdlock(&lock);
    std::thread other([&] { pthread_rwlock_unlock(&lock); });
    other.join();
    pthread_rwlock_unlock(&lock);
}

SOUND(rwlock) {
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    std::thread reader([&] {
        pthread_rwlock_rdlock(&lock);
        if (pthread_rwlock_tryrdlock(&lock) == 0) {
            pthread_rwlock_unlock(&lock);
        }
        GANTRY_CHECK(shared_value <= 1);
        pthread_rwlock_unlock(&lock);
    });
    pthread_rwlock_wrlock(&lock);
    ++shared_value;
    pthread_rwlock_unlock(&lock);
    reader.join();
    pthread_rwlock_destroy(&lock);
}

// C11: a thread's int, a mutex, a condition, something done once, a value for each thread.
tss_t per_thread;
once_flag once = ONCE_FLAG_INIT;
mtx_t c11_mutex;
cnd_t c11_condition;
int destroyed = 0;

void make_key() {
    tss_create(&per_thread, [](void* p) { *static_cast<int*>(p) += 1; });
    ++shared_value;
}

int c11_thread(void* argument) {
    call_once(&once, make_key);
    GANTRY_CHECK(tss_get(per_thread) == nullptr);
    tss_set(per_thread, &destroyed);
    GANTRY_CHECK(tss_get(per_thread) == &destroyed);
    mtx_lock(&c11_mutex);
    *static_cast<bool*>(argument) = true;
    cnd_signal(&c11_condition);
    mtx_unlock(&c11_mutex);
    return 42;
}

SOUND(c11_threads) {
    mtx_init(&c11_mutex, mtx_plain);
    cnd_init(&c11_condition);
    bool done = false;
    thrd_t thread{};
    GANTRY_CHECK(thrd_create(&thread, c11_thread, &done) == thrd_success);
    call_once(&once, make_key);
    GANTRY_CHECK(tss_get(per_thread) == nullptr);
    mtx_lock(&c11_mutex);
    while (!done) {
        cnd_wait(&c11_condition, &c11_mutex);
    }
    mtx_unlock(&c11_mutex);
    int result = 0;
    GANTRY_CHECK(thrd_join(thread, &result) == thrd_success && result == 42);
    GANTRY_CHECK(destroyed == 1 && shared_value == 1);
    cnd_destroy(&c11_condition);
    mtx_destroy(&c11_mutex);
    tss_delete(per_thread);
}

FAULTY(c11_mutex_locked_twice, lock_misuse) {
    mtx_init(&c11_mutex, mtx_plain);
    mtx_lock(&c11_mutex);
    mtx_lock(&c11_mutex);
}

FAULTY(c11_condition_signalled_too_early, deadlock) {
    mtx_init(&c11_mutex, mtx_plain);
    cnd_init(&c11_condition);
    thrd_t thread{};
    thrd_create(
        &thread,
        [](void*) {
            cnd_signal(&c11_condition);
            return 0;
        },
        nullptr);
    mtx_lock(&c11_mutex);
    cnd_wait(&c11_condition, &c11_mutex);
    mtx_unlock(&c11_mutex);
    thrd_join(thread, nullptr);
}

// Destructors of values run at the thread's end, also when the value comes back once.
SOUND(pthread_key) {
    static pthread_key_t key;
    static int calls = 0;
    pthread_key_create(&key, [](void* p) {
        if (++calls == 1) {
            pthread_setspecific(key, p);
        }
    });
    int mine = 0;
    pthread_setspecific(key, &mine);
    std::thread other([] {
        GANTRY_CHECK(pthread_getspecific(key) == nullptr);
        pthread_setspecific(key, &calls);
    });
    other.join();
    GANTRY_CHECK(calls == 2 && pthread_getspecific(key) == &mine);
    pthread_key_delete(key);
    GANTRY_CHECK(pthread_getspecific(key) == nullptr);
}

// pthread_exit() leaves by way of the destructors.
SOUND(pthread_exit_unwinds) {
    struct on_exit {
        ~on_exit() { ++shared_value; }
    };
    std::thread other([] {
        const on_exit guard;
        pthread_exit(nullptr);
    });
    other.join();
    GANTRY_CHECK(shared_value == 1);
}

// A join that does not wait may come too early, and orders nothing then.
template<bool Until>
void tries_to_join() {
    pthread_t thread{};
    pthread_create(
        &thread, nullptr,
        [](void*) -> void* {
            shared_value = 1;
            return nullptr;
        },
        nullptr);
    int joined = pthread_tryjoin_np(thread, nullptr);
    while (Until && joined == EBUSY) {
        sched_yield();
        joined = pthread_tryjoin_np(thread, nullptr);
    }
    const int seen = shared_value;
    GANTRY_CHECK(Until ? seen == 1 : seen >= 0);
    if (joined == EBUSY) {
        pthread_join(thread, nullptr);
    }
}

FAULTY(tries_to_join_once, race) {
    tries_to_join<false>();
}

SOUND(tries_to_join_until_done) {
    tries_to_join<true>();
}

// The thread ends only when it is told to: not yet is the only answer at first.
SOUND(tries_to_join_and_tells_it_to_end) {
    std::atomic<bool> end{false};
    pthread_t thread{};
    pthread_create(
        &thread, nullptr,
        [](void* argument) -> void* {
            while (!static_cast<std::atomic<bool>*>(argument)->load(std::memory_order_acquire)) {
            }
            return nullptr;
        },
        &end);
    GANTRY_CHECK(pthread_tryjoin_np(thread, nullptr) == EBUSY);
    end.store(true, std::memory_order_release);
    pthread_join(thread, nullptr);
}

// All clocks tell the same time, and never an earlier one than somebody saw before.
SOUND(clocks_go_on) {
    static std::atomic<long> seen{0};
    std::thread other([] {
        timeval now{};
        gettimeofday(&now, nullptr);
        seen.store(now.tv_sec * 1'000'000 + now.tv_usec, std::memory_order_release);
    });
    const time_t start = time(nullptr);
    const long before = seen.load(std::memory_order_acquire);
    timespec now{};
    GANTRY_CHECK(timespec_get(&now, TIME_UTC) == TIME_UTC);
    GANTRY_CHECK(now.tv_sec * 1'000'000 + now.tv_nsec / 1000 >= before);
    sleep(2);
    usleep(1'500'000);
    GANTRY_CHECK(time(nullptr) >= start + 3);
    GANTRY_CHECK(clock() > 0 && sched_getcpu() == 0);
    other.join();
}

timespec in_a_second() {
    timespec until{};
    timespec_get(&until, TIME_UTC);
    ++until.tv_sec;
    return until;
}

// Timed waits of C11: the time is up, or what was waited for is there.
SOUND(c11_timed_waits) {
    mtx_init(&c11_mutex, mtx_timed);
    cnd_init(&c11_condition);
    static bool done = false;
    thrd_t thread{};
    thrd_create(
        &thread,
        [](void*) -> int {
            const timespec until = in_a_second();
            const int locked = mtx_timedlock(&c11_mutex, &until);
            if (locked == thrd_success) {
                done = true;
                cnd_broadcast(&c11_condition);
                mtx_unlock(&c11_mutex);
            } else {
                GANTRY_CHECK(locked == thrd_timedout && in_a_second().tv_sec > until.tv_sec);
            }
            thrd_yield();
            thrd_exit(locked);
        },
        nullptr);
    GANTRY_CHECK(thrd_equal(thread, thrd_current()) == 0);
    mtx_lock(&c11_mutex);
    const timespec until = in_a_second();
    int waited = thrd_success;
    while (!done && waited == thrd_success) {
        waited = cnd_timedwait(&c11_condition, &c11_mutex, &until);
    }
    GANTRY_CHECK(done || (waited == thrd_timedout && in_a_second().tv_sec > until.tv_sec));
    mtx_unlock(&c11_mutex);
    int locked = thrd_error;
    thrd_join(thread, &locked);
    GANTRY_CHECK(locked == thrd_success || locked == thrd_timedout);
    GANTRY_CHECK(mtx_trylock(&c11_mutex) == thrd_success);
    mtx_unlock(&c11_mutex);
    const timespec nap{1, 0};
    thrd_sleep(&nap, nullptr);
}

SOUND(posix_timed_waits) {
    static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    static pthread_spinlock_t spin;
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    pthread_t thread{};
    pthread_create(
        &thread, nullptr,
        [](void*) -> void* {
            const timespec until = in_a_second();
            if (pthread_rwlock_timedwrlock(&lock, &until) == 0) {
                ++shared_value;
                pthread_rwlock_unlock(&lock);
            }
            if (pthread_spin_trylock(&spin) == 0) {
                pthread_spin_unlock(&spin);
            }
            return &shared_value;
        },
        nullptr);
    const timespec until = in_a_second();
    if (pthread_rwlock_timedrdlock(&lock, &until) == 0) {
        GANTRY_CHECK(shared_value <= 1);
        pthread_rwlock_unlock(&lock);
    }
    if (pthread_spin_trylock(&spin) == 0) {
        pthread_spin_unlock(&spin);
    }
    void* result = nullptr;
    if (pthread_timedjoin_np(thread, &result, &until) != 0) {
        GANTRY_CHECK(in_a_second().tv_sec > until.tv_sec);
        pthread_join(thread, &result);
    }
    GANTRY_CHECK(result == &shared_value && pthread_equal(thread, pthread_self()) == 0);
}

FAULTY(forks, unsupported) {
    std::thread other([] { shared_value = fork() == 0 ? 1 : 2; });
    other.join();
}

FAULTY(waits_for_files, unsupported) {
    pollfd none{};
    shared_value = poll(&none, 0, -1);
}

FAULTY(sends_a_signal, unsupported) {
    shared_value = pthread_kill(pthread_self(), 0);
}

FAULTY(opens_a_named_semaphore, unsupported) {
    shared_value = sem_open("/gantry-check-corpus", 0) == SEM_FAILED ? 1 : 0;
}

FAULTY(waits_at_a_pipe, unsupported) {
    int ends[2] = {};
    GANTRY_CHECK(pipe(ends) == 0);
    char byte = 0;
    std::thread other([&] { static_cast<void>(read(ends[0], &byte, 1)); });
    other.join();
}

} // namespace

// SPDX-License-Identifier: MIT
// lock_unlock/<implementation>/threads:N: each thread adds one to a shared plain counter under the lock.
//
// The fair ones (ticket, mcs, semaphore, binary_semaphore, and the peers tbb_queuing, ck_ticket, ck_mcs, std_fifo) hand
// the lock over in order of arrival. std_fifo is the baseline for threads that outnumber CPUs: a queue of waiters under
// a std::mutex, each with a condition variable of its own. The peers that only spin (ck_*, boost_spin) wait for the
// scheduler where threads outnumber CPUs; those of them that are fair come to a standstill there and run with two
// threads at most.
#include <gantry/sync/mcs_mutex.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/semaphore.hpp>
#include <gantry/sync/spin_mutex.hpp>
#include <gantry/sync/ticket_mutex.hpp>

#include <benchmark/benchmark.h>

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <semaphore>
#include <type_traits>
#include <utility>

#if GANTRY_BENCH_TBB
#include <oneapi/tbb/mutex.h>
#include <oneapi/tbb/queuing_mutex.h>
#include <oneapi/tbb/spin_mutex.h>
#endif
#if __has_include(<boost/smart_ptr/detail/spinlock.hpp>)
#include <boost/smart_ptr/detail/spinlock.hpp>
#define GANTRY_BENCH_BOOST 1
#endif
#if __has_include(<ck_spinlock.h>)
// Headers of C: their conversions are their own, and in C++ a pointer that was read must get its type back.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
extern "C" {
#include <ck_pr.h>
#undef ck_pr_load_ptr
#define ck_pr_load_ptr(from) (static_cast<std::remove_cvref_t<decltype(*(from))>>(ck_pr_md_load_ptr(from)))
#define ck_pr_fas_ptr(at, to) (static_cast<std::remove_cvref_t<decltype(*(at))>>(ck_pr_fas_ptr(at, to)))
#include <spinlock/fas.h>
#include <spinlock/mcs.h>
#include <spinlock/ticket.h>
}
#pragma GCC diagnostic pop
#define GANTRY_BENCH_CK 1
#endif

namespace {

// First come, first served, with what the standard library has.
class fifo_of_std {
public:
    void lock() {
        std::unique_lock guard(mutex_);
        if (!std::exchange(locked_, true))
            return;
        waiter mine;
        const auto place = waiters_.insert(waiters_.end(), &mine);
        mine.changed.wait(guard, [&] { return mine.turn; });
        waiters_.erase(place);
    }
    void unlock() {
        const std::lock_guard guard(mutex_);
        for (waiter* const next : waiters_) {
            if (!std::exchange(next->turn, true)) {
                next->changed.notify_one();
                return;
            }
        }
        locked_ = false;
    }

private:
    struct waiter {
        std::condition_variable changed;
        bool turn = false;
    };
    std::mutex mutex_;
    bool locked_ = false;
    std::list<waiter*> waiters_;
};

class std_semaphore {
public:
    void lock() { one_.acquire(); }
    void unlock() { one_.release(); }

private:
    std::counting_semaphore<> one_{1};
};

class gantry_semaphore {
public:
    void lock() noexcept { one_.acquire(); }
    void unlock() noexcept { one_.release(); }

private:
    gantry::sync::semaphore one_{{.permits = 1, .max = 16}};
};

#if GANTRY_BENCH_TBB
class tbb_queuing {
public:
    void lock() { holder_.acquire(mutex_); }
    void unlock() { holder_.release(); }

private:
    tbb::queuing_mutex mutex_;
    static inline thread_local tbb::queuing_mutex::scoped_lock holder_;
};
#endif

#if GANTRY_BENCH_BOOST
class boost_spin {
public:
    void lock() { lock_.lock(); }
    void unlock() { lock_.unlock(); }

private:
    boost::detail::spinlock lock_ = BOOST_DETAIL_SPINLOCK_INIT;
};
#endif

#if GANTRY_BENCH_CK
class ck_fas {
public:
    ck_fas() { ck_spinlock_fas_init(&lock_); }
    void lock() { ck_spinlock_fas_lock(&lock_); }
    void unlock() { ck_spinlock_fas_unlock(&lock_); }

private:
    ck_spinlock_fas_t lock_;
};
class ck_ticket {
public:
    ck_ticket() { ck_spinlock_ticket_init(&lock_); }
    void lock() { ck_spinlock_ticket_lock(&lock_); }
    void unlock() { ck_spinlock_ticket_unlock(&lock_); }

private:
    ck_spinlock_ticket_t lock_;
};
class ck_mcs {
public:
    void lock() { ck_spinlock_mcs_lock(&lock_, &mine_); }
    void unlock() { ck_spinlock_mcs_unlock(&lock_, &mine_); }

private:
    ck_spinlock_mcs_t lock_ = nullptr;
    static inline thread_local ck_spinlock_mcs_context_t mine_;
};
#endif

template<class Mutex>
void lock_unlock(benchmark::State& state) {
    static Mutex mutex;
    static std::int64_t counter = 0;
    static std::int64_t before = 0;
    if (state.thread_index() == 0) {
        const std::lock_guard lock(mutex);
        before = counter;
    }
    for ([[maybe_unused]] auto _ : state) {
        const std::lock_guard lock(mutex);
        ++counter;
    }
    state.SetItemsProcessed(state.iterations());
    // The library lets no thread leave the loop before all have finished it.
    const std::lock_guard lock(mutex);
    if (state.thread_index() == 0 && counter - before != state.iterations() * state.threads())
        state.SkipWithError("an increment was lost");
}

BENCHMARK(lock_unlock<gantry::sync::mutex>)->Name("lock_unlock/gantry")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<gantry::sync::spin_mutex>)->Name("lock_unlock/gantry_spin")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<std::mutex>)->Name("lock_unlock/std_mutex")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<std_semaphore>)->Name("lock_unlock/std_counting_semaphore")->UseRealTime()->ThreadRange(1, 16);

BENCHMARK(lock_unlock<gantry::sync::ticket_mutex>)
    ->Name("lock_unlock/gantry_ticket")
    ->UseRealTime()
    ->ThreadRange(1, 16);
BENCHMARK(lock_unlock<gantry::sync::mcs_mutex>)->Name("lock_unlock/gantry_mcs")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<gantry_semaphore>)->Name("lock_unlock/gantry_semaphore")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<gantry::sync::binary_semaphore>)
    ->Name("lock_unlock/gantry_binary_semaphore")
    ->UseRealTime()
    ->ThreadRange(1, 16);
BENCHMARK(lock_unlock<fifo_of_std>)->Name("lock_unlock/std_fifo")->UseRealTime()->ThreadRange(1, 16);

#if GANTRY_BENCH_TBB
BENCHMARK(lock_unlock<tbb::mutex>)->Name("lock_unlock/tbb_mutex")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<tbb::spin_mutex>)->Name("lock_unlock/tbb_spin")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<tbb_queuing>)->Name("lock_unlock/tbb_queuing")->UseRealTime()->ThreadRange(1, 16);
#endif
#if GANTRY_BENCH_BOOST
BENCHMARK(lock_unlock<boost_spin>)->Name("lock_unlock/boost_spin")->UseRealTime()->ThreadRange(1, 16);
#endif
#if GANTRY_BENCH_CK
BENCHMARK(lock_unlock<ck_fas>)->Name("lock_unlock/ck_fas")->UseRealTime()->ThreadRange(1, 16);
BENCHMARK(lock_unlock<ck_ticket>)->Name("lock_unlock/ck_ticket")->UseRealTime()->ThreadRange(1, 2);
BENCHMARK(lock_unlock<ck_mcs>)->Name("lock_unlock/ck_mcs")->UseRealTime()->ThreadRange(1, 2);
#endif

} // namespace

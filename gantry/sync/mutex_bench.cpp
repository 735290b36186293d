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

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <latch>
#include <list>
#include <mutex>
#include <numeric>
#include <semaphore>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

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

// Entries are counted for the same time for all, once every thread has come in: with a number of entries for each,
// whoever starts early would be through before the others come, and nobody would have to wait for anybody. cpu_ns: what
// an entry cost the process, waiting included.
const auto run_time = std::chrono::milliseconds(std::getenv("GANTRY_BENCH_SMOKE") != nullptr ? 2 : 50);
enum phase : int { coming, counting, stopping };

double cpu_seconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template<class Mutex>
void lock_unlock(benchmark::State& state) {
    const auto threads_max = static_cast<std::size_t>(state.range(0));
    for ([[maybe_unused]] auto _ : state) {
        Mutex mutex;
        std::int64_t counter = 0;
        std::atomic<int> now{coming};
        std::latch all_came(state.range(0));
        std::vector<std::int64_t> entries(threads_max, 0);
        std::vector<std::int64_t> counted(threads_max, 0);
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i != threads_max; ++i) {
            threads.emplace_back([&, i] {
                std::int64_t all = 0;
                std::int64_t some = 0;
                for (int then = coming; then != stopping; then = now.load(std::memory_order_relaxed)) {
                    {
                        const std::lock_guard lock(mutex);
                        ++counter;
                    }
                    if (++all == 1)
                        all_came.count_down();
                    some += then;
                }
                entries[i] = all;
                counted[i] = some;
            });
        }
        all_came.wait();
        const auto begin = std::chrono::steady_clock::now();
        const double cpu_begin = cpu_seconds();
        now.store(counting, std::memory_order_relaxed);
        std::this_thread::sleep_for(run_time);
        now.store(stopping, std::memory_order_relaxed);
        const double cpu = cpu_seconds() - cpu_begin;
        state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        threads.clear();
        if (std::accumulate(entries.begin(), entries.end(), std::int64_t{0}) != counter)
            state.SkipWithError("an increment was lost");
        const std::int64_t sum = std::accumulate(counted.begin(), counted.end(), std::int64_t{0});
        state.SetItemsProcessed(sum);
        state.counters["cpu_ns"] = cpu * 1e9 / static_cast<double>(sum);
    }
}

void few(benchmark::internal::Benchmark* b) {
    b->UseManualTime()->Iterations(1)->ArgName("threads")->Arg(1)->Arg(2);
}
void many(benchmark::internal::Benchmark* b) {
    b->UseManualTime()->Iterations(1)->ArgName("threads")->RangeMultiplier(2)->Range(1, 16);
}

BENCHMARK(lock_unlock<gantry::sync::mutex>)->Name("lock_unlock/gantry")->Apply(many);
BENCHMARK(lock_unlock<gantry::sync::spin_mutex>)->Name("lock_unlock/gantry_spin")->Apply(many);
BENCHMARK(lock_unlock<std::mutex>)->Name("lock_unlock/std_mutex")->Apply(many);
BENCHMARK(lock_unlock<std_semaphore>)->Name("lock_unlock/std_counting_semaphore")->Apply(many);

BENCHMARK(lock_unlock<gantry::sync::ticket_mutex>)->Name("lock_unlock/gantry_ticket")->Apply(many);
BENCHMARK(lock_unlock<gantry::sync::mcs_mutex>)->Name("lock_unlock/gantry_mcs")->Apply(many);
BENCHMARK(lock_unlock<gantry_semaphore>)->Name("lock_unlock/gantry_semaphore")->Apply(many);
BENCHMARK(lock_unlock<gantry::sync::binary_semaphore>)->Name("lock_unlock/gantry_binary_semaphore")->Apply(many);
BENCHMARK(lock_unlock<fifo_of_std>)->Name("lock_unlock/std_fifo")->Apply(many);

#if GANTRY_BENCH_TBB
BENCHMARK(lock_unlock<tbb::mutex>)->Name("lock_unlock/tbb_mutex")->Apply(many);
BENCHMARK(lock_unlock<tbb::spin_mutex>)->Name("lock_unlock/tbb_spin")->Apply(many);
BENCHMARK(lock_unlock<tbb_queuing>)->Name("lock_unlock/tbb_queuing")->Apply(few);
#endif
#if GANTRY_BENCH_BOOST
BENCHMARK(lock_unlock<boost_spin>)->Name("lock_unlock/boost_spin")->Apply(many);
#endif
#if GANTRY_BENCH_CK
BENCHMARK(lock_unlock<ck_fas>)->Name("lock_unlock/ck_fas")->Apply(few);
BENCHMARK(lock_unlock<ck_ticket>)->Name("lock_unlock/ck_ticket")->Apply(few);
BENCHMARK(lock_unlock<ck_mcs>)->Name("lock_unlock/ck_mcs")->Apply(few);
#endif

} // namespace

// SPDX-License-Identifier: MIT
// shared_read/<implementation>/threads:N: each thread compares two plain counters under the read lock.
// shared_mix/<implementation>/writes:1/threads:N: the same, and one operation in a hundred adds to both under the write
// lock. exclusive/<implementation>/threads:N: only that.
// GANTRY_BENCH_SMOKE: a hundred operations of each thread; some peers take minutes to come through a second's worth
// with more threads than CPUs.
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/shared_mutex.hpp>

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <shared_mutex>

#if GANTRY_BENCH_TBB
#include <oneapi/tbb/queuing_rw_mutex.h>
#include <oneapi/tbb/rw_mutex.h>
#include <oneapi/tbb/spin_rw_mutex.h>
#endif
#if __has_include(<ck_rwlock.h>)
#define GANTRY_BENCH_CK 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <ck_pflock.h>
#include <ck_rwlock.h>
#pragma GCC diagnostic pop
#endif

namespace {

template<class Lock>
struct standard {
    Lock lock;
    using reader = std::shared_lock<Lock>;
    using writer = std::unique_lock<Lock>;
};

// Readers exclude each other, too: what a plain lock costs here.
template<class Lock>
struct exclusive_only {
    Lock lock;
    using reader = std::unique_lock<Lock>;
    using writer = std::unique_lock<Lock>;
};

#if GANTRY_BENCH_TBB
struct tbb_queuing {
    tbb::queuing_rw_mutex lock;
    struct reader {
        explicit reader(tbb::queuing_rw_mutex& m) : scope(m, false) {}
        tbb::queuing_rw_mutex::scoped_lock scope;
    };
    struct writer {
        explicit writer(tbb::queuing_rw_mutex& m) : scope(m, true) {}
        tbb::queuing_rw_mutex::scoped_lock scope;
    };
};
#endif

#if GANTRY_BENCH_CK
struct ck_rw {
    void lock() { ck_rwlock_write_lock(&l); }
    void unlock() { ck_rwlock_write_unlock(&l); }
    void lock_shared() { ck_rwlock_read_lock(&l); }
    void unlock_shared() { ck_rwlock_read_unlock(&l); }
    ck_rwlock_t l = CK_RWLOCK_INITIALIZER;
};
struct ck_phase_fair {
    void lock() { ck_pflock_write_lock(&l); }
    void unlock() { ck_pflock_write_unlock(&l); }
    void lock_shared() { ck_pflock_read_lock(&l); }
    void unlock_shared() { ck_pflock_read_unlock(&l); }
    ck_pflock_t l = CK_PFLOCK_INITIALIZER;
};
#endif

template<class Kind, std::uint32_t WritesInHundred>
void shared(benchmark::State& state) {
    struct alignas(128) guarded : Kind {
        std::int64_t first = 0;
        std::int64_t second = 0;
    };
    static guarded g;
    std::int64_t wrong = 0;
    std::uint32_t turn = 37 * static_cast<std::uint32_t>(state.thread_index()) % 100;
    for ([[maybe_unused]] auto _ : state) {
        turn = turn == 99 ? 0 : turn + 1;
        if (turn < WritesInHundred) {
            const typename Kind::writer lock(g.lock);
            ++g.first;
            ++g.second;
        } else {
            const typename Kind::reader lock(g.lock);
            wrong += g.first - g.second;
        }
    }
    state.SetItemsProcessed(state.iterations());
    if (wrong != 0)
        state.SkipWithError("a reader met a writer");
}

template<class Kind>
void shared_read(benchmark::State& state) {
    shared<Kind, 0>(state);
}
template<class Kind>
void shared_mix(benchmark::State& state) {
    shared<Kind, 1>(state);
}
template<class Kind>
void exclusive(benchmark::State& state) {
    shared<Kind, 100>(state);
}

void up_to(benchmark::internal::Benchmark* b, int threads_max) {
    b->UseRealTime()->ThreadRange(1, threads_max);
    if (std::getenv("GANTRY_BENCH_SMOKE") != nullptr)
        b->Iterations(100);
}
void few(benchmark::internal::Benchmark* b) {
    up_to(b, 2);
}
void many(benchmark::internal::Benchmark* b) {
    up_to(b, 16);
}

using gantry_lock = standard<gantry::sync::shared_mutex>;
using std_lock = standard<std::shared_mutex>;

BENCHMARK(shared_read<gantry_lock>)->Name("shared_read/gantry")->Apply(many);
BENCHMARK(shared_read<std_lock>)->Name("shared_read/std_shared_mutex")->Apply(many);
BENCHMARK(shared_read<exclusive_only<gantry::sync::mutex>>)->Name("shared_read/gantry_mutex")->Apply(many);
BENCHMARK(shared_mix<gantry_lock>)->Name("shared_mix/gantry/writes:1")->Apply(many);
BENCHMARK(shared_mix<std_lock>)->Name("shared_mix/std_shared_mutex/writes:1")->Apply(many);
BENCHMARK(shared_mix<exclusive_only<gantry::sync::mutex>>)->Name("shared_mix/gantry_mutex/writes:1")->Apply(many);
BENCHMARK(exclusive<gantry_lock>)->Name("exclusive/gantry")->Apply(many);
BENCHMARK(exclusive<std_lock>)->Name("exclusive/std_shared_mutex")->Apply(many);

#if GANTRY_BENCH_TBB
using tbb_rw = standard<tbb::rw_mutex>;
using tbb_spin = standard<tbb::spin_rw_mutex>;
BENCHMARK(shared_read<tbb_rw>)->Name("shared_read/tbb_rw_mutex")->Apply(many);
BENCHMARK(shared_read<tbb_spin>)->Name("shared_read/tbb_spin_rw_mutex")->Apply(many);
BENCHMARK(shared_read<tbb_queuing>)->Name("shared_read/tbb_queuing_rw_mutex")->Apply(many);
BENCHMARK(shared_mix<tbb_rw>)->Name("shared_mix/tbb_rw_mutex/writes:1")->Apply(many);
BENCHMARK(shared_mix<tbb_spin>)->Name("shared_mix/tbb_spin_rw_mutex/writes:1")->Apply(many);
BENCHMARK(shared_mix<tbb_queuing>)->Name("shared_mix/tbb_queuing_rw_mutex/writes:1")->Apply(many);
BENCHMARK(exclusive<tbb_rw>)->Name("exclusive/tbb_rw_mutex")->Apply(many);
BENCHMARK(exclusive<tbb_spin>)->Name("exclusive/tbb_spin_rw_mutex")->Apply(many);
#endif

#if GANTRY_BENCH_CK
// They only spin: with more threads than CPUs a thread that lost its CPU is waited for.
BENCHMARK(shared_read<standard<ck_rw>>)->Name("shared_read/ck_rwlock")->Apply(few);
BENCHMARK(shared_read<standard<ck_phase_fair>>)->Name("shared_read/ck_pflock")->Apply(few);
BENCHMARK(shared_mix<standard<ck_rw>>)->Name("shared_mix/ck_rwlock/writes:1")->Apply(few);
BENCHMARK(shared_mix<standard<ck_phase_fair>>)->Name("shared_mix/ck_pflock/writes:1")->Apply(few);
BENCHMARK(exclusive<standard<ck_rw>>)->Name("exclusive/ck_rwlock")->Apply(few);
BENCHMARK(exclusive<standard<ck_phase_fair>>)->Name("exclusive/ck_pflock")->Apply(few);
#endif

} // namespace

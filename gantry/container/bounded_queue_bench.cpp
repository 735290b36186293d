// SPDX-License-Identifier: MIT
// mpmc/<implementation>/cap:N/threads:N: half of the threads push, half pop (one thread: in turn); see
// test_transfer.hpp.
// `_try`: "full" or "empty" may be said though it never was so (what another thread has begun counts), or elements of
// different threads may come out in another order than they went in.
#include <gantry/container/bounded_queue.hpp>
#include <gantry/container/test_mutex_deque.hpp>
#include <gantry/container/test_transfer.hpp>

#include <benchmark/benchmark.h>
#include <boost/lockfree/queue.hpp>
#include <cds/container/vyukov_mpmc_cycle_queue.h>
#include <concurrentqueue/concurrentqueue.h>
#include <tbb/concurrent_queue.h>
#include <xenium/vyukov_bounded_queue.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace {

using namespace gantry::container;

struct gantry_queue : bounded_queue<std::uint64_t> {
    using bounded_queue::bounded_queue;
    [[nodiscard]] bool push(std::uint64_t value) { return try_push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) {
        const std::optional<std::uint64_t> popped = try_pop();
        if (popped)
            value = *popped;
        return popped.has_value();
    }
    [[nodiscard]] std::size_t push_some(std::span<std::uint64_t> values) { return try_push_range(values); }
    [[nodiscard]] std::size_t pop_some(std::span<std::uint64_t> out) { return try_pop_some(out); }
};

struct libcds_queue {
    explicit libcds_queue(std::size_t capacity) : queue(std::bit_ceil(capacity)) {}
    [[nodiscard]] bool push(std::uint64_t value) { return queue.push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return queue.pop(value); }
    cds::container::VyukovMPMCCycleQueue<std::uint64_t> queue;
};

struct xenium_queue {
    explicit xenium_queue(std::size_t capacity) : queue(std::bit_ceil(capacity)) {}
    [[nodiscard]] bool push(std::uint64_t value) { return queue.try_push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return queue.try_pop(value); }
    xenium::vyukov_bounded_queue<std::uint64_t> queue;
};

struct xenium_weak_queue : xenium_queue {
    using xenium_queue::xenium_queue;
    [[nodiscard]] bool push(std::uint64_t value) { return queue.try_push_weak(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return queue.try_pop_weak(value); }
};

struct tbb_queue {
    explicit tbb_queue(std::size_t capacity) { queue.set_capacity(static_cast<std::ptrdiff_t>(capacity)); }
    [[nodiscard]] bool push(std::uint64_t value) { return queue.try_push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return queue.try_pop(value); }
    tbb::concurrent_bounded_queue<std::uint64_t> queue;
};

struct boost_queue {
    explicit boost_queue(std::size_t capacity) : queue(capacity) {}
    [[nodiscard]] bool push(std::uint64_t value) { return queue.bounded_push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return queue.pop(value); }
    boost::lockfree::queue<std::uint64_t> queue;
};

struct moodycamel_queue {
    explicit moodycamel_queue(std::size_t capacity) : queue(capacity) {}
    [[nodiscard]] bool push(std::uint64_t value) { return queue.enqueue(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return queue.try_dequeue(value); }
    moodycamel::ConcurrentQueue<std::uint64_t> queue; // without a limit
};

template<class Queue, bool Batches>
void mpmc(benchmark::State& state, std::size_t capacity, std::uint64_t threads) {
    state.SetItemsProcessed(test::transfer<Queue, Batches>(state, capacity, threads));
}

template<class Queue, bool Batches = false>
void add(const char* name) {
    for (const std::size_t capacity : {16U, 1024U}) {
        for (const std::uint64_t threads : {1U, 2U, 4U}) {
            if (Batches && threads == 1)
                continue;
            benchmark::RegisterBenchmark((std::string("mpmc/") + name + "/cap:" + std::to_string(capacity) +
                                          "/threads:" + std::to_string(threads))
                                             .c_str(),
                                         mpmc<Queue, Batches>, capacity, threads)
                ->UseRealTime()
                ->Unit(benchmark::kMillisecond);
        }
    }
}

[[maybe_unused]] const bool added = [] {
    add<gantry_queue>("gantry");
    add<xenium_queue>("xenium_vyukov");
    add<tbb_queue>("tbb");
    add<boost_queue>("boost");
    add<test::std_mutex_deque>("std_mutex");
    add<libcds_queue>("libcds_try_vyukov");
    add<xenium_weak_queue>("xenium_try_vyukov_weak");
    add<moodycamel_queue>("moodycamel_try_unbounded");
    add<gantry_queue, true>("gantry_batch");
    return true;
}();

} // namespace

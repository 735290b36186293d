// SPDX-License-Identifier: MIT
// queue_cycle/<implementation>_<scheme>/threads:N: see test_cycles.hpp.
#include <gantry/container/ms_queue.hpp>
#include <gantry/container/test_cycle_peers.hpp>
#include <gantry/container/test_cycles.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/hazard.hpp>
#include <gantry/reclaim/test_peers.hpp>

#include <boost/lockfree/queue.hpp>
#include <cds/container/msqueue.h>
#include <tbb/concurrent_queue.h>
#include <xenium/michael_scott_queue.hpp>

#include <deque>
#include <mutex>
#include <optional>

namespace {

using namespace gantry::container;
namespace peers = gantry::reclaim::test;
using test::cycles;
using test::element;

template<class Reclaimer>
class xenium_queue {
public:
    void push(element value) { queue_.push(value); }
    std::optional<element> try_pop() {
        element value{};
        return queue_.try_pop(value) ? std::optional(value) : std::nullopt;
    }

private:
    xenium::michael_scott_queue<element, xenium::policy::reclaimer<Reclaimer>> queue_;
};

template<class Gc>
class libcds_queue {
public:
    void push(element value) { queue_.push(value); }
    std::optional<element> try_pop() {
        element value{};
        return queue_.pop(value) ? std::optional(value) : std::nullopt;
    }

private:
    cds::container::MSQueue<Gc, element> queue_;
};

class tbb_queue {
public:
    void push(element value) { queue_.push(value); }
    std::optional<element> try_pop() {
        element value{};
        return queue_.try_pop(value) ? std::optional(value) : std::nullopt;
    }

private:
    tbb::concurrent_queue<element> queue_;
};

class std_mutex_queue {
public:
    void push(element value) {
        const std::scoped_lock lock(lock_);
        values_.push_back(value);
    }
    std::optional<element> try_pop() {
        const std::scoped_lock lock(lock_);
        if (values_.empty())
            return std::nullopt;
        const element value = values_.front();
        values_.pop_front();
        return value;
    }

private:
    std::mutex lock_;
    std::deque<element> values_;
};

// Gives no memory back while it lives.
class boost_queue {
public:
    void push(element value) { queue_.push(value); }
    std::optional<element> try_pop() {
        element value{};
        return queue_.pop(value) ? std::optional(value) : std::nullopt;
    }

private:
    boost::lockfree::queue<element> queue_{0};
};

void threads(benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Threads(1)->Threads(2)->Threads(4);
}

BENCHMARK(cycles<ms_queue<element, gantry::reclaim::epoch>>)->Name("queue_cycle/gantry_ms_epoch")->Apply(threads);
BENCHMARK(cycles<ms_queue<element, gantry::reclaim::hazard>>)->Name("queue_cycle/gantry_ms_hazard")->Apply(threads);
BENCHMARK(cycles<ms_queue<element, gantry::reclaim::counted>>)->Name("queue_cycle/gantry_ms_counted")->Apply(threads);
BENCHMARK(cycles<xenium_queue<peers::xenium_epoch>>)->Name("queue_cycle/xenium_ms_epoch")->Apply(threads);
BENCHMARK(cycles<xenium_queue<peers::xenium_new_epoch>>)->Name("queue_cycle/xenium_ms_new_epoch")->Apply(threads);
BENCHMARK(cycles<xenium_queue<peers::xenium_hazard>>)->Name("queue_cycle/xenium_ms_hazard")->Apply(threads);
BENCHMARK(cycles<xenium_queue<peers::xenium_counted>>)->Name("queue_cycle/xenium_ms_counted")->Apply(threads);
BENCHMARK(cycles<libcds_queue<cds::gc::HP>, peers::libcds_attachment>)
    ->Name("queue_cycle/libcds_ms_hazard")
    ->Apply(threads);
BENCHMARK(cycles<libcds_queue<cds::gc::DHP>, peers::libcds_attachment>)
    ->Name("queue_cycle/libcds_ms_dynamic_hazard")
    ->Apply(threads);
BENCHMARK(cycles<tbb_queue>)->Name("queue_cycle/tbb")->Apply(threads);
BENCHMARK(cycles<std_mutex_queue>)->Name("queue_cycle/std_mutex")->Apply(threads);
BENCHMARK(cycles<boost_queue>)->Name("queue_cycle/boost_try_freelist")->Apply(threads);

} // namespace

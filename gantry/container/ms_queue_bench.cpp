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

namespace {

using namespace gantry::container;
namespace peers = gantry::reclaim::test;
using test::cycles;
using test::element;

template<class Reclaimer>
using xenium_queue = test::by_out_parameter<xenium::michael_scott_queue<element, xenium::policy::reclaimer<Reclaimer>>>;
template<class Gc>
using libcds_queue = test::by_out_parameter<cds::container::MSQueue<Gc, element>>;

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
BENCHMARK(cycles<test::by_out_parameter<tbb::concurrent_queue<element>>>)->Name("queue_cycle/tbb")->Apply(threads);
BENCHMARK(cycles<test::under_std_mutex<std::deque<element>>>)->Name("queue_cycle/std_mutex")->Apply(threads);
BENCHMARK(cycles<test::of_boost<boost::lockfree::queue<element>>>)
    ->Name("queue_cycle/boost_try_freelist")
    ->Apply(threads);

} // namespace

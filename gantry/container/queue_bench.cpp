// SPDX-License-Identifier: MIT
// queue_cycle/<implementation>_<scheme>/threads:N: see test_cycles.hpp. The queues in segments; ms_queue_bench.cpp has
// those in nodes. `_try`: elements of one thread come out in order, those of two in any.
#include <gantry/container/queue.hpp>
#include <gantry/container/test_cycle_peers.hpp>
#include <gantry/container/test_cycles.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <cds/container/basket_queue.h>
#include <cds/container/optimistic_queue.h>
#include <concurrentqueue/concurrentqueue.h>
#include <xenium/ramalhete_queue.hpp>

#include <memory>
#include <optional>

namespace {

using namespace gantry::container;
using test::cycles;
using test::element;

// It holds pointers only.
template<class Reclaimer>
class xenium_queue {
public:
    void push(element value) { queue_.push(new element(value)); }
    std::optional<element> try_pop() {
        element* popped = nullptr;
        if (!queue_.try_pop(popped))
            return std::nullopt;
        const std::unique_ptr<element> mine(popped);
        return *mine;
    }

private:
    xenium::ramalhete_queue<element*, xenium::policy::reclaimer<Reclaimer>> queue_;
};

void threads(benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Threads(1)->Threads(2)->Threads(4);
}

BENCHMARK(cycles<queue<element, gantry::reclaim::epoch>>)->Name("queue_cycle/gantry_epoch")->Apply(threads);
BENCHMARK(cycles<queue<element, gantry::reclaim::hazard>>)->Name("queue_cycle/gantry_hazard")->Apply(threads);
BENCHMARK(cycles<queue<element, gantry::reclaim::counted>>)->Name("queue_cycle/gantry_counted")->Apply(threads);
BENCHMARK(cycles<xenium_queue<gantry::reclaim::test::xenium_epoch>>)
    ->Name("queue_cycle/xenium_ramalhete_epoch")
    ->Apply(threads);
BENCHMARK(cycles<xenium_queue<gantry::reclaim::test::xenium_hazard>>)
    ->Name("queue_cycle/xenium_ramalhete_hazard")
    ->Apply(threads);
BENCHMARK(cycles<test::by_out_parameter<cds::container::BasketQueue<cds::gc::HP, element>>,
                 gantry::reclaim::test::libcds_attachment>)
    ->Name("queue_cycle/libcds_basket_hazard")
    ->Apply(threads);
BENCHMARK(cycles<test::by_out_parameter<cds::container::OptimisticQueue<cds::gc::HP, element>>,
                 gantry::reclaim::test::libcds_attachment>)
    ->Name("queue_cycle/libcds_optimistic_hazard")
    ->Apply(threads);
BENCHMARK(cycles<test::by_out_parameter<moodycamel::ConcurrentQueue<element>>>)
    ->Name("queue_cycle/moodycamel_try")
    ->Apply(threads);

} // namespace

// SPDX-License-Identifier: MIT
// stack_cycle/<implementation>_<scheme>/threads:N: see test_cycles.hpp.
#include <gantry/container/test_cycle_peers.hpp>
#include <gantry/container/test_cycles.hpp>
#include <gantry/container/treiber_stack.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/hazard.hpp>
#include <gantry/reclaim/test_peers.hpp>

#include <boost/lockfree/stack.hpp>
#include <cds/container/treiber_stack.h>

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace {

using namespace gantry::container;
namespace peers = gantry::reclaim::test;
using test::cycles;
using test::element;

template<class Scheme>
class on_own_domain {
public:
    void push(element value) { stack_.push(value); }
    std::optional<element> try_pop() { return stack_.try_pop(); }

private:
    typename Scheme::domain domain_;
    treiber_stack<element, Scheme> stack_{domain_};
};

// The same with links that are counted, too.
class atomic_shared_stack {
public:
    void push(element value) {
        auto added = gantry::reclaim::make_shared<node>(value);
        added->next = top_.load();
        while (!top_.compare_exchange(added->next, added)) {
        }
    }
    std::optional<element> try_pop() {
        for (;;) {
            const auto top = top_.look();
            if (!top)
                return std::nullopt;
            auto next = top->next;
            if (top_.compare_exchange(top, next))
                return top->value;
        }
    }

private:
    struct node {
        explicit node(element v) : value(v) {}
        element value;
        gantry::reclaim::shared<node> next;
    };
    gantry::reclaim::atomic_shared<node> top_;
};

class std_shared_stack {
public:
    void push(element value) {
        auto added = std::make_shared<node>(value);
        added->next = head_.load(std::memory_order_acquire);
        while (!head_.compare_exchange_weak(added->next, added, std::memory_order_acq_rel, std::memory_order_acquire)) {
        }
    }
    std::optional<element> try_pop() {
        std::shared_ptr<node> top = head_.load(std::memory_order_acquire);
        while (top != nullptr) {
            if (head_.compare_exchange_weak(top, top->next, std::memory_order_acq_rel, std::memory_order_acquire))
                return top->value;
        }
        return std::nullopt;
    }

private:
    struct node {
        explicit node(element v) : value(v) {}
        element value;
        std::shared_ptr<node> next;
    };
    std::atomic<std::shared_ptr<node>> head_;
};

template<class Gc>
using libcds_stack = test::by_out_parameter<cds::container::TreiberStack<Gc, element>>;

void threads(benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Threads(1)->Threads(2)->Threads(4);
}

BENCHMARK(cycles<treiber_stack<element, gantry::reclaim::epoch>>)->Name("stack_cycle/gantry_epoch")->Apply(threads);
BENCHMARK(cycles<on_own_domain<gantry::reclaim::epoch>>)->Name("stack_cycle/gantry_epoch_domain")->Apply(threads);
BENCHMARK(cycles<treiber_stack<element, gantry::reclaim::hazard>>)->Name("stack_cycle/gantry_hazard")->Apply(threads);
BENCHMARK(cycles<treiber_stack<element, gantry::reclaim::counted>>)->Name("stack_cycle/gantry_counted")->Apply(threads);
BENCHMARK(cycles<atomic_shared_stack>)->Name("stack_cycle/gantry_atomic_shared")->Apply(threads);
BENCHMARK(cycles<test::xenium_stack<element, peers::xenium_epoch>>)->Name("stack_cycle/xenium_epoch")->Apply(threads);
BENCHMARK(cycles<test::xenium_stack<element, peers::xenium_new_epoch>>)
    ->Name("stack_cycle/xenium_new_epoch")
    ->Apply(threads);
BENCHMARK(cycles<test::xenium_stack<element, peers::xenium_hazard>>)->Name("stack_cycle/xenium_hazard")->Apply(threads);
BENCHMARK(cycles<test::xenium_stack<element, peers::xenium_counted>>)
    ->Name("stack_cycle/xenium_counted")
    ->Apply(threads);
BENCHMARK(cycles<libcds_stack<cds::gc::HP>, peers::libcds_attachment>)
    ->Name("stack_cycle/libcds_hazard")
    ->Apply(threads);
BENCHMARK(cycles<libcds_stack<cds::gc::DHP>, peers::libcds_attachment>)
    ->Name("stack_cycle/libcds_dynamic_hazard")
    ->Apply(threads);
BENCHMARK(cycles<std_shared_stack>)->Name("stack_cycle/std_counted")->Apply(threads);
BENCHMARK(cycles<test::under_std_mutex<std::vector<element>>>)->Name("stack_cycle/std_mutex")->Apply(threads);
BENCHMARK(cycles<test::of_boost<boost::lockfree::stack<element>>>)
    ->Name("stack_cycle/boost_try_freelist")
    ->Apply(threads);

} // namespace

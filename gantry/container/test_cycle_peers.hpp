// SPDX-License-Identifier: MIT
#pragma once
// The schemes of other libraries, for the benchmarks: what their threads need, and a stack on them where they have
// none.
#include <cds/gc/dhp.h>
#include <cds/gc/hp.h>
#include <cds/init.h>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/reclamation/hazard_pointer.hpp>
#include <xenium/reclamation/lock_free_ref_count.hpp>

#include <atomic>
#include <optional>
#include <utility>

namespace gantry::container::test {

using xenium_hazard = xenium::reclamation::hazard_pointer<>::with<
    xenium::policy::allocation_strategy<xenium::reclamation::hp_allocation::static_strategy<3>>>;
using xenium_epoch = xenium::reclamation::epoch_based<>;
using xenium_new_epoch = xenium::reclamation::new_epoch_based<>;
using xenium_counted = xenium::reclamation::lock_free_ref_count<>;

// xenium has no stack.
template<class T, class Reclaimer>
class xenium_stack {
public:
    xenium_stack() = default;
    xenium_stack(const xenium_stack&) = delete;
    xenium_stack& operator=(const xenium_stack&) = delete;
    ~xenium_stack() {
        while (try_pop()) {
        }
    }

    void push(T value) {
        auto* const added = new node(std::move(value));
        auto seen = head_.load(std::memory_order_relaxed);
        do {
            added->next.store(seen, std::memory_order_relaxed);
        } while (!head_.compare_exchange_weak(seen, added, std::memory_order_release, std::memory_order_relaxed));
    }

    [[nodiscard]] std::optional<T> try_pop() {
        guard top;
        for (;;) {
            top.acquire(head_, std::memory_order_acquire);
            if (top.get() == nullptr)
                return std::nullopt;
            marked seen(top);
            const auto next = top->next.load(std::memory_order_relaxed);
            if (head_.compare_exchange_strong(seen, next, std::memory_order_relaxed, std::memory_order_relaxed)) {
                std::optional<T> value(std::move(top->value));
                top.reclaim();
                return value;
            }
        }
    }

private:
    struct node;
    using pointer = typename Reclaimer::template concurrent_ptr<node, 0>;
    using marked = typename pointer::marked_ptr;
    using guard = typename pointer::guard_ptr;

    struct node : Reclaimer::template enable_concurrent_ptr<node> {
        explicit node(T v) : value(std::move(v)) {}
        T value;
        pointer next;
    };

    pointer head_;
};

// libcds wants to be started, and to know each thread that uses it.
struct libcds_running {
    libcds_running() { cds::Initialize(); }
    ~libcds_running() { cds::Terminate(); }
    cds::gc::HP hazard{8};
    cds::gc::DHP dynamic_hazard{};
};

struct libcds_attachment {
    libcds_attachment() {
        static libcds_running running;
        cds::threading::Manager::attachThread();
    }
    ~libcds_attachment() { cds::threading::Manager::detachThread(); }
};

} // namespace gantry::container::test

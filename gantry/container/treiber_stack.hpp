// SPDX-License-Identifier: MIT
#pragma once
//
// treiber_stack: an unbounded lock-free stack (last in, first out) for any number of threads.
//
// Use it when what is needed next is what was put back last: free lists, work that is warm in a cache.
// Do not use it when order of arrival matters -> queue.hpp; when every thread hammers it all the time -> one per
// thread.
//
//     gantry::container::treiber_stack<job> stack; // reclaims by epochs
//     gantry::container::treiber_stack<job, gantry::reclaim::hazard> bounded_garbage;
//     stack.push(job{1});
//     std::optional<job> next = stack.try_pop();
//
// Threads: every member from any thread, construction and destruction apart. Progress: lock-free; push allocates.
// Ordering: what happened before a push is seen after the pop that takes it. Linearization: the compare-exchange of
//   `head_` that succeeds, or the load that finds it empty.
// Cost: a node is T and a pointer (counted: and 8 bytes). Push and pop are one compare-exchange each when nobody
//   interferes; with interference they back off.
// Failure: if T's constructor or operator new throws, push leaves the stack as it was. If moving T out throws, its
//   element is lost: the exception reaches the caller, and the node is freed.
// Lifetime: nodes are freed by the scheme when no thread can hold them, and the rest by the destructor.
// Origin: Treiber, "Systems programming: coping with parallelism", 1986. The schemes exclude ABA: a node that a thread
//   compares with cannot come back while it is protected.
//
// Ordering ledger
//   publish : push, head_ CAS (release)  ->  try_pop, guard.protect (acquire)   carries: the node
// Relaxed used as: revalidated (looks that a compare-exchange confirms; removing publishes nothing), stale-ok (empty)

#include <gantry/base/backoff.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/container/detail/node_memory.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/scheme.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace gantry::container {

template<class T, reclaim::scheme Scheme = reclaim::epoch>
class treiber_stack {
public:
    using value_type = T;
    using domain_type = typename Scheme::domain;

    explicit treiber_stack(domain_type& in = Scheme::default_domain()) noexcept : domain_(in) {}
    treiber_stack(const treiber_stack&) = delete;
    treiber_stack& operator=(const treiber_stack&) = delete;
    ~treiber_stack() {
        for (node* n = head_.load(std::memory_order_relaxed); n != nullptr;) { // relaxed: owner
            std::destroy_at(&n->value);
            memory::destroy(std::exchange(n, n->next));
        }
    }

    void push(T value) { emplace(std::move(value)); }

    template<class... Args>
    void emplace(Args&&... args) {
        std::unique_ptr<node, memory> made(memory::make());
        std::construct_at(&made->value, std::forward<Args>(args)...);
        node* const added = made.release();
        backoff backoff;
        added->next = head_.load(std::memory_order_relaxed); // relaxed: revalidated
        // order: publish.w; relaxed: revalidated
        while (!head_.compare_exchange_weak(added->next, added, std::memory_order_release, std::memory_order_relaxed))
            backoff.pause();
    }

    // The element that was pushed last and is still there; nothing: the stack was empty.
    [[nodiscard]] std::optional<T> try_pop() {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        backoff backoff;
        for (;;) {
            node* top = guard.protect(head_); // order: publish.r
            if (top == nullptr)
                return std::nullopt;
            // relaxed: revalidated
            if (head_.compare_exchange_strong(top, top->next, std::memory_order_relaxed, std::memory_order_relaxed)) {
                const spent value{section, *top};
                return std::optional<T>(std::move(top->value));
            }
            backoff.pause();
        }
    }

    // Whether it was empty at a moment during the call.
    [[nodiscard]] bool empty() const noexcept {
        return head_.load(std::memory_order_relaxed) == nullptr; // relaxed: stale-ok
    }

private:
    struct node : Scheme::template object<node> {
        node() noexcept {}
        node(const node&) = delete;
        node& operator=(const node&) = delete;
        ~node() {}

        node* next = nullptr;
        union {
            T value; // until it is popped
        };
    };
    using memory = detail::node_memory<node>;

    // Also when moving the element out throws.
    struct spent {
        typename Scheme::section& in;
        node& of;
        ~spent() {
            std::destroy_at(&of.value);
            in.retire(&of, memory(), sizeof(node));
        }
    };

    domain_type& domain_;
    alignas(cache_line_bytes) std::atomic<node*> head_{nullptr};
};

} // namespace gantry::container

// SPDX-License-Identifier: MIT
#pragma once
//
// ms_queue: an unbounded lock-free queue (first in, first out) for any number of threads, one node for each element.
//
// Use it when elements are few and memory must follow them exactly: every pop gives a node back.
// Do not use it when throughput matters -> queue.hpp; when a bound is known -> bounded_queue.hpp; when threads shall
// wait for elements -> channel/channel.hpp.
//
//     gantry::container::ms_queue<job, gantry::reclaim::hazard> queue;
//     queue.push(job{1});
//     std::optional<job> next = queue.try_pop();
//
// Threads: every member from any thread, construction and destruction apart. Progress: lock-free; push allocates.
// Ordering: what happened before a push is seen after the pop that takes it. Linearization: push at the
// compare-exchange
//   of the last node's `next`, pop at that of `head_`, or at the load of `next` that finds nothing.
// Cost: a node is T and a pointer (counted: and 8 bytes); one node more than elements. Push and pop are two and one
//   compare-exchanges when nobody interferes.
// Failure: if T's constructor or operator new throws, push leaves the queue as it was; the constructor may throw
//   std::bad_alloc. If moving T out throws, its element is lost: the exception reaches the caller.
// Lifetime: nodes are freed by the scheme when no thread can hold them, and the rest by the destructor.
// Origin: Michael and Scott, "Simple, fast, and practical non-blocking and blocking concurrent queue algorithms", 1996,
//   and Michael's hazard pointers for it (2004). The head moves with release: libcds 2.3.3 (issue 186) has acquire
//   there.
//
// Ordering ledger
//   link : push, next CAS (release)  ->  push, next load, and try_pop, guard.protect (acquire)
//          carries: the node and its element
//   tail : push and help, tail_ CAS (release)  ->  push, guard.protect (acquire)   carries: the node as made
//   head : try_pop, head_ CAS (release)  ->  try_pop, guard.protect (acquire)   carries: the node as made
// Relaxed used as: revalidated (tail, compared again by the compare-exchange that moves it), stale-ok, owner

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
class ms_queue {
public:
    using value_type = T;
    using domain_type = typename Scheme::domain;

    explicit ms_queue(domain_type& in = Scheme::default_domain()) : domain_(in) {
        node* const first = memory::make();
        head_.store(first, std::memory_order_relaxed); // relaxed: pre-publish
        tail_.store(first, std::memory_order_relaxed); // relaxed: pre-publish
    }
    ms_queue(const ms_queue&) = delete;
    ms_queue& operator=(const ms_queue&) = delete;
    ~ms_queue() {
        node* n = head_.load(std::memory_order_relaxed);                // relaxed: owner
        for (bool taken = true; n != nullptr; taken = false) {          // the first node's element is gone
            node* const next = n->next.load(std::memory_order_relaxed); // relaxed: owner
            if (!taken)
                std::destroy_at(&n->value);
            memory::destroy(std::exchange(n, next));
        }
    }

    void push(T value) { emplace(std::move(value)); }

    template<class... Args>
    void emplace(Args&&... args) {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        std::unique_ptr<node, memory> made(memory::make());
        std::construct_at(&made->value, std::forward<Args>(args)...);
        node* const added = made.release();
        backoff backoff;
        for (;;) {
            node* const last = guard.protect(tail_);                 // order: tail.r
            node* next = last->next.load(std::memory_order_acquire); // order: link.r
            if (next != nullptr) {
                move_tail(last, next);
                continue;
            }
            if (last->next.compare_exchange_weak(next, added, std::memory_order_release,
                                                 std::memory_order_relaxed)) { // order: link.w; relaxed: revalidated
                move_tail(last, added);
                return;
            }
            backoff.pause();
        }
    }

    // The oldest element; nothing: the queue was empty.
    [[nodiscard]] std::optional<T> try_pop() {
        typename Scheme::section section(domain_);
        typename Scheme::guard first_guard(section);
        typename Scheme::guard next_guard(section);
        backoff backoff;
        for (;;) {
            node* first = first_guard.protect(head_);           // order: head.r
            node* const next = next_guard.protect(first->next); // order: link.r
            // The guard holds `next` only if it was not retired before: while `first` is the head, it was not.
            if (head_.load(std::memory_order_relaxed) != first) // relaxed: revalidated
                continue;
            if (next == nullptr)
                return std::nullopt;
            // A node that is retired must not be the tail.
            if (tail_.load(std::memory_order_relaxed) == first) // relaxed: revalidated
                move_tail(first, next);
            if (head_.compare_exchange_strong(first, next, std::memory_order_release,
                                              std::memory_order_relaxed)) { // order: head.w; relaxed: revalidated
                section.retire(first, memory(), sizeof(node));
                const spent value{*next};
                return std::optional<T>(std::move(next->value));
            }
            backoff.pause();
        }
    }

    // Whether it was empty at a moment during the call.
    [[nodiscard]] bool empty() const {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        return guard.protect(head_)->next.load(std::memory_order_relaxed) == nullptr; // relaxed: stale-ok
    }

private:
    struct node : Scheme::template object<node> {
        node() noexcept {}
        node(const node&) = delete;
        node& operator=(const node&) = delete;
        ~node() {}

        std::atomic<node*> next{nullptr};
        union {
            T value; // from push to pop
        };
    };

    using memory = detail::node_memory<node>;

    struct spent {
        node& of;
        ~spent() { std::destroy_at(&of.value); }
    };

    void move_tail(node* from, node* to) noexcept {
        // A failure: somebody else has moved it, at least that far.
        tail_.compare_exchange_strong(from, to, std::memory_order_release,
                                      std::memory_order_relaxed); // order: tail.w; relaxed: revalidated
    }

    domain_type& domain_;
    alignas(cache_line_bytes) std::atomic<node*> head_{nullptr};
    alignas(cache_line_bytes) std::atomic<node*> tail_{nullptr};
};

} // namespace gantry::container

// SPDX-License-Identifier: MIT
#pragma once
//
// scheme: what the ways to reclaim memory have in common, so that a container takes the way as a parameter.
//
// Use it when you write a lock-free structure whose removed nodes other threads may still read: template<scheme S>.
// Do not use it when you use such a structure -> name hazard, epoch or counted, after CHOOSING.md; when one thread
// frees and none reads -> std::unique_ptr.
//
//     typename S::section section(domain);
//     typename S::guard guard(section);
//     node* const top = guard.protect(head); // safe to read until the guard lets go
//     section.retire(unlink(top));           // deleted when nobody protects it
//
// A scheme S has
//   S::domain - the account (domain.hpp); S::default_domain() is one that lives for ever;
//   S::object<T> - what nodes derive from: nodes are struct node : S::template object<node>;
//   S::section - made for an operation, on the stack: this thread's place in the domain. retire(p) has the object
//   deleted later, retire(p, free, bytes) calls free(p). Sections may be nested;
//   S::guard - made of a section, protects one object at a time: protect(source) loads until what was loaded is
//   protected and returns it; protect(source, to_pointer) does so for an atomic that holds more than a pointer;
//   try_protect(expected, source) is one attempt, false: source has changed to the value now in expected; reset().
// What a guard protects is not freed while the guard stands, if it was in `source`, reachable, when it was protected
// and is retired only after it was made unreachable.
//
// Threads: sections and guards belong to the thread that made them. Progress: protect() is lock-free (epoch:
//   wait-free), retire() lock-free but for the deleters that it may run.
// Ordering: protect() acquires what was released with the pointer; deleters run after all use under guards.
// Cost: README.md. Failure: domain.hpp. Lifetime: guards end before their section, sections before their domain.
// Origin: the guard and region of Robison's, then Hart's interface as xenium has them (Poeter and Traeff, 2018), with
// one section instead of a thread-local look-up for each guard.

#include <gantry/reclaim/domain.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>

namespace gantry::reclaim {

namespace detail {

template<class S>
struct probe : S::template object<probe<S>> {};

} // namespace detail

template<class S>
concept scheme = std::derived_from<typename S::domain, domain> &&
                 std::constructible_from<typename S::section, typename S::domain&> &&
                 std::constructible_from<typename S::guard, typename S::section&> &&
                 requires(typename S::section& section, typename S::guard& guard,
                          const std::atomic<detail::probe<S>*>& source, detail::probe<S>* p) {
                     { S::default_domain() } -> std::same_as<typename S::domain&>;
                     { guard.protect(source) } -> std::same_as<detail::probe<S>*>;
                     { guard.try_protect(p, source) } -> std::same_as<bool>;
                     guard.reset();
                     section.retire(p);
                     section.retire(p, [](detail::probe<S>*) {}, std::size_t{1});
                 };

} // namespace gantry::reclaim

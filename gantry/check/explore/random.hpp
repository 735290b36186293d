// SPDX-License-Identifier: MIT
#pragma once
//
// random_explorer: one random execution after the other: dice decide who runs, what a read sees and where a write goes.
//
// Use it when a program is too large for all of its executions.
// Do not use it when it is small -> exact_explorer; when a bug needs few preemptions -> bounded_explorer.
//
// Three ways of walking, since no single one finds everything soon:
//   uniform    each step is anybody's; half of the accesses see the newest, a quarter one write before it, and so on.
//   pct        threads have priorities by chance, and the highest that can runs; at `depth` - 1 chosen steps the one
//   that
//              runs falls behind all others, or an access looks far back. A bug that needs `depth` things in an order
//              comes with probability 1 / (threads * steps^(depth-1)) at least, however deep in the program it lies.
//   long_tail  a thread runs on for a stretch whose length has no typical size (longer than n with probability 1/n),
//   and
//              accesses look back as far: the rare executions in which one thread sleeps through much of another's
//              work.
//
// The n-th execution follows from the seed and n alone (of pct also from how long executions were before), so that
// processes can share a search: each takes every `stride`-th.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: one run of the program for each execution.
// Failure: see explorer. Lifetime: n/a.
// Origin: priorities: PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010), its change points extended to
// stale reads as PCTWM does (Gao, Chakraborty, Ozkan, ASPLOS 2023).

#include <gantry/check/explore/forward.hpp>
#include <gantry/check/model.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace gantry::check {

struct walk_options {
    walk way = walk::uniform;
    unsigned depth = 3; // of pct: how many things must come in an order; 1 or more
    std::uint64_t seed = 1;
    std::uint64_t first = 0;  // which execution comes first
    std::uint64_t stride = 1; // and how far it is from one to the next
};

class random_explorer final : public forward_explorer {
public:
    explicit random_explorer(std::uint64_t seed) : random_explorer(walk_options{.seed = seed}) {}
    explicit random_explorer(const walk_options& options) : options_(options), next_(options.first) {}

    void begin() override;
    ending end(bool stopped) override;
    [[nodiscard]] bool more() const override { return true; }

protected:
    thread_id next_thread(std::span<const thread_id> able) override;
    std::uint32_t how_far(std::uint32_t most) override;
    std::uint32_t chosen_of(std::uint32_t options) override;

private:
    [[nodiscard]] std::uint64_t roll();
    [[nodiscard]] std::uint32_t below(std::uint32_t n) {
        return static_cast<std::uint32_t>((roll() >> 32U) * n >> 32U);
    }
    // n with probability 1/n - 1/(n+1), from 1 on.
    [[nodiscard]] std::uint32_t long_tailed();
    [[nodiscard]] thread_id highest(std::span<const thread_id> able);

    walk_options options_;
    std::uint64_t next_;
    std::uint64_t dice_ = 0;
    std::uint32_t stretch_ = 0; // long_tail: how many steps the last thread still goes on
    std::size_t longest_ = 16;  // pct: steps of the longest execution so far
    std::vector<std::uint64_t> priorities_;
    std::vector<std::size_t> changes_; // pct: steps at which something changes, in falling order
    bool look_back_ = false;           // pct: the next access that can looks back
};

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#pragma once
//
// bounded_explorer: visits every execution that needs at most so many preemptions and so many accesses that are not the
// newest.
//
// Use it when a program has too many executions for all of them: most bugs need one or two preemptions and one stale
// read, and their number grows with a power of the program's length only.
// Do not use it when exact_explorer comes to an end.
//
// A preemption is a step of another thread while the one that ran could have gone on. An access counts as stale when a
// read does not see the newest write there is, or a write is not put last.
//
// Where an execution comes to a state that was visited before (the graph says what each thread has been told, and so
// what it will do; with it count who ran last and what was spent), it is given up: what follows is known. Complete
// executions that come out alike are told apart from new ones. Both go by 64-bit hashes in a table of bounded size;
// when it is full, states are visited again, and nothing is lost.
//
// Threads: one thread; processes may share the table. Progress: allocates. Ordering: n/a.
// Cost: one run of the program for each visited branch; 8 bytes a state. Failure: see explorer; that two of n states
// share a hash, and one is left out, has a probability of about n^2 / 2^65. Lifetime: n/a.
// Origin: CHESS (Musuvathi, Qadeer, PLDI 2007), for schedules; state caching as in explicit-state model checkers.

#include <gantry/check/explore/divisible.hpp>
#include <gantry/check/explore/forward.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::check {

// Hashes that were seen. Lies in zeroed memory of a fixed size that processes may share.
class seen_table {
public:
    // `slots`: a power of two.
    explicit seen_table(std::span<std::atomic<std::uint64_t>> slots) : slots_(slots) {}

    // Whether the hash is new. A full table says yes always.
    bool insert(std::uint64_t hash) noexcept {
        hash |= hash == 0 ? 1U : 0U; // 0 is an empty slot
        for (std::size_t tried = 0; tried < tries_max; ++tried) {
            auto& slot = slots_[(hash + tried) & (slots_.size() - 1)];
            std::uint64_t there = slot.load(std::memory_order_relaxed); // relaxed: revalidated
            if (there == 0 && slot.compare_exchange_strong(there, hash, std::memory_order_relaxed,
                                                           std::memory_order_relaxed)) { // relaxed: revalidated
                return true;
            }
            if (there == hash) {
                return false;
            }
        }
        return true;
    }

private:
    static constexpr std::size_t tries_max = 64;

    std::span<std::atomic<std::uint64_t>> slots_;
};

struct bounds {
    std::uint32_t preemptions_max = 2;
    std::uint32_t stale_max = 2;
};

class bounded_explorer final : public forward_explorer, public divisible {
public:
    bounded_explorer(bounds allowed, seen_table seen) : allowed_(allowed), seen_(seen) { pending_.push_back({{}, 1}); }

    void begin() override;
    ending end(bool stopped) override;
    [[nodiscard]] bool more() const override { return !pending_.empty(); }

    [[nodiscard]] std::size_t backlog() const noexcept override { return pending_.size(); }
    [[nodiscard]] std::string give() override;
    [[nodiscard]] bool take(std::string_view piece) override;
    void drop() noexcept override { pending_.clear(); }
    void keep_share(std::size_t part, std::size_t parts) override;
    [[nodiscard]] double share_done() const noexcept override { return done_; }
    // Names follow from the order of creation, and that from the decisions.
    void share_names(thread_names&) noexcept override {}

    // Whether some execution would have needed more than is allowed.
    [[nodiscard]] bool met_a_bound() const noexcept { return met_; }

protected:
    thread_id next_thread(std::span<const thread_id> able) override;
    std::uint32_t how_far(std::uint32_t) override { return 0; } // the only place there is
    std::uint32_t one_of(std::span<const std::uint32_t> places) override;
    [[nodiscard]] bool wants_places() const noexcept override { return true; }
    std::uint32_t chosen_of(std::uint32_t options) override { return decide(options); }

private:
    // The decisions that lead to an execution's first new one, and what part of the whole search it is, if all that is
    // left of it is alike.
    struct unfinished {
        std::vector<std::uint32_t> path;
        double share = 0;
    };

    [[nodiscard]] std::uint32_t decide(std::uint32_t options);
    [[nodiscard]] std::uint64_t state(std::uint64_t more) const noexcept;

    bounds allowed_;
    seen_table seen_;
    std::vector<unfinished> pending_;
    std::vector<std::uint32_t> path_;
    std::size_t depth_ = 0; // decisions taken in this execution
    std::uint32_t preemptions_ = 0;
    std::uint32_t stale_ = 0;
    std::size_t preempts_at_ = SIZE_MAX; // the step that is a preemption if it is taken
    bool repeated_ = false;              // this execution came to a state that was visited before
    bool met_ = false;
    double share_ = 1;
    double done_ = 0;
};

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#pragma once
//
// narrator: notes, while one execution runs, what a report will want to know: who called whom, and what the objects are
// called, as long as the frames are there that they live in.
//
// Use it when working on the checker's runtime: the last run before a report has one.
// Do not use it when exploring: it looks up names.
//
// Threads: one thread. Progress: n/a. Ordering: n/a. Cost: microseconds a step. Failure: what has no name stays
// unnamed. Lifetime: at least as long as the session that it is told by runs. Origin: n/a.

#include <gantry/check/report/detail/story.hpp>
#include <gantry/check/runtime/detail/session.hpp>

#include <map>

namespace gantry::check::runtime {

class narrator final : public narration {
public:
    explicit narrator(session& s) : session_(s) {}

    // What the session tells: the thread, which is running, has done a step, or has to wait.
    void stepped(const modelled_thread& t);
    void waits(const modelled_thread& t);
    [[nodiscard]] std::span<const void* const> where_waits(const modelled_thread& t) const;
    // An object is about to be accessed.
    void met(std::uint64_t tagged_address, std::uint32_t epoch);
    // The name of what lies there, or its place in a block of memory.
    [[nodiscard]] std::string name_of(std::uint64_t address) const;

    [[nodiscard]] counterexample_object object_of(const location& l) const override;
    [[nodiscard]] std::span<const void* const> stack_of(event_id e) const override;
    [[nodiscard]] std::string meaning_of(std::uint64_t word) const override;
    [[nodiscard]] std::vector<counterexample_object> others() const override;
    [[nodiscard]] std::optional<std::pair<thread_id, std::uint32_t>> guilty() const override;

private:
    [[nodiscard]] counterexample_object describe(std::uint64_t address) const;
    [[nodiscard]] std::string block_called(const heap::block& b) const;

    session& session_;
    std::map<event_id, std::vector<const void*>> stacks_;
    std::map<thread_id, std::vector<const void*>> waits_;
    std::map<std::pair<std::uint64_t, std::uint32_t>, counterexample_object> objects_;
    mutable std::vector<const heap::block*> blocks_; // in the order in which they were spoken of
};

// The calls that led here, innermost first, without the runtime's own. Also those of code that announces nothing.
[[nodiscard]] std::vector<const void*> calls_to_here();

} // namespace gantry::check::runtime

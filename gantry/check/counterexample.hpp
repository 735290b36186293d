// SPDX-License-Identifier: MIT
#pragma once
//
// counterexample: the execution in which a model fails, step by step, as it is shown to people and written to files.
//
// Use it when a report is to be processed by a program.
// Do not use it when it is to be read -> model_result::report, or html_of() for a page.
//
// The steps are one order in which the execution can have happened, chosen so that as little as possible looks stale.
//
// Threads: plain values. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: what is not known is empty.
// Lifetime: values. Origin: n/a.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gantry::check {

struct code_place {
    std::string path; // as the compiler was told; empty when not known
    unsigned line = 0;
    std::string function;

    [[nodiscard]] bool known() const noexcept { return !path.empty(); }
};

struct counterexample_step {
    std::uint32_t thread = 0;
    std::uint32_t number = 0; // from 1; 0: no event of the memory model (a plain access, a check that fails)
    std::string kind;         // read, write, update, fence, create, join, end, choice, note
    std::string object;       // what is accessed
    std::string value;        // read or update: what is read; write: what is written
    std::string changed_to;   // update: what is written
    std::string order;
    std::string text;         // all of it as words
    std::int64_t source = -1; // read, update: the number of the step that it reads from; 0: from the start; -1: nothing
    std::uint32_t stale = 0;  // so many newer writes had happened when it read
    std::uint32_t position = 0; // write, update: place in the object's modification order, from 1
    bool failed = false;        // a compare-exchange that did not find what it expected
    bool waits = false;         // the thread stays there
    bool guilty = false;        // one of the accesses that the report is about
    code_place place;
    std::vector<code_place> stack; // who called, innermost first
};

// A relation between two steps, by their places in the list.
struct counterexample_edge {
    std::string kind; // reads-from, modification-order, synchronises-with, missed, missing
    std::size_t from = 0;
    std::size_t to = 0;
};

struct counterexample_object {
    std::string name;
    std::string description;
};

struct counterexample {
    std::vector<counterexample_step> steps;
    std::vector<counterexample_edge> edges;
    std::vector<counterexample_object> objects;
    std::vector<std::string> stale_because; // why each stale read is allowed
    std::size_t steps_found = 0;            // of the execution that was found first
    std::size_t steps_left = 0;             // of this one
    std::uint64_t runs = 0;                 // that it took to make it smaller; 0: nothing was tried
};

} // namespace gantry::check

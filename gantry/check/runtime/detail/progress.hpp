// SPDX-License-Identifier: MIT
#pragma once
//
// progress_line: a line on standard error that says how far a search is, rewritten while it goes on.
//
// Use it when standard error is a terminal.
// Do not use it when it is a file.
//
// Threads: one thread. Progress: writes. Ordering: n/a. Cost: a write four times a second. Failure: n/a.
// Lifetime: the line is wiped at the end. Origin: n/a.

#include <gantry/check/runtime/detail/search.hpp>

#include <string>

namespace gantry::check::runtime {

class progress_line {
public:
    explicit progress_line(std::string name) : name_(std::move(name)) {}
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;
    ~progress_line();

    // `share`: what part of the search is done, 0 if that is not known; `seconds` since it began.
    void show(const tally& so_far, double share, double seconds);

private:
    std::string name_;
    double shown_ = 0;
    std::size_t width_ = 0;
};

} // namespace gantry::check::runtime

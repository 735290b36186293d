// SPDX-License-Identifier: MIT
#pragma once
//
// recorder: writes down what real threads do with an object, each thread in a log of its own; take() makes a history.
//
// Use it when a stress test or a model runs threads on a concurrent object whose results are to be explained.
// Do not use it when the history is needed while threads still run, or is longer than memory: record shorter runs.
//
//     log.call(me, {.what = verb::pop});
//     log.end(me, queue.try_pop());
//
// Threads: call() and end() of one thread's number from one thread at a time; everything else when no thread records.
// Progress: wait-free where fetch_add is; call() and end() do not allocate.
// Ordering: if the history says that A ended before B was called, A happens before B: the checker never holds against
// an object an order that the memory model does not promise. The shared counter makes the recorded program more ordered
// than the unrecorded one.
// Cost: two read-modify-writes on one shared counter for an operation; a record's size for each operation, in advance.
// Failure: more than operations_max calls of one thread, a call within a call, an end without a call: asserted.
// Lifetime: outlives the threads that record.
// Origin: the logs of Lowe, "Testing for linearizability" (2017), section 5, with a counter for the clock.
//
// Ordering ledger
//   precedes : end, clock_ fetch_add (release)  ->  call, clock_ fetch_add (acquire)    carries: all that the operation
//              which ended did; read-modify-writes continue the release sequence, so every later call has it

#include <gantry/base/assert.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/check/linearizability/history.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace gantry::check {

struct recorder_options {
    std::uint32_t threads = 1;
    std::size_t operations_max = 1024; // of each thread
};

template<class Operation, class Result>
class recorder {
public:
    explicit recorder(const recorder_options& options) : logs_(options.threads) {
        for (auto& each : logs_) {
            each->records.resize(options.operations_max);
        }
    }

    // Right before the operation.
    void call(std::uint32_t thread, Operation what) {
        GANTRY_ASSERT(thread < logs_.size());
        log& mine = *logs_[thread];
        GANTRY_ASSERT(!mine.running && mine.used < mine.records.size());
        mine.running = true;
        record<Operation, Result>& entry = mine.records[mine.used++];
        entry.thread = thread;
        entry.what = std::move(what);
        entry.call = clock_.fetch_add(1, std::memory_order_acquire); // order: precedes.r
    }

    // Right behind it.
    void end(std::uint32_t thread, Result result) {
        const std::uint64_t now = clock_.fetch_add(1, std::memory_order_release); // order: precedes.w
        GANTRY_ASSERT(thread < logs_.size());
        log& mine = *logs_[thread];
        GANTRY_ASSERT(mine.running);
        mine.running = false;
        record<Operation, Result>& entry = mine.records[mine.used - 1];
        entry.end = now;
        entry.result = std::move(result);
    }

    // How many more calls the thread may make.
    [[nodiscard]] std::size_t room(std::uint32_t thread) const {
        GANTRY_ASSERT(thread < logs_.size());
        return logs_[thread]->records.size() - logs_[thread]->used;
    }

    // Everything so far, in the order of the calls; calls without an end are pending. Starts again from nothing.
    [[nodiscard]] history<Operation, Result> take() {
        history<Operation, Result> all;
        for (auto& each : logs_) {
            log& one = *each;
            for (std::size_t i = 0; i < one.used; ++i) {
                all.push_back(std::exchange(one.records[i], {}));
            }
            one.used = 0;
            one.running = false;
        }
        std::ranges::sort(all, {}, &record<Operation, Result>::call);
        return all;
    }

private:
    struct log {
        std::vector<record<Operation, Result>> records;
        std::size_t used = 0;
        bool running = false;
    };

    std::vector<cache_aligned<log>> logs_; // each one thread's
    alignas(cache_line_bytes) std::atomic<std::uint64_t> clock_{0};
};

} // namespace gantry::check

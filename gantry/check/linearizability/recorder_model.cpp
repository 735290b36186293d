// SPDX-License-Identifier: MIT
// If the history says that A ended before B was called, B sees what A did, however weak the accesses of both are.
// Bounds: none; two threads, one operation each. Graphs: 10.
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/recorder.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/model.hpp>

#include <atomic>
#include <thread>

using namespace gantry::check;

GANTRY_MODEL(recorded_order_is_real) {
    recorder<request, response> log({.threads = 2, .operations_max = 1});
    std::atomic<int> object{0};
    std::thread writer([&] {
        log.call(0, {.what = verb::write, .value = 1});
        object.store(1, std::memory_order_relaxed);
        log.end(0, {});
    });
    log.call(1, {.what = verb::read});
    log.end(1, object.load(std::memory_order_relaxed));
    writer.join();
    GANTRY_CHECK(check_history(register_specification{}, log.take()).is == verdict::holds);
}

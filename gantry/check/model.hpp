// SPDX-License-Identifier: MIT
#pragma once
//
// model: runs ordinary concurrent code, compiled with -fsanitize=thread and linked with gantry::model, in every
// execution that the C++ memory model allows (or in many random ones), and reports what goes wrong.
//
// Use it when a test is small and must hold under every schedule and every weak-memory behaviour: a lock, a queue.
// Do not use it when the code needs hours of real load -> a stress test; when it is sequential -> a property test.
//
//     GANTRY_MODEL(message_passing) {
//         std::atomic<int> ready{0};
//         int data = 0;
//         std::thread writer([&] {
//             data = 42;
//             ready.store(1, std::memory_order_release);
//         });
//         if (ready.load(std::memory_order_acquire) == 1) {
//             GANTRY_CHECK(data == 42);
//         }
//         writer.join();
//     }
//
// Threads: model() is called by one thread at a time; the body may start up to 63 threads. Progress: blocking.
// Ordering: the body sees C++20's memory model as RC11 has it (no load buffering of relaxed accesses).
// Cost: one run of the body for each execution, a few microseconds for small ones. Failure: the result says what
// failed; the body's threads are dropped where they are, without unwinding. Lifetime: what the body allocates lives
// until the execution ends; it must not outlive it. Origin: MODEL.md.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

namespace gantry::check {

enum class search : std::uint8_t { exact, random };

struct model_options {
    search mode = search::exact;
    std::uint64_t executions_max = UINT64_MAX; // graphs when exact, executions when random
    double seconds_max = 0;                    // 0: no limit
    std::uint64_t seed = 1;                    // of the random search
    std::uint64_t steps_max = 0;    // more steps: an execution that never ends; 0: 2,000 exact, 100,000 random
    unsigned spurious_max = 1;      // waits that end for no reason, for each thread
    unsigned weak_failures_max = 0; // weak compare-exchanges that fail for no reason, for each thread
    bool leaks = true;              // memory that no free() was called for is a failure
    std::string replay{};           // a token from a report: run that execution alone
};

enum class fault : std::uint8_t {
    none,
    assertion,
    race,
    mixed_size,
    use_after_free,
    out_of_bounds,
    double_free,
    mismatched_free,
    leak,
    deadlock,
    lock_misuse,
    exception,
    aborted,
    crash,
    endless,
    nondeterminism,
    unsupported,
};

[[nodiscard]] const char* name_of(fault f) noexcept;

struct model_result {
    fault found = fault::none;
    std::string report;        // empty when nothing was found
    std::string token;         // replays the failing execution
    std::uint64_t graphs = 0;  // executions that came to their end: when exact, each a different graph
    std::uint64_t blocked = 0; // executions that had to be given up because a thread waited for a stale value
    bool exhaustive = false;   // nothing was left out
    double seconds = 0;
    std::map<std::vector<std::int64_t>, std::uint64_t> outcomes; // what outcome() was told, and how often

    [[nodiscard]] bool ok() const noexcept { return found == fault::none; }
};

// Explores the body. `body` is called with `context`, as the first thread of each execution.
[[nodiscard]] model_result model(const model_options& options, void (*body)(void*), void* context);

template<class Body>
[[nodiscard]] model_result model(const model_options& options, Body body) {
    return model(options, [](void* context) { (*static_cast<Body*>(context))(); }, &body);
}

// An atomic access or fence of the program, and what became of its order.
struct weakening {
    std::string place;           // file:line (function)
    std::string from;            // the order as written
    std::string to;              // what it was weakened to
    fault noticed = fault::none; // what the model then found; none: nothing in it needs the order
    bool exhaustive = false;     // whether the search that found nothing was complete
};

// Runs the model once for each order that it can do without one step of: seq_cst -> acq_rel, acq_rel -> acquire and ->
// release, acquire, release -> relaxed. An entry that notices nothing is an order that is too strong, or a model that
// lacks a scenario. Empty when the model fails as it is.
[[nodiscard]] std::vector<weakening> weaken(const model_options& options, void (*body)(void*), void* context);

// Inside a body: notes what this execution came to; kept when it runs to its end.
void outcome(std::initializer_list<std::int64_t> values);

// Inside a body: ends this execution as a failure. Outside: the process is aborted.
[[noreturn]] void fail(const char* what, const char* file, int line);

// A model with a name, found by the program's main().
struct registered_model {
    const char* name;
    void (*body)();
    registered_model* next;
};

// Adds to the list that main() walks.
bool register_model(registered_model& entry) noexcept;
[[nodiscard]] registered_model* registered_models() noexcept;

// What the main() of a program of models does; --help says how it is used. The answer is the exit code.
int model_main(int argc, char** argv);

} // namespace gantry::check

#define GANTRY_MODEL(model_name)                                                                                       \
    static void gantry_model_##model_name();                                                                           \
    static ::gantry::check::registered_model gantry_model_entry_##model_name{#model_name, gantry_model_##model_name,   \
                                                                             nullptr};                                 \
    [[maybe_unused]] static const bool gantry_model_added_##model_name =                                               \
        ::gantry::check::register_model(gantry_model_entry_##model_name);                                              \
    static void gantry_model_##model_name()

// Fails the execution when the condition does not hold.
#define GANTRY_CHECK(condition)                                                                                        \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            ::gantry::check::fail(#condition, __FILE__, __LINE__);                                                     \
        }                                                                                                              \
    } while (false)

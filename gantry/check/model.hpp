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

#include <gantry/check/counterexample.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gantry::check {

// exact: every execution, once. bounded: every execution within a number of preemptions and of accesses that are not
// the newest. random: one by chance after the other.
enum class search : std::uint8_t { exact, bounded, random };

// How random searches walk; explore/random.hpp says what each finds.
enum class walk : std::uint8_t { uniform, pct, long_tail };

// What membarrier(2) says to a program that asks: each answer in executions of its own, or one.
enum class membarrier_answer : std::uint8_t { both, works, refused };

struct model_options {
    search mode = search::exact;
    std::uint64_t executions_max = UINT64_MAX;
    double seconds_max = 0;            // 0: no limit
    unsigned workers = 0;              // processes for a search that takes long; 0: one for each CPU
    std::uint32_t preemptions_max = 2; // bounded: steps of another thread while the one that ran could go on
    std::uint32_t stale_max = 2;       // bounded: reads that do not see the newest, writes that are not put last
    std::uint64_t states_bytes_max = std::uint64_t{64} << 20U; // bounded: memory for what was visited
    walk way = walk::uniform;                                  // random
    unsigned depth = 3;                                        // random, pct: how many things must come in an order
    std::uint64_t seed = 1;                                    // random
    std::uint64_t steps_max = 0;    // more steps: an execution that never ends; 0: 2,000 exact, 100,000 otherwise
    double stuck_seconds = 10;      // of the processor's time without an event: a thread that never ends; 0: no limit
    unsigned spurious_max = 1;      // waits that end for no reason, for each thread
    unsigned weak_failures_max = 0; // weak compare-exchanges that fail for no reason, for each thread
    unsigned reuse_max = 1;         // freed blocks that may be used again, by each thread
    bool leaks = true;              // memory that no free() was called for is a failure
    membarrier_answer kernel = membarrier_answer::both;
    double minimise = 2;                     // seconds for finding a smaller execution with the same fault; 0: as found
    std::string replay{};                    // a token from a report: run that execution alone
    std::string name{};                      // of what is run, for progress and checkpoints
    bool progress = false;                   // a line on standard error, rewritten, once it has taken a second
    std::string checkpoint{};                // exact: a file for what is left when the search is stopped
    double checkpoint_seconds = 60;          // and how often it is written in between
    std::string resume{};                    // exact: goes on from such a file
    const std::atomic<bool>* stop = nullptr; // ends the search when it becomes true
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
    uninitialised,
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
    std::string report;           // empty when nothing was found
    std::string summary;          // what is wrong: the report without the execution
    std::string token;            // replays the failing execution
    std::uint64_t executions = 0; // times that the body was run
    std::uint64_t graphs = 0;     // those that came to their end; exact or bounded: each a different graph
    std::uint64_t blocked = 0;    // those given up because a thread waited for a stale value
    std::uint64_t repeated = 0;   // bounded: those given up because they came to a state that was visited before
    bool finished = false;        // the search came to its own end
    bool exhaustive = false;      // and nothing was left out but what `bounds` says
    bool interrupted = false;     // by `stop`
    unsigned workers = 1;         // processes that it took
    double seconds = 0;
    std::string bounds;                                          // what the search was bounded by, as text
    counterexample execution;                                    // the failing one, step by step
    std::map<std::vector<std::int64_t>, std::uint64_t> outcomes; // what outcome() was told, and how often

    [[nodiscard]] bool ok() const noexcept { return found == fault::none; }
};

// A page that shows the failure in a browser, in one file that needs no other. `replay`: the command that leads to it
// again, or empty.
[[nodiscard]] std::string html_of(const model_result& result, const std::string& title, const std::string& replay);

// How large an exact search would be: the mean of many random descents, each of which counts the ways it did not go
// (Knuth, "Estimating the efficiency of backtrack programs", 1975).
struct size_estimate {
    double executions = 0;
    double low = 0; // of ten guesses from as many parts of the descents, the second lowest and the second highest
    double high = 0;
    double seconds = 0; // for so many executions in one process, as long as these took
    std::uint64_t descents = 0;
    model_result result; // what was found on the way, if anything
};

[[nodiscard]] size_estimate estimate(const model_options& options, void (*body)(void*), void* context,
                                     double seconds_max = 1);

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

struct weakenings {
    model_result as_it_is; // nothing is weakened when it is not ok()
    std::vector<weakening> steps;
};

// Runs the model once for each order that it can do without one step of: seq_cst -> acq_rel, acq_rel -> acquire and ->
// release, acquire, release -> relaxed. A step that nothing notices is an order that is too strong, or a model that
// lacks a scenario. Steps that `known` has as noticed, in the same line of source, are left out.
[[nodiscard]] weakenings weaken(const model_options& options, void (*body)(void*), void* context,
                                const std::vector<weakening>& known = {});

// The loaded libraries whose accesses the checker cannot see, because they were compiled without -fsanitize=thread.
// What they do to memory that threads share is neither explored nor judged. (The C and C++ libraries are not among
// them: their calls are taken over, or are headers.)
[[nodiscard]] std::vector<std::string> unseen_libraries();

// Inside a body: notes what this execution came to; kept when it runs to its end.
void outcome(std::initializer_list<std::int64_t> values);

// A point in a thread's program, of one execution.
struct moment {
    std::uint32_t thread = 0; // 0 is the body's own
    std::uint32_t number = 0; // counts up as the execution was run, which is one of the orders that it allows
};

// Inside a body: the point that the calling thread is at. It is no event: it orders nothing and makes no execution
// more. Outside of a model the process is aborted; so it is in happens_before().
[[nodiscard]] moment here();

// Whether `a` lies before `b`: earlier in the same thread, or something that a's thread did after `a` happens before
// something that b's thread did before `b`. Of a loop that waits, the last round counts.
[[nodiscard]] bool happens_before(const moment& a, const moment& b);

// Inside a body: calls `what(context)` as if it were no part of the program. Its accesses are not announced and race
// with nothing, its memory is the process's and outlives the execution. For judging what happened, or for keeping it;
// it must not call fail(), wait, or change what the program will look at. Elsewhere: calls it.
void aside(void (*what)(void*), void* context);

template<class Function>
void aside(Function what) {
    aside([](void* function) { (*static_cast<Function*>(function))(); }, &what);
}

// Inside a body: ends this execution as a failure. Outside: the process is aborted.
[[noreturn]] void fail(const char* what, const char* file, int line);
[[noreturn]] void fail_saying(const char* message, const char* file, int line);

// A value of the program, as a report spells it.
struct spelled {
    std::string text;
};

// Spells what has an operator<<, whose call it is given.
[[nodiscard]] spelled spell_streamed(void (*write)(std::ostream&, const void*), const void* value);

template<class T>
[[nodiscard]] spelled spell(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
        return {value ? "true" : "false"};
    } else if constexpr (std::is_same_v<T, char>) {
        return {std::string("'") + value + "'"};
    } else if constexpr (std::is_enum_v<T>) {
        return {std::to_string(static_cast<std::underlying_type_t<T>>(value))};
    } else if constexpr (std::is_arithmetic_v<T>) {
        return {std::to_string(value)};
    } else if constexpr (std::is_null_pointer_v<T>) {
        return {"nullptr"};
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        return {'"' + std::string(std::string_view(value)) + '"'};
    } else if constexpr (std::is_pointer_v<T>) {
        return spell_streamed(nullptr, reinterpret_cast<const void*>(value));
    } else if constexpr (requires(std::ostream& out) { out << value; }) {
        return spell_streamed([](std::ostream& out, const void* v) { out << *static_cast<const T*>(v); }, &value);
    } else {
        return {"(no operator<<)"};
    }
}

// The same as fail(), for a comparison that does not hold, with what its two sides were.
[[noreturn]] void fail_compared(const char* what, const spelled& left, const spelled& right, const char* file,
                                int line);

struct certificate;

// A model with a name, or scenarios with one (scenario/scenario.hpp), found by the program's main().
struct registered_model {
    const char* name;
    void (*body)() = nullptr;
    registered_model* next = nullptr;
    certificate (*scenarios)(const model_options& given) = nullptr;
    // Where every execution would be too many: those within so many preemptions and stale accesses. 0: every one.
    std::uint32_t preemptions_max = 0;
    std::uint32_t stale_max = 0;
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

// The same, explored within so many preemptions and accesses that are not the newest (search::bounded), unless the
// command line says how to search: for scenarios of which every execution would take hours.
#define GANTRY_MODEL_WITHIN(model_name, preemptions, stale)                                                            \
    static void gantry_model_##model_name();                                                                           \
    static ::gantry::check::registered_model gantry_model_entry_##model_name{                                          \
        #model_name, gantry_model_##model_name, nullptr, nullptr, preemptions, stale};                                 \
    [[maybe_unused]] static const bool gantry_model_added_##model_name =                                               \
        ::gantry::check::register_model(gantry_model_entry_##model_name);                                              \
    static void gantry_model_##model_name()

// Fails the execution when the condition does not hold. _EQ, _NE, _LT, _LE, _GT, _GE compare two values, which the
// report then shows.
#define GANTRY_CHECK(condition)                                                                                        \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            ::gantry::check::fail(#condition, __FILE__, __LINE__);                                                     \
        }                                                                                                              \
    } while (false)

#define GANTRY_CHECK_COMPARED(left, compares, right)                                                                   \
    do {                                                                                                               \
        const auto& gantry_left = (left);                                                                              \
        const auto& gantry_right = (right);                                                                            \
        if (!(gantry_left compares gantry_right)) {                                                                    \
            ::gantry::check::fail_compared(#left " " #compares " " #right, ::gantry::check::spell(gantry_left),        \
                                           ::gantry::check::spell(gantry_right), __FILE__, __LINE__);                  \
        }                                                                                                              \
    } while (false)

#define GANTRY_CHECK_EQ(left, right) GANTRY_CHECK_COMPARED(left, ==, right)
#define GANTRY_CHECK_NE(left, right) GANTRY_CHECK_COMPARED(left, !=, right)
#define GANTRY_CHECK_LT(left, right) GANTRY_CHECK_COMPARED(left, <, right)
#define GANTRY_CHECK_LE(left, right) GANTRY_CHECK_COMPARED(left, <=, right)
#define GANTRY_CHECK_GT(left, right) GANTRY_CHECK_COMPARED(left, >, right)
#define GANTRY_CHECK_GE(left, right) GANTRY_CHECK_COMPARED(left, >=, right)

// Fails the execution.
#define GANTRY_FAIL(message) ::gantry::check::fail_saying(message, __FILE__, __LINE__)

// SPDX-License-Identifier: MIT
#pragma once
//
// session: one call of model(): its threads, its memory, and what every hook asks of it.
//
// Use it when working on the checker's runtime.
// Do not use it when checking your own code: <gantry/check/model.hpp> is all that is needed.
//
// Threads: one thread runs everything. Progress: n/a. Ordering: n/a. Cost: see MODEL.md. Failure: fail() ends the
// execution and does not return. Lifetime: one session at a time. Origin: n/a.

#include <gantry/check/explore/explorer.hpp>
#include <gantry/check/model.hpp>
#include <gantry/check/report/detail/story.hpp>
#include <gantry/check/runtime/detail/fiber.hpp>
#include <gantry/check/runtime/detail/heap.hpp>
#include <gantry/check/runtime/detail/shadow.hpp>

#include <pthread.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::check::runtime {

// A destructor of a thread_local, registered by the thread that owns the object.
struct thread_exit {
    void (*destroy)(void*);
    void* object;
};

// The functions that are active; what is deeper than the array is counted only.
struct call_stack {
    struct frame {
        const void* caller = nullptr; // where it was called from
        const void* inside = nullptr; // an address in it
        std::uintptr_t pointer = 0;   // its frame pointer
    };

    std::array<frame, 256> frames{};
    std::size_t depth = 0;

    void push(const frame& f) noexcept {
        if (depth < frames.size()) {
            frames[depth] = f;
        }
        ++depth;
    }

    void pop() noexcept { depth -= depth > 0 ? 1U : 0U; }
};

// A load or compare-exchange that the thread came to since it last wrote: what its registers and its stack were, as a
// hash, how many events it had done, and how many plain writes.
struct arrival {
    std::uint64_t hash;
    std::uint32_t events;
    std::size_t overwritten;
};

// Memory outside of the thread's stack, and what was there before the thread wrote to it. A loop that writes what was
// there already changes nothing.
struct overwritten_memory {
    std::uint64_t address;
    std::size_t size;
    std::uint64_t content;
};

// A lock that the thread has, and how often.
struct holding {
    const void* lock;
    unsigned depth;
    bool shared;
};

// What a clock said when the thread had done so many events.
struct clock_look {
    std::uint32_t epoch;
    std::uint64_t time_ns;
};

// Loads of the standard library's spinning that saw the same: one event.
struct library_spin {
    std::uint32_t events = 0; // of the thread, the load included
    unsigned loads = 0;
    bool timed = false; // looked at the clock in between
};

struct key_value {
    pthread_key_t key;
    void* value;
};

// What a thread's clock goes on by when it is looked at first.
inline constexpr std::uint64_t first_tick_ns = 1000;

struct modelled_thread {
    fiber* on = nullptr;
    void* (*entry)(void*) = nullptr;
    int (*c11_entry)(void*) = nullptr; // instead of the other
    void* argument = nullptr;
    void* result = nullptr;
    thread_id id = 0;
    bool started = false;
    bool finished = false;
    bool joined = false;
    bool detached = false;
    bool impatient = false; // joins, but would give up
    std::uint32_t clock_size = 0;
    std::array<std::uint32_t, threads_max> clock{};
    call_stack calls;
    std::vector<thread_exit> exits;
    std::vector<arrival> arrivals;
    std::vector<overwritten_memory> overwritten;
    std::uint64_t time_ns = 0;   // the thread's clock: it goes faster each time the thread looks
    std::uint64_t looked_ns = 0; // what it said then
    std::uint64_t tick_ns = first_tick_ns;
    unsigned spurious = 0; // wake-ups for no reason so far
    unsigned weak_failures = 0;
    unsigned reused = 0; // blocks
    std::vector<holding> held;
    std::vector<clock_look> looks;
    library_spin spin;
    std::vector<key_value> values; // of pthread_key_t
    unsigned keys = 0;             // made so far
    unsigned early_joins = 0;      // that did not wait for the thread's end
    _Unwind_Exception unwinding;   // by pthread_exit()
    bool ending = false;           // the same
    // What the thread waits for, as long as it does.
    std::uint64_t waits_at = 0; // a location's address, with its tag
    const modelled_thread* waits_for = nullptr;
};

// An order of the program that is weakened while it runs: all accesses of these call sites (one line of source may have
// been compiled more than once) that have this order.
struct mutation {
    std::vector<const void*> sites;
    order from = order::relaxed;
    order to = order::relaxed;
};

class narrator;

class session {
public:
    // What an access at the site is to have for an order.
    [[nodiscard]] order order_at(const void* site, order written_order) const noexcept {
        const bool hit =
            written_order == mutated_.from && std::ranges::find(mutated_.sites, site) != mutated_.sites.end();
        return hit ? mutated_.to : written_order;
    }

    void mutate(const mutation& m) noexcept { mutated_ = m; }

    explicit session(const model_options& options);
    // Steps after which an execution counts as endless.
    [[nodiscard]] static std::uint64_t steps_max_of(const model_options& options) noexcept {
        return options.steps_max != 0 ? options.steps_max : options.mode == search::exact ? 2'000 : 100'000;
    }
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    // Leaves the program's memory as it was before.
    ~session();

    // Runs one execution to its end, as the explorer decides.
    ending run(explorer& strategy, void (*body)(void*), void* context);

    // What hooks call, as the thread `t`, which is the one that runs.
    accessed access(modelled_thread& t, const operation& op, std::uint64_t address, std::uint64_t tag,
                    const void* site);
    // Before a load: stops a thread that has come round a loop without changing anything.
    void arrive(modelled_thread& t, const void* site);
    // What the load is to see when it repeats, in the standard library's spinning, the load that the thread did last.
    std::optional<value> repeats(modelled_thread& t, const operation& op, std::uint64_t address, const void* site);
    // One of 0 .. options-1.
    std::uint32_t choose(modelled_thread& t, std::uint32_t options, const void* site);
    void fence(modelled_thread& t, order o, const void* site);
    // The system call.
    long membarrier(modelled_thread& t, int command, const void* site);
    // Whether the program has asked for it in some execution, but has not been given both answers.
    [[nodiscard]] bool wants_choice_of_membarrier() const noexcept {
        return asks_membarrier_ && !chooses_membarrier_ && options_.kernel == membarrier_answer::both;
    }
    // From now on each execution begins with the choice whether it works.
    void choose_membarrier() noexcept { chooses_membarrier_ = true; }
    // Memory for the thread, or null.
    void* allocate(modelled_thread& t, std::size_t bytes, std::size_t alignment, allocator how, const void* site);
    void plain(modelled_thread& t, std::uint64_t address, std::size_t size, bool writes, const void* site,
               bool frees = false);
    modelled_thread& create(modelled_thread& t, void* (*entry)(void*), void* argument, const void* site);
    // `patient`: it is a deadlock if the child never ends.
    void join(modelled_thread& t, modelled_thread& child, const void* site, bool patient = true);
    // The latest that the thread can know a clock to have said.
    [[nodiscard]] std::uint64_t time_before(const modelled_thread& t) const noexcept;
    [[noreturn]] void exit_thread(modelled_thread& t);
    // Unwinds the thread's stack first.
    [[noreturn]] void leave_thread(modelled_thread& t);
    [[noreturn]] void fail(fault f, std::string what, const void* site = nullptr);

    // Events in all executions so far: what does not grow stands still.
    [[nodiscard]] std::uint64_t events_done() const noexcept { return events_done_; }
    // Ends the execution at the next plain access, as one that stands still.
    void stop_soon() noexcept { stuck_ = true; }
    [[noreturn]] void fail_stuck(thread_id t, const void* site);

    void at_exit(thread_exit what) { exits_.push_back(what); }
    // The thread whose guard page the address lies in, or null.
    // Whose access the runtime itself is making, where: the memory may not be there.
    struct looking {
        modelled_thread* thread = nullptr;
        const void* site = nullptr;
    };

    [[nodiscard]] const looking& looks() const noexcept { return looks_; }
    [[nodiscard]] modelled_thread* overflowed(std::uint64_t address) noexcept;
    [[nodiscard]] modelled_thread* thread_of(pthread_t handle) noexcept;
    [[nodiscard]] const std::string& report() const noexcept { return report_; }
    [[nodiscard]] std::span<const thread_id> turns() const noexcept { return turns_; }
    [[nodiscard]] fault found() const noexcept { return found_; }
    [[nodiscard]] heap& memory() noexcept { return heap_; }
    [[nodiscard]] const model_options& options() const noexcept { return options_; }
    [[nodiscard]] explorer& strategy() noexcept { return *strategy_; }
    [[nodiscard]] std::vector<std::int64_t>& noted() noexcept { return noted_; }
    [[nodiscard]] bool has_noted() const noexcept { return has_noted_; }
    // A race leaves its earlier side here: a second run that watches for it tells its stack.
    [[nodiscard]] const std::optional<touch>& earlier() const noexcept { return earlier_; }
    // What the picture of the execution shows beside its events.
    void remark_on(const modelled_thread& t, std::string text, const void* site);
    [[nodiscard]] std::span<const remark> remarks() const noexcept { return remarks_; }
    // A point of the thread's that can be compared later.
    [[nodiscard]] moment here(const modelled_thread& t);
    [[nodiscard]] bool happens_before(const moment& a, const moment& b) const noexcept;
    // From now on: looks out for that access; tells the narrator of each step, unless it is null; counts longer
    // executions as endless.
    void watch(const std::optional<touch>& t) { watched_ = t; }
    void narrate(narrator* n) noexcept { narrator_ = n; }
    void limit_steps(std::uint64_t steps_max) noexcept { steps_max_ = steps_max; }
    [[nodiscard]] std::span<const std::unique_ptr<modelled_thread>> threads() const noexcept { return threads_; }
    // The places in the program that the fault is about: the same ones, the same fault.
    [[nodiscard]] std::vector<const void*> places() const;
    // Whether something that could have happened was left out, so that no search of this session is complete.
    [[nodiscard]] bool left_out() const noexcept { return left_out_ || wants_choice_of_membarrier(); }
    void note(std::vector<std::int64_t> values);
    void check_leaks();
    void report_deadlock();

private:
    // What the access was, and of what.
    [[nodiscard]] std::string describe(const touch& t, std::uint64_t address) const;
    void stepped(modelled_thread& t);
    static void enter(void* thread);
    void switch_away(modelled_thread& t);
    void refresh_clock(modelled_thread& t);
    void end_spin(modelled_thread& t, bool waits);
    void begin_membarrier(modelled_thread& t);
    [[nodiscard]] bool registered_before(const modelled_thread& t) const;
    [[nodiscard]] bool alone(const modelled_thread& t) const;
    [[nodiscard]] bool met_in_atomics(const modelled_thread& t, const heap::block& b) const;
    void check_initialised(modelled_thread& t, const operation& op, std::uint64_t address, const value& seen,
                           const void* site);
    void check_alive(modelled_thread& t, std::uint64_t address, std::size_t size, const void* site);
    void restore_globals();
    // What is there, for a thread that may look where there is nothing.
    [[nodiscard]] value look(modelled_thread& t, std::uint64_t address, std::size_t size, const void* site);
    void look_out(const touch& now);
    void race(modelled_thread& t, std::uint64_t address, const touch& before, const touch& now);

    mutation mutated_;
    const model_options& options_;
    explorer* strategy_ = nullptr;
    std::uint64_t steps_max_;
    heap heap_;
    shadow shadow_;
    fiber host_;
    std::vector<std::unique_ptr<modelled_thread>> threads_;
    void (*body_)(void*) = nullptr;
    fault found_ = fault::none;
    std::string report_;
    std::optional<touch> earlier_;
    std::optional<touch> watched_;
    std::vector<const void*> watched_stack_;
    const void* fault_site_ = nullptr;
    narrator* narrator_ = nullptr;
    modelled_thread* on_turn_ = nullptr;
    std::vector<remark> remarks_;
    std::vector<std::int64_t> noted_;
    std::vector<thread_exit> exits_; // destructors of static objects made in this execution
    std::vector<thread_id> turns_;   // who took each step, for the token
    thread_id now_ = 0;              // whose code runs
    std::uint64_t events_done_ = 0;
    bool stuck_ = false;
    bool has_noted_ = false;
    bool stopped_ = false;
    bool left_out_ = false;
    bool asks_membarrier_ = false;
    bool chooses_membarrier_ = false;
    bool membarrier_works_ = true;                                   // in this execution
    std::vector<std::pair<thread_id, std::uint32_t>> registrations_; // who, and its events before

    // The clocks of the moments that were asked for, each as long as it has to be, one behind the other.
    struct stamp {
        std::uint32_t events; // the thread's own by then
        std::uint32_t first;
        std::uint32_t size;
    };

    std::vector<stamp> stamps_;
    std::vector<std::uint32_t> stamp_clocks_;

    struct segment {
        char* start;
        std::vector<char> content;
    };

    std::vector<segment> segments_;
    looking looks_;
    session* outer_;                    // whose program's state this one has begun from, or null
    std::vector<char> startup_content_; // of the startup heap
    bool startup_touched_ = false;      // whether this execution has looked at it
};

// The thread whose code is running, or null while the runtime, or code outside of any model, is.
extern modelled_thread* running;
extern session* active;

// Entered by each hook: what the runtime does by itself is not the modelled program's doing.
class entry {
public:
    entry() noexcept : thread_(running) { running = nullptr; }
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
    ~entry() { running = thread_; }

    [[nodiscard]] modelled_thread& thread() const noexcept { return *thread_; }

private:
    modelled_thread* thread_;
};

} // namespace gantry::check::runtime

// The callee-saved registers and, at 11, the stack pointer of the last load or compare-exchange.
#if defined(__aarch64__)
inline constexpr std::size_t gantry_check_register_count = 20;
#else
inline constexpr std::size_t gantry_check_register_count = 12;
#endif
extern "C" __attribute__((visibility("hidden"))) std::uint64_t gantry_check_registers[gantry_check_register_count];

// SPDX-License-Identifier: MIT
#pragma once
//
// program: a concurrent program written as a table, and how to run it under an explorer.
//
// Use it when testing an explorer without running compiled code.
// Do not use it when the program computes with what it reads -> GANTRY_MODEL.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: n/a. Origin: n/a.

#include <gantry/check/explore/explorer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace gantry::check {

enum class instruction_kind : std::uint8_t { access, fence, choice, start, join };

struct instruction {
    instruction_kind kind = instruction_kind::access;
    unsigned location = 0; // start, join: which thread of the program; the thread that starts another may join it
    operation op;          // a fence uses op.success; a choice has op.operand.low options
    // Left out unless the thread's last read or choice brought this.
    std::optional<std::uint64_t> when;
    // A load that reads op.expected, or a compare-exchange that fails, goes back so many instructions. Nothing in
    // between may write or be left out.
    std::optional<unsigned> back;
};

using program = std::vector<std::vector<instruction>>;

[[nodiscard]] constexpr bool goes_back(const instruction& i, const value& seen) noexcept {
    return i.back.has_value() &&
           (i.op.kind == operation_kind::load ? seen == i.op.expected : !writes_after(i.op, seen));
}

// The threads that no instruction starts.
[[nodiscard]] inline std::vector<unsigned> first_threads(const program& p) {
    std::vector<bool> started(p.size());
    for (const auto& t : p) {
        for (const instruction& i : t) {
            if (i.kind == instruction_kind::start) {
                started[i.location] = true;
            }
        }
    }
    std::vector<unsigned> first;
    for (unsigned t = 0; t < p.size(); ++t) {
        if (!started[t]) {
            first.push_back(t);
        }
    }
    return first;
}

// Runs one execution: thread 0 starts the first threads of the program and joins them.
inline ending run_once(explorer& e, const program& p) {
    struct arrival {
        std::size_t at;
        std::uint64_t last;
        std::uint32_t events;
    };

    struct where {
        std::size_t thread = 0; // of the program
        std::size_t at = 0;
        std::uint64_t last = 0; // what the last read or choice brought
        bool done = false;
        bool arrived = false;       // looked whether it spins
        std::uint32_t spinning = 0; // events of the round that it spins in
        std::vector<arrival> arrivals;
    };

    e.begin();
    const std::vector<unsigned> first = first_threads(p);
    std::vector<where> threads(1); // by the explorer's names
    std::vector<thread_id> named(p.size(), no_thread);
    const auto start = [&](thread_id t, unsigned thread, const void* site) {
        thread_id child = no_thread;
        if (e.create(t, site, child) == progress::wait) {
            return progress::wait;
        }
        named[thread] = child;
        threads.resize(std::max<std::size_t>(threads.size(), child + 1U));
        threads[child].thread = thread;
        return progress::done;
    };
    const auto finish = [&](thread_id t) {
        threads[t].done = e.finish(t) == progress::done;
        return false;
    };
    const auto main_step = [&] {
        const std::size_t at = threads[0].at;
        if (at == 2 * first.size()) {
            return finish(0);
        }
        const progress state =
            at < first.size() ? start(0, first[at], nullptr) : e.join(0, named[first[at - first.size()]], nullptr);
        threads[0].at += state == progress::done ? 1U : 0U;
        return state == progress::done;
    };
    // Whether the thread may go on: a thread that is where it was before, and wrote nothing since, spins.
    const auto arrive = [&](thread_id t) {
        const auto clock = e.clock(t);
        const std::uint32_t events = t < clock.size() ? clock[t] : 0U;
        where& w = threads[t];
        if (!w.arrived) {
            w.arrived = true;
            const auto same = std::ranges::find_if(
                w.arrivals, [&](const arrival& a) { return a.at == w.at && a.last == w.last && a.events < events; });
            if (same == w.arrivals.end()) {
                w.arrivals.push_back({w.at, w.last, events});
            } else {
                w.spinning = events - same->events;
            }
        }
        if (w.spinning != 0) {
            if (e.spin(t, w.spinning) == progress::wait) {
                return false;
            }
            w.spinning = 0;
            w.arrivals.assign(1, {w.at, w.last, events});
        }
        return true;
    };
    const auto step = [&](thread_id t) {
        if (t == 0) {
            return main_step();
        }
        const auto& code = p[threads[t].thread];
        if (threads[t].at == code.size()) {
            return finish(t);
        }
        const instruction& i = code[threads[t].at];
        if (i.when && *i.when != threads[t].last) {
            ++threads[t].at;
            return true;
        }
        progress state = progress::wait;
        std::size_t next = threads[t].at + 1;
        switch (i.kind) {
        case instruction_kind::access: {
            if (reads(i.op) && !arrive(t)) {
                return false;
            }
            const accessed a = e.access(t, i.op, {i.location + 1U, 0, {}, &i});
            state = a.state;
            if (state == progress::done) {
                threads[t].arrived = false;
                if (a.wrote) {
                    threads[t].arrivals.clear();
                }
                if (reads(i.op)) {
                    const bool again = goes_back(i, a.seen);
                    threads[t].last = again ? 0 : a.seen.low;
                    next = again ? threads[t].at - *i.back : next;
                }
            }
            break;
        }
        case instruction_kind::fence:
            state = e.fence(t, i.op.success, &i);
            break;
        case instruction_kind::choice: {
            std::uint32_t chosen = 0;
            state = e.choose(t, static_cast<std::uint32_t>(i.op.operand.low), &i, chosen);
            if (state == progress::done) {
                threads[t].last = chosen;
                threads[t].arrivals.clear();
            }
            break;
        }
        case instruction_kind::start:
            state = start(t, i.location, &i);
            break;
        case instruction_kind::join:
            state = e.join(t, named[i.location], &i);
            break;
        }
        if (state == progress::done) {
            threads[t].at = next;
        }
        return state == progress::done;
    };
    for (thread_id t = e.pick(); t != no_thread; t = e.pick()) {
        while (step(t)) {
        }
    }
    return e.end(false);
}

enum class rounds : std::uint8_t { all, last };

// The reads-from and modification order of an execution, and what was chosen, spelled with places of the program:
// "1.0<i" says that the first instruction of thread 1 read the initial write. An instruction that comes again in a loop
// has a mark for each time before; with rounds::last only the last time is told.
inline std::string picture(const graph& g, const program& p, rounds which = rounds::all) {
    const auto again = [&](const event& x, std::uint32_t from, std::uint32_t to) {
        const auto events = g.thread(x.thread);
        return std::count_if(events.begin() + from, events.begin() + to,
                             [&](event_id e) { return g.at(e).site == x.site && g.at(e).kind == x.kind; });
    };
    const auto name = [&](event_id e) -> std::string {
        if (e < 0) {
            return "i";
        }
        const event& x = g.at(e);
        const auto* const i = static_cast<const instruction*>(x.site);
        std::size_t t = 0;
        while (std::less<>()(i, p[t].data()) || !std::less<>()(i, p[t].data() + p[t].size())) {
            ++t;
        }
        const auto times = which == rounds::all ? again(x, 0, x.index) : 0;
        return std::to_string(t + 1) + "." + std::to_string(i - p[t].data()) +
               std::string(static_cast<std::size_t>(times), '\'');
    };
    std::vector<std::string> parts;
    for (event_id e = 0; e < g.size(); ++e) {
        const event& x = g.at(e);
        const auto events = static_cast<std::uint32_t>(g.thread(x.thread).size());
        if (which == rounds::last && x.kind == event_kind::read && again(x, x.index + 1U, events) > 0) {
            continue;
        }
        if (x.kind == event_kind::read) {
            parts.push_back(name(e) + "<" + name(x.source));
        } else if (x.kind == event_kind::choice) {
            parts.push_back(name(e) + "=" + std::to_string(x.data.low));
        }
    }
    std::size_t locations = 0;
    for (const auto& t : p) {
        for (const instruction& i : t) {
            locations = std::max<std::size_t>(locations, i.kind == instruction_kind::access ? i.location + 1U : 0U);
        }
    }
    for (unsigned l = 0; l < locations; ++l) {
        std::string order = "x" + std::to_string(l) + ":";
        if (const location_id found = g.find_location(l + 1U, 0); found != no_location) {
            for (const event_id w : g.location_at(found).writes) {
                order += " " + name(w);
            }
        }
        parts.push_back(order);
    }
    std::ranges::sort(parts);
    std::string all;
    for (const std::string& part : parts) {
        all += part + "\n";
    }
    return all;
}

} // namespace gantry::check

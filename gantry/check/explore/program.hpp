// SPDX-License-Identifier: MIT
#pragma once
//
// program: a straight-line concurrent program written as a table, and how to run it under an explorer.
//
// Use it when testing an explorer without running compiled code.
// Do not use it when the program has branches or data of its own -> GANTRY_MODEL.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: n/a. Origin: n/a.

#include <gantry/check/explore/explorer.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace gantry::check {

struct instruction {
    bool fence = false;
    unsigned location = 0;
    operation op; // a fence uses op.success
};

using program = std::vector<std::vector<instruction>>;

// Runs one execution: thread 0 starts the program's threads 1, 2 ... and joins them.
inline ending run_once(explorer& e, const program& p) {
    struct where {
        std::size_t at = 0;
        bool done = false;
    };
    e.begin();
    std::vector<where> threads(p.size() + 1);
    const auto step = [&](thread_id t) {
        where& w = threads[t];
        progress state = progress::wait;
        if (t == 0) {
            thread_id child = no_thread;
            if (w.at < p.size()) {
                state = e.create(0, nullptr, child);
            } else if (w.at < 2 * p.size()) {
                state = e.join(0, static_cast<thread_id>(w.at - p.size() + 1), nullptr);
            } else {
                state = e.finish(0);
                w.done = state == progress::done;
            }
        } else if (w.at == p[t - 1U].size()) {
            state = e.finish(t);
            w.done = state == progress::done;
        } else {
            const instruction& i = p[t - 1U][w.at];
            state = i.fence ? e.fence(t, i.op.success, nullptr)
                            : e.access(t, i.op, {i.location + 1U, 0, {}, nullptr}).state;
        }
        w.at += state == progress::done ? 1U : 0U;
        return state == progress::done && !w.done;
    };
    for (thread_id t = e.pick(); t != no_thread; t = e.pick()) {
        while (step(t)) {
        }
    }
    return e.end(false);
}

// The reads-from and modification order of an execution, spelled with places of the program: "1.0<i" says that thread
// 1's first read saw the initial write.
inline std::string picture(const graph& g, const program& p) {
    // Which instruction an event belongs to: the two halves of a read-modify-write share one.
    const auto name = [&](event_id e) -> std::string {
        if (e < 0) {
            return "i";
        }
        const event& x = g.at(e);
        std::size_t instructions = 0;
        for (std::uint32_t i = 0; i < x.index; ++i) {
            const event& y = g.at(g.thread(x.thread)[i]);
            instructions += y.kind == event_kind::write && y.exclusive ? 0U : 1U;
        }
        if (x.kind == event_kind::write && x.exclusive) {
            --instructions;
        }
        return std::to_string(x.thread) + "." + std::to_string(instructions);
    };
    std::vector<std::string> parts;
    for (event_id e = 0; e < g.size(); ++e) {
        if (g.at(e).kind == event_kind::read) {
            parts.push_back(name(e) + "<" + name(g.at(e).source));
        }
    }
    std::size_t locations = 0;
    for (const auto& t : p) {
        for (const instruction& i : t) {
            locations = std::max<std::size_t>(locations, i.fence ? 0U : i.location + 1U);
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

// SPDX-License-Identifier: MIT
#pragma once
//
// oracle: every RC11 execution of a straight-line program, by brute force: guess reads-from and modification order,
// keep what satisfies the axioms.
//
// Use it when an explorer's answers are to be compared with something that shares no code and no idea with it.
// Do not use it when the program has more than eight or so accesses: it tries everything.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: exponential. Failure: at most 32 events, asserted.
// Lifetime: n/a.
// Origin: the axioms of RC11 (Lahav et al., PLDI 2017, figure 1) written as relational algebra; release sequences as in
// C++20: rs = [W]; (rf; rmw)*.

#include <gantry/check/explore/program.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace gantry::check::oracle {

// A relation over at most 32 events.
struct rel {
    std::array<std::uint32_t, 32> rows{};

    void add(unsigned a, unsigned b) { rows[a] |= 1U << b; }
    [[nodiscard]] bool has(unsigned a, unsigned b) const { return ((rows[a] >> b) & 1U) != 0; }

    friend rel operator|(const rel& x, const rel& y) {
        rel r;
        for (unsigned a = 0; a < 32; ++a) {
            r.rows[a] = x.rows[a] | y.rows[a];
        }
        return r;
    }

    friend rel operator&(const rel& x, const rel& y) {
        rel r;
        for (unsigned a = 0; a < 32; ++a) {
            r.rows[a] = x.rows[a] & y.rows[a];
        }
        return r;
    }

    // Composition: first x, then y.
    friend rel operator*(const rel& x, const rel& y) {
        rel r;
        for (unsigned a = 0; a < 32; ++a) {
            for (unsigned b = 0; b < 32; ++b) {
                if (x.has(a, b)) {
                    r.rows[a] |= y.rows[b];
                }
            }
        }
        return r;
    }

    [[nodiscard]] rel inverse() const {
        rel r;
        for (unsigned a = 0; a < 32; ++a) {
            for (unsigned b = 0; b < 32; ++b) {
                if (has(a, b)) {
                    r.add(b, a);
                }
            }
        }
        return r;
    }

    [[nodiscard]] rel plus() const {
        rel r = *this;
        for (unsigned k = 0; k < 32; ++k) {
            for (unsigned a = 0; a < 32; ++a) {
                if (r.has(a, k)) {
                    r.rows[a] |= r.rows[k];
                }
            }
        }
        return r;
    }

    [[nodiscard]] bool irreflexive() const {
        for (unsigned a = 0; a < 32; ++a) {
            if (has(a, a)) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] bool acyclic() const { return plus().irreflexive(); }

    [[nodiscard]] bool empty() const {
        return std::ranges::all_of(rows, [](std::uint32_t row) { return row == 0; });
    }
};

inline rel identity() {
    rel r;
    for (unsigned a = 0; a < 32; ++a) {
        r.add(a, a);
    }
    return r;
}

inline rel maybe(const rel& r) {
    return r | identity();
}

struct node {
    event_kind kind = event_kind::read;
    int location = -1; // fences have none
    order o = order::relaxed;
    unsigned thread = 0; // 0: initial writes
    unsigned instruction = 0;
    std::string name;
};

// Whether the execution satisfies RC11.
inline bool consistent(const std::vector<node>& nodes, const rel& sb, const rel& rf, const rel& mo, const rel& rmw) {
    const auto n = static_cast<unsigned>(nodes.size());
    const auto where = [&](auto&& property) {
        rel r;
        for (unsigned a = 0; a < n; ++a) {
            if (property(nodes[a])) {
                r.add(a, a);
            }
        }
        return r;
    };
    rel same;
    rel different;
    for (unsigned a = 0; a < n; ++a) {
        for (unsigned b = 0; b < n; ++b) {
            const bool equal = nodes[a].location >= 0 && nodes[a].location == nodes[b].location;
            (equal ? same : different).add(a, b);
        }
    }
    const rel writes = where([](const node& e) { return e.kind == event_kind::write; });
    const rel fences = where([](const node& e) { return e.kind == event_kind::fence; });
    const rel acquiring = where([](const node& e) { return e.kind != event_kind::write && acquires(e.o); });
    const rel releasing = where([](const node& e) { return e.kind != event_kind::read && releases(e.o); });
    const rel sc = where([](const node& e) { return e.o == order::seq_cst && e.kind != event_kind::fence; });
    const rel sc_fence = where([](const node& e) { return e.o == order::seq_cst && e.kind == event_kind::fence; });

    if (!(sb | rf).acyclic()) {
        return false;
    }
    rel rb = rf.inverse() * mo;
    for (unsigned a = 0; a < n; ++a) {
        rb.rows[a] &= ~(1U << a);
    }
    const rel eco = (rf | mo | rb).plus();
    const rel rs = writes * maybe((rf * rmw).plus());
    const rel sw = releasing * maybe(fences * sb) * rs * rf * maybe(sb * fences) * acquiring;
    const rel hb = (sb | sw).plus();
    if (!hb.irreflexive() || !(hb * eco).irreflexive()) {
        return false;
    }
    if (!(rmw & (rb * mo)).empty()) {
        return false;
    }
    const rel apart = sb & different;
    const rel scb = sb | apart * hb * apart | (hb & same) | mo | rb;
    const rel psc_base = (sc | sc_fence * maybe(hb)) * scb * (sc | maybe(hb) * sc_fence);
    const rel psc_f = sc_fence * (hb | hb * eco * hb) * sc_fence;
    return (psc_base | psc_f).acyclic();
}

// The pictures (see program.hpp) of all consistent executions.
inline std::set<std::string> executions(const program& p) {
    struct step {
        unsigned thread;
        unsigned index;
        const instruction* what;
    };
    std::vector<step> steps;
    unsigned locations = 0;
    for (unsigned t = 0; t < p.size(); ++t) {
        for (unsigned i = 0; i < p[t].size(); ++i) {
            steps.push_back({t + 1U, i, &p[t][i]});
            if (!p[t][i].fence) {
                locations = std::max(locations, p[t][i].location + 1U);
            }
        }
    }
    const auto count = static_cast<unsigned>(steps.size());
    constexpr int from_initial = -1;
    std::vector<int> source(count, from_initial); // per step: which step's write is read
    std::set<std::string> found;

    // With reads-from fixed: evaluate, then try all modification orders.
    const auto evaluate = [&] {
        std::vector<std::optional<value>> seen(count);
        std::vector<std::optional<value>> wrote(count);
        std::vector<bool> done(count);
        for (bool moved = true; moved;) {
            moved = false;
            for (unsigned s = 0; s < count; ++s) {
                if (done[s] || (steps[s].index > 0 && !done[s - 1])) {
                    continue;
                }
                const instruction& i = *steps[s].what;
                if (!i.fence) {
                    value v;
                    if (reads(i.op)) {
                        if (source[s] != from_initial) {
                            const auto w = static_cast<unsigned>(source[s]);
                            if (!done[w]) {
                                continue;
                            }
                            if (!wrote[w]) {
                                return; // reads from a compare-exchange that failed
                            }
                            v = *wrote[w];
                        }
                        if (stays_blocked(i.op, v)) {
                            return; // waits for ever: no complete execution
                        }
                        seen[s] = v;
                        if (writes_after(i.op, v)) {
                            wrote[s] = written(i.op, v);
                        }
                    } else {
                        wrote[s] = written(i.op, {});
                    }
                }
                done[s] = true;
                moved = true;
            }
        }
        if (!std::ranges::all_of(done, [](bool b) { return b; })) {
            return; // a causal cycle
        }
        std::vector<node> nodes;
        for (unsigned l = 0; l < locations; ++l) {
            nodes.push_back({event_kind::write, static_cast<int>(l), order::relaxed, 0, 0, "i"});
        }
        rel rmw;
        std::vector<unsigned> write_node(count);
        std::vector<unsigned> read_node(count);
        std::vector<std::vector<unsigned>> writers(locations);
        for (unsigned s = 0; s < count; ++s) {
            const instruction& i = *steps[s].what;
            const int l = i.fence ? -1 : static_cast<int>(i.location);
            const std::string name = std::to_string(steps[s].thread) + "." + std::to_string(steps[s].index);
            const auto add = [&](event_kind kind, order o) {
                nodes.push_back({kind, l, o, steps[s].thread, steps[s].index, name});
                return static_cast<unsigned>(nodes.size() - 1);
            };
            if (i.fence) {
                add(event_kind::fence, i.op.success);
                continue;
            }
            if (seen[s]) {
                const bool failed = i.op.kind == operation_kind::cas && !wrote[s];
                read_node[s] = add(event_kind::read, failed ? i.op.failure : i.op.success);
            }
            if (wrote[s]) {
                write_node[s] = add(event_kind::write, i.op.success);
                writers[i.location].push_back(write_node[s]);
                if (seen[s]) {
                    rmw.add(read_node[s], write_node[s]);
                }
            }
        }
        if (nodes.size() > 32) {
            throw std::length_error("oracle: more than 32 events");
        }
        rel sb;
        rel rf;
        for (unsigned a = 0; a < nodes.size(); ++a) {
            for (unsigned b = 0; b < nodes.size(); ++b) {
                const bool initial = nodes[a].thread == 0 && nodes[b].thread != 0;
                if (initial || (nodes[a].thread != 0 && nodes[a].thread == nodes[b].thread && a < b)) {
                    sb.add(a, b);
                }
            }
        }
        std::vector<std::string> parts;
        for (unsigned s = 0; s < count; ++s) {
            if (seen[s]) {
                const unsigned from =
                    source[s] == from_initial ? steps[s].what->location : write_node[static_cast<unsigned>(source[s])];
                rf.add(from, read_node[s]);
                parts.push_back(nodes[read_node[s]].name + "<" + nodes[from].name);
            }
        }
        const std::function<void(unsigned, rel)> choose = [&](unsigned l, rel mo) {
            if (l == locations) {
                if (consistent(nodes, sb, rf, mo, rmw)) {
                    auto all = parts;
                    for (unsigned k = 0; k < locations; ++k) {
                        auto sorted = writers[k];
                        std::ranges::sort(sorted, [&](unsigned a, unsigned b) { return mo.has(a, b); });
                        std::string text = "x" + std::to_string(k) + ":";
                        for (const unsigned w : sorted) {
                            text += " " + nodes[w].name;
                        }
                        all.push_back(text);
                    }
                    std::ranges::sort(all);
                    std::string picture;
                    for (const std::string& part : all) {
                        picture += part + "\n";
                    }
                    found.insert(picture);
                }
                return;
            }
            auto line = writers[l];
            std::ranges::sort(line);
            do {
                rel longer = mo;
                for (unsigned a = 0; a < line.size(); ++a) {
                    longer.add(l, line[a]);
                    for (unsigned b = a + 1; b < line.size(); ++b) {
                        longer.add(line[a], line[b]);
                    }
                }
                choose(l + 1, longer);
            } while (std::ranges::next_permutation(line).found);
        };
        choose(0, {});
    };

    const std::function<void(unsigned)> guess = [&](unsigned s) {
        if (s == count) {
            evaluate();
            return;
        }
        const instruction& i = *steps[s].what;
        source[s] = from_initial;
        guess(s + 1);
        if (i.fence || !reads(i.op)) {
            return;
        }
        for (unsigned w = 0; w < count; ++w) {
            const instruction& other = *steps[w].what;
            if (w != s && !other.fence && other.location == i.location && other.op.kind != operation_kind::load) {
                source[s] = static_cast<int>(w);
                guess(s + 1);
            }
        }
        source[s] = from_initial;
    };
    guess(0);
    return found;
}

} // namespace gantry::check::oracle

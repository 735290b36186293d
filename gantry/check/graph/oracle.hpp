// SPDX-License-Identifier: MIT
#pragma once
//
// oracle: every RC11 execution of a table program, by brute force: guess reads-from, modification order and choices,
// keep what satisfies the axioms. Also every execution that ends with a thread waiting for ever.
//
// A loop is gone through once, as its last round; a round that ends by going back is kept only when nothing newer could
// have been read in it, and then the thread stays there for ever.
//
// Use it when an explorer's answers are to be compared with something that shares no code and no idea with it.
// Do not use it when the program has more than eight or so accesses: it tries everything.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: exponential. Failure: at most 32 events, asserted.
// Lifetime: n/a.
// Origin: the axioms of RC11 (Lahav et al., PLDI 2017, figure 1) written as relational algebra; release sequences as in
// C++20: rs = [W]; (rf; rmw)*; asymmetric fences as MODEL.md has them.

#include <gantry/check/explore/program.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
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
    int location = -1; // only accesses have one
    order o = order::relaxed;
    unsigned thread = 0; // 0: initial writes
    unsigned instruction = 0;
    std::string name;
};

// Whether the execution satisfies RC11. `started` leads from the creation of a thread to its beginning, and from its
// end to the join.
inline bool consistent(const std::vector<node>& nodes, const rel& sb, const rel& started, const rel& rf, const rel& mo,
                       const rel& rmw) {
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
    const auto fences_of = [&](order o) {
        return where([o](const node& e) { return e.o == o && e.kind == event_kind::fence; });
    };
    const rel light = fences_of(order::light);
    const rel begins = fences_of(order::heavy_begin);
    const rel ends = fences_of(order::heavy_end);
    const rel sc_fence = fences_of(order::seq_cst) | begins | ends;

    if (!(sb | started | rf).acyclic()) {
        return false;
    }
    rel rb = rf.inverse() * mo;
    for (unsigned a = 0; a < n; ++a) {
        rb.rows[a] &= ~(1U << a);
    }
    const rel eco = (rf | mo | rb).plus();
    const rel rs = writes * maybe((rf * rmw).plus());
    const rel through = sb * rs * rf * sb; // from a fence to a fence
    const rel sw = started | releasing * maybe(fences * sb) * rs * rf * maybe(sb * fences) * acquiring |
                   light * through * ends | begins * through * light;
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
    const rel as_fences = maybe(hb) * scb * maybe(hb) | hb | hb * eco * hb;
    const rel psc_f = sc_fence * as_fences * sc_fence;
    rel heavy; // from its beginning to its end
    for (unsigned a = 0; a + 1 < n; ++a) {
        if (begins.has(a, a) && ends.has(a + 1, a + 1) && nodes[a].thread == nodes[a + 1].thread) {
            heavy.add(a, a + 1);
        }
    }
    const rel asymmetric = heavy * as_fences * light | light * as_fences * begins;
    return (psc_base | psc_f | asymmetric).acyclic();
}

// The pictures (see program.hpp) of all consistent executions.
struct answer {
    std::set<std::string> complete;
    std::set<std::string> deadlocks; // everybody who has not ended waits, and what each saw was the newest there is
};

// One guess of reads-from and choices, and what the program does if it is right.
class guess {
public:
    static constexpr int from_initial = -1;

    explicit guess(const program& p) : program_(p) {
        for (unsigned t = 0; t < p.size(); ++t) {
            first_.push_back(static_cast<unsigned>(steps_.size()));
            for (unsigned i = 0; i < p[t].size(); ++i) {
                steps_.push_back({t, i, &p[t][i]});
                if (p[t][i].kind == instruction_kind::access) {
                    locations_ = std::max(locations_, p[t][i].location + 1U);
                }
            }
        }
        first_.push_back(static_cast<unsigned>(steps_.size()));
        taken_.resize(steps_.size());
        started_late_.assign(p.size(), true);
        for (const unsigned t : first_threads(p)) {
            started_late_[t] = false;
        }
    }

    void try_all(answer& found) { try_step(0, found); }

private:
    enum class step_state : std::uint8_t { open, done, skipped };
    enum class thread_state : std::uint8_t { waiting, going, stuck, ended };

    struct step {
        unsigned thread;
        unsigned index;
        const instruction* what;
    };

    struct outcome {
        step_state state = step_state::open;
        int source = from_initial; // which step's write is read
        std::uint64_t chosen = 0;
        std::optional<value> seen;
        std::optional<value> wrote;
        unsigned read_node = 0;
        unsigned write_node = 0;
    };

    struct thread {
        thread_state state = thread_state::waiting;
        unsigned next = 0; // step
        std::uint64_t last = 0;
        std::vector<unsigned> in_vain; // the steps that it looked at before it got stuck
        bool times_out = false;
    };

    [[nodiscard]] static bool accesses(const instruction& i) { return i.kind == instruction_kind::access; }

    void try_step(unsigned s, answer& found) {
        if (s == steps_.size()) {
            evaluate(found);
            return;
        }
        const instruction& i = *steps_[s].what;
        taken_[s] = {};
        if (i.kind == instruction_kind::choice) {
            for (std::uint64_t c = 0; c < i.op.operand.low; ++c) {
                taken_[s].chosen = c;
                try_step(s + 1, found);
            }
            return;
        }
        try_step(s + 1, found);
        if (!accesses(i) || !reads(i.op)) {
            return;
        }
        for (unsigned w = 0; w < steps_.size(); ++w) {
            const instruction& other = *steps_[w].what;
            if (w != s && accesses(other) && other.location == i.location && other.op.kind != operation_kind::load &&
                other.op.kind != operation_kind::look) {
                taken_[s].source = static_cast<int>(w);
                try_step(s + 1, found);
            }
        }
        taken_[s].source = from_initial;
    }

    // What the next step of the thread does; false when it cannot be done yet, or never.
    bool advance(thread& t) {
        outcome& o = taken_[t.next];
        const step& s = steps_[t.next];
        const instruction& i = *s.what;
        if (i.when && *i.when != t.last) {
            o.state = step_state::skipped;
            ++t.next;
            return true;
        }
        switch (i.kind) {
        case instruction_kind::fence:
            break;
        case instruction_kind::choice:
            t.last = o.chosen;
            break;
        case instruction_kind::start:
            threads_[i.location].state = thread_state::going;
            break;
        case instruction_kind::join:
            if (threads_[i.location].state != thread_state::ended) {
                return false;
            }
            break;
        case instruction_kind::access:
            if (!reads(i.op)) {
                o.wrote = written(i.op, {});
                break;
            }
            value v;
            if (o.source != from_initial) {
                const outcome& writer = taken_[static_cast<unsigned>(o.source)];
                if (writer.state == step_state::open || !writer.wrote) {
                    return false;
                }
                v = *writer.wrote;
            }
            o.seen = v;
            t.last = v.low;
            if (stays_blocked(i.op, v) || goes_back(i, v)) {
                for (unsigned back = 0; back <= i.back.value_or(0); ++back) {
                    if (taken_[t.next - back].seen) {
                        t.in_vain.push_back(t.next - back);
                    }
                }
                t.times_out = i.op.timed;
                t.state = thread_state::stuck;
            } else if (writes_after(i.op, v)) {
                o.wrote = written(i.op, v);
            }
            break;
        }
        o.state = step_state::done;
        ++t.next;
        return true;
    }

    // With reads-from fixed: evaluate, then try all modification orders.
    void evaluate(answer& found) {
        threads_.assign(program_.size(), {});
        for (unsigned t = 0; t < threads_.size(); ++t) {
            threads_[t].next = first_[t];
        }
        for (const unsigned t : first_threads(program_)) {
            threads_[t].state = thread_state::going;
        }
        for (outcome& o : taken_) {
            o.state = step_state::open;
            o.seen.reset();
            o.wrote.reset();
        }
        for (bool moved = true; moved;) {
            moved = false;
            for (unsigned t = 0; t < threads_.size(); ++t) {
                while (threads_[t].state == thread_state::going) {
                    if (threads_[t].next == first_[t + 1]) {
                        threads_[t].state = thread_state::ended;
                    } else if (!advance(threads_[t])) {
                        break;
                    }
                    moved = true;
                }
            }
        }
        bool complete = true;
        for (const thread& t : threads_) {
            if (t.state == thread_state::going && steps_[t.next].what->kind != instruction_kind::join) {
                return; // reads from what is never written, or from what depends on the read
            }
            if (t.times_out) {
                return;
            }
            complete = complete && t.state == thread_state::ended;
        }
        for (const outcome& o : taken_) {
            if (o.state != step_state::done && (o.source != from_initial || o.chosen != 0)) {
                return; // the same execution as with another guess
            }
        }
        build();
        order_writes(0, {}, complete ? found.complete : found.deadlocks);
    }

    void build() {
        nodes_.clear();
        parts_.clear();
        sb_ = rf_ = rmw_ = started_ = {};
        writers_.assign(locations_, {});
        for (unsigned l = 0; l < locations_; ++l) {
            nodes_.push_back({event_kind::write, static_cast<int>(l), order::relaxed, 0, 0, "i"});
        }
        std::vector<unsigned> begins(threads_.size());
        std::vector<unsigned> ends(threads_.size());
        std::vector<std::pair<unsigned, unsigned>> starts; // node, thread
        std::vector<std::pair<unsigned, unsigned>> joins;
        for (unsigned t = 0; t < threads_.size(); ++t) {
            const auto add = [&](event_kind kind, int l, order o, unsigned index) {
                nodes_.push_back({kind, l, o, t + 1U, index, std::to_string(t + 1U) + "." + std::to_string(index)});
                return static_cast<unsigned>(nodes_.size() - 1);
            };
            if (started_late_[t]) {
                begins[t] = add(event_kind::create, -1, order::relaxed, 0);
            }
            for (unsigned s = first_[t]; s < first_[t + 1]; ++s) {
                const instruction& i = *steps_[s].what;
                outcome& o = taken_[s];
                if (o.state != step_state::done) {
                    continue;
                }
                switch (i.kind) {
                case instruction_kind::access: {
                    const auto l = static_cast<int>(i.location);
                    if (o.seen) {
                        const bool failed = i.op.kind == operation_kind::cas && !o.wrote;
                        o.read_node = add(event_kind::read, l, failed ? i.op.failure : i.op.success, steps_[s].index);
                    }
                    if (o.wrote) {
                        o.write_node = add(event_kind::write, l, i.op.success, steps_[s].index);
                        writers_[i.location].push_back(o.write_node);
                        if (o.seen) {
                            rmw_.add(o.read_node, o.write_node);
                        }
                    }
                    break;
                }
                case instruction_kind::fence:
                    add(event_kind::fence, -1, i.op.success, steps_[s].index);
                    break;
                case instruction_kind::choice:
                    parts_.push_back(std::to_string(t + 1U) + "." + std::to_string(steps_[s].index) + "=" +
                                     std::to_string(o.chosen));
                    break;
                case instruction_kind::start:
                    starts.emplace_back(add(event_kind::create, -1, order::relaxed, steps_[s].index), i.location);
                    break;
                case instruction_kind::join:
                    joins.emplace_back(add(event_kind::join, -1, order::relaxed, steps_[s].index), i.location);
                    break;
                }
            }
            if (started_late_[t]) {
                ends[t] = add(event_kind::finish, -1, order::relaxed, 0);
            }
        }
        if (nodes_.size() > 32) {
            throw std::length_error("oracle: more than 32 events");
        }
        for (const auto& [at, t] : starts) {
            started_.add(at, begins[t]);
        }
        for (const auto& [at, t] : joins) {
            started_.add(ends[t], at);
        }
        for (unsigned a = 0; a < nodes_.size(); ++a) {
            for (unsigned b = 0; b < nodes_.size(); ++b) {
                const bool initial = nodes_[a].thread == 0 && nodes_[b].thread != 0;
                if (initial || (nodes_[a].thread != 0 && nodes_[a].thread == nodes_[b].thread && a < b)) {
                    sb_.add(a, b);
                }
            }
        }
        for (unsigned s = 0; s < steps_.size(); ++s) {
            if (taken_[s].seen) {
                const unsigned from = source_node(s);
                rf_.add(from, taken_[s].read_node);
                parts_.push_back(nodes_[taken_[s].read_node].name + "<" + nodes_[from].name);
            }
        }
        modified_ = (rf_ * rmw_).inverse();
    }

    [[nodiscard]] unsigned source_node(unsigned s) const {
        const int source = taken_[s].source;
        return source == from_initial ? steps_[s].what->location : taken_[static_cast<unsigned>(source)].write_node;
    }

    // Tries all orders of the location's writes but those that two of the axioms rule out at sight: program order is
    // kept, and a read-modify-write follows the write that it read.
    void order_writes(unsigned l, const rel& mo, std::set<std::string>& found) {
        if (l == locations_) {
            keep(mo, found);
            return;
        }
        std::vector<unsigned> line{l};
        add_writes(l, line, writers_[l], mo, found);
    }

    void add_writes(unsigned l, std::vector<unsigned>& line, const std::vector<unsigned>& left, const rel& mo,
                    std::set<std::string>& found) {
        if (left.empty()) {
            order_writes(l + 1, mo, found);
            return;
        }
        for (const unsigned next : left) {
            const bool early = std::ranges::any_of(left, [&](unsigned w) { return sb_.has(w, next); });
            if (early || (modified_.rows[next] != 0 && !modified_.has(next, line.back()))) {
                continue;
            }
            std::vector<unsigned> rest;
            std::ranges::copy_if(left, std::back_inserter(rest), [&](unsigned w) { return w != next; });
            rel longer = mo;
            for (const unsigned w : line) {
                longer.add(w, next);
            }
            line.push_back(next);
            add_writes(l, line, rest, longer, found);
            line.pop_back();
        }
    }

    void keep(const rel& mo, std::set<std::string>& found) {
        for (const thread& t : threads_) {
            for (const unsigned s : t.in_vain) {
                if (mo.rows[source_node(s)] != 0) {
                    return; // something newer would have come
                }
            }
        }
        if (!consistent(nodes_, sb_, started_, rf_, mo, rmw_)) {
            return;
        }
        auto all = parts_;
        for (unsigned k = 0; k < locations_; ++k) {
            auto sorted = writers_[k];
            std::ranges::sort(sorted, [&](unsigned a, unsigned b) { return mo.has(a, b); });
            std::string text = "x" + std::to_string(k) + ":";
            for (const unsigned w : sorted) {
                text += " " + nodes_[w].name;
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

    const program& program_;
    std::vector<step> steps_;
    std::vector<unsigned> first_;    // per thread: its first step; one more at the end
    std::vector<bool> started_late_; // per thread: by an instruction
    unsigned locations_ = 0;
    std::vector<outcome> taken_; // per step
    std::vector<thread> threads_;
    std::vector<node> nodes_;
    rel sb_;
    rel started_;
    rel rf_;
    rel rmw_;
    rel modified_;                               // from a read-modify-write's write to the write that it read
    std::vector<std::vector<unsigned>> writers_; // nodes, per location
    std::vector<std::string> parts_;
};

inline answer executions(const program& p) {
    answer found;
    guess(p).try_all(found);
    return found;
}

} // namespace gantry::check::oracle

// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/edges.hpp>
#include <gantry/check/report/detail/story.hpp>
#include <gantry/check/report/detail/symbols.hpp>
#include <gantry/check/report/detail/text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <map>

namespace gantry::check {

namespace {

constexpr std::size_t nowhere = SIZE_MAX;

std::string hex(std::uint64_t n) {
    std::array<char, 24> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "0x%llx", static_cast<unsigned long long>(n));
    return buffer.data();
}

location_tag tag_of(const location& l) {
    return static_cast<location_tag>(l.address >> 56U);
}

std::string with_order(const event& e) {
    return std::string(" (") + name_of(e.memory_order) + ")";
}

// Decides the order of the steps and says each of them.
class teller {
public:
    teller(const graph& g, std::span<const remark> remarks, const narration& known, bool at_race)
        : graph_(g), remarks_(remarks), known_(known), at_race_(at_race), next_(g.thread_count()),
          step_of_(static_cast<std::size_t>(g.size()), nowhere), said_(remarks.size()) {
        for (const remark& r : remarks) {
            next_.resize(std::max<std::size_t>(next_.size(), r.thread + 1U));
        }
    }

    counterexample tell() {
        std::size_t last = 0;
        for (;;) {
            std::size_t best = next_.size();
            std::size_t best_cost = SIZE_MAX;
            for (std::size_t i = 0; i < next_.size(); ++i) {
                const std::size_t t = (last + i) % next_.size(); // rather go on with the same thread
                say_remarks(t);
                if (ready(t)) {
                    if (const std::size_t cost = cost_of(t); cost < best_cost) {
                        best = t;
                        best_cost = cost;
                    }
                }
            }
            if (best == next_.size()) {
                break;
            }
            last = best;
            say_event(best);
        }
        if (!remarks_.empty()) {
            say(remarks_.back());
        }
        relate();
        for (const counterexample_object& o : known_.others()) {
            told_.objects.push_back(o);
        }
        return std::move(told_);
    }

private:
    [[nodiscard]] std::span<const event_id> events(std::size_t t) const {
        return t < graph_.thread_count() ? graph_.thread(static_cast<thread_id>(t)) : std::span<const event_id>();
    }

    [[nodiscard]] bool happened(event_id e) const { return e < 0 || next_[graph_.at(e).thread] > graph_.at(e).index; }

    [[nodiscard]] bool ready(std::size_t t) const {
        if (next_[t] >= events(t).size()) {
            return false;
        }
        const event& e = graph_.at(events(t)[next_[t]]);
        return ((e.kind != event_kind::read && e.kind != event_kind::join) || happened(e.source)) &&
               (next_[t] > 0 || happened(graph_.creation_of(static_cast<thread_id>(t))));
    }

    // The write of the next event, also if it is the second half of a read-modify-write.
    [[nodiscard]] const event* write_of(std::size_t t, std::size_t index) const {
        const event& e = graph_.at(events(t)[index]);
        if (e.kind == event_kind::write) {
            return &e;
        }
        if (e.kind == event_kind::read && e.exclusive && index + 1 < events(t).size()) {
            const event& half = graph_.at(events(t)[index + 1]);
            return half.kind == event_kind::write && half.exclusive ? &half : nullptr;
        }
        return nullptr;
    }

    // How much of what is still to come would look stale, or out of order, if this came next.
    [[nodiscard]] std::size_t cost_of(std::size_t t) const {
        const event* const w = write_of(t, next_[t]);
        if (w == nullptr) {
            return 0;
        }
        const location& l = graph_.location_at(w->location);
        const event_id self = events(t)[next_[t]];
        std::size_t cost = 0;
        for (const event_id r : l.reads) {
            cost += r != self && !happened(r) && graph_.position_of(graph_.at(r).source) < w->position ? 1U : 0U;
        }
        for (std::size_t i = 0; i + 1 < w->position; ++i) {
            cost += happened(l.writes[i]) ? 0U : 1U;
        }
        return cost;
    }

    void say_remarks(std::size_t t) {
        // The last is what the execution ends with.
        for (std::size_t i = 0; i + 1 < remarks_.size(); ++i) {
            const remark& r = remarks_[i];
            if (said_[i] == 0 && r.thread == t && r.before <= next_[t] && happened(graph_.creation_of(r.thread))) {
                said_[i] = 1;
                say(r);
            }
        }
    }

    void say(const remark& r) {
        counterexample_step s;
        s.thread = r.thread;
        s.kind = "note";
        s.text = r.text;
        s.guilty = true;
        place(s, r.site, r.stack);
        told_.steps.push_back(std::move(s));
    }

    // The innermost place that is the user's own, and from there outwards.
    static void place(counterexample_step& s, const void* site, std::span<const void* const> stack) {
        const std::span<const void* const> all = stack.empty() ? std::span<const void* const>(&site, 1) : stack;
        for (const void* const at : all) {
            for (const code_place& p : places_of(at)) {
                if (!own(p)) {
                    continue;
                }
                if (s.place.known()) {
                    s.stack.push_back(p);
                } else {
                    s.place = p;
                }
            }
        }
    }

    const std::string& name(location_id l) {
        const auto [found, fresh] = names_.try_emplace(l);
        if (!fresh) {
            return found->second;
        }
        const location& where = graph_.location_at(l);
        counterexample_object o = known_.object_of(where);
        if (o.name.empty()) {
            o.name = static_cast<char>('A' + letters_ % 26);
            o.name += letters_ < 26 ? "" : std::to_string(letters_ / 26);
            ++letters_;
        }
        const std::string once = o.name;
        const auto taken = [&](const std::string& text) {
            return std::ranges::any_of(names_, [&](const auto& other) {
                return other.second == text && other.first != l &&
                       // A lock and those that wait at it may well be called the same.
                       tag_of(graph_.location_at(other.first)) == tag_of(where);
            });
        };
        for (int n = 2; taken(o.name); ++n) {
            o.name = once + "'" + std::to_string(n);
        }
        found->second = o.name;
        // A block is described once, whatever part of it is accessed.
        if (!o.name.starts_with("block ")) {
            told_.objects.push_back(std::move(o));
        }
        return found->second;
    }

    [[nodiscard]] std::string number(const value& v, std::size_t size) const {
        if (std::string meaning = known_.meaning_of(v.low); !meaning.empty() && size >= 8) {
            return v.high == 0 ? meaning : meaning + ":" + std::to_string(v.high);
        }
        if (v.high != 0) {
            return hex(v.high) + ":" + hex(v.low);
        }
        if (size < 8 && size > 0) {
            const std::uint64_t minus = (std::uint64_t{1} << (8 * size)) - v.low;
            if (minus <= 1000 && size >= 4) {
                return "-" + std::to_string(minus);
            }
        } else if (v.low > UINT64_MAX - 1000) {
            return "-" + std::to_string(UINT64_MAX - v.low + 1);
        }
        return v.low < 1'000'000 ? std::to_string(v.low) : hex(v.low);
    }

    [[nodiscard]] std::uint32_t number_of(event_id e) const {
        const std::size_t step = step_of_[static_cast<std::size_t>(e)];
        return step == nowhere ? 0 : told_.steps[step].number;
    }

    [[nodiscard]] std::string called(event_id e) const { return "#" + std::to_string(number_of(e)); }

    // From where a read has its value; notes how stale that was.
    std::string source(const event& read, event_id id, counterexample_step& s) {
        s.source = read.source == initial_write ? 0 : number_of(read.source);
        std::string text = read.source == initial_write ? "from the start" : "from " + called(read.source);
        const location& l = graph_.location_at(read.location);
        event_id newest = no_event;
        for (std::size_t i = graph_.position_of(read.source); i < l.writes.size(); ++i) {
            if (happened(l.writes[i])) {
                ++s.stale;
                newest = newest == no_event ? l.writes[i] : newest;
            }
        }
        if (s.stale > 0) {
            text += " (stale: " + std::to_string(s.stale) + " newer)";
            stale_.emplace_back(newest, id);
        }
        return text;
    }

    void say_event(std::size_t t) {
        const event_id id = events(t)[next_[t]];
        const event& e = graph_.at(id);
        if (e.kind == event_kind::choice && e.data.low == 0) {
            ++next_[t]; // nothing out of the ordinary
            return;
        }
        const event* const write = write_of(t, next_[t]);
        counterexample_step s;
        s.thread = static_cast<std::uint32_t>(t);
        s.number = ++count_;
        switch (e.kind) {
        case event_kind::read:
        case event_kind::write:
            s.object = name(e.location);
            s.order = name_of(e.memory_order);
            if (write != nullptr) {
                s.position = write->position;
            }
            switch (tag_of(graph_.location_at(e.location))) {
            case location_tag::lock:
                lock(e, id, write, s);
                break;
            case location_tag::queue:
                queue(e, id, write, s);
                break;
            default:
                access(e, id, write, s);
                break;
            }
            break;
        case event_kind::fence:
            s.kind = "fence";
            s.order = name_of(e.memory_order);
            s.text = e.memory_order == order::heavy_begin ? "membarrier begins"
                     : e.memory_order == order::heavy_end ? "membarrier ends"
                                                          : "fence" + with_order(e);
            break;
        case event_kind::create:
            s.kind = "create";
            s.text = "starts thread " + std::to_string(e.other);
            break;
        case event_kind::choice:
            s.kind = "choice";
            s.value = std::to_string(e.data.low);
            s.text = "by chance goes way " + s.value + " (a wait ends by time or for no reason, an exchange fails)";
            break;
        case event_kind::finish:
            s.kind = "end";
            s.text = "ends";
            break;
        case event_kind::join:
            s.kind = "join";
            s.text = "joins thread " + std::to_string(e.other);
            break;
        }
        const auto guilty = known_.guilty();
        s.guilty = guilty && guilty->first == t &&
                   (guilty->second == e.index || (write != nullptr && write != &e && guilty->second == write->index));
        place(s, e.site, known_.stack_of(id));
        step_of_[static_cast<std::size_t>(id)] = told_.steps.size();
        ++next_[t];
        if (write != nullptr && write != &e) {
            step_of_[static_cast<std::size_t>(events(t)[next_[t]])] = told_.steps.size();
            ++next_[t];
        }
        told_.steps.push_back(std::move(s));
    }

    void access(const event& e, event_id id, const event* write, counterexample_step& s) {
        const std::size_t size = graph_.location_at(e.location).size;
        s.value = number(e.data, size);
        if (e.kind == event_kind::write) {
            s.kind = "write";
            s.text = "writes " + s.object + " = " + s.value + with_order(e);
            out_of_order(e, s);
        } else if (write != nullptr) {
            s.kind = "update";
            s.changed_to = number(write->data, size);
            s.text = "changes " + s.object + " from " + s.value + " to " + s.changed_to + with_order(e) + ", reads " +
                     source(e, id, s);
        } else {
            s.kind = "read";
            s.failed = graph_.operation_of(e).kind == operation_kind::cas && !e.blocked;
            s.waits = e.blocked;
            s.text = std::string(s.failed ? "exchange fails: reads " : "reads ") + s.object + " = " + s.value +
                     with_order(e) + " " + source(e, id, s) + (s.waits ? ", waits" : "");
        }
    }

    void out_of_order(const event& e, counterexample_step& s) {
        const auto& writes = graph_.location_at(e.location).writes;
        for (std::size_t i = e.position; i < writes.size(); ++i) {
            if (happened(writes[i])) {
                s.text += ", older than " + called(writes[i]);
                break;
            }
        }
    }

    // A lock holds its owner's number plus one, and how many share it.
    void lock(const event& e, event_id id, const event* write, counterexample_step& s) {
        const auto holder = [](const value& v) {
            return v.low != 0    ? "held by thread " + std::to_string(v.low - 1)
                   : v.high == 0 ? std::string("free")
                                 : "shared by " + std::to_string(v.high);
        };
        s.value = holder(e.data);
        if (e.kind == event_kind::write) {
            s.kind = "write";
            s.text = "unlocks " + s.object;
            return;
        }
        const operation& op = graph_.operation_of(e);
        const std::string from = source(e, id, s);
        s.kind = write != nullptr ? "update" : "read";
        s.changed_to = write != nullptr ? holder(write->data) : "";
        s.waits = e.blocked;
        s.failed = write == nullptr && op.kind != operation_kind::load;
        if (op.kind == operation_kind::load) {
            s.text = "looks at " + s.object;
        } else if (op.kind == operation_kind::unshare) {
            s.text = "gives up its share of " + s.object;
        } else {
            const std::string how = op.kind == operation_kind::share ? " shared" : "";
            s.text = write != nullptr ? "locks " + s.object + how
                     : s.waits        ? "waits for " + s.object
                                      : "cannot lock " + s.object;
        }
        s.text += s.source > 0 ? ", " + s.value + " since #" + std::to_string(s.source) : "";
        static_cast<void>(from);
    }

    // A queue holds the numbers of waiting threads plus one, a byte each.
    void queue(const event& e, event_id id, const event* write, counterexample_step& s) {
        const auto members = [](const value& v, std::uint64_t most = 16) {
            std::string text;
            for (unsigned i = 0; i < most && byte_of(v, i) != 0; ++i) {
                text += (i == 0 ? "" : ", ") + std::to_string(byte_of(v, i) - 1);
            }
            return text.empty() ? std::string("nobody") : text;
        };
        s.value = members(e.data);
        if (e.kind == event_kind::write) {
            s.kind = "write";
            s.text = "sets who waits at " + s.object + " to " + s.value;
            return;
        }
        const operation& op = graph_.operation_of(e);
        const std::string from = source(e, id, s);
        s.kind = write != nullptr ? "update" : "read";
        s.changed_to = write != nullptr ? members(write->data) : "";
        s.waits = e.blocked;
        switch (op.kind) {
        case operation_kind::enqueue:
            s.text = "begins to wait at " + s.object + ", reads " + from;
            break;
        case operation_kind::dequeue:
            s.text = "wakes " + std::string(byte_of(e.data, 0) == 0 ? "" : "thread ") +
                     members(e.data, std::min<std::uint64_t>(op.operand.low, 16)) + " at " + s.object + ", reads " +
                     from;
            break;
        case operation_kind::leave:
            s.text = "stops waiting at " + s.object + ", reads " + from;
            break;
        default:
            s.text =
                s.waits ? "waits at " + s.object + ": nobody wakes it" : "was woken at " + s.object + ", reads " + from;
            break;
        }
    }

    // The arrows, and why stale reads are allowed.
    void relate() {
        const auto edge = [&](const char* kind, event_id from, event_id to) {
            const std::size_t a = step_of_[static_cast<std::size_t>(from)];
            const std::size_t b = step_of_[static_cast<std::size_t>(to)];
            if (a != nowhere && b != nowhere && a != b) {
                told_.edges.push_back({kind, a, b});
            }
        };
        for (event_id id = 0; id < graph_.size(); ++id) {
            const event& e = graph_.at(id);
            if (e.kind == event_kind::read && e.source >= 0) {
                edge("reads-from", e.source, id);
            }
        }
        for (std::size_t l = 0; l < graph_.location_count(); ++l) {
            const auto& writes = graph_.location_at(static_cast<location_id>(l)).writes;
            for (std::size_t i = 0; i + 1 < writes.size(); ++i) {
                edge("modification-order", writes[i], writes[i + 1]);
            }
        }
        for (const auto& [from, to] : synchronised(graph_)) {
            if (graph_.at(from).kind == event_kind::create) {
                // Whatever the thread does first, be it an event or not.
                const auto first = std::ranges::find(told_.steps, graph_.at(to).thread, &counterexample_step::thread);
                if (first != told_.steps.end()) {
                    told_.edges.push_back({"synchronises-with", step_of_[static_cast<std::size_t>(from)],
                                           static_cast<std::size_t>(first - told_.steps.begin())});
                }
                continue;
            }
            edge("synchronises-with", from, to);
        }
        if (at_race_) {
            std::vector<std::size_t> guilty;
            for (std::size_t i = 0; i < told_.steps.size(); ++i) {
                if (told_.steps[i].guilty) {
                    guilty.push_back(i);
                }
            }
            if (guilty.size() > 1) {
                told_.edges.push_back({"missing", guilty.front(), guilty.back()});
            }
        }
        for (const auto& [write, read] : stale_) {
            edge("missed", write, read);
        }
        constexpr std::size_t explained_max = 12;
        for (const auto& [write, read] : stale_) {
            if (told_.stale_because.size() == explained_max) {
                told_.stale_because.push_back("so are " + std::to_string(stale_.size() - explained_max) +
                                              " more stale reads");
                break;
            }
            told_.stale_because.push_back(called(read) + " may miss " + called(write) +
                                          ": nothing orders that write before the read. " +
                                          why_unordered(graph_, write, read, [&](event_id e) { return called(e); }));
        }
    }

    const graph& graph_;
    std::span<const remark> remarks_;
    const narration& known_;
    const bool at_race_;
    std::vector<std::size_t> next_;
    std::vector<std::size_t> step_of_; // per event
    std::vector<char> said_;
    std::map<location_id, std::string> names_;
    std::size_t letters_ = 0;
    std::uint32_t count_ = 0;
    std::vector<std::pair<event_id, event_id>> stale_; // the oldest write that was missed, and the read
    counterexample told_;
};

} // namespace

counterexample story_of(const graph& g, std::span<const remark> remarks, const narration& known, bool at_race) {
    return teller(g, remarks, known, at_race).tell();
}

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/edges.hpp>
#include <gantry/check/report/detail/symbols.hpp>
#include <gantry/check/report/detail/text.hpp>

#include <algorithm>
#include <cstddef>
#include <set>

namespace gantry::check {

namespace {

// A write and a read of it in another thread. Of the writer's events those from `first_index` on come after what is to
// be published, of the reader's those before `last_index` before what it is needed for.
struct hop {
    event_id write;
    event_id read;
    std::uint32_t first_index;
    std::uint32_t last_index;
};

// Searches backwards from the second thread's access for a way that leads from the first one's by program order and
// reads-from. A read-modify-write in the middle hands on the release sequence that it is part of.
// NOLINTNEXTLINE(misc-no-recursion): as deep as there are threads that handed something on
bool find_way(const graph& g, thread_id first, std::uint32_t from, thread_id t, std::uint32_t until,
              std::vector<hop>& way, std::set<std::pair<thread_id, std::uint32_t>>& seen) {
    const auto events = g.thread(t);
    for (auto i = std::min(until, static_cast<std::uint32_t>(events.size())); i-- > 0;) {
        if (!seen.insert({t, i}).second) {
            return false; // looked at already, with all that comes before
        }
        const event& e = g.at(events[i]);
        if (e.kind != event_kind::read || e.source < 0) {
            continue;
        }
        const event* write = &g.at(e.source);
        while (write->thread != first && write->exclusive && g.at(write->source).source >= 0) {
            write = &g.at(g.at(write->source).source);
        }
        const bool there = write->thread == first && write->index >= from;
        const event& source = there ? *write : g.at(e.source);
        if (source.thread == t || (source.thread == first && !there)) {
            continue;
        }
        if (there || find_way(g, first, from, source.thread, source.index, way, seen)) {
            const event_id written_by = g.thread(source.thread)[source.index];
            way.push_back({written_by, events[i], there ? from : 0, until});
            return true;
        }
    }
    // A thread starts with all that its creator had done.
    const event_id created = events.empty() ? no_event : g.creation_of(t);
    return created >= 0 && find_way(g, first, from, g.at(created).thread, g.at(created).index, way, seen);
}

// A value of the first thread that the second one looked for and missed: then orders are not enough, as in store
// buffering.
std::string missed(const graph& g, thread_id first, thread_id second, std::uint32_t until) {
    const auto events = g.thread(second);
    for (auto i = std::min(until, static_cast<std::uint32_t>(events.size())); i-- > 0;) {
        const event& read = g.at(events[i]);
        if (read.kind != event_kind::read || read.exclusive) {
            continue;
        }
        const location& l = g.location_at(read.location);
        for (std::size_t newer = g.position_of(read.source); newer < l.writes.size(); ++newer) {
            if (const event& write = g.at(l.writes[newer]); write.thread == first) {
                return "\n  thread " + std::to_string(second) + " looked at " + place_of(read.site) + " (" +
                       name_of(read.memory_order) + ") and missed what thread " + std::to_string(first) + " wrote at " +
                       place_of(write.site) + " (" + name_of(write.memory_order) +
                       "): if two threads must not miss each other, both need seq_cst accesses, or a seq_cst fence "
                       "between write and read";
            }
        }
    }
    // The other way round: both wrote the same, and the second one's write counts as the older.
    for (auto i = std::min(until, static_cast<std::uint32_t>(events.size())); i-- > 0;) {
        const event& own = g.at(events[i]);
        if (own.kind != event_kind::write) {
            continue;
        }
        const auto& writes = g.location_at(own.location).writes;
        for (std::size_t newer = own.position; newer < writes.size(); ++newer) {
            const event& write = g.at(writes[newer]);
            if (write.thread == first && !g.happens_before(events[i], writes[newer])) {
                return "\n  what thread " + std::to_string(second) + " wrote at " + place_of(own.site) + " (" +
                       name_of(own.memory_order) + ") counts as older than what thread " + std::to_string(first) +
                       " wrote at " + place_of(write.site) + " (" + name_of(write.memory_order) +
                       "): if two threads must not miss each other, both need seq_cst accesses";
            }
        }
    }
    return "";
}

// Whether the write hands on what its thread did from the event `first_index` on.
bool gives(const graph& g, const event& write, std::uint32_t first_index) {
    return releases(write.memory_order) ||
           (write.release_fence != no_event && g.at(write.release_fence).index >= first_index);
}

// The event by which the reader gains what the write handed on, before its event `last_index`, or no_event.
event_id taker(const graph& g, event_id read, std::uint32_t last_index) {
    const event& e = g.at(read);
    if (acquires(e.memory_order)) {
        return read;
    }
    const auto reader = g.thread(e.thread);
    const auto end = std::min(last_index, static_cast<std::uint32_t>(reader.size()));
    for (std::uint32_t i = e.index + 1; i < end; ++i) {
        const event& later = g.at(reader[i]);
        if (later.kind == event_kind::fence && acquires(later.memory_order)) {
            return reader[i];
        }
    }
    return no_event;
}

// The halves of an asymmetric fence, one before the write and one after the read, or two times no_event. A light one
// and a heavy one synchronise as fences do, the heavy one with its beginning before a write and its end after a read.
std::pair<event_id, event_id> halves_around(const graph& g, const event& write, std::uint32_t first_index,
                                            event_id read, std::uint32_t last_index) {
    const auto find = [&](thread_id t, std::uint32_t from, std::uint32_t to, order o) {
        const auto events = g.thread(t);
        for (std::uint32_t i = from; i < std::min(to, static_cast<std::uint32_t>(events.size())); ++i) {
            if (graph::is_fence(g.at(events[i]), o)) {
                return events[i];
            }
        }
        return no_event;
    };
    const event& reader = g.at(read);
    for (const auto& [before, after] :
         {std::pair{order::light, order::heavy_end}, {order::heavy_begin, order::light}}) {
        const event_id giver = find(write.thread, first_index, write.index, before);
        const event_id gains = find(reader.thread, reader.index + 1U, last_index, after);
        if (giver != no_event && gains != no_event) {
            return {giver, gains};
        }
    }
    return {no_event, no_event};
}

// Whether what the write hands on, of its thread's events from `first_index` on, is there before the reader's event
// `last_index`.
bool synchronise_by_halves(const graph& g, const hop& h) {
    return halves_around(g, g.at(h.write), h.first_index, h.read, h.last_index).first != no_event;
}

} // namespace

std::string missing_edge(const graph& g, thread_id first, std::uint32_t from, thread_id second, std::uint32_t until) {
    const std::string names[2] = {"thread " + std::to_string(first), "thread " + std::to_string(second)};
    const std::string nothing = "\n  missing: " + names[1] + " read nothing that " + names[0] +
                                " wrote after its access; let it publish with a release store what the other reads "
                                "with acquire, or guard both accesses with one mutex";
    std::vector<hop> way;
    std::set<std::pair<thread_id, std::uint32_t>> seen;
    if (!find_way(g, first, from, second, until, way, seen)) {
        // A compiler may move an access behind a relaxed write that it comes before in the source.
        seen.clear();
        find_way(g, first, 0, second, until, way, seen);
        from = 0;
    }
    std::string text;
    for (const hop& h : way) {
        const event& write = g.at(h.write);
        const event& read = g.at(h.read);
        const bool given = gives(g, write, h.first_index);
        const bool taken = taker(g, h.read, h.last_index) != no_event;
        if ((given && taken) || synchronise_by_halves(g, h)) {
            continue;
        }
        text += "\n  missing: thread " + std::to_string(read.thread) + " read at " + place_of(read.site) + " (" +
                name_of(read.memory_order) + ") what thread " + std::to_string(write.thread) + " wrote at " +
                place_of(write.site) + " (" + name_of(write.memory_order) + "): the two would synchronise if ";
        text += given   ? "the read were acquire"
                : taken ? "the write were release"
                        : "the write were release and the read acquire";
    }
    return text.empty() ? nothing + missed(g, first, second, until) : text;
}

std::string why_unordered(const graph& g, event_id write, event_id read,
                          const std::function<std::string(event_id)>& name) {
    const event& w = g.at(write);
    const event& r = g.at(read);
    const std::string reader = "Thread " + std::to_string(r.thread);
    std::vector<hop> way;
    std::set<std::pair<thread_id, std::uint32_t>> seen;
    if (find_way(g, w.thread, w.index, r.thread, r.index, way, seen)) {
        for (const hop& h : way) {
            const bool given = gives(g, g.at(h.write), h.first_index);
            const bool taken = taker(g, h.read, h.last_index) != no_event;
            if ((!given || !taken) && !synchronise_by_halves(g, h)) {
                return reader + " learnt of it only by way of " + name(h.read) + " (" +
                       name_of(g.at(h.read).memory_order) + ") reading from " + name(h.write) + " (" +
                       name_of(g.at(h.write).memory_order) + "), which does not synchronise: " +
                       (given   ? "the read would have to be acquire"
                        : taken ? "the write would have to be release"
                                : "the write would have to be release and the read acquire");
            }
        }
    }
    const auto sc = [&](const event& e) {
        return e.memory_order == order::seq_cst;
    };
    std::string text = reader + " had read nothing that thread " + std::to_string(w.thread) + " wrote from then on";
    if (sc(w) && sc(r)) {
        return text + ", and in the order of all seq_cst accesses the read comes first";
    }
    // As in store buffering: a seq_cst fence after the write and one before the read, or seq_cst throughout.
    const auto fence_between = [&](const event& e, bool after, auto kind) {
        const auto events = g.thread(e.thread);
        const std::size_t from = after ? e.index + 1U : 0U;
        const std::size_t to = after ? events.size() : e.index;
        return std::any_of(events.begin() + static_cast<std::ptrdiff_t>(from),
                           events.begin() + static_cast<std::ptrdiff_t>(to),
                           [&](event_id id) { return g.at(id).kind == event_kind::fence && kind(g.at(id)); });
    };
    const auto full = [](const event& e) {
        return e.memory_order == order::seq_cst || e.memory_order == order::heavy_begin;
    };
    const auto light = [](const event& e) {
        return e.memory_order == order::light;
    };
    const bool strong_write = sc(w) || fence_between(w, true, full);
    const bool strong_read = sc(r) || fence_between(r, false, full);
    const bool weak_half =
        (!strong_write && fence_between(w, true, light)) || (!strong_read && fence_between(r, false, light));
    if (strong_write && strong_read) {
        return text + ", and the order of the seq_cst operations lets the read come first";
    }
    if (weak_half) {
        return text + ", and a compiler barrier counts as a fence only towards a membarrier";
    }
    return text + ", and " +
           (strong_write  ? "the read has no part in the order of seq_cst operations"
            : strong_read ? "the write has no part in the order of seq_cst operations"
                          : "the two are not seq_cst, nor are seq_cst fences between");
}

std::vector<std::pair<event_id, event_id>> synchronised(const graph& g) {
    std::vector<std::pair<event_id, event_id>> pairs;
    for (event_id id = 0; id < g.size(); ++id) {
        const event& e = g.at(id);
        if (e.kind == event_kind::create && e.other < g.thread_count() && !g.thread(e.other).empty()) {
            pairs.emplace_back(id, g.thread(e.other).front());
        }
        if (e.kind == event_kind::join && e.source >= 0) {
            pairs.emplace_back(e.source, id);
        }
        if (e.kind != event_kind::read || e.source < 0) {
            continue;
        }
        for (event_id w = e.source; w >= 0;) {
            const event& write = g.at(w);
            const auto halves = halves_around(g, write, 0, id, UINT32_MAX);
            if (halves.first != no_event && write.thread != e.thread &&
                std::ranges::find(pairs, halves) == pairs.end()) {
                pairs.push_back(halves);
            }
            w = write.exclusive ? g.at(write.source).source : no_event;
        }
        const event_id gains = taker(g, id, UINT32_MAX);
        if (gains == no_event) {
            continue;
        }
        // Back through the release sequence. What is ordered already needs no arrow of its own.
        std::vector<event_id> givers;
        const std::uint32_t at = g.at(gains).index;
        const event_id before = at > 0 ? g.thread(e.thread)[at - 1] : g.creation_of(e.thread);
        for (event_id w = e.source; w >= 0;) {
            const event& write = g.at(w);
            const event_id from = releases(write.memory_order) ? w : write.release_fence;
            const bool known = from == no_event || write.thread == e.thread ||
                               (before >= 0 && (from == before || g.happens_before(from, before))) ||
                               std::ranges::any_of(givers, [&](event_id other) {
                                   return other == from || g.happens_before(from, other);
                               });
            if (!known) {
                givers.push_back(from);
                pairs.emplace_back(from, gains);
            }
            w = write.exclusive ? g.at(write.source).source : no_event;
        }
    }
    return pairs;
}

} // namespace gantry::check

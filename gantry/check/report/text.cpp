// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/text.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace gantry::check {

namespace {

std::string hex(std::uint64_t n) {
    std::array<char, 24> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "0x%llx", static_cast<unsigned long long>(n));
    return buffer.data();
}

// std::thread's wrapper around what the thread runs, and our own around a model, are of no interest.
std::string shorter(std::string function) {
    const std::string wrapper = "std::thread::_State_impl<";
    const std::string tuple = "std::tuple<";
    if (function.starts_with(wrapper)) {
        const auto from = function.find(tuple);
        const auto to = function.rfind(" > >::_M_run()");
        if (from != std::string::npos && to != std::string::npos) {
            function = function.substr(from + tuple.size(), to - from - tuple.size());
            function = function.substr(0, function.rfind('>'));
        }
    }
    // The line says enough; what a template was made for does not fit.
    if (function.find("operator") == std::string::npos) {
        std::string plain;
        int depth = 0;
        for (const char c : function) {
            depth += c == '<' ? 1 : 0;
            if (depth == 0) {
                plain += c;
            }
            depth -= c == '>' ? 1 : 0;
        }
        function = plain;
    }
    for (const std::string part : {"gantry_model_", "(anonymous namespace)::"}) {
        for (auto at = function.find(part); at != std::string::npos; at = function.find(part)) {
            function.erase(at, part.size());
        }
    }
    if (const auto lambda = std::min(function.find("::{lambda"), function.find("::$_")); lambda != std::string::npos) {
        return function.substr(0, std::min(lambda, function.find('('))) + ", lambda";
    }
    if (function == "operator()") {
        return "lambda";
    }
    return function.ends_with("()") ? function.substr(0, function.size() - 2) : function;
}

std::string look_up(const void* site) {
    Dl_info info{};
    // The call itself, not what follows it.
    const auto address = reinterpret_cast<std::uint64_t>(site) - 1;
    if (dladdr(reinterpret_cast<const void*>(address), &info) == 0 || info.dli_fname == nullptr) {
        return hex(address);
    }
    const std::uint64_t offset = address - reinterpret_cast<std::uint64_t>(info.dli_fbase);
    // The executable is called what its caller chose to call it.
    const std::string file = std::strcmp(info.dli_fname, program_invocation_name) == 0
                                 ? std::filesystem::read_symlink("/proc/self/exe").string()
                                 : info.dli_fname;
    // An executable that is not position independent is linked where it runs.
    for (const std::uint64_t candidate : {offset, address}) {
        const std::string command = "addr2line -C -f -i -e '" + file + "' " + hex(candidate) + " 2>/dev/null";
        FILE* const pipe = popen(command.c_str(), "r");
        if (pipe == nullptr) {
            break;
        }
        std::vector<std::string> lines; // function and place, innermost inlined call first
        std::string line;
        for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
            if (c != '\n') {
                line += static_cast<char>(c);
                continue;
            }
            lines.push_back(line);
            line.clear();
        }
        pclose(pipe);
        // What people want to see is their own line, not the standard library's wrapper around it.
        std::size_t best = lines.size();
        for (std::size_t i = 0; i + 1 < lines.size(); i += 2) {
            if (lines[i + 1].starts_with("??")) {
                continue;
            }
            if (best == lines.size() || !lines[i + 1].starts_with("/usr/")) {
                best = i;
            }
            if (!lines[i + 1].starts_with("/usr/")) {
                break;
            }
        }
        if (best < lines.size()) {
            const std::string& place = lines[best + 1];
            const auto slash = place.substr(0, place.find(' ')).rfind('/');
            return place.substr(slash == std::string::npos ? 0 : slash + 1, place.find(' ') - slash - 1) + " (" +
                   shorter(lines[best]) + ")";
        }
    }
    const auto slash = file.rfind('/');
    return "in " + (slash == std::string::npos ? file : file.substr(slash + 1));
}

std::string number(const value& v) {
    if (v.high != 0) {
        return hex(v.high) + ":" + hex(v.low);
    }
    return v.low < 1'000'000 ? std::to_string(v.low) : hex(v.low);
}

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
    return "";
}

// Draws an execution: who does what, from top to bottom.
class picture {
public:
    picture(const graph& g, std::span<const remark> remarks)
        : graph_(g), remarks_(remarks), next_(g.thread_count()), numbers_(static_cast<std::size_t>(g.size())),
          said_(remarks.size()) {
        for (const remark& r : remarks) {
            next_.resize(std::max<std::size_t>(next_.size(), r.thread + 1U));
        }
    }

    std::string draw() {
        std::size_t last = 0;
        for (;;) {
            std::size_t best = next_.size();
            std::size_t best_cost = SIZE_MAX;
            for (std::size_t i = 0; i < next_.size(); ++i) {
                const std::size_t t = (last + i) % next_.size(); // rather go on with the same thread
                say(t);
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
            add(best);
        }
        if (!remarks_.empty()) {
            rows_.push_back({remarks_.back().thread, "", place(remarks_.back().site), remarks_.back().text});
        }
        return layout();
    }

private:
    struct row {
        std::size_t thread;
        std::string number;
        std::string place;
        std::string text;
    };

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

    void say(std::size_t t) {
        // The last is what the execution ends with.
        for (std::size_t i = 0; i + 1 < remarks_.size(); ++i) {
            const remark& r = remarks_[i];
            if (said_[i] == 0 && r.thread == t && r.before <= next_[t] && happened(graph_.creation_of(r.thread))) {
                said_[i] = 1;
                rows_.push_back({t, "", place(r.site), r.text});
            }
        }
    }

    [[nodiscard]] static std::string place(const void* site) {
        std::string text = site == nullptr ? "" : place_of(site);
        if (text.starts_with("in ") || text.starts_with(":?")) {
            return "";
        }
        constexpr std::size_t longest = 48;
        return text.size() > longest ? text.substr(0, longest - 3) + "..." : text;
    }

    std::string name(location_id l) {
        const auto [found, fresh] = names_.try_emplace(l, names_.size());
        const std::size_t n = found->second;
        const std::uint64_t address = graph_.location_at(l).address;
        std::string text = address >> 56U == 0 ? "" : address >> 56U == 1 ? "lock " : "waiters ";
        text += static_cast<char>('A' + n % 26);
        text += n < 26 ? "" : std::to_string(n / 26);
        if (fresh) {
            const location& where = graph_.location_at(l);
            legend_ += "  " + text + ": " + (address >> 56U == 0 ? std::to_string(where.size) + " bytes " : "") +
                       "at " + hex(address & 0x00FF'FFFF'FFFF'FFFFU) + "\n";
        }
        return text;
    }

    std::string source(const event& read) {
        std::string text = read.source == initial_write
                               ? "from the start"
                               : "from #" + std::to_string(numbers_[static_cast<std::size_t>(read.source)]);
        const location& l = graph_.location_at(read.location);
        std::size_t newer = 0;
        for (std::size_t i = graph_.position_of(read.source); i < l.writes.size(); ++i) {
            newer += happened(l.writes[i]) ? 1U : 0U;
        }
        if (newer > 0) {
            stale_ = true;
            text += " (stale: " + std::to_string(newer) + " newer)";
        }
        return text;
    }

    void add(std::size_t t) {
        const event_id id = events(t)[next_[t]];
        const event& e = graph_.at(id);
        const std::string o = std::string(" (") + name_of(e.memory_order) + ")";
        const event* const write = write_of(t, next_[t]);
        std::string text;
        switch (e.kind) {
        case event_kind::read:
            if (write != nullptr) {
                text = "changes " + name(e.location) + " from " + number(e.data) + " to " + number(write->data) + o +
                       ", reads " + source(e);
            } else {
                const bool cas = graph_.operation_of(e).kind == operation_kind::cas;
                text = std::string(cas && !e.blocked ? "exchange fails: reads " : "reads ") + name(e.location) + " = " +
                       number(e.data) + o + " " + source(e) + (e.blocked ? ", waits" : "");
            }
            break;
        case event_kind::write:
            text = "writes " + name(e.location) + " = " + number(e.data) + o;
            for (std::size_t i = e.position; i < graph_.location_at(e.location).writes.size(); ++i) {
                if (const event_id newer = graph_.location_at(e.location).writes[i]; happened(newer)) {
                    text += ", older than #" + std::to_string(numbers_[static_cast<std::size_t>(newer)]);
                    break;
                }
            }
            break;
        case event_kind::fence:
            text = "fence" + o;
            break;
        case event_kind::create:
            text = "starts thread " + std::to_string(e.other);
            break;
        case event_kind::choice:
            text = "chance takes way " + std::to_string(e.data.low);
            break;
        case event_kind::finish:
            text = "ends";
            break;
        case event_kind::join:
            text = "joins thread " + std::to_string(e.other);
            break;
        }
        ++count_;
        numbers_[static_cast<std::size_t>(id)] = count_;
        ++next_[t];
        if (write != nullptr && write != &e) {
            numbers_[static_cast<std::size_t>(events(t)[next_[t]])] = count_;
            ++next_[t];
        }
        rows_.push_back({t, "#" + std::to_string(count_), place(e.site), text});
    }

    [[nodiscard]] std::string layout() const {
        std::size_t number_width = 0;
        std::size_t place_width = 0;
        std::vector<std::size_t> widths(next_.size());
        for (std::size_t t = 0; t < next_.size(); ++t) {
            widths[t] = ("thread " + std::to_string(t)).size();
        }
        for (const row& r : rows_) {
            number_width = std::max(number_width, r.number.size());
            place_width = std::max(place_width, r.place.size());
            widths[r.thread] = std::max(widths[r.thread], r.text.size());
        }
        std::string text;
        const auto line = [&](const std::string& n, const std::string& where, std::size_t from, std::size_t to,
                              const auto& cell) {
            std::string whole = "  " + n + std::string(number_width - n.size() + 1, ' ') + where +
                                std::string(place_width - where.size(), ' ');
            for (std::size_t t = 0; t < next_.size(); ++t) {
                const std::string c = t >= from && t < to ? cell(t) : "";
                whole += " | " + c + std::string(widths[t] - c.size(), ' ');
            }
            text += whole.substr(0, whole.find_last_not_of(' ') + 1) + "\n";
        };
        line("", "", 0, next_.size(), [](std::size_t t) { return "thread " + std::to_string(t); });
        // Of a long execution the beginning and the end.
        constexpr std::size_t first_rows = 80;
        constexpr std::size_t last_rows = 40;
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            if (i == first_rows && rows_.size() > first_rows + last_rows) {
                i = rows_.size() - last_rows;
                text += "  ... " + std::to_string(i - first_rows) + " lines left out\n";
            }
            const row& r = rows_[i];
            line(r.number, r.place, r.thread, r.thread + 1, [&](std::size_t) { return r.text; });
        }
        text += legend_;
        if (stale_) {
            text += "  a stale read is allowed: nothing orders the newer write before it (no happens-before)\n";
        }
        return text;
    }

    const graph& graph_;
    std::span<const remark> remarks_;
    std::vector<std::size_t> next_;
    std::vector<std::size_t> numbers_; // per event, from 1, in the order of the picture
    std::vector<char> said_;
    std::map<location_id, std::size_t> names_;
    std::vector<row> rows_;
    std::string legend_;
    std::size_t count_ = 0;
    bool stale_ = false;
};

} // namespace

const char* name_of(order o) noexcept {
    switch (o) {
    case order::relaxed:
        return "relaxed";
    case order::consume:
        return "consume";
    case order::acquire:
        return "acquire";
    case order::release:
        return "release";
    case order::acq_rel:
        return "acq_rel";
    case order::seq_cst:
        return "seq_cst";
    case order::kernel:
        return "kernel";
    }
    return "";
}

std::string place_of(const void* site) {
    static std::map<const void*, std::string> known;
    if (site == nullptr) {
        return "?";
    }
    auto [found, fresh] = known.try_emplace(site);
    if (fresh) {
        found->second = look_up(site);
    }
    return found->second;
}

std::string trace_of(const graph& g, std::span<const remark> remarks) {
    return picture(g, remarks).draw();
}

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
        const bool gives = releases(write.memory_order) ||
                           (write.release_fence != no_event && g.at(write.release_fence).index >= h.first_index);
        bool takes = acquires(read.memory_order);
        const auto reader = g.thread(read.thread);
        for (std::uint32_t i = read.index + 1; i < h.last_index && !takes; ++i) {
            const event& e = g.at(reader[i]);
            takes = e.kind == event_kind::fence && acquires(e.memory_order);
        }
        if (gives && takes) {
            continue;
        }
        text += "\n  missing: thread " + std::to_string(read.thread) + " read at " + place_of(read.site) + " (" +
                name_of(read.memory_order) + ") what thread " + std::to_string(write.thread) + " wrote at " +
                place_of(write.site) + " (" + name_of(write.memory_order) + "): the two would synchronise if ";
        text += gives   ? "the read were acquire"
                : takes ? "the write were release"
                        : "the write were release and the read acquire";
    }
    return text.empty() ? nothing + missed(g, first, second, until) : text;
}

} // namespace gantry::check

// SPDX-License-Identifier: MIT
#include <gantry/check/report/detail/text.hpp>

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <vector>

namespace gantry::check {

namespace {

std::string hex(std::uint64_t n) {
    std::array<char, 24> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "0x%llx", static_cast<unsigned long long>(n));
    return buffer.data();
}

std::string look_up(const void* site) {
    Dl_info info{};
    // The call itself, not what follows it.
    const auto address = reinterpret_cast<std::uint64_t>(site) - 1;
    if (dladdr(reinterpret_cast<const void*>(address), &info) == 0 || info.dli_fname == nullptr) {
        return hex(address);
    }
    const std::uint64_t offset = address - reinterpret_cast<std::uint64_t>(info.dli_fbase);
    const std::string file = info.dli_fname;
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
                   lines[best] + ")";
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

std::string trace_of(const graph& g) {
    // Names of locations by first appearance.
    std::string text;
    std::vector<std::size_t> next(g.thread_count());
    const auto happened = [&](event_id e) {
        return e < 0 || next[g.at(e).thread] > g.at(e).index;
    };
    for (event_id printed = 0; printed < g.size();) {
        const event_id before = printed;
        for (std::size_t t = 0; t < next.size(); ++t) {
            const auto events = g.thread(static_cast<thread_id>(t));
            while (next[t] < events.size()) {
                const event_id id = events[next[t]];
                const event& e = g.at(id);
                if ((e.kind == event_kind::read || e.kind == event_kind::join) && !happened(e.source)) {
                    break;
                }
                if (next[t] == 0 && !happened(g.creation_of(static_cast<thread_id>(t)))) {
                    break;
                }
                text += "  #" + std::to_string(id) + " thread " + std::to_string(t) + ": ";
                switch (e.kind) {
                case event_kind::read: {
                    text += "reads " + number(e.data) + " at " + hex(g.location_at(e.location).address) + " (" +
                            name_of(e.memory_order) + ") from " +
                            (e.source == initial_write ? "the initial value" : "#" + std::to_string(e.source));
                    const std::size_t newer =
                        g.location_at(e.location).writes.size() - g.position_of(e.source) - (e.exclusive ? 1U : 0U);
                    if (newer > 0 && newer < g.location_at(e.location).writes.size() + 1) {
                        text += ", " + std::to_string(newer) + " later in modification order";
                    }
                    text += e.blocked ? ", waits" : "";
                    break;
                }
                case event_kind::write:
                    text += "writes " + number(e.data) + " at " + hex(g.location_at(e.location).address) + " (" +
                            name_of(e.memory_order) + "), place " + std::to_string(e.position) +
                            " in modification order";
                    break;
                case event_kind::fence:
                    text += std::string("fence (") + name_of(e.memory_order) + ")";
                    break;
                case event_kind::create:
                    text += "starts thread " + std::to_string(e.other);
                    break;
                case event_kind::choice:
                    text += "chance takes way " + std::to_string(e.data.low);
                    break;
                case event_kind::finish:
                    text += "ends";
                    break;
                case event_kind::join:
                    text += "joins thread " + std::to_string(e.other);
                    break;
                }
                if (e.site != nullptr) {
                    text += "  " + place_of(e.site);
                }
                text += "\n";
                ++next[t];
                ++printed;
            }
        }
        if (printed == before) {
            break;
        }
    }
    return text;
}

} // namespace gantry::check

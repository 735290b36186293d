// SPDX-License-Identifier: MIT
#include <gantry/check/report/text.hpp>

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>

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
    // An executable that is not position independent is linked where it runs.
    for (const std::uint64_t candidate : {offset, address}) {
        const std::string command =
            "addr2line -C -f -s -e '" + std::string(info.dli_fname) + "' " + hex(candidate) + " 2>/dev/null";
        FILE* const pipe = popen(command.c_str(), "r");
        if (pipe == nullptr) {
            break;
        }
        std::string output;
        std::array<char, 512> buffer{};
        while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
            output += buffer.data();
        }
        pclose(pipe);
        const auto newline = output.find('\n');
        if (newline == std::string::npos || output.starts_with("??")) {
            continue;
        }
        std::string line = output.substr(newline + 1);
        line = line.substr(0, line.find_first_of(" \n"));
        return line + " (" + output.substr(0, newline) + ")";
    }
    return hex(address);
}

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

std::string number(const value& v) {
    if (v.high != 0) {
        return hex(v.high) + ":" + hex(v.low);
    }
    return v.low < 1'000'000 ? std::to_string(v.low) : hex(v.low);
}

} // namespace

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

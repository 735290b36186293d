// SPDX-License-Identifier: MIT
#include <apps/telem/core/report.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace telem {

totals total(const topology& of) {
    totals sum;
    for (const source* one : of.sources()) {
        sum.accepted += one->accepted();
        sum.malformed += one->malformed();
        sum.refused += one->refused();
        sum.datagrams += one->datagrams_in();
        sum.dropped += one->dropped();
    }
    return sum;
}

std::string report_text(const topology& of) {
    const totals sum = total(of);
    std::string text =
        fmt::format("accepted {} points in {} datagrams; malformed lines {}; refused for want of room for names {}; "
                    "datagrams dropped by the kernel {}\n",
                    sum.accepted, sum.datagrams, sum.malformed, sum.refused, sum.dropped);
    text += fmt::format("  names: {} in {} of {} bytes; blocks: {} bytes\n", of.names().count(), of.names().bytes(),
                        of.names().bytes_max(), of.blocks().points.bytes() + of.blocks().rows.bytes());
    for (const auto& one : of.stages()) {
        text += fmt::format("  {} ({}):", one->name(), one->kind());
        for (const figure& each : one->figures()) {
            text += fmt::format(" {} {}", each.name, each.value);
        }
        text += '\n';
    }
    return text;
}

std::string report_json(const topology& of) {
    const totals sum = total(of);
    nlohmann::ordered_json all{{"event", "final"},
                               {"points_accepted", sum.accepted},
                               {"datagrams", sum.datagrams},
                               {"lines_malformed", sum.malformed},
                               {"points_refused", sum.refused},
                               {"datagrams_dropped_kernel", sum.dropped},
                               {"names", of.names().count()},
                               {"names_bytes", of.names().bytes()},
                               {"names_bytes_max", of.names().bytes_max()},
                               {"block_bytes", of.blocks().points.bytes() + of.blocks().rows.bytes()}};
    nlohmann::ordered_json nodes = nlohmann::ordered_json::object();
    for (const auto& one : of.stages()) {
        nlohmann::ordered_json node{{"kind", one->kind()}};
        for (const figure& each : one->figures()) {
            node[each.name] = each.value;
        }
        nodes[one->name()] = std::move(node);
    }
    all["nodes"] = std::move(nodes);
    return all.dump() + '\n';
}

} // namespace telem

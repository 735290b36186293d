// SPDX-License-Identifier: MIT
// gantry-spill: looks at the files of a spool, and repairs them.
#include <gantry/base/posix_storage.hpp>
#include <gantry/channel/spill/inspect.hpp>
#include <gantry/channel/spill/spool.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace gantry;
using namespace gantry::channel;

constexpr int exit_damaged = 1;
constexpr int exit_bad = 2;

int bad(const std::string& what) {
    std::fprintf(stderr, "gantry-spill: %s\n", what.c_str());
    return exit_bad;
}

const char* state_of(const segment_report& each) {
    return each.foreign ? "foreign" : each.sealed ? "sealed" : "open";
}

nlohmann::json json_of(const segment_report& each) {
    return {{"name", each.name},
            {"state", state_of(each)},
            {"bytes", each.bytes},
            {"first", each.first},
            {"last", each.last},
            {"elements", each.elements},
            {"lost", each.lost},
            {"damaged_bytes", each.damaged_bytes},
            {"torn_bytes", each.torn_bytes}};
}

int print(const spool_report& report, bool verified, bool json) {
    bool damaged = !report.position_readable;
    for (const segment_report& each : report.segments)
        damaged = damaged || each.lost != 0 || each.damaged_bytes != 0 || each.torn_bytes != 0;
    if (json) {
        nlohmann::json segments = nlohmann::json::array();
        for (const segment_report& each : report.segments)
            segments.push_back(json_of(each));
        nlohmann::json ranges = nlohmann::json::array();
        for (const auto& each : report.acknowledged)
            ranges.push_back({each.first, each.last});
        const nlohmann::json all = {{"spool", report.identity},
                                    {"position_readable", report.position_readable},
                                    {"acknowledged_up_to", report.all},
                                    {"acknowledged_beyond", ranges},
                                    {"bytes", report.bytes},
                                    {"segments", segments}};
        std::printf("%s\n", all.dump().c_str());
    } else {
        std::printf("spool %016llx, %llu bytes, acknowledged up to %llu and %zu ranges beyond%s\n",
                    static_cast<unsigned long long>(report.identity), static_cast<unsigned long long>(report.bytes),
                    static_cast<unsigned long long>(report.all), report.acknowledged.size(),
                    report.position_readable ? "" : " (position cannot be read)");
        for (const segment_report& each : report.segments) {
            std::printf("%s  %-7s %12llu bytes  %llu to %llu", each.name.c_str(), state_of(each),
                        static_cast<unsigned long long>(each.bytes), static_cast<unsigned long long>(each.first),
                        static_cast<unsigned long long>(each.last));
            if (verified)
                std::printf("  %llu elements, %llu lost, %llu bytes damaged, %llu torn",
                            static_cast<unsigned long long>(each.elements), static_cast<unsigned long long>(each.lost),
                            static_cast<unsigned long long>(each.damaged_bytes),
                            static_cast<unsigned long long>(each.torn_bytes));
            std::printf("\n");
        }
    }
    return verified && damaged ? exit_damaged : 0;
}

void print_element(std::uint64_t sequence, storage_bytes bytes, bool json, bool raw) {
    if (raw) {
        std::fwrite(bytes.data(), 1, bytes.size(), stdout);
        std::fputc('\n', stdout);
        return;
    }
    std::string hex;
    for (const std::byte each : bytes) {
        hex += "0123456789abcdef"[static_cast<unsigned>(each) >> 4U];
        hex += "0123456789abcdef"[static_cast<unsigned>(each) & 15U];
    }
    if (json)
        std::printf("{\"sequence\":%llu,\"bytes\":\"%s\"}\n", static_cast<unsigned long long>(sequence), hex.c_str());
    else
        std::printf("%llu %s\n", static_cast<unsigned long long>(sequence), hex.c_str());
}

} // namespace

int main(int argc, char** argv) try {
    CLI::App app{"Looks at a spool directory, which spilling channels keep.", "gantry-spill"};
    app.footer("Exit status: 0 well, 1 verify found damage, 2 bad usage or a directory that cannot be read.\n"
               "The files are described in docs/formats/spill.md.");
    app.require_subcommand(1);
    std::string path;
    bool json = false;
    bool raw = false;
    bool all = false;
    auto* const ls = app.add_subcommand("ls", "what is there, from headers and footers alone");
    auto* const verify = app.add_subcommand("verify", "read everything and say what is damaged");
    auto* const dump =
        app.add_subcommand("dump", "the elements in order, a line each: number and bytes in hexadecimal");
    auto* const repair = app.add_subcommand("repair", "write what can be read anew, without what is damaged or torn");
    for (CLI::App* const each : {ls, verify, dump, repair}) {
        each->add_option("DIRECTORY", path, "the spool")->required();
        each->add_flag("--json", json, "one JSON object (dump: one a line)");
    }
    dump->add_flag("--raw", raw, "the bytes as they are, a newline behind each");
    dump->add_flag("--all", all, "acknowledged elements, too, that are still there");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0)
            return app.exit(error);
        return bad(std::string(error.what()) + "; --help says how it is called");
    }

    posix_storage storage;
    if (*repair) {
        const auto done = repair_spool(storage, path);
        if (!done)
            return bad(done.error().message());
        if (json)
            std::printf("%s\n", nlohmann::json({{"kept", done->kept}, {"lost", done->lost}}).dump().c_str());
        else
            std::printf("kept %llu elements, lost %llu\n", static_cast<unsigned long long>(done->kept),
                        static_cast<unsigned long long>(done->lost));
        return 0;
    }
    if (*dump) {
        const auto done = inspect_elements(storage, path, all, [&](std::uint64_t sequence, storage_bytes bytes) {
            print_element(sequence, bytes, json, raw);
        });
        return done ? 0 : bad(done.error().message());
    }
    const auto report = inspect_spool(storage, path, verify->parsed());
    if (!report)
        return bad(report.error().message());
    return print(*report, verify->parsed(), json);
} catch (const std::exception& error) {
    std::fprintf(stderr, "gantry-spill: %s\n", error.what());
    return exit_bad;
}

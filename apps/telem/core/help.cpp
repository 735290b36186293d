// SPDX-License-Identifier: MIT
#include <apps/telem/core/help.hpp>

#include <fmt/format.h>

#include <span>
#include <string_view>
#include <vector>

namespace telem {
namespace {

struct item {
    std::string_view term;
    std::string_view meaning;
};

struct section {
    std::string_view title;
    std::string_view text;
    std::vector<item> items;
    std::vector<std::string_view> samples;
};

constexpr std::string_view summary =
    "telemetry daemon: takes points over UDP, reports quantiles and means once a second";

const std::vector<section>& sections() {
    static const std::vector<section> all{
        {"SYNOPSIS", "", {}, {"telem [options]", "telem check FILE"}},
        {"DESCRIPTION",
         "telem listens for lines of `name value` in UDP datagrams (value: an integer from 0 to 4294967295; several "
         "lines in a datagram are fine). Without a file it runs the built-in topology: every point goes to a low side "
         "(value <= limit) and a high side (value >= limit); the low side prints quantiles per name as "
         "`[CKMS] name q:value`, the high side the mean of all points per name as `[CMA] name value`, each once a "
         "second, and only for names that have new points. Results go to standard output, everything else to standard "
         "error. Memory is bounded: what the limits refuse is counted and reported at the end.",
         {},
         {}},
        {"OPTIONS",
         "",
         {{"--config FILE", "run the topology in FILE (TOML) instead of the built-in one"},
          {"--listen ADDR:PORT", "where the UDP source listens: 127.0.0.1:1990 (the default), [::1]:1990; port 0 takes "
                                 "a free one, which is printed"},
          {"--limit N", "the limit of all filters (default 100)"},
          {"--json", "print one JSON object a line, the final report included"},
          {"--print-config", "print the topology that would run, flags applied, as TOML, and exit"},
          {"--version", "print the version and exit"},
          {"--help", "print this and exit"}},
         {}},
        {"COMMANDS",
         "",
         {{"check FILE", "say whether FILE is a sound topology: `FILE: ok`, or every error with its line"}},
         {}},
        {"ARROWS THAT SPILL",
         "In a topology file, an arrow may have a queue that goes on on disk, in order, when the node behind it is "
         "slow "
         "or stalls: instead of a name, `to` holds { node = \"console\", spill = { dir = \"/var/lib/telem/console\", "
         "memory = \"64MiB\", disk = \"1GiB\", durability = \"durable\", when_full = \"block\" } }. Only dir must be "
         "given; each spill has a directory of its own, whose parent exists.",
         {{"durability", "volatile_overflow (the default): the disk is only room, and a restart finds nothing; "
                         "durable_on_drain: what waits when telem is ended by a second signal comes at the next start; "
                         "durable: what the arrow has accepted comes at the next start even if telem was killed, until "
                         "the node behind it is done with it (it may come twice, it is not lost)"},
          {"when_full", "when neither memory nor disk has room: block (the default), the node before waits; refuse or "
                        "drop_newest, new points are counted as refused or dropped; drop_oldest, those that have "
                        "waited longest are"},
          {"sync", "of durable, against a power cut: none (the default), what the system has not written is lost; "
                   "segment, a full file is synced before the next is begun; each, every event is before it counts as "
                   "accepted, which makes the arrow as slow as the disk"}},
         {}},
        {"SIGNALS",
         "",
         {{"SIGINT, SIGTERM", "take in what has arrived, report it, print the final report, exit 0; a second one ends "
                              "telem at once and says what was lost, and what waits in a directory for the next "
                              "start"},
          {"SIGUSR1", "print what telem has done so far, as in the final report, on standard error"},
          {"SIGPIPE", "ignored; a closed standard output is an error, reported once"}},
         {}},
        {"EXIT CODES",
         "",
         {{"0", "all went well"},
          {"1", "a bad config, a busy port, a failed output: one line on standard error says what"},
          {"2", "a bad option"},
          {"3", "ended by a second signal before everything was reported"}},
         {}},
        {"EXAMPLES",
         "",
         {},
         {"telem                                         # the built-in topology",
          "echo a 10 >/dev/udp/127.0.0.1/1990            # a point, from another bash",
          "telem --listen [::1]:0 --json | jq .          # a free port, for machines",
          "telem --print-config >my.toml                 # a file to start from",
          "telem check my.toml && telem --config my.toml"}},
    };
    return all;
}

// Breaks at blanks so that no line is longer than 80 columns.
std::string wrapped(std::string_view text, std::size_t indent) {
    constexpr std::size_t width = 80;
    std::string out;
    std::size_t column = width;
    bool first = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (first || column + 1 + word.size() > width) {
            out += first ? "" : "\n";
            out.append(indent, ' ');
            column = indent;
            first = false;
        } else {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    return out + "\n";
}

// A leading dot or quote would be a command to roff, and a bare minus a hyphen.
std::string roff(std::string_view text) {
    std::string out;
    if (text.starts_with('.') || text.starts_with('\'')) {
        out += "\\&";
    }
    for (const char c : text) {
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else {
            out += c;
        }
    }
    return out;
}

} // namespace

std::string help_text() {
    std::string text = fmt::format("telem: {}\n", summary);
    for (const section& one : sections()) {
        text += fmt::format("\n{}\n", one.title);
        if (!one.text.empty()) {
            text += wrapped(one.text, 2);
        }
        for (const item& each : one.items) {
            text += fmt::format("  {}\n", each.term);
            text += wrapped(each.meaning, 6);
        }
        for (const std::string_view sample : one.samples) {
            text += fmt::format("  {}\n", sample);
        }
    }
    return text;
}

std::string man_page() {
    std::string text =
        fmt::format(".TH TELEM 1 \"\" \"gantry {}\"\n.SH NAME\ntelem \\- {}\n", GANTRY_VERSION, roff(summary));
    for (const section& one : sections()) {
        text += fmt::format(".SH {}\n", one.title);
        if (!one.text.empty()) {
            text += roff(one.text) + "\n";
        }
        for (const item& each : one.items) {
            text += fmt::format(".TP\n.B {}\n{}\n", roff(each.term), roff(each.meaning));
        }
        if (!one.samples.empty()) {
            text += ".nf\n";
            for (const std::string_view sample : one.samples) {
                text += roff(sample) + "\n";
            }
            text += ".fi\n";
        }
    }
    return text;
}

} // namespace telem

// SPDX-License-Identifier: MIT
//
// What must hold: every kind of mistake in a config is reported with its place, what is wrong and what was expected,
// all of them at once; what is printed is read back the same.
#include <apps/telem/core/config.hpp>
#include <apps/telem/core/kinds.hpp>
#include <apps/telem/core/options.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

namespace {

using testing::ElementsAre;

std::vector<std::string> problems(std::string_view toml) {
    std::vector<std::string> lines;
    if (const auto read = telem::read_config(toml); !read) {
        for (const telem::problem& one : read.error()) {
            lines.push_back(fmt::format("{}:{}: {}", one.at.line, one.at.column, one.what));
        }
    }
    return lines;
}

// A sound topology whose lines the tests below replace: source on 1, console on 5.
std::string with(std::string_view source_line, std::string_view rest = "") {
    return fmt::format("[source.udp]\nkind = \"udp\"\n{}\nto = [\"out\"]\n[sink.out]\nkind = \"console\"\n{}",
                       source_line, rest);
}

const char* const listen = "listen = \"127.0.0.1:1990\"";

TEST(Config, SoundTopologyHasNoProblems) {
    EXPECT_THAT(problems(with(listen)), ElementsAre());
}

TEST(Config, EverySingleMistake) {
    const std::vector<std::pair<std::string, std::string>> mistakes{
        {with(listen, "colour = 1"),
         "7:1: sink.out: unknown key `colour`; expected one of: kind, format, queue_blocks"},
        {with(listen, "to = [\"udp\"]"),
         "7:1: sink.out: unknown key `to`; expected one of: kind, format, queue_blocks"},
        {"colour = 1\n" + with(listen), "1:1: unknown key `colour`; expected one of: flush_every_ms, names_bytes_max, "
                                        "source, filter, aggregate, sink"},
        {"flush_every_ms = 0\n" + with(listen), "1:18: flush_every_ms is 0; expected an integer from 1 to 86400000"},
        {"flush_every_ms = 1.5\n" + with(listen),
         "1:18: flush_every_ms is a number with a point; expected an integer from 1 to 86400000"},
        {"names_bytes_max = 1\n" + with(listen), "1:19: names_bytes_max is 1; expected bytes from 262144 to "
                                                 "1000000000000000, as an integer or as \"64MiB\" (KiB, "
                                                 "MiB, GiB, TiB)"},
        {"filter = 3\n" + with(listen), "1:10: filter is an integer; expected tables such as [filter.NAME]"},
        {"filter.low = 3\n" + with(listen), "1:8: filter.low is an integer; expected a table [filter.low]"},
        {with(""), "1:9: source.udp: no `listen`; expected address and port"},
        {with("listen = 5"), "3:10: source.udp: listen is an integer; expected a string"},
        {with("listen = \"127.0.0.1\""), "3:10: source.udp: listen: `127.0.0.1` has no port; expected an address and a "
                                         "port such as 127.0.0.1:1990 or [::1]:1990"},
        {with("listen = \"127.0.0.1:65536\""), "3:10: source.udp: listen: `127.0.0.1:65536` has a port outside 0 to "
                                               "65535; expected an address and a port such as 127.0.0.1:1990 or "
                                               "[::1]:1990"},
        {with("listen = \"::1:1990\""), "3:10: source.udp: listen: `::1:1990` needs brackets around its IPv6 address; "
                                        "expected an address and a port such as 127.0.0.1:1990 or [::1]:1990"},
        {with("listen = \"localhost:1990\""), "3:10: source.udp: listen: `localhost:1990` is no IPv4 address; expected "
                                              "an address and a port such as 127.0.0.1:1990 or [::1]:1990"},
        {with("listen = \"[::g]:1990\""), "3:10: source.udp: listen: `[::g]:1990` is no IPv6 address; expected an "
                                          "address and a port such as 127.0.0.1:1990 or [::1]:1990"},
        {with(std::string(listen) + "\nprotocol = \"graphite\""),
         "4:12: source.udp: protocol is `graphite`; expected one of: line"},
        {with(std::string(listen) + "\nreceive_buffer_bytes = true"),
         "4:24: source.udp: receive_buffer_bytes is a boolean; expected bytes from 4096 to 1073741824, as an integer "
         "or as "
         "\"64MiB\" (KiB, MiB, GiB, TiB)"},
        {with(listen, "[filter.f]\nkind = \"low\"\nto = [\"out\"]\n"),
         "7:9: filter.f: no `limit`; expected the value that is compared with|7:9: nothing feeds filter `f`; expected "
         "its name behind `to` of another node"},
        {with(listen, "[aggregate.a]\nkind = \"ckms\"\nto = [\"out\"]\n"),
         "7:12: nothing feeds aggregate `a`; expected its name behind `to` of another node"},
        {with(listen, "[sink.other]\nkind = \"console\"\n"),
         "7:7: nothing feeds sink `other`; expected its name behind `to` of another node"},
        {with(listen, "[sink.udp]\nkind = \"console\"\n"),
         "7:7: a second node named `udp`; expected every node to have a name of its own|7:7: nothing feeds sink `udp`; "
         "expected its name behind `to` of another node"},
        {with(listen, "[sink.\"a b\"]\nkind = \"console\"\n"),
         "7:7: sink.a b: bad node name; expected 1 to 64 of the characters A-Z a-z 0-9 _ -|7:7: nothing feeds sink `a "
         "b`; expected its name behind `to` of another node"},
        {"[source.udp]\nkind = \"tcp\"\n", "2:8: source.udp: unknown kind `tcp`; expected one of: udp"},
        {"[source.udp]\nkind = 7\n", "2:8: source.udp: kind is an integer; expected one of: udp"},
        {"[source.udp]\n", "1:9: source.udp: no `kind`; expected one of: udp"},
        {"", "1:1: no source; expected at least one, such as [source.udp]"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\n",
         "1:9: source.udp: no `to`; expected the names of the nodes that it feeds"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = []\n",
         "4:6: source.udp: to is empty; expected the names of the nodes that it feeds"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = \"out\"\n",
         "4:6: source.udp: to is a string; expected a list of node names"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = [1]\n",
         "4:7: source.udp: to holds an integer; expected node names, or tables such as { node = \"NAME\", spill = { "
         "dir = "
         "\"DIR\" } }"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = [\"nowhere\"]\n",
         "4:7: udp feeds `nowhere`, which does not exist; expected the name of a node"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = [\"udp\"]\n",
         "4:7: udp feeds `udp`, a source; expected a filter, an aggregate or a sink|4:7: a cycle: udp -> udp; expected "
         "arrows that never lead back"},
        {with("to = [1]\nto = [2]"), "4:6: Error while parsing key-value pair: cannot redefine existing array 'to'; "
                                     "expected TOML"},
    };
    for (const auto& [toml, wanted] : mistakes) {
        std::string got;
        for (const std::string& line : problems(toml)) {
            got += (got.empty() ? "" : "|") + line;
        }
        EXPECT_EQ(got, wanted) << toml;
    }
}

// A source that feeds the sink `out` (fourth line) by an arrow that spills as `spill` says.
std::string spilling(std::string_view spill) {
    return fmt::format("[source.udp]\nkind = \"udp\"\nlisten = \"127.0.0.1:1990\"\nto = [{{ node = \"out\", spill = {} "
                       "}}]\n[sink.out]\nkind = \"console\"\n",
                       spill);
}

// A spilling arrow: what is left out has its default, sizes have units.
TEST(Config, Spill) {
    const auto read = telem::read_config(spilling(R"({ dir = "/var/lib/telem/out" })"));
    ASSERT_TRUE(read.has_value());
    const auto& spill = read->nodes[0].to[0].spill;
    ASSERT_TRUE(spill.has_value());
    EXPECT_EQ(spill->text("dir"), "/var/lib/telem/out");
    EXPECT_EQ(spill->integer("memory"), 64U << 20U);
    EXPECT_EQ(spill->integer("disk"), 1U << 30U);
    EXPECT_EQ(spill->text("durability"), "volatile_overflow");
    EXPECT_EQ(spill->text("when_full"), "block");
    EXPECT_EQ(spill->text("sync"), "none");

    const auto other = telem::read_config(
        spilling(R"({ dir = "q", memory = 2000000, disk = "3 GiB", durability = "durable_on_drain", )"
                 R"(when_full = "drop_oldest" })"));
    ASSERT_TRUE(other.has_value());
    const std::string printed = telem::print_config(*other);
    EXPECT_THAT(printed, testing::HasSubstr(
                             "to = [{ node = 'out', spill = { dir = 'q', memory = '2000000', disk = "
                             "'3GiB', durability = 'durable_on_drain', when_full = 'drop_oldest', sync = 'none' } }]"));
    const auto again = telem::read_config(printed);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->nodes[0].to[0].spill->values, other->nodes[0].to[0].spill->values);
    // A table without `spill` is as good as the name alone.
    const auto plain = telem::read_config("[source.udp]\nkind = \"udp\"\nlisten = \"127.0.0.1:1990\"\nto = [{ node = "
                                          "\"out\" }]\n[sink.out]\nkind = \"console\"\n");
    ASSERT_TRUE(plain.has_value());
    EXPECT_THAT(telem::print_config(*plain), testing::HasSubstr("to = ['out']"));
}

TEST(Config, EveryMistakeInASpill) {
    const std::string sizes = ", as an integer or as \"64MiB\" (KiB, MiB, GiB, TiB)";
    const std::vector<std::pair<std::string, std::string>> mistakes{
        {spilling("3"), "4:31: source.udp: to out: spill is an integer; expected a table such as { dir = \"DIR\" }"},
        {spilling("{}"), "4:31: source.udp: to out: spill: no `dir`; expected the directory for what does not fit into "
                         "memory"},
        {spilling("{ dir = 5 }"), "4:39: source.udp: to out: spill: dir is an integer; expected a string"},
        {spilling("{ dir = \"\" }"), "4:39: source.udp: to out: spill: dir is ``; expected a path of 1 to 4095 bytes "
                                     "without control characters"},
        {spilling("{ dir = \"a\\u0000b\" }"), "4:39: source.udp: to out: spill: dir is `a?b`; expected a path of 1 to "
                                              "4095 bytes without control characters"},
        {spilling("{ dir = \"q\", colour = 1 }"), "4:44: source.udp: to out: spill: unknown key `colour`; expected one "
                                                  "of: dir, memory, disk, durability, when_full, sync"},
        {spilling("{ dir = \"q\", memory = 1 }"),
         "4:53: source.udp: to out: spill: memory is 1; expected bytes from 1048576 to 1000000000000000" + sizes},
        {spilling("{ dir = \"q\", memory = \"64MB\" }"),
         "4:53: source.udp: to out: spill: memory is `64MB`; expected bytes from 1048576 to 1000000000000000" + sizes},
        {spilling("{ dir = \"q\", memory = \"-1MiB\" }"),
         "4:53: source.udp: to out: spill: memory is `-1MiB`; expected bytes from 1048576 to 1000000000000000" + sizes},
        {spilling("{ dir = \"q\", disk = \"99999999TiB\" }"),
         "4:51: source.udp: to out: spill: disk is `99999999TiB`; expected bytes from 1048576 to 1000000000000000000" +
             sizes},
        {spilling("{ dir = \"q\", disk = 1.5 }"), "4:51: source.udp: to out: spill: disk is a number with a point; "
                                                  "expected bytes from 1048576 to 1000000000000000000" +
                                                      sizes},
        {spilling("{ dir = \"q\", memory = \"64MiB\", disk = \"63MiB\" }"),
         "4:31: source.udp: to out: spill: disk (63MiB) is less than memory (64MiB); expected at least as much"},
        {spilling("{ dir = \"q\", durability = \"always\" }"),
         "4:57: source.udp: to out: spill: durability is `always`; expected one of: volatile_overflow, "
         "durable_on_drain, durable"},
        {spilling("{ dir = \"q\", when_full = true }"),
         "4:56: source.udp: to out: spill: when_full is a boolean; expected a string"},
        {spilling("{ dir = \"q\", when_full = \"wait\" }"),
         "4:56: source.udp: to out: spill: when_full is `wait`; expected one of: block, refuse, drop_newest, "
         "drop_oldest"},
        {spilling("{ dir = \"q\", durability = \"durable\", when_full = \"drop_oldest\" }"),
         "4:31: source.udp: to out: spill: durability `durable` keeps what was accepted and when_full `drop_oldest` "
         "drops "
         "it; expected another of one of them"},
        {spilling("{ dir = \"q\", durability = \"durable\", sync = \"always\" }"),
         "4:75: source.udp: to out: spill: sync is `always`; expected one of: none, segment, each"},
        {spilling("{ dir = \"q\", sync = \"each\" }"),
         "4:31: source.udp: to out: spill: sync `each` is for durability `durable`; expected that, or no sync"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = [{ spill = { dir = \"q\" } }]\n",
         "4:7: source.udp: to: no `node`; expected the name of a node"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = [{ node = 7 }]\n",
         "4:16: source.udp: to: node is an integer; expected the name of a node"},
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = [{ node = \"nowhere\", queue = 1 }]\n",
         "4:16: udp feeds `nowhere`, which does not exist; expected the name of a node|4:27: source.udp: to: unknown "
         "key `queue`; expected one of: node, spill"},
        // Two arrows cannot have one directory, however it is spelled.
        {"[source.udp]\nkind = \"udp\"\nlisten = \"[::1]:0\"\nto = [\n  { node = \"a\", spill = { dir = \"x/q\" } },\n"
         "  { node = \"b\", spill = { dir = \"x//y/../q/\" } },\n]\n[sink.a]\nkind = \"console\"\n[sink.b]\nkind = "
         "\"console\"\n",
         "6:25: source.udp: to b: spill: dir `x//y/../q/` is also that of source.udp: to a: spill; expected a "
         "directory "
         "of its own for every spill"},
    };
    for (const auto& [toml, wanted] : mistakes) {
        std::string got;
        for (const std::string& line : problems(toml)) {
            got += (got.empty() ? "" : "|") + line;
        }
        EXPECT_EQ(got, wanted) << toml;
    }
}

// Keys of filters and aggregates, each once wrong, all reported in one go and in the order of the file.
TEST(Config, ReportsAllMistakesAtOnce) {
    EXPECT_THAT(
        problems(R"([source.udp]
kind = "udp"
listen = "127.0.0.1:1990"
to = ["low", "low", "ckms"]

[filter.low]
kind = "low"
limit = 4294967296
to = ["high"]

[filter.high]
kind = "high"
limit = "100"
queue_blocks = 0
to = ["low"]

[aggregate.ckms]
kind = "ckms"
label = ""
mode = "targeted"
epsilon = 0.0
quantiles = [0.5, 0.25]
bytes_max = -1
to = ["low"]
)"),
        ElementsAre(
            "4:14: source.udp: to names `low` twice; expected each node once",
            "8:9: filter.low: limit is 4294967296; expected an integer from 0 to 4294967295",
            "13:9: filter.high: limit is a string; expected an integer from 0 to 4294967295",
            "14:16: filter.high: queue_blocks is 0; expected an integer from 1 to 65536",
            "15:7: a cycle: low -> high -> low; expected arrows that never lead back",
            "19:9: aggregate.ckms: label is ``; expected 1 to 64 printable ASCII characters",
            "20:8: aggregate.ckms: mode is `targeted`; expected one of: low_biased, high_biased, uniform",
            "21:11: aggregate.ckms: epsilon is 0; expected a number from 0.0001 to 0.5",
            "22:19: aggregate.ckms: quantiles: expected a list of 1 to 100 numbers from 0 to 1, rising",
            "23:13: aggregate.ckms: bytes_max is -1; expected bytes from 65536 to 1000000000000000, as an integer or "
            "as \"64MiB\" (KiB, MiB, GiB, TiB)",
            "24:7: ckms is an aggregate and feeds `low`, a filter; expected a sink"));
}

// Broken syntax is one problem with its place.
TEST(Config, BrokenSyntax) {
    EXPECT_THAT(problems("[source.udp\n"),
                ElementsAre("1:12: Error while parsing table header: expected ']', saw '\\n'; expected TOML"));
    EXPECT_THAT(problems("a = \"\xff\"\n"), testing::SizeIs(1));
    EXPECT_THAT(problems(std::string(telem::config_bytes_max + 1, '\n')),
                ElementsAre("1:1: the file has 1048577 bytes; expected at most 1048576"));
}

// A thousand nodes are enough; more is one problem and no long wait.
TEST(Config, TooManyNodes) {
    std::string toml = with(listen);
    for (int i = 0; i < 1500; ++i) {
        toml += fmt::format("[sink.s{}]\nkind = \"console\"\n", i);
    }
    EXPECT_THAT(problems(toml), ElementsAre("1:1: 1502 nodes; expected at most 1000"));
}

// The built-in topology is the mission's.
TEST(Config, BuiltInTopology) {
    const telem::config built_in = telem::default_config();
    EXPECT_EQ(built_in.flush_every_ms, 1000U);
    ASSERT_EQ(built_in.nodes.size(), 6U);
    EXPECT_EQ(built_in.nodes[0].text("listen"), "127.0.0.1:1990");
    EXPECT_EQ(built_in.nodes[1].integer("limit"), 100U);
    EXPECT_EQ(built_in.nodes[2].integer("limit"), 100U);
    EXPECT_EQ(built_in.nodes[3].text("mode"), "low_biased");
    EXPECT_EQ(built_in.nodes[3].real("epsilon"), 0.01);
    EXPECT_EQ(built_in.nodes[3].reals("quantiles"), (std::vector<double>{0, 0.25, 0.5, 0.75, 0.9, 0.99}));
    EXPECT_EQ(built_in.nodes[3].text("label"), "CKMS");
    EXPECT_EQ(built_in.nodes[4].text("label"), "CMA");
}

// Printing and reading are each other's inverse, with flags applied and with every key away from its default.
TEST(Config, RoundTrip) {
    telem::config built_in = telem::default_config();
    telem::options flags;
    flags.listen = "[::1]:7";
    flags.limit = 4294967295;
    flags.json = true;
    ASSERT_TRUE(telem::apply(flags, built_in).has_value());
    const std::string printed = telem::print_config(built_in);
    const auto again = telem::read_config(printed);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(telem::print_config(*again), printed);
    EXPECT_EQ(again->nodes[0].text("listen"), "[::1]:7");
    EXPECT_EQ(again->nodes[1].integer("limit"), 4294967295U);
    EXPECT_EQ(again->nodes[5].text("format"), "json");
    for (std::size_t i = 0; i < built_in.nodes.size(); ++i) {
        EXPECT_EQ(again->nodes[i].values, built_in.nodes[i].values) << built_in.nodes[i].name;
    }

    const std::string other = R"(flush_every_ms = 5
names_bytes_max = 262144
[source.in]
kind = "udp"
listen = "127.0.0.1:0"
receive_buffer_bytes = 4096
to = ["q"]
[aggregate.q]
kind = "ckms"
label = "it's \"q\" \\"
mode = "uniform"
epsilon = 0.1
quantiles = [0, 1e-3, 1]
bytes_max = 65536
queue_blocks = 1
to = ["out"]
[sink.out]
kind = "console"
)";
    const auto read = telem::read_config(other);
    ASSERT_TRUE(read.has_value());
    const auto twice = telem::read_config(telem::print_config(*read));
    ASSERT_TRUE(twice.has_value());
    EXPECT_EQ(twice->flush_every_ms, 5U);
    EXPECT_EQ(twice->names_bytes_max, 262144U);
    for (std::size_t i = 0; i < read->nodes.size(); ++i) {
        EXPECT_EQ(twice->nodes[i].values, read->nodes[i].values);
    }
}

// Flags reach what they name, and say so when there is nothing to reach.
TEST(Config, ListenNeedsOneSource) {
    auto two =
        telem::read_config(with(listen, "[source.b]\nkind = \"udp\"\nlisten = \"127.0.0.1:0\"\nto = [\"out\"]\n"));
    ASSERT_TRUE(two.has_value());
    telem::options flags;
    flags.listen = "[::1]:7";
    const auto applied = telem::apply(flags, *two);
    ASSERT_FALSE(applied.has_value());
    EXPECT_EQ(applied.error(), "--listen needs a topology with exactly one source");
}

std::string text_of(const std::string& file) {
    std::ifstream in(GANTRY_SOURCE_DIR + ("/" + file));
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// Every TOML block of the documents is sound.
TEST(Config, DocumentedTopologies) {
    for (const char* file : {"docs/formats/telem-config.md", "docs/guides/telem.md"}) {
        const std::string page = text_of(file);
        const std::string fence = "```toml\n";
        std::size_t blocks = 0;
        for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at + 1)) {
            const std::size_t begin = at + fence.size();
            EXPECT_THAT(problems(page.substr(begin, page.find("```", begin) - begin)), ElementsAre()) << file;
            ++blocks;
        }
        EXPECT_GT(blocks, 0U) << file;
    }
}

// The page of the format names every section, kind and key.
TEST(Config, FormatPageIsComplete) {
    const std::string page = text_of("docs/formats/telem-config.md");
    for (const telem::kind_spec& kind : telem::all_kinds()) {
        EXPECT_THAT(page, testing::HasSubstr(fmt::format("### {} `{}`", kind.section, kind.name)));
        for (const telem::key_spec& key : kind.keys) {
            EXPECT_THAT(page, testing::HasSubstr(fmt::format("| `{}` |", key.name)));
        }
    }
    for (const telem::key_spec& key : telem::all_spill_keys()) {
        EXPECT_THAT(page, testing::HasSubstr(fmt::format("| `{}` |", key.name)));
    }
}

// Random damage to a sound file never does more than produce problems.
TEST(Config, SurvivesDamage) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const std::string sound = telem::print_config(telem::default_config());
    for (int i = 0; i < 2000; ++i) {
        std::string damaged = sound;
        for (std::uint64_t hits = 1 + random() % 4; hits > 0; --hits) {
            const std::size_t at = random() % damaged.size();
            switch (random() % 3) {
            case 0:
                damaged[at] = static_cast<char>(random());
                break;
            case 1:
                damaged.erase(at, random() % 20);
                break;
            default:
                damaged.insert(at, damaged.substr(random() % damaged.size(), random() % 30));
            }
        }
        const auto read = telem::read_config(damaged);
        if (read) {
            const std::string printed = telem::print_config(*read);
            const auto again = telem::read_config(printed);
            ASSERT_TRUE(again.has_value()) << printed;
            ASSERT_EQ(telem::print_config(*again), printed);
        } else {
            ASSERT_FALSE(read.error().empty());
        }
    }
}

} // namespace

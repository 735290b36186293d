// SPDX-License-Identifier: MIT
//
// What must hold, over random topologies, datagrams, schedules, stalls and stops, each repeatable by its seed: every
// accepted point reaches every aggregate it belongs to; a node acts on a pulse once, and what a source accepted before
// pulse n is in report n; a name is reported only when it has new points; memory stays within what the channels can
// hold, however long a sink stalls.
#include <apps/telem/core/report.hpp>
#include <apps/telem/core/test_simulation.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <random>
#include <set>

namespace {

using telem::test::made_socket;
using telem::test::simulation;

// The acceptance lines of the mission, word for word.
TEST(Simulation, BuiltInTopology) {
    simulation run(telem::default_config());
    run.net.sockets[0]->put("a 10\n");
    run.settle();
    EXPECT_EQ(run.take_text(), ""); // nothing before the pulse
    run.pass(std::chrono::seconds(1));
    run.settle();
    EXPECT_EQ(run.take_text(), "[CKMS] a 0:10\n[CKMS] a 0.25:10\n[CKMS] a 0.5:10\n[CKMS] a 0.75:10\n[CKMS] a 0.9:10\n"
                               "[CKMS] a 0.99:10\n");
    for (const auto& [sent, mean] : {std::pair("b 1000\n", "1000"), {"b 2000\n", "1500"}, {"b 3000\n", "2000"}}) {
        run.net.sockets[0]->put(sent);
        run.settle();
        run.pass(std::chrono::seconds(1));
        run.settle();
        EXPECT_EQ(run.take_text(), fmt::format("[CMA] b {}\n", mean));
    }
    run.pass(std::chrono::seconds(1));
    run.settle();
    EXPECT_EQ(run.take_text(), ""); // nothing new, nothing said

    run.net.sockets[0]->put("a 20\nc 100");
    run.whole->stop();
    EXPECT_TRUE(run.ended());
    std::multiset<std::string> lines;
    std::istringstream text(run.take_text());
    for (std::string line; std::getline(text, line);) {
        lines.insert(line);
    }
    // 100 is on both sides; b is on neither, having nothing new.
    EXPECT_EQ(lines, (std::multiset<std::string>{
                         "[CKMS] a 0:10", "[CKMS] a 0.25:10", "[CKMS] a 0.5:10", "[CKMS] a 0.75:20", "[CKMS] a 0.9:20",
                         "[CKMS] a 0.99:20", "[CKMS] c 0:100", "[CKMS] c 0.25:100", "[CKMS] c 0.5:100",
                         "[CKMS] c 0.75:100", "[CKMS] c 0.9:100", "[CKMS] c 0.99:100", "[CMA] c 100"}));
}

// Means are the shortest decimals, without an exponent.
TEST(Simulation, MeansAreDecimal) {
    simulation run(telem::default_config());
    run.net.sockets[0]->put("a 4294967295\na 4294967294\nb 100\nb 100\nb 101\n");
    run.settle();
    run.pass(std::chrono::seconds(1));
    run.settle();
    const std::string text = run.take_text();
    EXPECT_NE(text.find("[CMA] a 4294967294.5\n"), std::string::npos) << text;
    EXPECT_NE(text.find("[CMA] b 100.33333333333333\n"), std::string::npos) << text;
}

// A whole life under a random schedule: three sources, merging paths, points by name known to the test.
void live(std::uint64_t seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const auto toml = [](std::uint64_t queue) {
        return fmt::format(R"(flush_every_ms = 100
[source.one]
kind = "udp"
listen = "127.0.0.1:0"
to = ["low", "high", "all"]
[source.two]
kind = "udp"
listen = "127.0.0.1:0"
to = ["low", "all"]
[source.three]
kind = "udp"
listen = "127.0.0.1:0"
to = ["all"]
[filter.low]
kind = "low"
limit = 500
queue_blocks = {0}
to = ["lowest", "quantiles"]
[filter.lowest]
kind = "low"
limit = 100
queue_blocks = {0}
to = ["mean", "quantiles"]
[filter.high]
kind = "high"
limit = 500
queue_blocks = {0}
to = ["mean"]
[aggregate.quantiles]
kind = "ckms"
label = "quantiles"
quantiles = [0.5]
queue_blocks = {0}
to = ["out"]
[aggregate.mean]
kind = "moving_average"
label = "mean"
queue_blocks = {0}
to = ["out"]
[aggregate.all]
kind = "moving_average"
label = "all"
queue_blocks = {0}
to = ["out"]
[sink.out]
kind = "console"
format = "json"
queue_blocks = {0}
)",
                           queue);
    };
    std::mt19937_64 draw(seed);
    simulation run(toml(1 + draw() % 4), seed);
    std::map<std::string, std::map<std::string, std::uint64_t>> wanted; // label, name: points so far
    std::uint64_t sent = 0;
    std::uint64_t malformed = 0;

    const auto send = [&] {
        const std::size_t source = draw() % 3;
        std::string datagram;
        std::vector<std::pair<std::string, std::uint64_t>> points;
        std::uint64_t bad = 0;
        for (std::uint64_t lines = 1 + draw() % (draw() % 20 == 0 ? 3000 : 20); lines > 0; --lines) {
            if (draw() % 10 == 0) {
                datagram += "no point\n";
                ++bad;
                continue;
            }
            points.emplace_back("n" + std::to_string(draw() % 20), draw() % 1000);
            datagram += fmt::format("{} {}\n", points.back().first, points.back().second);
        }
        if (!run.net.sockets[source]->put(datagram)) {
            return;
        }
        sent += points.size();
        malformed += bad;
        for (const auto& [name, value] : points) {
            const bool lowest = source != 2 && value <= 100;
            wanted["all"][name] += 1;
            if (source != 2 && value <= 500) {
                wanted["quantiles"][name] += lowest ? 2 : 1; // over two paths
            }
            if (lowest || (source == 0 && value >= 500)) {
                wanted["mean"][name] += 1;
            }
        }
    };

    std::map<std::string, std::map<std::string, std::uint64_t>> seen;
    const auto read_reports = [&] {
        std::istringstream text(run.take_text());
        for (std::string line; std::getline(text, line);) {
            const auto figure = nlohmann::json::parse(line);
            auto& count = seen[figure["label"]][figure["name"]];
            ASSERT_GT(figure["count"], count) << "a report without new points: " << line;
            count = figure["count"];
        }
    };

    std::uint64_t periods = 0;
    for (int round = 0; round < 60; ++round) {
        for (std::uint64_t n = draw() % 30; n > 0; --n) {
            send();
        }
        switch (draw() % 5) {
        case 0:
            run.settle();
            break;
        case 1:
            run.stalled.clear();
            run.step_some(draw() % 300);
            break;
        case 2:
            run.stalled.emplace(run.whole->stages()[draw() % run.whole->stages().size()]->name());
            run.step_some(draw() % 300);
            break;
        case 3:
            // A pulse in the middle of it all.
            run.pass(std::chrono::milliseconds(100));
            ++periods;
            run.step_some(draw() % 300);
            break;
        default:
            // All has passed through, then a pulse: the report holds every point sent so far.
            run.stalled.clear();
            run.settle();
            run.pass(std::chrono::milliseconds(100));
            ++periods;
            run.settle();
            read_reports();
            ASSERT_EQ(seen, wanted);
        }
    }
    run.stalled.clear();
    run.whole->stop();
    ASSERT_TRUE(run.ended());
    read_reports();
    EXPECT_EQ(seen, wanted);

    const telem::totals sum = telem::total(*run.whole);
    EXPECT_EQ(sum.accepted, sent);
    EXPECT_EQ(sum.malformed, malformed);
    EXPECT_EQ(sum.refused, 0U);
    EXPECT_FALSE(run.whole->failure().has_value());
    for (const auto& one : run.whole->stages()) {
        if (const auto* inner = dynamic_cast<const telem::station*>(one.get())) {
            // Once a period, and once at the end; never twice though pulses came over several arrows.
            EXPECT_LE(inner->pulses(), periods + 1) << one->name();
            EXPECT_GE(inner->pulses(), 1U) << one->name();
        }
    }
}

TEST(Simulation, RandomLives) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        live(seed);
        if (testing::Test::HasFailure()) {
            return;
        }
    }
}

TEST(Simulation, RandomLife) {
    const std::uint64_t seed = std::random_device{}();
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    live(seed);
}

// A stalled sink: the blocks in flight fill the channels and then stop growing, the socket holds the rest, and all that
// was accepted comes out in the end.
TEST(Simulation, StalledSinkBoundsMemory) {
    simulation run(R"(flush_every_ms = 100
[source.in]
kind = "udp"
listen = "127.0.0.1:0"
to = ["low"]
[filter.low]
kind = "low"
limit = 4294967295
queue_blocks = 4
to = ["mean"]
[aggregate.mean]
kind = "moving_average"
queue_blocks = 4
to = ["out"]
[sink.out]
kind = "console"
queue_blocks = 2
)");
    made_socket& socket = *run.net.sockets[0];
    socket.room = 1000;
    run.stalled = {"out"};
    std::string full;
    for (int i = 0; i < 500; ++i) {
        full += fmt::format("name.{} {}\n", i, i);
    }
    std::uint64_t taken = 0;
    std::size_t high_water = 0;
    for (int round = 0; round < 400; ++round) {
        for (int i = 0; i < 10; ++i) {
            taken += socket.put(full) ? 500U : 0U;
        }
        run.pass(std::chrono::milliseconds(100));
        run.settle();
        const std::size_t bytes = run.whole->blocks().points.bytes() + run.whole->blocks().rows.bytes();
        if (round == 100) {
            high_water = bytes;
        } else if (round > 100) {
            ASSERT_EQ(bytes, high_water);
        }
    }
    EXPECT_GT(socket.drops, 0U); // the pressure went back to the wire
    // 4 + 4 + 2 blocks in channels, what a step of the source decodes from 64 datagrams, and one in each hand.
    EXPECT_LE(high_water, (4 + 4 + 2 + 64 * 500 / telem::block<telem::metric>::capacity + 1 + 8) *
                              sizeof(telem::block<telem::metric>));
    run.stalled.clear();
    run.whole->stop();
    ASSERT_TRUE(run.ended());
    EXPECT_EQ(run.figure_of("mean", "points_in"), taken);
    EXPECT_EQ(telem::total(*run.whole).accepted, taken);
}

// The limits on names: points with new names are refused and counted, known names go on.
TEST(Simulation, NamesAreBounded) {
    telem::config config = telem::default_config();
    config.names_bytes_max = 512U << 10U;
    simulation run(config);
    std::uint64_t sent = 0;
    for (int i = 0; i < 100'000; ++i) {
        sent += run.net.sockets[0]->put(fmt::format("name.{} 50\nknown 50\n", i)) ? 2U : 0U;
    }
    run.settle();
    const telem::totals sum = telem::total(*run.whole);
    EXPECT_GT(sum.refused, 50'000U);
    EXPECT_EQ(sum.accepted + sum.refused, sent);
    EXPECT_LE(run.whole->names().bytes(), config.names_bytes_max);
    run.whole->stop();
    ASSERT_TRUE(run.ended());
    const std::string text = run.take_text();
    EXPECT_NE(text.find("[CKMS] known 0.99:50\n"), std::string::npos);
    EXPECT_EQ(run.figure_of("low", "points_in"), sum.accepted);
}

// The limit on an aggregate's memory: the same, and it holds.
TEST(Simulation, AggregatesAreBounded) {
    for (const char* kind : {"ckms", "moving_average"}) {
        const std::size_t bytes_max = 128U << 10U;
        simulation run(fmt::format(R"(
[source.in]
kind = "udp"
listen = "127.0.0.1:0"
to = ["kept"]
[aggregate.kept]
kind = "{}"
bytes_max = {}
to = ["out"]
[sink.out]
kind = "console"
)",
                                   kind, bytes_max));
        run.net.sockets[0]->put("known 1\n");
        std::uint64_t sent = 1;
        for (int i = 0; i < 20'000; ++i) {
            sent += run.net.sockets[0]->put(fmt::format("name.{} {}\nknown {}\n", i, i, i)) ? 2U : 0U;
            if (i % 1000 == 0) {
                run.settle();
            }
        }
        run.settle();
        // Within the limit but for the last growth of one sketch.
        EXPECT_LE(run.figure_of("kept", "bytes"), bytes_max + 32768) << kind;
        EXPECT_GT(run.figure_of("kept", "points_refused"), 10'000U) << kind;
        EXPECT_EQ(run.figure_of("kept", "points_in"), sent) << kind;
        run.whole->stop();
        ASSERT_TRUE(run.ended());
        EXPECT_NE(run.take_text().find("] known "), std::string::npos) << kind;
    }
}

// An output that fails is said once, what it would have got is counted, and the run ends by itself.
TEST(Simulation, BrokenOutputEndsTheRun) {
    simulation run(telem::default_config());
    run.net.sockets[0]->put("a 1\nb 1000\n");
    run.settle();
    run.console.broken = true;
    run.pass(std::chrono::seconds(1));
    EXPECT_TRUE(run.ended());
    EXPECT_EQ(run.whole->failure(), "cannot write to standard output: no space left");
    EXPECT_EQ(run.figure_of("console", "lines_lost"), 7U);
    EXPECT_EQ(run.figure_of("console", "lines_written"), 0U);
}

// A socket that fails ends the run in order: what it gave before is reported.
TEST(Simulation, BrokenSocketEndsTheRun) {
    simulation run(telem::default_config());
    run.net.sockets[0]->put("b 1000\n");
    run.settle();
    run.net.sockets[0]->broken = true;
    EXPECT_TRUE(run.ended());
    EXPECT_EQ(run.whole->failure(), "the wire is cut");
    EXPECT_EQ(run.take_text(), "[CMA] b 1000\n");
}

// A pulse never overtakes points, also not those that wait in a block for company.
TEST(Simulation, PulseFollowsThePoints) {
    simulation run(telem::default_config());
    telem::stage& source = *run.whole->stages()[0];
    for (int i = 0; i < 65; ++i) {
        run.net.sockets[0]->put("b 1000\n");
    }
    ASSERT_EQ(source.step(), telem::progress::worked); // takes 64, and sees that there are more
    EXPECT_EQ(run.whole->sources()[0]->accepted(), 64U);
    run.stalled = {source.name()};
    run.settle();
    EXPECT_EQ(run.figure_of("high", "points_in"), 0U); // still in the source's block
    run.pass(std::chrono::seconds(1));
    ASSERT_EQ(source.step(), telem::progress::worked); // the pulse, then the last datagram
    EXPECT_EQ(run.whole->sources()[0]->accepted(), 65U);
    ASSERT_EQ(source.step(), telem::progress::idle);
    run.settle();
    EXPECT_EQ(run.take_text(), "[CMA] b 1000\n");
    EXPECT_EQ(run.figure_of("high", "points_in"), 65U);
    run.pass(std::chrono::seconds(1));
    run.stalled.clear();
    run.settle();
    EXPECT_EQ(run.take_text(), "[CMA] b 1000\n"); // the 65th was behind the first pulse: new at the second
}

// A late source sends one pulse for the periods that it missed.
TEST(Simulation, MissedPulsesAreSkipped) {
    simulation run(telem::default_config());
    run.pass(std::chrono::milliseconds(10'500));
    run.settle();
    const auto& low = dynamic_cast<const telem::station&>(*run.whole->stages()[1]);
    EXPECT_EQ(low.pulses(), 1U);
    run.pass(std::chrono::milliseconds(400));
    run.settle();
    EXPECT_EQ(low.pulses(), 1U);
    run.pass(std::chrono::milliseconds(100));
    run.settle();
    EXPECT_EQ(low.pulses(), 2U);
}

// Points may go to a sink as they are.
TEST(Simulation, ConsolePrintsPoints) {
    for (const char* format : {"text", "json"}) {
        simulation run(fmt::format(R"(
[source.in]
kind = "udp"
listen = "127.0.0.1:0"
to = ["out"]
[sink.out]
kind = "console"
format = "{}"
)",
                                   format));
        run.net.sockets[0]->put("quote\" 7\n");
        run.whole->stop();
        ASSERT_TRUE(run.ended());
        EXPECT_EQ(run.take_text(), std::string_view(format) == "text"
                                       ? "quote\" 7\n"
                                       : "{\"event\":\"point\",\"name\":\"quote\\\"\",\"value\":7}\n");
    }
}

} // namespace

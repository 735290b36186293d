// SPDX-License-Identifier: MIT
//
// What must hold of arrows that spill, in simulations that a seed repeats: over any number of kills, at any operation
// of a disk that fails now and then, every point that a durable arrow has accepted is printed, in order, and again only
// if it was printed before a kill; the other durabilities lose what they state and no more; every policy accounts for
// every point; a disk in trouble is told once.
#include <apps/telem/core/test_simulation.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <sstream>

namespace {

using gantry::check::fault_storage;
using telem::test::simulation;
using testing::ElementsAre;
using testing::HasSubstr;

std::string topology(std::string_view spill) {
    return fmt::format(R"(flush_every_ms = 100
[source.in]
kind = "udp"
listen = "127.0.0.1:0"
to = [{{ node = "out", spill = {{ dir = "/q", {} }} }}]
[sink.out]
kind = "console"
queue_blocks = 2
)",
                       spill);
}

// Numbered points, as a datagram.
std::string numbered(std::uint64_t& next, std::uint64_t count) {
    std::string text;
    for (; count > 0; --count, ++next) {
        text += fmt::format("n{} {}\n", next % 50, next);
    }
    return text;
}

// The numbers of the points that were printed.
std::vector<std::uint64_t> printed(std::string_view text) {
    std::vector<std::uint64_t> numbers;
    std::istringstream lines{std::string(text)};
    for (std::string name; lines >> name;) {
        lines >> numbers.emplace_back();
        EXPECT_EQ(name, fmt::format("n{}", numbers.back() % 50));
    }
    return numbers;
}

std::uint64_t waiting(const simulation& run) {
    return run.figure_of("in>out", "events_waiting") + run.figure_of("in>out", "events_lent");
}

// Several lives of one directory. The points are numbered over all of them, so what a life prints must rise.
void lives(std::uint64_t seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 draw(seed);
    fault_storage storage({.seed = seed, .bytes_max = 256U << 20U, .trace_max = 100});
    std::uint64_t next = 1;
    std::set<std::uint64_t> accepted;  // by the durable arrow, and not printed yet
    std::set<std::uint64_t> uncertain; // sent to a life that was killed before it said so
    std::set<std::uint64_t> before;    // printed by an earlier life
    const std::uint64_t last_life = 2 + draw() % 4;
    for (std::uint64_t life = 0; life <= last_life; ++life) {
        simulation run(topology(R"(memory = "1MiB", disk = "64MiB", durability = "durable")"), seed * 100 + life,
                       &storage);
        ASSERT_EQ(run.failure, "");
        std::vector<std::uint64_t> sent;
        std::vector<std::uint64_t> seen;
        const auto note = [&] {
            const auto more = printed(run.take_text());
            seen.insert(seen.end(), more.begin(), more.end());
        };
        if (life != last_life && draw() % 2 == 0) {
            storage.crash_at(storage.operations() + draw() % 60);
        }
        for (std::uint64_t round = draw() % 30; round > 0 && !storage.crashed(); --round) {
            if (draw() % 4 == 0) {
                storage.fail({.operation = gantry::storage_operation::write,
                              .skip = draw() % 5,
                              .times = 1 + draw() % 4,
                              .code = draw() % 2 == 0 ? ENOSPC : EIO});
            }
            for (std::uint64_t datagrams = draw() % 8; datagrams > 0; --datagrams) {
                const std::uint64_t first = next;
                run.net.sockets[0]->put(numbered(next, 1 + draw() % (draw() % 4 == 0 ? 5000 : 20)));
                for (std::uint64_t each = first; each < next; ++each) {
                    sent.push_back(each);
                }
            }
            if (draw() % 3 == 0) {
                run.stalled = {"out"};
            } else if (draw() % 2 == 0) {
                run.stalled.clear();
            }
            if (draw() % 2 == 0) {
                run.pass(std::chrono::milliseconds(100));
            }
            if (draw() % 2 == 0) {
                run.settle();
            } else {
                run.step_some(draw() % 200);
            }
        }
        if (life == last_life) {
            storage.heal();
            run.stalled.clear();
            run.settle();
            run.whole->stop();
            ASSERT_TRUE(run.ended());
            EXPECT_EQ(waiting(run), 0U);
        }
        note();
        const std::uint64_t in = run.figure_of("in>out", "points_in");
        ASSERT_LE(in, sent.size());
        if (life == last_life) {
            ASSERT_EQ(in, sent.size());
        }
        accepted.insert(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(in));
        uncertain.insert(sent.begin() + static_cast<std::ptrdiff_t>(in), sent.end());
        ASSERT_TRUE(std::ranges::is_sorted(seen, std::less_equal())) << "printed out of order, or twice";
        for (const std::uint64_t number : seen) {
            // What a kill kept from being said may be there all the same.
            ASSERT_TRUE(accepted.contains(number) || uncertain.contains(number) || before.contains(number)) << number;
            accepted.erase(number);
        }
        before.insert(seen.begin(), seen.end());
        storage.heal();
        storage.restart_process(); // a kill, for what the topology still holds
    }
    EXPECT_TRUE(accepted.empty()) << accepted.size() << " accepted points are lost, the first is " << *accepted.begin();
}

TEST(SpillSimulation, DurableLosesNothing) {
    for (std::uint64_t seed = 1; seed <= 12 && !testing::Test::HasFailure(); ++seed) {
        lives(seed);
    }
}

TEST(SpillSimulation, DurableLosesNothingAtRandom) {
    const std::uint64_t seed = std::random_device{}();
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    lives(seed);
}

// What an aggregate has taken comes again until a report showed it, and then no more.
TEST(SpillSimulation, AggregatesReportWhatAKillInterrupted) {
    fault_storage storage;
    const std::string toml = R"(flush_every_ms = 100
[source.in]
kind = "udp"
listen = "127.0.0.1:0"
to = [{ node = "mean", spill = { dir = "/points", durability = "durable" } }]
[aggregate.mean]
kind = "moving_average"
to = [{ node = "out", spill = { dir = "/figures", durability = "durable" } }]
[sink.out]
kind = "console"
format = "json"
)";
    {
        simulation run(toml, 1, &storage);
        run.net.sockets[0]->put("a 10\na 20\n");
        run.settle();
        EXPECT_EQ(run.figure_of("mean", "points_in"), 2U);
        storage.restart_process();
    }
    {
        simulation run(toml, 2, &storage);
        EXPECT_THAT(run.said, testing::Contains(HasSubstr("in>mean: 1 events of an earlier run in /points")));
        run.net.sockets[0]->put("a 60\n");
        run.stalled = {"out"}; // the figures get as far as their arrow
        run.settle();
        run.pass(std::chrono::milliseconds(100));
        run.settle();
        EXPECT_EQ(run.figure_of("in>mean", "points_again"), 2U);
        EXPECT_EQ(run.take_text(), "");
        storage.restart_process();
    }
    {
        simulation run(toml, 3, &storage);
        run.settle();
        run.pass(std::chrono::milliseconds(100));
        run.settle();
        EXPECT_EQ(run.figure_of("in>mean", "points_again"), 0U); // they were reported
        EXPECT_THAT(run.take_text(), HasSubstr(R"("label":"CMA","name":"a","value":30,"count":3})"));
        run.whole->stop();
        ASSERT_TRUE(run.ended());
        storage.restart_process();
    }
    simulation run(toml, 4, &storage);
    run.whole->stop();
    ASSERT_TRUE(run.ended());
    EXPECT_EQ(run.take_text(), "");
    EXPECT_THAT(run.said, ElementsAre());
}

// The disk as room only: all comes through it; a kill takes what waits, and nothing of it comes again.
TEST(SpillSimulation, VolatileIsRoom) {
    fault_storage storage({.bytes_max = 256U << 20U});
    const std::string toml = topology(R"(memory = "1MiB", disk = "64MiB")");
    std::uint64_t next = 1;
    {
        simulation run(toml, 1, &storage);
        run.stalled = {"out"};
        for (int i = 0; i < 500; ++i) {
            run.net.sockets[0]->put(numbered(next, 1000));
        }
        run.settle();
        EXPECT_EQ(run.figure_of("in>out", "points_in"), 500'000U);
        EXPECT_GT(run.figure_of("in>out", "events_spilled"), 0U);
        EXPECT_LE(run.figure_of("in>out", "memory_bytes"), 1U << 20U);
        run.stalled.clear();
        run.whole->stop();
        ASSERT_TRUE(run.ended());
        const auto seen = printed(run.take_text());
        ASSERT_EQ(seen.size(), 500'000U);
        EXPECT_TRUE(std::ranges::is_sorted(seen, std::less_equal()));
        ASSERT_TRUE(run.whole->spills()[0]->finish().has_value());
    }
    std::uint64_t taken = 0;
    {
        simulation run(toml, 2, &storage);
        EXPECT_THAT(run.said, ElementsAre());
        run.net.sockets[0]->put(numbered(next, 10));
        run.settle();
        run.pass(std::chrono::milliseconds(100));
        run.settle();
        taken = printed(run.take_text()).size(); // what was delivered is nobody's to lose
        run.stalled = {"out"};
        run.net.sockets[0]->put(numbered(next, 10));
        run.settle();
        storage.restart_process();
    }
    EXPECT_EQ(taken, 10U);
    simulation run(toml, 3, &storage);
    run.net.sockets[0]->put(numbered(next, 10));
    run.whole->stop();
    ASSERT_TRUE(run.ended());
    const auto seen = printed(run.take_text());
    ASSERT_EQ(seen.size(), 10U);
    EXPECT_EQ(seen.front(), next - 10);
}

// An end that does not wait for the sink, as by a second signal: what waits is written down and comes at the next
// start, once, but for what the sink had taken.
TEST(SpillSimulation, DurableOnDrain) {
    fault_storage storage({.bytes_max = 256U << 20U});
    const std::string toml = topology(R"(memory = "1MiB", disk = "64MiB", durability = "durable_on_drain")");
    std::uint64_t next = 1;
    std::uint64_t taken = 0;
    {
        simulation run(toml, 1, &storage);
        run.net.sockets[0]->put(numbered(next, 1000));
        run.settle(); // in the sink, not printed yet
        taken = run.figure_of("out", "points_in");
        EXPECT_EQ(taken, 1000U);
        run.stalled = {"out"};
        for (int i = 0; i < 300; ++i) {
            run.net.sockets[0]->put(numbered(next, 1000));
        }
        run.settle();
        run.whole->stop();
        run.settle();
        EXPECT_EQ(run.figure_of("out", "points_in"), taken);
        const auto kept = run.whole->spills()[0]->finish();
        ASSERT_TRUE(kept.has_value()) << kept.error();
        EXPECT_GT(*kept, 0U);
        storage.restart_process();
    }
    simulation run(toml, 2, &storage);
    run.whole->stop();
    ASSERT_TRUE(run.ended());
    const auto seen = printed(run.take_text());
    ASSERT_EQ(seen.size(), 300'000U);
    EXPECT_EQ(seen.front(), 1001U);
    EXPECT_TRUE(std::ranges::is_sorted(seen, std::less_equal()));
}

// Neither memory nor disk has room: what each policy does, and that it accounts for every point.
TEST(SpillSimulation, PoliciesAccountForEveryPoint) {
    for (const std::string durability : {"volatile_overflow", "durable_on_drain", "durable"}) {
        for (const std::string policy : {"block", "refuse", "drop_newest", "drop_oldest"}) {
            if (durability == "durable" && policy == "drop_oldest") {
                continue; // a mistake of the config
            }
            SCOPED_TRACE(durability + " " + policy);
            fault_storage storage({.bytes_max = 256U << 20U});
            simulation run(
                topology(fmt::format(R"(memory = "1MiB", disk = "3MiB", durability = "{}", when_full = "{}")",
                                     durability, policy)),
                1, &storage);
            run.stalled = {"out"};
            run.net.sockets[0]->room = 200;
            std::uint64_t next = 1;
            std::uint64_t put = 0;
            for (int i = 0; i < 1200; ++i) {
                put += run.net.sockets[0]->put(numbered(next, 1000)) ? 1000U : 0U;
                if (i % 50 == 0) {
                    run.pass(std::chrono::milliseconds(100));
                    run.settle();
                }
            }
            run.settle();
            const std::uint64_t in = run.figure_of("in>out", "points_in");
            const std::uint64_t refused = run.figure_of("in>out", "points_refused");
            const std::uint64_t dropped = run.figure_of("in>out", "points_dropped");
            const std::uint64_t oldest = run.figure_of("in>out", "events_dropped_oldest");
            EXPECT_LE(run.figure_of("in>out", "memory_bytes"), 1U << 20U);
            EXPECT_LE(run.figure_of("in>out", "disk_bytes"), 3U << 20U);
            EXPECT_EQ(refused != 0, policy == "refuse");
            EXPECT_EQ(dropped != 0, policy == "drop_newest");
            EXPECT_EQ(oldest != 0, policy == "drop_oldest");
            if (policy == "block") {
                EXPECT_GT(run.net.sockets[0]->drops, 0U); // the pressure went back to the wire
            } else {
                EXPECT_EQ(in + refused + dropped, put);
            }
            run.stalled.clear();
            run.whole->stop();
            ASSERT_TRUE(run.ended());
            const auto seen = printed(run.take_text());
            EXPECT_TRUE(std::ranges::is_sorted(seen, std::less_equal()));
            if (policy == "drop_oldest") {
                EXPECT_LT(seen.size(), put);
                EXPECT_EQ(seen.back(), next - 1); // the newest stayed
            } else {
                EXPECT_EQ(seen.size(), run.figure_of("in>out", "points_in"));
                EXPECT_EQ(seen.front(), 1U); // the oldest stayed
            }
            EXPECT_EQ(seen.size(), run.figure_of("in>out", "points_out"));
        }
    }
}

// A full disk, all of which an aggregate holds unreported: no pulse can come over the arrow, so it reports without one.
TEST(SpillSimulation, FullDiskDoesNotKeepThePulsesOut) {
    for (const std::string policy : {"block", "refuse", "drop_newest"}) {
        SCOPED_TRACE(policy);
        fault_storage storage;
        simulation run(fmt::format(R"(flush_every_ms = 1000000
[source.in]
kind = "udp"
listen = "127.0.0.1:0"
to = [{{ node = "mean", spill = {{ dir = "/q", memory = "1MiB", disk = "3MiB", durability = "durable", when_full = "{}" }} }}]
[aggregate.mean]
kind = "moving_average"
to = ["out"]
[sink.out]
kind = "console"
)",
                                   policy),
                       1, &storage);
        std::uint64_t next = 1;
        std::uint64_t before = 0;
        for (int round = 0; round < 10; ++round) {
            for (int i = 0; i < 100; ++i) {
                run.net.sockets[0]->put(numbered(next, 1000));
            }
            run.settle();
            EXPECT_TRUE(run.net.sockets[0]->queue.empty());
            EXPECT_GT(run.figure_of("mean", "points_in"), before);
            before = run.figure_of("mean", "points_in");
        }
        if (policy == "block") {
            EXPECT_EQ(before, 1'000'000U);
        }
        run.whole->stop();
        ASSERT_TRUE(run.ended());
    }
}

// A disk that fails: said once, and once that it works again; telem goes on, and nothing that waited is lost.
TEST(SpillSimulation, TroubleIsToldOnce) {
    for (const int code : {ENOSPC, EIO}) {
        fault_storage storage;
        simulation run(topology(R"(durability = "durable")"), 1, &storage);
        std::uint64_t next = 1;
        for (int episode = 0; episode < 2; ++episode) {
            SCOPED_TRACE(episode);
            run.said.clear();
            storage.fail({.operation = gantry::storage_operation::write,
                          .times = gantry::check::storage_fault::forever,
                          .code = code});
            for (int i = 0; i < 20; ++i) {
                run.net.sockets[0]->put(numbered(next, 100));
                run.pass(std::chrono::milliseconds(100));
                run.settle();
            }
            ASSERT_EQ(run.said.size(), 1U);
            EXPECT_THAT(run.said[0], HasSubstr("in>out: trouble with the disk: "));
            EXPECT_THAT(run.said[0], HasSubstr("/q"));
            EXPECT_THAT(run.said[0], HasSubstr(code == EIO ? "Input/output error" : "No space left on device"));
            EXPECT_THAT(run.said[0], HasSubstr("kept waiting"));
            storage.heal();
            for (int i = 0; i < 5; ++i) {
                run.net.sockets[0]->put(numbered(next, 100));
                run.pass(std::chrono::milliseconds(100));
                run.settle();
            }
            ASSERT_EQ(run.said.size(), 2U);
            EXPECT_EQ(run.said[1], "in>out: the disk works again");
        }
        EXPECT_GT(run.figure_of("in>out", "disk_failures"), 0U);
        run.whole->stop();
        ASSERT_TRUE(run.ended());
        EXPECT_EQ(printed(run.take_text()).size(), next - 1);
    }
}

// An output that fails keeps what it could not print on disk.
TEST(SpillSimulation, BrokenOutputKeepsThePoints) {
    fault_storage storage;
    const std::string toml = topology(R"(durability = "durable")");
    std::uint64_t next = 1;
    {
        simulation run(toml, 1, &storage);
        run.console.broken = true;
        run.net.sockets[0]->put(numbered(next, 100));
        run.settle();
        run.pass(std::chrono::milliseconds(100));
        EXPECT_TRUE(run.ended());
        EXPECT_THAT(run.whole->failure().value_or(""), HasSubstr("cannot write to standard output"));
        const auto kept = run.whole->spills()[0]->finish();
        ASSERT_TRUE(kept.has_value());
        EXPECT_GT(*kept, 0U);
    }
    simulation run(toml, 2, &storage);
    run.whole->stop();
    ASSERT_TRUE(run.ended());
    EXPECT_EQ(printed(run.take_text()).size(), 100U);
}

// What `sync` is for: the power goes.
TEST(SpillSimulation, PowerCut) {
    const auto kept = [](std::string_view sync, std::uint64_t seed) {
        fault_storage storage({.seed = seed});
        const std::string toml = topology(fmt::format(R"(durability = "durable", sync = "{}")", sync));
        std::uint64_t next = 1;
        {
            simulation run(toml, 1, &storage);
            run.stalled = {"out"};
            run.net.sockets[0]->put(numbered(next, 100));
            run.settle();
            storage.crash();
        }
        storage.restart();
        simulation run(toml, 2, &storage);
        run.whole->stop();
        EXPECT_TRUE(run.ended());
        return printed(run.take_text()).size();
    };
    std::size_t unsynced = 0;
    constexpr std::uint64_t cuts = 20;
    for (std::uint64_t seed = 1; seed <= cuts; ++seed) {
        EXPECT_EQ(kept("each", seed), 100U);
        unsynced += kept("none", seed);
    }
    EXPECT_LT(unsynced, cuts * 100);
}

// A node that fails ends the arrow: the node before is not held up, and what the arrow has stays.
TEST(SpillSimulation, NodeThatFails) {
    fault_storage storage;
    const std::string toml = topology(R"(durability = "durable")");
    std::uint64_t next = 1;
    {
        simulation run(toml, 1, &storage);
        run.stalled = {"out"};
        for (int i = 0; i < 20; ++i) {
            run.net.sockets[0]->put(numbered(next, 1000));
        }
        run.settle();
        run.stalled.clear();
        ASSERT_EQ(run.whole->stages().back()->name(), "out");
        run.whole->stages().back()->abandon();
        run.whole->stop();
        EXPECT_TRUE(run.ended());
        EXPECT_EQ(run.take_text(), "");
        const auto kept = run.whole->spills()[0]->finish();
        ASSERT_TRUE(kept.has_value());
        EXPECT_GT(*kept, 0U);
    }
    simulation run(toml, 2, &storage);
    run.whole->stop();
    ASSERT_TRUE(run.ended());
    EXPECT_EQ(printed(run.take_text()).size(), 20'000U);
}

// A source that fails without a last pulse ends the arrow as well, though an aggregate holds what it got.
TEST(SpillSimulation, SourceThatFails) {
    fault_storage storage;
    simulation run(R"(flush_every_ms = 100
[source.in]
kind = "udp"
listen = "127.0.0.1:0"
to = [{ node = "mean", spill = { dir = "/q", durability = "durable" } }]
[aggregate.mean]
kind = "moving_average"
to = ["out"]
[sink.out]
kind = "console"
)",
                   1, &storage);
    run.net.sockets[0]->put("a 10\na 20\n");
    run.settle();
    run.whole->stages()[0]->abandon();
    EXPECT_TRUE(run.ended());
    EXPECT_EQ(run.take_text(), "[CMA] a 15\n");
    EXPECT_EQ(run.figure_of("in>mean", "events_lent"), 0U);
}

// A directory that cannot be had is one error, with the arrow and the reason.
TEST(SpillSimulation, DirectoryThatCannotBeHad) {
    fault_storage storage;
    const simulation first(topology(R"(durability = "durable")"), 1, &storage);
    const simulation second(topology(R"(durability = "durable")"), 2, &storage);
    EXPECT_EQ(second.whole, nullptr);
    EXPECT_EQ(second.failure, "source.in: spill to out: /q is in use by another process");
    std::string toml = topology(R"(durability = "durable")");
    toml.replace(toml.find("\"/q\""), 4, "\"/no/q\"");
    const simulation third(toml, 3, &storage);
    EXPECT_EQ(third.failure, "source.in: spill to out: create directory /no/q: No such file or directory");
}

} // namespace

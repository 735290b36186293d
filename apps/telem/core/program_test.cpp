// SPDX-License-Identifier: MIT
//
// What must hold of the program as people run it: the acceptance lines come out word for word, every mistake is one
// clear line and an exit code, and a signal loses nothing that was accepted.
#include <apps/telem/core/test_program.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <map>
#include <set>
#include <sstream>
#include <thread>

namespace {

using telem::test::file;
using telem::test::program;
using telem::test::sender;
using testing::HasSubstr;
using testing::StartsWith;

std::multiset<std::string> lines(const std::string& text) {
    std::multiset<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        all.insert(line);
    }
    return all;
}

nlohmann::json last_line(const std::string& text) {
    const std::size_t end = text.rfind('\n', text.size() - 2);
    return nlohmann::json::parse(text.substr(end == std::string::npos ? 0 : end + 1));
}

const std::string six_lines = "[CKMS] a 0:10\n[CKMS] a 0.25:10\n[CKMS] a 0.5:10\n[CKMS] a 0.75:10\n[CKMS] a 0.9:10\n"
                              "[CKMS] a 0.99:10\n";

// The acceptance lines: six quantiles of a, then the means of b as its points come, one a report.
TEST(Program, AcceptanceLines) {
    program telem({"--listen", "127.0.0.1:0"});
    const sender to(telem.port());
    ASSERT_TRUE(to.send("a 10\n"));
    ASSERT_TRUE(telem.wait_for_out("0.99:10\n"));
    EXPECT_EQ(telem.out(), six_lines);
    ASSERT_TRUE(to.send("b 1000\n"));
    ASSERT_TRUE(telem.wait_for_out("[CMA] b 1000\n"));
    ASSERT_TRUE(to.send("b 2000\n"));
    ASSERT_TRUE(telem.wait_for_out("[CMA] b 1500\n"));
    ASSERT_TRUE(to.send("b 3000\n"));
    ASSERT_TRUE(telem.wait_for_out("[CMA] b 2000\n"));
    telem.signal(SIGINT);
    EXPECT_EQ(telem.end(), 0);
    EXPECT_EQ(telem.out(), six_lines + "[CMA] b 1000\n[CMA] b 1500\n[CMA] b 2000\n");
    EXPECT_THAT(telem.err(), HasSubstr("accepted 4 points in 4 datagrams; malformed lines 0;"));
}

// What --print-config prints runs the same.
TEST(Program, PrintedConfigRunsTheSame) {
    program print({"--print-config", "--limit", "1000"});
    ASSERT_EQ(print.end(), 0);
    const file config(print.out());

    program check({"check", config.name()});
    EXPECT_EQ(check.end(), 0);
    EXPECT_EQ(check.out(), config.name() + ": ok\n");
    EXPECT_EQ(check.err(), "");

    program again({"--config", config.name(), "--print-config"});
    EXPECT_EQ(again.end(), 0);
    EXPECT_EQ(again.out(), print.out());

    std::multiset<std::string> said[2];
    for (int which = 0; which < 2; ++which) {
        program telem(which == 0 ? std::vector<std::string>{"--listen", "127.0.0.1:0", "--limit", "1000"}
                                 : std::vector<std::string>{"--config", config.name(), "--listen", "127.0.0.1:0"});
        const sender to(telem.port());
        ASSERT_TRUE(to.send("a 999\na 1000\na 1001\n"));
        telem.signal(SIGTERM);
        EXPECT_EQ(telem.end(), 0);
        said[which] = lines(telem.out());
    }
    EXPECT_EQ(said[0], said[1]);
    EXPECT_EQ(said[0].count("[CMA] a 1000.5"), 1U);
    EXPECT_EQ(said[0].count("[CKMS] a 0.99:1000"), 1U);
}

// Broken input of every kind is counted and stops nothing: invalid UTF-8, empty and the largest datagrams.
TEST(Program, SurvivesAnything) {
    program telem({"--listen", "127.0.0.1:0", "--json"});
    const sender to(telem.port());
    EXPECT_TRUE(to.send(""));
    EXPECT_TRUE(to.send("\xff\xfe 1\n"));
    EXPECT_TRUE(to.send("a 10 11\n"));
    EXPECT_TRUE(to.send("b\n"));
    std::string large;
    while (large.size() < 65507 - 8) {
        large += "large 7\n";
    }
    EXPECT_TRUE(to.send(large)) << std::strerror(errno);
    EXPECT_TRUE(to.send(std::string(65507, 'x')));
    EXPECT_TRUE(to.send("a 10\r\n\n\tb\t20\t"));
    telem.signal(SIGTERM);
    ASSERT_EQ(telem.end(), 0) << telem.err();
    const auto final = last_line(telem.out());
    EXPECT_EQ(final["event"], "final");
    EXPECT_EQ(final["datagrams"], 7);
    EXPECT_EQ(final["points_accepted"], large.size() / 8 + 2);
    EXPECT_EQ(final["lines_malformed"], 5);
    EXPECT_EQ(final["datagrams_dropped_kernel"], 0);
}

// IPv6, by name of the address and port 0.
TEST(Program, IPv6) {
    if (const int probe = ::socket(AF_INET6, SOCK_DGRAM, 0); probe < 0 || [&] {
            sockaddr_in6 at{};
            at.sin6_family = AF_INET6;
            at.sin6_addr = in6addr_loopback;
            const bool fails = bind(probe, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0;
            close(probe);
            return fails;
        }()) {
        GTEST_SKIP() << "this machine has no ::1";
    }
    program telem({"--listen", "[::1]:0"});
    const sender to(telem.port(), true);
    EXPECT_THAT(telem.err(), HasSubstr("listening on [::1]:"));
    ASSERT_TRUE(to.send("a 10"));
    telem.signal(SIGTERM);
    EXPECT_EQ(telem.end(), 0);
    EXPECT_EQ(telem.out(), six_lines);
}

// SIGTERM in the middle of a flood: every accepted point is in the last report of its name, and accepted plus dropped
// is never more than was sent.
TEST(Program, SignalLosesNothing) {
    program telem({"--listen", "127.0.0.1:0", "--json", "--limit", "0"});
    const std::uint16_t port = telem.port();
    std::uint64_t sent = 0;
    std::thread flood([&] {
        const sender to(port);
        // Ends when telem's socket is gone; the bound is for a telem that never ends.
        for (std::uint64_t i = 0; i < 20'000'000; ++i) {
            const std::string datagram = fmt::format("n{} {}\nn{} {}\n", i % 100, i, i % 7, 1);
            if (!to.send(datagram)) {
                return;
            }
            sent += 2;
        }
    });
    EXPECT_TRUE(telem.wait_for_out("\"event\":\"figure\"")); // in full flow
    telem.signal(SIGTERM);
    EXPECT_EQ(telem.end(), 0) << telem.err();
    flood.join();

    std::map<std::string, std::uint64_t> points; // by name, from the last mean of each
    std::istringstream out(telem.out());
    for (std::string line; std::getline(out, line);) {
        const auto object = nlohmann::json::parse(line);
        if (object["event"] == "figure" && object["label"] == "CMA") {
            EXPECT_GT(object["count"], points[object["name"]]);
            points[object["name"]] = object["count"];
        }
    }
    std::uint64_t reported = 0;
    for (const auto& [name, count] : points) {
        reported += count;
    }
    const auto final = last_line(telem.out());
    EXPECT_EQ(final["points_accepted"], reported); // limit 0: every point is on the high side
    EXPECT_GT(reported, 0U);
    EXPECT_LE(reported, sent);
    EXPECT_EQ(final["lines_malformed"], 0);
}

// A port in use is one line and exit code 1.
TEST(Program, BusyPort) {
    program first({"--listen", "127.0.0.1:0"});
    const std::string address = fmt::format("127.0.0.1:{}", first.port());
    program second({"--listen", address});
    EXPECT_EQ(second.end(), 1);
    EXPECT_EQ(second.err(),
              fmt::format("telem: error: source.udp: cannot listen on {}: Address already in use\n", address));
    first.signal(SIGTERM);
    EXPECT_EQ(first.end(), 0);
}

// An address that is not this machine's, and a missing or unreadable file: one line, exit code 1.
TEST(Program, CannotStart) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> failures{
        {{"--listen", "192.0.2.1:1990"},
         "telem: error: source.udp: cannot listen on 192.0.2.1:1990: Cannot assign requested address\n"},
        {{"--config", "/nonexistent/telem.toml"},
         "telem: error: cannot read /nonexistent/telem.toml: No such file or directory\n"},
        {{"check", "/"}, "telem: error: cannot read /: it is a directory\n"},
    };
    for (const auto& [arguments, wanted] : failures) {
        program telem(arguments);
        EXPECT_EQ(telem.end(), 1);
        EXPECT_EQ(telem.err(), wanted);
        EXPECT_EQ(telem.out(), "");
    }
}

// Bad flags: one line that names the flag, exit code 2.
TEST(Program, BadFlags) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes{
        {{"--nonsense"}, "--nonsense"},
        {{"--limit", "x"}, "--limit: Value x not in range 0 to 4294967295"},
        {{"--limit", "-1"}, "--limit"},
        {{"--limit", "4294967296"}, "--limit"},
        {{"--limit"}, "--limit"},
        {{"--listen", "127.0.0.1"}, "--listen: `127.0.0.1` has no port"},
        {{"--listen", "127.0.0.1:70000"}, "has a port outside 0 to 65535"},
        {{"--listen", "localhost:1"}, "is no IPv4 address"},
        {{"check"}, "check needs a FILE"},
        {{"check", "a", "b"}, "b"},
        {{"--json", "check", "a"}, "check takes a FILE and no other option"},
        {{"extra"}, "extra"},
    };
    for (const auto& [arguments, wanted] : mistakes) {
        program telem(arguments);
        EXPECT_EQ(telem.end(), 2) << arguments[0];
        EXPECT_THAT(telem.err(), StartsWith("telem: error: "));
        EXPECT_THAT(telem.err(), HasSubstr(wanted));
        EXPECT_THAT(telem.err(), testing::EndsWith("(see telem --help)\n"));
        EXPECT_EQ(std::ranges::count(telem.err(), '\n'), 1) << telem.err();
    }
}

// check reports every mistake with its place, and exits 1; so does running the file.
TEST(Program, BrokenConfig) {
    const file config("[source.udp]\nkind = \"udp\"\nlisten = \"127.0.0.1:99999\"\nto = [\"gone\"]\ncolour = 1\n");
    const std::string wanted = fmt::format(
        "{0}:3:10: source.udp: listen: `127.0.0.1:99999` has a port outside 0 to 65535; expected an address "
        "and a port such as 127.0.0.1:1990 or [::1]:1990\n"
        "{0}:4:7: udp feeds `gone`, which does not exist; expected the name of a node\n"
        "{0}:5:1: source.udp: unknown key `colour`; expected one of: kind, to, listen, protocol, "
        "receive_buffer_bytes\n",
        config.name());
    for (const char* how : {"check", "--config"}) {
        program telem({how, config.name()});
        EXPECT_EQ(telem.end(), 1);
        EXPECT_EQ(telem.err(), wanted);
        EXPECT_EQ(telem.out(), "");
    }
}

// Help, version and man page go to standard output and exit 0.
TEST(Program, ExplainsItself) {
    program help({"--help"});
    EXPECT_EQ(help.end(), 0);
    for (const char* part :
         {"--config FILE", "--listen ADDR:PORT", "--limit N", "--json", "--print-config", "--version", "check FILE",
          "SIGINT", "SIGUSR1", "spill = {", "durable_on_drain", "EXIT CODES", "EXAMPLES", "/dev/udp/127.0.0.1/1990"}) {
        EXPECT_THAT(help.out(), HasSubstr(part));
    }
    std::istringstream text(help.out());
    for (std::string line; std::getline(text, line);) {
        EXPECT_LE(line.size(), 100U) << line;
    }
    program version({"--version"});
    EXPECT_EQ(version.end(), 0);
    EXPECT_THAT(version.out(), testing::MatchesRegex("telem [0-9]+\\.[0-9]+\\.[0-9]+\n"));
    program man({"--man"});
    EXPECT_EQ(man.end(), 0);
    EXPECT_THAT(man.out(), StartsWith(".TH TELEM 1"));
}

// A reader that goes away is said once, and telem ends by itself with exit code 1.
TEST(Program, ClosedPipe) {
    program telem({"--listen", "127.0.0.1:0"});
    const sender to(telem.port());
    telem.close_out();
    ASSERT_TRUE(to.send("a 10\n"));
    EXPECT_EQ(telem.end(), 1);
    EXPECT_THAT(telem.err(), HasSubstr("telem: error: cannot write to standard output: Broken pipe\n"));
    EXPECT_THAT(telem.err(), HasSubstr("lines_written 0 lines_lost 6"));
}

// So is a full disk.
TEST(Program, FullDisk) {
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full < 0) {
        GTEST_SKIP() << "this machine has no /dev/full";
    }
    program telem({"--listen", "127.0.0.1:0", "--json"}, full);
    const sender to(telem.port());
    ASSERT_TRUE(to.send("a 10\n"));
    EXPECT_EQ(telem.end(), 1);
    EXPECT_THAT(telem.err(), HasSubstr("telem: error: cannot write to standard output: No space left on device\n"));
    close(full);
}

// A second signal while the drain cannot end (nobody reads the output) ends telem at once, with exit code 3.
TEST(Program, SecondSignal) {
    std::array<int, 2> stuck{};
    ASSERT_EQ(pipe2(stuck.data(), O_CLOEXEC), 0);
    // Fill the pipe, so that telem's first write blocks.
    fcntl(stuck[1], F_SETFL, O_NONBLOCK);
    const std::string chunk(65536, 'x');
    while (write(stuck[1], chunk.data(), chunk.size()) > 0) {
    }
    while (write(stuck[1], "x", 1) > 0) {
    }
    fcntl(stuck[1], F_SETFL, 0);
    program telem({"--listen", "127.0.0.1:0"}, stuck[1]);
    const sender to(telem.port());
    ASSERT_TRUE(to.send("a 10\n"));
    telem.signal(SIGINT);
    ASSERT_TRUE(telem.wait_for_err("a second signal ends at once"));
    telem.signal(SIGTERM);
    EXPECT_EQ(telem.end(), 3);
    EXPECT_THAT(telem.err(), HasSubstr("telem: error: ended by a second signal: of "));
    close(stuck[0]);
    close(stuck[1]);
}

} // namespace

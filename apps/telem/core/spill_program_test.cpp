// SPDX-License-Identifier: MIT
//
// What must hold of the real program whose output nobody reads: it is flooded, killed at a random moment and started
// again, and every point that its durable arrow said it had accepted is printed, in order, and again only if it was
// printed before the kill. The other durabilities lose what the page of the config file states, and no more.
#include <apps/telem/core/test_program.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <set>
#include <sstream>
#include <thread>

namespace {

using telem::test::file;
using telem::test::program;
using telem::test::sender;
using testing::HasSubstr;

class folder {
public:
    folder() { std::filesystem::remove_all(name_); }
    ~folder() { std::filesystem::remove_all(name_); }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] std::uintmax_t bytes() const {
        std::uintmax_t sum = 0;
        for (const auto& each : std::filesystem::directory_iterator(name_)) {
            sum += each.file_size();
        }
        return sum;
    }

private:
    const std::string name_ = testing::TempDir() + fmt::format("telem_{}_{}", getpid(), static_cast<const void*>(this));
};

std::string topology(const folder& directory, std::string_view durability) {
    return fmt::format(R"(flush_every_ms = 20
[source.udp]
kind = "udp"
listen = "127.0.0.1:0"
to = [{{ node = "out", spill = {{ dir = "{}", memory = "1MiB", durability = "{}" }} }}]
[sink.out]
kind = "console"
queue_blocks = 2
)",
                       directory.name(), durability);
}

// An output that nobody reads for the time being.
class unread_pipe {
public:
    explicit unread_pipe(int bytes) {
        EXPECT_EQ(pipe2(ends_.data(), O_CLOEXEC), 0);
        fcntl(ends_[1], F_SETPIPE_SZ, bytes);
    }
    ~unread_pipe() {
        close(ends_[0]);
        close_writer();
    }
    unread_pipe(const unread_pipe&) = delete;
    unread_pipe& operator=(const unread_pipe&) = delete;

    [[nodiscard]] int writer() const { return ends_[1]; }
    void close_writer() { close(std::exchange(ends_[1], -1)); }
    // All that was written, once the writers are gone.
    std::string read_all() {
        close_writer();
        std::string all;
        std::array<char, 65536> bytes;
        for (ssize_t got = 0; (got = read(ends_[0], bytes.data(), bytes.size())) > 0;) {
            all.append(bytes.data(), static_cast<std::size_t>(got));
        }
        return all;
    }

private:
    std::array<int, 2> ends_{};
};

// The last figure of that name on a line that holds `where`, in what telem has said.
std::uint64_t figure_of(const std::string& said, std::string_view where, std::string_view name) {
    const std::size_t line = said.rfind(where);
    if (line == std::string::npos) {
        return 0;
    }
    const std::string before = fmt::format(" {} ", name);
    const std::size_t at = said.find(before, line);
    return at == std::string::npos ? 0 : std::stoull(said.substr(at + before.size(), 20));
}

std::uint64_t points_in(const program& telem) {
    return figure_of(telem.err(), "udp>out (spill):", "points_in");
}

// Whole lines only: a kill may have torn the last.
std::vector<std::uint64_t> printed(const std::string& text) {
    std::vector<std::uint64_t> numbers;
    std::istringstream lines(text.substr(0, text.rfind('\n') + 1));
    for (std::string name; lines >> name;) {
        lines >> numbers.emplace_back();
        EXPECT_EQ(name, fmt::format("n{}", numbers.back() % 100));
    }
    return numbers;
}

// Sends numbered points no faster than telem takes them in, so that the kernel drops none.
class flood {
public:
    flood(program& to, std::uint64_t& next) : to_(&to), next_(&next), sender_(to.port()) {
        const std::size_t at = to.err().find("(receive buffer ");
        window_ = std::clamp<std::uint64_t>(std::stoull(to.err().substr(at + 16, 20)) / datagram_bytes / 4, 1, 64);
    }

    // Some points; telem need not have taken them when it returns.
    void burst() {
        for (std::uint64_t i = 0; i < window_; ++i) {
            std::string datagram;
            for (int k = 0; k < 500; ++k, ++*next_) {
                datagram += fmt::format("n{} {}\n", *next_ % 100, *next_);
            }
            EXPECT_TRUE(sender_.send(datagram));
            ++sent_;
        }
    }
    // Until telem has taken all of them.
    void wait() {
        while (figure_of(to_->err(), "  udp (udp):", "datagrams") < sent_) {
            report();
        }
        EXPECT_EQ(figure_of(to_->err(), "  udp (udp):", "datagrams_dropped_kernel"), 0U);
    }
    // Makes telem say how far it is.
    void report() {
        const auto reports = [&] {
            return std::ranges::count(to_->err(), '\n');
        };
        const auto before = reports();
        to_->signal(SIGUSR1);
        ASSERT_TRUE(to_->wait_until([&] { return reports() >= before + 5 && to_->err().ends_with('\n'); }));
    }

private:
    static constexpr std::uint64_t datagram_bytes = 8192;

    program* const to_;
    std::uint64_t* const next_;
    const sender sender_;
    std::uint64_t window_ = 1;
    std::uint64_t sent_ = 0;
};

TEST(SpillProgram, DurableLosesNothingByKills) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937_64 draw(seed);
    const folder directory;
    const file config(topology(directory, "durable"));
    std::uint64_t next = 1;
    std::set<std::uint64_t> accepted; // and not printed yet
    std::set<std::uint64_t> before;   // printed
    std::uint64_t all_accepted = 0;
    for (int kill = 0; kill < 6; ++kill) {
        unread_pipe out(4096 << (draw() % 8));
        program telem({"--config", config.name()}, out.writer());
        const std::uint64_t first = next;
        {
            flood from(telem, next);
            for (std::uint64_t bursts = 1 + draw() % 4; bursts > 0; --bursts) {
                from.burst();
                from.wait();
            }
            from.report(); // what telem says now counts
            from.burst();  // and what it does now may or may not be accepted
            std::this_thread::sleep_for(std::chrono::microseconds(draw() % 3000));
        }
        telem.signal(SIGKILL);
        ASSERT_EQ(telem.end(), 1000 + SIGKILL);
        const std::uint64_t in = points_in(telem);
        EXPECT_GT(in, 0U);
        all_accepted += in;
        for (std::uint64_t each = first; each < first + in; ++each) {
            accepted.insert(each);
        }
        const auto seen = printed(out.read_all());
        ASSERT_TRUE(std::ranges::is_sorted(seen, std::less_equal())) << "out of order, or twice";
        for (const std::uint64_t number : seen) {
            accepted.erase(number);
        }
        before.insert(seen.begin(), seen.end());
    }
    EXPECT_FALSE(accepted.empty()); // or else nothing was tried

    program telem({"--config", config.name()});
    static_cast<void>(telem.port());
    EXPECT_THAT(telem.err(), HasSubstr(fmt::format("events of an earlier run in {}", directory.name())));
    telem.signal(SIGTERM);
    ASSERT_EQ(telem.end(), 0) << telem.err();
    const auto seen = printed(telem.out());
    ASSERT_TRUE(std::ranges::is_sorted(seen, std::less_equal())) << "out of order, or twice";
    for (const std::uint64_t number : seen) {
        ASSERT_LT(number, next);
        accepted.erase(number);
    }
    EXPECT_TRUE(accepted.empty()) << accepted.size() << " of " << all_accepted << " accepted points are lost";
    EXPECT_EQ(figure_of(telem.err(), "udp>out (spill):", "points_again"), seen.size());
    EXPECT_EQ(figure_of(telem.err(), "udp>out (spill):", "events_unreadable"), 0U);

    // All is printed and acknowledged: nothing comes again.
    program after({"--config", config.name()});
    static_cast<void>(after.port());
    after.signal(SIGTERM);
    EXPECT_EQ(after.end(), 0);
    EXPECT_EQ(after.out(), "");
}

// A kill takes what waits, and only that: what was printed is a beginning of what was sent, nothing comes again, and
// without a kill all comes, though it had to go through the disk.
TEST(SpillProgram, VolatileLosesWhatWaits) {
    const folder directory;
    const file config(topology(directory, "volatile_overflow"));
    std::uint64_t next = 1;
    {
        unread_pipe out(65536);
        program telem({"--config", config.name()}, out.writer());
        flood from(telem, next);
        for (int i = 0; i < 8; ++i) {
            from.burst();
            from.wait();
        }
        from.report();
        telem.signal(SIGKILL);
        ASSERT_EQ(telem.end(), 1000 + SIGKILL);
        EXPECT_EQ(points_in(telem), next - 1);
        const auto seen = printed(out.read_all());
        ASSERT_FALSE(seen.empty());
        EXPECT_EQ(seen.back(), seen.size());
        EXPECT_LT(seen.size(), next - 1);
    }
    const std::uint64_t first = next;
    program telem({"--config", config.name()});
    {
        flood from(telem, next);
        for (int i = 0; i < 8; ++i) {
            from.burst();
            from.wait();
        }
    }
    telem.signal(SIGTERM);
    ASSERT_EQ(telem.end(), 0) << telem.err();
    const auto seen = printed(telem.out());
    ASSERT_EQ(seen.size(), next - first);
    EXPECT_EQ(seen.front(), first);
    EXPECT_TRUE(std::ranges::is_sorted(seen, std::less_equal()));
    EXPECT_LT(directory.bytes(), 65536U); // nothing stays but the files that every spool has
}

// A second signal while nobody reads the output: what waits is written down, and telem says so; the next start prints
// it. Only what the sink had taken and not printed is gone; the event that it was at may come again.
TEST(SpillProgram, DurableOnDrainKeepsWhatWaits) {
    const folder directory;
    const file config(topology(directory, "durable_on_drain"));
    std::uint64_t next = 1;
    std::set<std::uint64_t> missing;
    std::uint64_t in_the_sink = 0;
    {
        unread_pipe out(65536);
        program telem({"--config", config.name()}, out.writer());
        {
            flood from(telem, next);
            for (int i = 0; i < 4; ++i) {
                from.burst();
                from.wait();
            }
        }
        telem.signal(SIGTERM);
        ASSERT_TRUE(telem.wait_for_err("a second signal ends at once"));
        telem.signal(SIGTERM);
        EXPECT_EQ(telem.end(), 3);
        EXPECT_THAT(telem.err(), HasSubstr("udp>out: "));
        EXPECT_THAT(telem.err(), HasSubstr(" events wait for the next start"));
        for (std::uint64_t each = 1; each < next; ++each) {
            missing.insert(each);
        }
        const auto seen = printed(out.read_all());
        for (const std::uint64_t number : seen) {
            missing.erase(number);
        }
        in_the_sink = figure_of(telem.err(), "  out (console):", "points_in") - seen.size();
    }
    program telem({"--config", config.name()});
    static_cast<void>(telem.port());
    telem.signal(SIGTERM);
    ASSERT_EQ(telem.end(), 0) << telem.err();
    const auto seen = printed(telem.out());
    ASSERT_FALSE(seen.empty());
    EXPECT_TRUE(std::ranges::is_sorted(seen, std::less_equal()));
    std::uint64_t twice = 0;
    for (const std::uint64_t number : seen) {
        twice += missing.erase(number) == 0 ? 1U : 0U;
    }
    EXPECT_LE(missing.size(), in_the_sink);
    EXPECT_LE(twice, 4096U); // of the one event that the sink was at
}

// A directory that another telem has, or whose parent is not there: one line, exit code 1.
TEST(SpillProgram, DirectoryThatCannotBeHad) {
    const folder directory;
    const file config(topology(directory, "durable"));
    program first({"--config", config.name()});
    static_cast<void>(first.port());
    program second({"--config", config.name()});
    EXPECT_EQ(second.end(), 1);
    EXPECT_EQ(second.err(), fmt::format("telem: error: source.udp: spill to out: {} is in use by another process\n",
                                        directory.name()));
    first.signal(SIGTERM);
    EXPECT_EQ(first.end(), 0);

    std::string text = topology(directory, "durable");
    text.replace(text.find(directory.name()), directory.name().size(), directory.name() + "/no/where");
    const file lost(text);
    program third({"--config", lost.name()});
    EXPECT_EQ(third.end(), 1);
    EXPECT_EQ(third.err(), fmt::format("telem: error: source.udp: spill to out: create directory {}/no/where: No such "
                                       "file or directory\n",
                                       directory.name()));
}

} // namespace

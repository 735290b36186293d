// SPDX-License-Identifier: MIT
//
// What must hold on real threads: with several sources that flood merging paths through short channels, while pulses
// come as fast as they can and the output now and then dawdles, every accepted point is in the final reports, once for
// each path that it may take.
#include <apps/telem/core/report.hpp>
#include <apps/telem/core/topology.hpp>
#include <gantry/check/storage/fault_storage.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <map>
#include <random>
#include <sstream>
#include <thread>

namespace {

// A millisecond passes with every look at it.
class hasty_clock final : public telem::clock {
public:
    std::chrono::nanoseconds steady() override {
        return std::chrono::milliseconds(now_.fetch_add(1, std::memory_order_relaxed)); // relaxed: owner
    }
    std::chrono::milliseconds wall() override { return std::chrono::milliseconds(0); }

private:
    std::atomic<std::int64_t> now_{0};
};

// Random datagrams from a seed, as many as it was made for; counts what they hold.
class random_socket final : public telem::datagrams {
public:
    random_socket(std::uint64_t seed, std::uint64_t most) : random_(seed), left_(most) {}

    std::expected<telem::received, std::string> receive(std::chrono::nanoseconds) override {
        held_.clear();
        views_.clear();
        const std::uint64_t now = std::min<std::uint64_t>(left_, random_() % 65);
        for (std::uint64_t i = 0; i < now; ++i) {
            std::string datagram;
            for (std::uint64_t lines = 1 + random_() % 12; lines > 0; --lines) {
                const std::string name = "n" + std::to_string(random_() % 50);
                const std::uint64_t value = random_() % 1000;
                datagram += fmt::format("{} {}\n", name, value);
                points[name].push_back(static_cast<std::uint32_t>(value));
            }
            held_.push_back(std::move(datagram));
        }
        left_ -= now;
        views_.assign(held_.begin(), held_.end());
        return telem::received{views_, now < 64};
    }
    void refuse_more() override {}
    void wake() override {}
    std::uint64_t dropped() override { return 0; }
    telem::address bound() const override { return {}; }
    std::size_t buffer_bytes() const override { return 0; }

    std::map<std::string, std::vector<std::uint32_t>> points; // of the source's thread until that has ended

private:
    std::mt19937_64 random_;
    std::uint64_t left_;
    std::vector<std::string> held_;
    std::vector<std::string_view> views_;
};

class random_network final : public telem::network {
public:
    explicit random_network(std::uint64_t seed) : seed_(seed) {}

    std::expected<std::unique_ptr<telem::datagrams>, std::string> bind(const telem::address&, std::size_t) override {
        auto made = std::make_unique<random_socket>(seed_ + sockets.size(), 4000);
        sockets.push_back(made.get());
        return made;
    }

    std::vector<random_socket*> sockets;

private:
    const std::uint64_t seed_;
};

class dawdling_output final : public telem::output {
public:
    std::expected<void, std::string> write(std::string_view more) override {
        for (std::size_t i = 0; i < more.size() % 50; ++i) {
            std::this_thread::yield();
        }
        text += more;
        return {};
    }

    std::string text;
};

// to_low, to_all, to_out: the arrows to those nodes. enough: points, then telem is stopped.
void flood(std::uint64_t enough, std::string_view to_low, std::string_view to_all, std::string_view to_out) {
    const std::uint64_t seed = std::random_device{}();
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    gantry::check::fault_storage disk({.seed = seed, .bytes_max = std::size_t{512} << 20U, .trace_max = 10});
    hasty_clock time;
    random_network net(seed);
    dawdling_output console;
    const auto config = telem::read_config(fmt::format(R"(flush_every_ms = 20
[source.one]
kind = "udp"
listen = "127.0.0.1:0"
to = ["low", "all"]
[source.two]
kind = "udp"
listen = "127.0.0.1:0"
to = [{0}, {1}]
[source.three]
kind = "udp"
listen = "127.0.0.1:0"
to = ["low", "all"]
[filter.low]
kind = "low"
limit = 500
queue_blocks = 1
to = ["lowest", "quantiles"]
[filter.lowest]
kind = "low"
limit = 100
queue_blocks = 2
to = ["quantiles"]
[aggregate.quantiles]
kind = "ckms"
label = "quantiles"
quantiles = [0.5]
queue_blocks = 1
to = ["out"]
[aggregate.all]
kind = "moving_average"
label = "all"
queue_blocks = 3
to = [{2}]
[sink.out]
kind = "console"
format = "json"
queue_blocks = 1
)",
                                                       to_low, to_all, to_out));
    ASSERT_TRUE(config.has_value());
    const auto whole =
        telem::topology::build(*config, {time, net, console, telem::name_secret::seeded(seed), &disk}, true);
    ASSERT_TRUE(whole.has_value());
    std::vector<std::thread> threads;
    for (const auto& one : (*whole)->stages()) {
        threads.emplace_back([&stage = *one] {
            while (stage.step() != telem::progress::done) {
            }
            stage.out().close();
        });
    }
    // The stop comes in the middle of the flood.
    while (telem::total(**whole).accepted < enough) {
        std::this_thread::yield();
    }
    (*whole)->stop();
    for (std::thread& one : threads) {
        one.join();
    }

    std::map<std::string, std::uint64_t> all;
    std::map<std::string, std::uint64_t> quantiles;
    std::uint64_t accepted = 0;
    for (const random_socket* socket : net.sockets) {
        for (const auto& [name, values] : socket->points) {
            for (const std::uint32_t value : values) {
                ++accepted;
                ++all[name];
                if (value <= 500) {
                    quantiles[name] += value <= 100 ? 2U : 1U; // over two paths
                }
            }
        }
    }
    EXPECT_EQ(telem::total(**whole).accepted, accepted);
    std::map<std::string, std::uint64_t> seen_all;
    std::map<std::string, std::uint64_t> seen_quantiles;
    std::istringstream text(console.text);
    for (std::string line; std::getline(text, line);) {
        const auto figure = nlohmann::json::parse(line);
        auto& count = (figure["label"] == "all" ? seen_all : seen_quantiles)[figure["name"]];
        ASSERT_GT(figure["count"], count) << line;
        count = figure["count"];
    }
    EXPECT_EQ(seen_all, all);
    EXPECT_EQ(seen_quantiles, quantiles);
    EXPECT_FALSE((*whole)->failure().has_value());
    for (telem::spill_edge* one : (*whole)->spills()) {
        EXPECT_EQ(one->finish(), 0U) << one->name();
    }
}

TEST(TopologyStress, NothingIsLost) {
    flood(50'000, R"("low")", R"("all")", R"("out")");
}

// Arrows that spill do the same, whatever they promise.
TEST(TopologyStress, NothingIsLostOnArrowsThatSpill) {
    flood(15'000, R"({ node = "low", spill = { dir = "/low", memory = "1MiB", durability = "durable_on_drain" } })",
          R"({ node = "all", spill = { dir = "/all", memory = "1MiB", durability = "durable" } })",
          R"({ node = "out", spill = { dir = "/out", memory = "1MiB" } })");
}

} // namespace

// SPDX-License-Identifier: MIT
#pragma once
//
// A topology in a made world, stepped by one thread in an order drawn from a seed. For the simulation tests.
#include <apps/telem/core/topology.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

namespace telem::test {

class made_clock final : public telem::clock {
public:
    std::chrono::nanoseconds steady() override { return now; }
    std::chrono::milliseconds wall() override { return std::chrono::duration_cast<std::chrono::milliseconds>(now); }

    std::chrono::nanoseconds now{0};
};

// A socket whose datagrams the test puts in; holds as many as it is told, and drops the rest, as a kernel does.
class made_socket final : public telem::datagrams {
public:
    std::expected<telem::received, std::string> receive(std::chrono::nanoseconds) override {
        if (broken) {
            return std::unexpected(std::string("the wire is cut"));
        }
        held_.clear();
        views_.clear();
        while (!queue.empty() && held_.size() < 64) {
            held_.push_back(std::move(queue.front()));
            queue.pop_front();
        }
        views_.assign(held_.begin(), held_.end());
        return telem::received{views_, held_.size() < 64};
    }
    void refuse_more() override { refusing = true; }
    void wake() override {}
    std::uint64_t dropped() override { return drops; }
    telem::address bound() const override { return *telem::parse_address("127.0.0.1:1"); }
    std::size_t buffer_bytes() const override { return 0; }

    bool put(std::string datagram) {
        if (refusing || queue.size() >= room) {
            ++drops;
            return false;
        }
        queue.push_back(std::move(datagram));
        return true;
    }

    std::deque<std::string> queue;
    std::size_t room = SIZE_MAX;
    bool refusing = false;
    bool broken = false;
    std::uint64_t drops = 0;

private:
    std::vector<std::string> held_;
    std::vector<std::string_view> views_;
};

class made_network final : public telem::network {
public:
    std::expected<std::unique_ptr<telem::datagrams>, std::string> bind(const telem::address&, std::size_t) override {
        auto socket = std::make_unique<made_socket>();
        sockets.push_back(socket.get());
        return socket;
    }

    std::vector<made_socket*> sockets;
};

class made_output final : public telem::output {
public:
    std::expected<void, std::string> write(std::string_view more) override {
        if (broken) {
            return std::unexpected(std::string("no space left"));
        }
        text += more;
        return {};
    }

    std::string text;
    bool broken = false;
};

// A topology stepped by hand in a made world.
class simulation {
public:
    explicit simulation(const telem::config& config, std::uint64_t seed = 1, gantry::storage* disk = nullptr)
        : random(seed) {
        auto built = telem::topology::build(config,
                                            {time, net, console, telem::name_secret::seeded(seed), disk,
                                             [this](std::string_view line) {
                                                 said.emplace_back(line);
                                             }},
                                            false);
        if (built) {
            whole = *std::move(built);
        } else {
            failure = built.error();
        }
    }
    explicit simulation(std::string_view toml, std::uint64_t seed = 1, gantry::storage* disk = nullptr)
        : simulation(*telem::read_config(toml), seed, disk) {}

    // Steps stages, drawn at random, until none can go on; a stalled one is passed over.
    void settle() {
        std::vector<telem::stage*> able;
        const auto fill = [&] {
            able.clear();
            for (const auto& one : whole->stages()) {
                if (!stalled.contains(one->name())) {
                    able.push_back(one.get());
                }
            }
        };
        // Whoever worked may have made work, or room, for any other: start over until a full round does nothing.
        for (fill(); !able.empty();) {
            const std::size_t which = random() % able.size();
            const telem::progress made = able[which]->step();
            if (made == telem::progress::worked) {
                fill();
            } else {
                if (made == telem::progress::done) {
                    able[which]->out().close();
                }
                able.erase(able.begin() + static_cast<std::ptrdiff_t>(which));
            }
        }
    }
    void step_some(std::size_t steps) {
        for (std::size_t i = 0; i < steps; ++i) {
            telem::stage& one = *whole->stages()[random() % whole->stages().size()];
            if (!stalled.contains(one.name())) {
                static_cast<void>(one.step());
            }
        }
    }
    void pass(std::chrono::milliseconds span) { time.now += span; }
    [[nodiscard]] bool ended() {
        settle();
        return std::ranges::all_of(whole->stages(),
                                   [](const auto& one) { return one->step() == telem::progress::done; });
    }
    [[nodiscard]] std::uint64_t figure_of(std::string_view stage, std::string_view name) const {
        for (const auto& one : whole->stages()) {
            for (const telem::figure& each : one->figures()) {
                if (one->name() == stage && each.name == name) {
                    return each.value;
                }
            }
        }
        ADD_FAILURE() << "no figure " << name << " at " << stage;
        return 0;
    }
    std::string take_text() { return std::exchange(console.text, {}); }

    std::mt19937_64 random;
    made_clock time;
    made_network net;
    made_output console;
    std::unique_ptr<telem::topology> whole;
    std::set<std::string, std::less<>> stalled;
    std::vector<std::string> said;
    std::string failure; // why it could not be built
};

} // namespace telem::test

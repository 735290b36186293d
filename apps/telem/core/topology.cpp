// SPDX-License-Identifier: MIT
#include <apps/telem/core/kinds.hpp>
#include <apps/telem/core/topology.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace telem {
namespace {

// Indexes of the nodes such that every arrow leads from an earlier to a later one.
std::vector<std::size_t> in_order_of_arrows(const config& checked) {
    std::vector<std::size_t> entering(checked.nodes.size(), 0);
    for (const node_config& from : checked.nodes) {
        for (const edge_config& edge : from.to) {
            ++entering[edge.target];
        }
    }
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < entering.size(); ++i) {
        if (entering[i] == 0) {
            order.push_back(i);
        }
    }
    for (std::size_t done = 0; done < order.size(); ++done) {
        for (const edge_config& edge : checked.nodes[order[done]].to) {
            if (--entering[edge.target] == 0) {
                order.push_back(edge.target);
            }
        }
    }
    return order;
}

std::vector<std::pair<const node_config*, const edge_config*>> spilling_into(const config& checked, std::size_t node) {
    std::vector<std::pair<const node_config*, const edge_config*>> found;
    for (const node_config& from : checked.nodes) {
        for (const edge_config& edge : from.to) {
            if (edge.spill && edge.target == node) {
                found.emplace_back(&from, &edge);
            }
        }
    }
    return found;
}

} // namespace

topology::topology(const config& checked, const world& around)
    : names_({.bytes_max = checked.names_bytes_max, .secret = around.secret}) {}

std::expected<std::unique_ptr<topology>, std::string> topology::build(const config& checked, const world& around,
                                                                      bool waits) {
    std::unique_ptr<topology> made(new topology(checked, around));
    topology* const self = made.get();
    const auto fail = [self](std::string why) {
        self->fail(std::move(why));
    };
    const surroundings near{self->names_, around.console, fail};

    // Told apart from the runs before by what the secret does to a word.
    const std::uint64_t run = self->names_.hash("run");
    std::vector<stage*> by_config(checked.nodes.size(), nullptr);
    std::map<const edge_config*, spill_edge*> spills;
    for (const std::size_t i : in_order_of_arrows(checked)) {
        const node_config& one = checked.nodes[i];
        const std::string kind(one.kind->name);
        if (one.kind->takes == flow::nothing) {
            auto socket = around.sockets.bind(*parse_address(one.text("listen")), one.integer("receive_buffer_bytes"));
            if (!socket) {
                return std::unexpected(fmt::format("source.{}: {}", one.name, socket.error()));
            }
            const source::options options{.flush_every = std::chrono::milliseconds(checked.flush_every_ms),
                                          .fail = fail};
            auto stage = std::make_unique<source>(one.name, kind, self->pools_, waits, std::move(*socket), self->names_,
                                                  around.time, options);
            self->sources_.push_back(stage.get());
            by_config[i] = stage.get();
            self->stages_.push_back(std::move(stage));
        } else {
            // Between the nodes that feed it and itself.
            for (const auto& [from, edge] : spilling_into(checked, i)) {
                auto opened =
                    spill_edge::open(fmt::format("{}>{}", from->name, edge->name), self->pools_, waits, self->names_,
                                     *around.disk, {.chosen = *edge->spill, .run = run, .say = around.say});
                if (!opened) {
                    return std::unexpected(fmt::format("{}.{}: spill to {}: {}", from->kind->section, from->name,
                                                       edge->name, opened.error()));
                }
                self->spills_.push_back(opened->get());
                spills.emplace(edge, opened->get());
                self->stages_.push_back(*std::move(opened));
            }
            auto stage = std::make_unique<station>(one.name, kind, self->pools_, waits, one.integer("queue_blocks"));
            stage->install(one.kind->make(one, near));
            by_config[i] = stage.get();
            self->stages_.push_back(std::move(stage));
            self->json_ = self->json_ || (one.values.contains("format") && one.text("format") == "json");
        }
    }
    for (std::size_t i = 0; i < checked.nodes.size(); ++i) {
        for (const edge_config& edge : checked.nodes[i].to) {
            station& to = *static_cast<station*>(by_config[edge.target]);
            by_config[i]->out().connect(edge.spill ? spills[&edge]->lead_to(to) : to.enter());
        }
    }
    for (stage* one : by_config) {
        if (auto* inner = dynamic_cast<station*>(one)) {
            inner->seal();
        }
    }
    return made;
}

void topology::stop() {
    for (source* one : sources_) {
        one->request_stop();
    }
}

void topology::fail(std::string why) {
    {
        const std::lock_guard lock(m_);
        if (!failure_) {
            failure_ = std::move(why);
        }
    }
    stop();
}

std::optional<std::string> topology::failure() const {
    const std::lock_guard lock(m_);
    return failure_;
}

} // namespace telem

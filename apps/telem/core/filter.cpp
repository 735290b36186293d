// SPDX-License-Identifier: MIT
#include <apps/telem/core/kinds.hpp>

#include <algorithm>

namespace telem {
namespace {

// Passes the points for which keep(value, limit) holds.
template<class Keep>
class limit_filter final : public node {
public:
    explicit limit_filter(std::uint64_t limit) : limit_(static_cast<std::uint32_t>(limit)) {}

    void on_points(std::span<const metric> points, outbox& out) override {
        std::uint64_t kept = 0;
        while (!points.empty()) {
            const std::span<metric> room = out.room();
            const std::size_t most = std::min(room.size(), points.size());
            std::size_t n = 0;
            // Without a branch on the value, which nobody could predict: every point is written, only some stay.
            for (const metric& point : points.first(most)) {
                room[n] = point;
                n += Keep{}(point.value, limit_) ? 1U : 0U;
            }
            out.used(n);
            kept += n;
            points = points.subspan(most);
        }
        passed_.add(kept);
    }

    std::vector<figure> figures() const override { return {{"points_passed", passed_.get()}}; }

private:
    const std::uint32_t limit_;
    counter passed_;
};

} // namespace

std::unique_ptr<node> make_low(const node_config& config, const surroundings&) {
    return std::make_unique<limit_filter<std::less_equal<>>>(config.integer("limit"));
}

std::unique_ptr<node> make_high(const node_config& config, const surroundings&) {
    return std::make_unique<limit_filter<std::greater_equal<>>>(config.integer("limit"));
}

} // namespace telem

// SPDX-License-Identifier: MIT
// Real threads that replace, read and retire, that come and go while others go on: nothing is read after it was freed,
// and at the end everything is freed once.
#include <gantry/base/prng.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace gantry::reclaim;
using gantry::prng;
using gantry::test::seed;

constexpr std::uint64_t alive_mark = 0x600d'f00d'600d'f00d;
std::atomic<std::int64_t> live{0};

// Knows whether it lives; a read after its end sees another mark (or the sanitizer sees the read).
template<class Scheme>
struct marked : Scheme::template object<marked<Scheme>> {
    explicit marked(std::uint64_t v) : value(v), check(~v) { live.fetch_add(1, std::memory_order_relaxed); }
    marked(const marked&) = delete;
    marked& operator=(const marked&) = delete;
    ~marked() {
        mark = 0;
        live.fetch_sub(1, std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_whole() const { return mark == alive_mark && check == ~value; }

    std::uint64_t mark = alive_mark;
    std::uint64_t value;
    std::uint64_t check;
};

template<class Scheme>
class schemes : public testing::Test {};
using all_schemes = testing::Types<epoch, hazard, counted>;
TYPED_TEST_SUITE(schemes, all_schemes);

// Threads of short lives work on a few places; some read long, some nest sections, some look for garbage.
TYPED_TEST(schemes, threads_come_and_go) {
    using node = marked<TypeParam>;
    live.store(0, std::memory_order_relaxed);
    {
        typename TypeParam::domain domain({.garbage_bytes_max = 64 * sizeof(node)});
        std::array<std::atomic<node*>, 4> places{};
        const auto work = [&](std::uint64_t life) {
            prng random(seed(), life);
            for (int step = 0; step != 2000; ++step) {
                std::atomic<node*>& place = places.at(random.uniform_below(places.size()));
                typename TypeParam::section section(domain);
                switch (random.uniform_below(4)) {
                case 0:
                    if (node* const old = place.exchange(new node(random()), std::memory_order_acq_rel))
                        section.retire(old);
                    break;
                case 1: {
                    typename TypeParam::section nested(domain);
                    typename TypeParam::guard first(section);
                    typename TypeParam::guard second(nested);
                    const node* const one = first.protect(place);
                    const node* const other = second.protect(places.front());
                    ASSERT_TRUE(one == nullptr || one->is_whole());
                    ASSERT_TRUE(other == nullptr || other->is_whole());
                    break;
                }
                default: {
                    typename TypeParam::guard guard(section);
                    const node* const seen = guard.protect(place);
                    if (step % 500 == 0)
                        std::this_thread::yield(); // lose the CPU inside
                    ASSERT_TRUE(seen == nullptr || seen->is_whole());
                }
                }
            }
        };
        std::vector<std::jthread> lanes;
        for (std::uint64_t lane = 0; lane != 3; ++lane) {
            lanes.emplace_back([&, lane] {
                for (std::uint64_t life = 0; life != 12; ++life)
                    std::thread(work, 100 * lane + life).join();
            });
        }
        lanes.clear();
        for (auto& place : places)
            delete place.load(std::memory_order_relaxed);
        EXPECT_TRUE(domain.collect());
        EXPECT_EQ(domain.garbage_bytes(), 0U);
    }
    EXPECT_EQ(live.load(std::memory_order_relaxed), 0);
}

// Owners travel between places by every operation there is.
TEST(atomic_shared_stress, owners_travel) {
    using object = marked<hazard>;
    live.store(0, std::memory_order_relaxed);
    {
        hazard_domain domain;
        {
            std::vector<std::optional<atomic_shared<object>>> boxes(4);
            for (auto& box : boxes)
                box.emplace(make_shared_in<object>(domain, std::uint64_t{1}), domain);
            std::vector<std::jthread> threads;
            for (std::uint64_t lane = 0; lane != 4; ++lane) {
                threads.emplace_back([&, random = prng(seed(), lane)]() mutable {
                    shared<object> kept;
                    for (int step = 0; step != 30'000; ++step) {
                        atomic_shared<object>& box = *boxes.at(random.uniform_below(boxes.size()));
                        atomic_shared<object>& other = *boxes.at(random.uniform_below(boxes.size()));
                        switch (random.uniform_below(6)) {
                        case 0:
                            kept = box.load();
                            break;
                        case 1:
                            kept = box.exchange(std::move(kept));
                            break;
                        case 2: {
                            const snapshot<object> seen = box.look();
                            ASSERT_TRUE(!seen || seen->is_whole());
                            other.store(seen.share());
                            break;
                        }
                        case 3: {
                            shared<object> wanted = make_shared_in<object>(domain, random());
                            static_cast<void>(box.compare_exchange(kept, wanted));
                            break;
                        }
                        case 4: {
                            const snapshot<object> seen = box.look();
                            shared<object> wanted = other.load();
                            static_cast<void>(box.compare_exchange(seen, wanted));
                            break;
                        }
                        default:
                            other.store(kept);
                        }
                        ASSERT_TRUE(!kept || kept->is_whole());
                    }
                });
            }
            threads.clear();
        }
        while (!domain.collect()) {
        }
        EXPECT_EQ(domain.garbage_bytes(), 0U);
    }
    EXPECT_EQ(live.load(std::memory_order_relaxed), 0);
}

} // namespace

// SPDX-License-Identifier: MIT
// Real threads on the containers: what goes in comes out, once, in order; short recorded runs are linearizable.
#include <gantry/base/prng.hpp>
#include <gantry/base/test_seed.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/recorder.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/container/bounded_queue.hpp>
#include <gantry/container/deque.hpp>
#include <gantry/container/intrusive_list.hpp>
#include <gantry/container/queue.hpp>
#include <gantry/container/ring.hpp>
#include <gantry/container/test_deque_specification.hpp>
#include <gantry/reclaim/counted.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace {

using gantry::prng;
using gantry::check::check_history;
using gantry::check::queue_specification;
using gantry::check::recorder;
using gantry::check::request;
using gantry::check::response;
using gantry::check::verb;
using gantry::check::verdict;
using gantry::container::bounded_queue;
using gantry::container::deque;
using gantry::container::intrusive_list;
using gantry::container::queue;
using gantry::container::ring;
using gantry::container::steal_errc;
using gantry::test::seed;
using namespace gantry::container::test;

using element = std::unique_ptr<std::uint64_t>; // on the heap: the sanitizers see a wrong hand-over

// `./dev stress` asks for long runs.
bool is_long() {
    return std::getenv("GANTRY_STRESS_LONG") != nullptr;
}

// One by one and in batches, at several capacities: every element arrives, in order.
TEST(ring_stress, order) {
    for (const std::size_t capacity : {1U, 2U, 7U, 64U, 1000U}) {
        ring<element> r(capacity);
        const std::uint64_t count = is_long() ? 100'000 : 3'000;
        std::jthread producer([&, random = prng(seed(), capacity)]() mutable {
            for (std::uint64_t next = 0; next != count;) {
                std::vector<element> batch;
                for (std::uint64_t i = random.uniform_below(9); i != 0 && next != count; --i)
                    batch.push_back(std::make_unique<std::uint64_t>(next++));
                std::span<element> left(batch);
                while (!left.empty()) {
                    if (random.uniform_below(2) == 0) {
                        left = left.subspan(r.try_push_range(left));
                    } else if (r.try_push(std::move(left.front()))) {
                        left = left.subspan(1);
                    } else {
                        ASSERT_TRUE(left.front() != nullptr);
                        std::this_thread::yield();
                    }
                }
            }
        });
        prng random(seed(), 77);
        std::uint64_t next = 0;
        std::array<element, 5> out;
        while (next != count) {
            if (random.uniform_below(2) == 0) {
                const std::size_t popped = r.try_pop_some(std::span(out).first(random.uniform_below(6)));
                for (std::size_t i = 0; i != popped; ++i)
                    ASSERT_EQ(*out[i], next++);
            } else if (const std::optional<element> popped = r.try_pop()) {
                ASSERT_EQ(**popped, next++);
            } else {
                std::this_thread::yield();
            }
        }
    }
}

// Both sides try without waiting, so that refusals are in the history.
template<class Queue>
void queue_is_linearizable(std::uint32_t pushers, std::uint32_t poppers) {
    for (const std::size_t capacity : {1U, 2U, 3U}) {
        recorder<request, response> log({.threads = pushers + poppers, .operations_max = 12});
        for (std::uint64_t run = 0; run != 300; ++run) {
            Queue q(capacity);
            std::barrier start(static_cast<std::ptrdiff_t>(pushers + poppers));
            {
                std::vector<std::jthread> threads;
                for (std::uint32_t me = 0; me != pushers + poppers; ++me) {
                    threads.emplace_back([&, me] {
                        start.arrive_and_wait();
                        for (std::int64_t i = 0; i != 12; ++i) {
                            if (me < pushers) {
                                const std::int64_t value = 100 * me + i;
                                log.call(me, {.what = verb::try_push, .value = value});
                                log.end(me, q.try_push(std::make_unique<std::int64_t>(value)) ? 1 : 0);
                            } else {
                                log.call(me, {.what = verb::pop});
                                const auto popped = q.try_pop();
                                log.end(me, popped ? response(**popped) : response());
                            }
                        }
                    });
                }
            }
            ASSERT_EQ(check_history(queue_specification{.capacity = capacity}, log.take()).is, verdict::holds);
        }
    }
}

TEST(ring_stress, linearizable) {
    queue_is_linearizable<ring<std::unique_ptr<std::int64_t>>>(1, 1);
}

TEST(bounded_queue_stress, linearizable) {
    queue_is_linearizable<bounded_queue<std::unique_ptr<std::int64_t>>>(2, 2);
}

// More threads than CPUs, one by one and in batches: nothing is lost or doubled, and of each producer a consumer sees
// ascending numbers.
TEST(bounded_queue_stress, all_arrive_in_order) {
    for (const std::size_t capacity : {1U, 2U, 5U, 100U}) {
        constexpr std::uint64_t threads_a_side = 3;
        const std::uint64_t each = is_long() ? 20'000 : 1'000;
        bounded_queue<element> q(capacity);
        std::atomic<std::uint64_t> sum{0};
        std::atomic<std::uint64_t> taken{0};
        std::vector<std::jthread> threads;
        for (std::uint64_t p = 0; p != threads_a_side; ++p) {
            threads.emplace_back([&, p, random = prng(seed(), p)]() mutable {
                std::array<element, 3> batch;
                for (std::uint64_t next = 0; next != each;) {
                    std::size_t size = 0;
                    const std::uint64_t wanted = 1 + random.uniform_below(3);
                    while (size != wanted && next != each)
                        batch[size++] = std::make_unique<std::uint64_t>(p * each + next++);
                    std::span<element> left = std::span(batch).first(size);
                    while (!left.empty()) {
                        const std::size_t pushed = q.try_push_range(left);
                        if (pushed == 0)
                            std::this_thread::yield();
                        left = left.subspan(pushed);
                    }
                }
            });
            threads.emplace_back([&, random = prng(seed(), 100 + p)]() mutable {
                std::array<std::uint64_t, threads_a_side> last{};
                std::array<element, 3> batch;
                while (taken.load(std::memory_order_relaxed) != threads_a_side * each) {
                    const std::size_t popped = q.try_pop_some(std::span(batch).first(1 + random.uniform_below(3)));
                    for (std::size_t i = 0; i != popped; ++i) {
                        const std::uint64_t value = *batch[i];
                        std::uint64_t& before = last[value / each];
                        ASSERT_LT(before, value % each + 1);
                        before = value % each + 1;
                        sum.fetch_add(value, std::memory_order_relaxed);
                    }
                    taken.fetch_add(popped, std::memory_order_relaxed);
                    if (popped == 0)
                        std::this_thread::yield();
                }
            });
        }
        threads.clear();
        const std::uint64_t all = threads_a_side * each;
        EXPECT_EQ(sum.load(std::memory_order_relaxed), all * (all - 1) / 2);
    }
}

template<class Scheme>
class queue_stress : public testing::Test {};
using schemes = testing::Types<gantry::reclaim::epoch, gantry::reclaim::hazard, gantry::reclaim::counted>;
TYPED_TEST_SUITE(queue_stress, schemes);

// More threads than CPUs, pops that find nothing among them: nothing is lost or doubled, and of each producer a
// consumer sees ascending numbers.
TYPED_TEST(queue_stress, all_arrive_in_order) {
    constexpr std::uint64_t threads_a_side = 3;
    constexpr std::uint64_t each = 50'000;
    typename TypeParam::domain domain;
    queue<element, TypeParam> q(domain);
    std::atomic<std::uint64_t> sum{0};
    std::atomic<std::uint64_t> taken{0};
    std::vector<std::jthread> threads;
    for (std::uint64_t p = 0; p != threads_a_side; ++p) {
        threads.emplace_back([&, p, random = prng(seed(), p)]() mutable {
            for (std::uint64_t next = 0; next != each; ++next) {
                q.push(std::make_unique<std::uint64_t>(p * each + next));
                if (random.uniform_below(200) == 0)
                    std::this_thread::yield();
            }
        });
        threads.emplace_back([&] {
            std::array<std::uint64_t, threads_a_side> last{};
            while (taken.load(std::memory_order_relaxed) != threads_a_side * each) {
                const std::optional<element> popped = q.try_pop();
                if (!popped)
                    continue;
                const std::uint64_t value = **popped;
                std::uint64_t& before = last[value / each];
                ASSERT_LT(before, value % each + 1);
                before = value % each + 1;
                sum.fetch_add(value, std::memory_order_relaxed);
                taken.fetch_add(1, std::memory_order_relaxed);
            }
        });
    }
    threads.clear();
    constexpr std::uint64_t all = threads_a_side * each;
    EXPECT_EQ(sum.load(std::memory_order_relaxed), all * (all - 1) / 2);
    EXPECT_FALSE(q.try_pop());
    EXPECT_EQ(q.size(), 0U);
}

TYPED_TEST(queue_stress, linearizable) {
    constexpr std::uint32_t threads_count = 4;
    recorder<request, response> log({.threads = threads_count, .operations_max = 12});
    for (std::uint64_t run = 0; run != 300; ++run) {
        typename TypeParam::domain domain;
        queue<std::unique_ptr<std::int64_t>, TypeParam> q(domain);
        std::barrier start(threads_count);
        {
            std::vector<std::jthread> threads;
            for (std::uint32_t me = 0; me != threads_count; ++me) {
                threads.emplace_back([&, me, random = prng(seed(), run * threads_count + me)]() mutable {
                    start.arrive_and_wait();
                    for (std::int64_t i = 0; i != 12; ++i) {
                        if (random.uniform_below(2) == 0) {
                            const std::int64_t value = 100 * me + i;
                            log.call(me, {.what = verb::push, .value = value});
                            q.push(std::make_unique<std::int64_t>(value));
                            log.end(me, {});
                        } else {
                            log.call(me, {.what = verb::pop});
                            const auto popped = q.try_pop();
                            log.end(me, popped ? response(**popped) : response());
                        }
                    }
                });
            }
        }
        ASSERT_EQ(check_history(queue_specification{}, log.take()).is, verdict::holds);
    }
}

// An owner that pushes more than it pops and then the other way round, thieves all the time: each element comes out
// once, while the array grows.
TEST(deque_stress, each_comes_out_once) {
    constexpr std::uint64_t count = 300'000;
    deque<std::uint64_t*> d(1);
    std::vector<std::atomic<std::uint32_t>> seen(count);
    std::atomic<bool> done{false};
    const auto take = [&](std::uint64_t* it) {
        seen[*it].fetch_add(1, std::memory_order_relaxed);
        delete it;
    };
    std::vector<std::jthread> thieves;
    for (int i = 0; i != 3; ++i) {
        thieves.emplace_back([&] {
            for (;;) {
                const bool last = done.load(std::memory_order_acquire);
                const auto stolen = d.try_steal();
                if (stolen) {
                    take(*stolen);
                } else if (stolen.error() == steal_errc::empty) {
                    if (last)
                        return;
                    std::this_thread::yield();
                }
            }
        });
    }
    prng random(seed());
    for (std::uint64_t next = 0; next != count;) {
        const std::uint64_t pushing = next / 10'000 % 2 == 0 ? 7 : 4;
        if (random.uniform_below(10) < pushing) {
            d.push(new std::uint64_t(next++));
        } else if (const auto popped = d.try_pop()) {
            take(*popped);
        }
    }
    while (const auto popped = d.try_pop())
        take(*popped);
    done.store(true, std::memory_order_release);
    thieves.clear();
    for (const auto& each : seen)
        ASSERT_EQ(each.load(std::memory_order_relaxed), 1U);
}

TEST(deque_stress, linearizable) {
    recorder<deque_request, deque_answer> log({.threads = 3, .operations_max = 20});
    for (std::uint64_t run = 0; run != 500; ++run) {
        deque<std::int64_t> d(1);
        std::barrier start(3);
        {
            std::vector<std::jthread> thieves;
            for (std::uint32_t me = 1; me != 3; ++me) {
                thieves.emplace_back([&, me] {
                    start.arrive_and_wait();
                    for (int i = 0; i != 10; ++i) {
                        log.call(me, {deque_act::steal});
                        const auto stolen = d.try_steal();
                        log.end(me, stolen ? deque_answer{.value = *stolen}
                                           : deque_answer{.lost = stolen.error() == steal_errc::lost});
                    }
                });
            }
            prng random(seed(), run);
            start.arrive_and_wait();
            for (std::int64_t i = 0; i != 20; ++i) {
                if (random.uniform_below(2) == 0) {
                    log.call(0, {deque_act::push, i});
                    d.push(i);
                    log.end(0, {});
                } else {
                    log.call(0, {deque_act::pop});
                    log.end(0, {.value = d.try_pop()});
                }
            }
        }
        ASSERT_EQ(check_history(deque_specification{}, log.take()).is, verdict::holds);
    }
}

struct record : intrusive_list<record>::hook {
    std::uint64_t used = 0; // by its holder alone
};

// There are never more records than threads at once, and nobody's use of one is lost.
TEST(intrusive_list_stress, one_holder_at_a_time) {
    constexpr std::uint64_t threads_count = 6;
    constexpr std::uint64_t rounds = 20'000;
    intrusive_list<record> records;
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i != threads_count; ++i) {
        threads.emplace_back([&] {
            for (std::uint64_t round = 0; round != rounds; ++round) {
                record* mine = records.try_claim();
                if (mine == nullptr)
                    records.push(*(mine = new record));
                ++mine->used;
                records.release(*mine);
            }
        });
    }
    threads.clear();
    std::uint64_t used = 0;
    std::uint64_t count = 0;
    records.clear([&](record& each) {
        used += each.used;
        ++count;
        delete &each;
    });
    EXPECT_EQ(used, threads_count * rounds);
    EXPECT_LE(count, threads_count);
}

} // namespace

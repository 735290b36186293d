// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/sync/cache_padded.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/shared_mutex.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using gantry::sync::shared_mutex;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

static_assert(sizeof(shared_mutex) == 32);
static_assert(!std::is_copy_constructible_v<shared_mutex> && !std::is_move_constructible_v<shared_mutex>);

constinit shared_mutex global; // Constant initialisation: usable before main.

// So many reads that those which follow are biased.
void bias(shared_mutex& m) {
    for (int i = 0; i != 1000; ++i) {
        m.lock_shared();
        m.unlock_shared();
    }
}

// What holds for a lock whose readers count themselves must hold for a biased one.
class shared_mutex_test : public testing::TestWithParam<bool> {
protected:
    shared_mutex_test() {
        if (GetParam())
            bias(m);
    }
    shared_mutex m;
};
INSTANTIATE_TEST_SUITE_P(both_ways, shared_mutex_test, testing::Bool(),
                         [](const auto& given) { return given.param ? "biased" : "counted"; });

// The sample of the header.
TEST(shared_mutex, sample) {
    gantry::sync::shared_mutex m;
    const std::shared_lock reader(m); // many; a writer takes std::unique_lock or std::scoped_lock
}

TEST(shared_mutex, standard_locks) {
    shared_mutex m;
    {
        const std::scoped_lock both(m, global);
    }
    std::shared_lock reader(m, std::defer_lock);
    EXPECT_TRUE(reader.try_lock_for(1h));
    reader.unlock();
    std::unique_lock writer(m, std::defer_lock);
    EXPECT_TRUE(writer.try_lock_until(steady_clock::now()));
}

// Readers let readers in and keep writers out, with and without a time.
TEST_P(shared_mutex_test, readers_share) {
    const std::shared_lock mine(m);
    std::jthread([&] {
        const std::shared_lock theirs(m);
        EXPECT_TRUE(m.try_lock_shared());
        m.unlock_shared();
        EXPECT_TRUE(m.try_lock_shared_for(1h));
        m.unlock_shared();
        EXPECT_TRUE(m.try_lock_shared_until(steady_clock::time_point::min()));
        m.unlock_shared();
    }).join();
    std::jthread([&] {
        EXPECT_FALSE(m.try_lock());
        EXPECT_FALSE(m.try_lock_for(-1h));
        const auto deadline = steady_clock::now() + 3ms;
        EXPECT_FALSE(m.try_lock_until(deadline));
        EXPECT_GE(steady_clock::now(), deadline);
        EXPECT_FALSE(m.try_lock_until(std::chrono::system_clock::now() + 3ms));
        EXPECT_TRUE(m.try_lock_shared()); // a writer that gave up keeps nobody out
        m.unlock_shared();
    }).join();
}

// A writer keeps everybody out.
TEST_P(shared_mutex_test, writer_excludes) {
    const std::unique_lock mine(m);
    std::jthread([&] {
        EXPECT_FALSE(m.try_lock());
        EXPECT_FALSE(m.try_lock_for(1ms));
        EXPECT_FALSE(m.try_lock_shared());
        EXPECT_FALSE(m.try_lock_shared_for(-1h));
        const auto deadline = steady_clock::now() + 3ms;
        EXPECT_FALSE(m.try_lock_shared_until(deadline));
        EXPECT_GE(steady_clock::now(), deadline);
        EXPECT_FALSE(m.try_lock_shared_until(std::chrono::system_clock::now() + 3ms));
    }).join();
}

// Who has to wait gets the lock when it is freed in time; who gave up leaves it usable for all.
TEST_P(shared_mutex_test, timed_locks_wait) {
    for (int round = 0; round != 100; ++round) {
        m.lock();
        std::jthread reader([&] {
            EXPECT_TRUE(m.try_lock_shared_for(1h));
            m.unlock_shared();
        });
        std::jthread writer([&] {
            EXPECT_TRUE(m.try_lock_for(1h));
            m.unlock();
        });
        std::jthread impatient([&] {
            if (m.try_lock_for(10us))
                m.unlock();
            if (m.try_lock_shared_for(10us))
                m.unlock_shared();
        });
        std::this_thread::yield();
        m.unlock();
    }
    ASSERT_TRUE(m.try_lock());
    m.unlock();
}

// A writer that waits keeps new readers out, and goes in when the reader before it leaves; the readers that it kept out
// go in before the next writer.
TEST_P(shared_mutex_test, phases_alternate) {
    m.lock_shared();
    std::atomic<int> turn{0};
    int written = 0;
    std::jthread writer([&] {
        m.lock();
        written = turn.fetch_add(1, std::memory_order_relaxed) + 1;
        m.unlock();
    });
    while (m.try_lock_shared()) { // until the writer waits
        m.unlock_shared();
        std::this_thread::yield();
    }
    int read = 0;
    std::jthread reader([&] {
        m.lock_shared();
        read = turn.fetch_add(1, std::memory_order_relaxed) + 1;
        m.unlock_shared();
    });
    EXPECT_EQ(turn.load(std::memory_order_relaxed), 0);
    m.unlock_shared();
    writer.join();
    reader.join();
    EXPECT_EQ(written, 1);
    EXPECT_EQ(read, 2);
}

// A writer that gives up lets in the readers that it kept out.
TEST_P(shared_mutex_test, readers_go_on_when_a_writer_gives_up) {
    m.lock_shared();
    std::jthread writer([&] { EXPECT_FALSE(m.try_lock_for(20ms)); });
    while (m.try_lock_shared()) {
        m.unlock_shared();
        std::this_thread::yield();
    }
    std::jthread([&] { // waits for the writer only
        m.lock_shared();
        m.unlock_shared();
    })
        .join();
    writer.join();
    m.unlock_shared();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

// More locks at once than a thread has slots for, unlocked in the order of locking.
TEST(shared_mutex, many_at_once) {
    std::array<shared_mutex, 40> many;
    for (shared_mutex& m : many)
        bias(m);
    for (shared_mutex& m : many)
        m.lock_shared();
    for (shared_mutex& m : many) {
        std::jthread([&] { EXPECT_FALSE(m.try_lock()); }).join();
    }
    for (shared_mutex& m : many) {
        m.unlock_shared();
        EXPECT_TRUE(m.try_lock());
        m.unlock();
    }
}

// More threads than there are lines: the rest count themselves.
TEST(shared_mutex, many_threads) {
    shared_mutex m;
    bias(m);
    constexpr int threads_count = 300;
    std::atomic<int> inside{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i != threads_count; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round != 2; ++round) {
                m.lock_shared();
                if (round == 1) {
                    inside.fetch_add(1, std::memory_order_relaxed);
                    while (inside.load(std::memory_order_relaxed) != threads_count)
                        std::this_thread::yield();
                }
                m.unlock_shared();
            }
        });
    }
    threads.clear();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

// thread_locals that are destroyed after the thread has given its line back can still read.
TEST(shared_mutex, read_at_the_end_of_a_thread) {
    static shared_mutex m;
    static int reads = 0;
    struct reader {
        bool used = false;
        ~reader() {
            const std::shared_lock lock(m);
            ++reads;
        }
    };
    bias(m);
    std::jthread([] {
        thread_local reader late;
        late.used = true; // before the line is claimed, so destroyed after it is given back
        bias(m);
    }).join();
    EXPECT_EQ(reads, 1);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

// A thread may destroy a lock that it has just locked, while the one before is still on its way out.
TEST(shared_mutex, destroyed_by_the_next_holder) {
    struct guarded {
        shared_mutex m;
        std::atomic<int> holders{3};
    };
    for (int round = 0; round != 1000; ++round) {
        auto* const shared = new guarded;
        if (round % 2 == 0)
            bias(shared->m);
        const auto leave = [shared](bool write) {
            bool last = false;
            if (write) {
                const std::unique_lock lock(shared->m);
                last = shared->holders.fetch_sub(1, std::memory_order_acq_rel) == 1;
            } else {
                const std::shared_lock lock(shared->m);
                last = shared->holders.fetch_sub(1, std::memory_order_acq_rel) == 1;
            }
            if (last) {
                shared->m.lock(); // those that read at the same time are still inside
                shared->m.unlock();
                delete shared;
            }
        };
        std::jthread reader(leave, false);
        std::jthread writer(leave, true);
        leave(false);
    }
}

// The sample of cache_padded.hpp: each on lines of its own.
TEST(cache_padded, keeps_apart) {
    std::vector<gantry::sync::cache_padded<gantry::sync::mutex>> stripes(16);
    const std::scoped_lock lock(*stripes[3]);
    EXPECT_GE(reinterpret_cast<std::uintptr_t>(&*stripes[4]) - reinterpret_cast<std::uintptr_t>(&*stripes[3]), 128U);
}

#if GANTRY_DEBUG_CHECKS
// Misuse is reported in debug builds.
TEST(shared_mutex_death, misuse) {
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.unlock();
        },
        "assertion failed");
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.unlock_shared();
        },
        "assertion failed");
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.lock();
        },
        "assertion failed");
}
#endif

} // namespace

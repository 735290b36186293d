// SPDX-License-Identifier: MIT
// Models that fail, each in a way whose report test_report.cpp reads. Lines that it looks for are marked in a comment.
#include <gantry/check/model.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>

namespace {

std::atomic<int> flag{0};
std::array<std::atomic<int>, 3> slots{};

struct channel {
    int padding = 0;
    std::atomic<int> ready{0};
    int data = 0;
};

[[gnu::noinline]] void write_inner(channel& c) {
    c.data = 42; // the write
    c.ready.store(1, std::memory_order_relaxed);
}

[[gnu::noinline]] void write_outer(channel& c) {
    write_inner(c);
    c.padding = 1;
}

[[gnu::noinline]] int read_inner(const channel& c) {
    return c.data; // the read
}

// A type whose operators have names that a page must escape.
struct box {
    int value = 0;

    [[gnu::noinline]] bool operator<(const box& other) const { return value < other.value; }
    [[gnu::noinline]] bool operator&&(const box& other) const {
        flag.store(value, std::memory_order_relaxed);
        return other.value == 7;
    }
};

std::ostream& operator<<(std::ostream& out, const box& b) {
    return out << "<box>&\"'" << b.value;
}

} // namespace

GANTRY_MODEL(race_in_nested_calls) {
    channel c;
    std::thread writer([&] { write_outer(c); });
    if (c.ready.load(std::memory_order_acquire) == 1) {
        GANTRY_CHECK(read_inner(c) == 42);
    }
    writer.join();
}

GANTRY_MODEL(names) {
    thread_local std::atomic<int> own{0};
    auto on_heap = std::make_unique<channel>();
    std::thread other([&] {
        own.store(1, std::memory_order_relaxed);
        slots[2].store(2, std::memory_order_relaxed);
        on_heap->ready.store(3, std::memory_order_relaxed);
        flag.store(4, std::memory_order_relaxed);
    });
    other.join();
    static std::atomic<channel*> last{nullptr};
    last.store(on_heap.get(), std::memory_order_relaxed);
    GANTRY_CHECK(slots[2].load(std::memory_order_relaxed) == 0);
}

GANTRY_MODEL(compared) {
    std::thread other([] { flag.fetch_add(3, std::memory_order_relaxed); });
    other.join();
    GANTRY_CHECK_NE(flag.load(std::memory_order_relaxed), 0);
    GANTRY_CHECK_LT(1, 2);
    GANTRY_CHECK_LE(2, 2);
    GANTRY_CHECK_GT(std::string("b"), std::string("a"));
    GANTRY_CHECK_GE(2, 2);
    GANTRY_CHECK_EQ(flag.load(std::memory_order_relaxed), 4);
}

GANTRY_MODEL(compared_strings) {
    const std::string have = "<b>&";
    GANTRY_CHECK_EQ(have, std::string("x"));
}

GANTRY_MODEL(nasty_names) {
    const box seven{7};
    GANTRY_CHECK(seven && seven);
    GANTRY_CHECK_LT(seven, (box{5}));
}

GANTRY_MODEL(outright) {
    GANTRY_FAIL("this is not to be reached");
}

// The data is atomic, and stale.
GANTRY_MODEL(stale_read) {
    std::atomic<int> data{0};
    std::atomic<int> ready{0};
    std::thread writer([&] {
        data.store(1, std::memory_order_relaxed);
        ready.store(1, std::memory_order_relaxed);
    });
    if (ready.load(std::memory_order_relaxed) == 1) {
        GANTRY_CHECK_EQ(data.load(std::memory_order_relaxed), 1);
    }
    writer.join();
}

GANTRY_MODEL(store_buffering) {
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    int a = 0;
    std::thread other([&] {
        x.store(1, std::memory_order_release);
        a = y.load(std::memory_order_acquire);
    });
    y.store(1, std::memory_order_release);
    const int b = x.load(std::memory_order_acquire);
    other.join();
    GANTRY_CHECK(a == 1 || b == 1);
}

GANTRY_MODEL(opposite_locks) {
    std::mutex left;
    std::mutex right;
    std::thread other([&] {
        const std::scoped_lock first(left);
        const std::scoped_lock second(right);
    });
    {
        const std::scoped_lock first(right);
        const std::scoped_lock second(left);
    }
    other.join();
}

// Three threads that go round; the fault needs some sixty events.
GANTRY_MODEL(long_way) {
    std::atomic<int> turn{0};
    std::atomic<int> sum{0};
    const auto go_round = [&](int me) {
        for (int i = 0; i < 7; ++i) {
            while (turn.load(std::memory_order_acquire) % 3 != me) {
            }
            sum.store(sum.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            turn.fetch_add(1, std::memory_order_release);
        }
    };
    std::thread one([&] { go_round(1); });
    std::thread two([&] { go_round(2); });
    go_round(0);
    one.join();
    two.join();
    GANTRY_CHECK_NE(sum.load(std::memory_order_relaxed), 21);
}

GANTRY_MODEL(sound) {
    std::atomic<int> n{0};
    std::thread other([&] { n.fetch_add(1, std::memory_order_relaxed); });
    n.fetch_add(1, std::memory_order_relaxed);
    other.join();
    GANTRY_CHECK_EQ(n.load(std::memory_order_relaxed), 2);
}

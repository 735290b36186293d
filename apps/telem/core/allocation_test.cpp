// SPDX-License-Identifier: MIT
//
// What must hold: once the names are known and the blocks in flight exist, no thread of a running topology allocates,
// however many datagrams come. Seen through the replaced operator new; the sanitizers bring their own: not under them.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define TELEM_COUNT_ALLOCATIONS
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define TELEM_COUNT_ALLOCATIONS
#endif
#endif

#ifdef TELEM_COUNT_ALLOCATIONS

#include <apps/telem/core/topology.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <new>
#include <thread>

namespace {

std::atomic<std::uint64_t> allocations{0};

void* counted(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed); // relaxed: stats
    if (void* const made = std::malloc(size == 0 ? 1 : size)) {
        return made;
    }
    throw std::bad_alloc();
}

} // namespace

// The whole test program allocates through these.
void* operator new(std::size_t size) {
    return counted(size);
}
void* operator new[](std::size_t size) {
    return counted(size);
}
void operator delete(void* gone) noexcept {
    std::free(gone);
}
void operator delete[](void* gone) noexcept {
    std::free(gone);
}
void operator delete(void* gone, std::size_t) noexcept {
    std::free(gone);
}
void operator delete[](void* gone, std::size_t) noexcept {
    std::free(gone);
}

namespace {

class still_clock final : public telem::clock {
public:
    std::chrono::nanoseconds steady() override { return {}; }
    std::chrono::milliseconds wall() override { return {}; }
};

// Gives the same datagrams again and again, as many batches as it is granted.
class endless_socket final : public telem::datagrams {
public:
    std::expected<telem::received, std::string> receive(std::chrono::nanoseconds) override {
        std::unique_lock lock(m_);
        if (granted_ == 0) {
            spent_ = true;
            changed_.notify_all();
            changed_.wait(lock, [&] { return granted_ != 0 || woken_; });
            if (granted_ == 0) {
                return telem::received{{}, true};
            }
        }
        --granted_;
        return telem::received{views_, granted_ == 0};
    }
    void refuse_more() override {}
    void wake() override {
        const std::lock_guard lock(m_);
        woken_ = true;
        changed_.notify_all();
    }
    std::uint64_t dropped() override { return 0; }
    telem::address bound() const override { return {}; }
    std::size_t buffer_bytes() const override { return 0; }

    void give(std::size_t batches) {
        std::unique_lock lock(m_);
        granted_ = batches;
        spent_ = false;
        changed_.notify_all();
        changed_.wait(lock, [&] { return spent_; });
    }

private:
    static constexpr std::string_view datagram = "a 1\nb 2\nc 3\nd 1000\na 99\ne 100\nb 2000\nf 4\nnothing\n";

    const std::vector<std::string_view> views_{64, datagram};
    std::mutex m_;
    std::condition_variable changed_;
    std::size_t granted_ = 0;
    bool spent_ = false;
    bool woken_ = false;
};

class endless_network final : public telem::network {
public:
    std::expected<std::unique_ptr<telem::datagrams>, std::string> bind(const telem::address&, std::size_t) override {
        auto made = std::make_unique<endless_socket>();
        socket = made.get();
        return made;
    }

    endless_socket* socket = nullptr;
};

class no_output final : public telem::output {
public:
    std::expected<void, std::string> write(std::string_view) override { return {}; }
};

TEST(Allocation, NoneInSteadyState) {
    still_clock time;
    endless_network net;
    no_output console;
    const auto whole =
        telem::topology::build(telem::default_config(), {time, net, console, telem::name_secret::seeded(1)}, true);
    ASSERT_TRUE(whole.has_value());
    std::vector<std::thread> threads;
    for (const auto& one : (*whole)->stages()) {
        threads.emplace_back([&stage = *one] {
            while (stage.step() != telem::progress::done) {
            }
            stage.out().close();
        });
    }

    // Sketches fill, and the schedule decides how many blocks are ever in flight at once; both have an end.
    constexpr int quiet_rounds = 30;
    int quiet = 0;
    int rounds = 0;
    for (; quiet < quiet_rounds && rounds < 3000; ++rounds) {
        const std::uint64_t before = allocations.load(std::memory_order_relaxed);      // relaxed: stats
        net.socket->give(10);                                                          // 640 datagrams, 5120 points
        quiet = allocations.load(std::memory_order_relaxed) == before ? quiet + 1 : 0; // relaxed: stats
    }
    EXPECT_EQ(quiet, quiet_rounds);
    (*whole)->stop();
    for (std::thread& one : threads) {
        one.join();
    }
    EXPECT_EQ((*whole)->sources()[0]->accepted(), static_cast<std::uint64_t>(rounds) * 640 * 8);
}

} // namespace

#endif

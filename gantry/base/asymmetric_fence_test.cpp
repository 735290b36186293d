// SPDX-License-Identifier: MIT
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/backoff.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <spawn.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using gantry::asymmetric_fence_mode;

// Ordering ledger
//   start : arrivals fetch_add (release)  ->  arrivals load (acquire)   carries: the cleared words of the next round
// Relaxed used as: pre-publish (the words are cleared before the round starts), revalidated (the fences under test
//   order them)

// Two threads meet here at the start of every round.
class meeting {
public:
    void wait_for_round(std::uint32_t round) noexcept {
        arrivals_.fetch_add(1, std::memory_order_acq_rel); // order: start.rw
        gantry::backoff backoff;
        while (arrivals_.load(std::memory_order_acquire) < 2 * (round + 1)) // order: start.r
            backoff.pause();
    }

private:
    std::atomic<std::uint32_t> arrivals_{0};
};

// Counts the rounds of store buffering in which both threads read the old value.
std::uint32_t both_missed(std::uint32_t rounds) {
    meeting start;
    meeting end;
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    bool missed_y = false;
    bool missed_x = false;
    std::uint32_t both = 0;
    std::jthread heavy([&] {
        for (std::uint32_t round = 0; round != rounds; ++round) {
            start.wait_for_round(round);
            y.store(1, std::memory_order_relaxed); // relaxed: revalidated
            gantry::asymmetric_fence_heavy();
            missed_x = x.load(std::memory_order_relaxed) == 0; // relaxed: revalidated
            end.wait_for_round(round);
        }
    });
    for (std::uint32_t round = 0; round != rounds; ++round) {
        x.store(0, std::memory_order_relaxed); // relaxed: pre-publish
        y.store(0, std::memory_order_relaxed); // relaxed: pre-publish
        start.wait_for_round(round);
        x.store(1, std::memory_order_relaxed); // relaxed: revalidated
        gantry::asymmetric_fence_light();
        missed_y = y.load(std::memory_order_relaxed) == 0; // relaxed: revalidated
        end.wait_for_round(round);
        both += missed_x && missed_y ? 1U : 0U;
    }
    return both;
}

// A light and a heavy fence: never do both threads of store buffering read the old value.
TEST(asymmetric_fence, orders_store_buffering) {
    EXPECT_EQ(both_missed(20'000), 0);
}

// The mode is decided, and stays; the environment variable is obeyed.
TEST(asymmetric_fence, mode) {
    const auto mode = gantry::asymmetric_fence_mode_in_force();
    EXPECT_NE(mode, asymmetric_fence_mode::undecided);
    gantry::asymmetric_fence_light();
    gantry::asymmetric_fence_heavy();
    EXPECT_EQ(gantry::asymmetric_fence_mode_in_force(), mode);
    const char* const wish = std::getenv("GANTRY_MEMBARRIER");
    if (wish != nullptr && std::string_view(wish) == "off") {
        EXPECT_EQ(mode, asymmetric_fence_mode::fences);
    }
}

// First use from several threads at once, light and heavy mixed: all see one decision.
TEST(asymmetric_fence, first_use_races) {
    std::vector<std::jthread> threads;
    std::array<asymmetric_fence_mode, 4> seen{};
    for (std::size_t i = 0; i != seen.size(); ++i) {
        threads.emplace_back([&, i] {
            i % 2 == 0 ? gantry::asymmetric_fence_light() : gantry::asymmetric_fence_heavy();
            seen[i] = gantry::asymmetric_fence_mode_in_force();
        });
    }
    threads.clear();
    for (const auto mode : seen)
        EXPECT_EQ(mode, seen[0]);
}

// Runs the tests above again in a process of their own, in which nothing is decided yet.
int run_again(const std::string& filter, const char* variable) {
    std::string program(4096, '\0');
    const auto length = ::readlink("/proc/self/exe", program.data(), program.size());
    if (length <= 0)
        return -1;
    program.resize(static_cast<std::size_t>(length));
    // Programs for another machine are started by an emulator.
    std::vector<std::string> words;
    if (const char* const emulator = std::getenv("GANTRY_TEST_EMULATOR"); emulator != nullptr) {
        std::istringstream in(emulator);
        for (std::string word; in >> word;)
            words.push_back(word);
    }
    words.push_back(program);
    words.push_back("--gtest_filter=" + filter);
    std::vector<char*> arguments;
    for (std::string& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; ++entry)
        if (!std::string_view(*entry).starts_with("GANTRY_MEMBARRIER=") &&
            !std::string_view(*entry).starts_with("GTEST_"))
            environment.push_back(*entry);
    std::string setting(variable);
    environment.push_back(setting.data());
    environment.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environment.data()) != 0)
        return -1;
    int status = 0;
    if (::waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

// Both ways keep the promise, whichever operation comes first.
TEST(asymmetric_fence_process, both_ways) {
    for (const char* const variable : {"GANTRY_MEMBARRIER=on", "GANTRY_MEMBARRIER=off"})
        for (const char* const first : {"orders_store_buffering", "mode", "first_use_races"})
            EXPECT_EQ(run_again(std::string("asymmetric_fence.") + first + ":asymmetric_fence.mode", variable), 0);
}

// The sample of the header.
TEST(asymmetric_fence, sample) {
    std::atomic<int> mine{0};
    const std::atomic<int> other{0};
    mine.store(1, std::memory_order_relaxed); // relaxed: revalidated
    gantry::asymmetric_fence_light();
    const bool first = other.load(std::memory_order_relaxed) == 0; // relaxed: revalidated
    EXPECT_TRUE(first);
}

} // namespace

// SPDX-License-Identifier: MIT
// The memory of the process stays within a tenth above memory_bytes_max while ten times as much is pushed as is popped.
// GANTRY_STRESS_LONG: until ten times as much was pushed, else three times.
#include <gantry/base/assert.hpp>
#include <gantry/base/posix_storage.hpp>
#include <gantry/channel/spill/spill.hpp>

#include <gtest/gtest.h>

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>

namespace {

using namespace gantry;
using namespace gantry::channel;

std::size_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t pages = 0;
    file >> pages >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

template<class T>
T made_of(std::uint64_t number, std::size_t bytes);
template<>
std::string made_of(std::uint64_t number, std::size_t bytes) {
    std::string made(bytes, static_cast<char>('a' + number % 26));
    made.replace(0, std::to_string(number).size(), std::to_string(number));
    return made;
}
template<>
std::uint64_t made_of(std::uint64_t number, std::size_t) {
    return number;
}

// Pushes several times the bound, and pops a tenth of that meanwhile; then all the rest. The largest growth.
template<class T>
std::size_t growth_under_overload(std::size_t memory, std::size_t bytes, spill_durability durability) {
    const std::string path = ::testing::TempDir() + "gantry_resident_" + std::to_string(::getpid());
    std::filesystem::remove_all(path);
    static_cast<void>(::malloc_trim(0)); // what an earlier run left would be used again, and not seen
    std::size_t growth = 0;
    {
        posix_storage storage;
        auto made =
            spill<T>(storage, path,
                     {.memory_bytes_max = memory, .disk_bytes_max = std::uint64_t{8} << 30U, .durability = durability});
        EXPECT_TRUE(made.has_value());
        auto& [tx, rx, disk] = *made;
        const std::size_t idle = resident_bytes();
        auto look = [&, looks = 0U]() mutable {
            if (++looks % 4096 == 0)
                growth = std::max(growth, resident_bytes() - std::min(idle, resident_bytes()));
        };
        const std::uint64_t count = (std::getenv("GANTRY_STRESS_LONG") != nullptr ? 10 : 3) * (memory / bytes);
        std::uint64_t next = 0;
        auto pop = [&] {
            const auto got = rx.try_pop();
            EXPECT_TRUE(got.has_value());
            EXPECT_TRUE(!got || *got == made_of<T>(next, bytes));
            ++next;
            look();
        };
        for (std::uint64_t i = 0; i != count && !::testing::Test::HasFailure(); ++i) {
            EXPECT_TRUE(tx.push(made_of<T>(i, bytes)).has_value());
            if (i % 10 == 0)
                pop();
            look();
        }
        while (next != count && !::testing::Test::HasFailure())
            pop();
        EXPECT_GT(disk.statistics().spilled, count / 3);
    }
    std::filesystem::remove_all(path);
    return growth;
}

TEST(SpillStress, ResidentMemoryStaysWithinItsBound) {
    if (GANTRY_DEBUG_CHECKS != 0)
        GTEST_SKIP() << "sanitizers and debug builds take memory of their own";
    constexpr std::size_t memory = std::size_t{64} << 20U;
    const auto expect_within = [](std::size_t growth, const char* what) {
        std::cout << what << ": " << growth / 1024 << " KiB over idle\n";
        EXPECT_LE(growth, memory + memory / 10) << what;
    };
    expect_within(growth_under_overload<std::string>(memory, 100, spill_durability::volatile_overflow),
                  "strings of 100 bytes");
    expect_within(growth_under_overload<std::string>(memory, 1024, spill_durability::volatile_overflow),
                  "strings of 1024 bytes");
    expect_within(growth_under_overload<std::uint64_t>(memory, 8, spill_durability::volatile_overflow),
                  "numbers of 8 bytes");
}

} // namespace

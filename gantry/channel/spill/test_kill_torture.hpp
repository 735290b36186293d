// SPDX-License-Identifier: MIT
#pragma once
//
// A child pushes numbered elements into a durable channel and tells each accepted one over a pipe, pops and
// acknowledges some, and is killed at a random moment. The parent opens the directory: what was accepted and not
// acknowledged is there, once, in order. For the unit test (some hundred kills) and the stress test (thousands).
#include <gantry/base/posix_storage.hpp>
#include <gantry/base/prng.hpp>
#include <gantry/channel/spill/spill.hpp>

#include <sys/wait.h>

#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace gantry::channel::test {

// In memory if there is such a file system: what a kill takes does not depend on the disk, which is slow to sync.
inline std::string torture_folder(const std::string& name) {
    std::error_code ignored;
    const std::filesystem::path memory = "/dev/shm";
    const auto at = std::filesystem::is_directory(memory, ignored) && ::access(memory.c_str(), W_OK) == 0
                        ? memory
                        : std::filesystem::temp_directory_path();
    return (at / ("gantry_" + name + '_' + std::to_string(::getpid()))).string();
}

inline constexpr std::size_t backlog_max = 500;

struct told {
    std::uint64_t number;
    std::uint8_t what; // 0: pushed; 1: about to be acknowledged; 2: acknowledged
};

// The child's life. Numbers go on where the last child's ended.
[[noreturn]] inline void push_until_killed(const std::string& path, std::uint64_t first, int pipe, std::uint64_t seed) {
    const auto tell = [&](told what) {
        if (::write(pipe, &what, sizeof what) != static_cast<ssize_t>(sizeof what))
            ::_exit(3);
    };
    posix_storage storage;
    prng random(seed);
    auto made = spill<std::vector<std::uint64_t>>(storage, path,
                                                  {.memory_bytes_max = 16384,
                                                   .disk_bytes_max = std::uint64_t{64} << 20U,
                                                   .segment_bytes = 16384,
                                                   .durability = spill_durability::durable,
                                                   .compression = seed % 2 == 0 ? 1 : 0});
    if (!made)
        ::_exit(2);
    const auto lending = made->disk.leases();
    for (;; ++first) {
        // The number, and more or less of it.
        if (!made->tx.push(std::vector<std::uint64_t>(1 + random.uniform_below(20), first)))
            ::_exit(4);
        tell({.number = first, .what = 0});
        // A little less than what goes in, so that there is a backlog; but one that ends, or each kill would read more.
        const bool is_long = made->tx.size() >= backlog_max;
        for (std::uint64_t pops = is_long ? 2 : random.uniform_below(100) < 93 ? 1 : 0; pops != 0; --pops) {
            auto lent = lending.pop();
            const std::uint64_t number = (*lent)->front();
            tell({.number = number, .what = 1});
            if (!lent->acknowledge())
                ::_exit(5);
            tell({.number = number, .what = 2});
        }
    }
}

// What went wrong, or an empty string. Each round goes on with the directory of the one before.
inline std::string kill_often(const std::string& path, std::uint64_t kills, std::uint64_t seed) {
    std::filesystem::remove_all(path);
    prng random(seed);
    std::set<std::uint64_t> accepted;  // and not acknowledged
    std::set<std::uint64_t> uncertain; // being pushed, or being acknowledged
    std::uint64_t next = 1;
    for (std::uint64_t round = 0; round != kills; ++round) {
        const std::string where = "seed " + std::to_string(seed) + ", kill " + std::to_string(round) + ": ";
        int ends[2];
        if (::pipe(ends) != 0)
            return where + "no pipe";
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(ends[0]);
            push_until_killed(path, next, ends[1], seed + round);
        }
        ::close(ends[1]);
        const std::uint64_t until = 1 + random.uniform_below(80); // messages
        told got{};
        std::uint64_t messages = 0;
        const auto take = [&] {
            if (got.what == 0) {
                accepted.insert(got.number);
                next = got.number + 1;
            } else if (got.what == 1) {
                accepted.erase(got.number);
                uncertain.insert(got.number);
            } else {
                uncertain.erase(got.number);
            }
        };
        while (messages != until && ::read(ends[0], &got, sizeof got) == static_cast<ssize_t>(sizeof got)) {
            ++messages;
            take();
        }
        ::kill(child, SIGKILL);
        while (::read(ends[0], &got, sizeof got) == static_cast<ssize_t>(sizeof got))
            take();
        ::close(ends[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        if (!WIFSIGNALED(status))
            return where + "the child ended with " + std::to_string(WEXITSTATUS(status));
        uncertain.insert(next); // may have been accepted without anybody hearing of it
        ++next;

        posix_storage storage;
        auto opened = spool::open(storage, path);
        if (!opened)
            return where + opened.error().message();
        std::uint64_t before = 0;
        auto expected = accepted.begin();
        spool_batch batch;
        for (;;) {
            const auto more = (*opened)->read(batch, 1U << 16U);
            if (!more)
                return where + more.error().message();
            if (!*more)
                break;
            while (const auto each = batch.next()) {
                const auto value = spill_codec<std::vector<std::uint64_t>>::decode(each->bytes);
                if (!value || value->empty())
                    return where + "an element is no such element";
                const std::uint64_t number = value->front();
                if (number <= before)
                    return where + std::to_string(number) + " after " + std::to_string(before);
                before = number;
                if (expected != accepted.end() && *expected == number)
                    ++expected;
                else if (expected != accepted.end() && *expected < number)
                    return where + std::to_string(*expected) + " was accepted and is lost";
                else if (uncertain.contains(number)) {
                    accepted.insert(number); // it is there, so it has to come again
                    uncertain.erase(number);
                } else
                    return where + std::to_string(number) + " was acknowledged and came again";
            }
        }
        if (expected != accepted.end())
            return where + std::to_string(*expected) + " was accepted and is lost";
        uncertain.clear();
        const spool_statistics now = (*opened)->statistics();
        if (now.lost != 0 || now.damaged_bytes != 0)
            return where + std::to_string(now.lost) + " elements damaged";
    }
    std::filesystem::remove_all(path);
    return {};
}

} // namespace gantry::channel::test

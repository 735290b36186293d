// SPDX-License-Identifier: MIT
// A process that has run models may fork: each child runs models too, with the same identities of threads and the same
// addresses of thread_locals as its parent. And these are the same in every process that runs the program.
// Arguments: what starts a program of this kind, when that is an emulator. QEMU's cannot start threads in a forked
// process, so children then get along with the fibers that their parent has.
#include <gantry/check/model.hpp>

#include <sys/wait.h>

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

thread_local int mine = 7;
std::atomic<int> word{0};

// Who a thread is, as a number: its handle, and where its thread_local lies relative to that. The executable may lie
// elsewhere in each process, a thread_local may not.
std::int64_t who() {
    std::uint64_t handle = 0;
    const auto id = std::this_thread::get_id();
    static_assert(sizeof id == sizeof handle);
    std::memcpy(&handle, &id, sizeof handle);
    return static_cast<std::int64_t>(handle * 31 + reinterpret_cast<std::uint64_t>(&mine));
}

template<std::size_t N>
void body() {
    std::int64_t all = who();
    std::int64_t told[N] = {};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < N; ++i) {
        threads.emplace_back([&told, i] {
            GANTRY_CHECK(mine == 7);
            mine = static_cast<int>(i);
            word.fetch_add(1, std::memory_order_relaxed);
            GANTRY_CHECK(mine == static_cast<int>(i));
            told[i] = who();
        });
    }
    for (std::thread& t : threads) {
        t.join();
    }
    for (const std::int64_t each : told) {
        all = all * 31 + each;
    }
    GANTRY_CHECK(mine == 7 && word.load(std::memory_order_relaxed) == static_cast<int>(N));
    gantry::check::outcome({all});
}

// The identities that a model with N threads beside the first sees: always the same ones. 0: something went wrong.
template<std::size_t N>
std::int64_t identities(std::uint64_t graphs) {
    const auto result = gantry::check::model({.workers = 1}, body<N>);
    if (!result.ok() || !result.exhaustive || result.graphs != graphs || result.outcomes.size() != 1) {
        std::printf("with %zu threads: %s %s, %llu graphs, %zu outcomes\n", N, name_of(result.found),
                    result.report.c_str(), static_cast<unsigned long long>(result.graphs), result.outcomes.size());
        return 0;
    }
    return result.outcomes.begin()->first[0];
}

// With `more`, threads are made that the parent has not had.
bool child(std::int64_t two, std::int64_t three, bool more) {
    return identities<2>(2) == two && identities<3>(6) == three && (!more || identities<5>(120) != 0) &&
           identities<3>(6) == three;
}

bool ended_well(pid_t process) {
    int status = 0;
    return process > 0 && waitpid(process, &status, 0) == process && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string printed_by(const std::string& command) {
    std::string text;
    if (FILE* const out = popen(command.c_str(), "r"); out != nullptr) {
        char line[256];
        while (std::fgets(line, sizeof line, out) != nullptr) {
            text += line;
        }
        pclose(out);
    }
    return text;
}

} // namespace

int main(int argc, char** argv) {
    const std::int64_t two = identities<2>(2);
    const std::int64_t three = identities<3>(6);
    if (argc == 2 && std::strcmp(argv[1], "print") == 0) {
        std::printf("%lld %lld\n", static_cast<long long>(two), static_cast<long long>(three));
        return 0;
    }
    if (two == 0 || three == 0) {
        return 1;
    }
    std::string command;
    for (int i = 1; i < argc; ++i) {
        command += std::string(argv[i]) + " ";
    }
    const bool more = command.empty();
    command += "'" + std::string(argv[0]) + "' print";
    bool good = true;
    pid_t children[4];
    for (pid_t& each : children) {
        each = fork();
        if (each == 0) {
            // A child has children of its own.
            bool fine = child(two, three, more);
            const pid_t inner = fork();
            if (inner == 0) {
                _exit(child(two, three, more) ? 0 : 1);
            }
            fine = ended_well(inner) && fine;
            _exit(fine ? 0 : 1);
        }
    }
    for (const pid_t each : children) {
        good = ended_well(each) && good;
    }
    good = child(two, three, more) && good;
    const std::string expected = std::to_string(two) + " " + std::to_string(three) + "\n";
    for (int i = 0; i < 3; ++i) {
        const std::string other = printed_by(command);
        if (other != expected) {
            std::printf("another process has %s, not %s", other.c_str(), expected.c_str());
            good = false;
        }
    }
    std::puts(good ? "fork: ok" : "fork: FAILED");
    return good ? 0 : 1;
}

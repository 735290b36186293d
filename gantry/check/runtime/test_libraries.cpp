// SPDX-License-Identifier: MIT
// A shared library that announces its accesses is explored and put back like the program; one that does not is named.
#include <gantry/check/model.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

extern "C" {
int gantry_test_seen(int by);
int gantry_test_unseen(int by);
}

namespace {

using namespace gantry::check;

int failures = 0;

void expect(bool holds, const char* what) {
    failures += holds ? 0 : 1;
    std::printf("%s %s\n", holds ? "ok   " : "WRONG", what);
}

} // namespace

int main() {
    const std::vector<std::string> unseen = unseen_libraries();
    const auto names = [&](const char* part) {
        return std::ranges::count_if(unseen, [&](const std::string& n) { return n.find(part) != std::string::npos; });
    };
    expect(gantry_test_unseen(1) == 1 && names("libgantry_test_unseen") == 1 && unseen.size() == 1,
           "the library that is silent is named, and no other");
    expect(names("libgantry_test_seen") == 0 && names("libc.so") == 0 && names("libgantry_model") == 0, "no other is");

    const model_result raced = model(
        {},
        [](void*) {
            std::thread other([] { gantry_test_seen(1); });
            gantry_test_seen(1);
            other.join();
        },
        nullptr);
    expect(raced.found == fault::race, "a race inside of a library that announces");
    expect(raced.report.find("libgantry_test_unseen") != std::string::npos, "the report names what is not seen");

    const model_result counted = model(
        {},
        [](void*) {
            std::atomic<int> either{0};
            std::thread other([&] { either.store(1, std::memory_order_relaxed); });
            static_cast<void>(either.load(std::memory_order_relaxed));
            other.join();
            GANTRY_CHECK(gantry_test_seen(1) == 1);
        },
        nullptr);
    expect(counted.ok() && counted.graphs == 2, "its memory is as at the start in each execution");
    return failures == 0 ? 0 : 1;
}

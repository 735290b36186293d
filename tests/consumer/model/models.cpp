// SPDX-License-Identifier: MIT
// What a stranger's first models look like, with nothing but the installed package.
#include <gantry/check/model.hpp>

#include <atomic>
#include <mutex>
#include <thread>

GANTRY_MODEL(one_of_two_is_first) {
    std::atomic<int> first{0};
    std::thread other([&] {
        int nobody = 0;
        first.compare_exchange_strong(nobody, 1, std::memory_order_relaxed, std::memory_order_relaxed);
    });
    int nobody = 0;
    first.compare_exchange_strong(nobody, 2, std::memory_order_relaxed, std::memory_order_relaxed);
    other.join();
    GANTRY_CHECK(first.load(std::memory_order_relaxed) != 0);
}

GANTRY_MODEL(a_mutex_guards) {
    std::mutex m;
    int n = 0;
    const auto add = [&] {
        const std::lock_guard<std::mutex> hold(m);
        ++n;
    };
    std::thread other(add);
    add();
    other.join();
    GANTRY_CHECK(n == 2);
}

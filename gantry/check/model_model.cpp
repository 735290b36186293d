// SPDX-License-Identifier: MIT
// What the documentation shows must run: the sample of model.hpp, explored to the end.
#include <gantry/check/model.hpp>

#include <atomic>
#include <thread>

GANTRY_MODEL(message_passing) {
    std::atomic<int> ready{0};
    int data = 0;
    std::thread writer([&] {
        data = 42;
        ready.store(1, std::memory_order_release);
    });
    if (ready.load(std::memory_order_acquire) == 1) {
        GANTRY_CHECK(data == 42);
    }
    writer.join();
}

// SPDX-License-Identifier: MIT
// A spin lock whose unlock() is too weak: what its holder wrote is not handed over.
#include <gantry/check/model.hpp>

#include <atomic>
#include <thread>

namespace {

class spin_lock {
public:
    void lock() {
        while (taken_.exchange(true, std::memory_order_acquire)) {
            while (taken_.load(std::memory_order_relaxed)) {
            }
        }
    }

    void unlock() { taken_.store(false, std::memory_order_relaxed); }

private:
    std::atomic<bool> taken_{false};
};

} // namespace

GANTRY_MODEL(two_add_under_a_weak_lock) {
    spin_lock lock;
    int sum = 0;
    const auto add = [&](int value) {
        lock.lock();
        sum += value;
        lock.unlock();
    };
    std::thread other([&] { add(1); });
    add(2);
    other.join();
    GANTRY_CHECK_EQ(sum, 3);
}

// SPDX-License-Identifier: MIT
// The mailbox's reader waits for the letter: it looks before it waits, and again when it wakes.
#include <gantry/check/model.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

class mailbox {
public:
    void put(int letter) {
        {
            const std::lock_guard lock(mutex_);
            letter_ = letter;
        }
        arrived_.notify_one();
    }

    int take() {
        std::unique_lock lock(mutex_);
        waits_.store(true, std::memory_order_relaxed);
        arrived_.wait(lock, [&] { return letter_ != 0; });
        return letter_;
    }

    // For a test: the reader has the lock, or waits.
    [[nodiscard]] bool waited_for() const { return waits_.load(std::memory_order_relaxed); }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    int letter_ = 0;
    std::atomic<bool> waits_{false};
};

} // namespace

GANTRY_MODEL(wake_up_is_not_needed) {
    mailbox box;
    std::thread reader([&] { static_cast<void>(box.take()); });
    box.put(1);
    reader.join();
}

GANTRY_MODEL(wakes_for_the_letter) {
    mailbox box;
    std::thread reader([&] { GANTRY_CHECK_EQ(box.take(), 1); });
    while (!box.waited_for()) {
    }
    box.put(1);
    reader.join();
}

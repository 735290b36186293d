// SPDX-License-Identifier: MIT
// Something made at its first use, behind a look that needs no lock: the store releases what it points to, and the look
// acquires it. (A function's static variable does the same.)
#include <gantry/check/model.hpp>

#include <atomic>
#include <mutex>
#include <thread>

namespace {

struct settings {
    int limit = 7;
};

class lazy_settings {
public:
    lazy_settings() = default;
    lazy_settings(const lazy_settings&) = delete;
    lazy_settings& operator=(const lazy_settings&) = delete;
    ~lazy_settings() { delete made_.load(std::memory_order_relaxed); }

    const settings& get() {
        settings* s = made_.load(std::memory_order_acquire);
        if (s == nullptr) {
            const std::lock_guard lock(making_);
            s = made_.load(std::memory_order_relaxed);
            if (s == nullptr) {
                s = new settings;
                made_.store(s, std::memory_order_release);
            }
        }
        return *s;
    }

private:
    std::mutex making_;
    std::atomic<settings*> made_{nullptr};
};

} // namespace

GANTRY_MODEL(two_make_settings) {
    lazy_settings lazy;
    std::thread other([&] { GANTRY_CHECK_EQ(lazy.get().limit, 7); });
    GANTRY_CHECK_EQ(lazy.get().limit, 7);
    other.join();
}

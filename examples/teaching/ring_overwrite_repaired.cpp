// SPDX-License-Identifier: MIT
// Each side tells the other how far it has come, with release, and asks with acquire: then the writer's assertion
// holds, the slots may be plain, and nobody changes what the other changes. The emptying goes with the assertion.
#include <gantry/check/model.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>

namespace {

class ring {
public:
    // False: full.
    bool push(int value) {
        const std::size_t in = in_.load(std::memory_order_relaxed);
        if (in - out_.load(std::memory_order_acquire) == slots_.size()) {
            return false;
        }
        int& slot = slots_[in % slots_.size()];
        GANTRY_CHECK_EQ(slot, 0); // nothing is overwritten
        slot = value;
        in_.store(in + 1, std::memory_order_release);
        return true;
    }

    // 0: empty.
    int pop() {
        const std::size_t out = out_.load(std::memory_order_relaxed);
        if (in_.load(std::memory_order_acquire) == out) {
            return 0;
        }
        int& slot = slots_[out % slots_.size()];
        const int value = slot;
        slot = 0;
        out_.store(out + 1, std::memory_order_release);
        return value;
    }

private:
    std::array<int, 2> slots_{};
    std::atomic<std::size_t> in_{0};  // changed by the writer alone
    std::atomic<std::size_t> out_{0}; // changed by the reader alone
};

} // namespace

GANTRY_MODEL(writer_overwrites_nothing) {
    ring r;
    std::thread writer([&] {
        for (int i = 0, next = 1; i != 4; ++i) {
            next += r.push(next) ? 1 : 0;
        }
    });
    std::thread reader([&] {
        for (int i = 0, last = 0; i != 2; ++i) {
            if (const int value = r.pop()) {
                GANTRY_CHECK_EQ(value, ++last);
            }
        }
    });
    writer.join();
    reader.join();
}

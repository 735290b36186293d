// SPDX-License-Identifier: MIT
// The size is changed in one step, and hands over what was done in the slots before: an element from the writer to the
// reader, its room from the reader to the writer.
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
        if (size_.load(std::memory_order_acquire) == slots_.size()) {
            return false;
        }
        slots_[in_] = value;
        in_ = (in_ + 1) % slots_.size();
        size_.fetch_add(1, std::memory_order_release);
        return true;
    }

    // 0: empty.
    int pop() {
        if (size_.load(std::memory_order_acquire) == 0) {
            return 0;
        }
        const int value = slots_[out_];
        out_ = (out_ + 1) % slots_.size();
        size_.fetch_sub(1, std::memory_order_release);
        return value;
    }

private:
    std::array<int, 2> slots_{};
    std::size_t in_ = 0;  // the writer's
    std::size_t out_ = 0; // the reader's
    std::atomic<std::size_t> size_{0};
};

} // namespace

GANTRY_MODEL(writer_and_reader_count_in_one_step) {
    ring r;
    std::thread writer([&] {
        for (int i = 0, next = 1; i != 3; ++i) {
            next += r.push(next) ? 1 : 0;
        }
    });
    std::thread reader([&] {
        for (int i = 0, last = 0; i != 3; ++i) {
            if (const int value = r.pop()) {
                GANTRY_CHECK_EQ(value, ++last);
            }
        }
    });
    writer.join();
    reader.join();
}

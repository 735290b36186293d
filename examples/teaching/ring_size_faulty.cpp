// SPDX-License-Identifier: MIT
// A ring for one writer and one reader. Each has an index of its own, and both have the size, which nothing guards.
#include <gantry/check/model.hpp>

#include <array>
#include <cstddef>
#include <thread>

namespace {

class ring {
public:
    // False: full.
    bool push(int value) {
        if (size_ == slots_.size()) {
            return false;
        }
        slots_[in_] = value;
        in_ = (in_ + 1) % slots_.size();
        ++size_;
        return true;
    }

    // 0: empty.
    int pop() {
        if (size_ == 0) {
            return 0;
        }
        const int value = slots_[out_];
        out_ = (out_ + 1) % slots_.size();
        --size_;
        return value;
    }

private:
    std::array<int, 2> slots_{};
    std::size_t in_ = 0;  // the writer's
    std::size_t out_ = 0; // the reader's
    std::size_t size_ = 0;
};

} // namespace

GANTRY_MODEL(writer_and_reader_change_one_size) {
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

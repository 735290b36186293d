// SPDX-License-Identifier: MIT
// A ring whose reader empties the slots and whose writer asserts that it overwrites nothing, as if looking were
// waiting. Twice: with plain slots, and with atomic ones, about which a race detector has nothing to say.
#include <gantry/check/model.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>

namespace {

class plain_slot {
public:
    [[nodiscard]] int get() const { return value_; }
    void set(int value) { value_ = value; }

private:
    int value_ = 0;
};

class atomic_slot {
public:
    [[nodiscard]] int get() const { return value_.load(std::memory_order_relaxed); }
    void set(int value) { value_.store(value, std::memory_order_relaxed); }

private:
    std::atomic<int> value_{0};
};

template<class Slot>
class ring {
public:
    // False: full.
    bool push(int value) {
        if (size_.load(std::memory_order_relaxed) == slots_.size()) {
            return false;
        }
        GANTRY_CHECK_EQ(slots_[in_].get(), 0); // nothing is overwritten
        slots_[in_].set(value);
        in_ = (in_ + 1) % slots_.size();
        size_.fetch_add(1, std::memory_order_relaxed);
        return true;
    }

    // 0: empty.
    int pop() {
        if (size_.load(std::memory_order_relaxed) == 0) {
            return 0;
        }
        const int value = slots_[out_].get();
        slots_[out_].set(0);
        out_ = (out_ + 1) % slots_.size();
        size_.fetch_sub(1, std::memory_order_relaxed);
        return value;
    }

private:
    std::array<Slot, 2> slots_{};
    std::size_t in_ = 0;  // the writer's
    std::size_t out_ = 0; // the reader's
    std::atomic<std::size_t> size_{0};
};

// The writer alone looks: what the reader gets is not asked here.
template<class Slot>
void write_and_read() {
    ring<Slot> r;
    std::thread writer([&] {
        for (int i = 1; i <= 4; ++i) {
            static_cast<void>(r.push(i));
        }
    });
    std::thread reader([&] {
        for (int i = 0; i != 2; ++i) {
            static_cast<void>(r.pop());
        }
    });
    writer.join();
    reader.join();
}

} // namespace

GANTRY_MODEL(writer_looks_for_what_it_overwrites) {
    write_and_read<plain_slot>();
}

GANTRY_MODEL(writer_looks_into_atomic_slots) {
    write_and_read<atomic_slot>();
}

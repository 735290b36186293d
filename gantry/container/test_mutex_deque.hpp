// SPDX-License-Identifier: MIT
#pragma once
// What most people write, as a baseline: std::deque under std::mutex, with a limit.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace gantry::container::test {

class std_mutex_deque {
public:
    explicit std_mutex_deque(std::size_t capacity) : capacity_(capacity) {}
    [[nodiscard]] bool push(std::uint64_t value) {
        const std::scoped_lock lock(lock_);
        if (values_.size() == capacity_)
            return false;
        values_.push_back(value);
        return true;
    }
    [[nodiscard]] bool pop(std::uint64_t& value) {
        const std::scoped_lock lock(lock_);
        if (values_.empty())
            return false;
        value = values_.front();
        values_.pop_front();
        return true;
    }
    [[nodiscard]] bool pop_newest(std::uint64_t& value) {
        const std::scoped_lock lock(lock_);
        if (values_.empty())
            return false;
        value = values_.back();
        values_.pop_back();
        return true;
    }

private:
    const std::size_t capacity_;
    std::mutex lock_;
    std::deque<std::uint64_t> values_;
};

} // namespace gantry::container::test

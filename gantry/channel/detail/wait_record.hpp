// SPDX-License-Identifier: MIT
#pragma once
//
// wait_record: that a thread waits, for as long as the object lives: what waits() lists.
//
// Use it when a thread falls asleep in await() of a debug build. Do not use it when you use channels -> waits.hpp.
//
// Threads: everything from any thread. Progress: takes one lock for all. Ordering: n/a. Cost: a lock to make and one to
// destroy. Failure: none. Lifetime: on the stack of who waits, like the arms. Origin: n/a.

#include <gantry/channel/detail/waiting.hpp>
#include <gantry/channel/waits.hpp>

#include <pthread.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace gantry::channel::detail {

class wait_record {
public:
    explicit wait_record(std::span<const wait_arm> arms) noexcept;
    wait_record(const wait_record&) = delete;
    wait_record& operator=(const wait_record&) = delete;
    ~wait_record();

    [[nodiscard]] static std::vector<wait> list();

private:
    const std::span<const wait_arm> arms_;
    const std::chrono::steady_clock::time_point begin_;
    const std::int64_t thread_;
    const pthread_t handle_;
    // Guarded by the registry's mutex.
    wait_record* before_ = nullptr;
    wait_record* after_ = nullptr;
};

} // namespace gantry::channel::detail

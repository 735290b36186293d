// SPDX-License-Identifier: MIT
#pragma once
//
// The locks that lock_status and rope_bridge compare, by name.

#include <gantry/sync/mcs_mutex.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/semaphore.hpp>
#include <gantry/sync/spin_mutex.hpp>
#include <gantry/sync/ticket_mutex.hpp>

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

// Two may be in at once: for lock_status only.
class pair_semaphore {
public:
    void lock() noexcept { two_.acquire(); }
    void unlock() noexcept { two_.release(); }

private:
    gantry::sync::semaphore two_{{.permits = 2, .max = 2}};
};

inline constexpr std::array<const char*, 6> exclusive_locks{"mutex", "spin", "ticket", "mcs", "semaphore", "std"};

// Calls f with a pointer of the lock's type; false: nobody is called that. f tells the type by the pointer, which is
// null.
template<class F>
bool with_lock_type(std::string_view name, F f) {
    if (name == "mutex")
        f(static_cast<gantry::sync::mutex*>(nullptr));
    else if (name == "spin")
        f(static_cast<gantry::sync::spin_mutex*>(nullptr));
    else if (name == "ticket")
        f(static_cast<gantry::sync::ticket_mutex*>(nullptr));
    else if (name == "mcs")
        f(static_cast<gantry::sync::mcs_mutex*>(nullptr));
    else if (name == "semaphore")
        f(static_cast<gantry::sync::binary_semaphore*>(nullptr));
    else if (name == "pair")
        f(static_cast<pair_semaphore*>(nullptr));
    else if (name == "std")
        f(static_cast<std::mutex*>(nullptr));
    else
        return false;
    return true;
}

// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/sync/detail/lock_checks.hpp>
#include <gantry/sync/detail/stack_names.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace gantry::sync::detail {
namespace {

// What the calling thread holds. Nothing here has a destructor: locks may be used while a thread ends.
struct this_thread {
    static constexpr std::size_t held_max = 64; // further ones take no part in the order

    std::uint64_t number = 0;
    std::size_t held = 0;
    std::array<const void*, held_max> locks{};
    bool inside = false;
};
constinit thread_local this_thread mine;

// A replaced operator new may use locks itself: what happens inside of the checks is not checked.
class inside {
public:
    inside() noexcept : first_(!std::exchange(mine.inside, true)) {}
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() {
        if (first_)
            mine.inside = false;
    }
    [[nodiscard]] explicit operator bool() const noexcept { return first_; }

private:
    bool first_;
};

struct holding {
    std::uint64_t thread = 0;
    call_stack where;
};

// Some thread waited for the second lock while it held the first.
struct order {
    std::uint64_t thread = 0;
    const char* first_kind = nullptr;
    const char* second_kind = nullptr;
    call_stack first_taken;
    call_stack second_wanted;
};

struct step {
    const void* first = nullptr;
    const void* second = nullptr;
    order how;
};

class book {
public:
    std::mutex mutex;
    std::uint64_t threads = 0;
    std::unordered_map<const void*, holding> holders;
    std::unordered_map<const void*, const char*> kinds;
    std::unordered_map<const void*, std::unordered_map<const void*, order>> orders;

    [[nodiscard]] std::uint64_t my_number() {
        if (mine.number == 0)
            mine.number = ++threads;
        return mine.number;
    }

    // The orders that lead from one lock to another, or none.
    [[nodiscard]] std::vector<step> path(const void* from, const void* to) const {
        std::unordered_map<const void*, const void*> came_from;
        std::vector<const void*> next{from};
        std::size_t looked_at = 0;
        for (came_from[from] = nullptr; looked_at != next.size() && !came_from.contains(to); ++looked_at) {
            const auto after = orders.find(next[looked_at]);
            if (after == orders.end())
                continue;
            for (const auto& [lock, how] : after->second) {
                if (came_from.try_emplace(lock, next[looked_at]).second)
                    next.push_back(lock);
            }
        }
        std::vector<step> steps;
        if (came_from.contains(to)) {
            for (const void* lock = to; lock != from; lock = came_from.at(lock)) {
                const void* const before = came_from.at(lock);
                steps.push_back({before, lock, orders.at(before).at(lock)});
            }
        }
        std::ranges::reverse(steps);
        return steps;
    }

    void forget(const void* lock) {
        holders.erase(lock);
        kinds.erase(lock);
        orders.erase(lock);
        for (auto& [first, seconds] : orders)
            seconds.erase(lock);
    }
};

// Never freed: static objects may have locks.
book& the_book() {
    static book& only = *new book;
    return only;
}

std::string named(const char* kind, const void* lock) {
    std::array<char, 32> address{};
    std::snprintf(address.data(), address.size(), " %p", lock);
    return kind + std::string(address.data());
}

std::string by(std::uint64_t thread, const call_stack& where) {
    return " by thread " + std::to_string(thread) + ": " + names_of(where);
}

[[noreturn, gnu::noinline]] void report(const std::string& message) {
    assertion_failed(message.c_str());
}

} // namespace

void lock_wanted(const void* lock, const char* kind) {
    std::string message;
    if (const inside first; first) {
        book& b = the_book();
        std::unique_lock guard(b.mutex);
        const auto holder = b.holders.find(lock);
        if (holder != b.holders.end() && holder->second.thread == b.my_number()) {
            const holding before = holder->second;
            guard.unlock();
            message = "recursive locking of " + named(kind, lock) + "\n  locked" + by(before.thread, before.where) +
                      "\n  locked again" + by(mine.number, current_stack(1));
        }
        for (std::size_t i = 0; message.empty() && i != mine.held; ++i) {
            const void* const held = mine.locks[i];
            auto& after = b.orders[held];
            if (after.contains(lock))
                continue;
            const auto taken = b.holders.find(held);
            const order now{b.my_number(), b.kinds[held], kind,
                            taken == b.holders.end() ? call_stack{} : taken->second.where, current_stack(1)};
            std::vector<step> circle = b.path(lock, held);
            if (circle.empty()) {
                after.emplace(lock, now);
                continue;
            }
            guard.unlock();
            message = "locks taken in orders that contradict each other (" + std::to_string(circle.size() + 1) +
                      " locks): a deadlock if the threads meet";
            circle.insert(circle.begin(), step{held, lock, now});
            for (const step& each : circle) {
                message += "\n  " + named(each.how.first_kind, each.first) + ", then " +
                           named(each.how.second_kind, each.second) + "\n    first locked" +
                           by(each.how.thread, each.how.first_taken) + "\n    second wanted" +
                           by(each.how.thread, each.how.second_wanted);
            }
        }
    }
    if (!message.empty())
        report(message);
}

void lock_taken(const void* lock, const char* kind) {
    const inside first;
    if (!first)
        return;
    const call_stack where = current_stack(1);
    book& b = the_book();
    const std::scoped_lock guard(b.mutex);
    b.holders[lock] = {b.my_number(), where};
    b.kinds[lock] = kind;
    if (mine.held != this_thread::held_max)
        mine.locks[mine.held++] = lock;
}

void lock_released(const void* lock, const char* kind, bool locked) {
    std::string message;
    if (const inside first; first) {
        book& b = the_book();
        std::unique_lock guard(b.mutex);
        const auto holder = b.holders.find(lock);
        if (!locked) {
            const std::uint64_t number = b.my_number();
            guard.unlock();
            message =
                "unlocking " + named(kind, lock) + ", which is not locked\n  unlocked" + by(number, current_stack(1));
        } else if (holder == b.holders.end() || holder->second.thread != b.my_number()) {
            // Without a holder: another thread is about to note that it has it.
            const holding other = holder == b.holders.end() ? holding{} : holder->second;
            guard.unlock();
            message = "unlocking " + named(kind, lock) + ", which another thread has locked\n  locked" +
                      by(other.thread, other.where) + "\n  unlocked" + by(mine.number, current_stack(1));
        } else {
            b.holders.erase(holder);
            const auto end = mine.locks.begin() + static_cast<std::ptrdiff_t>(mine.held);
            const auto found = std::find(mine.locks.begin(), end, lock);
            if (found != end) {
                std::copy(found + 1, end, found);
                --mine.held;
            }
        }
    }
    if (!message.empty())
        report(message);
}

void lock_destroyed(const void* lock, const char* kind, bool locked) {
    std::string message;
    if (const inside first; first) {
        book& b = the_book();
        std::unique_lock guard(b.mutex);
        const auto holder = b.holders.find(lock);
        if (locked) {
            const holding last = holder == b.holders.end() ? holding{} : holder->second;
            static_cast<void>(b.my_number());
            guard.unlock();
            message = "destroying " + named(kind, lock) + ", which is locked\n  locked" + by(last.thread, last.where) +
                      "\n  destroyed" + by(mine.number, current_stack(1));
        } else {
            b.forget(lock);
        }
    }
    if (!message.empty())
        report(message);
}

} // namespace gantry::sync::detail

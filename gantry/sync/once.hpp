// SPDX-License-Identifier: MIT
#pragma once
//
// once_flag, call_once: a function is called once, whoever comes first; the others wait until it is done.
// lazy<T>: a value that is made when it is first asked for.
//
// Use it when something is made on demand by one of many threads.
// Do not use it when a function-local static will do: it is the same, made by the compiler.
//
//     gantry::sync::lazy<std::string> name([] { return std::string("gantry"); });
//     const std::size_t length = name->size(); // made here, once
//
// Threads: everything from any thread; the function must not come back to its own flag. Progress: a call after the
//   first has finished is wait-free; before that it blocks. Nothing allocates.
// Ordering: what the function did is seen after every call_once() and get(). Linearization: at the change of the word
// to
//   `done`, or the look that finds it.
// Cost: once_flag 4 bytes, lazy<T> T and its function besides; one acquire load once it is done (a plain load on
// x86-64). Failure: what the function throws reaches its caller, and the flag is as if nothing had been called: one of
// the
//   waiting threads calls next.
// Lifetime: may be destroyed when every call has returned; also while the first caller is still on its way out.
// Origin: std::call_once; the double-checked pattern in its right form (Boehm and others 2004): the look is an acquire.
//
// Ordering ledger
//   done  : call_once, word exchange (release)  ->  is_done and call_once, word load (acquire), and the waiters' looks
//           (acquire)   carries: what the function did
//   again : a call that threw, word exchange (release)  ->  the next caller's compare-exchange (acquire)
//           carries: what the function that threw had done
// Relaxed used as: revalidated (a look before a compare-exchange, or its failure)

#include <gantry/base/wait.hpp>
#include <gantry/sync/detail/spin_then_sleep.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace gantry::sync {

class once_flag {
public:
    constexpr once_flag() noexcept = default;
    once_flag(const once_flag&) = delete;
    once_flag& operator=(const once_flag&) = delete;
    ~once_flag() = default;

    // Whether the function has been called and has returned.
    [[nodiscard]] bool is_done() const noexcept {
        return word_.load(std::memory_order_acquire) == done; // order: done.r
    }

private:
    template<class Function, class... Args>
    friend void call_once(once_flag& flag, Function&& function, Args&&... args);

    static constexpr std::uint32_t fresh = 0;
    static constexpr std::uint32_t running = 1;
    static constexpr std::uint32_t asleep = 2; // running, and somebody may sleep
    static constexpr std::uint32_t done = 3;

    // True: the caller is to run the function; false: it is done.
    [[nodiscard]] bool enter() noexcept {
        for (bool spun = false;; spun = true) {
            std::uint32_t seen = word_.load(std::memory_order_acquire); // order: done.r
            if (seen == done)
                return false;
            if (seen == fresh) {
                // order: again.r; relaxed: revalidated
                if (word_.compare_exchange_strong(seen, running, std::memory_order_acquire, std::memory_order_relaxed))
                    return true;
                continue;
            }
            if (!spun && detail::spin_while([this] {
                    const std::uint32_t now = word_.load(std::memory_order_relaxed); // relaxed: revalidated
                    return now == running || now == asleep;
                }))
                continue;
            // relaxed: revalidated
            if (seen == running &&
                !word_.compare_exchange_strong(seen, asleep, std::memory_order_relaxed, std::memory_order_relaxed) &&
                seen != asleep)
                continue;
            wait_on(word_, asleep);
        }
    }
    void leave(std::uint32_t next) noexcept {
        if (word_.exchange(next, std::memory_order_release) == asleep) // order: done.w, again.w
            wake_all(word_);
    }

    std::atomic<std::uint32_t> word_{fresh};
};

template<class Function, class... Args>
void call_once(once_flag& flag, Function&& function, Args&&... args) {
    if (flag.is_done() || !flag.enter()) [[likely]]
        return;
    struct section {
        once_flag& flag;
        std::uint32_t next = once_flag::fresh; // if the function throws
        explicit section(once_flag& of) noexcept : flag(of) {}
        section(const section&) = delete;
        section& operator=(const section&) = delete;
        ~section() { flag.leave(next); }
    } turn(flag);
    std::invoke(std::forward<Function>(function), std::forward<Args>(args)...);
    turn.next = once_flag::done;
}

template<class T, class Make = T (*)()>
class lazy {
public:
    explicit lazy(Make make) noexcept(std::is_nothrow_move_constructible_v<Make>) : make_(std::move(make)) {}
    lazy(const lazy&) = delete;
    lazy& operator=(const lazy&) = delete;
    ~lazy() {
        if (flag_.is_done())
            std::destroy_at(std::addressof(value_));
    }

    [[nodiscard]] T& get() {
        // The function's result becomes the value where it is: T need not be movable.
        call_once(flag_, [this] { ::new (static_cast<void*>(std::addressof(value_))) T(std::invoke(make_)); });
        return value_;
    }
    [[nodiscard]] T& operator*() { return get(); }
    [[nodiscard]] T* operator->() { return std::addressof(get()); }

    // Whether the value has been made.
    [[nodiscard]] bool is_made() const noexcept { return flag_.is_done(); }

private:
    once_flag flag_;
    [[no_unique_address]] Make make_;
    union {
        T value_;
    };
};

} // namespace gantry::sync

// SPDX-License-Identifier: MIT
#pragma once
//
// timer_core: a channel without senders into which time points come by themselves; never_core: one into which nothing
// ever comes.
//
// Use it when you make after(), at(), tick() or never().
// Do not use it when a wait just needs a limit -> pop_for.
//
// No thread and no timer stands behind it: who waits for the channel sleeps until it is due, and who takes the element
// sets the next time with one compare-exchange.
//
// Threads: everything from any thread. Progress: attempts are lock-free. Ordering: each due time is taken once.
// Cost: a look at the clock an attempt. Failure: none. Lifetime: as core_base.
// Origin: after, tick and never of Go's time package and of crossbeam-channel.
//
// Ordering ledger
// Relaxed used as: revalidated (the due time, before its compare-exchange), stale-ok (it carries nothing else)

#include <gantry/base/wait.hpp>
#include <gantry/channel/detail/core.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace gantry::channel::detail {

template<class T>
class source_core : public core<T> {
public:
    errc attempt_push(T&) override { return errc::closed; }
    errc attempt_push_range(std::span<T>, std::size_t&) override { return errc::closed; }
    errc attempt_pop_some(sink<T> out, std::size_t, std::size_t& popped) override {
        pop_result<T> one(std::unexpect, errc::empty);
        const errc reason = this->attempt_pop(one);
        if (reason == errc{}) {
            out = *std::move(one);
            ++popped;
        }
        return reason;
    }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override { return 1; }
    // Closing it has no sense: there is nobody on the other side.
    [[nodiscard]] bool is_closed() noexcept override { return this->end() != errc{}; }

private:
    void stop() noexcept override {}
    void discard() noexcept override {}
};

template<class T>
class never_core final : public source_core<T> {
public:
    errc attempt_pop(pop_result<T>&) override { return this->is_closed() ? this->end() : errc::empty; }
    [[nodiscard]] bool is_ready(side, const wait_entry*) noexcept override { return this->is_closed(); }
    [[nodiscard]] std::size_t size() noexcept override { return 0; }
    [[nodiscard]] const char* kind_name() const noexcept override { return "never"; }
};

class timer_core final : public source_core<std::chrono::steady_clock::time_point> {
public:
    using time_point = std::chrono::steady_clock::time_point;

    // period: zero: once.
    timer_core(time_point first, std::chrono::nanoseconds period) noexcept
        : period_(period), due_(first.time_since_epoch().count()) {}

    errc attempt_pop(pop_result<time_point>& into) override {
        std::int64_t due = due_.load(std::memory_order_relaxed); // relaxed: revalidated
        for (;;) {
            if (is_closed())
                return end();
            const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
            if (due == never || due > now)
                return errc::empty;
            // Ticks that nobody took in time are left out: the next one is a whole number of periods away.
            const std::int64_t next =
                period_.count() == 0 ? never : due + ((now - due) / period_.count() + 1) * period_.count();
            // relaxed: revalidated
            if (due_.compare_exchange_weak(due, next, std::memory_order_relaxed, std::memory_order_relaxed)) {
                into.emplace(time_point(std::chrono::nanoseconds(due)));
                return {};
            }
        }
    }
    [[nodiscard]] bool is_ready(side on, const wait_entry*) noexcept override {
        return on == side::push || is_closed() || ready_at(on) <= std::chrono::steady_clock::now();
    }
    [[nodiscard]] steady_deadline ready_at(side on) noexcept override {
        const std::int64_t due = due_.load(std::memory_order_relaxed); // relaxed: stale-ok
        return on == side::push || due == never ? no_deadline : time_point(std::chrono::nanoseconds(due));
    }
    [[nodiscard]] std::size_t size() noexcept override { return is_ready(side::pop, nullptr) ? 1 : 0; }
    [[nodiscard]] const char* kind_name() const noexcept override { return period_.count() == 0 ? "timer" : "tick"; }

private:
    static constexpr std::int64_t never = time_point::max().time_since_epoch().count();

    // Constant after construction.
    const std::chrono::nanoseconds period_;
    // Shared atomics.
    std::atomic<std::int64_t> due_;
};

} // namespace gantry::channel::detail

// SPDX-License-Identifier: MIT
#pragma once
//
// token_channel(n): a channel for up to n tokens, which are all alike, in one atomic word: the smallest thing that can
// be waited for.
//
// Use it when a model is about waiting: an attempt is one or two steps, so three threads can be explored where a real
// channel allows two. Do not use it when writing library code.
//
// Threads: everything from any thread. Progress: lock-free attempts. Ordering: none: tokens carry nothing. Cost: n/a.
// Failure: n/a. Lifetime: as core_base. Origin: n/a.
//
// Ordering ledger
//   token : stop, fetch_or (release)  ->  end_seen, fetch_add (acquire)   carries: why it ended
// Relaxed used as: revalidated (a look before a compare-exchange; is_ready, which a fence precedes; tokens carry
//   nothing), stale-ok (size)

#include <gantry/channel/channel.hpp>

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>

namespace gantry::channel::test {

class token_core final : public detail::core<int> {
public:
    explicit token_core(int capacity) noexcept : capacity_(capacity) {}

    errc attempt_push(int&) override {
        int seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        while (seen < capacity_) {
            // relaxed: revalidated
            if (word_.compare_exchange_strong(seen, seen + 1, std::memory_order_relaxed, std::memory_order_relaxed)) {
                call_one(detail::side::pop);
                return {};
            }
        }
        return (seen & closed) != 0 ? end_seen() : errc::full;
    }
    errc attempt_push_range(std::span<int> values, std::size_t& pushed) override {
        const errc reason = attempt_push(values[0]);
        pushed += reason == errc{} ? 1U : 0U;
        return reason;
    }
    errc attempt_pop(pop_result<int>& into) override {
        int seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        while ((seen & ~closed) != 0) {
            // relaxed: revalidated
            if (word_.compare_exchange_strong(seen, seen - 1, std::memory_order_relaxed, std::memory_order_relaxed)) {
                into.emplace(1);
                call_one(detail::side::push);
                return {};
            }
        }
        return (seen & closed) != 0 ? end_seen() : errc::empty;
    }
    errc attempt_pop_some(detail::sink<int> out, std::size_t, std::size_t& popped) override {
        pop_result<int> one(std::unexpect, errc::empty);
        const errc reason = attempt_pop(one);
        if (reason == errc{}) {
            out = *std::move(one);
            ++popped;
        }
        return reason;
    }
    [[nodiscard]] std::size_t size() noexcept override {
        return static_cast<std::size_t>(word_.load(std::memory_order_relaxed) & ~closed); // relaxed: stale-ok
    }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override {
        return static_cast<std::size_t>(capacity_);
    }
    [[nodiscard]] bool is_ready(detail::side on, const detail::wait_entry*) noexcept override {
        const int seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        return (seen & closed) != 0 || (on == detail::side::pop ? seen != 0 : seen < capacity_);
    }
    [[nodiscard]] bool is_closed() noexcept override {
        return (word_.load(std::memory_order_relaxed) & closed) != 0; // relaxed: revalidated
    }
    [[nodiscard]] const char* kind_name() const noexcept override { return "tokens"; }

private:
    static constexpr int closed = 1 << 16;

    // The look at the word did not order anything.
    [[nodiscard]] errc end_seen() noexcept {
        static_cast<void>(word_.fetch_add(0, std::memory_order_acquire)); // order: token.r
        return end();
    }

    void stop() noexcept override {
        word_.fetch_or(closed, std::memory_order_release); // order: token.w
    }
    void discard() noexcept override {}

    // Constant after construction.
    const int capacity_;
    // Shared atomics: how many there are, and the mark.
    std::atomic<int> word_{0};
};

[[nodiscard]] inline ends<int> token_channel(int capacity = 1) {
    return detail::access::both<int>(new token_core(capacity));
}

} // namespace gantry::channel::test

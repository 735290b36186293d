// SPDX-License-Identifier: MIT
#pragma once
//
// errc, push_result, pop_result: why a channel operation did not do what was asked, and the value that it refused.
//
// Use it when you look at what push or pop returned.
// Do not use it when the operation cannot fail in your program: say so with GANTRY_ASSERT(tx.push(v)).
//
//     if (auto pushed = tx.try_push(std::move(job)); !pushed)
//         job = std::move(pushed.error().value);
//
// Threads: plain values. Progress: n/a. Ordering: n/a. Cost: push_result<T> is a T and a byte; T is only constructed
// when it was refused. Failure: that is its subject. Lifetime: the refused value belongs to who holds the result.
// Origin: the names of P0260 (C++ concurrent queues), conqueue_errc; the value in the error as in crossbeam.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

namespace gantry::channel {

enum class errc : std::uint8_t {
    empty = 1,    // try_pop: nothing is there now
    full,         // try_push: no room now
    closed,       // somebody called close(). push: nothing goes in any more; pop: and nothing is left to come out
    timeout,      // the deadline passed while full (push) or empty (pop)
    disconnected, // the same as closed, because every handle of the other side is gone
    too_large,    // push: the element alone is over the limit of bytes
    overflow,     // push: a spilling channel that refuses has no room, neither in memory nor on disk
    disk,         // a spilling channel's disk failed; its error() says how. It may work again later
};

// Whether it will be so for ever: closed or disconnected.
[[nodiscard]] constexpr bool is_end(errc reason) noexcept {
    return reason == errc::closed || reason == errc::disconnected;
}

[[nodiscard]] constexpr std::string_view to_string(errc reason) noexcept {
    switch (reason) {
    case errc::empty:
        return "empty";
    case errc::full:
        return "full";
    case errc::closed:
        return "closed";
    case errc::timeout:
        return "timeout";
    case errc::disconnected:
        return "disconnected";
    case errc::too_large:
        return "too large";
    case errc::overflow:
        return "overflow";
    case errc::disk:
        return "disk";
    }
    return "unknown";
}

// A value that did not go in, back to its owner.
template<class T>
struct refused {
    errc reason;
    T value;
};

// A batch that went in in part: the first `pushed` elements are in, the others are still where they were.
struct refused_range {
    errc reason;
    std::size_t pushed;
};

template<class T>
using push_result = std::expected<void, refused<T>>;

template<class T>
using pop_result = std::expected<T, errc>;

} // namespace gantry::channel

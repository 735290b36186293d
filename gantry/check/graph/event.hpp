// SPDX-License-Identifier: MIT
#pragma once
//
// event: the vocabulary of an execution graph: values, orders, operations, events.
//
// Use it when working on the checker itself.
// Do not use it when checking your own code: <gantry/check/model.hpp> is all that is needed.
//
// Threads: plain values. Progress: n/a. Ordering: n/a. Cost: an event is 64 bytes. Failure: n/a. Lifetime: n/a.
// Origin: RC11 (Lahav et al., PLDI 2017); a read-modify-write is two events, as in GenMC.

#include <cstdint>

namespace gantry::check {

// What an access of up to 16 bytes reads or writes, zero-extended.
struct value {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    friend constexpr bool operator==(const value&, const value&) = default;
};

// The compiler's numbering of memory orders (__ATOMIC_RELAXED ...). `consume` is treated as acquire.
//
// `kernel` is what the operating system does in a wait or a wake-up: memory follows it, as it follows acq_rel (or, for
// a fence, seq_cst), but the program is promised nothing, so that it orders no plain accesses.
//
// Asymmetric fences: `light` is the compiler's half of a fence. Its other half is a heavy fence of another thread,
// which is two events: the seq_cst fences with which the kernel begins and ends membarrier(2). Between them it fences
// every other thread, at one place of that thread that nobody knows.
enum class order : std::uint8_t {
    relaxed,
    consume,
    acquire,
    release,
    acq_rel,
    seq_cst,
    kernel,
    light,
    heavy_begin,
    heavy_end,
};

[[nodiscard]] constexpr bool acquires(order o) noexcept {
    return o == order::consume || o == order::acquire || o == order::acq_rel || o == order::seq_cst ||
           o == order::heavy_begin || o == order::heavy_end;
}

[[nodiscard]] constexpr bool releases(order o) noexcept {
    return o == order::release || o == order::acq_rel || o == order::seq_cst || o == order::heavy_begin ||
           o == order::heavy_end;
}

using thread_id = std::uint16_t;
using location_id = std::uint32_t;
using event_id = std::int32_t;

// The write that every location starts with; it is in no thread and happens before everything.
inline constexpr event_id initial_write = -1;
// A read without a source yet, a thread without an event yet.
inline constexpr event_id no_event = -2;
inline constexpr location_id no_location = UINT32_MAX;

// A choice is made by nobody in the program: whether a wait times out, whether a weak compare-exchange fails for no
// reason.
enum class event_kind : std::uint8_t { read, write, fence, create, finish, join, choice };

// What a thread asks for: one atomic access as the compiler announced it, or one made of a library call.
//
// Four treat a 16-byte value as a queue of waiting threads, a byte each, the thread's number plus one: a
// thread joins at the end, the first `operand` threads are let go, a thread leaves, a thread looks whether it has been
// let go.
enum class operation_kind : std::uint8_t {
    load,
    store,
    exchange,
    add,
    sub,
    bit_and,
    bit_or,
    bit_xor,
    bit_nand,
    cas,
    enqueue,
    dequeue,
    leave,
    look,
    share,
    unshare,
    decrease, // takes one, if there is one
};

struct operation {
    operation_kind kind = operation_kind::load;
    std::uint8_t size = 4;
    order success = order::relaxed;
    order failure = order::relaxed; // of a compare-exchange that does not succeed
    // The thread does not go on until the operation succeeds: a lock, a wait. A load succeeds when it does *not* read
    // `expected`.
    bool await = false;
    bool timed = false; // awaits until a time that may come: waiting in vain is no deadlock
    value operand;
    value expected;

    friend constexpr bool operator==(const operation&, const operation&) = default;
};

[[nodiscard]] constexpr bool reads(const operation& op) noexcept {
    return op.kind != operation_kind::store;
}

[[nodiscard]] constexpr std::uint64_t byte_of(const value& v, unsigned i) noexcept {
    return ((i < 8 ? v.low : v.high) >> (8U * (i % 8U))) & 0xFFU;
}

constexpr void add_byte(value& v, unsigned i, std::uint64_t byte) noexcept {
    (i < 8 ? v.low : v.high) |= byte << (8U * (i % 8U));
}

[[nodiscard]] constexpr bool queue_holds(const value& queue, std::uint64_t byte) noexcept {
    for (unsigned i = 0; i < 16; ++i) {
        if (byte_of(queue, i) == byte) {
            return true;
        }
    }
    return false;
}

// Whether the operation, having read `seen`, goes on to write.
[[nodiscard]] constexpr bool writes_after(const operation& op, const value& seen) noexcept {
    return op.kind != operation_kind::load && op.kind != operation_kind::look &&
           (op.kind != operation_kind::cas || seen == op.expected) &&
           (op.kind != operation_kind::share || seen.low == 0) &&
           (op.kind != operation_kind::decrease || seen.low != 0);
}

// Whether a thread that read `seen` has to stay where it is.
[[nodiscard]] constexpr bool stays_blocked(const operation& op, const value& seen) noexcept {
    if (!op.await) {
        return false;
    }
    switch (op.kind) {
    case operation_kind::load:
        return seen == op.expected;
    case operation_kind::look:
        return queue_holds(seen, op.operand.low);
    default:
        return !writes_after(op, seen);
    }
}

// The value that the operation writes, having read `seen`.
[[nodiscard]] constexpr value written(const operation& op, const value& seen) noexcept {
    const auto arithmetic = [&](bool minus) {
        value sum;
        if (minus) {
            sum.low = seen.low - op.operand.low;
            sum.high = seen.high - op.operand.high - (seen.low < op.operand.low ? 1U : 0U);
        } else {
            sum.low = seen.low + op.operand.low;
            sum.high = seen.high + op.operand.high + (sum.low < seen.low ? 1U : 0U);
        }
        return sum;
    };
    value result = op.operand;
    switch (op.kind) {
    case operation_kind::add:
        result = arithmetic(false);
        break;
    case operation_kind::sub:
        result = arithmetic(true);
        break;
    case operation_kind::bit_and:
        result = {seen.low & op.operand.low, seen.high & op.operand.high};
        break;
    case operation_kind::bit_or:
        result = {seen.low | op.operand.low, seen.high | op.operand.high};
        break;
    case operation_kind::bit_xor:
        result = {seen.low ^ op.operand.low, seen.high ^ op.operand.high};
        break;
    case operation_kind::bit_nand:
        result = {~(seen.low & op.operand.low), ~(seen.high & op.operand.high)};
        break;
    case operation_kind::enqueue:
        result = seen;
        for (unsigned i = 0; i < 16; ++i) {
            if (byte_of(seen, i) == 0) {
                add_byte(result, i, op.operand.low);
                break;
            }
        }
        break;
    case operation_kind::dequeue:
    case operation_kind::leave: {
        result = {};
        unsigned kept = 0;
        for (unsigned i = 0; i < 16; ++i) {
            const std::uint64_t byte = byte_of(seen, i);
            const bool goes = op.kind == operation_kind::dequeue ? i < op.operand.low : byte == op.operand.low;
            if (!goes && byte != 0) {
                add_byte(result, kept++, byte);
            }
        }
        break;
    }
    case operation_kind::share:
        result = {seen.low, seen.high + 1};
        break;
    case operation_kind::unshare:
        result = {seen.low, seen.high - 1};
        break;
    case operation_kind::decrease:
        result = {seen.low - 1, seen.high};
        break;
    case operation_kind::load:
    case operation_kind::look:
    case operation_kind::store:
    case operation_kind::exchange:
    case operation_kind::cas:
        break;
    }
    if (op.size < 16) {
        result.high = 0;
        if (op.size < 8) {
            result.low &= (std::uint64_t{1} << (8U * op.size)) - 1U;
        }
    }
    return result;
}

struct event {
    value data;                        // read: what was read; write: what is written
    const void* site = nullptr;        // the call's return address
    event_id source = no_event;        // read: the write it reads from; join: the child's finish; RMW write: its read
    event_id release_fence = no_event; // the last release fence of the thread, this event included
    location_id location = no_location;
    std::uint32_t index = 0;     // place in its thread
    std::uint32_t position = 0;  // write: place in the location's modification order, 1 is the first
    std::uint32_t operation = 0; // read: index into the graph's operations
    thread_id thread = 0;
    thread_id other = 0; // create, join: the child
    event_kind kind = event_kind::fence;
    order memory_order = order::relaxed;
    bool exclusive = false; // the two halves of a read-modify-write that writes
    bool blocked = false;   // an awaiting read that did not see what it waits for
};

} // namespace gantry::check

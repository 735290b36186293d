// SPDX-License-Identifier: MIT
// spsc_ring/<implementation>/cap:N: what is made for one sender and one receiver; see channel_bench.cpp. Those that do
// not wait try again with gantry's back-off in between.
#include <gantry/base/backoff.hpp>
#include <gantry/channel/spsc.hpp>
#include <gantry/channel/test_workloads.hpp>
#include <gantry/container/ring.hpp>

#include <boost/lockfree/spsc_queue.hpp>
#include <cds/container/weak_ringbuffer.h>
#include <readerwriterqueue/readerwritercircularbuffer.h>
#include <readerwriterqueue/readerwriterqueue.h>

// ck's header is C: it returns `false` as a null pointer.
#pragma push_macro("false")
#define false 0
#include <ck_ring.h>
#pragma pop_macro("false")

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace gantry::channel::test;

template<class Queue, class T>
using spinning = retrying<Queue, T, gantry::backoff>;

// It waits.
template<class T>
class gantry_spsc {
public:
    explicit gantry_spsc(std::size_t capacity) : ends_(gantry::channel::spsc<T>(capacity)) {}
    void push(T value) const {
        if (!ends_.tx.push(std::move(value)))
            std::abort();
    }
    [[nodiscard]] T pop() const { return *ends_.rx.pop(); }
    void push_batch(std::span<T> values) const {
        if (!ends_.tx.push_range(values))
            std::abort();
    }
    [[nodiscard]] std::size_t pop_batch(T* out, std::size_t max) const { return *ends_.rx.pop_some(out, max); }

private:
    gantry::channel::single_ends<T> ends_;
};

template<class T>
class ring_of_gantry {
public:
    explicit ring_of_gantry(std::size_t capacity) : ring_(capacity) {}
    [[nodiscard]] bool try_push(const T& value) { return ring_.try_push(value); }
    [[nodiscard]] bool try_pop(T& value) { return ring_.try_pop(value); }

private:
    gantry::container::ring<T> ring_;
};
template<class T>
using gantry_ring = spinning<ring_of_gantry<T>, T>;

template<class T>
class ring_of_boost {
public:
    explicit ring_of_boost(std::size_t capacity) : ring_(capacity) {}
    [[nodiscard]] bool try_push(const T& value) { return ring_.push(value); }
    [[nodiscard]] bool try_pop(T& value) { return ring_.pop(value); }

private:
    boost::lockfree::spsc_queue<T> ring_;
};
template<class T>
using boost_spsc = spinning<ring_of_boost<T>, T>;

template<class T>
class ring_of_libcds {
public:
    explicit ring_of_libcds(std::size_t capacity) : ring_(std::bit_ceil(capacity)) {}
    [[nodiscard]] bool try_push(const T& value) { return ring_.push(value); }
    [[nodiscard]] bool try_pop(T& value) { return ring_.pop(value); }

private:
    cds::container::WeakRingBuffer<T> ring_;
};
template<class T>
using libcds_weak = spinning<ring_of_libcds<T>, T>;

// One slot less than a power of two. Pointers only: what does not fit into one goes through the heap.
template<class T>
class ring_of_ck {
public:
    explicit ring_of_ck(std::size_t capacity) : buffer_(std::bit_ceil(capacity + 1)) {
        ck_ring_init(&ring_, static_cast<unsigned>(buffer_.size()));
    }
    [[nodiscard]] bool try_push(const T& value) {
        if constexpr (std::is_same_v<T, std::uint64_t>) {
            return ck_ring_enqueue_spsc(&ring_, buffer_.data(), reinterpret_cast<void*>(value));
        } else {
            auto* const copy = new T(value);
            const bool pushed = ck_ring_enqueue_spsc(&ring_, buffer_.data(), copy);
            if (!pushed)
                delete copy;
            return pushed;
        }
    }
    [[nodiscard]] bool try_pop(T& value) {
        void* out = nullptr;
        if (!ck_ring_dequeue_spsc(&ring_, buffer_.data(), &out))
            return false;
        if constexpr (std::is_same_v<T, std::uint64_t>) {
            value = reinterpret_cast<std::uint64_t>(out);
        } else {
            value = *static_cast<T*>(out);
            delete static_cast<T*>(out);
        }
        return true;
    }

private:
    ck_ring_t ring_;
    std::vector<ck_ring_buffer_t> buffer_;
};
template<class T>
using ck_spsc = spinning<ring_of_ck<T>, T>;

template<class T>
class ring_of_moodycamel {
public:
    explicit ring_of_moodycamel(std::size_t capacity) : queue_(capacity) {}
    [[nodiscard]] bool try_push(const T& value) { return queue_.try_enqueue(value); }
    [[nodiscard]] bool try_pop(T& value) { return queue_.try_dequeue(value); }

private:
    moodycamel::ReaderWriterQueue<T> queue_;
};
template<class T>
using moodycamel_spsc = spinning<ring_of_moodycamel<T>, T>;

// It waits.
template<class T>
class moodycamel_circular_buffer {
public:
    explicit moodycamel_circular_buffer(std::size_t capacity) : buffer_(capacity) {}
    void push(T value) { buffer_.wait_enqueue(std::move(value)); }
    [[nodiscard]] T pop() {
        T value{};
        buffer_.wait_dequeue(value);
        return value;
    }

private:
    moodycamel::BlockingReaderWriterCircularBuffer<T> buffer_;
};

[[maybe_unused]] const bool added = [] {
    add<gantry_spsc>({.name = "gantry", .for_two = true});
    add<gantry_ring>({.name = "gantry_ring", .waits = false, .for_two = true});
    add<moodycamel_circular_buffer>({.name = "moodycamel_circular_buffer", .for_two = true});
    add<moodycamel_spsc>({.name = "moodycamel_try_reader_writer", .capacity_min = 16, .waits = false, .for_two = true});
    add<boost_spsc>({.name = "boost_try_spsc", .waits = false, .for_two = true});
    add<ck_spsc>({.name = "ck_try_ring", .waits = false, .for_two = true});
    add<libcds_weak>({.name = "libcds_try_weak", .capacity_min = 16, .waits = false, .for_two = true});
    return true;
}();

} // namespace

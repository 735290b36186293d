// SPDX-License-Identifier: MIT
// spsc/<implementation>/cap:N/threads:N: one thread pushes, one pops (one thread alone: in turn, so that nothing waits
// and nothing is shared); see test_transfer.hpp. `_batch`: 32 numbers at a time.
#include <gantry/container/bounded_queue.hpp>
#include <gantry/container/ring.hpp>
#include <gantry/container/test_mutex_deque.hpp>
#include <gantry/container/test_transfer.hpp>

#include <benchmark/benchmark.h>
#include <boost/lockfree/spsc_queue.hpp>
#include <cds/container/weak_ringbuffer.h>

// ck's header is C: it returns `false` as a null pointer.
#pragma push_macro("false")
#define false 0
#include <ck_ring.h>
#pragma pop_macro("false")

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace gantry::container;

template<class Queue>
struct gantry_queue : Queue {
    using Queue::Queue;
    [[nodiscard]] bool push(std::uint64_t value) { return this->try_push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) {
        if constexpr (requires { this->try_pop(value); }) {
            return this->try_pop(value);
        }
        const std::optional<std::uint64_t> popped = this->try_pop();
        if (popped)
            value = *popped;
        return popped.has_value();
    }
    [[nodiscard]] std::size_t push_some(std::span<std::uint64_t> values) { return this->try_push_range(values); }
    [[nodiscard]] std::size_t pop_some(std::span<std::uint64_t> out) { return this->try_pop_some(out); }
};

struct boost_spsc {
    explicit boost_spsc(std::size_t capacity) : queue(capacity) {}
    [[nodiscard]] bool push(std::uint64_t value) { return queue.push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return queue.pop(value); }
    [[nodiscard]] std::size_t push_some(std::span<std::uint64_t> values) {
        return queue.push(values.data(), values.size());
    }
    [[nodiscard]] std::size_t pop_some(std::span<std::uint64_t> out) { return queue.pop(out.data(), out.size()); }
    boost::lockfree::spsc_queue<std::uint64_t> queue;
};

// One slot less than a power of two; pointers only.
struct ck_spsc {
    explicit ck_spsc(std::size_t capacity) : buffer(std::bit_ceil(capacity + 1)) {
        ck_ring_init(&ring, static_cast<unsigned>(buffer.size()));
    }
    [[nodiscard]] bool push(std::uint64_t value) {
        return ck_ring_enqueue_spsc(&ring, buffer.data(), reinterpret_cast<void*>(value));
    }
    [[nodiscard]] bool pop(std::uint64_t& value) {
        void* out = nullptr;
        if (!ck_ring_dequeue_spsc(&ring, buffer.data(), &out))
            return false;
        value = reinterpret_cast<std::uint64_t>(out);
        return true;
    }
    ck_ring_t ring;
    std::vector<ck_ring_buffer_t> buffer;
};

struct libcds_spsc {
    explicit libcds_spsc(std::size_t capacity) : queue(std::bit_ceil(capacity)) {}
    [[nodiscard]] bool push(std::uint64_t value) { return queue.push(value); }
    [[nodiscard]] bool pop(std::uint64_t& value) { return queue.pop(value); }
    cds::container::WeakRingBuffer<std::uint64_t> queue;
};

template<class Queue, bool Batches>
void spsc(benchmark::State& state, std::size_t capacity, std::uint64_t threads) {
    state.SetItemsProcessed(test::transfer<Queue, Batches>(state, capacity, threads));
}

template<class Queue, bool Batches = false>
void add(const char* name) {
    const auto one = [&](std::size_t capacity, std::uint64_t threads) {
        benchmark::RegisterBenchmark(
            (std::string("spsc/") + name + "/cap:" + std::to_string(capacity) + "/threads:" + std::to_string(threads))
                .c_str(),
            spsc<Queue, Batches>, capacity, threads)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
    };
    one(16, 2);
    one(1024, 2);
    if (!Batches)
        one(1024, 1);
}

[[maybe_unused]] const bool added = [] {
    add<gantry_queue<ring<std::uint64_t>>>("gantry");
    add<boost_spsc>("boost");
    add<ck_spsc>("ck");
    add<libcds_spsc>("libcds_weak");
    add<gantry_queue<bounded_queue<std::uint64_t>>>("gantry_bounded_queue");
    add<test::std_mutex_deque>("std_mutex");
    add<gantry_queue<ring<std::uint64_t>>, true>("gantry_batch");
    add<boost_spsc, true>("boost_batch");
    add<gantry_queue<bounded_queue<std::uint64_t>>, true>("gantry_bounded_queue_batch");
    return true;
}();

} // namespace

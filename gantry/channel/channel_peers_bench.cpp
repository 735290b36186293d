// SPDX-License-Identifier: MIT
// The peers of bench_channel that are other libraries'. See channel_bench.cpp.
#include <gantry/channel/test_workloads.hpp>

#include <boost/lockfree/queue.hpp>
#include <cds/container/vyukov_mpmc_cycle_queue.h>
#include <concurrentqueue/blockingconcurrentqueue.h>
#include <tbb/concurrent_queue.h>
#include <xenium/ramalhete_queue.hpp>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/vyukov_bounded_queue.hpp>

#include <bit>
#include <cstddef>
#include <iterator>
#include <memory>
#include <span>

namespace {

using namespace gantry::channel::test;

// It waits, and elements come out in the order of their tickets.
template<class T>
class tbb_queue {
public:
    explicit tbb_queue(std::size_t capacity) {
        if (capacity != no_limit)
            queue_.set_capacity(static_cast<std::ptrdiff_t>(capacity));
    }
    void push(T value) { queue_.push(value); }
    [[nodiscard]] T pop() {
        T value{};
        queue_.pop(value);
        return value;
    }

private:
    tbb::concurrent_bounded_queue<T> queue_;
};

// It waits; elements of one sender come out in order, those of two in any.
template<class T>
class moodycamel_queue {
public:
    explicit moodycamel_queue(std::size_t /*capacity*/) {}
    void push(T value) { static_cast<void>(queue_.enqueue(value)); }
    [[nodiscard]] T pop() {
        T value{};
        queue_.wait_dequeue(value);
        return value;
    }
    void push_batch(std::span<T> values) {
        static_cast<void>(queue_.enqueue_bulk(std::make_move_iterator(values.begin()), values.size()));
    }
    [[nodiscard]] std::size_t pop_batch(T* out, std::size_t max) { return queue_.wait_dequeue_bulk(out, max); }

private:
    moodycamel::BlockingConcurrentQueue<T> queue_;
};

template<class T>
class boost_lockfree {
public:
    explicit boost_lockfree(std::size_t capacity) : bounded_(capacity != no_limit), queue_(bounded_ ? capacity : 128) {}
    [[nodiscard]] bool try_push(const T& value) { return bounded_ ? queue_.bounded_push(value) : queue_.push(value); }
    [[nodiscard]] bool try_pop(T& value) { return queue_.pop(value); }

private:
    bool bounded_;
    boost::lockfree::queue<T> queue_;
};
template<class T>
using boost_queue = retrying<boost_lockfree<T>, T>;

template<class T>
class libcds_ring {
public:
    explicit libcds_ring(std::size_t capacity) : queue_(std::bit_ceil(capacity)) {}
    [[nodiscard]] bool try_push(const T& value) { return queue_.push(value); }
    [[nodiscard]] bool try_pop(T& value) { return queue_.pop(value); }

private:
    cds::container::VyukovMPMCCycleQueue<T> queue_;
};
template<class T>
using libcds_vyukov = retrying<libcds_ring<T>, T>;

template<class T>
class xenium_ring {
public:
    explicit xenium_ring(std::size_t capacity) : queue_(std::bit_ceil(capacity)) {}
    [[nodiscard]] bool try_push(const T& value) { return queue_.try_push(value); }
    [[nodiscard]] bool try_pop(T& value) { return queue_.try_pop(value); }

private:
    xenium::vyukov_bounded_queue<T> queue_;
};
template<class T>
using xenium_vyukov = retrying<xenium_ring<T>, T>;

// It holds pointers only.
template<class T>
class xenium_segments {
public:
    explicit xenium_segments(std::size_t /*capacity*/) {}
    [[nodiscard]] bool try_push(const T& value) {
        queue_.push(new T(value));
        return true;
    }
    [[nodiscard]] bool try_pop(T& value) {
        T* popped = nullptr;
        if (!queue_.try_pop(popped))
            return false;
        const std::unique_ptr<T> mine(popped);
        value = *mine;
        return true;
    }

private:
    xenium::ramalhete_queue<T*, xenium::policy::reclaimer<xenium::reclamation::epoch_based<>>> queue_;
};
template<class T>
using xenium_ramalhete = retrying<xenium_segments<T>, T>;

[[maybe_unused]] const bool added = [] {
    add<tbb_queue>({.name = "tbb", .unbounded = true});
    add<moodycamel_queue>({.name = "moodycamel_try_blocking", .capacity_min = no_limit, .unbounded = true});
    add<boost_queue>({.name = "boost_try_lockfree", .unbounded = true, .waits = false});
    add<libcds_vyukov>({.name = "libcds_try_vyukov", .capacity_min = 2, .waits = false});
    add<xenium_vyukov>({.name = "xenium_try_vyukov", .capacity_min = 2, .waits = false});
    add<xenium_ramalhete>(
        {.name = "xenium_try_ramalhete", .capacity_min = no_limit, .unbounded = true, .waits = false});
    return true;
}();

} // namespace

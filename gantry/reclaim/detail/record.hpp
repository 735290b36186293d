// SPDX-License-Identifier: MIT
#pragma once
//
// record: what one thread has in one domain: its list of garbage, and (in the scheme's kind of it) what it protects.
//
// A thread claims a record at its first section in a domain and gives it back when it ends; garbage that is left in a
// record goes to the thread that claims it next, or to one that adopts it. Records live as long as their domain.
//
// Ordering ledger
//   own : give_back, taken store (release)  ->  try_take, taken exchange (acquire)   carries: the record's contents
// Relaxed used as: owner (bytes, written by the thread that has the record), revalidated (taken, before the exchange)

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gantry::reclaim {

class domain;

namespace detail {

// Something retired, and how it is freed, once nobody protects it. False: it is wanted again, and comes back later.
struct garbage {
    void* object;
    bool (*free)(void* object);
    std::size_t bytes;
};
using garbage_list = std::vector<garbage>;

// garbage::free by a stateless function object.
template<class T, class Free>
bool free_by(void* object) {
    Free()(static_cast<T*>(object));
    return true;
}

// Garbage that was retired before one moment, which the scheme has a number for.
struct batch {
    std::uint64_t tag;
    garbage_list items;
};

struct heap {
    garbage_list open;          // in order of retirement
    std::vector<batch> batches; // older than what is open; ascending tags

    [[nodiscard]] bool empty() const noexcept { return open.empty() && batches.empty(); }

    // Moves everything to the end of another.
    void move_to(heap& to);
};

struct record {
    explicit record(domain& of) noexcept : owner(&of) {}
    record(const record&) = delete;
    record& operator=(const record&) = delete;
    virtual ~record() = default;

    [[nodiscard]] bool try_take() noexcept {
        return !taken.load(std::memory_order_relaxed) &&         // relaxed: revalidated
               !taken.exchange(true, std::memory_order_acquire); // order: own.r
    }
    void give_back() noexcept {
        taken.store(false, std::memory_order_release); // order: own.w
    }

    void add(const garbage& g) noexcept {
        mine.open.push_back(g);
        set_bytes(get_bytes() + g.bytes);
        if (mine.open.size() >= look_at_objects || get_bytes() >= look_at_bytes)
            duties |= look;
    }

    [[nodiscard]] std::size_t get_bytes() const noexcept {
        return bytes.load(std::memory_order_relaxed); // relaxed: owner
    }
    void set_bytes(std::size_t value) noexcept {
        bytes.store(value, std::memory_order_relaxed); // relaxed: owner
    }

    // What is to be done at the end of the outermost section; 0 nearly always.
    static constexpr unsigned look = 1;      // for what can be freed
    static constexpr unsigned temporary = 2; // give the record back: the thread is ending, or has no place to keep it

    // Constant once it is in the domain's list.
    domain* const owner;
    record* next = nullptr;

    // The claiming thread's.
    unsigned duties = 0;
    bool looking = false;
    std::size_t look_at_objects = 0;
    std::size_t look_at_bytes = 0;
    heap mine;
    garbage_list unprotected; // about to be freed; empty otherwise, and kept for its memory
    garbage_list spare;       // empty, and kept for its memory

    // Shared.
    std::atomic<std::size_t> bytes{0}; // of the heap and of what is being freed
    std::atomic<bool> taken{true};
};

// The record that this thread used last, for each scheme; 0 is no domain's number.
struct cached_record {
    std::uint64_t domain_id;
    record* mine;
};

// Out of line: looks in the thread's list of records, or claims one and puts it there. What it finds goes into the
// cache (nullptr: into none), which the thread's end empties. std::bad_alloc: the thread had none, and there is no
// memory for one; nothing has changed.
[[nodiscard]] record* find_record(domain& in, cached_record* cache);

// True for the thread whose cache it is, as long as it keeps the record.
[[nodiscard]] bool is_cached(const cached_record& cache, const record& r) noexcept;

template<class Record>
inline constinit thread_local cached_record cache_of{0, nullptr};

template<class Record>
[[nodiscard]] Record& record_of_thread(domain& in, std::uint64_t id) {
    cached_record& cache = cache_of<Record>;
    record* const mine = cache.domain_id == id ? cache.mine : find_record(in, &cache);
    return *static_cast<Record*>(mine);
}

} // namespace detail
} // namespace gantry::reclaim

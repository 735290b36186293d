// SPDX-License-Identifier: MIT
#pragma once
//
// intrusive_list: a list of records that threads join without a lock and leave without being unlinked: a record that
// is given back is claimed again by whoever comes next.
//
// Use it when each thread needs a record that others walk over: the registries of reclamation schemes, per-thread
// counters. There are as many records as there were ever threads at once.
// Do not use it when records must go before the list does, or when there are far more records than are in use.
//
//     gantry::container::intrusive_list<record> records;
//     record* mine = records.try_claim();
//     if (mine == nullptr)
//         records.push(*(mine = new record));
//     mine->data = 7;
//     records.release(*mine);
//
// Threads: every member from any thread; release() by who has the record. clear() when no other thread uses the list.
// Progress: push() is lock-free; the others are wait-free (try_claim in the number of records). Nothing allocates.
// Ordering: what was written to a record before push() is seen by who finds it; what its last holder wrote before
//   release() by the next who claims it. Linearization: push, the compare-exchange of the head; try_claim, the
//   compare-exchange of the claim; release, its store. try_claim() may miss a record that is given back meanwhile.
// Cost: a pointer and a flag a record, a pointer the list. try_claim looks at each record until one is free.
// Failure: none. Giving back what is not claimed is a programmer error, asserted in debug builds.
// Lifetime: the list owns nothing: whoever made the records takes them out with clear() before the list goes.
// Origin: the record lists of Michael's hazard pointers (2004).
//
// Ordering ledger
//   join  : push, head_ compare-exchange (release)  ->  first, head_ load (acquire)   carries: the record and the link
//   to
//           the older ones; compare-exchanges continue the release sequence
//   claim : release, claimed store (release)  ->  try_claim, claimed compare-exchange (acquire)   carries: the record
// Relaxed used as: revalidated (a look before a compare-exchange), pre-publish (a record that is being pushed),
// stale-ok
//   (is_claimed)

#include <gantry/base/assert.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <utility>

namespace gantry::container {

template<class Record>
class intrusive_list {
public:
    // A record derives from it.
    class hook {
    public:
        hook() = default;
        hook(const hook&) = delete;
        hook& operator=(const hook&) = delete;

        // Whether somebody has it, of a moment that may be over.
        [[nodiscard]] bool is_claimed() const noexcept {
            return claimed_.load(std::memory_order_relaxed); // relaxed: stale-ok
        }

    protected:
        ~hook() = default;

    private:
        friend intrusive_list;
        Record* older_ = nullptr; // never changes once it is in the list
        std::atomic<bool> claimed_{true};
    };

    // Forward, from the newest record to the oldest, those that nobody has included. A record that is pushed after
    // begin() is not seen.
    class iterator {
    public:
        using value_type = Record;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        explicit iterator(Record* at) noexcept : at_(at) {}
        [[nodiscard]] Record& operator*() const noexcept { return *at_; }
        [[nodiscard]] Record* operator->() const noexcept { return at_; }
        iterator& operator++() noexcept {
            at_ = older(*at_);
            return *this;
        }
        iterator operator++(int) noexcept {
            const iterator before = *this;
            ++*this;
            return before;
        }
        [[nodiscard]] friend bool operator==(const iterator&, const iterator&) = default;

    private:
        Record* at_ = nullptr;
    };

    constexpr intrusive_list() noexcept = default;
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;
    ~intrusive_list() { GANTRY_DEBUG_ASSERT(head_.load(std::memory_order_relaxed) == nullptr); } // relaxed: pre-publish

    // A record that nobody had, now the caller's; nullptr: each is claimed.
    [[nodiscard]] Record* try_claim() noexcept {
        for (Record& each : *this) {
            std::atomic<bool>& claimed = hook_of(each).claimed_;
            bool seen = claimed.load(std::memory_order_relaxed); // relaxed: revalidated
            if (!seen &&
                claimed.compare_exchange_strong(seen, true, std::memory_order_acquire,
                                                std::memory_order_relaxed)) // order: claim.r; relaxed: stale-ok
                return &each;
        }
        return nullptr;
    }

    // Adds a record that is in no list; it is the caller's, claimed.
    void push(Record& record) noexcept {
        hook& added = hook_of(record);
        added.claimed_.store(true, std::memory_order_relaxed); // relaxed: pre-publish
        added.older_ = head_.load(std::memory_order_relaxed);  // relaxed: revalidated
        // order: join.w; relaxed: revalidated
        while (
            !head_.compare_exchange_weak(added.older_, &record, std::memory_order_release, std::memory_order_relaxed)) {
        }
    }

    // Gives a record back: it stays in the list for the next who wants one.
    void release(Record& record) noexcept {
        GANTRY_DEBUG_ASSERT(record.is_claimed());
        hook_of(record).claimed_.store(false, std::memory_order_release); // order: claim.w
    }

    [[nodiscard]] iterator begin() const noexcept {
        return iterator(head_.load(std::memory_order_acquire)); // order: join.r
    }
    [[nodiscard]] static iterator end() noexcept { return iterator(); }

    // Takes every record out, calling dispose(record) for each, which may destroy it.
    template<std::invocable<Record&> Dispose>
    void clear(Dispose dispose) {
        Record* each = head_.exchange(nullptr, std::memory_order_relaxed); // relaxed: pre-publish
        while (each != nullptr)
            dispose(*std::exchange(each, older(*each)));
    }

private:
    [[nodiscard]] static hook& hook_of(Record& record) noexcept { return record; }
    [[nodiscard]] static Record* older(Record& record) noexcept { return hook_of(record).older_; }

    std::atomic<Record*> head_{nullptr};
};

} // namespace gantry::container

// SPDX-License-Identifier: MIT
#pragma once
//
// queue: an unbounded FIFO queue for any number of threads, in segments of many slots; the way to free a segment is a
// parameter.
//
// Use it when several threads push and pop and nobody can say how much there will be.
// Do not use it when there is a limit -> bounded_queue, which never allocates; when elements are few and far between ->
// ms_queue, which keeps no segment; when threads are to sleep until there is something -> a channel.
//
//     gantry::container::queue<std::string> lines; // or queue<std::string, gantry::reclaim::hazard>
//     lines.push("first");
//     const std::optional<std::string> line = lines.try_pop();
//
// A push takes the next slot of the last segment by adding one to the segment's index, makes the element there and
// marks the slot filled; a pop that finds the next slot of the first segment filled takes it by a compare-exchange on
// that segment's other index. A pop whose slot was taken by a push and stays unfilled spoils it and takes the next; the
// push that comes to a spoiled slot does the same. Pushes pay nothing for that: a plain store marks the slot, and the
// pop that spoils one, which is rare, pays for both with a heavy fence. See slot.
//
// Threads: every member from any thread.
// Progress: lock-free; a push allocates when a segment is full. try_pop() does not allocate, but for the scheme's
// notes. Ordering: what happened before a push is seen after the pop of its element. Linearizable, "empty" included.
//   Linearization: of a pop that is told "empty", the load of pop_index; otherwise depends on what comes later:
//   elements leave in the order of their slots.
// Cost: a segment has about tuning::queue_segment_bytes; an empty queue has one. A push is one read-modify-write, and
//   a pop one; a batch is one for a segment. A pop that waited for a push in vain: up to 3 us
//   (asymmetric_fence_heavy()).
// Failure: push() throws std::bad_alloc, or what T's constructor throws: then nothing was pushed. If the slot was
//   spoiled the element moves to another: when T's move throws there, it is lost. When moving an element out throws,
//   that element is lost: destroyed. try_push() and try_push_range() leave what they refuse, or what they have no
//   memory for, where it was.
// Lifetime: segments go to the domain when their last slot has been taken, so memory is given back as the queue is
//   drained. The queue destroys what is left; by then no thread may use it. The domain outlives it.
// Origin: Ramalhete and Correia's FAAArrayQueue, from Morrison and Afek, "Fast concurrent queues for x86 processors"
//   (PPoPP 2013), without the ring. Ours has elements in place, no read-modify-write on a slot, pops that never come
//   before the push of their slot, and moves the tail before it frees a segment.
//
// Ordering ledger
//   segment : append, next compare-exchange (release)  ->  next loads (acquire)   carries: the segment as it was made,
//             or what came before the end
//   tail    : move_tail, tail_ compare-exchange (release)  ->  claim, protect of tail_ (acquire)   carries: the same
//             other side: gantry/reclaim/scheme.hpp
//   head    : try_pop, head_ compare-exchange (release)  ->  try_pop, protect of head_ (acquire)   carries: the same
//             other side: gantry/reclaim/scheme.hpp
//   fill    : slot::fill, state store (release)  ->  take and slot::ask, state loads (acquire)
//             carries: the element
//   taken   : take, pop_index compare-exchange (release)  ->  take and is_empty, pop_index loads (acquire)
//             carries: the pushes that the other pop had seen, so that a queue is not called empty for having seen a
//             pop without them
//   closed  : mark_closed, closed_ store (release)  ->  is_closed, closed_ load (acquire)   carries: the end of the
//             last segment, so that what is found empty after it is drained
// A slot's state on one side and its fate on the other: store buffering, ordered by asymmetric_fence_light and _heavy.
// Relaxed used as: revalidated (push_index: the slot's state decides; a look at next before it is followed; the fate,
//   after a fence or by a compare-exchange), stale-ok (a look that saves work, size), pre-publish (destructor)

#include <gantry/base/assert.hpp>
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/backoff.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/reclaim/epoch.hpp>
#include <gantry/reclaim/scheme.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace gantry::container {

template<class T, reclaim::scheme Scheme = reclaim::epoch>
class queue {
public:
    using value_type = T;
    using domain_type = typename Scheme::domain;

    explicit queue(domain_type& in = Scheme::default_domain())
        : domain_(in), tail_(new segment(0)), head_(tail_.load(std::memory_order_relaxed)) {} // relaxed: pre-publish
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;
    ~queue() {
        segment* s = head_.load(std::memory_order_relaxed); // relaxed: pre-publish
        while (s != nullptr && s != end_mark()) {
            s->destroy_left();
            delete std::exchange(s, s->next.load(std::memory_order_relaxed)); // relaxed: pre-publish
        }
    }

    void push(T&& value)
    requires std::move_constructible<T>
    {
        emplace(std::move(value));
    }
    void push(const T& value)
    requires std::copy_constructible<T>
    {
        emplace(value);
    }

    // Makes the element in its slot.
    template<class... Args>
    requires std::constructible_from<T, Args...> && std::move_constructible<T>
    void emplace(Args&&... args) {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        leftover left = put(guard, std::forward<Args>(args)...);
        while (left.at != nullptr) [[unlikely]] {
            T moved = left.take();
            left = put(guard, std::move(moved));
        }
    }

    // Moves the value in, unless the queue is closed (false): then it is where it was. It must be an object of its own,
    // not the base of another: what a pop has spoiled is put back there.
    [[nodiscard]] bool try_push(T&& value)
    requires std::is_nothrow_move_constructible_v<T>
    {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        for (;;) {
            segment* const s = guard.protect(tail_);                                         // order: tail.r
            const std::size_t index = s->push_index.fetch_add(1, std::memory_order_relaxed); // relaxed: revalidated
            if (index < slots_each) [[likely]] {
                slot& at = s->slots[index];
                if (at.fill(std::move(value))) [[likely]]
                    return true;
                put_back(value, at);
                continue;
            }
            std::size_t done = 0;
            if (!go_on(s, std::span(&value, 1), 1, done))
                return false;
            if (done != 0)
                return true;
        }
    }

    // The same for several values, which may come to lie with others' between them; how many are in. Fewer than there
    // are: closed.
    [[nodiscard]] std::size_t try_push_range(std::span<T> values)
    requires std::is_nothrow_move_constructible_v<T>
    {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        std::size_t done = 0;
        while (done != values.size()) {
            segment* const s = guard.protect(tail_); // order: tail.r
            const std::size_t wanted = std::min(values.size() - done, slots_each);
            const std::size_t index =
                s->push_index.fetch_add(wanted, std::memory_order_relaxed); // relaxed: revalidated
            if (index < slots_each) [[likely]] {
                // One after the other: what is spoiled must not be overtaken by what comes after it.
                for (std::size_t i = index; i != std::min(index + wanted, slots_each); ++i) {
                    slot& at = s->slots[i];
                    if (at.fill(std::move(values[done]))) [[likely]]
                        ++done;
                    else
                        put_back(values[done], at);
                }
                continue;
            }
            if (!go_on(s, values.subspan(done), wanted, done))
                return done;
        }
        return done;
    }

    // Nothing goes in any more (push() and emplace() must not be called any more); what is in comes out. What happened
    // before it is seen by whom it makes the queue refuse, and by who finds the queue closed.
    void close() {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        for (;;) {
            segment* const s = guard.protect(tail_); // order: tail.r
            // No push finds a slot in this segment any more, and then none a segment after it.
            s->push_index.fetch_or(frozen_mark, std::memory_order_relaxed); // relaxed: revalidated
            segment* none = nullptr;
            // Released as what came before the end is: a push that is refused may be the first to see it.
            // order: segment.w; relaxed: stale-ok
            const bool ended =
                s->next.compare_exchange_strong(none, end_mark(), std::memory_order_release, std::memory_order_relaxed);
            segment* const next = ended ? end_mark() : s->next.load(std::memory_order_acquire); // order: segment.r
            if (next == end_mark()) {
                mark_closed();
                return;
            }
            move_tail(s, next);
        }
    }
    [[nodiscard]] bool is_closed() const noexcept {
        return closed_.load(std::memory_order_acquire); // order: closed.r
    }

    // Whether a try_pop() would find nothing: a look, not an operation. Who wants to be sure that it sees another
    // thread's last push orders itself with that thread, by a fence if need be.
    [[nodiscard]] bool is_empty() {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        for (;;) {
            segment* const s = guard.protect(head_); // order: head.r
            if (s->is_empty())
                return true;
            if (s->pop_index.load(std::memory_order_relaxed) < slots_each) // relaxed: stale-ok
                return false;
            segment* const next = s->next.load(std::memory_order_acquire); // order: segment.r
            if (next == nullptr || next == end_mark())
                return true;
            move_head(section, s, next);
        }
    }

    // Moves up to `max` elements out, oldest first: *out = std::move(element), ++out for each; how many. 0 for max >=
    // 1: empty. If an assignment throws, that element is lost.
    template<class Out>
    [[nodiscard]] std::size_t try_pop_some(Out& out, std::size_t max) {
        // Elements that are taken and then not moved would be lost: where that can happen they are taken one by one.
        constexpr bool is_safe = noexcept(*out = std::declval<T>()) && noexcept(++out);
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        std::size_t done = 0;
        while (done != max) {
            segment* const s = guard.protect(head_); // order: head.r
            std::size_t first = 0;
            const std::size_t count = take(*s, is_safe ? max - done : 1, first);
            for (std::size_t i = first; i != first + count; ++i) {
                const dropping gone{s->slots[i]};
                *out = std::move(*s->slots[i].element());
                ++out;
                ++done;
            }
            if (count == 0 && (first != slots_each || !move_on(section, s)))
                break;
        }
        return done;
    }

    // The oldest element; nothing: empty.
    [[nodiscard]] std::optional<T> try_pop() {
        typename Scheme::section section(domain_);
        typename Scheme::guard guard(section);
        for (;;) {
            segment* const s = guard.protect(head_); // order: head.r
            std::size_t at = 0;
            if (take(*s, 1, at) != 0) [[likely]] {
                const dropping gone{s->slots[at]};
                return std::optional<T>(std::move(*s->slots[at].element()));
            }
            if (at != slots_each || !move_on(section, s))
                return std::nullopt;
        }
    }

    // How many slots were taken by pushes and not by pops, of several moments: exact when nobody pushes or pops, but
    // for the slots of pushes that threw.
    [[nodiscard]] std::size_t size() const {
        typename Scheme::section section(domain_);
        typename Scheme::guard first(section);
        typename Scheme::guard last(section);
        const segment* const h = first.protect(head_);                                       // order: head.r
        const segment* const t = last.protect(tail_);                                        // order: tail.r
        const std::size_t popped = h->number + h->pop_index.load(std::memory_order_relaxed); // relaxed: stale-ok
        const std::size_t pushed = t->number + std::min(t->push_index.load(std::memory_order_relaxed) & ~frozen_mark,
                                                        slots_each); // relaxed: stale-ok
        return pushed > popped ? pushed - popped : 0;
    }

private:
    enum class filling : std::uint8_t { unfilled, filled, broken }; // broken: the constructor threw
    enum class fate : std::uint8_t { open, asked, spoiled, taken };

    // The push that has the slot writes its state, the pop that has it its fate. A pop that has waited in vain asks,
    // and looks at the state once more: either it sees the slot filled, or the push sees that it is asked. What is
    // asked is decided by who comes first, if both see each other: taken or spoiled.
    struct slot {
        std::atomic<filling> state{filling::unfilled};
        std::atomic<fate> outcome{fate::open};
        alignas(T) std::byte storage[sizeof(T)];

        [[nodiscard]] T* element() noexcept { return reinterpret_cast<T*>(storage); }

        // Makes the element. False: the slot is spoiled, and the element is still the caller's, where it is.
        template<class... Args>
        [[nodiscard]] bool fill(Args&&... args) {
            breaking unless_made{this};
            std::construct_at(element(), std::forward<Args>(args)...);
            unless_made.at = nullptr;
            state.store(filling::filled, std::memory_order_release); // order: fill.w
            asymmetric_fence_light();
            return outcome.load(std::memory_order_relaxed) == fate::open ||
                   !decide(fate::spoiled); // relaxed: revalidated
        }

        // For the one pop that has this slot and will not wait any longer for its push. False: it is spoiled.
        [[gnu::noinline]] [[nodiscard]] bool ask() noexcept {
            outcome.store(fate::asked, std::memory_order_relaxed); // relaxed: revalidated
            asymmetric_fence_heavy();
            const bool filled = state.load(std::memory_order_acquire) == filling::filled; // order: fill.r
            return decide(filled ? fate::taken : fate::spoiled) && filled;
        }

        // What is asked gets this outcome, or has got the other one: false.
        [[gnu::noinline]] bool decide(fate wanted) noexcept {
            fate seen = fate::asked;
            return outcome.compare_exchange_strong(seen, wanted, std::memory_order_relaxed, // relaxed: revalidated
                                                   std::memory_order_relaxed) ||
                   seen == wanted;
        }
    };

    // A slot whose constructor threw is of no use.
    struct breaking {
        slot* at;
        ~breaking() {
            if (at != nullptr)
                at->state.store(filling::broken, std::memory_order_relaxed); // relaxed: stale-ok
        }
    };
    struct dropping {
        slot& at;
        ~dropping() { std::destroy_at(at.element()); }
    };

    static constexpr std::size_t slots_each =
        std::max(tuning::queue_segment_bytes / sizeof(slot), tuning::queue_segment_slots_min);

    // In the push index of a segment in which no push may take a slot any more. Pushes that come nevertheless count on
    // below it for a moment, so what lies beyond the last push may look taken: pops spoil those slots.
    static constexpr std::size_t frozen_mark = std::size_t{1} << (sizeof(std::size_t) * 8 - 1);

    struct segment;

    // What comes after the last segment of a closed queue.
    [[nodiscard]] static segment* end_mark() noexcept { return reinterpret_cast<segment*>(alignof(std::max_align_t)); }

    struct segment : Scheme::template object<segment> {
        explicit segment(std::size_t before) noexcept : number(before) {}

        // Whether every slot that a push has taken was taken by a pop, too, and there is no segment behind.
        [[nodiscard]] bool is_empty() noexcept {
            const std::size_t popped = pop_index.load(std::memory_order_acquire); // order: taken.r
            // Mostly the next slot is filled: then the index of the pushes, which they fight for, is left alone.
            if (popped < slots_each) {
                if (slots[popped].state.load(std::memory_order_relaxed) != filling::unfilled) // relaxed: stale-ok
                    return false;
                const std::size_t pushed = push_index.load(std::memory_order_relaxed); // relaxed: stale-ok
                if (popped < (pushed & ~frozen_mark))
                    return false;
                if ((pushed & frozen_mark) == 0)
                    return true;
                // Pushes found it frozen before it was full, and went on behind it.
            }
            const segment* const after = next.load(std::memory_order_relaxed); // relaxed: revalidated
            return after == nullptr || after == end_mark();
        }

        void destroy_left() noexcept {
            const std::size_t first = pop_index.load(std::memory_order_relaxed); // relaxed: pre-publish
            for (std::size_t i = first; i < slots_each; ++i) {
                if (slots[i].state.load(std::memory_order_relaxed) == filling::filled) // relaxed: pre-publish
                    std::destroy_at(slots[i].element());
            }
        }

        // Waits a little until the slot, which a push has, is not unfilled any more, or was popped: filled.
        [[gnu::noinline]] [[nodiscard]] filling wait_filled(std::size_t at) noexcept {
            filling now = filling::unfilled;
            for (std::uint32_t looks = 0; looks != tuning::queue_pop_looks && now == filling::unfilled; ++looks) {
                spin_pause();
                now = slots[at].state.load(std::memory_order_relaxed); // relaxed: stale-ok
                if (pop_index.load(std::memory_order_relaxed) != at)   // relaxed: stale-ok
                    return filling::filled;
            }
            return now;
        }

        const std::size_t number; // of its first slot, over all segments
        alignas(cache_line_bytes) std::atomic<std::size_t> push_index{0};
        alignas(cache_line_bytes) std::atomic<std::size_t> pop_index{0};
        alignas(cache_line_bytes) std::atomic<segment*> next{nullptr};
        std::array<slot, slots_each> slots;
    };

    // An element that was made and has found no place: its slot was spoiled, or its segment came too late.
    struct leftover {
        slot* at = nullptr;
        std::unique_ptr<segment> late{};

        [[nodiscard]] T take() {
            const dropping gone{*at};
            return T(std::move(*at->element()));
        }
    };

    static void put_back(T& value, slot& at) noexcept {
        const dropping gone{at};
        std::destroy_at(&value);
        std::construct_at(&value, std::move(*at.element()));
    }

    void mark_closed() noexcept {
        closed_.store(true, std::memory_order_release); // order: closed.w
    }

    // Takes up to `max` slots of the segment that hold an element: how many, from `first` on. 0: there is none; if
    // `first` is slots_each, there will be none any more.
    [[nodiscard]] static std::size_t take(segment& s, std::size_t max, std::size_t& first) {
        for (;;) {
            std::size_t popped = s.pop_index.load(std::memory_order_acquire); // order: taken.r
            std::size_t count = 0;
            const std::size_t most = std::min(max, slots_each - popped);
            filling state = filling::filled;
            while (count != most) {
                state = s.slots[popped + count].state.load(std::memory_order_acquire); // order: fill.r
                if (state != filling::filled)
                    break;
                ++count;
            }
            first = popped;
            if (count == 0) [[unlikely]] {
                if (popped == slots_each)
                    return 0;
                if (state == filling::unfilled) {
                    const std::size_t pushed = s.push_index.load(std::memory_order_relaxed); // relaxed: stale-ok
                    if (popped >= (pushed & ~frozen_mark)) {
                        if ((pushed & frozen_mark) != 0) // pushes found it frozen before it was full, and went on
                            first = slots_each;
                        return 0;
                    }
                    state = s.wait_filled(popped);
                }
                if (state == filling::filled)
                    continue;
            }
            // order: taken.w; relaxed: revalidated
            if (s.pop_index.compare_exchange_weak(popped, popped + std::max<std::size_t>(count, 1),
                                                  std::memory_order_release, std::memory_order_relaxed)) {
                if (count != 0) [[likely]]
                    return count;
                if (state == filling::unfilled && s.slots[popped].ask())
                    return 1;
            }
        }
    }

    // After the last slot of a segment: to the next one. False: there is none.
    [[nodiscard]] bool move_on(typename Scheme::section& section, segment* from) {
        segment* const next = from->next.load(std::memory_order_acquire); // order: segment.r
        if (next == nullptr || next == end_mark())
            return false;
        move_head(section, from, next);
        return true;
    }

    // For a push that found no slot in `s`, which it wanted `wanted` of: to the next segment, which is made with the
    // first of the values in it if need be; adds how many. False: the queue is closed.
    [[gnu::noinline]] [[nodiscard]] bool go_on(segment* s, std::span<T> values, std::size_t wanted, std::size_t& done) {
        segment* next = s->next.load(std::memory_order_acquire); // order: segment.r
        if (next == nullptr) {
            auto fresh = std::make_unique<segment>(s->number + slots_each);
            const std::size_t count = std::min(values.size(), slots_each);
            for (std::size_t i = 0; i != count; ++i) {
                std::construct_at(fresh->slots[i].element(), std::move(values[i]));
                fresh->slots[i].state.store(filling::filled, std::memory_order_relaxed); // relaxed: pre-publish
            }
            fresh->push_index.store(count, std::memory_order_relaxed); // relaxed: pre-publish
            // order: segment.rw
            if (s->next.compare_exchange_strong(next, fresh.get(), std::memory_order_release,
                                                std::memory_order_acquire)) {
                move_tail(s, fresh.release());
                done += count;
                return true;
            }
            for (std::size_t i = 0; i != count; ++i)
                put_back(values[i], fresh->slots[i]);
        }
        if (next == end_mark()) {
            s->push_index.fetch_sub(wanted, std::memory_order_relaxed); // relaxed: stale-ok
            mark_closed();
            return false;
        }
        move_tail(s, next);
        return true;
    }

    template<class... Args>
    [[nodiscard]] leftover put(typename Scheme::guard& guard, Args&&... args) {
        for (;;) {
            segment* const s = guard.protect(tail_);                                         // order: tail.r
            const std::size_t index = s->push_index.fetch_add(1, std::memory_order_relaxed); // relaxed: revalidated
            if (index < slots_each) [[likely]] {
                slot& at = s->slots[index];
                return {.at = at.fill(std::forward<Args>(args)...) ? nullptr : &at};
            }
            segment* next = s->next.load(std::memory_order_acquire); // order: segment.r
            if (next == nullptr) {
                // With the element in it: pops may spoil every slot of a segment, but each segment has been of use.
                auto fresh = std::make_unique<segment>(s->number + slots_each);
                std::construct_at(fresh->slots[0].element(), std::forward<Args>(args)...);
                fresh->slots[0].state.store(filling::filled, std::memory_order_relaxed); // relaxed: pre-publish
                fresh->push_index.store(1, std::memory_order_relaxed);                   // relaxed: pre-publish
                // order: segment.rw
                if (s->next.compare_exchange_strong(next, fresh.get(), std::memory_order_release,
                                                    std::memory_order_acquire)) {
                    move_tail(s, fresh.release());
                    return {};
                }
                GANTRY_ASSERT(next != end_mark());
                move_tail(s, next);
                return {.at = &fresh->slots[0], .late = std::move(fresh)};
            }
            GANTRY_ASSERT(next != end_mark());
            move_tail(s, next);
        }
    }

    // All slots of `from` have been taken by pops.
    void move_head(typename Scheme::section& section, segment* from, segment* to) {
        // The tail goes first: who finds a segment through it must find one that has not been retired.
        move_tail(from, to);
        segment* seen = from;
        // order: head.w; relaxed: stale-ok
        if (head_.compare_exchange_strong(seen, to, std::memory_order_release, std::memory_order_relaxed))
            section.retire(from);
    }

    void move_tail(segment* from, segment* to) noexcept {
        // order: tail.w; relaxed: stale-ok
        static_cast<void>(
            tail_.compare_exchange_strong(from, to, std::memory_order_release, std::memory_order_relaxed));
    }

    // constant after construction
    domain_type& domain_;
    // shared atomics
    alignas(cache_line_bytes) std::atomic<segment*> tail_;
    alignas(cache_line_bytes) std::atomic<segment*> head_;
    std::atomic<bool> closed_{false};
};

} // namespace gantry::container

// SPDX-License-Identifier: MIT
#pragma once
//
// epoch: readers pin themselves for the time of an operation; what is retired is freed once every thread that was
// pinned then has left.
//
// Use it when operations are short and read many objects: a pin costs little and protects everything at once.
// Do not use it when a reader may stay for long or be stopped inside: nothing that is retired after its pin is freed
// -> hazard; when objects are owned for long by many -> counted.
//
//     gantry::reclaim::epoch_pin pin; // of the default domain
//     const node* const seen = head.load(std::memory_order_acquire);
//     pin.retire(unlinked);               // deleted when nobody can hold it
//     pin.defer([file] { close(file); }); // any call, at that time
//     pin.repin();                        // in a long loop: lets go of everything seen so far
//
// Threads: any, without registration; a pin belongs to its thread. Progress: pins are wait-free, retire() and the end
// of
//   a pin too but for deleters, the list's memory, and when_full::wait.
// Ordering: the linearization point of the end of protection is the store that ends the outermost pin.
// Cost: a pin is two loads and two stores, no fence on the reader's side (base/asymmetric_fence.hpp). Every
//   tuning::reclaim_look_objects objects or 64 KiB that a thread retires cost a heavy fence and a walk over the
//   threads. At rest each thread keeps about two such lists.
// Failure: domain.hpp. A stalled pin: garbage that is retired after it began stays until it ends, in this domain; the
//   gauge shows it, the hook is told, when_full::wait makes retiring threads wait. What was retired before is freed.
// Lifetime: domain.hpp.
// Origin: Fraser, "Practical lock freedom", 2004; the rule is that of RCU with a sequence number instead of Fraser's
//   three epochs (McKenney and Slingwine 1998): a batch is tagged with the epoch, which moves on then, and is free when
//   every pinned thread carries a later one. One look after the readers have left is enough, and a stalled reader does
//   not hold what was retired before it came.
//
// Ordering ledger
//   source : the caller's release of the pointer  ->  protect and try_protect, source load (acquire)
//            carries: the object as it was made   other side: caller
//   leave  : unpin, pin and repin, pinned store (release)  ->  take_unprotected, pinned load (acquire)
//            carries: the reads under the pin that ended
//   pair   : pin and repin, asymmetric_fence_light  ->  take_unprotected, asymmetric_fence_heavy
//            carries: either the walk sees the pin, or the pin sees what was unlinked; and whoever reads the epoch that
//            was counted up behind the heavy fence comes after that fence
// Relaxed used as: stale-ok (the epoch: a pin with an older one only keeps more)

#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/reclaim/domain.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace gantry::reclaim {

class epoch_domain;

namespace detail {

struct alignas(cache_line_bytes) epoch_record final : record {
    using record::record;

    static constexpr std::uint64_t unpinned = 0;

    std::uint32_t depth = 0; // of nested pins
    std::atomic<std::uint64_t> pinned{unpinned};
};

} // namespace detail

class epoch_domain final : public domain {
public:
    explicit epoch_domain(const domain_options& options = {}) noexcept : domain(options) {}
    ~epoch_domain() override { close(); }

    // The domain of those that name none. Never destroyed.
    [[nodiscard]] static epoch_domain& default_domain() noexcept;

private:
    friend class epoch_pin;

    [[nodiscard]] detail::record* make_record() override;
    [[nodiscard]] std::size_t take_unprotected(detail::record& mine, detail::heap* shared) noexcept override;

    void enter(detail::epoch_record& mine) noexcept {
        // Release: a walk that reads this pin must come after what the pin before it protected, too.
        mine.pinned.store(epoch_.load(std::memory_order_relaxed),
                          std::memory_order_release); // order: leave.w; relaxed: stale-ok
        asymmetric_fence_light();                     // order: pair.w
    }

    alignas(cache_line_bytes) std::atomic<std::uint64_t> epoch_{1};
};

// A section of the epoch scheme.
class epoch_pin {
public:
    explicit epoch_pin(epoch_domain& in = epoch_domain::default_domain())
        : mine_(detail::record_of_thread<detail::epoch_record>(in, in.id())) {
        if (mine_.depth++ == 0)
            in.enter(mine_);
    }
    epoch_pin(const epoch_pin&) = delete;
    epoch_pin& operator=(const epoch_pin&) = delete;
    ~epoch_pin() {
        if (--mine_.depth == 0) {
            mine_.pinned.store(detail::epoch_record::unpinned, std::memory_order_release); // order: leave.w
            if (mine_.duties != 0) [[unlikely]]
                domain_of(mine_).attend(mine_);
        }
    }

    // Deletes `object`, which no thread can reach any more, when no pin can hold it.
    template<class T>
    void retire(T* object) noexcept {
        mine_.add({.object = object, .free = detail::free_by<T, std::default_delete<T>>, .bytes = sizeof(T)});
    }
    // Calls free(object) instead; `Free` is a stateless function object.
    template<class T, class Free>
    requires std::is_empty_v<Free> && std::invocable<Free, T*>
    void retire(T* object, Free, std::size_t bytes) noexcept {
        mine_.add({.object = object, .free = detail::free_by<T, Free>, .bytes = bytes});
    }
    // Calls what() then. It must not throw; making its copy on the heap may.
    template<std::invocable What>
    void defer(What what) {
        auto* const kept = new What(std::move(what));
        retire(
            kept,
            [](What* p) {
                const std::unique_ptr<What> mine(p);
                (*mine)();
            },
            sizeof(What));
    }

    // Lets go of everything and pins anew, if this is the thread's only pin in the domain; frees what is due.
    void repin() noexcept;

private:
    friend class epoch_guard;

    static epoch_domain& domain_of(const detail::epoch_record& r) noexcept {
        return static_cast<epoch_domain&>(*r.owner);
    }

    detail::epoch_record& mine_;
};

// Protects by its section's pin: nothing to do but to load.
class epoch_guard {
public:
    explicit epoch_guard(epoch_pin&) noexcept {}

    template<class T>
    [[nodiscard]] T* protect(const std::atomic<T*>& source) noexcept {
        return source.load(std::memory_order_acquire); // order: source.r
    }
    template<class Word, class ToPointer>
    [[nodiscard]] Word protect(const std::atomic<Word>& source, ToPointer) noexcept {
        return source.load(std::memory_order_acquire); // order: source.r
    }
    template<class T>
    [[nodiscard]] bool try_protect(T*& expected, const std::atomic<T*>& source) noexcept {
        T* const now = source.load(std::memory_order_acquire); // order: source.r
        return std::exchange(expected, now) == now;
    }
    void reset() noexcept {}
};

struct epoch {
    using domain = epoch_domain;
    using section = epoch_pin;
    using guard = epoch_guard;
    template<class T>
    struct object {};

    [[nodiscard]] static domain& default_domain() noexcept { return epoch_domain::default_domain(); }
};

} // namespace gantry::reclaim

// SPDX-License-Identifier: MIT
#pragma once
//
// hazard: a reader announces each object that it uses; what is retired is freed once no announcement names it. The
// names and meanings are those of C++26's <hazard_pointer>, in this namespace, so that code can move to the standard's
// later.
//
// Use it when garbage must stay bounded even if a reader stops for ever, or when few objects are held for long.
// Do not use it when an operation walks over many objects -> epoch; when many own an object -> counted.
//
//     gantry::reclaim::hazard_pointer h = gantry::reclaim::make_hazard_pointer();
//     const node* const seen = h.protect(head); // not freed until h lets go
//     unlinked->retire();                       // deleted when no hazard pointer protects it
//
// (node derives from hazard_pointer_obj_base<node>.)
// Containers use `hazard` as their scheme (scheme.hpp), which is the same through sections and guards, a little
// cheaper.
//
// Threads: any, without registration. A hazard_pointer may move to another thread, a guard may not.
//   Progress: protect() is lock-free, everything else wait-free but for deleters and memory.
// Ordering: protect() acquires what was released with the pointer. Linearization: its last load.
// Cost: protect() is a store and two loads, no fence (base/asymmetric_fence.hpp). Every tuning::reclaim_look_objects
//   objects or 64 KiB that a thread retires cost a heavy fence and a walk over all hazard pointers. A thread has eight
//   of them in its record and takes eight more when they are all in use.
// Failure: domain.hpp; make_hazard_pointer() may throw std::bad_alloc when a thread's eight are in use. A stalled
//   reader keeps the objects that its hazard pointers name, and nothing else, whatever is retired meanwhile.
// Lifetime: domain.hpp. Objects must be unreachable when they are retired.
// Origin: Michael, "Hazard pointers", 2004; P2530 (C++26); the asymmetric fence as in folly's hazptr. Ours has a byte
//   limit for each domain and no thread-local list of free hazard pointers but a bit mask in the thread's record.
//
// Ordering ledger
//   source    : the caller's release of the pointer  ->  protect and try_protect, source load (acquire)
//               carries: the object as it was made   other side: caller
//   let_go    : protect and reset, slot store (release)  ->  take_unprotected, slot load (acquire)
//               carries: the reads of what the slot named before
//   pair      : announce, asymmetric_fence_light  ->  take_unprotected, asymmetric_fence_heavy
//               carries: either the walk sees the slot, or the second load of source sees that it was unlinked
//   give_back : ~hazard_pointer in another thread, returned fetch_or (release)  ->  take_slot_slow, returned exchange
//               (acquire)   carries: the slot's last store
//   more      : take_slot_slow, next store (release)  ->  take_unprotected, next load (acquire)
//               carries: the block as it was made
// Relaxed used as: revalidated (the first load of source), owner (next, read by the thread that writes it)

#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/cache_line.hpp>
#include <gantry/reclaim/domain.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace gantry::reclaim {

class hazard_domain;
class hazard_pointer;

namespace detail {

struct hazard_record;

// Eight announcements.
struct hazard_slots {
    static constexpr std::uint32_t all = 0xff;

    std::array<std::atomic<const void*>, 8> slot{};
    std::uint32_t free = all;               // the record's thread's: bits of slots that are not in use
    std::atomic<std::uint32_t> returned{0}; // bits of slots that other threads have given back
    std::atomic<hazard_slots*> next{nullptr};
};

struct alignas(cache_line_bytes) hazard_record final : record {
    using record::record;
    hazard_record(const hazard_record&) = delete;
    hazard_record& operator=(const hazard_record&) = delete;
    ~hazard_record() override;

    hazard_slots slots;
    std::vector<const void*> seen; // by a walk; kept for its memory
};

// A slot that is in use, and where it goes back to.
struct hazard_place {
    std::atomic<const void*>* slot = nullptr;
    hazard_slots* among = nullptr;

    [[nodiscard]] std::uint32_t bit() const noexcept { return 1U << static_cast<unsigned>(slot - among->slot.data()); }
};

[[nodiscard]] hazard_place take_slot_slow(hazard_record& mine);

[[nodiscard]] inline hazard_place take_slot(hazard_record& mine) {
    hazard_slots& first = mine.slots;
    if (first.free == 0) [[unlikely]]
        return take_slot_slow(mine);
    const auto index = static_cast<unsigned>(std::countr_zero(first.free));
    first.free &= first.free - 1;
    return {.slot = &first.slot[index], .among = &first};
}

template<class T>
inline void announce(std::atomic<const void*>& slot, T* object) noexcept {
    slot.store(object, std::memory_order_release); // order: let_go.w
    asymmetric_fence_light();                      // order: pair.w
}

// One attempt to protect what `source` held; true: it still does.
template<class Word, class ToPointer>
[[nodiscard]] inline bool try_announce(std::atomic<const void*>& slot, Word& expected, const std::atomic<Word>& source,
                                       ToPointer to_pointer) noexcept {
    announce(slot, to_pointer(expected));
    const Word now = source.load(std::memory_order_acquire); // order: source.r
    return std::exchange(expected, now) == now;
}

struct as_it_is {
    template<class T>
    T* operator()(T* p) const noexcept {
        return p;
    }
};

} // namespace detail

class hazard_domain final : public domain {
public:
    explicit hazard_domain(const domain_options& options = {}) noexcept : domain(options) {}
    ~hazard_domain() override { close(); }

    // The domain of those that name none, as in the standard. Never destroyed.
    [[nodiscard]] static hazard_domain& default_domain() noexcept;

private:
    friend class hazard_section;
    friend class hazard_pointer;
    friend hazard_pointer make_hazard_pointer(hazard_domain& in);

    [[nodiscard]] detail::record* make_record() override;
    [[nodiscard]] std::size_t take_unprotected(detail::record& mine, detail::heap* shared) noexcept override;

    [[nodiscard]] detail::hazard_record& mine() { return detail::record_of_thread<detail::hazard_record>(*this, id()); }
};

// A section of the hazard scheme.
class hazard_section {
public:
    explicit hazard_section(hazard_domain& in = hazard_domain::default_domain()) : mine_(in.mine()) {}
    hazard_section(const hazard_section&) = delete;
    hazard_section& operator=(const hazard_section&) = delete;
    ~hazard_section() {
        if (mine_.duties != 0) [[unlikely]]
            static_cast<hazard_domain&>(*mine_.owner).attend(mine_);
    }

    // Deletes `object`, which no thread can reach any more, when no hazard pointer names it.
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

    // For what is judged once more by then; see detail::garbage.
    void retire_by(void* object, bool (*free)(void* object), std::size_t bytes) noexcept {
        mine_.add({.object = object, .free = free, .bytes = bytes});
    }

private:
    friend class hazard_guard;

    detail::hazard_record& mine_;
};

class hazard_guard {
public:
    explicit hazard_guard(hazard_section& section) : place_(detail::take_slot(section.mine_)) {}
    hazard_guard(const hazard_guard&) = delete;
    hazard_guard& operator=(const hazard_guard&) = delete;
    ~hazard_guard() {
        reset();
        place_.among->free |= place_.bit();
    }

    template<class T>
    [[nodiscard]] T* protect(const std::atomic<T*>& source) noexcept {
        return protect(source, detail::as_it_is());
    }
    template<class Word, class ToPointer>
    [[nodiscard]] Word protect(const std::atomic<Word>& source, ToPointer to_pointer) noexcept {
        Word seen = source.load(std::memory_order_relaxed); // relaxed: revalidated
        while (!detail::try_announce(*place_.slot, seen, source, to_pointer)) {
        }
        return seen;
    }
    template<class T>
    [[nodiscard]] bool try_protect(T*& expected, const std::atomic<T*>& source) noexcept {
        return detail::try_announce(*place_.slot, expected, source, detail::as_it_is());
    }
    void reset() noexcept {
        place_.slot->store(nullptr, std::memory_order_release); // order: let_go.w
    }
    // What the other protects, this one protects from now on, and the other way round.
    void swap(hazard_guard& other) noexcept { std::swap(place_, other.place_); }

private:
    detail::hazard_place place_;
};

struct hazard {
    using domain = hazard_domain;
    using section = hazard_section;
    using guard = hazard_guard;
    template<class T>
    struct object {};

    [[nodiscard]] static domain& default_domain() noexcept { return hazard_domain::default_domain(); }
};

// What can be retired: T derives from hazard_pointer_obj_base<T, D>. D is called with the T*.
template<class T, class D = std::default_delete<T>>
class hazard_pointer_obj_base {
public:
    void retire(D deleter = D(), hazard_domain& in = hazard_domain::default_domain()) noexcept {
        deleter_ = std::move(deleter);
        hazard_section section(in);
        section.retire(
            static_cast<T*>(this),
            [](T* object) {
                hazard_pointer_obj_base& base = *object;
                D last = std::move(base.deleter_);
                last(object);
            },
            sizeof(T));
    }
    void retire(hazard_domain& in) noexcept { retire(D(), in); }

protected:
    hazard_pointer_obj_base() = default;
    hazard_pointer_obj_base(const hazard_pointer_obj_base&) = default;
    hazard_pointer_obj_base(hazard_pointer_obj_base&&) = default;
    hazard_pointer_obj_base& operator=(const hazard_pointer_obj_base&) = default;
    hazard_pointer_obj_base& operator=(hazard_pointer_obj_base&&) = default;
    ~hazard_pointer_obj_base() = default;

private:
    [[no_unique_address]] D deleter_;
};

// Protects one object at a time, or is empty. Made by make_hazard_pointer().
class hazard_pointer {
public:
    hazard_pointer() noexcept = default;
    hazard_pointer(hazard_pointer&& other) noexcept
        : place_(std::exchange(other.place_, {})), home_(std::exchange(other.home_, nullptr)) {}
    hazard_pointer& operator=(hazard_pointer&& other) noexcept {
        hazard_pointer(std::move(other)).swap(*this);
        return *this;
    }
    ~hazard_pointer() {
        if (!empty())
            give_back();
    }

    [[nodiscard]] bool empty() const noexcept { return home_ == nullptr; }

    // The pointer must not be empty in what follows.

    template<class T>
    [[nodiscard]] T* protect(const std::atomic<T*>& source) noexcept {
        T* seen = source.load(std::memory_order_relaxed); // relaxed: revalidated
        while (!try_protect(seen, source)) {
        }
        return seen;
    }
    // One attempt; false: protects nothing, and `expected` is what source holds now.
    template<class T>
    [[nodiscard]] bool try_protect(T*& expected, const std::atomic<T*>& source) noexcept {
        if (detail::try_announce(*place_.slot, expected, source, detail::as_it_is()))
            return true;
        reset_protection();
        return false;
    }
    // Protects an object that is known not to have been retired yet, by whatever reason.
    template<class T>
    void reset_protection(const T* object) noexcept {
        detail::announce(*place_.slot, object);
    }
    void reset_protection(std::nullptr_t = nullptr) noexcept {
        place_.slot->store(nullptr, std::memory_order_release); // order: let_go.w
    }

    void swap(hazard_pointer& other) noexcept {
        std::swap(place_, other.place_);
        std::swap(home_, other.home_);
    }
    friend void swap(hazard_pointer& a, hazard_pointer& b) noexcept { a.swap(b); }

private:
    friend hazard_pointer make_hazard_pointer(hazard_domain& in);

    hazard_pointer(detail::hazard_place place, detail::hazard_record& home) noexcept : place_(place), home_(&home) {}

    void give_back() noexcept {
        reset_protection();
        if (detail::is_cached(detail::cache_of<detail::hazard_record>, *home_)) {
            place_.among->free |= place_.bit();
        } else {
            place_.among->returned.fetch_or(place_.bit(), std::memory_order_release); // order: give_back.w
        }
    }

    detail::hazard_place place_;
    detail::hazard_record* home_ = nullptr;
};

[[nodiscard]] inline hazard_pointer make_hazard_pointer(hazard_domain& in = hazard_domain::default_domain()) {
    const hazard_section section(in);
    detail::hazard_record& mine = in.mine();
    return {detail::take_slot(mine), mine};
}

} // namespace gantry::reclaim

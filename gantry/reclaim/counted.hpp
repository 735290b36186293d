// SPDX-License-Identifier: MIT
#pragma once
//
// shared / atomic_shared: reference-counted ownership, and a place in which threads exchange such owners without a
// lock. counted: the scheme (scheme.hpp) in which each node carries such a count.
//
// Use it when several owners keep an object for as long as they like, and the last one frees it: configuration that is
// swapped, nodes of graphs.
// Do not use it when objects are only looked at for a moment -> hazard, epoch (half the cost); when owners form cycles
// -> whatever breaks them: counts never do.
//
//     gantry::reclaim::atomic_shared<config> current(gantry::reclaim::make_shared<config>(text));
//     const gantry::reclaim::shared<config> mine = current.load();   // an owner more
//     const gantry::reclaim::snapshot<config> seen = current.look(); // no owner: just not freed while it stands
//     current.store(gantry::reclaim::make_shared<config>(new_text));
//
// Reading does not wait and look() does not touch the count: a reader announces the object as with hazard pointers, and
// only whoever finds that nobody owns *and* nobody announces it frees it.
//
// Threads: shared and snapshot as std::shared_ptr (one object from one thread at a time, copies from any);
//   atomic_shared from any. A snapshot may move to another thread. Progress: lock-free.
// Ordering: what happened before an object was stored is seen by whoever loads it; what any owner or reader did with it
//   happens before its destructor. Linearization: the read-modify-write or the last load of the place.
// Cost: 16 bytes beside the object. Copies are one read-modify-write. load() is an announcement and one; look() the
//   announcement alone. The last owner's release puts the object into its domain's list (domain.hpp).
// Failure: domain.hpp. A stalled reader or snapshot keeps the objects that it looks at.
// Lifetime: all places that an object is stored in have the object's domain, the default one or that given to both.
//   Destructors run later, by any thread that retires in the domain; chains of owners are freed one by one, not by
//   recursion.
// Origin: Anderson, Blelloch and Wei, "Concurrent deferred reference counting", 2021, defer each decrement by hazard
//   pointers. Here counts go down at once and only the decision at zero is deferred; a bit in the word remembers that a
//   reader took ownership anew meanwhile.
//
// Ordering ledger
//   last  : drop and judge, word CAS (release)  ->  judge, word load (acquire)
//           carries: the owners' use of the object, and that of whoever judged it before
//   place : atomic_shared, cell exchange and CAS (release)  ->  exchange (acquire), and load and look, guard.protect
//           carries: the object as it was made
// Relaxed used as: revalidated (a look at the word before its CAS), owner (an increment by who owns or protects)

#include <gantry/base/assert.hpp>
#include <gantry/reclaim/hazard.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace gantry::reclaim {

namespace detail {

// How many own an object, and what is known of it in the lists of garbage.
class count_word {
public:
    // By who owns the object.
    void add() noexcept {
        word_.fetch_add(one, std::memory_order_relaxed); // relaxed: owner
    }

    // By who protects the object, while doing so.
    void add_anew() noexcept {
        if (word_.fetch_add(one, std::memory_order_relaxed) < one) // relaxed: owner
            word_.fetch_or(again, std::memory_order_relaxed);      // relaxed: owner
    }

    // True: nobody owns the object, and it is the caller's to put it into a list of garbage. It is in one at most.
    [[nodiscard]] bool drop() noexcept {
        std::uint64_t seen = word_.load(std::memory_order_relaxed); // relaxed: revalidated
        std::uint64_t wanted = 0;
        do {
            GANTRY_DEBUG_ASSERT(seen >= one);
            wanted = seen - one;
            if (wanted == 0)
                wanted = listed;
        } while (!word_.compare_exchange_weak(seen, wanted, std::memory_order_release,
                                              std::memory_order_relaxed)); // order: last.w; relaxed: revalidated
        return wanted == listed && seen == one;
    }

    enum class fate : std::uint8_t { free, owned, later };

    // By who took it out of a list, since nobody protects it. As long as `again` is not set nobody has owned it since
    // it was put there, so nobody can have begun to protect it after the walk over those who do. Otherwise that walk
    // proves nothing about now: another one must follow, unless somebody owns it still.
    [[nodiscard]] fate judge() noexcept {
        // Who put the object into its list may have ended without looking through it, and so without acquiring.
        std::uint64_t seen = word_.load(std::memory_order_acquire); // order: last.r
        if (seen == listed)
            return fate::free;
        std::uint64_t wanted = 0;
        do {
            wanted = seen >= one ? seen & ~(listed | again) : listed;
        } while (!word_.compare_exchange_weak(seen, wanted, std::memory_order_release,
                                              std::memory_order_relaxed)); // order: last.w; relaxed: revalidated
        return wanted == listed ? fate::later : fate::owned;
    }

private:
    static constexpr std::uint64_t listed = 1; // in a list of garbage
    static constexpr std::uint64_t again = 2;  // has been owned again since it was put there
    static constexpr std::uint64_t one = 4;

    std::atomic<std::uint64_t> word_{one};
};

// garbage::free of what has a count.
template<class T, class Free>
bool free_if_unowned(void* object) {
    auto* const p = static_cast<T*>(object);
    switch (p->owners().judge()) {
    case count_word::fate::free:
        Free()(p);
        return true;
    case count_word::fate::owned:
        return true;
    case count_word::fate::later:
        break;
    }
    return false;
}

template<class T>
struct counted_block {
    template<class... Args>
    explicit counted_block(hazard_domain& in, Args&&... args) : home(in), value(std::forward<Args>(args)...) {}

    [[nodiscard]] count_word& owners() noexcept { return owners_; }

    void drop() noexcept {
        if (owners_.drop()) {
            hazard_section section(home);
            section.retire_by(this, free_if_unowned<counted_block, std::default_delete<counted_block>>,
                              sizeof(counted_block));
        }
    }

    hazard_domain& home;
    count_word owners_;
    T value;
};

} // namespace detail

template<class T>
class atomic_shared;
template<class T>
class snapshot;

// An owner of a T, or nothing.
template<class T>
class shared {
public:
    shared() noexcept = default;
    shared(std::nullptr_t) noexcept {}
    shared(const shared& other) noexcept : block_(other.block_) {
        if (block_ != nullptr)
            block_->owners().add();
    }
    shared(shared&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    shared& operator=(shared other) noexcept {
        swap(other);
        return *this;
    }
    ~shared() { reset(); }

    [[nodiscard]] T* get() const noexcept { return block_ == nullptr ? nullptr : &block_->value; }
    [[nodiscard]] T& operator*() const noexcept { return block_->value; }
    [[nodiscard]] T* operator->() const noexcept { return &block_->value; }
    [[nodiscard]] explicit operator bool() const noexcept { return block_ != nullptr; }
    [[nodiscard]] friend bool operator==(const shared&, const shared&) noexcept = default;

    void reset() noexcept {
        if (block_ != nullptr)
            std::exchange(block_, nullptr)->drop();
    }
    void swap(shared& other) noexcept { std::swap(block_, other.block_); }

private:
    template<class U, class... Args>
    friend shared<U> make_shared_in(hazard_domain& in, Args&&... args);
    friend class atomic_shared<T>;
    friend class snapshot<T>;

    explicit shared(detail::counted_block<T>* block) noexcept : block_(block) {}
    [[nodiscard]] detail::counted_block<T>* release() noexcept { return std::exchange(block_, nullptr); }

    detail::counted_block<T>* block_ = nullptr;
};

// A T made of the arguments, in a domain, or in the default one.
template<class T, class... Args>
[[nodiscard]] shared<T> make_shared_in(hazard_domain& in, Args&&... args) {
    return shared<T>(new detail::counted_block<T>(in, std::forward<Args>(args)...));
}
template<class T, class... Args>
[[nodiscard]] shared<T> make_shared(Args&&... args) {
    return make_shared_in<T>(hazard_domain::default_domain(), std::forward<Args>(args)...);
}

// A look at what a place held: not an owner, but the object stays while the snapshot stands.
template<class T>
class snapshot {
public:
    snapshot() noexcept = default;
    snapshot(snapshot&& other) noexcept
        : protection_(std::move(other.protection_)), block_(std::exchange(other.block_, nullptr)) {}
    snapshot& operator=(snapshot&& other) noexcept {
        protection_ = std::move(other.protection_);
        block_ = std::exchange(other.block_, nullptr);
        return *this;
    }
    ~snapshot() = default;

    [[nodiscard]] T* get() const noexcept { return block_ == nullptr ? nullptr : &block_->value; }
    [[nodiscard]] T& operator*() const noexcept { return block_->value; }
    [[nodiscard]] T* operator->() const noexcept { return &block_->value; }
    [[nodiscard]] explicit operator bool() const noexcept { return block_ != nullptr; }

    // An owner of what is looked at.
    [[nodiscard]] shared<T> share() const noexcept {
        if (block_ != nullptr)
            block_->owners().add_anew();
        return shared<T>(block_);
    }

private:
    friend class atomic_shared<T>;

    snapshot(hazard_pointer protection, detail::counted_block<T>* block) noexcept
        : protection_(std::move(protection)), block_(block) {}

    hazard_pointer protection_;
    detail::counted_block<T>* block_ = nullptr;
};

template<class T>
class atomic_shared {
public:
    using value_type = shared<T>;

    explicit atomic_shared(hazard_domain& in = hazard_domain::default_domain()) noexcept : home_(in) {}
    explicit atomic_shared(shared<T> first, hazard_domain& in = hazard_domain::default_domain()) noexcept
        : home_(in), cell_(accept(std::move(first))) {}
    atomic_shared(const atomic_shared&) = delete;
    atomic_shared& operator=(const atomic_shared&) = delete;
    ~atomic_shared() {
        static_cast<void>(shared<T>(cell_.load(std::memory_order_relaxed))); // relaxed: owner
    }

    [[nodiscard]] shared<T> load() const {
        hazard_section section(home_);
        hazard_guard guard(section);
        detail::counted_block<T>* const seen = guard.protect(cell_); // order: place.r
        if (seen != nullptr)
            seen->owners().add_anew();
        return shared<T>(seen);
    }
    [[nodiscard]] snapshot<T> look() const {
        hazard_pointer protection = make_hazard_pointer(home_);
        detail::counted_block<T>* const seen = protection.protect(cell_); // order: place.r
        return {std::move(protection), seen};
    }

    void store(shared<T> desired) noexcept { static_cast<void>(exchange(std::move(desired))); }
    [[nodiscard]] shared<T> exchange(shared<T> desired) noexcept {
        return shared<T>(cell_.exchange(accept(std::move(desired)), std::memory_order_acq_rel)); // order: place.rw
    }

    // If the place holds `expected` (the same object), it holds `desired` from then on. Otherwise `expected` becomes
    // what it holds, and `desired` keeps what it had.
    [[nodiscard]] bool compare_exchange(shared<T>& expected, shared<T>& desired) {
        for (;;) {
            detail::counted_block<T>* seen = expected.block_;
            if (replace(seen, desired))
                return true;
            shared<T> now = load();
            if (now == expected)
                continue; // it has come back
            expected = std::move(now);
            return false;
        }
    }
    // The same for an object that is looked at; `expected` stays what it is.
    [[nodiscard]] bool compare_exchange(const snapshot<T>& expected, shared<T>& desired) noexcept {
        return replace(expected.block_, desired);
    }

private:
    [[nodiscard]] detail::counted_block<T>* accept(shared<T> given) const noexcept {
        GANTRY_ASSERT(!given || &given.block_->home == &home_);
        return given.release();
    }
    [[nodiscard]] bool replace(detail::counted_block<T>* expected, shared<T>& desired) noexcept {
        GANTRY_ASSERT(!desired || &desired.block_->home == &home_);
        detail::counted_block<T>* const old = expected;
        // Whoever expects the object owns or protects it, and has acquired it then.
        // order: place.w; relaxed: revalidated
        if (!cell_.compare_exchange_strong(expected, desired.block_, std::memory_order_release,
                                           std::memory_order_relaxed))
            return false;
        static_cast<void>(desired.release());
        static_cast<void>(shared<T>(old));
        return true;
    }

    hazard_domain& home_;
    std::atomic<detail::counted_block<T>*> cell_{nullptr};
};

// A section of the counted scheme: retiring a node is giving up the structure's ownership of it.
class counted_section : public hazard_section {
public:
    using hazard_section::hazard_section;

    template<class T>
    void retire(T* object) noexcept {
        retire(object, std::default_delete<T>(), sizeof(T));
    }
    template<class T, class Free>
    requires std::is_empty_v<Free> && std::invocable<Free, T*>
    void retire(T* object, Free, std::size_t bytes) noexcept {
        if (object->owners().drop())
            retire_by(object, detail::free_if_unowned<T, Free>, bytes);
    }
};

struct counted {
    using domain = hazard_domain;
    using section = counted_section;
    using guard = hazard_guard;

    // Owned by the structure when it is made.
    template<class T>
    class object {
    public:
        object() noexcept = default;
        object(const object&) = delete;
        object& operator=(const object&) = delete;

        [[nodiscard]] detail::count_word& owners() noexcept { return owners_; }

    protected:
        ~object() = default;

    private:
        detail::count_word owners_;
    };

    [[nodiscard]] static domain& default_domain() noexcept { return hazard_domain::default_domain(); }
};

} // namespace gantry::reclaim

// SPDX-License-Identifier: MIT
#pragma once
//
// locked_core<T, Room>: a channel under a lock: for elements whose move may throw, and for limits that are not a number
// of elements.
//
// Use it when a step may have to be undone, or the room depends on the elements.
// Do not use it when moving T cannot throw and the limit is a number -> queue_core, which takes no lock.
//
// Room says what fits: count_room (so many elements, or any number), bytes_room (so many bytes), latest_room (one
// element, and the next replaces it).
//
// Threads: everything from any thread. Progress: attempts take a lock for one move. Ordering: FIFO; linearization
//   inside the lock. Cost: one uncontended lock an attempt, also of a batch (by bytes: for every 64 of its elements),
//   and a move an element. Failure: if moving T or an allocation throws, the channel is as it was before.
// Lifetime: as core_base. Origin: a monitor (Hoare 1974).

#include <gantry/channel/detail/core.hpp>
#include <gantry/channel/detail/element_queue.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace gantry::channel::detail {

template<class T>
class count_room {
public:
    static constexpr const char* name = "bounded";
    static constexpr bool counts_bytes = false;
    static constexpr bool replaces = false;

    explicit count_room(std::optional<std::size_t> capacity) noexcept : capacity_(capacity) {}

    [[nodiscard]] std::optional<std::size_t> slots() const noexcept { return capacity_; }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept { return capacity_; }
    [[nodiscard]] static std::size_t bytes_of(const T&) noexcept { return 0; }
    [[nodiscard]] static bool ever_fits(std::size_t) noexcept { return true; }
    [[nodiscard]] bool fits(std::size_t elements, std::size_t) const noexcept {
        return !capacity_ || elements < *capacity_;
    }
    [[nodiscard]] bool is_full(std::size_t elements) const noexcept { return !fits(elements, 0); }
    static void add(std::size_t) noexcept {}
    static void subtract(std::size_t) noexcept {}
    [[nodiscard]] static std::size_t used() noexcept { return 0; }

private:
    std::optional<std::size_t> capacity_;
};

template<class T>
class bytes_room {
public:
    static constexpr const char* name = "bounded_bytes";
    static constexpr bool counts_bytes = true;
    static constexpr bool replaces = false;

    bytes_room(std::size_t limit, std::function<std::size_t(const T&)> size_of)
        : limit_(limit), size_of_(std::move(size_of)) {}

    [[nodiscard]] static std::optional<std::size_t> slots() noexcept { return std::nullopt; }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept { return limit_; }
    // An element that claims to be nothing still takes one byte, or there could be any number of them.
    [[nodiscard]] std::size_t bytes_of(const T& value) const { return std::max<std::size_t>(size_of_(value), 1); }
    [[nodiscard]] bool ever_fits(std::size_t bytes) const noexcept { return bytes <= limit_; }
    [[nodiscard]] bool fits(std::size_t, std::size_t bytes) const noexcept { return bytes <= limit_ - used_; }
    [[nodiscard]] bool is_full(std::size_t) const noexcept { return used_ == limit_; }
    void add(std::size_t bytes) noexcept { used_ += bytes; }
    void subtract(std::size_t bytes) noexcept { used_ -= bytes; }
    [[nodiscard]] std::size_t used() const noexcept { return used_; }

private:
    const std::size_t limit_;
    const std::function<std::size_t(const T&)> size_of_;
    std::size_t used_ = 0;
};

template<class T>
class latest_room {
public:
    static constexpr const char* name = "latest";
    static constexpr bool counts_bytes = false;
    static constexpr bool replaces = true;

    [[nodiscard]] static std::optional<std::size_t> slots() noexcept { return 2; } // for a moment
    [[nodiscard]] static std::optional<std::size_t> capacity() noexcept { return 1; }
    [[nodiscard]] static std::size_t bytes_of(const T&) noexcept { return 0; }
    [[nodiscard]] static bool ever_fits(std::size_t) noexcept { return true; }
    [[nodiscard]] static bool fits(std::size_t, std::size_t) noexcept { return true; }
    [[nodiscard]] static bool is_full(std::size_t) noexcept { return false; }
    static void add(std::size_t) noexcept {}
    static void subtract(std::size_t) noexcept {}
    [[nodiscard]] static std::size_t used() noexcept { return 0; }
};

// An element with what it counted for when it was pushed: it may say something else later.
template<class T>
struct counted_element {
    T value;
    std::size_t bytes;
};

template<class T, class Room>
class locked_core final : public core<T> {
public:
    template<class... Args>
    explicit locked_core(Args&&... room) : room_(std::forward<Args>(room)...), elements_(room_.slots()) {}

    errc attempt_push(T& value) override {
        std::size_t pushed = 0;
        return attempt_push_range(std::span(&value, 1), pushed);
    }

    errc attempt_push_range(std::span<T> values, std::size_t& pushed) override {
        std::size_t count = 0;
        errc reason{};
        {
            const calling calls{*this, side::pop, count};
            std::array<std::size_t, Room::counts_bytes ? sizes_at_once : 1> sizes{};
            while (reason == errc{} && count != values.size()) {
                std::span<T> next = values.subspan(count);
                if constexpr (Room::counts_bytes) {
                    // The user's function is called outside the lock, and for no more than could go in at once.
                    std::size_t asked = 0;
                    for (std::size_t sum = 0; asked != std::min(next.size(), sizes_at_once) && room_.ever_fits(sum);
                         ++asked)
                        sum += sizes[asked] = room_.bytes_of(next[asked]);
                    next = next.first(asked);
                }
                const std::scoped_lock lock(mutex_);
                for (std::size_t i = 0; i != next.size(); ++i) {
                    const std::size_t bytes = Room::counts_bytes ? sizes[i] : 0;
                    reason = refusal(bytes);
                    if (reason != errc{})
                        break;
                    insert(next[i], bytes);
                    ++count;
                    ++pushed;
                }
            }
        }
        return count != 0 ? errc{} : reason;
    }

    errc attempt_pop(pop_result<T>& into) override {
        {
            const std::scoped_lock lock(mutex_);
            if (elements_.size() == 0)
                return closed_ ? this->end() : errc::empty;
            put_element(into, std::move(front()));
            drop_front();
        }
        this->call_one(side::push);
        return {};
    }

    errc attempt_pop_some(sink<T> out, std::size_t max, std::size_t& popped) override {
        std::size_t count = 0;
        const calling calls{*this, side::push, count};
        const std::scoped_lock lock(mutex_);
        if (elements_.size() == 0)
            return closed_ ? this->end() : errc::empty;
        while (count != max && elements_.size() != 0) {
            out = std::move(front());
            drop_front();
            ++count;
            ++popped;
        }
        return {};
    }

    [[nodiscard]] std::size_t bytes_of(const T& value) const override { return room_.bytes_of(value); }

    [[nodiscard]] bool is_ready(side on, const wait_entry* entry) noexcept override {
        const std::scoped_lock lock(mutex_);
        if (closed_)
            return true;
        if (on == side::pop)
            return elements_.size() != 0;
        return entry != nullptr ? room_.fits(elements_.size(), entry->bytes) : !room_.is_full(elements_.size());
    }
    [[nodiscard]] bool may_go(side on, const wait_entry& entry) noexcept override {
        return !Room::counts_bytes || on == side::pop || is_ready(on, &entry);
    }
    [[nodiscard]] bool is_closed() noexcept override {
        const std::scoped_lock lock(mutex_);
        return closed_;
    }
    [[nodiscard]] std::size_t size() noexcept override {
        const std::scoped_lock lock(mutex_);
        return elements_.size();
    }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override { return room_.capacity(); }
    [[nodiscard]] std::optional<std::size_t> bytes() noexcept override {
        const std::scoped_lock lock(mutex_);
        return Room::counts_bytes ? std::optional(room_.used()) : std::nullopt;
    }
    [[nodiscard]] const char* kind_name() const noexcept override { return Room::name; }

private:
    using held = std::conditional_t<Room::counts_bytes, counted_element<T>, T>;

    static constexpr std::size_t sizes_at_once = 64;

    // Calls the other side after the lock, also when something throws.
    struct calling {
        locked_core& self;
        side on;
        const std::size_t& count;
        ~calling() {
            if (count != 0)
                self.call_one(on);
        }
    };

    [[nodiscard]] T& front() noexcept {
        if constexpr (Room::counts_bytes)
            return elements_.front().value;
        else
            return elements_.front();
    }

    void insert(T& value, std::size_t bytes) {
        if constexpr (Room::counts_bytes)
            elements_.emplace_back(std::move(value), bytes);
        else
            elements_.emplace_back(std::move(value));
        room_.add(bytes);
        // What is replaced goes only when there is something to replace it.
        if (Room::replaces && elements_.size() == 2)
            drop_front();
    }

    [[nodiscard]] errc refusal(std::size_t bytes) const noexcept {
        if (closed_)
            return this->end();
        if (!room_.ever_fits(bytes))
            return errc::too_large;
        return room_.fits(elements_.size(), bytes) ? errc{} : errc::full;
    }

    void drop_front() noexcept {
        if constexpr (Room::counts_bytes)
            room_.subtract(elements_.front().bytes);
        elements_.pop_front();
    }

    void stop() noexcept override {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
    }
    void discard() noexcept override {
        mutex_.lock();
        const element_queue<held> rest(std::move(elements_));
        mutex_.unlock();
    }

    // Guarded by mutex_, but for what is constant in it.
    mutable std::mutex mutex_;
    Room room_;
    element_queue<held> elements_;
    bool closed_ = false;
};

} // namespace gantry::channel::detail

// SPDX-License-Identifier: MIT
#pragma once
//
// rendezvous_core<T>: the channel of capacity 0: a push ends when a pop has its element, and the other way round.
//
// Use it when both sides are to be at the same place at the same time: channel::rendezvous<T>().
// Do not use it when one of them may run ahead -> queue_core.
//
// Whoever comes second finds the first in its list, takes the waiter and hands the element over, under the lock. The
// first one watches its own state: for a moment awake, then asleep. Those who are awake are taken first, but nobody is
// passed over more often than tuning::rendezvous_passes times.
//
// Two that wait for several things at once and for each other: an attempt is made only while one is in no list, and who
// finds its partner while entering lists leaves them all, then attempts. See await() for why that ends.
//
// Threads: everything from any thread. Progress: attempts take a lock for one move. Ordering: what happened before a
//   push is seen after its pop, and what happened before the pop after the push. Linearization: of both operations, the
//   taking of the waiter.
// Cost: one uncontended lock, one compare-exchange and one exchange for each pair. Failure: if moving T throws, it
//   reaches the one that came second; the first goes on waiting, and the value stays where the failed move left it.
// Lifetime: as core_base. Origin: Hoare's CSP (1978); the taking of waiters as in waiting.hpp.

#include <gantry/base/tuning.hpp>
#include <gantry/channel/detail/core.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

namespace gantry::channel::detail {

template<class T>
class rendezvous_core final : public core<T> {
public:
    rendezvous_core() : core<T>(kind::other, true) {}

    errc attempt_push(T& value) override {
        return pair(side::pop, errc::full,
                    [&value](void* to) { put_element(*static_cast<pop_result<T>*>(to), std::move(value)); });
    }

    errc attempt_pop(pop_result<T>& into) override {
        if (pop_returned([&into](T&& element) { put_element(into, std::move(element)); }))
            return {};
        return pair(side::push, errc::empty,
                    [&into](void* from) { put_element(into, std::move(*static_cast<T*>(from))); });
    }

    errc attempt_push_range(std::span<T> values, std::size_t& pushed) override {
        std::size_t count = 0;
        errc reason{};
        while (count != values.size() && reason == errc{}) {
            reason = attempt_push(values[count]);
            if (reason == errc{}) {
                ++count;
                ++pushed;
            }
        }
        return count != 0 ? errc{} : reason;
    }

    errc attempt_pop_some(sink<T> out, std::size_t max, std::size_t& popped) override {
        std::size_t count = 0;
        errc reason{};
        while (count != max && reason == errc{}) {
            // Straight to the sink: if it throws, the push still has its element.
            if (pop_returned([&out](T&& element) { out = std::move(element); })) {
                ++count;
                ++popped;
                continue;
            }
            reason = pair(side::push, errc::empty, [&out](void* from) { out = std::move(*static_cast<T*>(from)); });
            if (reason == errc{}) {
                ++count;
                ++popped;
            }
        }
        return count != 0 ? errc{} : reason;
    }

    [[nodiscard]] bool is_ready(side on, const wait_entry* entry) noexcept override {
        const std::scoped_lock lock(mutex());
        return closed_ || has_partner(on, entry) || (on == side::pop && !returned_.empty());
    }

    bool enlist(side on, wait_entry& entry) noexcept override {
        const std::scoped_lock lock(mutex());
        if (closed_ || has_partner(on, &entry) || (on == side::pop && !returned_.empty()))
            return true;
        this->list(on).add(entry);
        if (entry.item != nullptr)
            tell_askers(other(on));
        return false;
    }
    void delist(side on, wait_entry& entry) noexcept override {
        const std::scoped_lock lock(mutex());
        this->list(on).remove(entry);
    }
    [[nodiscard]] bool can_spin() const noexcept override { return false; }

    [[nodiscard]] bool is_closed() noexcept override {
        const std::scoped_lock lock(mutex());
        return closed_;
    }
    // Those that were taken back.
    [[nodiscard]] std::size_t size() noexcept override {
        const std::scoped_lock lock(mutex());
        return returned_.size();
    }
    [[nodiscard]] std::optional<std::size_t> capacity() const noexcept override { return 0; }
    [[nodiscard]] const char* kind_name() const noexcept override { return "rendezvous"; }

    void make_room_for_return(std::list<pop_result<T>>& room) override {
        room.emplace_back(std::unexpect, errc::empty);
    }
    void take_back(std::list<pop_result<T>>& from) noexcept override {
        {
            const std::scoped_lock lock(mutex());
            returned_.splice(returned_.begin(), from);
        }
        this->call_one(side::pop);
    }

private:
    template<class Hand>
    [[nodiscard]] bool pop_returned(Hand hand) {
        const std::scoped_lock lock(mutex());
        if (returned_.empty())
            return false;
        hand(*std::move(returned_.front()));
        returned_.pop_front();
        return true;
    }

    // Takes one that waits on that side and hands over by `hand`, which gets its item.
    template<class Hand>
    errc pair(side with, errc nobody, Hand hand) {
        waiter* who = nullptr;
        std::uint32_t arm = 0;
        {
            const std::scoped_lock lock(mutex());
            if (closed_)
                return this->end();
            wait_list& list = this->list(with);
            wait_entry* entry = take_one(list);
            if (entry == nullptr)
                return nobody;
            who = entry->who;
            arm = entry->arm;
            try {
                hand(entry->item);
                entry->handed = true;
            } catch (...) {
                // It looks again, finds nothing, and waits on.
                who->finish(arm);
                throw;
            }
        }
        who->finish(arm);
        return {};
    }

    // Under the lock: out of the list, and its waiter had.
    [[nodiscard]] wait_entry* take_one(wait_list& list) noexcept {
        const bool oldest = passes_ >= tuning::rendezvous_passes;
        for (wait_entry* each = list.first(); each != nullptr && !oldest;) {
            wait_entry& entry = *std::exchange(each, each->after);
            if (entry.item != nullptr && entry.who->is_awake() && entry.who->take()) {
                passes_ = &entry == list.first() ? 0 : passes_ + 1;
                list.remove(entry);
                return &entry;
            }
        }
        for (wait_entry* each = list.first(); each != nullptr;) {
            wait_entry& entry = *std::exchange(each, each->after);
            if (entry.item == nullptr)
                continue;
            list.remove(entry); // who cannot be had is on its way out
            if (entry.who->take()) {
                passes_ = 0;
                return &entry;
            }
        }
        return nullptr;
    }

    [[nodiscard]] bool has_partner(side on, const wait_entry* entry) noexcept {
        for (const wait_entry* each = this->list(other(on)).first(); each != nullptr; each = each->after) {
            if (each->item != nullptr && (entry == nullptr || each->who != entry->who) && each->who->can_be_had())
                return true;
        }
        return false;
    }

    // Those who only ask whether there is somebody: now there is.
    void tell_askers(side on) noexcept {
        wait_list& list = this->list(on);
        for (wait_entry* each = list.first(); each != nullptr;) {
            wait_entry& entry = *std::exchange(each, each->after);
            if (entry.item != nullptr)
                continue;
            list.remove(entry);
            const std::uint32_t arm = entry.arm;
            if (entry.who->take())
                entry.who->finish(arm); // threads only: nobody else asks
        }
    }

    void stop() noexcept override {
        const std::scoped_lock lock(mutex());
        closed_ = true;
    }
    void discard() noexcept override {
        std::list<pop_result<T>> rest;
        const std::scoped_lock lock(mutex());
        rest.swap(returned_);
    }

    [[nodiscard]] std::mutex& mutex() noexcept { return this->lock_of(side::push); }

    // Guarded by mutex(), as both lists.
    std::uint32_t passes_ = 0; // how often the longest waiter was passed over
    bool closed_ = false;
    std::list<pop_result<T>> returned_; // the next to come out
};

} // namespace gantry::channel::detail

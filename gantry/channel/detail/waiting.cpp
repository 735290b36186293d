// SPDX-License-Identifier: MIT
#include <gantry/base/backoff.hpp>
#include <gantry/base/tuning.hpp>
#include <gantry/channel/detail/wait_record.hpp>
#include <gantry/channel/detail/waiting.hpp>

#include <algorithm>
#include <mutex>
#include <span>
#include <type_traits>
#include <utility>

namespace gantry::channel::detail {

bool waiter::take() noexcept {
    std::uint32_t seen = state_.load(std::memory_order_relaxed); // relaxed: revalidated
    while (seen <= asleep) {
        const std::uint32_t taken = seen == awake ? busy : busy_wake;
        // relaxed: under-lock: who waits and where was enlisted under the list's lock, which is held
        if (state_.compare_exchange_weak(seen, taken, std::memory_order_relaxed, std::memory_order_relaxed))
            return true;
    }
    return false;
}

void waiter::finish(std::uint32_t arm) noexcept {
    const told_function told = told_;
    const std::uint32_t before = state_.exchange(called + arm, std::memory_order_release); // order: called.w
    if (told != nullptr) {
        told(*this, arm);
    } else if (before == busy_wake) {
        wake_one(state_);
    }
}

std::uint32_t waiter::wait_finished(std::uint32_t seen) const noexcept {
    backoff pause;
    for (;;) {
        seen = state_.load(std::memory_order_acquire); // order: called.r
        if (seen >= called)
            return seen - called;
        pause.pause();
    }
}

std::optional<std::uint32_t> waiter::sleep(steady_deadline deadline, std::uint32_t looks) noexcept {
    for (; looks != 0; --looks) {
        const std::uint32_t seen = state_.load(std::memory_order_acquire); // order: called.r
        if (seen >= called)
            return seen - called;
        spin_pause();
    }
    std::uint32_t seen = awake;
    // relaxed: revalidated
    if (!state_.compare_exchange_strong(seen, asleep, std::memory_order_relaxed, std::memory_order_relaxed))
        return wait_finished(seen);
    for (;;) {
        const wait_result result = wait_on_until(state_, asleep, deadline);
        seen = state_.load(std::memory_order_acquire); // order: called.r
        if (seen >= called)
            return seen - called;
        if (seen == busy_wake)
            return wait_finished(seen);
        if (result == wait_result::timeout)
            return withdraw();
    }
}

std::optional<std::uint32_t> waiter::withdraw() noexcept {
    std::uint32_t seen = state_.load(std::memory_order_relaxed); // relaxed: revalidated
    while (seen <= asleep) {
        // relaxed: revalidated
        if (state_.compare_exchange_weak(seen, withdrawn, std::memory_order_relaxed, std::memory_order_relaxed))
            return std::nullopt;
    }
    return wait_finished(seen);
}

void waiter::reset() noexcept {
    state_.store(awake, std::memory_order_relaxed); // relaxed: pre-publish
}

void wait_list::add(wait_entry& entry) noexcept {
    entry.before = last_;
    entry.after = nullptr;
    (last_ != nullptr ? last_->after : first_) = &entry;
    last_ = &entry;
    entry.listed = true;
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); // relaxed: under-lock
}

void wait_list::remove(wait_entry& entry) noexcept {
    if (!entry.listed)
        return;
    (entry.before != nullptr ? entry.before->after : first_) = entry.after;
    (entry.after != nullptr ? entry.after->before : last_) = entry.before;
    entry.listed = false;
    count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed); // relaxed: under-lock
}

bool core_base::enlist(side on, wait_entry& entry) noexcept {
    const std::scoped_lock lock(lock_of(on));
    list(on).add(entry);
    return false;
}

void core_base::delist(side on, wait_entry& entry) noexcept {
    const std::scoped_lock lock(lock_of(on));
    list(on).remove(entry);
}

// Takes the first entry whose waiter can be had and who may go, and calls it. False: there is none.
bool core_base::call_first(side on, bool anybody) noexcept {
    wait_list& to = list(on);
    waiter* who = nullptr;
    std::uint32_t arm = 0;
    {
        const std::scoped_lock lock(lock_of(on));
        for (wait_entry* each = to.first(); each != nullptr && who == nullptr;) {
            wait_entry& entry = *std::exchange(each, each->after);
            if (!anybody && !may_go(on, entry))
                continue;
            to.remove(entry);
            // Announced before it is had: once it is, it may be done looking at any time.
            entry.announced = entry.who->is_thread();
            if (entry.announced)
                to.searching.fetch_add(1, std::memory_order_relaxed); // relaxed: revalidated
            if (entry.who->take()) {
                who = entry.who;
                arm = entry.arm;
            } else if (std::exchange(entry.announced, false)) {
                to.searching.fetch_sub(1, std::memory_order_relaxed); // relaxed: revalidated
            }
        }
    }
    if (who == nullptr)
        return false;
    who->finish(arm);
    return true;
}

void core_base::call_one_slow(side on) noexcept {
    wait_list& to = list(on);
    // To wake a thread costs more than to see for a moment if one that is awake takes what there is.
    if (to.searching.load(std::memory_order_relaxed) == 0 && spinning_helps()) { // relaxed: stale-ok
        for (std::uint32_t look = 0; look != tuning::channel_call_looks; ++look) {
            if (!is_ready(on, nullptr))
                return;
            spin_pause();
        }
    }
    // A read-modify-write, even if it adds nothing: either it sees that nobody searches, or who ends the search after
    // it sees what was changed before it.
    if (to.searching.fetch_add(0, std::memory_order_release) == 0) // order: search.w
        static_cast<void>(call_first(on, false));
}

void core_base::call_all(side on) noexcept {
    asymmetric_fence_light();
    while (list(on).has_any() && call_first(on, true)) {
    }
}

void core_base::end_search(side on) noexcept {
    list(on).searching.fetch_sub(1, std::memory_order_acquire); // order: search.r
    if (list(on).has_any() && is_ready(on, nullptr))
        call_one_slow(on);
}

void core_base::close(errc reason) noexcept {
    errc none{};
    // relaxed: pre-publish
    end_.compare_exchange_strong(none, reason, std::memory_order_relaxed, std::memory_order_relaxed);
    stop();
    call_all(side::push);
    call_all(side::pop);
}

bool core_base::try_add_sender() noexcept {
    std::size_t seen = senders_.load(std::memory_order_relaxed); // relaxed: revalidated
    while (seen != 0) {
        // relaxed: owner (the caller holds the channel)
        if (senders_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed, std::memory_order_relaxed))
            return true;
    }
    return false;
}

void core_base::drop_sender() noexcept {
    if (senders_.fetch_sub(1, std::memory_order_acq_rel) == 1) { // order: handle.rw
        close(errc::disconnected);
        leave();
    }
}

void core_base::drop_receiver() noexcept {
    if (receivers_.fetch_sub(1, std::memory_order_acq_rel) == 1) { // order: handle.rw
        close(errc::disconnected);
        discard();
        leave();
    }
}

void core_base::leave() noexcept {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) // order: side.rw
        delete this;
}

searches_end::~searches_end() {
    for (wait_arm& arm : arms) {
        if (std::exchange(arm.entry.announced, false))
            arm.core->end_search(arm.on);
    }
}

awaited await(std::span<wait_arm> arms, steady_deadline deadline) noexcept {
    waiter self;
    awaited result;
    bool ready = false;
    bool unfenced = false;
    bool spins = false;
    wait_arm* announced = nullptr; // at most one is: the one that was called last
    std::size_t listed = 0;
    for (wait_arm& arm : arms) {
        if (std::exchange(arm.entry.announced, false))
            announced = &arm;
    }
    while (listed != arms.size() && !ready) {
        wait_arm& arm = arms[listed];
        arm.entry.who = &self;
        arm.entry.handed = false;
        ready = arm.core->enlist(arm.on, arm.entry);
        unfenced = unfenced || arm.core->can_spin();
        spins = spins || !arm.core->can_spin();
        ++listed;
    }
    if (unfenced && !ready)
        asymmetric_fence_heavy();
    // Not before the entry is in the list, and before the look: a change that was not told because this thread was
    // looking is seen by this look.
    if (announced != nullptr)
        announced->core->end_search(announced->on);
    steady_deadline until = deadline;
    for (std::size_t i = 0; i != listed && !ready; ++i) {
        ready = arms[i].core->is_ready(arms[i].on, &arms[i].entry);
        until = std::min(until, arms[i].core->ready_at(arms[i].on));
    }
    if (ready) {
        result.called = self.withdraw();
    } else {
        [[maybe_unused]] const std::conditional_t<waits_are_recorded, wait_record, std::span<const wait_arm>> recorded(
            arms);
        result.called = self.sleep(until, spins ? spin_looks(arms[0].core->list(arms[0].on)) : 0);
        result.late = !result.called && until == deadline;
        if (spins)
            spin_learn(arms[0].core->list(arms[0].on), result.called.has_value());
    }
    // Who was called was taken out of that list, and of no other.
    if (!result.called || listed != 1) {
        for (wait_arm& arm : arms.first(listed))
            arm.core->delist(arm.on, arm.entry);
    }
    return result;
}

std::uint32_t spin_looks(wait_list& of) noexcept {
    if (!spinning_helps())
        return 0;
    if constexpr (tuning::channel_spin_learns) {
        const std::uint32_t lately = of.spin_credit.load(std::memory_order_relaxed); // relaxed: stale-ok
        // Counts up while it is of no use; tried again now and then.
        if (lately >= tuning::channel_spin_misses && lately % tuning::channel_spin_trial != 0) {
            of.spin_credit.store(lately + 1, std::memory_order_relaxed); // relaxed: stale-ok
            return 0;
        }
    }
    return tuning::channel_spin_looks;
}

void spin_learn(wait_list& of, bool good) noexcept {
    if constexpr (tuning::channel_spin_learns) {
        const std::uint32_t lately = of.spin_credit.load(std::memory_order_relaxed); // relaxed: stale-ok
        const std::uint32_t next = good ? 0 : lately + 1;
        if (next != lately)
            of.spin_credit.store(next, std::memory_order_relaxed); // relaxed: stale-ok
    }
}

} // namespace gantry::channel::detail

// SPDX-License-Identifier: MIT
#include <gantry/base/assert.hpp>
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/channel/detail/async_operation.hpp>

#include <algorithm>
#include <functional>

namespace gantry::channel {
namespace detail {

class async_ticket final : public waiter {
public:
    async_ticket(async_operation& of, std::coroutine_handle<> continuation)
        : waiter(&async_ticket::told), operation_(&of), continuation_(continuation), executor_(of.executor_),
          post_(of.post_), arms_(of.arms_.size()) {
        for (std::size_t i = 0; i != arms_.size(); ++i) {
            arms_[i].core = of.arms_[i]->core;
            arms_[i].on = of.arms_[i]->on;
            arms_[i].entry.arm = static_cast<std::uint32_t>(i);
            of.arms_[i]->describe(arms_[i].entry);
            of.arms_[i]->prepare_return();
            // Nobody would wake it: there is no timer behind a channel of time.
            GANTRY_ASSERT(arms_[i].core->ready_at(arms_[i].on) == no_deadline);
        }
        std::ranges::sort(arms_, std::ranges::less(), [](const wait_arm& each) { return each.core; });
    }
    async_ticket(const async_ticket&) = delete;
    async_ticket& operator=(const async_ticket&) = delete;

    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); } // relaxed: owner
    void release() noexcept {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) // order: ticket.rw
            delete this;
    }

    // Enters all lists, looks once more. True: it waits, and may have been resumed and be gone from the operation by
    // now. False: the operation is done.
    [[nodiscard]] bool wait(async_operation& of) {
        // While it waits the coroutine may go on elsewhere and end with its channels.
        struct keeping {
            async_ticket& self;
            explicit keeping(async_ticket& of) noexcept : self(of) {
                self.retain();
                for (const wait_arm& arm : self.arms_)
                    arm.core->add_weak();
            }
            keeping(const keeping&) = delete;
            keeping& operator=(const keeping&) = delete;
            ~keeping() {
                for (const wait_arm& arm : self.arms_)
                    arm.core->drop_weak();
                self.release();
            }
        } const keeps(*this);
        return enter(of);
    }

    // On the executor: the reference of the call comes along.
    void resume() {
        async_operation* const of = operation_;
        if (of == nullptr)
            return;
        leave_lists();
        const std::size_t arm = called_;
        const bool handed = entry_of(arm).handed;
        try {
            if (handed) {
                of->arms_[arm]->handed();
                of->done_ = arm;
            } else if (of->arms_[arm]->attempt()) {
                of->done_ = arm;
            } else if (!of->attempt(of->arms_, of->by_) && wait(*of)) {
                return;
            }
        } catch (...) {
            of->failure_ = std::current_exception();
        }
        continuation_.resume();
    }

    // The operation ends while it waits, or while its resumption has not run.
    void abandon(async_operation& of) noexcept {
        operation_ = nullptr;
        if (const auto arm = withdraw()) {
            // What it was called for is for somebody else.
            const wait_arm& told_for =
                *std::ranges::find(arms_, *arm, [](const wait_arm& each) { return each.entry.arm; });
            leave_lists();
            if (told_for.entry.handed)
                of.arms_[*arm]->give_back();
            else if (told_for.core->is_ready(told_for.on, nullptr))
                told_for.core->call_one(told_for.on);
        } else {
            leave_lists();
            release(); // of the call that does not come
        }
    }

private:
    static void told(waiter& who, std::uint32_t arm) noexcept {
        auto& self = static_cast<async_ticket&>(who);
        self.called_ = arm;
        self.arrive();
    }

    // Called, and in all lists: what comes second posts, or the resumption would leave lists that are still entered.
    void arrive() noexcept {
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) == 1) // order: entered.rw
            post_(executor_, resumption(this));
    }

    [[nodiscard]] wait_entry& entry_of(std::size_t arm) noexcept {
        return std::ranges::find(arms_, arm, [](const wait_arm& each) { return each.entry.arm; })->entry;
    }

    [[nodiscard]] bool enter(async_operation& of) {
        for (;;) {
            reset();
            arrived_.store(0, std::memory_order_relaxed); // relaxed: pre-publish
            retain();                                     // for the call
            bool ready = false;
            bool unfenced = false;
            for (wait_arm& arm : arms_) {
                arm.entry.who = this;
                arm.entry.handed = false;
                ready = ready || arm.core->enlist(arm.on, arm.entry);
                unfenced = unfenced || arm.core->can_spin();
            }
            if (unfenced && !ready)
                asymmetric_fence_heavy();
            for (const wait_arm& arm : arms_)
                ready = ready || arm.core->is_ready(arm.on, &arm.entry);
            if (!ready || withdraw()) {
                arrive();
                return true; // its resumption comes, or has come
            }
            leave_lists();
            release();
            if (of.attempt(of.arms_, of.by_))
                return false;
        }
    }

    void leave_lists() noexcept {
        for (wait_arm& arm : arms_)
            arm.core->delist(arm.on, arm.entry);
    }

    std::atomic<std::uint32_t> references_{1};
    async_operation* operation_;
    const std::coroutine_handle<> continuation_;
    void* const executor_;
    const async_operation::post_function post_;
    std::uint32_t called_ = 0;
    std::atomic<std::uint32_t> arrived_{0};
    std::vector<wait_arm> arms_;
};

async_operation::~async_operation() {
    if (ticket_ == nullptr)
        return;
    if (!done_ && failure_ == nullptr)
        ticket_->abandon(*this);
    ticket_->release();
}

bool async_operation::attempt(std::span<select_arm* const> arms, order by) {
    arms_ = arms;
    by_ = by;
    done_ = select_now(arms, by);
    return done_.has_value();
}

bool async_operation::suspend(std::coroutine_handle<> continuation) {
    ticket_ = new async_ticket(*this, continuation);
    try {
        return ticket_->wait(*this);
    } catch (...) {
        failure_ = std::current_exception();
        return false;
    }
}

std::size_t async_operation::done() {
    if (failure_ != nullptr)
        std::rethrow_exception(failure_);
    return *done_;
}

} // namespace detail

resumption::~resumption() {
    if (ticket_ != nullptr)
        ticket_->release();
}

void resumption::operator()() {
    detail::async_ticket* const ticket = std::exchange(ticket_, nullptr);
    ticket->resume();
    ticket->release();
}

} // namespace gantry::channel

// SPDX-License-Identifier: MIT
#pragma once
//
// guarded<T, Mutex, Poisoning>: a value inside its lock: there is no way to it but through the lock.
//
// Use it when data has one lock: nobody can forget to take it, with any compiler.
// Do not use it when several fields share a lock with other objects -> sync/thread_safety.hpp; when the value is a
// single word -> std::atomic.
//
//     gantry::sync::guarded<std::vector<int>> list;
//     list.with([](std::vector<int>& l) { l.push_back(1); });
//     list.lock()->push_back(2);
//
// With `poison_on_throw` a value whose user threw while it could change it is poisoned: its invariants may be broken.
// From then on every way to it reports guarded_errc::poisoned instead, until clear_poison(), which hands it out for
// repair. Without, results are the plain ones and an exception just passes.
//
// Threads: every member from any thread; a handle belongs to the thread that got it. Progress: that of Mutex.
// Ordering: that of Mutex. Cost: that of Mutex, and a flag with poisoning. Nothing allocates.
// Failure: an exception of the user's function reaches the caller with the lock released. try_* report `busy`.
//   poisoning off: with() returns what the function returns, lock() a handle; try_* a std::expected.
//   poisoning on: all return a std::expected. Reading under a shared lock cannot poison.
// Lifetime: the value lives as long as this. References that the function lets out escape the lock: do not.
// Origin: Rust's Mutex<T> and its poisoning; folly::Synchronized; P0290.

#include <gantry/sync/mutex.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <type_traits>
#include <utility>

namespace gantry::sync {

enum class guarded_errc : std::uint8_t {
    busy,     // somebody else had the lock, all the time
    poisoned, // an earlier user threw while it could change the value
};

struct no_poisoning {
    static constexpr bool poisons = false;
};
struct poison_on_throw {
    static constexpr bool poisons = true;
};

template<class Mutex>
concept shared_lockable = requires(Mutex& mutex) {
    mutex.lock_shared();
    mutex.try_lock_shared();
    mutex.unlock_shared();
};

template<class T, class Mutex = mutex, class Poisoning = no_poisoning>
class guarded {
    template<class Value, bool Shared>
    class basic_handle;

public:
    using value_type = T;
    using mutex_type = Mutex;

    // Has the lock while it lives; * and -> lead to the value.
    using handle = basic_handle<T, false>;
    using shared_handle = basic_handle<const T, true>;

    // What F returns, if it may be called; with poisoning, or for an attempt: or why it was not.
    template<class F, class Value>
    using attempt_of = std::expected<std::invoke_result_t<F, Value&>, guarded_errc>;
    template<class F, class Value>
    using result_of = std::conditional_t<Poisoning::poisons, attempt_of<F, Value>, std::invoke_result_t<F, Value&>>;
    using handle_result = std::conditional_t<Poisoning::poisons, std::expected<handle, guarded_errc>, handle>;
    using shared_handle_result =
        std::conditional_t<Poisoning::poisons, std::expected<shared_handle, guarded_errc>, shared_handle>;

    constexpr guarded() = default;
    template<class... Args>
    constexpr explicit guarded(std::in_place_t /*unused*/, Args&&... args) : value_(std::forward<Args>(args)...) {}
    constexpr explicit guarded(T value) : value_(std::move(value)) {}
    guarded(const guarded&) = delete;
    guarded& operator=(const guarded&) = delete;
    ~guarded() = default;

    // Calls f(value) under the lock.
    template<class F>
    result_of<F, T> with(F&& f) {
        handle held(*this);
        if constexpr (Poisoning::poisons) {
            if (poisoned_)
                return std::unexpected(guarded_errc::poisoned);
        }
        return call<result_of<F, T>>(std::forward<F>(f), *held);
    }
    // The same if the lock is free at once, or within some time.
    template<class F>
    [[nodiscard]] attempt_of<F, T> try_with(F&& f) {
        return apply<attempt_of<F, T>>(try_lock(), std::forward<F>(f));
    }
    template<class Rep, class Period, class F>
    [[nodiscard]] attempt_of<F, T> with_for(std::chrono::duration<Rep, Period> duration, F&& f) {
        return apply<attempt_of<F, T>>(lock_for(duration), std::forward<F>(f));
    }
    template<class Clock, class Duration, class F>
    [[nodiscard]] attempt_of<F, T> with_until(std::chrono::time_point<Clock, Duration> time, F&& f) {
        return apply<attempt_of<F, T>>(lock_until(time), std::forward<F>(f));
    }

    [[nodiscard]] handle_result lock() {
        if constexpr (Poisoning::poisons) {
            handle held(*this);
            if (poisoned_)
                return std::unexpected(guarded_errc::poisoned);
            return held;
        } else {
            return handle(*this);
        }
    }
    [[nodiscard]] std::expected<handle, guarded_errc> try_lock() { return adopt<handle>(mutex_.try_lock()); }
    template<class Rep, class Period>
    [[nodiscard]] std::expected<handle, guarded_errc> lock_for(std::chrono::duration<Rep, Period> duration) {
        return adopt<handle>(mutex_.try_lock_for(duration));
    }
    template<class Clock, class Duration>
    [[nodiscard]] std::expected<handle, guarded_errc> lock_until(std::chrono::time_point<Clock, Duration> time) {
        return adopt<handle>(mutex_.try_lock_until(time));
    }

    // Together with other readers.
    template<class F>
    requires shared_lockable<Mutex>
    result_of<F, const T> with_shared(F&& f) {
        shared_handle held(*this);
        if constexpr (Poisoning::poisons) {
            if (poisoned_)
                return std::unexpected(guarded_errc::poisoned);
        }
        return call<result_of<F, const T>>(std::forward<F>(f), *held);
    }
    template<class F>
    requires shared_lockable<Mutex>
    [[nodiscard]] attempt_of<F, const T> try_with_shared(F&& f) {
        return apply<attempt_of<F, const T>>(try_lock_shared(), std::forward<F>(f));
    }
    [[nodiscard]] shared_handle_result lock_shared()
    requires shared_lockable<Mutex>
    {
        if constexpr (Poisoning::poisons) {
            shared_handle held(*this);
            if (poisoned_)
                return std::unexpected(guarded_errc::poisoned);
            return held;
        } else {
            return shared_handle(*this);
        }
    }
    [[nodiscard]] std::expected<shared_handle, guarded_errc> try_lock_shared()
    requires shared_lockable<Mutex>
    {
        return adopt<shared_handle>(mutex_.try_lock_shared());
    }

    // Hands out the value, whatever became of it, and takes it for sound from now on.
    [[nodiscard]] handle clear_poison()
    requires Poisoning::poisons
    {
        handle held(*this);
        poisoned_ = false;
        return held;
    }

private:
    template<class Handle>
    [[nodiscard]] std::expected<Handle, guarded_errc> adopt(bool locked) {
        if (!locked)
            return std::unexpected(guarded_errc::busy);
        Handle held(*this, std::adopt_lock);
        if constexpr (Poisoning::poisons) {
            if (poisoned_)
                return std::unexpected(guarded_errc::poisoned);
        }
        return held;
    }
    template<class Result, class Handle, class F>
    [[nodiscard]] static Result apply(std::expected<Handle, guarded_errc> held, F&& f) {
        if (!held)
            return std::unexpected(held.error());
        return call<Result>(std::forward<F>(f), **held);
    }

    // What f returns, as it is or in an expected.
    template<class Result, class F, class Value>
    [[nodiscard]] static Result call(F&& f, Value& value) {
        if constexpr (std::is_void_v<std::invoke_result_t<F, Value&>>) {
            std::invoke(std::forward<F>(f), value);
            return Result();
        } else {
            return std::invoke(std::forward<F>(f), value);
        }
    }

    struct nothing {};

    Mutex mutex_;
    // Guarded by mutex_.
    [[no_unique_address]] std::conditional_t<Poisoning::poisons, bool, nothing> poisoned_{};
    T value_{};
};

template<class T, class Mutex, class Poisoning>
template<class Value, bool Shared>
class [[nodiscard]] guarded<T, Mutex, Poisoning>::basic_handle {
public:
    basic_handle(basic_handle&& other) noexcept
        : of_(std::exchange(other.of_, nullptr)), exceptions_(other.exceptions_) {}
    basic_handle& operator=(basic_handle&&) = delete;
    ~basic_handle() {
        if (of_ == nullptr)
            return;
        if constexpr (Shared) {
            of_->mutex_.unlock_shared();
        } else {
            // Destroyed by an exception that was thrown since it was made.
            if constexpr (Poisoning::poisons) {
                if (std::uncaught_exceptions() > exceptions_)
                    of_->poisoned_ = true;
            }
            of_->mutex_.unlock();
        }
    }

    [[nodiscard]] Value& operator*() const noexcept { return of_->value_; }
    [[nodiscard]] Value* operator->() const noexcept { return &of_->value_; }

private:
    friend guarded;

    explicit basic_handle(guarded& of) : of_(&of) {
        if constexpr (Shared)
            of.mutex_.lock_shared();
        else
            of.mutex_.lock();
    }
    basic_handle(guarded& of, std::adopt_lock_t /*unused*/) noexcept : of_(&of) {}

    guarded* of_;
    int exceptions_ = std::uncaught_exceptions();
};

} // namespace gantry::sync

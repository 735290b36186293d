// SPDX-License-Identifier: MIT
#include <gantry/sync/guarded.hpp>
#include <gantry/sync/mutex.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace gantry::sync;
using namespace std::chrono_literals;

// The sample of the header.
TEST(guarded, sample) {
    gantry::sync::guarded<std::vector<int>> list;
    list.with([](std::vector<int>& l) { l.push_back(1); });
    list.lock()->push_back(2);
    EXPECT_EQ(list.lock()->size(), 2);
}

static_assert(!std::is_copy_constructible_v<guarded<int>>);
static_assert(!std::is_copy_constructible_v<guarded<int>::handle>);
static_assert(sizeof(guarded<int>) == 8, "a lock and the value");
static_assert(std::is_same_v<decltype(std::declval<guarded<int>&>().with([](int&) { return 1L; })), long>);

// Values that cannot be moved or have no default; functions that take the value in any way and return anything.
TEST(guarded, values) {
    struct rigid {
        explicit rigid(int n) : value(n) {}
        rigid(const rigid&) = delete;
        rigid& operator=(const rigid&) = delete;
        ~rigid() = default;
        int value;
    };
    guarded<rigid> r(std::in_place, 3);
    EXPECT_EQ(r.with(&rigid::value), 3);
    guarded<std::unique_ptr<int>> p(std::make_unique<int>(4));
    const std::unique_ptr<int> out = p.with([](std::unique_ptr<int>& held) { return std::move(held); });
    EXPECT_EQ(*out, 4);
    EXPECT_EQ(p.lock()->get(), nullptr);
    struct alignas(256) wide {
        int value = 5;
    };
    guarded<wide> w;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&*w.lock()) % 256, 0U);
}

// A handle keeps the lock until it is gone, also when it is moved.
TEST(guarded, handles) {
    guarded<std::string> text(std::string("a"));
    {
        auto first = text.lock();
        auto second = std::move(first);
        second->append("b");
        std::jthread([&] { EXPECT_EQ(text.lock_for(1ms).error(), guarded_errc::busy); }).join();
    }
    EXPECT_EQ(*text.lock(), "ab");
    EXPECT_EQ(text.with_for(1h, [](const std::string& t) { return t.size(); }).value(), 2U);
    EXPECT_TRUE(text.with_until(std::chrono::steady_clock::now() + 1h, [](std::string& t) { t.clear(); }).has_value());
    auto held = text.lock_until(std::chrono::system_clock::now() + 1h);
    ASSERT_TRUE(held);
    std::jthread([&] {
        EXPECT_EQ(text.with_for(1ms, [](std::string&) {}).error(), guarded_errc::busy);
        EXPECT_EQ(text.with_until(std::chrono::steady_clock::now(), [](std::string&) {}).error(), guarded_errc::busy);
    }).join();
}

// Readers share, with any SharedLockable.
TEST(guarded, shared) {
    guarded<int, std::shared_timed_mutex> value(1);
    const auto reader = value.lock_shared();
    static_assert(std::is_const_v<std::remove_reference_t<decltype(*reader)>>);
    std::jthread([&] {
        EXPECT_EQ(value.with_shared([](const int& v) { return v; }), 1);
        EXPECT_EQ(value.try_with_shared([](const int& v) { return v; }).value(), 1);
        EXPECT_EQ(value.try_with([](int&) {}).error(), guarded_errc::busy);
        EXPECT_TRUE(value.try_lock_shared().has_value());
    }).join();
}

// Without poisoning an exception passes, and the lock is free.
TEST(guarded, exceptions_pass) {
    guarded<int> value(1);
    EXPECT_THROW(value.with([](int& v) {
        v = 2;
        throw std::runtime_error("x");
    }),
                 std::runtime_error);
    EXPECT_EQ(value.with([](int& v) { return v; }), 2);
}

using poisoned_int = guarded<int, std::shared_timed_mutex, poison_on_throw>;

// With poisoning every way in reports it, until somebody repairs.
TEST(guarded, poisoning) {
    poisoned_int value(1);
    EXPECT_EQ(value.with([](int& v) { return v; }).value(), 1);
    EXPECT_TRUE(value.with([](int& v) { v = 2; }).has_value());
    EXPECT_THROW(static_cast<void>(value.with([](int& v) {
                     v = 3;
                     throw std::runtime_error("x");
                 })),
                 std::runtime_error);
    EXPECT_EQ(value.with([](int& v) { return v; }).error(), guarded_errc::poisoned);
    EXPECT_EQ(value.lock().error(), guarded_errc::poisoned);
    EXPECT_EQ(value.try_lock().error(), guarded_errc::poisoned);
    EXPECT_EQ(value.lock_for(1ms).error(), guarded_errc::poisoned);
    EXPECT_EQ(value.try_with([](int& v) { return v; }).error(), guarded_errc::poisoned);
    EXPECT_EQ(value.with_shared([](const int& v) { return v; }).error(), guarded_errc::poisoned);
    EXPECT_EQ(value.try_with_shared([](const int& v) { return v; }).error(), guarded_errc::poisoned);
    EXPECT_EQ(value.lock_shared().error(), guarded_errc::poisoned);
    EXPECT_EQ(value.try_lock_shared().error(), guarded_errc::poisoned);
    *value.clear_poison() = 4;
    EXPECT_EQ(value.with([](int& v) { return v; }).value(), 4);
}

// A handle that an exception destroys poisons; one that lives through an exception elsewhere does not, nor a reader.
TEST(guarded, what_poisons) {
    poisoned_int value(1);
    try {
        auto held = value.lock();
        **held = 2;
        throw std::runtime_error("x");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(value.lock().error(), guarded_errc::poisoned);
    static_cast<void>(value.clear_poison());

    EXPECT_THROW(static_cast<void>(value.with_shared([](const int&) { throw std::runtime_error("x"); })),
                 std::runtime_error);
    EXPECT_TRUE(value.lock().has_value());

    // Used while an exception is on its way: what is done there in order does not poison.
    struct at_exit {
        poisoned_int& v;
        explicit at_exit(poisoned_int& of) : v(of) {}
        at_exit(const at_exit&) = delete;
        at_exit& operator=(const at_exit&) = delete;
        ~at_exit() {
            EXPECT_TRUE(v.with([](int& i) { i = 9; }).has_value());
        }
    };
    try {
        const at_exit later(value);
        throw std::runtime_error("x");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(value.with([](int& v) { return v; }).value(), 9);
}

} // namespace

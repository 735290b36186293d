// SPDX-License-Identifier: MIT
// Each misuse is reported, in one message that names the functions on both stacks; right use never is. The checked
// locks are tested in every build.
#include <gantry/base/assert.hpp>
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/detail/lockable.hpp>
#include <gantry/sync/detail/stack_names.hpp>
#include <gantry/sync/mcs_mutex.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/spin_mutex.hpp>
#include <gantry/sync/ticket_mutex.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace gantry::sync;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct reported : std::runtime_error {
    using runtime_error::runtime_error;
};

class reports_throw {
public:
    reports_throw()
        : before_(gantry::set_assert_handler([](const gantry::assertion& a) { throw reported(a.expression); })) {}
    reports_throw(const reports_throw&) = delete;
    reports_throw& operator=(const reports_throw&) = delete;
    ~reports_throw() { gantry::set_assert_handler(before_); }

private:
    gantry::assert_handler before_;
};

// What f is reported for, or nothing.
template<class F>
std::string report_of(F f) {
    const reports_throw handler;
    try {
        f();
    } catch (const reported& report) {
        return report.what();
    }
    return "";
}

// Functions whose names must be in the reports.
template<class Mutex>
[[gnu::noinline]] void locks_it_first(Mutex& m) {
    m.lock();
    asm("# first"); // no tail call, and no other function with the same code
}
template<class Mutex>
[[gnu::noinline]] void locks_it_again(Mutex& m) {
    m.lock();
    asm("# again");
}
template<class Mutex>
[[gnu::noinline]] void unlocks_it(Mutex& m) {
    m.unlock();
    asm("");
}
template<class Mutex>
[[gnu::noinline]] void takes_one_then_other(Mutex& one, Mutex& other) {
    const std::lock_guard first(one);
    locks_it_again(other);
    other.unlock();
}
template<class Mutex>
[[gnu::noinline]] void takes_them_the_other_way(Mutex& one, Mutex& other) {
    const std::lock_guard first(other);
    locks_it_again(one);
    one.unlock();
}

template<class Mutex>
class lock_checks : public testing::Test {};
using checked =
    testing::Types<detail::lockable<detail::mutex_core, true>, detail::lockable<detail::spin_mutex_core, true>,
                   detail::lockable<detail::ticket_mutex_core, true>, detail::lockable<detail::mcs_mutex_core, true>>;
TYPED_TEST_SUITE(lock_checks, checked);

TYPED_TEST(lock_checks, recursion) {
    TypeParam m;
    locks_it_first(m);
    EXPECT_THAT(report_of([&] { locks_it_again(m); }), AllOf(HasSubstr("recursive locking of "), HasSubstr("mutex 0x"),
                                                             HasSubstr("locks_it_first"), HasSubstr("locks_it_again")));
    EXPECT_FALSE(m.try_lock()); // an attempt waits for nobody: it fails, as for anybody else
    m.unlock();
    EXPECT_EQ(report_of([&] { locks_it_again(m); }), "");
    m.unlock();
}

TYPED_TEST(lock_checks, unlocking_what_is_not_locked) {
    TypeParam m;
    EXPECT_THAT(report_of([&] { unlocks_it(m); }), AllOf(HasSubstr("not locked"), HasSubstr("unlocks_it")));
    m.lock();
    m.unlock();
    EXPECT_THAT(report_of([&] { unlocks_it(m); }), HasSubstr("not locked"));
    EXPECT_TRUE(m.try_lock()); // the lock is unharmed
    m.unlock();
}

TYPED_TEST(lock_checks, unlocking_from_another_thread) {
    TypeParam m;
    locks_it_first(m);
    std::string report;
    std::jthread([&] { report = report_of([&] { unlocks_it(m); }); }).join();
    EXPECT_THAT(report,
                AllOf(HasSubstr("another thread has locked"), HasSubstr("locks_it_first"), HasSubstr("unlocks_it")));
    EXPECT_FALSE(m.try_lock());
    m.unlock();
}

TYPED_TEST(lock_checks, two_locks_both_ways) {
    TypeParam one;
    TypeParam other;
    takes_one_then_other(one, other);
    EXPECT_THAT(report_of([&] { takes_them_the_other_way(one, other); }),
                AllOf(HasSubstr("orders that contradict"), HasSubstr("(2 locks)"), HasSubstr("takes_one_then_other"),
                      HasSubstr("takes_them_the_other_way")));
    EXPECT_TRUE(one.try_lock());
    EXPECT_TRUE(other.try_lock());
    one.unlock();
    other.unlock();
    // By different threads, too.
    std::string report;
    std::jthread([&] { report = report_of([&] { takes_them_the_other_way(one, other); }); }).join();
    EXPECT_THAT(report, HasSubstr("orders that contradict"));
}

TYPED_TEST(lock_checks, three_locks_in_a_circle) {
    std::array<TypeParam, 4> m;
    takes_one_then_other(m[0], m[1]);
    takes_one_then_other(m[1], m[2]);
    takes_one_then_other(m[2], m[3]);
    takes_one_then_other(m[0], m[2]);
    EXPECT_THAT(
        report_of([&] { takes_them_the_other_way(m[1], m[3]); }),
        AllOf(HasSubstr("(3 locks)"), HasSubstr("takes_one_then_other"), HasSubstr("takes_them_the_other_way")));
}

// What was learned of a lock goes with it; attempts and several locks at once by std::lock order nothing.
TYPED_TEST(lock_checks, no_false_reports) {
    EXPECT_EQ(report_of([] {
                  std::optional<TypeParam> one(std::in_place);
                  TypeParam other;
                  takes_one_then_other(*one, other);
                  one.emplace();
                  takes_them_the_other_way(*one, other);
              }),
              "");
    EXPECT_EQ(report_of([] {
                  TypeParam one;
                  TypeParam other;
                  for (int i = 0; i != 10; ++i) {
                      const std::scoped_lock there(one, other);
                  }
                  for (int i = 0; i != 10; ++i) {
                      const std::scoped_lock back(other, one);
                  }
                  one.lock();
                  ASSERT_TRUE(other.try_lock());
                  one.unlock();
                  other.unlock();
                  other.lock();
                  ASSERT_TRUE(one.try_lock());
                  other.unlock();
                  one.unlock();
              }),
              "");
    // Not in the order in which they were taken.
    EXPECT_EQ(report_of([] {
                  TypeParam one;
                  TypeParam other;
                  TypeParam third;
                  for (int i = 0; i != 3; ++i) {
                      one.lock();
                      other.lock();
                      one.unlock();
                      third.lock();
                      other.unlock();
                      third.unlock();
                  }
              }),
              "");
    // The condition variable unlocks while it waits.
    EXPECT_EQ(report_of([] {
                  TypeParam m;
                  condition_variable never;
                  std::unique_lock lock(m);
                  EXPECT_FALSE(never.wait_for(lock, std::chrono::milliseconds(1), [] { return false; }));
              }),
              "");
}

// More locks than a thread's list has room for.
TYPED_TEST(lock_checks, many_locks) {
    std::vector<TypeParam> many(200);
    EXPECT_EQ(report_of([&] {
                  for (TypeParam& m : many)
                      m.lock();
                  for (TypeParam& m : many)
                      m.unlock();
                  for (TypeParam& m : many)
                      m.lock();
                  for (TypeParam& m : many)
                      m.unlock();
              }),
              "");
    many[150].lock();
    EXPECT_THAT(report_of([&] { many[150].lock(); }), HasSubstr("recursive"));
    many[150].unlock();
}

TYPED_TEST(lock_checks, death_of_a_locked_one) {
    EXPECT_DEATH(
        {
            TypeParam m;
            m.lock();
        },
        "assertion failed: destroying .*, which is locked");
}

// Checked and unchecked locks are laid out alike, and the bookkeeping costs nothing where it is off.
TEST(lock_checks_layout, alike) {
    static_assert(sizeof(detail::lockable<detail::mutex_core, true>) == 4);
    static_assert(sizeof(detail::lockable<detail::mutex_core, false>) == 4);
    static_assert(alignof(detail::lockable<detail::mcs_mutex_core, true>) ==
                  alignof(detail::lockable<detail::mcs_mutex_core, false>));
    static_assert(noexcept(std::declval<detail::lockable<detail::mutex_core, false>&>().lock()));
}

[[gnu::noinline]] std::string my_own_stack() {
    std::string names = detail::names_of(detail::current_stack(0));
    asm("");
    return names;
}
// Functions that no table of exported names has are named, too; nothing beyond main is.
TEST(stack_names, internal_functions) {
    EXPECT_THAT(my_own_stack(),
                AllOf(testing::StartsWith("(anonymous namespace)::my_own_stack"),
                      HasSubstr("stack_names_internal_functions_Test::TestBody"), Not(HasSubstr("__libc_start"))));
}

} // namespace

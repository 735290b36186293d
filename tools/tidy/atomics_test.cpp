// SPDX-License-Identifier: MIT
// What must hold: a call or operator that leaves the order to the default is reported on its line, however the atomic
// is declared and reached; members of other types that share a name are not.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

std::vector<std::string> atomics(std::string text) {
    return places("atomics", {{"gantry/base/x_test.cpp", std::move(text)}});
}

// Findings of one statement behind `std::atomic<int> a;` and its kind.
std::vector<std::string> of(std::string_view statement) {
    return messages("atomics", {{"gantry/base/x_test.cpp", "std::atomic<int> a{0};\nstd::atomic_flag f;\n"
                                                           "std::atomic<int>* p;\nstd::array<std::atomic<int>, 4> v;\n"
                                                           "std::unique_ptr<std::atomic<int>[]> u;\n"
                                                           "using word = std::atomic<unsigned>;\nword w;\n"
                                                           "auto m = std::make_unique<std::atomic<int>>(0);\n"
                                                           "std::atomic<int> a1{0}, a2{0};\n" +
                                                               std::string(statement) + "\n"}});
}

TEST(Atomics, DefaultOrders) {
    for (const std::string call : {"a.load();",
                                   "a.store(1);",
                                   "a.exchange(1);",
                                   "a.fetch_add(1);",
                                   "a.compare_exchange_weak(x, 1);",
                                   "a.compare_exchange_strong(x, 1);",
                                   "a.wait(0);",
                                   "f.test();",
                                   "f.test_and_set();",
                                   "f.clear();",
                                   "p->load();",
                                   "(*p).load();",
                                   "v[1].load();",
                                   "v[i + g(2)].store(f(1, 2));",
                                   "u[0].load();",
                                   "w.load();",
                                   "m->load();",
                                   "a2.load();",
                                   "std::atomic_ref<int>(x).load();",
                                   "std::atomic_ref{x}.store(1);",
                                   "y.fetch_or(1);",
                                   "y->compare_exchange_weak(x, 1);",
                                   "std::atomic_load(&a);"}) {
        EXPECT_THAT(of(call), ElementsAre(HasSubstr("default order"))) << call;
    }
}

TEST(Atomics, SpelledOrders) {
    for (const std::string call :
         {"a.load(std::memory_order_relaxed);", "a.store(1, std::memory_order::release);", "a.store(f(1, 2), release);",
          "a.compare_exchange_weak(x, y, acq_rel, acquire);", "f.clear(release);", "a.wait(0, acquire);",
          "v[1].load(order);", "std::atomic_thread_fence(seq_cst);", "std::atomic_load_explicit(&a, acquire);"}) {
        EXPECT_THAT(of(call), IsEmpty()) << call;
    }
}

TEST(Atomics, CompareExchangeWithOneOrder) {
    EXPECT_THAT(of("a.compare_exchange_weak(x, y, acq_rel);"), ElementsAre(HasSubstr("order of failure")));
}

TEST(Atomics, OthersWithTheSameNames) {
    for (const std::string call :
         {"config.load();", "config.load(\"file\");", "shop.store(1);", "list.clear();", "v.clear();", "u.clear();",
          "future.wait();", "condition.wait(lock);", "latch.wait();", "std::exchange(x, 1);", "bits.test(3);"}) {
        EXPECT_THAT(of(call), IsEmpty()) << call;
    }
}

TEST(Atomics, ReportsTheLine) {
    EXPECT_THAT(atomics("std::atomic<bool> done{false};\nvoid f() {\n    done.store(\n        true);\n}\n"),
                ElementsAre("gantry/base/x_test.cpp:3"));
}

TEST(Atomics, MembersOfAnIncludedHeader) {
    EXPECT_THAT(places("atomics",
                       {{"gantry/base/x.hpp", "struct x { std::atomic<int> count; };\n"},
                        {"gantry/base/x.cpp", "#include <gantry/base/x.hpp>\nint f(x& y) { return y.count.load(); }\n"},
                        {"gantry/base/z.cpp", "int f(z& y) { return y.count.load(); }\n"}}),
                ElementsAre("gantry/base/x.cpp:2"));
}

TEST(Atomics, Operators) {
    for (const std::string use : {"++a;", "a++;", "--a;", "a += 2;", "a |= 2;", "a = 2;", "this->a = 2;", "if (a) {}",
                                  "while (!a) {}", "if (x && a) {}"}) {
        EXPECT_THAT(of(use), ElementsAre(HasSubstr("atomic a"))) << use;
    }
    for (const std::string use : {"other.a = 2;", "f(a);", "g(&a);", "x = {.a = 2};", "[a = 2] {};", "++p;", "p = &a;",
                                  "std::atomic<int>& r = a;", "int b = aa;"}) {
        EXPECT_THAT(of(use), IsEmpty()) << use;
    }
}

TEST(Atomics, NameThatIsAlsoSomethingElse) {
    EXPECT_THAT(atomics("void f() { std::atomic<int> n{0}; }\nvoid g() { int n = 0; ++n; n = 2; }\n"), IsEmpty());
    EXPECT_THAT(atomics("void f() { std::atomic<int> n{0}; }\nvoid g(int n) { ++n; }\n"), IsEmpty());
}

TEST(Atomics, Consume) {
    EXPECT_THAT(of("a.load(std::memory_order_consume);"), testing::Each(HasSubstr("consume")));
    EXPECT_THAT(atomics("\nauto o = std::memory_order::consume;\n"), ElementsAre("gantry/base/x_test.cpp:2"));
    EXPECT_THAT(atomics("auto o = queue::consume;\n"), IsEmpty());
}

TEST(Atomics, Volatile) {
    EXPECT_THAT(atomics("\nvolatile int x;\n"), ElementsAre("gantry/base/x_test.cpp:2"));
    EXPECT_THAT(atomics("volatile int x; // volatile: written by a signal handler\n"), IsEmpty());
    EXPECT_THAT(atomics("// volatile: a device register\nvolatile int x;\n"), IsEmpty());
    EXPECT_THAT(atomics("// volatile: the ABI's signatures\n#include <a>\n\nvoid f(volatile int*);\n"), IsEmpty());
    EXPECT_THAT(atomics("#include <a>\n// volatile: too far away\n\nvoid f(volatile int*);\n"),
                ElementsAre("gantry/base/x_test.cpp:4"));
    EXPECT_THAT(atomics("volatile std::sig_atomic_t stop;\nsig_atomic_t volatile go;\n"), IsEmpty());
    EXPECT_THAT(atomics("asm volatile(\"\" ::: \"memory\");\n"), IsEmpty());
    EXPECT_THAT(atomics("// volatile in a comment, \nauto s = \"volatile\";\n"), IsEmpty());
}

} // namespace
} // namespace tidy

// SPDX-License-Identifier: MIT
// What must hold: an access without its label, a label without its declaration, and an edge without its other side are
// each reported on their line; the grammar of README.md is accepted as it is written there.
#include <tools/tidy/ledger.hpp>
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

// The samples of README.md.
constexpr auto readme = R"(
// Ordering ledger
//   publish : push, head CAS (release)  ->  pop, head load (acquire)   carries: node payload
// Relaxed used as: revalidated | owner | stale-ok | stats | under-lock | pre-publish

std::atomic<node*> head_;
void push(node* node) {
    auto* seen = head_.load(std::memory_order_relaxed); // relaxed: revalidated
    // order: publish.w; relaxed: revalidated
    while (!head_.compare_exchange_weak(seen, node, std::memory_order_release, std::memory_order_relaxed)) {
        node->next = seen;
    }
    auto* first = head_.load(std::memory_order_acquire); // order: publish.r
}
)";

std::vector<std::string> ledger(std::string text) {
    return places("ledger", {{"gantry/base/x.hpp", std::move(text)}});
}

std::vector<std::string> faults(std::string text) {
    return messages("ledger", {{"gantry/base/x.hpp", std::move(text)}});
}

// How many statements mutate has to judge.
std::size_t judged(const std::string& text) {
    tree all;
    all.add("gantry/base/x.hpp", text);
    return ordered_statements(all, all.files().front()).size();
}

// A block that declares `e`, in three lines, with both sides used in the two lines after it; `code` begins in line 6.
std::string with_edge(std::string_view code) {
    return "// Ordering ledger\n//   e : here -> there\n\n"
           "a.store(1, std::memory_order_release); // order: e.w\n"
           "a.load(std::memory_order_acquire); // order: e.r\n" +
           std::string(code);
}

TEST(Ledger, SampleOfTheReadmeIsClean) {
    EXPECT_THAT(ledger(readme), IsEmpty());
}

TEST(Ledger, OrderWithoutLabel) {
    EXPECT_THAT(ledger(with_edge("\na.store(1, std::memory_order_release);\n")), ElementsAre("gantry/base/x.hpp:7"));
    EXPECT_THAT(ledger(with_edge("a.store(1, std::memory_order::release);\n")), ElementsAre("gantry/base/x.hpp:6"));
    EXPECT_THAT(ledger(with_edge("a.store(1, release);\n")), ElementsAre("gantry/base/x.hpp:6"));
    EXPECT_THAT(ledger(with_edge("std::atomic_thread_fence(std::memory_order_seq_cst);\n")),
                ElementsAre("gantry/base/x.hpp:6"));
    EXPECT_THAT(ledger(with_edge("std::atomic_thread_fence(std::memory_order_seq_cst); // order: e.rw\n")), IsEmpty());
}

// Only a seq_cst fence for signals can be the light half of an asymmetric fence, which a model may need.
TEST(Ledger, FencesForSignals) {
    EXPECT_EQ(judged(with_edge("std::atomic_signal_fence(std::memory_order_seq_cst); // order: e.rw\n")), 3U);
    EXPECT_EQ(judged(with_edge("std::atomic_signal_fence(std::memory_order_acquire); // order: e.rw\n")), 2U);
}

TEST(Ledger, RelaxedWithoutLabel) {
    EXPECT_THAT(ledger("a.load(std::memory_order_relaxed);\n"), ElementsAre("gantry/base/x.hpp:1"));
    for (const std::string word : {"revalidated", "owner", "stale-ok", "stats", "under-lock", "pre-publish"}) {
        EXPECT_THAT(ledger("a.load(std::memory_order_relaxed); // relaxed: " + word + "\n"), IsEmpty()) << word;
    }
}

TEST(Ledger, WordOutsideTheList) {
    EXPECT_THAT(faults("a.load(std::memory_order_relaxed); // relaxed: whatever\n"),
                ElementsAre(HasSubstr("`relaxed: whatever")));
    EXPECT_THAT(faults("a.load(std::memory_order_relaxed); // relaxed: stats but why\n"),
                ElementsAre(HasSubstr("`relaxed: stats but why")));
    EXPECT_THAT(faults("a.load(std::memory_order_relaxed); // relaxed: stats (for people)\n"), IsEmpty());
}

TEST(Ledger, MalformedSide) {
    EXPECT_THAT(faults(with_edge("a.load(acquire); // order: e\n")), ElementsAre(HasSubstr("is no label")));
    EXPECT_THAT(faults(with_edge("a.load(acquire); // order: e.x\n")), ElementsAre(HasSubstr("is no label")));
    EXPECT_THAT(faults(with_edge("a.load(acquire); // order: e.r, e\n")), ElementsAre(HasSubstr("is no label")));
    EXPECT_THAT(faults(with_edge("a.load(acquire); // order: e.r because\n")), ElementsAre(HasSubstr("is no label")));
    EXPECT_THAT(faults(with_edge("a.load(acquire); // order: e.r (because)\n")), IsEmpty());
}

TEST(Ledger, WhereALabelStands) {
    EXPECT_THAT(ledger(with_edge("// order: e.r\nreturn a.load(acquire);\n")), IsEmpty());
    EXPECT_THAT(ledger(with_edge("// The text before it. order: e.r\nreturn a.load(acquire);\n")), IsEmpty());
    EXPECT_THAT(ledger(with_edge("return f(\n    a.load(acquire), // order: e.r\n    2);\n")), IsEmpty());
    EXPECT_THAT(ledger(with_edge("return f(\n    // order: e.r\n    a.load(acquire));\n")), IsEmpty());
    EXPECT_THAT(ledger(with_edge("// order: e.r\nreturn stats{.a = a.load(acquire),\n             .b = 2};\n")),
                IsEmpty());
    EXPECT_THAT(ledger(with_edge("int get() {\n    return a.load(acquire);\n} // order: e.r\n")), IsEmpty());
    // A comment that goes on in the next line still belongs to its own line.
    EXPECT_THAT(ledger(with_edge("a.load(acquire); // order:\n                 // e.r\na.load(acquire);\n")),
                ElementsAre("gantry/base/x.hpp:8"));
    // Two lines above is too far.
    EXPECT_THAT(ledger(with_edge("// order: e.r\n\nreturn a.load(acquire);\n")),
                ElementsAre("gantry/base/x.hpp:6", "gantry/base/x.hpp:8"));
    // The label of the statement above does not count.
    EXPECT_THAT(ledger(with_edge("a.load(acquire); // order: e.r\na.load(acquire);\n")),
                ElementsAre("gantry/base/x.hpp:7"));
}

TEST(Ledger, CompareExchangeWantsWhatItsOrdersWant) {
    const std::string call = "a.compare_exchange_weak(x, y, std::memory_order_release, std::memory_order_relaxed);";
    EXPECT_THAT(faults(with_edge(call + " // order: e.w\n")), ElementsAre(HasSubstr("relaxed access without")));
    EXPECT_THAT(faults(with_edge(call + " // relaxed: owner\n")), ElementsAre(HasSubstr("order without its edge")));
    EXPECT_THAT(faults(with_edge(call + " // order: e.w; relaxed: owner\n")), IsEmpty());
    EXPECT_THAT(faults(with_edge("a.compare_exchange_weak(x, y, acq_rel, acquire); // order: e.rw\n")), IsEmpty());
}

TEST(Ledger, SideThatTheOrderCannotBe) {
    EXPECT_THAT(faults(with_edge("a.load(acquire); // order: e.w\n")),
                ElementsAre(HasSubstr("acquire without a read side"), HasSubstr("releases nothing")));
    EXPECT_THAT(faults(with_edge("a.store(1, release); // order: e.r\n")),
                ElementsAre(HasSubstr("acquires nothing"), HasSubstr("release without a write side")));
    EXPECT_THAT(faults(with_edge("a.exchange(1, acq_rel); // order: e.r\n")), IsEmpty());
}

TEST(Ledger, LabelsThatSayTooMuch) {
    EXPECT_THAT(faults(with_edge("a.load(acquire); // order: e.r; relaxed: owner\n")),
                ElementsAre(HasSubstr("without a relaxed access")));
    EXPECT_THAT(faults(with_edge("f(); // order: e.r\n")), ElementsAre(HasSubstr("label without an atomic access")));
    EXPECT_THAT(faults(with_edge("heavy_fence(); // order: e.r\n")), IsEmpty());
}

TEST(Ledger, ParameterWantsALabel) {
    const std::string code = "std::atomic<int> v;\nvoid f(std::memory_order order) {\n    v.store(1, order);";
    EXPECT_THAT(ledger(code + "\n}\n"), ElementsAre("gantry/base/x.hpp:3"));
    EXPECT_THAT(ledger(code + " // relaxed: owner\n}\n"), IsEmpty());
}

TEST(Ledger, Unproven) {
    EXPECT_THAT(faults(with_edge("a.load(acquire); // UNPROVEN: no model yet\n")), IsEmpty());
    EXPECT_THAT(faults(with_edge("a.load(acquire); // order: e.r; UNPROVEN: no model yet\n")), IsEmpty());
    EXPECT_THAT(faults(with_edge("a.load(acquire); // UNPROVEN:\n")), ElementsAre(HasSubstr("without a reason")));
}

TEST(Ledger, UndeclaredEdge) {
    EXPECT_THAT(ledger(with_edge("a.load(acquire); // order: f.r\n")), ElementsAre("gantry/base/x.hpp:6"));
}

TEST(Ledger, EdgeWithOneSideOrNone) {
    const std::string block = "// Ordering ledger\n//   e : here -> there\n\n";
    EXPECT_THAT(faults(block + "a.load(acquire); // order: e.r\n"), ElementsAre(HasSubstr("no write side")));
    EXPECT_THAT(faults(block + "a.store(1, release); // order: e.w\n"), ElementsAre(HasSubstr("no read side")));
    EXPECT_THAT(faults(block), ElementsAre(HasSubstr("never used")));
    EXPECT_THAT(faults(block + "a.exchange(1, acq_rel); // order: e.rw\n"), IsEmpty());
}

TEST(Ledger, Block) {
    EXPECT_THAT(faults("// Ordering ledger\n//   e : nobody\n\na.exchange(1, acq_rel); // order: e.rw\n"),
                ElementsAre(HasSubstr("has no `->`")));
    EXPECT_THAT(faults("// Ordering ledger\n//   nothing here\n"), ElementsAre(HasSubstr("names no edge")));
    EXPECT_THAT(faults("// Ordering ledger\n//   no edges: gauges only\n// Relaxed used as: stats\n"), IsEmpty());
    EXPECT_THAT(faults("// Ordering ledger\n//   e : one -> two\n//       carries: all\n//   e : one -> two\n"
                       "\na.exchange(1, acq_rel); // order: e.rw\n"),
                ElementsAre(HasSubstr("declared twice")));
    EXPECT_THAT(faults("// Ordering ledger\n//   e : one\n//       -> two carries: all\n"
                       "\na.exchange(1, acq_rel); // order: e.rw\n"),
                IsEmpty());
}

TEST(Ledger, TwinsShareABlock) {
    EXPECT_THAT(places("ledger", {{"gantry/base/x.hpp", "// Ordering ledger\n//   e : one -> two\n"},
                                  {"gantry/base/x.cpp", "a.exchange(1, acq_rel); // order: e.rw\n"}}),
                IsEmpty());
    EXPECT_THAT(places("ledger", {{"gantry/base/x.hpp", "// Ordering ledger\n//   e : one -> two\n"},
                                  {"gantry/base/y.cpp", "a.exchange(1, acq_rel); // order: e.rw\n"}}),
                ElementsAre("gantry/base/x.hpp:2", "gantry/base/y.cpp:1"));
}

TEST(Ledger, OtherSide) {
    const std::string write = "\na.store(1, release); // order: e.w\n";
    const std::string read = "a.load(acquire); // order: e.r\n";
    EXPECT_THAT(places("ledger", {{"gantry/base/x.hpp",
                                   "// Ordering ledger\n//   e : one -> two  other side: gantry/base/y.hpp\n" + write},
                                  {"gantry/base/y.hpp", read}}),
                IsEmpty());
    EXPECT_THAT(places("ledger", {{"gantry/base/x.hpp", "// Ordering ledger\n//   e : one -> two\n" + write},
                                  {"gantry/base/y.hpp", "// Ordering ledger: see gantry/base/x.hpp\n" + read}}),
                IsEmpty());
    // One side is in the code of whoever calls; the side that is here is asked for.
    EXPECT_THAT(places("ledger",
                       {{"gantry/base/x.hpp", "// Ordering ledger\n//   e : one -> two  other side: caller\n" + read}}),
                IsEmpty());
    EXPECT_THAT(
        messages("ledger", {{"gantry/base/x.hpp", "// Ordering ledger\n//   e : one -> two  other side: caller\n"}}),
        ElementsAre(HasSubstr("never used")));
    EXPECT_THAT(messages("ledger", {{"gantry/base/x.hpp", "// Ordering ledger\n//   e : one -> two  other side: "
                                                          "gantry/base/gone.hpp\n" +
                                                              write + read}}),
                ElementsAre(HasSubstr("no library file")));
    EXPECT_THAT(messages("ledger", {{"gantry/base/y.hpp", "// Ordering ledger: see gantry/base/gone.hpp\n"}}),
                ElementsAre(HasSubstr("no library file")));
}

TEST(Ledger, TestsNeedNone) {
    for (const std::string path :
         {"gantry/base/x_test.cpp", "gantry/check/litmus/x.cpp", "gantry/check/corpus/x.cpp", "tools/x/x.cpp"}) {
        EXPECT_THAT(places("ledger", {{path, "a.load(acquire);\n"}}), IsEmpty()) << path;
    }
}

} // namespace
} // namespace tidy

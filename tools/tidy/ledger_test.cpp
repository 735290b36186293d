// SPDX-License-Identifier: MIT
// What must hold: an access without its label, a label without its declaration, and an edge without its other side are
// each reported on their line; the grammar of README.md is accepted as it is written there.
#include <tools/tidy/test_tree.hpp>

namespace tidy {
namespace {

// The sample of README.md.
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

// A clean block for edge `e`, followed by lines that start at line 4.
std::string with_edge(std::string_view code) {
    return "// Ordering ledger\n//   e : here -> there\n\n" + std::string(code);
}

TEST(Ledger, SampleOfTheReadmeIsClean) {
    EXPECT_THAT(ledger(readme), IsEmpty());
}

TEST(Ledger, OrderWithoutLabel) {
    EXPECT_THAT(ledger(with_edge("a.store(1, std::memory_order_release);\n"
                                 "a.store(1, std::memory_order_release); // order: e.w\n"
                                 "a.load(std::memory_order_acquire); // order: e.r\n")),
                ElementsAre("gantry/base/x.hpp:4"));
}

TEST(Ledger, RelaxedWithoutLabel) {
    EXPECT_THAT(ledger("a.load(std::memory_order_relaxed);\n"), ElementsAre("gantry/base/x.hpp:1"));
    EXPECT_THAT(ledger("a.load(std::memory_order_relaxed); // relaxed: stats\n"), IsEmpty());
}

TEST(Ledger, RelaxedWordOutsideTheList) {
    EXPECT_THAT(faults("a.load(std::memory_order_relaxed); // relaxed: whatever\n"),
                ElementsAre(HasSubstr("`relaxed: whatever` is no label")));
}

} // namespace
} // namespace tidy

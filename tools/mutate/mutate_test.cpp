// SPDX-License-Identifier: MIT
// mutate must see an order that nobody needs (the canary), one that no model reaches, and a mark that is out of date.
#include <gtest/gtest.h>
#include <tools/mutate/mutate.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace {

using mutate::verdict;

constexpr const char* store_and_load = R"(// SPDX-License-Identifier: MIT
#include <atomic>
// Ordering ledger
//   publish : put, store (release) -> get, load (acquire)
std::atomic<int> ready{0};
void put() {
    ready.store(1, std::memory_order_release); // order: publish.w
}
int get() {
    return ready.load(std::memory_order_acquire); // order: publish.r
}
)";

std::string line(int number, const char* step_from, const char* noticed) {
    return R"({"model":"m","place":"x.cpp:)" + std::to_string(number) + R"x( (put)","from":")x" + step_from +
           R"(","to":"relaxed","noticed":")" + noticed + R"(","exhaustive":true})" + "\n";
}

std::vector<verdict> verdicts(const std::string& text, const std::string& weakenings) {
    tidy::tree all;
    all.add("gantry/sync/x.cpp", text);
    const auto read = mutate::read_weakenings(weakenings);
    EXPECT_TRUE(read.has_value());
    std::vector<verdict> found;
    for (const auto& row : mutate::judge(all, "sync", *read)) {
        found.push_back(row.is);
    }
    return found;
}

// Both orders are needed by some model, if not by each.
TEST(mutate, an_order_that_one_model_needs_is_proven) {
    const std::string said = line(7, "release", "none") + line(7, "release", "race") + line(10, "acquire", "assertion");
    EXPECT_EQ(verdicts(store_and_load, said), (std::vector{verdict::proven, verdict::proven}));
}

TEST(mutate, an_order_that_nobody_needs_survives) {
    const auto found = verdicts(store_and_load, line(7, "release", "none") + line(10, "acquire", "race"));
    EXPECT_EQ(found, (std::vector{verdict::survives, verdict::proven}));
    EXPECT_TRUE(mutate::is_wrong(found.front()));
}

TEST(mutate, an_order_that_no_model_reaches_is_told) {
    EXPECT_EQ(verdicts(store_and_load, line(7, "release", "race")), (std::vector{verdict::proven, verdict::unreached}));
}

// A part of a module that lies in a folder of its own has models of its own.
TEST(mutate, a_folder_is_judged_by_its_own_models) {
    tidy::tree all;
    all.add("gantry/channel/x.hpp", store_and_load);
    all.add("gantry/channel/spill/detail/y.hpp", store_and_load);
    const auto places = [&](std::string_view module) {
        std::vector<std::string> found;
        for (const auto& row : mutate::judge(all, module, {})) {
            found.push_back(row.path);
        }
        return found;
    };
    EXPECT_EQ(places("channel"), std::vector<std::string>(2, "gantry/channel/x.hpp"));
    EXPECT_EQ(places("spill"), std::vector<std::string>(2, "gantry/channel/spill/detail/y.hpp"));
}

// A mark excuses a survivor, and must go when a model has come that needs the order.
TEST(mutate, a_mark_is_for_what_survives) {
    std::string marked = store_and_load;
    marked.replace(marked.find("// order: publish.w"), 0, "// UNPROVEN: no scenario yet; ");
    const std::string load = line(10, "acquire", "race");
    EXPECT_EQ(verdicts(marked, line(7, "release", "none") + load), (std::vector{verdict::unproven, verdict::proven}));
    EXPECT_EQ(verdicts(marked, load), (std::vector{verdict::unproven, verdict::proven}));
    EXPECT_EQ(verdicts(marked, line(7, "release", "race") + load),
              (std::vector{verdict::proven_though_marked, verdict::proven}));
}

TEST(mutate, refuses_what_is_no_weakening) {
    EXPECT_FALSE(mutate::read_weakenings("FAILED some_model, as it is\n").has_value());
}

} // namespace

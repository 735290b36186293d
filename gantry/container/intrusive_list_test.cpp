// SPDX-License-Identifier: MIT
#include <gantry/container/intrusive_list.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <forward_list>
#include <iterator>
#include <vector>

namespace {

struct record : gantry::container::intrusive_list<record>::hook {
    int data = 0;
};

static_assert(std::forward_iterator<gantry::container::intrusive_list<record>::iterator>);

// The sample of the header.
TEST(intrusive_list, sample) {
    gantry::container::intrusive_list<record> records;
    record* mine = records.try_claim();
    if (mine == nullptr)
        records.push(*(mine = new record));
    mine->data = 7;
    records.release(*mine);
    EXPECT_EQ(records.try_claim(), mine);
    records.clear([](record& each) { delete &each; });
    EXPECT_EQ(records.begin(), records.end());
}

// Newest first, claimed or not; what is given back is claimed again before a new one is needed.
TEST(intrusive_list, claims_what_was_given_back) {
    std::forward_list<record> made;
    gantry::container::intrusive_list<record> records;
    EXPECT_EQ(records.try_claim(), nullptr);
    for (int i = 0; i != 4; ++i) {
        made.emplace_front().data = i;
        records.push(made.front());
        EXPECT_TRUE(made.front().is_claimed());
    }
    std::vector<int> found;
    std::ranges::transform(records, std::back_inserter(found), &record::data);
    EXPECT_EQ(found, (std::vector{3, 2, 1, 0}));
    EXPECT_EQ(records.try_claim(), nullptr);
    record& second = *std::next(made.begin());
    records.release(second);
    EXPECT_FALSE(second.is_claimed());
    EXPECT_EQ(records.try_claim(), &second);
    EXPECT_EQ(records.try_claim(), nullptr);
    EXPECT_EQ(std::ranges::distance(records), 4);
    int cleared = 0;
    records.clear([&](record&) { ++cleared; });
    EXPECT_EQ(cleared, 4);
}

} // namespace

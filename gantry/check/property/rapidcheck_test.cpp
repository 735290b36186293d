// SPDX-License-Identifier: MIT
// Generators make what they promise and all kinds of it, and what they make shrinks to the smallest; with them, random
// lists of commands compare sequential code with a model of it, step by step.
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/property/rapidcheck.hpp>
#include <gantry/check/smallcheck/smallcheck.hpp>

#include <gtest/gtest.h>
#include <rapidcheck/state.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <list>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace gantry::check {
namespace {

enum class colour : std::uint8_t { red, green, blue };

struct pixel {
    colour hue;
    std::int16_t x;
    std::optional<bool> lit;
};

} // namespace
} // namespace gantry::check

template<>
struct gantry::check::smallcheck::enumerators<gantry::check::colour> {
    static constexpr std::array values{colour::red, colour::green, colour::blue};
};

namespace gantry::check {
namespace {

// --------------------------------------------------------------------------------------- code against a model of it

response step(std::map<std::int64_t, std::int64_t>& model, const request& what) {
    const auto at = model.find(what.key);
    const response before = at == model.end() ? response() : response(at->second);
    if (what.what == verb::put) {
        model[what.key] = what.value;
    } else if (what.what == verb::erase) {
        model.erase(what.key);
    }
    return before;
}

response step(std::list<std::int64_t>& model, const request& what) {
    if (what.what != verb::pop) {
        model.push_back(what.value);
        return what.what == verb::try_push ? response(1) : response();
    }
    if (model.empty()) {
        return {};
    }
    const std::int64_t oldest = model.front();
    model.pop_front();
    return oldest;
}

// The sample of the README: an operation at a time, asked of the specification and of a standard container.
template<class Spec, class Model>
struct asked : rc::state::Command<Model, Spec> {
    request what = *request_of<Spec>();

    void apply(Model& model) const override { static_cast<void>(step(model, what)); }
    void run(const Model& before, Spec& object) const override {
        Model model = before;
        RC_ASSERT(object.apply(what) == step(model, what));
    }
    void show(std::ostream& out) const override { out << text_of(what); }
};

template<class Spec, class Model>
bool behaves_like() {
    return rc::check([] {
        Spec object;
        rc::state::check(Model(), object, rc::state::gen::execOneOfWithArgs<asked<Spec, Model>>());
    });
}

TEST(state, a_map_specification_is_a_map_and_a_queue_specification_a_list) {
    EXPECT_TRUE((behaves_like<map_specification, std::map<std::int64_t, std::int64_t>>()));
    EXPECT_TRUE((behaves_like<queue_specification, std::list<std::int64_t>>()));
}

// A queue that forgets the third value in it.
struct forgetful : queue_specification {
    response apply(const request& what) {
        const response got = queue_specification::apply(what);
        values.resize(std::min<std::size_t>(values.size(), 2));
        return got;
    }
};

TEST(state, what_forgets_is_found) {
    EXPECT_FALSE((behaves_like<forgetful, std::list<std::int64_t>>()));
}

// ------------------------------------------------------------------------------------------------------- generators

TEST(small, values_are_of_the_series_and_shrink_to_its_beginning) {
    EXPECT_TRUE(rc::check("a list of depth 4", [] {
        const auto list = *small<std::vector<unsigned>>(4);
        RC_ASSERT(list.size() <= 4);
        for (const unsigned each : list) {
            RC_ASSERT(each <= 3);
        }
    }));
    // What fails last is what shrinking came to: the first list with a sum of 3 or more in the order of the series.
    std::vector<unsigned> last;
    EXPECT_FALSE(rc::check("no list has a sum of 3", [&] {
        const auto list = *small<std::vector<unsigned>>(6);
        unsigned sum = 0;
        for (const unsigned each : list) {
            sum += each;
        }
        if (sum >= 3) {
            last = list;
        }
        RC_ASSERT(sum < 3);
    }));
    const auto first = smallcheck::for_all<std::vector<unsigned>>(6, [](const std::vector<unsigned>& list) {
        unsigned sum = 0;
        for (const unsigned each : list) {
            sum += each;
        }
        return sum < 3;
    });
    ASSERT_TRUE(first.counterexample);
    const auto index_of = [](const std::vector<unsigned>& wanted) {
        const auto all = smallcheck::all<std::vector<unsigned>>(6);
        std::uint64_t index = 0;
        while (all.begin()[static_cast<std::int64_t>(index)] != wanted) {
            ++index;
        }
        return index;
    };
    EXPECT_GE(index_of(last), index_of(std::get<0>(*first.counterexample)));
    EXPECT_LT(last.size(), 4U) << "much smaller than most";
}

TEST(arbitrary, makes_every_kind) {
    std::set<colour> colours;
    std::set<std::size_t> alternatives;
    std::set<bool> there;
    std::set<bool> lit;
    std::set<bool> expected;
    EXPECT_TRUE(rc::check("each value is one that can be", [&] {
        const auto one = *rc::gen::arbitrary<pixel>();
        colours.insert(one.hue);
        lit.insert(one.lit.has_value());
        alternatives.insert((*rc::gen::arbitrary<std::variant<std::monostate, bool, std::string>>()).index());
        there.insert((*rc::gen::arbitrary<std::optional<int>>()).has_value());
        expected.insert((*rc::gen::arbitrary<std::expected<int, colour>>()).has_value());
        static_cast<void>(*rc::gen::arbitrary<std::expected<void, colour>>());
        static_cast<void>(*rc::gen::arbitrary<std::byte>());
    }));
    EXPECT_EQ(colours.size(), 3U);
    EXPECT_EQ(alternatives.size(), 3U);
    EXPECT_EQ(there.size(), 2U);
    EXPECT_EQ(lit.size(), 2U);
    EXPECT_EQ(expected.size(), 2U);
}

TEST(arbitrary, an_aggregate_shrinks_by_its_members) {
    pixel last{};
    EXPECT_FALSE(rc::check("x is small or the colour is red", [&] {
        const auto one = *rc::gen::arbitrary<pixel>();
        const bool fails = one.hue != colour::red && one.x >= 5;
        if (fails) {
            last = one;
        }
        RC_ASSERT(!fails);
    }));
    EXPECT_EQ(last.x, 5);
    EXPECT_FALSE(last.lit.has_value());
    EXPECT_EQ(last.hue, colour::green);
}

TEST(request_of, asks_for_what_the_object_has) {
    std::set<verb> seen;
    EXPECT_TRUE(rc::check("a set knows it", [&] {
        const auto one = *request_of<set_specification>(2);
        seen.insert(one.what);
        RC_ASSERT(set_specification::knows(one.what));
        RC_ASSERT(one.key >= 0 && one.key <= 2 && one.value == 0 && one.expected == 0);
    }));
    EXPECT_EQ(seen.size(), 3U);
}

TEST(history_of, has_an_explanation) {
    std::size_t longest = 0;
    std::size_t unfinished = 0;
    // The sample of rapidcheck.hpp.
    const bool held = rc::check("what a specification makes has an explanation", [] {
        const auto all = *history_of(queue_specification(), {.threads = 3, .steps_max = 24});
        RC_ASSERT(check_history(queue_specification(), all).is == verdict::holds);
    });
    EXPECT_TRUE(held);
    EXPECT_TRUE(rc::check("for a map by keys and as a whole, too", [&] {
        const auto all = *history_of(map_specification());
        longest = std::max(longest, all.size());
        unfinished +=
            static_cast<std::size_t>(std::ranges::count_if(all, [](const auto& each) { return each.is_pending(); }));
        RC_ASSERT(check_history(map_specification(), all).is == verdict::holds);
        RC_ASSERT(check_history(map_specification(), all, {.partition = false}).is == verdict::holds);
    }));
    EXPECT_GT(longest, 5U);
    EXPECT_GT(unfinished, 0U);
}

TEST(table_of, lies_within_the_bounds) {
    EXPECT_TRUE(rc::check("and comes back from its token", [] {
        const auto table = *table_of({.operations = 3, .threads_max = 3, .length_max = 2});
        RC_ASSERT(!table.empty() && table.size() <= 3);
        for (const auto& list : table) {
            RC_ASSERT(!list.empty() && list.size() <= 2 && *std::ranges::max_element(list) < 3);
        }
        RC_ASSERT(detail::parse_token(detail::spelled(table) + ":A", 3)->first == table);
    }));
}

// Whatever fails and whenever the power goes: what was synced before the first fault is there behind it.
TEST(storage_fault, what_was_synced_survives_any_of_them) {
    std::size_t faults = 0;
    EXPECT_TRUE(rc::check("any fault, any restart", [&] {
        fault_storage storage({.seed = *rc::gen::arbitrary<std::uint64_t>()});
        const auto write = [&](const char* name) {
            auto folder = storage.open_directory("/d", {.create = true});
            return folder && [&] {
                auto file = (*folder)->create(name);
                return file && (*file)->write_at(0, std::as_bytes(std::span("kept", 4))) && (*file)->sync() &&
                       (*folder)->sync();
            }();
        };
        RC_ASSERT(write("a"));
        storage.fail(*rc::gen::arbitrary<storage_fault>());
        faults += write("b") ? 0U : 1U;
        storage.heal();
        storage.crash();
        storage.restart(*rc::gen::arbitrary<restart_options>());
        auto folder = storage.open_directory("/d");
        RC_ASSERT(folder.has_value());
        auto file = (*folder)->open("a", storage_access::read);
        RC_ASSERT(file.has_value());
        std::array<std::byte, 4> bytes{};
        const auto read = (*file)->read_at(0, bytes);
        RC_ASSERT(read.has_value() && std::memcmp(bytes.data(), "kept", 4) == 0);
    }));
    EXPECT_GT(faults, 5U);
}

} // namespace
} // namespace gantry::check

// SPDX-License-Identifier: MIT
#include <gantry/check/smallcheck/smallcheck.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

enum class colour : std::uint8_t { red, green, blue };

template<>
struct gantry::check::smallcheck::enumerators<colour> {
    static constexpr std::array values{colour::red, colour::green, colour::blue};
};

namespace {

// A class with a constructor.
class interval {
public:
    interval(int from, unsigned length) : from_(from), to_(from + static_cast<int>(length)) {}
    [[nodiscard]] bool operator==(const interval&) const = default;
    [[nodiscard]] int from() const { return from_; }
    [[nodiscard]] int to() const { return to_; }

private:
    int from_;
    int to_;
};

} // namespace

template<>
struct gantry::check::smallcheck::series<interval> : product<interval, int, unsigned> {};

namespace {

namespace smallcheck = gantry::check::smallcheck;
using smallcheck::all;
using smallcheck::count;
using smallcheck::depth_type;
using smallcheck::integer;
using smallcheck::natural;

struct point {
    int x;
    unsigned y;
    [[nodiscard]] bool operator==(const point&) const = default;
    [[nodiscard]] auto operator<=>(const point&) const = default;
};

struct empty {};

struct tree {
    std::vector<tree> children;
};

struct box {
    std::array<bool, 2> flags;
    std::string name;
};

struct eight {
    bool a, b, c, d, e, f, g, h;
};

struct member_counts {
    bool a;
    unsigned b;
    colour c;
    std::optional<bool> d;
    point e;
    std::byte f;
    char g;
};

// The samples of the header and of README.md.
TEST(smallcheck, sample) {
    const auto result = smallcheck::for_all<int, int>(10, [](int a, int b) { return a - b == -(b - a); });
    EXPECT_EQ(result.counterexample, std::nullopt);
    EXPECT_EQ(result.cases, 21 * 21);
}

TEST(smallcheck, sample_counterexample) {
    const auto sum = smallcheck::for_all<std::vector<int>>(6, [](const std::vector<int>& list) {
        return std::accumulate(list.begin(), list.end(), 0) != 3; // a sum of 3 takes a 3, or smaller numbers
    });
    EXPECT_EQ(sum.counterexample, std::tuple(std::vector{2, 1}));
    EXPECT_EQ(sum.depth, 3);
}

static_assert(std::ranges::random_access_range<smallcheck::range<int>>);
static_assert(std::ranges::sized_range<smallcheck::range<int>>);
static_assert(std::ranges::random_access_range<smallcheck::range<std::int64_t>>);
static_assert(std::ranges::random_access_range<smallcheck::range<natural>>);
static_assert(std::ranges::sized_range<smallcheck::range<natural>>);
static_assert(std::ranges::random_access_range<smallcheck::range<std::vector<std::string>>>);
static_assert(std::ranges::view<smallcheck::range<int>> && std::ranges::borrowed_range<smallcheck::range<int>>);
static_assert(std::ranges::input_range<smallcheck::range<std::unique_ptr<int>>>);

template<class T>
class small_integers : public testing::Test {};
using small_types = testing::Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t>;
TYPED_TEST_SUITE(small_integers, small_types);

// Every value of the type appears once, in the order 0, -1, 1, -2, 2 ... or 0, 1, 2 ...
TYPED_TEST(small_integers, every_value_once_in_order) {
    using limits = std::numeric_limits<TypeParam>;
    const auto values = smallcheck::whole<TypeParam>();
    ASSERT_EQ(values.size(), std::size_t{1} << (8 * sizeof(TypeParam)));
    std::vector<bool> seen(values.size());
    int expected = 0;
    std::size_t index = 0;
    for (const TypeParam each : values) {
        const int value = 0 + each;
        ASSERT_EQ(value, expected);
        ASSERT_EQ(smallcheck::index_of(each), index);
        ASSERT_EQ(values[static_cast<std::int64_t>(index)], value);
        const auto place = static_cast<std::size_t>(value - int{limits::min()});
        ASSERT_FALSE(seen[place]);
        seen[place] = true;
        expected = !limits::is_signed ? value + 1 : value < 0 ? -value : -value - 1;
        ++index;
    }
    EXPECT_EQ(index, values.size());
    EXPECT_EQ(std::ranges::count(seen, true), std::ptrdiff_t(values.size()));
}

// At depth d the numbers of magnitude d and below are there, and no others, until the type ends.
TYPED_TEST(small_integers, depth_is_magnitude) {
    using limits = std::numeric_limits<TypeParam>;
    constexpr depth_type depths[] = {0, 1, 2, 3, 126, 127, 128, 129, 254, 255, 256, 32766, 32767, 32768, 65535, 65536};
    for (const depth_type depth : depths) {
        std::size_t expected = 0;
        for (int value = 0 + limits::min(); value <= static_cast<int>(limits::max()); ++value)
            expected += depth_type(std::abs(value)) <= depth ? 1 : 0;
        const auto values = all<TypeParam>(depth);
        ASSERT_EQ(values.size(), expected) << depth;
        for (const TypeParam value : values)
            ASSERT_LE(depth_type(std::abs(static_cast<int>(value))), depth);
    }
}

template<class T>
class big_integers : public testing::Test {};
using big_types = testing::Types<int, unsigned, long, unsigned long, long long, unsigned long long, integer, natural>;
TYPED_TEST_SUITE(big_integers, big_types);

// Index and value are a bijection up to the very ends of the type, and the range begins and ends where the type does.
TYPED_TEST(big_integers, ends_and_round_trips) {
    using T = TypeParam;
    constexpr bool is_signed = T(-1) < T(0);
    constexpr natural last = ~natural{0} >> (128 - 8 * sizeof(T));
    const T highest = static_cast<T>(is_signed ? last >> 1 : last);
    const T lowest = is_signed ? static_cast<T>(-highest - T(1)) : T(0);
    EXPECT_TRUE(smallcheck::integer_at<T>(0) == T(0));
    EXPECT_TRUE(smallcheck::integer_at<T>(1) == (is_signed ? T(-1) : T(1)));
    EXPECT_TRUE(smallcheck::integer_at<T>(2) == (is_signed ? T(1) : T(2)));
    EXPECT_TRUE(smallcheck::integer_at<T>(last) == (is_signed ? lowest : highest));
    EXPECT_TRUE(smallcheck::integer_at<T>(last - 1) == (is_signed ? highest : static_cast<T>(highest - T(1))));
    EXPECT_TRUE(smallcheck::index_of(highest) == (is_signed ? last - 1 : last));
    EXPECT_TRUE(smallcheck::index_of(lowest) == (is_signed ? last : 0));
    for (unsigned bit = 0; bit != 8 * sizeof(T); ++bit) {
        for (const int beside : {-1, 0, 1}) {
            const natural index = ((natural{1} << bit) + static_cast<natural>(beside)) & last;
            EXPECT_TRUE(smallcheck::index_of(smallcheck::integer_at<T>(index)) == index);
            const T value = static_cast<T>(index);
            EXPECT_TRUE(smallcheck::integer_at<T>(smallcheck::index_of(value)) == value);
        }
    }
    // Also as a range over the last hundred.
    const auto ending = smallcheck::window<T>(last - 99, 100);
    EXPECT_TRUE(std::ranges::size(ending) == 100);
    EXPECT_TRUE(ending.begin() < ending.end() && ending.end() - ending.begin() == 100);
    std::size_t seen = 0;
    for (const T value : ending | std::views::reverse)
        EXPECT_TRUE(smallcheck::index_of(value) == last - seen++);
    EXPECT_EQ(seen, 100);
    if constexpr (sizeof(T) <= 8) {
        const auto every = smallcheck::whole<T>();
        EXPECT_TRUE(std::ranges::size(every) == last + 1);
        EXPECT_TRUE(every.back() == (is_signed ? lowest : highest));
        EXPECT_TRUE(std::ranges::distance(every) == static_cast<integer>(last) + 1);
        EXPECT_TRUE(std::ranges::equal(
            every | std::views::drop(std::ranges::range_difference_t<decltype(every)>(every.size() - 100)), ending));
    }
}

// The whole 64-bit type is a depth like any other, and its size does not fit 64 bits.
TEST(smallcheck, depth_reaches_the_end_of_64_bits) {
    EXPECT_TRUE(all<std::int64_t>(depth_type{1} << 63U).size() == natural{1} << 64U);
    EXPECT_TRUE(all<std::int64_t>((depth_type{1} << 63U) - 1).size() == (natural{1} << 64U) - 1);
    EXPECT_TRUE(all<std::uint64_t>(~depth_type{0}).size() == natural{1} << 64U);
    EXPECT_TRUE(all<std::uint64_t>(~depth_type{0} - 1).size() == (natural{1} << 64U) - 1);
    EXPECT_TRUE(all<integer>(~depth_type{0}).size() == (natural{1} << 65U) - 1);
}

// An iterator moves and compares like a pointer.
TEST(smallcheck, iterators) {
    const auto values = all<int>(5);
    auto it = values.begin();
    EXPECT_EQ(*it, 0);
    EXPECT_EQ(*++it, -1);
    EXPECT_EQ(*it++, -1);
    EXPECT_EQ(*it, 1);
    EXPECT_EQ(*--it, -1);
    EXPECT_EQ(*it--, -1);
    EXPECT_EQ(it, values.begin());
    it += 10;
    EXPECT_EQ(*it, 5);
    it -= 3;
    EXPECT_EQ(*it, -4);
    EXPECT_EQ(it[2], -5);
    EXPECT_EQ(*(2 + it), -5);
    EXPECT_EQ(*(it - 7), 0);
    EXPECT_EQ(values.end() - it, 4);
    EXPECT_LT(it, values.end());
    EXPECT_GT(values.end(), values.begin());
    EXPECT_EQ(std::vector<int>(values.begin(), values.end()), (std::vector{0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5}));
    EXPECT_EQ(std::ranges::lower_bound(all<unsigned>(1000), 777U) - all<unsigned>(1000).begin(), 777);
}

template<class T>
std::vector<T> listed(depth_type depth) {
    const auto values = all<T>(depth);
    return std::vector<T>(values.begin(), values.end());
}

// Every value once, small depths first, nothing missing: each depth is a proper prefix of the next.
template<class T>
void expect_series(depth_type depth_max) {
    for (depth_type depth = 0; depth <= depth_max; ++depth) {
        const std::vector<T> values = listed<T>(depth);
        ASSERT_EQ(std::set<T>(values.begin(), values.end()).size(), values.size());
        ASSERT_TRUE(count<T>(depth) == values.size());
        if (depth != 0) {
            ASSERT_TRUE(std::ranges::equal(listed<T>(depth - 1), values | std::views::take(all<T>(depth - 1).size())));
        }
    }
}

TEST(smallcheck, series_grow_by_depth_without_duplicates) {
    expect_series<bool>(3);
    expect_series<char>(300);
    expect_series<colour>(2);
    expect_series<point>(10);
    expect_series<std::pair<int, bool>>(10);
    expect_series<std::tuple<int, unsigned, bool>>(8);
    expect_series<std::tuple<>>(3);
    expect_series<std::array<int, 3>>(5);
    expect_series<std::array<int, 0>>(5);
    expect_series<std::optional<std::pair<int, int>>>(10);
    expect_series<std::variant<std::monostate, int, bool, std::string>>(5);
    expect_series<std::vector<bool>>(10);
    expect_series<std::vector<int>>(5);
    expect_series<std::string>(6);
    expect_series<std::vector<std::vector<bool>>>(4);
    expect_series<std::vector<std::optional<int>>>(5);
}

// The table of README.md, by closed forms.
TEST(smallcheck, closed_forms) {
    natural factorial_sum = 1; // of d! / k! for k = 0 to d: 1 + d * (the sum before)
    natural odd_sum = 1;
    natural trees = 1;
    for (depth_type d = 0; d <= 12; ++d) {
        const natural n = d;
        EXPECT_TRUE(count<bool>(d) == 2);
        EXPECT_TRUE(count<colour>(d) == 3);
        EXPECT_TRUE(count<std::monostate>(d) == 1);
        EXPECT_TRUE(count<unsigned>(d) == n + 1);
        EXPECT_TRUE(count<std::byte>(d) == n + 1);
        EXPECT_TRUE(count<int>(d) == 2 * n + 1);
        EXPECT_TRUE(count<char>(d) == n + 1);
        EXPECT_TRUE((count<std::pair<int, unsigned>>(d) == (2 * n + 1) * (n + 1)));
        EXPECT_TRUE((count<std::array<unsigned, 5>>(d) == (n + 1) * (n + 1) * (n + 1) * (n + 1) * (n + 1)));
        EXPECT_TRUE(count<point>(d) == (2 * n + 1) * (n + 1));
        EXPECT_TRUE(count<empty>(d) == 1);
        EXPECT_TRUE(count<eight>(d) == 256);
        EXPECT_TRUE(count<interval>(d) == (2 * n + 1) * (n + 1));
        EXPECT_TRUE(count<std::optional<int>>(d) == (d == 0 ? 1 : 2 * n));
        EXPECT_TRUE(count<std::unique_ptr<bool>>(d) == (d == 0 ? 1 : 3));
        EXPECT_TRUE((count<std::variant<int, unsigned, bool>>(d) == 3 * n + 4));
        EXPECT_TRUE(count<std::vector<std::monostate>>(d) == n + 1);
        EXPECT_TRUE(count<std::vector<bool>>(d) == (natural{2} << d) - 1);
        EXPECT_TRUE(count<std::vector<colour>>(d) == (std::size_t(std::pow(3, d + 1)) - 1) / 2);
        EXPECT_TRUE(count<std::vector<unsigned>>(d) == factorial_sum);
        EXPECT_TRUE(count<std::string>(d) == factorial_sum);
        EXPECT_TRUE(count<std::vector<int>>(d) == odd_sum);
        EXPECT_TRUE((count<member_counts>(d) ==
                     2 * (n + 1) * 3 * (d == 0 ? 1 : 3) * (2 * n + 1) * (n + 1) * (n + 1) * (n + 1)));
        if (d <= 7) {
            EXPECT_TRUE(count<tree>(d) == trees);
        }
        factorial_sum = 1 + (n + 1) * factorial_sum;
        odd_sum = 1 + (2 * n + 1) * odd_sum;
        trees = 1 + trees * trees; // 1, 2, 5, 26, 677, 458330 ...
    }
    EXPECT_TRUE(count<std::vector<unsigned>>(12) == 1302061345U); // floor(e * 12!)
}

// Values come in an order that a reader would call small to big.
TEST(smallcheck, orders) {
    using pair = std::pair<unsigned, unsigned>;
    EXPECT_EQ(listed<pair>(2),
              (std::vector<pair>{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 2}, {1, 2}, {2, 0}, {2, 1}, {2, 2}}));
    EXPECT_EQ(listed<std::string>(2), (std::vector<std::string>{"", "a", "aa", "b", "ba"}));
    EXPECT_EQ(listed<std::vector<bool>>(2),
              (std::vector<std::vector<bool>>{
                  {}, {false}, {true}, {false, false}, {false, true}, {true, false}, {true, true}}));
    EXPECT_EQ(listed<std::optional<int>>(2), (std::vector<std::optional<int>>{std::nullopt, 0, -1, 1}));
    EXPECT_EQ(listed<colour>(0), (std::vector{colour::red, colour::green, colour::blue}));
    using either = std::variant<int, bool>;
    EXPECT_EQ(listed<either>(1), (std::vector<either>{0, false, true, -1, 1}));
    EXPECT_EQ(listed<point>(1), (std::vector<point>{{0, 0}, {0, 1}, {-1, 0}, {-1, 1}, {1, 0}, {1, 1}}));
    EXPECT_EQ(all<interval>(2).back(), interval(2, 2));
    EXPECT_EQ(all<box>(2).back().name, "ba");
    EXPECT_EQ(*all<std::unique_ptr<int>>(3).back(), 2);
}

std::size_t nodes(const tree& it) {
    std::size_t sum = 1;
    for (const tree& child : it.children)
        sum += nodes(child);
    return sum;
}

// A class that contains itself has a series, too.
TEST(smallcheck, recursive_types) {
    EXPECT_EQ(all<tree>(4).size(), 677);
    const auto result = smallcheck::for_all<tree>(4, [](const tree& it) { return nodes(it) < 6; });
    ASSERT_FALSE(result);
    EXPECT_EQ(nodes(std::get<0>(*result.counterexample)), 6);
    EXPECT_EQ(result.depth, 3);
}

// The counterexample is the first in the order: no other has less depth, and what was tried before it holds.
TEST(smallcheck, counterexamples_are_minimal) {
    for (int wanted = 1; wanted != 40; ++wanted) {
        std::vector<std::tuple<int, unsigned>> tried;
        const auto result = smallcheck::for_all<int, unsigned>(50, [&](int a, unsigned b) {
            tried.emplace_back(a, b);
            return a + static_cast<int>(b) < wanted;
        });
        ASSERT_FALSE(result);
        const auto [a, b] = *result.counterexample;
        EXPECT_GE(a + static_cast<int>(b), wanted);
        EXPECT_EQ(result.depth, depth_type(wanted + 1) / 2); // both halves as equal as can be
        EXPECT_EQ(std::max(depth_type(std::abs(a)), depth_type(b)), result.depth);
        EXPECT_EQ(result.cases, tried.size());
        EXPECT_EQ(tried.back(), *result.counterexample);
        const auto prefix = all<std::tuple<int, unsigned>>(result.depth) | std::views::take(tried.size());
        EXPECT_TRUE(std::ranges::equal(tried, prefix));
    }
}

// A property that holds was tried on every combination, once, and says how deep.
TEST(smallcheck, exhaustive_when_it_holds) {
    std::set<std::tuple<std::string, std::optional<bool>>> seen;
    const auto result =
        smallcheck::for_all<std::string, std::optional<bool>>(4, [&](const auto& text, const auto& flag) {
            return seen.emplace(text, flag).second; // fails if a case comes twice
        });
    EXPECT_TRUE(result);
    EXPECT_EQ(result.depth, 4);
    EXPECT_EQ(result.cases, 65 * 3);
    EXPECT_EQ(seen.size(), 65 * 3);
}

// A throw refutes; discarded cases are counted and refute nothing.
TEST(smallcheck, throwing_and_discarding) {
    const auto thrown = smallcheck::for_all<int>(5, [](int value) {
        if (value == -2)
            throw std::out_of_range("two");
        return true;
    });
    EXPECT_EQ(thrown.counterexample, std::tuple(-2));
    EXPECT_THROW(std::rethrow_exception(thrown.thrown), std::out_of_range);
    const auto discarding = smallcheck::for_all<int>(5, [](int value) {
        if (value < 0)
            return smallcheck::verdict::discarded;
        return value == 4 ? smallcheck::verdict::fails : smallcheck::verdict::holds;
    });
    EXPECT_EQ(discarding.counterexample, std::tuple(4));
    EXPECT_EQ(discarding.cases, 9);
    EXPECT_EQ(discarding.discarded, 4);
    EXPECT_EQ(discarding.thrown, nullptr);
}

// What cannot be counted or indexed is refused, not wrapped.
TEST(smallcheck, too_much_is_refused) {
    const auto previous = gantry::set_assert_handler([](const gantry::assertion&) { throw std::length_error("size"); });
    EXPECT_THROW(static_cast<void>(count<std::vector<int>>(60)), std::length_error);
    EXPECT_THROW(static_cast<void>((all<std::pair<std::uint64_t, std::uint64_t>>(~depth_type{0} - 1))),
                 std::length_error);
    EXPECT_THROW(static_cast<void>((all<std::pair<std::uint32_t, std::uint32_t>>(~std::uint32_t{0}))),
                 std::length_error);
    EXPECT_THROW(static_cast<void>((smallcheck::window<integer>(0, ~natural{0}))), std::length_error);
    EXPECT_THROW(static_cast<void>(smallcheck::integer_at<std::int8_t>(256)), std::length_error);
    EXPECT_THROW(static_cast<void>(smallcheck::series<colour>::at(3)), std::length_error);
    gantry::set_assert_handler(previous);
    EXPECT_TRUE((smallcheck::window<integer>(0, ~natural{0} >> 1U).size() == ~natural{0} >> 1U));
}

} // namespace

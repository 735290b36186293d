// SPDX-License-Identifier: MIT
#pragma once
//
// smallcheck: every small value of a type, from small to big, so that a property is tested on all of them and the first
// counterexample is a smallest one.
//
// Use it when faults show on small values (most do) and you want certainty up to a bound: "holds for all lists of depth
// 5" instead of "held for 100 random ones".
// Do not use it when only big values show the fault (a full table, a wrapped counter) -> random tests with RapidCheck.
//
//     const auto result = smallcheck::for_all<int, int>(10, [](int a, int b) { return a - b == -(b - a); });
//     EXPECT_EQ(result.counterexample, std::nullopt);
//     EXPECT_EQ(result.cases, 21 * 21);
//
// Each type has one series: all its values, each exactly once, ordered by depth. all<T>(d) is the prefix of the values
// whose depth is at most d, so all<T>(d) begins with all<T>(d - 1). The depth of a value, and how many have at most d:
//   bool, enums (by enumerators<E>), std::monostate   0        all of them
//   unsigned integers, std::byte   0, 1, 2 ...        x        d + 1, at most 2^bits
//   signed integers   0, -1, 1, -2, 2 ... lowest     |x|       2d + 1, at most 2^bits
//   characters   'a', 'b', 'c' ... and round          x - 'a'  d + 1, at most 2^bits
//   pairs, tuples, std::array, aggregates             deepest  product of the parts' counts
//   std::variant                                      same     sum of the alternatives' counts
//   std::optional, std::unique_ptr                    0 | 1+x  1 + count(d - 1)
//   std::vector, std::basic_string   empty is 0; x before xs: 1 + max of both; 1 + element(d - 1) * list(d - 1)
// Aggregates of up to 8 members (no base classes, no C arrays) are taken apart by themselves; any other class gets a
// specialisation of series, often just `: product<my_class, int, std::string> {}`, which calls its constructor.
//
// Sizes are exact. 2^64 values do not fit 64 bits: ranges of 64 and 128-bit integers have unsigned __int128 sizes (and
// __int128 differences), all other ranges std::uint64_t. 2^128 values fit nothing: whole<T>() does not exist for
// 128-bit types; integer_at and index_of cover them to both ends, as does window<T>(first, count).
//
// Threads: a range is a value without shared state. Progress: wait-free for integers; else as T's constructors.
// Ordering: n/a.
// Cost: values are made from their index when read: O(1) for integers, for others two searches for the depth and the
//   construction of each part. No memory.
// Failure: a range of more than 2^63 values (2^127 for 64 and 128-bit integers) is a GANTRY_ASSERT. A property that
//   throws is refuted; the exception is in the result. What a part's constructor throws reaches the caller.
// Lifetime: iterators outlive their range. Origin: Runciman, Naylor, Lindblad, "SmallCheck and Lazy SmallCheck", 2008.
//   Ours: a series is random-access and ordered by depth over all parts at once, so the first counterexample has the
//   least depth, and each case is tried once however deep the search (SmallCheck repeats those of smaller depths).

#include <gantry/base/assert.hpp>

#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace gantry::check::smallcheck {

__extension__ using natural = unsigned __int128;
__extension__ using integer = __int128;

// How deep a search goes: the size of its biggest value, in the units of the table above.
using depth_type = std::uint64_t;

// Specialise it for an enumeration:
//     template<>
//     struct gantry::check::smallcheck::enumerators<colour> {
//         static constexpr std::array values{colour::red, colour::green, colour::blue};
//     };
template<class Enum>
struct enumerators;

// What makes the values of a type; specialise it for your own:
//     static constexpr natural count(depth_type depth);   how many values have at most that depth; uncountable if more
//                                                         than fit; grows with depth
//     static constexpr T at(natural index);               injective; index < count(d) has depth at most d
template<class T>
struct series;

// "More than natural holds": what count() returns instead of wrapping.
inline constexpr natural uncountable = ~natural{0};

namespace detail {

template<class T>
inline constexpr bool is_wide = std::same_as<T, integer> || std::same_as<T, natural>;

template<class T, class... Others>
concept any_of = (std::same_as<T, Others> || ...);

template<class T>
concept character = any_of<T, char, wchar_t, char8_t, char16_t, char32_t>;

// std::integral does not name the 128-bit types unless the compiler's extensions are on.
template<class T>
concept number = (std::integral<T> || is_wide<T>) && !character<T> && !std::same_as<T, bool> && !std::is_const_v<T>;

template<class T>
inline constexpr unsigned bits = static_cast<unsigned>(8 * sizeof(T));

template<class T>
inline constexpr bool is_negative_possible = T(-1) < T(0);

// 2^bits values, or uncountable.
template<class T>
inline constexpr natural values_of = bits<T> == 128 ? uncountable : natural{1} << (bits<T> % 128);

[[nodiscard]] constexpr natural plus(natural a, natural b) noexcept {
    return a > uncountable - b ? uncountable : a + b;
}

[[nodiscard]] constexpr natural times(natural a, natural b) noexcept {
    if (a == 0 || b == 0)
        return 0;
    return a > uncountable / b ? uncountable : a * b;
}

template<class T>
[[nodiscard]] constexpr natural count_below(depth_type depth) {
    return depth == 0 ? natural{0} : series<T>::count(depth - 1);
}

// The least depth at which `count` exceeds the index.
template<class Count>
[[nodiscard]] constexpr depth_type depth_of(natural index, Count count) {
    depth_type low = 0;
    depth_type high = 0;
    while (count(high) <= index) {
        GANTRY_ASSERT(high != std::numeric_limits<depth_type>::max()); // the index is beyond the last value
        low = high + 1;
        high =
            high > std::numeric_limits<depth_type>::max() / 2 ? std::numeric_limits<depth_type>::max() : 2 * high + 1;
    }
    while (low != high) {
        const depth_type middle = low + (high - low) / 2;
        if (count(middle) > index)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

// Indices of the parts of a product. Ordered by the depth of the deepest part; where that is d, the tuples whose first
// part is shallower than d come first, among them those whose second part is shallower, and so on.
template<class... Parts>
struct product_index {
    static constexpr std::size_t size = sizeof...(Parts);

    [[nodiscard]] static constexpr natural count(depth_type depth) {
        natural all = 1;
        ((all = times(all, series<Parts>::count(depth))), ...);
        return all;
    }

    [[nodiscard]] static constexpr std::array<natural, size> at(natural index) {
        const depth_type depth = depth_of(index, count);
        const std::array<natural, size> within{series<Parts>::count(depth)...};
        const std::array<natural, size> shallower{count_below<Parts>(depth)...};
        if (depth != 0)
            index -= count(depth - 1);
        // The block in which part k is the first one that is as deep as this.
        std::array<natural, size> part{};
        for (std::size_t k = size; k-- != 0;) {
            std::array<natural, size> choices{};
            natural block = 1;
            for (std::size_t i = 0; i != size; ++i) {
                choices[i] = i < k ? shallower[i] : i == k ? within[i] - shallower[i] : within[i];
                block = times(block, choices[i]);
            }
            if (index >= block) {
                index -= block;
                continue;
            }
            for (std::size_t i = size; i-- != 0;) {
                part[i] = index % choices[i];
                index /= choices[i];
            }
            part[k] += shallower[k];
            break;
        }
        return part;
    }
};

template<>
struct product_index<> {
    [[nodiscard]] static constexpr natural count(depth_type) { return 1; }
    [[nodiscard]] static constexpr std::array<natural, 0> at(natural) { return {}; }
};

// Converts into a member of any type, to count the members of an aggregate; never called.
struct anything {
    template<class T>
    operator T() const; // NOLINT(google-explicit-constructor)
};

template<class T, std::size_t... I>
[[nodiscard]] consteval bool has_members(std::index_sequence<I...>) {
    return requires { T{(static_cast<void>(I), anything{})...}; };
}

inline constexpr std::size_t members_max = 8;

template<class T, std::size_t N = members_max + 1>
[[nodiscard]] consteval std::size_t members() {
    if constexpr (has_members<T>(std::make_index_sequence<N>()))
        return N;
    else if constexpr (N != 0)
        return members<T, N - 1>();
    else
        return 0;
}

template<class... T>
struct types {};

template<class T>
[[nodiscard]] constexpr auto member_types(T& it) {
    constexpr std::size_t n = members<T>();
    static_assert(n <= members_max, "more than 8 members: specialise series, e.g. from product<T, Members...>");
    if constexpr (n == 0) {
        return types<>();
    } else if constexpr (n == 1) {
        auto& [a] = it;
        return types<std::remove_cvref_t<decltype(a)>>();
    } else if constexpr (n == 2) {
        auto& [a, b] = it;
        return types<std::remove_cvref_t<decltype(a)>, std::remove_cvref_t<decltype(b)>>();
    } else if constexpr (n == 3) {
        auto& [a, b, c] = it;
        return types<std::remove_cvref_t<decltype(a)>, std::remove_cvref_t<decltype(b)>,
                     std::remove_cvref_t<decltype(c)>>();
    } else if constexpr (n == 4) {
        auto& [a, b, c, d] = it;
        return types<std::remove_cvref_t<decltype(a)>, std::remove_cvref_t<decltype(b)>,
                     std::remove_cvref_t<decltype(c)>, std::remove_cvref_t<decltype(d)>>();
    } else if constexpr (n == 5) {
        auto& [a, b, c, d, e] = it;
        return types<std::remove_cvref_t<decltype(a)>, std::remove_cvref_t<decltype(b)>,
                     std::remove_cvref_t<decltype(c)>, std::remove_cvref_t<decltype(d)>,
                     std::remove_cvref_t<decltype(e)>>();
    } else if constexpr (n == 6) {
        auto& [a, b, c, d, e, f] = it;
        return types<std::remove_cvref_t<decltype(a)>, std::remove_cvref_t<decltype(b)>,
                     std::remove_cvref_t<decltype(c)>, std::remove_cvref_t<decltype(d)>,
                     std::remove_cvref_t<decltype(e)>, std::remove_cvref_t<decltype(f)>>();
    } else if constexpr (n == 7) {
        auto& [a, b, c, d, e, f, g] = it;
        return types<std::remove_cvref_t<decltype(a)>, std::remove_cvref_t<decltype(b)>,
                     std::remove_cvref_t<decltype(c)>, std::remove_cvref_t<decltype(d)>,
                     std::remove_cvref_t<decltype(e)>, std::remove_cvref_t<decltype(f)>,
                     std::remove_cvref_t<decltype(g)>>();
    } else {
        auto& [a, b, c, d, e, f, g, h] = it;
        return types<std::remove_cvref_t<decltype(a)>, std::remove_cvref_t<decltype(b)>,
                     std::remove_cvref_t<decltype(c)>, std::remove_cvref_t<decltype(d)>,
                     std::remove_cvref_t<decltype(e)>, std::remove_cvref_t<decltype(f)>,
                     std::remove_cvref_t<decltype(g)>, std::remove_cvref_t<decltype(h)>>();
    }
}

} // namespace detail

// The value at an index of an integer type's series, and back: bijections between [0, 2^bits) and the type.
template<detail::number T>
[[nodiscard]] constexpr T integer_at(natural index) {
    GANTRY_ASSERT(index <= detail::values_of<T> - 1 || detail::bits<T> == 128);
    if constexpr (detail::is_negative_possible<T>) {
        const natural half = index >> 1U;
        return static_cast<T>((index & 1U) == 0 ? half : ~half);
    } else {
        return static_cast<T>(index);
    }
}

template<detail::number T>
[[nodiscard]] constexpr natural index_of(T value) noexcept {
    if constexpr (detail::is_negative_possible<T>) {
        const auto wide = static_cast<natural>(static_cast<integer>(value));
        return value < 0 ? (~wide << 1U) | 1U : wide << 1U;
    } else {
        return static_cast<natural>(value);
    }
}

template<detail::number T>
struct series<T> {
    [[nodiscard]] static constexpr natural count(depth_type depth) noexcept {
        const natural small = detail::is_negative_possible<T> ? natural{depth} * 2 + 1 : natural{depth} + 1;
        return small < detail::values_of<T> ? small : detail::values_of<T>;
    }
    [[nodiscard]] static constexpr T at(natural index) { return integer_at<T>(index); }
};

template<detail::character T>
struct series<T> {
    [[nodiscard]] static constexpr natural count(depth_type depth) noexcept {
        const natural small = natural{depth} + 1;
        return small < detail::values_of<T> ? small : detail::values_of<T>;
    }
    [[nodiscard]] static constexpr T at(natural index) {
        GANTRY_ASSERT(index < detail::values_of<T>);
        return static_cast<T>(index + static_cast<natural>('a'));
    }
};

template<>
struct series<std::byte> {
    [[nodiscard]] static constexpr natural count(depth_type depth) noexcept {
        return series<unsigned char>::count(depth);
    }
    [[nodiscard]] static constexpr std::byte at(natural index) { return std::byte(integer_at<unsigned char>(index)); }
};

template<>
struct series<bool> {
    [[nodiscard]] static constexpr natural count(depth_type) noexcept { return 2; }
    [[nodiscard]] static constexpr bool at(natural index) {
        GANTRY_ASSERT(index < 2);
        return index != 0;
    }
};

template<>
struct series<std::monostate> {
    [[nodiscard]] static constexpr natural count(depth_type) noexcept { return 1; }
    [[nodiscard]] static constexpr std::monostate at(natural index) {
        GANTRY_ASSERT(index == 0);
        return {};
    }
};

template<class Enum>
requires std::is_enum_v<Enum> && requires { enumerators<Enum>::values; }
struct series<Enum> {
    [[nodiscard]] static constexpr natural count(depth_type) noexcept { return std::size(enumerators<Enum>::values); }
    [[nodiscard]] static constexpr Enum at(natural index) {
        GANTRY_ASSERT(index < std::size(enumerators<Enum>::values));
        return enumerators<Enum>::values[static_cast<std::size_t>(index)];
    }
};

// The series of a class that is built from its parts: T{part, part ...}.
template<class T, class... Parts>
struct product {
    [[nodiscard]] static constexpr natural count(depth_type depth) {
        return detail::product_index<Parts...>::count(depth);
    }
    [[nodiscard]] static constexpr T at(natural index) {
        const auto part = detail::product_index<Parts...>::at(index);
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return T{series<Parts>::at(part[I])...};
        }(std::index_sequence_for<Parts...>());
    }
};

template<class A, class B>
struct series<std::pair<A, B>> : product<std::pair<A, B>, A, B> {};

template<class... Parts>
struct series<std::tuple<Parts...>> : product<std::tuple<Parts...>, Parts...> {};

namespace detail {

template<class T, class Types>
struct product_of;

template<class T, class... Parts>
struct product_of<T, types<Parts...>> : product<T, Parts...> {};

template<class T, std::size_t... I>
types<std::enable_if_t<I + 1 != 0, T>...> repeated(std::index_sequence<I...>);

} // namespace detail

template<class T, std::size_t N>
struct series<std::array<T, N>>
    : detail::product_of<std::array<T, N>, decltype(detail::repeated<T>(std::make_index_sequence<N>()))> {};

// An aggregate of up to 8 members.
template<class T>
requires std::is_class_v<T> && std::is_aggregate_v<T>
struct series<T> : detail::product_of<T, decltype(detail::member_types(std::declval<T&>()))> {};

template<class... Alternatives>
struct series<std::variant<Alternatives...>> {
    [[nodiscard]] static constexpr natural count(depth_type depth) {
        natural all = 0;
        ((all = detail::plus(all, series<Alternatives>::count(depth))), ...);
        return all;
    }
    [[nodiscard]] static constexpr std::variant<Alternatives...> at(natural index) {
        const depth_type depth = detail::depth_of(index, count);
        return pick<0, Alternatives...>(depth == 0 ? index : index - count(depth - 1), depth);
    }

private:
    // Among the values of exactly that depth, the alternatives follow each other.
    template<std::size_t I, class First, class... Rest>
    [[nodiscard]] static constexpr std::variant<Alternatives...> pick(natural index, depth_type depth) {
        const natural shallower = detail::count_below<First>(depth);
        if constexpr (sizeof...(Rest) != 0) {
            const natural block = series<First>::count(depth) - shallower;
            if (index >= block)
                return pick<I + 1, Rest...>(index - block, depth);
        }
        return std::variant<Alternatives...>(std::in_place_index<I>, series<First>::at(index + shallower));
    }
};

template<class T>
struct series<std::optional<T>> {
    [[nodiscard]] static constexpr natural count(depth_type depth) {
        return detail::plus(1, detail::count_below<T>(depth));
    }
    [[nodiscard]] static constexpr std::optional<T> at(natural index) {
        if (index == 0)
            return std::nullopt;
        return std::optional<T>(series<T>::at(index - 1));
    }
};

template<class T>
struct series<std::unique_ptr<T>> {
    [[nodiscard]] static constexpr natural count(depth_type depth) {
        return detail::plus(1, detail::count_below<T>(depth));
    }
    [[nodiscard]] static constexpr std::unique_ptr<T> at(natural index) {
        return index == 0 ? nullptr : std::make_unique<T>(series<T>::at(index - 1));
    }
};

namespace detail {

// A list is empty, or an element before a list: 1 + the product of both one level down.
template<class List, class T>
struct list_series {
    [[nodiscard]] static constexpr natural count(depth_type depth) {
        natural all = 1;
        for (depth_type d = 0; d != depth; ++d) {
            const natural next = plus(1, times(series<T>::count(d), all));
            if (next == uncountable)
                return next;
            all = next;
        }
        return all;
    }
    [[nodiscard]] static constexpr List at(natural index) {
        List list;
        while (index != 0) {
            const auto [first, rest] = product_index<T, List>::at(index - 1);
            list.push_back(series<T>::at(first));
            index = rest;
        }
        return list;
    }
};

} // namespace detail

template<class T>
struct series<std::vector<T>> : detail::list_series<std::vector<T>, T> {};

template<class Char>
struct series<std::basic_string<Char>> : detail::list_series<std::basic_string<Char>, Char> {};

// How many values have at most that depth.
template<class T>
[[nodiscard]] constexpr natural count(depth_type depth) {
    const natural all = series<T>::count(depth);
    GANTRY_ASSERT(all != uncountable);
    return all;
}

// A stretch of a type's series: a random-access range of known size whose elements are made when they are read.
template<class T>
class range : public std::ranges::view_interface<range<T>> {
    static constexpr bool wide = [] {
        if constexpr (detail::number<T>)
            return detail::bits<T> >= 64;
        else
            return false;
    }();

public:
    using size_type = std::conditional_t<wide, natural, std::uint64_t>;
    using difference_type = std::conditional_t<wide, integer, std::int64_t>;

    class iterator {
    public:
        using iterator_concept = std::random_access_iterator_tag;
        using iterator_category = std::input_iterator_tag; // what older algorithms call it: it returns values
        using value_type = T;
        using difference_type = range::difference_type;
        using reference = T;
        using pointer = void;

        iterator() = default;
        explicit constexpr iterator(size_type index) noexcept : index_(index) {}

        [[nodiscard]] constexpr T operator*() const { return series<T>::at(index_); }
        [[nodiscard]] constexpr T operator[](difference_type n) const { return *(*this + n); }

        constexpr iterator& operator+=(difference_type n) noexcept {
            index_ += static_cast<size_type>(n); // unsigned: a negative step wraps to the right index
            return *this;
        }
        constexpr iterator& operator-=(difference_type n) noexcept {
            index_ -= static_cast<size_type>(n);
            return *this;
        }
        constexpr iterator& operator++() noexcept { return *this += 1; }
        constexpr iterator& operator--() noexcept { return *this -= 1; }
        constexpr iterator operator++(int) noexcept { return iterator(index_++); }
        constexpr iterator operator--(int) noexcept { return iterator(index_--); }
        [[nodiscard]] friend constexpr iterator operator+(iterator it, difference_type n) noexcept { return it += n; }
        [[nodiscard]] friend constexpr iterator operator+(difference_type n, iterator it) noexcept { return it += n; }
        [[nodiscard]] friend constexpr iterator operator-(iterator it, difference_type n) noexcept { return it -= n; }
        [[nodiscard]] friend constexpr difference_type operator-(iterator a, iterator b) noexcept {
            return static_cast<difference_type>(a.index_ - b.index_);
        }
        [[nodiscard]] friend constexpr bool operator==(iterator, iterator) noexcept = default;
        // By distance: the end of a window that reaches the last value of a 128-bit type has index 0.
        [[nodiscard]] friend constexpr std::strong_ordering operator<=>(iterator a, iterator b) noexcept {
            return a - b <=> difference_type{0};
        }

    private:
        size_type index_ = 0;
    };

    range() = default;
    constexpr range(natural first, natural count) : first_(static_cast<size_type>(first)) {
        GANTRY_ASSERT(count <= natural{static_cast<size_type>(-1) / 2});
        GANTRY_ASSERT(first == static_cast<natural>(first_));
        size_ = static_cast<size_type>(count);
    }

    [[nodiscard]] constexpr iterator begin() const noexcept { return iterator(first_); }
    [[nodiscard]] constexpr iterator end() const noexcept { return iterator(first_ + size_); }
    [[nodiscard]] constexpr size_type size() const noexcept { return size_; }

private:
    size_type first_ = 0;
    size_type size_ = 0;
};

// All values of at most that depth, small to big.
template<class T>
[[nodiscard]] constexpr range<T> all(depth_type depth) {
    return range<T>(0, count<T>(depth));
}

// The values from index `first` on.
template<class T>
[[nodiscard]] constexpr range<T> window(natural first, natural count) {
    return range<T>(first, count);
}

// Every value of an integer type, to its ends; 128-bit types have more than any size can say.
template<class T>
requires((detail::number<T> || detail::character<T>) && !detail::is_wide<T>)
[[nodiscard]] constexpr range<T> whole() {
    return range<T>(0, detail::values_of<T>);
}

enum class verdict : std::uint8_t {
    holds,
    fails,
    discarded, // the values do not meet what the property requires
};

template<class... Args>
struct outcome {
    natural cases = 0;     // tried, the failing one included
    natural discarded = 0; // of these
    depth_type depth = 0;  // of the counterexample, or else that was searched to the end
    std::optional<std::tuple<Args...>> counterexample;
    std::exception_ptr thrown; // what the property threw on the counterexample

    // Holds for all values of that depth.
    [[nodiscard]] explicit operator bool() const noexcept { return !counterexample.has_value(); }
};

// Tries the property on all combinations of values of at most that depth, by increasing depth, and stops at the first
// that refutes it. A property takes (const Args&...) and returns bool or verdict.
template<class... Args, class Property>
requires std::invocable<Property&, const Args&...>
[[nodiscard]] outcome<Args...> for_all(depth_type depth, Property property) {
    outcome<Args...> result;
    const range<std::tuple<Args...>> cases = all<std::tuple<Args...>>(depth);
    for (std::uint64_t index = 0; index != cases.size(); ++index) {
        std::tuple<Args...> values = series<std::tuple<Args...>>::at(index);
        verdict said = verdict::fails;
        try {
            const auto answer =
                std::apply([&](const Args&... args) { return std::invoke(property, args...); }, std::as_const(values));
            if constexpr (std::same_as<std::remove_const_t<decltype(answer)>, verdict>)
                said = answer;
            else
                said = answer ? verdict::holds : verdict::fails;
        } catch (...) {
            result.thrown = std::current_exception();
        }
        ++result.cases;
        if (said == verdict::discarded)
            ++result.discarded;
        if (said == verdict::fails) {
            result.depth = detail::depth_of(index, series<std::tuple<Args...>>::count);
            // Made again: the property may have changed what the values point to.
            result.counterexample.emplace(series<std::tuple<Args...>>::at(index));
            return result;
        }
    }
    result.depth = depth;
    return result;
}

} // namespace gantry::check::smallcheck

template<class T>
inline constexpr bool std::ranges::enable_borrowed_range<gantry::check::smallcheck::range<T>> = true;

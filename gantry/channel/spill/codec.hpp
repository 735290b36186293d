// SPDX-License-Identifier: MIT
#pragma once
//
// spill_codec<T>: how an element becomes bytes and comes back, and how much memory it takes.
//
// Use it when you put a type of your own into a spilling channel: specialise it.
// Do not use it when T is trivially copyable (and holds no pointers that matter), a std::string, or a std::vector of
// trivially copyable elements: those are known.
//
//     template<>
//     struct gantry::channel::spill_codec<order> {
//         static std::size_t encoded_size(const order& it) { return 8 + it.name.size(); }
//         static void encode(const order& it, std::byte* to) {
//             gantry::store_le(it.number, to);
//             std::copy_n(std::as_bytes(std::span(it.name)).data(), it.name.size(), to + 8);
//         }
//         static std::optional<order> decode(gantry::storage_bytes from) {
//             if (from.size() < 8)
//                 return std::nullopt; // these are not such bytes
//             const char* const text = reinterpret_cast<const char*>(from.data()) + 8;
//             return order{.number = gantry::load_le<std::uint64_t>(from.data()), .name = {text, from.size() - 8}};
//         }
//         static std::size_t memory_size(const order& it) { return sizeof it + it.name.capacity(); }
//     };
//
// A codec may also say how an element is looked at where it lies (leases::visit): `view`, a type; view_bytes(bytes), an
// optional one; and view_of(element). Strings have std::string_view; what is copied byte by byte const T&, and vectors
// std::span, where E or T needs no more than 4 bytes of alignment, which is what there is on disk.
//
// Bytes may come from a file that an earlier version of the program wrote: decode must stand whatever they are. A type
// that is copied byte by byte is read back only on machines with the same layout.
//
// Threads: memory_size is called beside the others, else one thread at a time for a channel; all under its locks: they
// must not use the channel. Progress: n/a.
// Ordering: n/a. Cost: the user's. Failure: must not throw, but decode may run out of memory. Lifetime: values.
// Origin: n/a.

#include <gantry/base/storage.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gantry::channel {

template<class T>
struct spill_codec;

template<class T>
concept spillable = requires(const T& value, std::byte* to, storage_bytes from) {
    { spill_codec<T>::encoded_size(value) } -> std::same_as<std::size_t>;
    spill_codec<T>::encode(value, to);
    { spill_codec<T>::decode(from) } -> std::same_as<std::optional<T>>;
    { spill_codec<T>::memory_size(value) } -> std::same_as<std::size_t>;
};

// Whether elements can be looked at where they lie.
template<class T>
concept spill_viewable = spillable<T> && requires(const T& value, storage_bytes from) {
    typename spill_codec<T>::view;
    { spill_codec<T>::view_bytes(from) } -> std::same_as<std::optional<typename spill_codec<T>::view>>;
    { spill_codec<T>::view_of(value) } -> std::same_as<typename spill_codec<T>::view>;
};

namespace detail {

inline constexpr std::size_t view_alignment_max = 4;

// What an allocation takes: the allocator's own word, and its steps.
[[nodiscard]] constexpr std::size_t allocated_size(std::size_t bytes) noexcept {
    return bytes == 0 ? 0 : (bytes + 8 + 15) / 16 * 16;
}

} // namespace detail

template<class T>
requires std::is_trivially_copyable_v<T>
struct spill_codec<T> {
    static std::size_t encoded_size(const T&) noexcept { return sizeof(T); }
    static void encode(const T& value, std::byte* to) noexcept { std::memcpy(to, &value, sizeof(T)); }
    static std::optional<T> decode(storage_bytes from) noexcept {
        if (from.size() != sizeof(T))
            return std::nullopt;
        std::optional<T> value;
        struct bytes_of {
            alignas(T) std::byte raw[sizeof(T)];
        } copy;
        std::memcpy(copy.raw, from.data(), sizeof(T));
        value.emplace(*reinterpret_cast<const T*>(copy.raw));
        return value;
    }
    static std::size_t memory_size(const T&) noexcept { return sizeof(T); }

    using view = std::reference_wrapper<const T>;
    static std::optional<view> view_bytes(storage_bytes from) noexcept
    requires(alignof(T) <= detail::view_alignment_max)
    {
        if (from.size() != sizeof(T))
            return std::nullopt;
        return view(*reinterpret_cast<const T*>(from.data()));
    }
    static view view_of(const T& value) noexcept { return view(value); }
};

template<>
struct spill_codec<std::string> {
    static std::size_t encoded_size(const std::string& value) noexcept { return value.size(); }
    static void encode(const std::string& value, std::byte* to) noexcept {
        if (!value.empty())
            std::memcpy(to, value.data(), value.size());
    }
    static std::optional<std::string> decode(storage_bytes from) {
        return std::optional<std::string>(std::in_place, reinterpret_cast<const char*>(from.data()), from.size());
    }
    static std::size_t memory_size(const std::string& value) noexcept {
        // Short ones lie in the object itself.
        return sizeof value + (value.capacity() < 16 ? 0 : detail::allocated_size(value.capacity() + 1));
    }

    using view = std::string_view;
    static std::optional<view> view_bytes(storage_bytes from) noexcept {
        return view(reinterpret_cast<const char*>(from.data()), from.size());
    }
    static view view_of(const std::string& value) noexcept { return value; }
};

template<class E>
requires(std::is_trivially_copyable_v<E> && !std::same_as<E, bool>)
struct spill_codec<std::vector<E>> {
    using type = std::vector<E>;
    static std::size_t encoded_size(const type& value) noexcept { return value.size() * sizeof(E); }
    static void encode(const type& value, std::byte* to) noexcept {
        if (!value.empty())
            std::memcpy(to, value.data(), value.size() * sizeof(E));
    }
    static std::optional<type> decode(storage_bytes from) {
        if (from.size() % sizeof(E) != 0)
            return std::nullopt;
        std::optional<type> value(std::in_place, from.size() / sizeof(E));
        if (!from.empty())
            std::memcpy(value->data(), from.data(), from.size());
        return value;
    }
    static std::size_t memory_size(const type& value) noexcept {
        return sizeof value + detail::allocated_size(value.capacity() * sizeof(E));
    }

    using view = std::span<const E>;
    static std::optional<view> view_bytes(storage_bytes from) noexcept
    requires(alignof(E) <= detail::view_alignment_max)
    {
        if (from.size() % sizeof(E) != 0)
            return std::nullopt;
        return view(reinterpret_cast<const E*>(from.data()), from.size() / sizeof(E));
    }
    static view view_of(const type& value) noexcept { return value; }
};

} // namespace gantry::channel

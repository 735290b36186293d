// SPDX-License-Identifier: MIT
// A channel is linearizable: every small table of try_push, try_pop, close and is_closed is explained by the sequential
// channel, in every execution, what is left in it included. Bounds: capacity 1; two threads with one operation each;
// with two each of try_push and try_pop.
#include <gantry/channel/channel.hpp>
#include <gantry/check/scenario/scenario.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace gantry::check;
using gantry::channel::errc;

namespace {

enum class act : std::uint8_t { try_push, try_pop, close, is_closed };

struct asked {
    act what = act::try_pop;
    int value = 0;
};

std::string text_of(const asked& it) {
    switch (it.what) {
    case act::try_push:
        return "try_push(" + std::to_string(it.value) + ")";
    case act::try_pop:
        return "try_pop()";
    case act::close:
        return "close()";
    case act::is_closed:
        return "is_closed()";
    }
    return "";
}

// What came out, why nothing went in or came out, or yes and no.
struct answered {
    errc refused{};
    int value = 0;

    [[nodiscard]] bool operator==(const answered&) const = default;
};

std::string text_of(const answered& it) {
    return it.refused == errc{} ? std::to_string(it.value) : std::string(to_string(it.refused));
}

struct channel_specification {
    using operation = asked;
    using result = answered;

    std::size_t capacity = 0; // 0: unbounded
    bool closed = false;
    std::vector<int> values{}; // the oldest first

    answered apply(const asked& it) {
        switch (it.what) {
        case act::try_push:
            if (closed) {
                return {errc::closed, it.value};
            }
            if (capacity != 0 && values.size() == capacity) {
                return {errc::full, it.value};
            }
            values.push_back(it.value);
            return {};
        case act::try_pop: {
            if (values.empty()) {
                return {closed ? errc::closed : errc::empty};
            }
            const int oldest = values.front();
            values.erase(values.begin());
            return {errc{}, oldest};
        }
        case act::close:
            closed = true;
            return {};
        case act::is_closed:
            return {errc{}, closed ? 1 : 0};
        }
        return {};
    }
    [[nodiscard]] std::size_t hash() const {
        std::size_t hash = closed ? 1 : 0;
        for (const int each : values) {
            hash = hash * 31 + std::hash<int>()(each);
        }
        return hash;
    }
    [[nodiscard]] bool operator==(const channel_specification&) const = default;
};

constexpr auto apply = [](const gantry::channel::ends<int>& channel, const asked& it) -> answered {
    switch (it.what) {
    case act::try_push: {
        const auto pushed = channel.tx.try_push(it.value);
        return pushed ? answered() : answered{pushed.error().reason, pushed.error().value};
    }
    case act::try_pop: {
        const auto popped = channel.rx.try_pop();
        return popped ? answered{errc{}, *popped} : answered{popped.error()};
    }
    case act::close:
        channel.tx.close();
        return {};
    case act::is_closed:
        return {errc{}, channel.rx.is_closed() ? 1 : 0};
    }
    return {};
};

scenario_operations<asked> with_what_is_left(std::vector<asked> operations) {
    return {.all = std::move(operations),
            .before = {},
            .after = {{act::try_pop}, {act::try_pop}, {act::try_pop}},
            .number = [](asked& it, std::uint64_t n) {
                it.value = static_cast<int>(n);
            }};
}

} // namespace

GANTRY_SCENARIOS(bounded_channel, given) {
    return scenarios(
        {.operations_max = 1, .model = given}, [] { return gantry::channel::bounded<int>(1); },
        with_what_is_left({{act::try_push}, {act::try_pop}, {act::close}, {act::is_closed}}), apply,
        channel_specification{.capacity = 1});
}

GANTRY_SCENARIOS(bounded_channel_pushes_and_pops, given) {
    return scenarios(
        {.model = given}, [] { return gantry::channel::bounded<int>(1); },
        with_what_is_left({{act::try_push}, {act::try_pop}}), apply, channel_specification{.capacity = 1});
}

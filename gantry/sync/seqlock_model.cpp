// SPDX-License-Identifier: MIT
// seqlock: no torn value, values in their order, and a value carries what happened before its store; a register that is
// linearizable. Two words, two or three threads, up to two stores.
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/model.hpp>
#include <gantry/sync/seqlock.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <thread>

using gantry::check::model_history;
using gantry::check::register_specification;
using gantry::check::verb;
using gantry::sync::seqlock;
using gantry::sync::seqlock_writers;

namespace {

struct pair {
    std::int64_t first = 0;
    std::int64_t second = 0;
};

} // namespace

// Both halves belong together, and what happened before the store is seen.
GANTRY_MODEL(seqlock_is_not_torn) {
    seqlock<pair> value;
    int data = 0;
    std::thread writer([&] {
        data = 1;
        value.store({1, 1});
    });
    const std::optional<pair> seen = value.try_load();
    if (seen) {
        GANTRY_CHECK_EQ(seen->first, seen->second);
        if (seen->first == 1) {
            GANTRY_CHECK(data == 1);
        }
    }
    writer.join();
    GANTRY_CHECK(value.load().second == 1);
}

// A value that is too long to be read word by word by name.
GANTRY_MODEL(seqlock_of_many_words) {
    seqlock<std::array<std::int64_t, 9>> value;
    std::thread writer([&] { value.store({1, 0, 0, 0, 0, 0, 0, 0, 1}); });
    if (const auto seen = value.try_load()) {
        GANTRY_CHECK_EQ(seen->front(), seen->back());
    }
    writer.join();
}

GANTRY_MODEL(seqlock_two_stores) {
    seqlock<pair> value;
    std::thread writer([&] {
        value.store({1, 1});
        value.store({2, 2});
    });
    if (const std::optional<pair> seen = value.try_load()) {
        GANTRY_CHECK_EQ(seen->first, seen->second);
    }
    writer.join();
}

GANTRY_MODEL(seqlock_is_linearizable) {
    seqlock<pair> value;
    model_history<register_specification> log;
    std::thread writer([&] {
        log({.what = verb::write, .value = 1}, [&] {
            value.store({1, 1});
            return gantry::check::response{};
        });
    });
    log({.what = verb::read}, [&] { return value.load().first; });
    log({.what = verb::read}, [&] { return value.load().second; });
    writer.join();
    GANTRY_CHECK_LINEARIZABLE(register_specification{}, log);
}

// Writers of the many-writers form do not tear each other's value, and update() loses nothing.
GANTRY_MODEL(seqlock_many_writers) {
    seqlock<pair, seqlock_writers::many> value;
    const auto add = [&] {
        value.update([](pair old) { return pair{old.first + 1, old.second + 1}; });
    };
    std::thread other(add);
    add();
    other.join();
    const pair now = value.load();
    GANTRY_CHECK_EQ(now.first, 2);
    GANTRY_CHECK_EQ(now.second, 2);
}

GANTRY_MODEL(seqlock_many_writers_and_a_reader) {
    seqlock<pair, seqlock_writers::many> value;
    std::thread other([&] { value.store({1, 1}); });
    std::thread third([&] { value.store({2, 2}); });
    if (const std::optional<pair> seen = value.try_load()) {
        GANTRY_CHECK_EQ(seen->first, seen->second);
    }
    other.join();
    third.join();
    const pair now = value.load();
    GANTRY_CHECK_EQ(now.first, now.second);
    GANTRY_CHECK(now.first != 0);
}

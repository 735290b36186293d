// SPDX-License-Identifier: MIT
// States a second of check_history(). A state is a pair of done operations and object that was not seen before; each
// benchmark checks its verdict. Program bench_linearizability.
#include <gantry/base/prng.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/specifications.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace gantry::check;
using events = history<request, response>;

template<class Judge>
void run(benchmark::State& state, const Judge& judge, verdict expected) {
    std::uint64_t states = 0;
    for (auto _ : state) {
        const history_result result = judge();
        if (result.is != expected) {
            state.SkipWithError("wrong verdict");
            break;
        }
        states += result.states;
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(states));
}

template<class Spec>
void run(benchmark::State& state, const Spec& start, const events& all, verdict expected) {
    run(state, [&] { return check_history(start, all); }, expected);
}

// `threads` operations at a time overlap, `rounds` times; the last result fits nowhere, so that all is searched.
events waves(int threads, int rounds, verb what) {
    events all;
    std::uint64_t now = 0;
    std::int64_t value = 0;
    for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < threads; ++i) {
            all.push_back({.thread = static_cast<std::uint32_t>(i),
                           .what = {.what = what, .value = ++value},
                           .result = response{},
                           .call = now + static_cast<std::uint64_t>(i),
                           .end = now + static_cast<std::uint64_t>(threads + i)});
        }
        now += 2 * static_cast<std::uint64_t>(threads);
    }
    all.push_back({.thread = 0,
                   .what = {.what = what == verb::push ? verb::pop : verb::read},
                   .result = response{-1},
                   .call = now,
                   .end = now + 1});
    return all;
}

void writes(benchmark::State& state) {
    run(state, register_specification{}, waves(static_cast<int>(state.range(0)), 8, verb::write), verdict::violated);
}
BENCHMARK(writes)->Name("linearizability/gantry/spec:register")->ArgName("threads")->Arg(4)->Arg(12)->UseRealTime();

void pushes(benchmark::State& state) {
    run(state, queue_specification{}, waves(static_cast<int>(state.range(0)), 2, verb::push), verdict::violated);
}
BENCHMARK(pushes)->Name("linearizability/gantry/spec:queue")->ArgName("threads")->Arg(4)->Arg(6)->UseRealTime();

// As in a model: what came first is asked for each pair.
void pushes_in_a_model(benchmark::State& state) {
    const events all = waves(static_cast<int>(state.range(0)), 2, verb::push);
    const auto precedes = [&](std::size_t a, std::size_t b) {
        return all[a].end < all[b].call;
    };
    run(state, [&] { return check_history(queue_specification{}, all, precedes); }, verdict::violated);
}
BENCHMARK(pushes_in_a_model)
    ->Name("happens_before/gantry/spec:queue")
    ->ArgName("threads")
    ->Arg(4)
    ->Arg(6)
    ->UseRealTime();

// A sound history of a set with many keys, as a stress test records it.
events keyed(int threads, int operations) {
    gantry::prng random(1);
    events all;
    set_specification object;
    std::uint64_t now = 0;
    for (int i = 0; i < operations; ++i) {
        const verb verbs[] = {verb::insert, verb::erase, verb::contains};
        const request asked{.what = verbs[random.uniform_below(3)],
                            .key = static_cast<std::int64_t>(random.uniform_below(64))};
        all.push_back({.thread = static_cast<std::uint32_t>(i % threads),
                       .what = asked,
                       .result = object.apply(asked),
                       .call = now,
                       .end = now + 2 * static_cast<std::uint64_t>(threads) - 1});
        now += 2;
    }
    return all;
}

void sets(benchmark::State& state) {
    run(state, set_specification{}, keyed(4, static_cast<int>(state.range(0))), verdict::holds);
}
BENCHMARK(sets)->Name("linearizability/gantry/spec:set")->ArgName("operations")->Arg(10'000)->UseRealTime();

} // namespace

BENCHMARK_MAIN();

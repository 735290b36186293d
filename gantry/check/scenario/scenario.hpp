// SPDX-License-Identifier: MIT
#pragma once
//
// scenarios(): every small table "threads x operations" of an object, from small to big, each in every execution that
// the memory model allows, against the object's sequential specification.
//
// Use it when an object has a handful of operations and you do not want to guess which of them must meet for a fault to
// show. Do not use it when an operation waits until others act (its table would be a deadlock), or when the scenario
// matters that you have in mind -> GANTRY_MODEL with model_history.hpp.
//
//     GANTRY_SCENARIOS(stack, given) {
//         return scenarios(
//             {.threads_max = 2, .operations_max = 2, .model = given}, [] { return test::treiber_stack(); },
//             std::vector<request>{push(1), push(2), pop}, apply, stack_specification());
//     }
//
// With m operations, a thread has S = m + m^2 + ... + m^operations_max lists of them, and there are
// C(S + t - 1, t) tables of t threads, since threads can be permuted; that for t = 1, 2 ... threads_max. Among those
// that fail, the first one is the smallest: fewest operations, then fewest threads.
//
// Threads: as model(). Progress: blocking. Ordering: n/a. Cost: a call of model() for each table. Failure: in the
// certificate; `exhaustive` is said only when every table within the bounds was explored to its end.
// Lifetime: nothing is kept.
// Origin: the small scope of SmallCheck (Runciman, Naylor, Lindblad 2008) on tables as Line-Up (Burckhardt et al., PLDI
// 2010) and Lincheck have them, under a weak memory model; shrinking as in QuickCheck (Claessen, Hughes, ICFP 2000).

#include <gantry/base/prng.hpp>
#include <gantry/check/linearizability/history_text.hpp>
#include <gantry/check/linearizability/linearizability.hpp>
#include <gantry/check/linearizability/model_history.hpp>
#include <gantry/check/model.hpp>
#include <gantry/check/scenario/certificate.hpp>
#include <gantry/check/scenario/detail/tables.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace gantry::check {

struct scenario_options {
    std::uint32_t threads_max = 2;
    std::uint32_t operations_max = 2; // of each thread
    condition what = condition::linearizable;
    double seconds_max = 0; // for all tables together; 0: no limit

    // Beyond the bounds: tables drawn at random, explored at random, and shrunk when one fails.
    std::uint64_t random_tables = 0;
    std::uint32_t random_threads_max = 3;
    std::uint32_t random_operations_max = 4;
    std::uint64_t random_executions = 1000; // of each
    std::uint64_t seed = 1;

    model_options model{}; // of each table; `replay` is a certificate's token
};

template<class Operation>
struct scenario_operations {
    std::vector<Operation> all{};    // from small to big
    std::vector<Operation> before{}; // done first, by one thread
    std::vector<Operation> after{};  // done last, by one thread: what is left in the object
    // Changes the n-th operation of a table, from 1 on, so that each value that goes in is one of its own.
    void (*number)(Operation& what, std::uint64_t n) = nullptr;
};

// `make()` returns the object, at its start; `apply(object, operation)` returns what the operation did.
template<specification Spec, class Make, class Apply>
[[nodiscard]] certificate scenarios(const scenario_options& options, Make make,
                                    const scenario_operations<typename Spec::operation>& operations, Apply apply,
                                    const Spec& start) {
    using operation = typename Spec::operation;
    using clock = std::chrono::steady_clock;
    const clock::time_point begun = clock::now();
    const auto seconds = [&] {
        return std::chrono::duration<double>(clock::now() - begun).count();
    };
    certificate proof{.threads_max = options.threads_max,
                      .operations_max = options.operations_max,
                      .condition = name_of(options.what)};
    for (const operation& each : operations.all) {
        proof.operations.push_back(detail::shown(each));
    }

    std::vector<std::vector<operation>> columns;
    const auto fill = [&](const detail::table& drawn) {
        columns.clear();
        std::uint64_t n = operations.before.size();
        for (const auto& column : drawn) {
            columns.emplace_back();
            for (const std::uint32_t i : column) {
                columns.back().push_back(operations.all[i]);
                if (operations.number != nullptr) {
                    operations.number(columns.back().back(), ++n);
                }
            }
        }
    };
    const auto body = [&] {
        model_history<Spec> log;
        auto object = make();
        const auto work = [&](const std::vector<operation>& list) {
            for (const operation& each : list) {
                log(each, [&] { return apply(object, each); });
            }
        };
        work(operations.before);
        std::vector<std::thread> others; // a jthread's stop token would be in every report
        for (std::size_t i = 1; i < columns.size(); ++i) {
            others.emplace_back([&work, &list = columns[i]] { work(list); });
        }
        work(columns[0]);
        for (std::thread& each : others) {
            each.join();
        }
        work(operations.after);
        if (const std::string wrong = log.fault(start, {.what = options.what}); !wrong.empty()) {
            fail(wrong.c_str(), __FILE__, __LINE__);
        }
    };
    const auto run = [&](const detail::table& drawn, const model_options& how) {
        fill(drawn);
        return model(how, body);
    };
    const auto note = [&](const detail::table& drawn, model_result result) {
        fill(drawn);
        proof.found = result.found;
        proof.report = std::move(result.report);
        proof.token = detail::spelled(drawn) + ':' + result.token;
        for (const auto& column : columns) {
            proof.table.emplace_back();
            for (const operation& each : column) {
                proof.table.back().push_back(detail::shown(each));
            }
        }
    };

    if (!options.model.replay.empty()) {
        const auto parsed = detail::parse_token(options.model.replay, operations.all.size());
        if (!parsed) {
            proof.found = fault::unsupported;
            proof.report = "not a token of these scenarios: " + options.model.replay;
            return proof;
        }
        model_options how = options.model;
        how.replay = parsed->second;
        model_result result = run(parsed->first, how);
        proof.graphs = result.graphs;
        if (!result.ok()) {
            note(parsed->first, std::move(result));
        }
        return proof;
    }

    const detail::bounds within{static_cast<std::uint32_t>(operations.all.size()), options.threads_max,
                                options.operations_max};
    proof.tables_within = detail::count(within);
    const auto goes_on = [&] {
        const std::atomic<bool>* const stop = options.model.stop;
        // relaxed: stale-ok
        proof.interrupted = stop != nullptr && stop->load(std::memory_order_relaxed);
        return !proof.interrupted && (options.seconds_max == 0 || seconds() < options.seconds_max);
    };
    detail::for_each_table(within, [&](const detail::table& drawn) {
        if (!goes_on()) {
            return false;
        }
        model_result result = run(drawn, options.model);
        ++proof.tables;
        proof.graphs += result.graphs;
        proof.blocked += result.blocked;
        if (!result.ok()) {
            note(drawn, std::move(result));
            return false;
        }
        proof.tables_cut += result.exhaustive ? 0U : 1U;
        return true;
    });
    proof.exhaustive = proof.ok() && proof.tables == proof.tables_within && proof.tables_cut == 0;

    model_options at_random = options.model;
    at_random.mode = search::random;
    at_random.executions_max = std::min(options.random_executions, options.model.executions_max);
    prng random(options.seed);
    for (std::uint64_t i = 0; proof.ok() && i < options.random_tables && goes_on(); ++i) {
        detail::table drawn =
            detail::draw({within.operations, options.random_threads_max, options.random_operations_max},
                         [&](std::uint64_t below) { return random.uniform_below(below); });
        ++proof.tables_random;
        model_result result = run(drawn, at_random);
        proof.graphs += result.graphs;
        if (result.ok()) {
            continue;
        }
        // A step smaller, as long as one fails: all executions of it while there are few, or else random ones.
        model_options all = options.model;
        all.mode = search::exact;
        all.executions_max = std::min<std::uint64_t>(20'000, options.model.executions_max);
        detail::shrink(drawn, [&](const detail::table& smaller) {
            ++proof.shrinks;
            model_result again = run(smaller, all);
            if (again.ok() && !again.exhaustive) {
                again = run(smaller, at_random);
            }
            if (again.ok()) {
                return false;
            }
            result = std::move(again);
            return true;
        });
        note(drawn, std::move(result));
    }
    proof.seconds = seconds();
    return proof;
}

// The same with nothing before and after.
template<specification Spec, class Make, class Apply>
[[nodiscard]] certificate scenarios(const scenario_options& options, Make make,
                                    std::vector<typename Spec::operation> operations, Apply apply, const Spec& start) {
    return scenarios(options, std::move(make),
                     scenario_operations<typename Spec::operation>{.all = std::move(operations)}, std::move(apply),
                     start);
}

} // namespace gantry::check

// GANTRY_SCENARIOS(name, given) { return scenarios({..., .model = given}, ...); }: beside the GANTRY_MODELs of a
// program. `given` is what the command line says: limits, seed, a token.
#define GANTRY_SCENARIOS(scenarios_name, given)                                                                        \
    static ::gantry::check::certificate gantry_scenarios_##scenarios_name(                                             \
        [[maybe_unused]] const ::gantry::check::model_options& given);                                                 \
    static ::gantry::check::registered_model gantry_scenarios_entry_##scenarios_name{                                  \
        .name = #scenarios_name, .scenarios = gantry_scenarios_##scenarios_name};                                      \
    [[maybe_unused]] static const bool gantry_scenarios_added_##scenarios_name =                                       \
        ::gantry::check::register_model(gantry_scenarios_entry_##scenarios_name);                                      \
    static ::gantry::check::certificate gantry_scenarios_##scenarios_name(                                             \
        [[maybe_unused]] const ::gantry::check::model_options& given)

// SPDX-License-Identifier: MIT
// scenarios(): the tables are all that there are and the certificate says so; faulty objects are found in their
// smallest table, by all tables and by random ones, and the token leads back.
#include <gantry/check/corpus/test_corpus.hpp>
#include <gantry/check/linearizability/specifications.hpp>
#include <gantry/check/linearizability/test_objects.hpp>
#include <gantry/check/scenario/scenario.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::check::corpus {

namespace {

request push(std::int64_t value) {
    return {.what = verb::push, .value = value};
}

constexpr request pop{.what = verb::pop};
constexpr request add_one{.what = verb::add, .value = 1};

constexpr auto queue_like = [](auto& object, const request& asked) -> response {
    if (asked.what == verb::pop) {
        return object.try_pop();
    }
    object.push(asked.value);
    return {};
};

constexpr auto counter_like = [](auto& object, const request& asked) -> response {
    return asked.what == verb::add ? object.add(asked.value) : object.read();
};

scenario_operations<request> pushes_and_pops() {
    return {
        .all = {push(0), pop}, .before = {}, .after = {pop, pop, pop}, .number = [](request& what, std::uint64_t n) {
            what.value = static_cast<std::int64_t>(n);
        }};
}

template<class Object, class Specification>
certificate of_container(const scenario_options& options) {
    return scenarios(options, [] { return Object(); }, pushes_and_pops(), queue_like, Specification());
}

certificate of_stack_that_drops(const scenario_options& options) {
    return of_container<test::stack_that_drops, stack_specification>(options);
}

certificate of_queue_that_repeats(const scenario_options& options) {
    return of_container<test::queue_that_repeats, queue_specification>(options);
}

certificate of_queue_whose_empty_lies(const scenario_options& options) {
    return of_container<test::queue_whose_empty_lies, queue_specification>(options);
}

certificate of_counter_in_two_steps(const scenario_options& options) {
    return scenarios(
        options, [] { return test::counter_in_two_steps(); },
        std::vector<request>{add_one, request{.what = verb::read}}, counter_like, counter_specification());
}

std::size_t operations_of(const certificate& proof) {
    std::size_t all = 0;
    for (const auto& list : proof.table) {
        all += list.size();
    }
    return all;
}

int wrong = 0;

void expect(bool right, const char* what, const certificate& proof) {
    wrong += right ? 0 : 1;
    std::printf("%s scenarios: %s\n", right ? "ok   " : "WRONG", what);
    if (!right) {
        std::printf("%s\ntoken %s\n", text_of(proof).c_str(), proof.token.c_str());
    }
}

} // namespace

int wrong_scenarios() {
    // Lists of up to two of three operations: 3 + 9 = 12. Tables of one thread 12, of two C(13, 2) = 78.
    const certificate all = scenarios(
        {.threads_max = 2, .operations_max = 2}, [] { return test::treiber_stack(); },
        std::vector<request>{push(1), push(2), pop}, queue_like, stack_specification());
    expect(all.ok() && all.exhaustive && all.tables_within == 90 && all.tables == 90 && all.tables_cut == 0,
           "90 tables of a stack", all);
    // One location and no loop, so the number of graphs is known: with one operation that adds, each table has as many
    // as there are orders of its operations: for 1, 2, 1 | 1, 1 | 2 and 2 | 2 of them 1, 1, 2, 3 and 6.
    const certificate adds = scenarios(
        {.threads_max = 2, .operations_max = 2}, [] { return test::counter(); }, std::vector<request>{add_one},
        counter_like, counter_specification());
    expect(adds.ok() && adds.exhaustive && adds.tables == 5 && adds.graphs == 13, "5 tables of a counter", adds);

    const certificate cut = scenarios(
        {.model = {.executions_max = 2}}, [] { return test::treiber_stack(); },
        std::vector<request>{push(1), push(2), pop}, queue_like, stack_specification());
    expect(cut.ok() && !cut.exhaustive && cut.tables == 90 && cut.tables_cut > 0 && cut.tables_cut < 90,
           "a limit is told", cut);

    struct faulty {
        const char* name;
        certificate (*run)(const scenario_options& options);
        std::string_view smallest; // in the order of the tables
    };

    for (const faulty& each : {faulty{"a stack that drops", of_stack_that_drops, "0/0:"},
                               faulty{"a queue that repeats", of_queue_that_repeats, "1/0.1:"},
                               faulty{"a queue whose empty() lies", of_queue_whose_empty_lies, "0/0.1:"},
                               faulty{"a counter in two steps", of_counter_in_two_steps, "0/0:"}}) {
        const certificate found = each.run({});
        expect(found.found == fault::assertion && !found.exhaustive && found.token.starts_with(each.smallest),
               each.name, found);
        const certificate again = each.run({.model = {.replay = found.token}});
        // A replay does not look for shorter executions, and says no more about that.
        const auto history_in = [](const std::string& report) {
            return report.substr(0, report.find("\nexecution"));
        };
        expect(again.found == found.found && history_in(again.report) == history_in(found.report) &&
                   again.table == found.table,
               "the token leads back", again);
        const certificate random = each.run({.threads_max = 1, .operations_max = 1, .random_tables = 200, .model = {}});
        expect(random.found == fault::assertion && random.tables_random > 0 && random.shrinks > 0 &&
                   operations_of(random) == operations_of(found),
               "random tables shrink as far", random);
    }

    const certificate sound = of_container<test::treiber_stack, stack_specification>(
        {.threads_max = 1, .random_tables = 20, .random_executions = 50, .model = {}});
    expect(sound.ok() && sound.exhaustive && sound.tables_random == 20, "random tables of a sound stack", sound);
    const certificate lost = faulty_mailboxes({});
    expect(lost.found == fault::assertion && lost.token.starts_with("1/1:"), "the guide's mailbox", lost);
    const certificate kept = repaired_mailboxes({});
    expect(kept.ok() && kept.exhaustive && kept.tables == 90, "the guide's repaired mailbox", kept);
    const certificate bad = of_stack_that_drops({.model = {.replay = "0/7:A"}});
    expect(bad.found == fault::unsupported, "a token of something else", bad);
    return wrong;
}

} // namespace gantry::check::corpus

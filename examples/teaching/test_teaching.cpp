// SPDX-License-Identifier: MIT
// Runs the teaching pieces under the model checker: what README.md says of each faulty one must be found, within so
// many executions, and the repaired ones must pass in all executions there are.
#include <gantry/check/model.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace {

using namespace gantry::check;

struct lesson {
    std::string_view model;
    fault expected;
    std::uint64_t executions_max; // until it is found; for a repaired one: that there are at all
};

constexpr lesson lessons[] = {
    {"two_add_under_a_weak_lock", fault::race, 3},
    {"two_add_under_a_lock", fault::none, 10},
    {"two_make_settings_relaxed", fault::race, 3},
    {"two_make_settings", fault::none, 10},
    {"wake_up_is_lost", fault::deadlock, 3},
    {"wake_up_is_not_needed", fault::none, 20},
    {"wakes_without_a_letter", fault::assertion, 10},
    {"wakes_for_the_letter", fault::none, 20},
    {"two_pop_with_counts_in_the_nodes", fault::use_after_free, 5},
    {"two_pop_with_split_counts", fault::none, 100},
    {"pushes_and_pops_with_split_counts", fault::none, 100},
    {"nodes_go_back_to_the_heap", fault::use_after_free, 5},
    {"nodes_go_round", fault::assertion, 50},
    {"counted_nodes_are_popped_twice", fault::none, 100},
    {"counted_nodes_go_round", fault::none, 1000},
    {"counted_nodes_are_pushed_and_popped", fault::none, 1000},
    {"a_node_comes_back_under_a_push", fault::none, 1000},
    {"a_pop_helps_a_push", fault::none, 3000},
    {"writer_and_reader_change_one_size", fault::race, 3},
    {"writer_and_reader_count_in_one_step", fault::none, 300},
    {"writer_looks_for_what_it_overwrites", fault::race, 3},
    {"writer_looks_into_atomic_slots", fault::assertion, 100},
    {"writer_overwrites_nothing", fault::none, 300},
};

bool as_it_should_be(const lesson& l, const model_result& r) {
    if (l.expected != fault::none) {
        return r.found == l.expected && r.executions <= l.executions_max;
    }
    return r.ok() && r.exhaustive && r.executions <= l.executions_max;
}

} // namespace

int main() {
    int wrong = 0;
    for (const registered_model* m = registered_models(); m != nullptr; m = m->next) {
        const auto* const l = std::find_if(std::begin(lessons), std::end(lessons),
                                           [&](const lesson& each) { return each.model == m->name; });
        if (l == std::end(lessons)) {
            std::printf("WRONG %s is not in the list of lessons\n", m->name);
            ++wrong;
            continue;
        }
        const model_result r = model(
            {.seconds_max = 20, .minimise = 0}, [](void* body) { reinterpret_cast<void (*)()>(body)(); },
            reinterpret_cast<void*>(m->body));
        const bool right = as_it_should_be(*l, r);
        wrong += right ? 0 : 1;
        std::printf("%s %-34s found %s after %llu executions, at most %llu%s\n", right ? "ok   " : "WRONG", m->name,
                    name_of(r.found), static_cast<unsigned long long>(r.executions),
                    static_cast<unsigned long long>(l->executions_max), r.exhaustive ? ", exhaustive" : "");
        if (!right) {
            std::printf("%s\n", r.report.c_str());
        }
    }
    return wrong == 0 ? 0 : 1;
}

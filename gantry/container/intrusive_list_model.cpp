// SPDX-License-Identifier: MIT
// A record has one holder at a time, is handed over whole, and is found by whoever walks the list, in every execution.
// Bounds: two or three threads, two records.
#include <gantry/check/model.hpp>
#include <gantry/container/intrusive_list.hpp>

#include <cstddef>
#include <thread>

namespace {

struct record : gantry::container::intrusive_list<record>::hook {
    explicit record(int start) : made(start) {}
    const int made;
    int used = 0; // by its holder alone: two at once are a race
};

using records = gantry::container::intrusive_list<record>;

void use(records& list) {
    record* mine = list.try_claim();
    if (mine == nullptr)
        list.push(*(mine = new record(7)));
    ++mine->used;
    list.release(*mine);
}

void free_all(records& list) {
    list.clear([](record& each) { delete &each; });
}

} // namespace

GANTRY_MODEL(records_are_handed_over) {
    records list;
    std::thread first([&] { use(list); });
    use(list);
    first.join();
    int used = 0;
    for (const record& each : list)
        used += each.used;
    GANTRY_CHECK_EQ(used, 2);
    free_all(list);
}

GANTRY_MODEL(records_of_three_threads) {
    records list;
    std::thread first([&] { use(list); });
    std::thread second([&] { use(list); });
    first.join();
    use(list);
    second.join();
    GANTRY_CHECK_EQ(list.begin()->made, 7);
    free_all(list);
}

// Whoever walks the list sees whole records, and the older ones behind each.
GANTRY_MODEL(records_are_found) {
    records list;
    std::thread first([&] { list.push(*new record(7)); });
    std::thread second([&] { list.push(*new record(7)); });
    std::size_t count = 0;
    for (const record& each : list) {
        GANTRY_CHECK_EQ(each.made, 7);
        ++count;
    }
    GANTRY_CHECK_LE(count, 2U);
    first.join();
    second.join();
    free_all(list);
}

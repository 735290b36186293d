// SPDX-License-Identifier: MIT
// xenium 0.0.2: its structures, and its reclamation schemes under its queue.
#include <gantry/check/peers/test_peers.hpp>

#include <xenium/chase_work_stealing_deque.hpp>
#include <xenium/harris_michael_list_based_set.hpp>
#include <xenium/kirsch_bounded_kfifo_queue.hpp>
#include <xenium/left_right.hpp>
#include <xenium/michael_scott_queue.hpp>
#include <xenium/ramalhete_queue.hpp>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/reclamation/hazard_eras.hpp>
#include <xenium/reclamation/hazard_pointer.hpp>
#include <xenium/reclamation/lock_free_ref_count.hpp>
#include <xenium/reclamation/quiescent_state_based.hpp>
#include <xenium/reclamation/stamp_it.hpp>
#include <xenium/seqlock.hpp>
#include <xenium/vyukov_bounded_queue.hpp>

#include <memory>
#include <thread>

namespace {

namespace policy = xenium::policy;
namespace reclamation = xenium::reclamation;

// Thread control blocks are never given back, so there are leaks in all that reclaims.
template<class Reclaimer>
void push_and_pop() {
    xenium::michael_scott_queue<int, policy::reclaimer<Reclaimer>> q;
    std::thread other([&] { q.push(1); });
    int item = 0;
    if (q.try_pop(item)) {
        GANTRY_CHECK(item == 1);
    }
    other.join();
}

template<class Reclaimer>
void two_pops() {
    xenium::michael_scott_queue<int, policy::reclaimer<Reclaimer>> q;
    q.push(1);
    q.push(2);
    int theirs = 0;
    std::thread other([&] { GANTRY_CHECK(q.try_pop(theirs)); });
    int mine = 0;
    GANTRY_CHECK(q.try_pop(mine));
    other.join();
    GANTRY_CHECK(mine + theirs == 3);
}

using hazard_pointers = reclamation::hazard_pointer<>::with<
    policy::allocation_strategy<reclamation::hp_allocation::static_strategy<3, 0, 0>>>;
using hazard_eras =
    reclamation::hazard_eras<>::with<policy::allocation_strategy<reclamation::he_allocation::static_strategy<3, 0, 0>>>;
using epochs = reclamation::epoch_based<>::with<policy::scan_frequency<0>>;
using new_epochs = reclamation::new_epoch_based<>::with<policy::scan_frequency<0>>;

PEER(xenium_ms_queue_hazard_pointer, "xenium", none, .leaks = false) {
    push_and_pop<hazard_pointers>();
}

PEER(xenium_ms_queue_hazard_pointer_two_pops, "xenium", none, .leaks = false) {
    two_pops<hazard_pointers>();
}

PEER(xenium_ms_queue_hazard_eras, "xenium", none, .leaks = false) {
    push_and_pop<hazard_eras>();
}

PEER(xenium_ms_queue_epoch, "xenium", none, .leaks = false) {
    push_and_pop<epochs>();
}

PEER(xenium_ms_queue_epoch_two_pops, "xenium", none, .leaks = false) {
    two_pops<epochs>();
}

PEER(xenium_ms_queue_new_epoch, "xenium", none, .leaks = false) {
    push_and_pop<new_epochs>();
}

PEER(xenium_ms_queue_quiescent, "xenium", none, .leaks = false) {
    push_and_pop<reclamation::quiescent_state_based>();
}

PEER(xenium_ms_queue_stamp_it, "xenium", deadlock, .random = 20'000, .leaks = false,
     .why = "a thread takes a stamp that it read stale for one of a removed block") {
    push_and_pop<reclamation::stamp_it>();
}

PEER(xenium_ms_queue_ref_count, "xenium", none, .leaks = false) {
    push_and_pop<reclamation::lock_free_ref_count<>>();
}

PEER(xenium_ramalhete_queue, "xenium", none, .random = 2'000, .leaks = false) {
    xenium::ramalhete_queue<std::unique_ptr<int>, policy::reclaimer<epochs>, policy::entries_per_node<2>> q;
    std::thread other([&] { q.push(std::make_unique<int>(1)); });
    std::unique_ptr<int> item;
    if (q.try_pop(item)) {
        GANTRY_CHECK(*item == 1);
    }
    other.join();
}

PEER(xenium_harris_michael_set, "xenium", none, .random = 1'000, .leaks = false) {
    xenium::harris_michael_list_based_set<int, policy::reclaimer<epochs>> set;
    GANTRY_CHECK(set.emplace(2));
    bool erased = false;
    std::thread other([&] { erased = set.erase(2); });
    GANTRY_CHECK(set.emplace(1));
    const bool again = set.emplace(2);
    other.join();
    GANTRY_CHECK(erased && set.contains(1) && set.contains(2) == again);
}

PEER(xenium_kirsch_bounded_queue, "xenium", none, .random = 5'000) {
    xenium::kirsch_bounded_kfifo_queue<std::unique_ptr<int>> q(1, 2);
    std::thread other([&] { q.try_push(std::make_unique<int>(1)); });
    std::unique_ptr<int> item;
    if (q.try_pop(item)) {
        GANTRY_CHECK(*item == 1);
    }
    other.join();
}

PEER(xenium_vyukov_queue, "xenium", none) {
    xenium::vyukov_bounded_queue<int> q(2);
    std::thread other([&] { GANTRY_CHECK(q.try_push_strong(1)); });
    int item = 0;
    if (q.try_pop_strong(item)) {
        GANTRY_CHECK(item == 1);
    }
    other.join();
}

PEER(xenium_chase_lev, "xenium", none) {
    xenium::chase_work_stealing_deque<int> d;
    int items[2] = {1, 2};
    GANTRY_CHECK(d.try_push(&items[0]) && d.try_push(&items[1]));
    int stolen = 0;
    std::thread thief([&] {
        for (int i = 0; i < 2; ++i) {
            if (int* item = nullptr; d.try_steal(item)) {
                stolen += *item;
            }
        }
    });
    int taken = 0;
    if (int* item = nullptr; d.try_pop(item)) {
        taken += *item;
    }
    thief.join();
    if (int* item = nullptr; d.try_pop(item)) {
        taken += *item;
    }
    GANTRY_CHECK(taken + stolen == 3);
}

struct pair {
    long left = 0;
    long right = 0;
};

PEER(xenium_seqlock, "xenium", none) {
    xenium::seqlock<pair> lock(pair{});
    std::thread other([&] { lock.store(pair{1, 1}); });
    const pair seen = lock.load();
    GANTRY_CHECK(seen.left == seen.right);
    other.join();
}

PEER(xenium_left_right, "xenium", none) {
    xenium::left_right<int> value(1);
    std::thread other([&] { value.update([](int& v) { v = 2; }); });
    const int seen = value.read([](const int& v) { return v; });
    GANTRY_CHECK(seen == 1 || seen == 2);
    other.join();
}

} // namespace

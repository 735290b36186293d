// SPDX-License-Identifier: MIT
#pragma once
// The schemes of other libraries, for benchmarks: their names, and what their threads need.
#include <cds/gc/dhp.h>
#include <cds/gc/hp.h>
#include <cds/init.h>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/reclamation/hazard_pointer.hpp>
#include <xenium/reclamation/lock_free_ref_count.hpp>

#include <cstdint>

namespace gantry::reclaim::test {

// 24 bytes.
struct triple {
    std::uint64_t value = 1;
    std::uint64_t more[2] = {};
};

using xenium_hazard = xenium::reclamation::hazard_pointer<>::with<
    xenium::policy::allocation_strategy<xenium::reclamation::hp_allocation::static_strategy<3>>>;
using xenium_epoch = xenium::reclamation::epoch_based<>;
using xenium_new_epoch = xenium::reclamation::new_epoch_based<>;
using xenium_counted = xenium::reclamation::lock_free_ref_count<>;

// What a thread does around its part.
struct no_attachment {};

// libcds wants to be started, and to know each thread that uses it.
struct libcds_running {
    libcds_running() { cds::Initialize(); }
    ~libcds_running() { cds::Terminate(); }
    cds::gc::HP hazard{8};
    cds::gc::DHP dynamic_hazard{};
};

struct libcds_attachment {
    libcds_attachment() {
        static libcds_running running;
        cds::threading::Manager::attachThread();
    }
    ~libcds_attachment() { cds::threading::Manager::detachThread(); }
};

} // namespace gantry::reclaim::test

// SPDX-License-Identifier: MIT
#include <gantry/reclaim/hazard.hpp>

#include <algorithm>
#include <functional>
#include <memory>

namespace gantry::reclaim {

hazard_domain& hazard_domain::default_domain() noexcept {
    static hazard_domain& forever = *new hazard_domain;
    return forever;
}

detail::hazard_record::~hazard_record() {
    hazard_slots* one = slots.next.load(std::memory_order_relaxed); // relaxed: owner
    while (one != nullptr) {
        hazard_slots* const after = one->next.load(std::memory_order_relaxed); // relaxed: owner
        delete std::exchange(one, after);
    }
}

detail::hazard_place detail::take_slot_slow(hazard_record& mine) {
    hazard_slots* last = nullptr;
    for (hazard_slots* one = &mine.slots; one != nullptr;
         one = one->next.load(std::memory_order_relaxed)) { // relaxed: owner
        last = one;
        if (one->free == 0)
            one->free = one->returned.exchange(0, std::memory_order_acquire); // order: give_back.r
        if (one->free != 0)
            break;
    }
    if (last->free == 0) {
        auto* const made = new hazard_slots;
        last->next.store(made, std::memory_order_release); // order: more.w
        last = made;
    }
    const auto index = static_cast<unsigned>(std::countr_zero(last->free));
    last->free &= last->free - 1;
    return {.slot = &last->slot[index], .among = last};
}

detail::record* hazard_domain::make_record() {
    return new detail::hazard_record(*this);
}

std::size_t hazard_domain::take_unprotected(detail::record& mine, detail::heap* shared) noexcept {
    auto& seen = static_cast<detail::hazard_record&>(mine).seen;
    seen.clear();
    // Whatever is in the lists was unlinked before this fence: a reader whose own fence comes later sees that when it
    // looks again, and of the others the walk sees the announcement.
    asymmetric_fence_heavy(); // order: pair.r
    for (detail::record* one = first_record(); one != nullptr; one = one->next) {
        for (const detail::hazard_slots* some = &static_cast<detail::hazard_record*>(one)->slots; some != nullptr;
             some = some->next.load(std::memory_order_acquire)) { // order: more.r
            for (const auto& slot : some->slot) {
                if (const void* const named = slot.load(std::memory_order_acquire)) // order: let_go.r
                    seen.push_back(named);
            }
        }
    }
    std::sort(seen.begin(), seen.end(), std::less<>());
    const auto take = [&mine, &seen](detail::heap& from) {
        const std::size_t before = mine.unprotected.size();
        std::erase_if(from.open, [&](const detail::garbage& one) {
            if (std::binary_search(seen.begin(), seen.end(), one.object, std::less<>()))
                return false;
            mine.unprotected.push_back(one);
            return true;
        });
        return mine.unprotected.size() - before;
    };
    take(mine.mine);
    return shared == nullptr ? 0 : take(*shared);
}

} // namespace gantry::reclaim

// SPDX-License-Identifier: MIT
#include <gantry/reclaim/epoch.hpp>

#include <algorithm>
#include <limits>

namespace gantry::reclaim {

epoch_domain& epoch_domain::default_domain() noexcept {
    static epoch_domain& forever = *new epoch_domain;
    return forever;
}

detail::record* epoch_domain::make_record() {
    return new detail::epoch_record(*this);
}

std::size_t epoch_domain::take_unprotected(detail::record& mine, detail::heap* shared) noexcept {
    detail::heap& own = mine.mine;
    // Whatever is open was unlinked before this fence. A pin whose own fence comes later sees that; of the others, the
    // walk below sees those that still stand, and their epoch is not later than the tag.
    asymmetric_fence_heavy();                                                 // order: pair.r
    const std::uint64_t tag = epoch_.fetch_add(1, std::memory_order_relaxed); // relaxed: stale-ok
    if (!own.open.empty()) {
        detail::batch sealed{.tag = tag, .items = {}};
        sealed.items.swap(own.open);
        own.open.swap(mine.spare);
        own.batches.push_back(std::move(sealed));
    }
    std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
    for (const detail::record* one = first_record(); one != nullptr; one = one->next) {
        const auto& other = static_cast<const detail::epoch_record&>(*one);
        const std::uint64_t pinned = other.pinned.load(std::memory_order_acquire); // order: leave.r
        if (pinned != detail::epoch_record::unpinned)
            oldest = std::min(oldest, pinned);
    }
    const auto take = [&mine, oldest](detail::heap& from) {
        std::size_t taken = 0;
        auto end = from.batches.begin();
        for (; end != from.batches.end() && end->tag < oldest; ++end) {
            mine.unprotected.insert(mine.unprotected.end(), end->items.begin(), end->items.end());
            taken += end->items.size();
            if (mine.spare.capacity() == 0) {
                end->items.clear();
                mine.spare.swap(end->items);
            }
        }
        from.batches.erase(from.batches.begin(), end);
        return taken;
    };
    static_cast<void>(take(own));
    return shared == nullptr ? 0 : take(*shared);
}

void epoch_pin::repin() noexcept {
    if (mine_.depth != 1)
        return;
    epoch_domain& in = domain_of(mine_);
    mine_.pinned.store(detail::epoch_record::unpinned, std::memory_order_release); // order: leave.w
    if ((mine_.duties & detail::record::look) != 0) {
        const unsigned kept = mine_.duties & detail::record::temporary;
        mine_.duties = detail::record::look;
        in.attend(mine_);
        mine_.duties |= kept;
    }
    in.enter(mine_);
}

} // namespace gantry::reclaim

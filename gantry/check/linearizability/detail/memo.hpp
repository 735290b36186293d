// SPDX-License-Identifier: MIT
#pragma once
//
// memo: the set of (which operations are done, state of the object) that a search has been in. Exact: two different
// pairs are never taken for one, whatever their hashes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace gantry::check::detail {

// Spreads what a user's hash may have left in a few bits.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t hash) noexcept {
    hash = (hash ^ (hash >> 32U)) * 0xd6e8feb86659fd93U;
    hash = (hash ^ (hash >> 32U)) * 0xd6e8feb86659fd93U;
    return hash ^ (hash >> 32U);
}

template<class State>
class memo {
public:
    // True if the pair is new.
    [[nodiscard]] bool insert(std::span<const std::uint64_t> done, const State& state) {
        if ((entries_.size() + 1) * 2 > slots_.size()) {
            grow();
        }
        std::uint64_t hash = static_cast<std::uint64_t>(state.hash());
        for (const std::uint64_t word : done) {
            hash = mixed(hash ^ word);
        }
        hash = mixed(hash ^ done.size());
        // The upper half of the hash stands in the slot: a stranger is nearly always known without a look at its entry.
        const auto tag = static_cast<std::uint32_t>(hash >> 32U);
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = static_cast<std::size_t>(hash) & mask;; at = (at + 1) & mask) {
            slot& each = slots_[at];
            if (each.entry == none) {
                each = {.tag = tag, .entry = static_cast<std::uint32_t>(entries_.size())};
                entries_.push_back({.hash = hash, .words_begin = words_.size(), .words = done.size(), .state = state});
                words_.insert(words_.end(), done.begin(), done.end());
                return true;
            }
            if (each.tag == tag && is(entries_[each.entry], hash, done, state)) {
                return false;
            }
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    // Room for another: entries are numbered by 32 bits.
    [[nodiscard]] bool full() const noexcept { return entries_.size() >= none - 1; }

private:
    static constexpr std::uint32_t none = 0xffffffffU;

    struct slot {
        std::uint32_t tag = 0;
        std::uint32_t entry = none;
    };

    struct entry {
        std::uint64_t hash;
        std::size_t words_begin;
        std::size_t words;
        State state;
    };

    [[nodiscard]] bool is(const entry& known, std::uint64_t hash, std::span<const std::uint64_t> done,
                          const State& state) const {
        return known.hash == hash && known.words == done.size() &&
               std::equal(done.begin(), done.end(), words_.data() + known.words_begin) && known.state == state;
    }

    void grow() {
        std::vector<slot> wider(std::max<std::size_t>(64, slots_.size() * 2));
        const std::size_t mask = wider.size() - 1;
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            std::size_t at = static_cast<std::size_t>(entries_[i].hash) & mask;
            while (wider[at].entry != none) {
                at = (at + 1) & mask;
            }
            wider[at] = {.tag = static_cast<std::uint32_t>(entries_[i].hash >> 32U),
                         .entry = static_cast<std::uint32_t>(i)};
        }
        slots_ = std::move(wider);
    }

    std::vector<slot> slots_;
    std::vector<entry> entries_;
    std::vector<std::uint64_t> words_;
};

} // namespace gantry::check::detail

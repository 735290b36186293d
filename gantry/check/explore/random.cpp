// SPDX-License-Identifier: MIT
#include <gantry/check/explore/random.hpp>

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

namespace gantry::check {

void random_explorer::begin() {
    forward_explorer::begin();
    dice_ = (options_.seed + next_) * 0x9E37'79B9'7F4A'7C15U;
    next_ += options_.stride;
    stretch_ = 0;
    if (options_.way == walk::pct) {
        priorities_.clear();
        look_back_ = false;
        changes_.clear();
        for (unsigned i = 1; i < options_.depth; ++i) {
            changes_.push_back(1 + below(static_cast<std::uint32_t>(longest_)));
        }
        std::ranges::sort(changes_, std::greater<>());
    }
}

ending random_explorer::end(bool stopped) {
    longest_ = std::max(longest_, std::min<std::size_t>(steps(), UINT32_MAX));
    return forward_explorer::end(stopped);
}

// splitmix64.
std::uint64_t random_explorer::roll() {
    dice_ += 0x9E37'79B9'7F4A'7C15U;
    std::uint64_t z = dice_;
    z = (z ^ (z >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return z ^ (z >> 31U);
}

std::uint32_t random_explorer::long_tailed() {
    const std::uint64_t u = (roll() >> 33U) + 1; // 1 .. 2^31
    return static_cast<std::uint32_t>(std::min<std::uint64_t>((std::uint64_t{1} << 31U) / u, 1U << 30U));
}

// Threads get their priorities when they are first seen; those above 2^32 have never been lowered.
thread_id random_explorer::highest(std::span<const thread_id> able) {
    while (priorities_.size() <= able.back()) {
        priorities_.push_back((std::uint64_t{1} << 32U) + (roll() >> 32U));
    }
    const auto best = [&] {
        return *std::ranges::max_element(able, {}, [&](thread_id t) { return priorities_[t]; });
    };
    thread_id chosen = best();
    while (!changes_.empty() && steps() >= changes_.back()) {
        changes_.pop_back();
        if (roll() % 2 == 0) {
            look_back_ = true;
        } else {
            priorities_[chosen] = changes_.size(); // below all, and below those that were lowered before
            chosen = best();
        }
    }
    return chosen;
}

thread_id random_explorer::next_thread(std::span<const thread_id> able) {
    switch (options_.way) {
    case walk::pct:
        return highest(able);
    case walk::long_tail:
        if (stretch_ > 0 && std::ranges::find(able, last()) != able.end()) {
            --stretch_;
            return last();
        }
        stretch_ = long_tailed() - 1;
        break;
    case walk::uniform:
        break;
    }
    return able[below(static_cast<std::uint32_t>(able.size()))];
}

std::uint32_t random_explorer::how_far(std::uint32_t most) {
    if (most == 0) {
        return 0;
    }
    switch (options_.way) {
    case walk::pct:
        return std::exchange(look_back_, false) ? 1 + below(most) : 0;
    case walk::long_tail:
        return std::min(most, long_tailed() - 1);
    case walk::uniform:
        break;
    }
    // Half of the time not at all, a quarter one, and so on.
    return std::min(most, static_cast<std::uint32_t>(std::countr_zero(roll() | (std::uint64_t{1} << 63U))));
}

// What does not happen ordinarily is a coin's decision, however one walks.
std::uint32_t random_explorer::chosen_of(std::uint32_t options) {
    return std::min(options - 1, static_cast<std::uint32_t>(std::countr_zero(roll() | (std::uint64_t{1} << 63U))));
}

} // namespace gantry::check

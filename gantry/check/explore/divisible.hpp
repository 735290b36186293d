// SPDX-License-Identifier: MIT
#pragma once
//
// divisible: a search that is a heap of unfinished work, parts of which can be written down and done elsewhere: by
// another process now, or by another run later.
//
// Use it when working on the checker itself.
// Do not use it when a search has no end -> random_explorer.
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: an item's text is as long as the execution it stands
// for. Failure: take() refuses what is not such a text. Lifetime: n/a. Origin: n/a.

#include <gantry/check/explore/explorer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gantry::check {

// The names of threads by who created them: one thread, one name, in a whole search and in all processes that share it.
// Lies in memory that they share.
class thread_names {
public:
    struct creation {
        thread_id parent = 0;
        std::uint32_t index = 0; // among the parent's children

        friend constexpr bool operator==(const creation&, const creation&) = default;
    };

    static constexpr std::size_t max = 64;

    // no_thread when there are more than `max`.
    [[nodiscard]] thread_id name(thread_id parent, std::uint32_t index) noexcept {
        while (busy_.exchange(true, std::memory_order_acquire)) { // order: busy.r
        }
        std::size_t i = 0;
        while (i < size_ && (all_[i].parent != parent || all_[i].index != index)) {
            ++i;
        }
        if (i == size_ && i < max) {
            all_[size_++] = {parent, index};
        }
        busy_.store(false, std::memory_order_release); // order: busy.w
        return i < max ? static_cast<thread_id>(i + 1) : no_thread;
    }

    // All of them, in the order of their names; and instead of what there is. While nobody else names anything.
    [[nodiscard]] std::span<const creation> all() const noexcept { return std::span(all_).first(size_); }
    void assign(std::span<const creation> names) noexcept {
        size_ = std::min(names.size(), max);
        std::copy_n(names.begin(), size_, all_.begin());
    }

private:
    // Ordering ledger
    //   busy : name, end of it (release)   ->  name, begin of it (acquire)    carries: all_, size_
    std::array<creation, max> all_{};
    std::size_t size_ = 0;
    std::atomic<bool> busy_{false};
};

// A share as text that std::from_chars reads back.
[[nodiscard]] inline std::string text_of_share(double share) {
    std::array<char, 32> digits{};
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), share).ptr};
}

class divisible {
public:
    virtual ~divisible() = default;

    // Pieces of work that wait.
    [[nodiscard]] virtual std::size_t backlog() const noexcept = 0;
    // Takes out the piece that waits longest, as a rule the largest. There must be one.
    [[nodiscard]] virtual std::string give() = 0;
    // Puts a piece back in. False, and nothing done, when it is not the text of one.
    [[nodiscard]] virtual bool take(std::string_view piece) = 0;
    // Forgets all pieces.
    virtual void drop() noexcept = 0;
    // Keeps only every `parts`-th piece, from `part` on: what one of several processes that were forked here does.
    virtual void keep_share(std::size_t part, std::size_t parts) = 0;
    // How much of the search is done, 0 .. 1, if the rest is as bushy as what was seen: a guess.
    [[nodiscard]] virtual double share_done() const noexcept = 0;
    // From now on names of threads are looked up there; those that were given are there already.
    virtual void share_names(thread_names& names) noexcept = 0;
};

} // namespace gantry::check

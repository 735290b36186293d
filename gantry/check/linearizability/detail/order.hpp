// SPDX-License-Identifier: MIT
#pragma once
//
// What may come next: the three orders that a witness can be asked to keep. Operations are numbered from 0.

#include <gantry/base/assert.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace gantry::check::detail {

struct interval {
    std::uint64_t call;
    std::uint64_t end;
    std::uint32_t thread;
    bool pending;
};

inline constexpr std::size_t nothing = static_cast<std::size_t>(-1);

// An operation may come next if no operation that is not done yet ended before it was called. Calls and ends lie in one
// doubly linked list in the order of time; what is done is unlinked; whatever is called before the first end may come.
class real_time {
public:
    explicit real_time(std::span<const interval> operations)
        : operations_(operations), next_(2 * operations.size() + 1), previous_(next_.size()),
          place_(operations.size()) {
        std::vector<std::size_t> nodes;
        for (std::size_t i = 0; i < operations.size(); ++i) {
            nodes.push_back(2 * i);
            if (!operations[i].pending) {
                nodes.push_back(2 * i + 1);
                ++left_;
            }
        }
        // At the same time calls come first: such operations overlap.
        std::ranges::sort(nodes, {}, [&](std::size_t node) {
            const interval& of = operations[node / 2];
            return std::pair((node & 1U) == 0 ? of.call : of.end, node & 1U);
        });
        std::size_t last = head();
        std::size_t finite = 0;
        std::size_t infinite = 0;
        for (const std::size_t node : nodes) {
            next_[last] = node;
            previous_[node] = last;
            last = node;
            if ((node & 1U) == 0) {
                place_[node / 2] = operations[node / 2].pending ? infinite++ : finite++;
            }
        }
        next_[last] = head();
        previous_[head()] = last;
        finite_.resize(finite / 64 + 1);
        infinite_.resize((infinite + 63) / 64);
    }

    [[nodiscard]] bool finished() const noexcept { return left_ == 0; }
    [[nodiscard]] std::size_t first() const noexcept { return candidate(next_[head()]); }
    [[nodiscard]] std::size_t after(std::size_t operation) const noexcept { return candidate(next_[2 * operation]); }

    void take(std::size_t operation) {
        unlink(2 * operation);
        const std::size_t place = place_[operation];
        if (operations_[operation].pending) {
            infinite_[place / 64] |= std::uint64_t{1} << place % 64;
        } else {
            unlink(2 * operation + 1);
            finite_[place / 64] |= std::uint64_t{1} << place % 64;
            words_.push_back(std::max(words(), place / 64 + 1));
            --left_;
        }
    }

    // Of the operations taken, the last.
    void give_back(std::size_t operation) {
        const std::size_t place = place_[operation];
        if (operations_[operation].pending) {
            infinite_[place / 64] &= ~(std::uint64_t{1} << place % 64);
        } else {
            link(2 * operation + 1);
            finite_[place / 64] &= ~(std::uint64_t{1} << place % 64);
            words_.pop_back();
            ++left_;
        }
        link(2 * operation);
    }

    // What is done, as short as it can be said: how many words of the set are full, the others, and the pending ones.
    void done(std::vector<std::uint64_t>& key) const {
        key.clear();
        // The first that is not done has the lowest place of them: all words before its own are full.
        std::size_t node = next_[head()];
        while (node != head() && ((node & 1U) != 0 || operations_[node / 2].pending)) {
            node = next_[node];
        }
        const std::size_t full = node == head() ? words() : place_[node / 2] / 64;
        key.push_back(full);
        for (std::size_t i = full; i < words(); ++i) {
            key.push_back(finite_[i]);
        }
        key.insert(key.end(), infinite_.begin(), infinite_.end());
    }

    // The one that must come before anything else can, or nothing.
    [[nodiscard]] std::size_t stuck() const noexcept {
        std::size_t node = next_[head()];
        while (node != head() && (node & 1U) == 0) {
            node = next_[node];
        }
        return node == head() ? nothing : node / 2;
    }

private:
    [[nodiscard]] std::size_t head() const noexcept { return next_.size() - 1; }
    [[nodiscard]] std::size_t words() const noexcept { return words_.empty() ? 0 : words_.back(); }

    [[nodiscard]] std::size_t candidate(std::size_t node) const noexcept {
        return node == head() || (node & 1U) != 0 ? nothing : node / 2;
    }

    void unlink(std::size_t node) noexcept {
        next_[previous_[node]] = next_[node];
        previous_[next_[node]] = previous_[node];
    }

    void link(std::size_t node) noexcept {
        next_[previous_[node]] = node;
        previous_[next_[node]] = node;
    }

    std::span<const interval> operations_;
    std::vector<std::size_t> next_; // node 2i is the call of operation i, 2i + 1 its end, the last one the head
    std::vector<std::size_t> previous_;
    std::vector<std::size_t> place_; // in the order of calls, among the completed or among the pending
    std::vector<std::uint64_t> finite_;
    std::vector<std::uint64_t> infinite_;
    std::vector<std::size_t> words_; // how many words of finite_ are in use, after each completed operation taken
    std::size_t left_ = 0;           // completed operations that are not done
};

// An operation may come next if all that precede it are done. `precedes(a, b)` is asked once for each pair; what is
// pending precedes nothing.
class partial_order {
public:
    template<class Precedes>
    partial_order(std::span<const interval> operations, const Precedes& precedes)
        : operations_(operations), followers_(operations.size()), missing_(operations.size()),
          done_((operations.size() + 63) / 64) {
        for (std::size_t a = 0; a < operations.size(); ++a) {
            left_ += operations[a].pending ? 0U : 1U;
            for (std::size_t b = 0; b < operations.size(); ++b) {
                if (a != b && !operations[a].pending && precedes(a, b)) {
                    followers_[a].push_back(b);
                    ++missing_[b];
                }
            }
        }
    }

    [[nodiscard]] bool finished() const noexcept { return left_ == 0; }
    [[nodiscard]] std::size_t first() const noexcept { return candidate(0); }
    [[nodiscard]] std::size_t after(std::size_t operation) const noexcept { return candidate(operation + 1); }

    void take(std::size_t operation) {
        done_[operation / 64] |= std::uint64_t{1} << operation % 64;
        left_ -= operations_[operation].pending ? 0U : 1U;
        for (const std::size_t each : followers_[operation]) {
            --missing_[each];
        }
    }

    void give_back(std::size_t operation) {
        done_[operation / 64] &= ~(std::uint64_t{1} << operation % 64);
        left_ += operations_[operation].pending ? 0U : 1U;
        for (const std::size_t each : followers_[operation]) {
            ++missing_[each];
        }
    }

    void done(std::vector<std::uint64_t>& key) const { key.assign(done_.begin(), done_.end()); }

    [[nodiscard]] std::size_t stuck() const noexcept {
        std::size_t operation = first();
        while (operation != nothing && operations_[operation].pending) {
            operation = after(operation);
        }
        return operation;
    }

private:
    [[nodiscard]] std::size_t candidate(std::size_t operation) const noexcept {
        while (operation < missing_.size() &&
               (missing_[operation] != 0 || (done_[operation / 64] >> operation % 64 & 1U) != 0)) {
            ++operation;
        }
        return operation == missing_.size() ? nothing : operation;
    }

    std::span<const interval> operations_;
    std::vector<std::vector<std::size_t>> followers_;
    std::vector<std::size_t> missing_; // how many of those that precede it are not done
    std::vector<std::uint64_t> done_;
    std::size_t left_ = 0; // completed operations that are not done
};

// An operation may come next if its thread has done all that it called before.
class program_order {
public:
    explicit program_order(std::span<const interval> operations) : operations_(operations), of_(operations.size()) {
        std::vector<std::size_t> by_call(operations.size());
        std::iota(by_call.begin(), by_call.end(), std::size_t{0});
        std::ranges::sort(by_call, {}, [&](std::size_t i) { return std::pair(operations[i].call, i); });
        std::map<std::uint32_t, std::size_t> known;
        for (const std::size_t i : by_call) {
            const auto [found, fresh] = known.emplace(operations[i].thread, threads_.size());
            if (fresh) {
                threads_.emplace_back();
            }
            of_[i] = found->second;
            threads_[found->second].push_back(i);
            left_ += operations[i].pending ? 0U : 1U;
        }
        position_.resize(threads_.size());
    }

    [[nodiscard]] bool finished() const noexcept { return left_ == 0; }
    [[nodiscard]] std::size_t first() const noexcept { return candidate(0); }
    [[nodiscard]] std::size_t after(std::size_t operation) const noexcept { return candidate(of_[operation] + 1); }

    void take(std::size_t operation) {
        ++position_[of_[operation]];
        left_ -= operations_[operation].pending ? 0U : 1U;
    }

    void give_back(std::size_t operation) {
        --position_[of_[operation]];
        left_ += operations_[operation].pending ? 0U : 1U;
    }

    void done(std::vector<std::uint64_t>& key) const { key.assign(position_.begin(), position_.end()); }

    [[nodiscard]] std::size_t stuck() const noexcept {
        std::size_t operation = first();
        while (operation != nothing && operations_[operation].pending) {
            operation = after(operation);
        }
        return operation;
    }

private:
    [[nodiscard]] std::size_t candidate(std::size_t thread) const noexcept {
        while (thread < threads_.size() && position_[thread] == threads_[thread].size()) {
            ++thread;
        }
        return thread == threads_.size() ? nothing : threads_[thread][position_[thread]];
    }

    std::span<const interval> operations_;
    std::vector<std::size_t> of_;                   // operation -> its thread's number
    std::vector<std::vector<std::size_t>> threads_; // operations in the order of their calls
    std::vector<std::uint64_t> position_;           // how many of a thread's are done
    std::size_t left_ = 0;
};

} // namespace gantry::check::detail

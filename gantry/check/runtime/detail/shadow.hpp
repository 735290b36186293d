// SPDX-License-Identifier: MIT
#pragma once
//
// shadow: remembers who touched which byte, and tells when two accesses that conflict are not ordered.
//
// Use it when working on the checker's runtime.
// Do not use it when events alone are of interest: plain accesses are no events.
//
// Each cell of 8 bytes keeps the last accesses per thread and kind. An access is dropped when a later one stands for
// it: the same thread's, at least as strong and as wide; or a write that it happens before.
//
// Threads: one thread. Progress: allocates when it grows. Ordering: n/a.
// Cost: a hash lookup for each access; clear() is one increment. Failure: n/a. Lifetime: n/a.
// Origin: FastTrack's epochs (Flanagan, Freund, PLDI 2009) in ThreadSanitizer's cells, without its eviction.

#include <gantry/check/graph/event.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace gantry::check::runtime {

struct touch {
    const void* site = nullptr;
    std::uint32_t epoch = 0; // how many events its thread had done: ordered before a clock that counts more
    thread_id thread = 0;
    std::uint8_t mask = 0; // bytes of the cell
    bool writes = false;
    bool atomic = false;
    bool frees = false;
};

class shadow {
public:
    shadow() : slots_(1024) {}

    void clear() {
        if (++generation_ == 0) {
            std::ranges::fill(slots_, slot{});
            generation_ = 1;
        }
        used_ = 0;
        touches_.clear();
    }

    // Notes the access; the answer is an earlier one that it races with.
    std::optional<touch> access(std::uint64_t address, std::size_t size, touch what,
                                std::span<const std::uint32_t> clock) {
        std::optional<touch> race;
        while (size > 0) {
            const std::uint64_t offset = address % 8;
            const std::size_t part = std::min<std::size_t>(size, 8 - offset);
            what.mask = static_cast<std::uint8_t>(((1U << part) - 1U) << offset);
            if (auto found = one(address / 8, what, clock); found && !race) {
                race = found;
            }
            address += part;
            size -= part;
        }
        return race;
    }

    // The memory begins a new life: what is accessed atomically there from now on are new objects.
    void renew(std::uint64_t address, std::size_t size) {
        while (size > 0) {
            const std::uint64_t offset = address % 8;
            const std::size_t part = std::min<std::size_t>(size, 8 - offset);
            const auto mask = static_cast<std::uint8_t>(((1U << part) - 1U) << offset);
            slot& s = make(address / 8);
            renew(s, mask);
            s.written = static_cast<std::uint8_t>(s.written & ~mask);
            address += part;
            size -= part;
        }
    }

    // Whether any of the bytes was written plainly in this life.
    [[nodiscard]] bool written(std::uint64_t address, std::size_t size) const noexcept {
        for (std::uint64_t at = address; at < address + size; ++at) {
            const slot* s = find(at / 8);
            if (s != nullptr && ((s->written >> (at % 8)) & 1U) != 0) {
                return true;
            }
        }
        return false;
    }

    // Which object lies at the address: counts up when a byte that was accessed atomically is written plainly.
    [[nodiscard]] std::uint32_t epoch_of(std::uint64_t address) const noexcept {
        const slot* s = find(address / 8);
        return s != nullptr ? s->object[address % 8] : 0U;
    }

private:
    static constexpr std::uint32_t none = UINT32_MAX;

    struct slot {
        std::uint64_t cell = 0;
        std::uint32_t generation = 0;
        std::uint32_t first = none;
        std::array<std::uint16_t, 8> object{}; // per byte
        std::uint8_t atomic = 0;               // mask of bytes
        std::uint8_t written = 0;              // plainly; mask of bytes
    };

    struct link {
        touch what;
        std::uint32_t next = none;
    };

    [[nodiscard]] static std::size_t hash(std::uint64_t cell) noexcept {
        return static_cast<std::size_t>((cell * 0x9E37'79B9'7F4A'7C15U) >> 32U);
    }

    [[nodiscard]] const slot* find(std::uint64_t cell) const noexcept {
        for (std::size_t i = hash(cell);; ++i) {
            const slot& s = slots_[i & (slots_.size() - 1)];
            if (s.generation != generation_) {
                return nullptr;
            }
            if (s.cell == cell) {
                return &s;
            }
        }
    }

    slot& make(std::uint64_t cell) {
        if (used_ * 2 >= slots_.size()) {
            std::vector<slot> old(slots_.size() * 2);
            old.swap(slots_);
            for (const slot& s : old) {
                if (s.generation == generation_) {
                    place(s.cell) = s;
                }
            }
        }
        slot& s = place(cell);
        if (s.generation != generation_) {
            s = {cell, generation_, none, {}, 0, 0};
            ++used_;
        }
        return s;
    }

    slot& place(std::uint64_t cell) {
        for (std::size_t i = hash(cell);; ++i) {
            slot& s = slots_[i & (slots_.size() - 1)];
            if (s.generation != generation_ || s.cell == cell) {
                return s;
            }
        }
    }

    static void renew(slot& s, std::uint8_t mask) noexcept {
        if (const unsigned anew = s.atomic & mask; anew != 0) {
            for (unsigned i = 0; i < 8; ++i) {
                s.object[i] = static_cast<std::uint16_t>(s.object[i] + ((anew >> i) & 1U));
            }
            s.atomic = static_cast<std::uint8_t>(s.atomic & ~anew);
        }
    }

    std::optional<touch> one(std::uint64_t cell, const touch& what, std::span<const std::uint32_t> clock) {
        slot& s = make(cell);
        std::optional<touch> race;
        std::uint32_t* link_to = &s.first;
        while (*link_to != none) {
            link& other = touches_[*link_to];
            const touch& o = other.what;
            const bool same_thread = o.thread == what.thread;
            const bool ordered = same_thread || (o.thread < clock.size() && clock[o.thread] > o.epoch);
            const bool overlaps = (o.mask & what.mask) != 0;
            if (!ordered && overlaps && (o.writes || what.writes) && !(o.atomic && what.atomic) && !race) {
                race = o;
            }
            const bool covered = (o.mask & ~what.mask) == 0;
            const bool stronger = what.writes >= o.writes && what.atomic <= o.atomic;
            if (ordered && covered && stronger && (same_thread || what.writes)) {
                *link_to = other.next;
            } else {
                link_to = &other.next;
            }
        }
        const auto index = static_cast<std::uint32_t>(touches_.size());
        const std::uint32_t first = s.first;
        s.first = index;
        if (what.atomic) {
            s.atomic |= what.mask;
        } else if (what.writes) {
            renew(s, what.mask);
            s.written |= what.frees ? std::uint8_t{0} : what.mask;
        }
        touches_.push_back({what, first});
        return race;
    }

    std::vector<slot> slots_;
    std::vector<link> touches_;
    std::uint32_t generation_ = 1;
    std::size_t used_ = 0;
};

} // namespace gantry::check::runtime

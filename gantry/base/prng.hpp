// SPDX-License-Identifier: MIT
#pragma once
//
// prng: a small, fast, seeded generator of 64-bit random numbers, the same on every machine.
//
// Use it when tests, simulations, sampling or back-off need repeatable randomness; it is a
// UniformRandomBitGenerator, so the distributions of <random> take it (their results differ between libraries).
// Do not use it when somebody profits from guessing the numbers -> getrandom(2).
//
//     gantry::prng random(seed);
//     const std::uint64_t die = 1 + random.uniform_below(6);
//
// Threads: one object belongs to one thread; give each thread its own stream: prng(seed, thread_number).
// Progress: wait-free; uniform_below draws again with probability below limit / 2^64. Ordering: n/a.
// Cost: 32 bytes; about 1 ns a number. Failure: n/a. Lifetime: a value; a copy repeats the same numbers.
// Origin: xoshiro256** 1.0 by Blackman and Vigna (2018), seeded by splitmix64 (Steele, Lea, Flood 2014); bounded
// numbers without division by Lemire (2019).

#include <gantry/base/assert.hpp>

#include <bit>
#include <cstdint>
#include <limits>

namespace gantry {

// One step of splitmix64: turns any sequence of states into well mixed numbers; a good hash of one 64-bit number.
[[nodiscard]] constexpr std::uint64_t splitmix64(std::uint64_t& state) noexcept {
    std::uint64_t mixed = (state += 0x9e3779b97f4a7c15U);
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
}

class prng {
public:
    using result_type = std::uint64_t;

    // Different (seed, stream) pairs give unrelated sequences.
    explicit constexpr prng(std::uint64_t seed, std::uint64_t stream = 0) noexcept {
        // The stream is mixed before it is added: neighbouring seeds and streams must not meet.
        std::uint64_t state = seed ^ splitmix64(stream);
        for (std::uint64_t& word : state_)
            word = splitmix64(state); // four outputs of a bijection on different states: never all zero
    }

    [[nodiscard]] static constexpr result_type min() noexcept { return 0; }
    [[nodiscard]] static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }

    constexpr result_type operator()() noexcept {
        const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17U;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    // 0 to limit - 1, each equally likely; limit >= 1.
    [[nodiscard]] constexpr std::uint64_t uniform_below(std::uint64_t limit) {
        GANTRY_ASSERT(limit != 0);
        wide product = wide{(*this)()} * limit;
        if (static_cast<std::uint64_t>(product) < limit) {
            const std::uint64_t threshold = (0 - limit) % limit; // 2^64 mod limit
            while (static_cast<std::uint64_t>(product) < threshold)
                product = wide{(*this)()} * limit;
        }
        return static_cast<std::uint64_t>(product >> 64U);
    }

    // In [0, 1), a multiple of 2^-53.
    [[nodiscard]] constexpr double uniform_unit() noexcept { return static_cast<double>((*this)() >> 11U) * 0x1p-53; }

    [[nodiscard]] friend constexpr bool operator==(const prng&, const prng&) noexcept = default;

private:
    __extension__ using wide = unsigned __int128;

    std::uint64_t state_[4]{};
};

} // namespace gantry

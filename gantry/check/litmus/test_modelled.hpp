// SPDX-License-Identifier: MIT
#pragma once
//
// modelled: a shape of test_shapes.hpp as the body of a model, which tells what it came to.
//
// Use it when a program of litmus tests asks the model checker. Do not use it when the threads are to be real ->
// test_real_threads.hpp.
//
// Threads: n/a. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: n/a. Origin: n/a.

#include <gantry/check/litmus/test_shapes.hpp>
#include <gantry/check/model.hpp>

#include <cstdint>
#include <thread>
#include <vector>

namespace {

// What an execution came to: four registers, then x, y and z.
template<class Shape, column C>
void modelled() {
    memory<C> m;
    registers read{};
    std::vector<std::thread> threads;
    for (std::size_t me = 0; me < Shape::threads; ++me) {
        threads.emplace_back([&, me] { Shape::run(me, m, read); });
    }
    for (std::thread& t : threads) {
        t.join();
    }
    gantry::check::outcome({read[0], read[1], read[2], read[3], r(m.x), r(m.y), r(m.z)});
}

outcome_of_round round_of(const std::vector<std::int64_t>& told) {
    outcome_of_round o;
    for (std::size_t i = 0; i < registers_max; ++i) {
        o.read[i] = static_cast<int>(told[i]);
    }
    for (std::size_t i = 0; i < locations; ++i) {
        o.left[i] = static_cast<int>(told[registers_max + i]);
    }
    return o;
}

} // namespace

// SPDX-License-Identifier: MIT
// The parker hands over what was written before unpark() and loses no token; the asymmetric fences order a store before
// a load like two seq_cst fences. 2 threads, 1 or 2 operations each.
#include <gantry/base/asymmetric_fence.hpp>
#include <gantry/base/wait.hpp>
#include <gantry/check/model.hpp>

#include <atomic>
#include <chrono>
#include <thread>

// Whoever comes first, park() returns and what was written before unpark() is seen.
GANTRY_MODEL(parker_hands_over) {
    gantry::parker sleeper;
    int data = 0;
    std::thread waker([&] {
        data = 1;
        sleeper.unpark();
    });
    sleeper.park();
    GANTRY_CHECK(data == 1);
    waker.join();
}

// A timed park tells the truth: with a token, the data is there; without one, the token is still to come.
GANTRY_MODEL(parker_in_time_or_not) {
    gantry::parker sleeper;
    int data = 0;
    std::thread waker([&] {
        data = 1;
        sleeper.unpark();
    });
    if (!sleeper.park_for(std::chrono::milliseconds(1))) {
        sleeper.park();
    }
    GANTRY_CHECK(data == 1);
    waker.join();
}

// Two tokens are one, and a token left early is not lost.
GANTRY_MODEL(parker_keeps_one_token) {
    gantry::parker sleeper;
    sleeper.unpark();
    std::thread waker([&] { sleeper.unpark(); });
    sleeper.park();
    waker.join();
    // One more only if the second came after the first was taken.
    static_cast<void>(sleeper.park_for(std::chrono::milliseconds(1)));
    GANTRY_CHECK(!sleeper.park_for(std::chrono::milliseconds(0)));
}

// Store, fence, load on both sides: not both loads may miss the other's store.
GANTRY_MODEL(asymmetric_fences_order_store_and_load) {
    std::atomic<int> x{0};
    std::atomic<int> y{0};
    int seen_x = 0;
    std::thread often([&] {
        y.store(1, std::memory_order_relaxed);
        gantry::asymmetric_fence_light();
        seen_x = x.load(std::memory_order_relaxed);
    });
    x.store(1, std::memory_order_relaxed);
    gantry::asymmetric_fence_heavy();
    const int seen_y = y.load(std::memory_order_relaxed);
    often.join();
    GANTRY_CHECK(seen_x == 1 || seen_y == 1);
}

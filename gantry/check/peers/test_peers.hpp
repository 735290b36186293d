// SPDX-License-Identifier: MIT
#pragma once
//
// peers: other people's code, as it is, under the model checker: what must be found there, and nothing else.
//
// Use it when a library that we know well can show whether the checker raises false alarms.
// Do not use it when testing a component of ours -> GANTRY_MODEL in a *_model.cpp.
//
// Threads: n/a. Progress: n/a. Ordering: n/a. Cost: n/a. Failure: n/a. Lifetime: n/a. Origin: n/a.

#include <gantry/check/model.hpp>

#include <vector>

namespace gantry::check::peers {

// How much of a model is explored, and what its library is known for. `random` executions, or all of them when 0.
struct limits {
    std::uint64_t random = 0;
    bool leaks = true;    // whether the library gives back all memory by the end of the body
    const char* why = ""; // what must be found, when something must
};

struct peer {
    const char* name;
    const char* library;
    fault expected;
    limits bounds;
    void (*body)();
};

inline std::vector<peer>& all() {
    static std::vector<peer> peers;
    return peers;
}

inline bool add(const peer& p) {
    all().push_back(p);
    return true;
}

} // namespace gantry::check::peers

// PEER(name, "library", fault, limits...) { body }: what must be found in it, within which limits.
#define PEER(peer_name, library, expected, ...)                                                                        \
    static void peer_##peer_name();                                                                                    \
    [[maybe_unused]] static const bool added_peer_##peer_name = ::gantry::check::peers::add(                           \
        {#peer_name, library, ::gantry::check::fault::expected, {__VA_ARGS__}, peer_##peer_name});                     \
    static void peer_##peer_name()

// SPDX-License-Identifier: MIT
#pragma once
//
// seq_cst: whether an access that was added last closes a cycle in the order of the seq_cst events (RC11's psc).
//
// Use it when a read got its source, or a write its place, in a graph that satisfied the axiom before.
// Do not use it when several events are new: each has to be asked for.
//
// Only the events that can be reached from the new one are looked at. What is reached in a thread is reached from there
// on (program order is part of psc), so a number for each thread says it all, and each event is passed once.
//
// Asymmetric fences have a part of their own. A heavy fence leads, as a seq_cst fence would, to a light one that comes
// after its end; a light one, to a heavy one that begins after it; and light ones lead to nothing else (MODEL.md).
//
// Threads: one thread. Progress: allocates. Ordering: n/a. Cost: nothing when the access is the newest of its location;
// otherwise the reached events times threads times the logarithm of the length of a thread. Failure: n/a. Lifetime:
// n/a. Origin: the axiom is RC11's (Lahav et al., PLDI 2017, figure 1); the search is ours.

#include <gantry/check/graph/graph.hpp>

namespace gantry::check {

[[nodiscard]] bool closes_seq_cst_cycle(const graph& g, event_id access);

} // namespace gantry::check

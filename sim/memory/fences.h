#pragma once
// What fences make of relaxed operations: what a task knew at its last release fence goes out with its relaxed stores, and
// what its relaxed loads have met comes in with its next acquire fence (C++20 [atomics.fences]).
//
// Seq_cst fences release and acquire here; that they are also totally ordered creates no happens-before.

#include "kernel/vector_clock.h"

namespace foreseed {
struct Task;
}

namespace foreseed::memory {

struct FenceClocks {
  VectorClock met;       ///< the releases that relaxed loads have read from
  VectorClock released;  ///< what the task knew at its last release fence; empty if there was none
};

/// Those of a task of this run.
FenceClocks& fence_clocks(const Task& task);
/// What relaxed stores of the task hand on; null if nothing.
const VectorClock* released_by_fence(const Task& task);

/// The two halves of a fence.
void acquire_fence(Task& task);
void release_fence(Task& task);

void forget_fences();

}  // namespace foreseed::memory

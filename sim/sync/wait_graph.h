#pragma once
// The wait-for graph of a run that cannot go on: who waits for what, who holds it, and the cycle if there is one.

#include "kernel/world.h"

namespace foreseed::sync {

/// Fills in message, places and details of a deadlock finding. Only called when no task is runnable.
void explain_deadlock(World& world, Finding& finding);

}  // namespace foreseed::sync

#pragma once
// A plan at work in the running world. Simulator code only.

#include "api/foreseed/faults.h"
#include "kernel/world.h"

#include <vector>

namespace foreseed::fault {

/// Sets the alarms of a plan whose faults are all right, see check().
void start(const FaultPlan& plan);

/// Makes up a plan and starts it: each kind is enrolled or not (swarm testing: Groce et al., ISSTA 2012), strikes up to three
/// times between 1 ms and 33 s after the start, for between 1 ms and 33 s, and hosts that are there by then. All of it is
/// chosen; choice 0 is no fault at all. After 66 s everything is healed.
void draw(const std::vector<FaultKind>& kinds);

void install(World& world);

}  // namespace foreseed::fault

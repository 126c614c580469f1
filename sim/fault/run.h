#pragma once
// A plan at work in the running world. Simulator code only.

#include "api/foreseed/faults.h"
#include "kernel/world.h"

namespace foreseed::fault {

/// Sets the alarms of a plan whose faults are all right, see check().
void start(const FaultPlan& plan);

void install(World& world);

}  // namespace foreseed::fault

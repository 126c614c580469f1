#pragma once
// Registers the memory room's hooks with the World.

#include "kernel/world.h"

namespace foreseed::memory {
void install(World& world);
}  // namespace foreseed::memory

#pragma once
// A value in memory that no instrumented code left there was written by a library that is not instrumented. Its writer is
// unknown, so whoever reads it is taken to be ordered after all it could be.

#include "kernel/world.h"

namespace foreseed::memory {

/// Where the place was seen before, any task can have written it.
inline void learn_from_all(Task& self) {
  World& world = World::get();
  for (std::uint32_t i = 0; i < world.task_count(); ++i) {
    if (const Task& other = world.task(i); &other != &self) self.clock.join(other.clock);
  }
}

/// Where it was not, those whose pthread keys' values are or were destroyed at their end: libstdc++ makes futures ready there.
/// What it finds there is not 0, or nobody but the constructor is taken to have written it.
inline void learn_from_ended(Task& self) {
  World& world = World::get();
  std::erase_if(world.ending, [&](const Task* other) {
    if (other->finished) {
      world.ended.join(other->clock);
    } else if (other != &self) {
      self.clock.join(other->clock);
    }
    return other->finished;
  });
  self.clock.join(world.ended);
}

}  // namespace foreseed::memory

#pragma once
// Cycles in the order in which tasks take locks. See warnings.h.

#include <span>
#include <vector>

#include "kernel/event.h"

namespace foreseed {

/// One half of an order: `taken` was done while the lock of `held` was held.
struct LockEdge {
  const Event* held;
  const Event* taken;
};

/// Each cycle once, as its edges: each holds what the one before takes.
std::vector<std::vector<LockEdge>> lock_order_cycles(std::span<const Event> events);

}  // namespace foreseed

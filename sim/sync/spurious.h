#pragma once
// What may happen for no reason at all, where the standard allows it: a weak compare-exchange fails, a condition variable
// wakes. Only under --memory c11, by choice, and for each task a bounded number of times: loops around them must end.

#include "kernel/world.h"

namespace foreseed::sync {

inline constexpr std::uint32_t spurious_max = 3;  ///< in one execution, by one task

/// Whether it happens now to the running task's `op`.
bool happens_spuriously(Op op);
void spurious_begin_run();

}  // namespace foreseed::sync

#pragma once
// What happens before what in a trace: the order of each task's steps, and the orders between tasks.
// Host code only.

#include <cstdint>
#include <vector>

#include "trace/trace.h"

namespace foreseed {

/// Drops every order that follows from the others. Leaves them all where that would take too much memory (thousands of
/// tasks): they are true either way.
void drop_implied_orders(Trace& trace);

/// For each event of the trace, by position, whether it happens before the step `to`, or is it.
std::vector<bool> past_of(const Trace& trace, std::uint32_t to);

/// The step that a failed trace points at: where the first place's task was last seen. 0 if there is none.
std::uint32_t failing_step(const Trace& trace);

}  // namespace foreseed

#pragma once
// Signals that the code under test dies of - segmentation fault, stack overflow, abort, division by zero - become
// findings of the run. In force only during a series of runs; a crash of host code keeps its usual fate.

namespace foreseed {

void catch_crashes();
void release_crashes();

/// From now on an execution without a step for `seconds` of real time is a finding too; 0 = no limit. Where the simulator
/// itself hangs, which no finding can be made of, the process ends with `hang_status`. Costs nothing if it is called again
/// with the same limit.
void watch_for_hang(double seconds);
inline constexpr int hang_status = 124;

/// Where to count that an execution makes progress, for a parent process; null: nowhere.
extern unsigned long* heartbeat;

}  // namespace foreseed

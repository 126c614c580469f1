#pragma once
// Signals that the code under test dies of - segmentation fault, stack overflow, abort, division by zero - become
// findings of the run. In force only during a series of runs; a crash of host code keeps its usual fate.

namespace foreseed {

void catch_crashes();
void release_crashes();

}  // namespace foreseed

#pragma once
// Work in a forked child that may die of it: what it returned, or how it ended. Host code.

#include <sys/types.h>

#include <functional>
#include <string>

namespace foreseed {

struct ChildResult {
  bool ended_well = false;
  bool hung = false;   ///< it made no progress for too long
  std::string output;  ///< ended_well: what `work` returned
  std::string how;     ///< else: "was killed by signal 11 (Segmentation fault)"
};

/// Runs `work` in a child, whose executions are found to hang after `seconds` (RunOptions::hang_seconds); a child that does
/// not find it itself is killed half a minute after it should have. 0 = no limit.
ChildResult in_child(const std::function<std::string()>& work, double seconds);

/// What follows fork() in a child of ours: it ends with its parent, and leaves Ctrl-C to it.
void settle_in_child(pid_t parent);

/// How a process ended, from its wait status. Throws std::runtime_error where that was a fault of foreseed's, which is told already.
std::string describe_end(int status, bool& hung);

}  // namespace foreseed

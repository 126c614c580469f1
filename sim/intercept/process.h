#pragma once
// What every simulated process is told about itself.

#include <sys/types.h>

#include "kernel/task.h"

namespace foreseed {

inline constexpr pid_t process_id = 1000;
inline constexpr int processors = 4;  ///< of each machine

/// As gettid(2) has it: the first thread's is the process's.
inline pid_t thread_id(const Task& task) { return process_id + static_cast<pid_t>(task.id); }

}  // namespace foreseed

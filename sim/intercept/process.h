#pragma once
// What every simulated process is told about itself.

#include <sys/types.h>

namespace foreseed {

inline constexpr pid_t process_id = 1000;

}  // namespace foreseed

#pragma once
// What an execution must leave as it found it, seen from outside: the process's descriptors and OS threads.
//
// Looking costs system calls, some microseconds, so World::run looks around the first execution of a series and then around
// one in a quarter of a million steps. What the simulator itself holds of an execution its rooms account for at the end of
// every one: World::left_behind().

#include <cstddef>
#include <string>
#include <vector>

namespace foreseed {

struct ProcessState {
  static ProcessState now();

  std::vector<int> descriptors;  ///< ascending
  std::size_t threads = 0;       ///< but for those that lend their thread-local storage
};

/// What there is now and was not before: "descriptor 5 (/etc/hosts), 2 threads"; empty if there is nothing.
std::string remains_since(const ProcessState& before);

}  // namespace foreseed

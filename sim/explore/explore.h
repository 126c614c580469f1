#pragma once
// explore: goes through the executions of a scenario with a search, until all are done, one fails, or a bound is met.
// Host code.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "explore/search.h"
#include "kernel/execution.h"

namespace foreseed::explore {

struct ExploreOptions {
  std::string strategy = "dpor";       ///< or "dfs"
  std::uint32_t preemptions = ~0u;     ///< dfs: at most so many in an execution
  std::uint64_t executions_max = 0;    ///< 0 = no bound
  double seconds_max = 0;              ///< 0 = no bound
  bool keep_going = false;             ///< after an execution that fails
  bool account = false;                ///< count redundant executions: 16 bytes of memory for each
  std::uint32_t steps_per_instant_max = RunOptions{}.steps_per_instant_max;
  std::string faults;                  ///< RunOptions::faults
  MemoryModel memory = MemoryModel::sc;
};

/// An execution that failed: its choices.
struct Failing {
  std::uint64_t execution = 0;  ///< its number, from 1
  std::uint32_t steps = 0;
  std::string message;
  std::vector<Choice> choices;
};

struct ExploreResult {
  SearchCounts counts;
  std::uint64_t failed = 0;        ///< executions with a finding
  std::vector<Failing> failing;    ///< one for each message, the shortest
  bool finished = false;           ///< nothing is left to explore
  double seconds = 0;
};

/// `each`, if set, sees every execution; false ends the search.
FORESEED_API ExploreResult explore(const Scenario& scenario, const ExploreOptions& options,
                                   const std::function<bool(const Execution&)>& each = {});

}  // namespace foreseed::explore

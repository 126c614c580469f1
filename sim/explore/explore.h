#pragma once
// explore: goes through the executions of a scenario with a search, until all are done, one fails, or a bound is met.
// Host code.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
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
  std::uint32_t timeouts = 0;          ///< RunOptions::timeouts
  Races races = Races::stop;           ///< RunOptions::races
  double hang_seconds = 0;             ///< RunOptions::hang_seconds
  std::uint64_t heap_bytes_max = RunOptions{}.heap_bytes_max;
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
  std::vector<std::uintptr_t> racy_sites;  ///< of its executions
  double seconds = 0;
};

/// `each`, if set, sees every execution; false ends the search.
FORESEED_API ExploreResult explore(const Scenario& scenario, const ExploreOptions& options,
                                   const std::function<bool(const Execution&)>& each = {});

// --- for searches that go on in several processes

FORESEED_API std::unique_ptr<Search> make_search(const ExploreOptions& options);

/// How far a search is to go, and how.
struct Slice {
  std::uint64_t executions_max = 0;  ///< 0 = no bound
  double seconds_max = 0;            ///< 0 = no bound
  bool follow_death = false;         ///< each execution keeps Board::step
  std::uint32_t last_step = 0;       ///< not 0: the execution ends after it, as one that died
};

/// What another process sees of a slice.
struct Board {
  std::atomic<bool> stop{false};              ///< ends the slice with the execution that is under way
  std::atomic<std::uint64_t> executions{0};   ///< done
  std::uint32_t step = 0;
  unsigned long heartbeat = 0;
};

/// What ended a slice.
enum class Pause : std::uint8_t {
  bound,
  failed,    ///< an execution failed, and the search is not to keep going
  finished,  ///< nothing is left to explore
  unit,      ///< what comes next is a unit's (Search::waits_for())
  again,     ///< the search has begun again: what was done is void
};

/// Goes on with a search, prepared for an execution. `result` has what this slice has done.
FORESEED_API Pause run_slice(const Scenario& scenario, Search& search, const ExploreOptions& options, const Slice& slice,
                             Board& board, ExploreResult& result, const std::function<bool(const Execution&)>& each = {});

/// `part` comes after `all`. Its number of redundant executions is not added: who has the traces knows it.
FORESEED_API void append(ExploreResult& all, ExploreResult part);

}  // namespace foreseed::explore

#pragma once
// One run of a scenario, seen from the host: what goes in, what comes out.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "api/foreseed/scenario.h"
#include "choice/choice.h"
#include "kernel/event.h"
#include "kernel/finding.h"

namespace foreseed {

/// Which outcomes of atomic operations an execution may have. Data races are judged by the declared orders in each.
enum class MemoryModel : std::uint8_t {
  sc,   ///< every atomic operation takes effect in the order of the schedule
  tso,  ///< x86: a store may still be on its way while later loads of the same task are done
  c11,  ///< what C++ allows, but for load buffering: RC11 (Lahav et al., PLDI 2017)
};

FORESEED_API std::string_view to_string(MemoryModel model);
/// The model of that name; false if there is none.
FORESEED_API bool from_string(std::string_view name, MemoryModel& model);

/// What comes of data races.
enum class Races : std::uint8_t {
  stop,     ///< they end the execution
  explore,  ///< their accesses become scheduling points: see memory/racy.h
  off,      ///< nothing: for programs whose libraries order accesses by atomics of their own that are not instrumented
};

FORESEED_API std::string_view to_string(Races races);
/// The one of that name; false if there is none.
FORESEED_API bool from_string(std::string_view name, Races& races);

class Strategy;

struct RunOptions {
  std::uint64_t seed = 0;                 ///< used unless `replay` is set
  Strategy* strategy = nullptr;           ///< who makes the choices instead; must outlive the run
  bool search = false;                    ///< `replay` was recorded under a strategy that searches
  std::string_view strategy_name = "uniform";  ///< for the trace
  bool replaying = false;
  std::span<const Choice> replay;         ///< must outlive the run
  Anchors* anchors = nullptr;             ///< replaying only: answers beyond `replay`; must outlive the run
  std::string_view faults;                ///< a plan as JSON, or kinds to draw one of ("crash,slow"); must outlive the run
  MemoryModel memory = MemoryModel::sc;
  std::uint32_t timeouts = 0;             ///< of each task, so many sleeps and timed waits may end while others can go on
  Races races = Races::stop;
  std::vector<std::uintptr_t> racy_sites; ///< Races::explore: code addresses, sorted, whose plain accesses are scheduling points
  bool watch_races = false;               ///< Races::explore: the last execution once more, see Execution::races_unclear
  bool record = false;                    ///< keep events with their stacks (about 100 times slower)
  /// Livelock: more than that many steps at one virtual instant that change nothing or wait, or ten times as many of any
  /// kind.
  std::uint32_t steps_per_instant_max = 100'000;
  std::uint32_t steps_max = 50'000'000;           ///< more steps than that in one execution: livelock
  std::uint32_t until_step = 0;           ///< recorded runs: ends there, without a finding; 0 = goes on to the end
  std::uint32_t events_max = 1'000'000;           ///< a recording keeps the first so many events
  std::uint64_t heap_bytes_max = std::uint64_t{4} << 30;  ///< a heap larger than that: out of memory
  double hang_seconds = 0;                ///< no step for so long, in real time: hang; 0 = no limit
  std::uint32_t* step_now = nullptr;      ///< recording only: kept at the number of the last step, for another process
  std::uint32_t last_step = 0;            ///< recording only: the execution ends after it, as one that `died`; 0 = none
};

struct Execution {
  Execution() {}  // NOLINT(modernize-use-equals-default): g++ would clear all of its bytes first
  std::uint64_t fingerprint = 0;      ///< equal for equal choices: across runs, compilers, optimisation, ASLR
  std::uint32_t steps = 0;            ///< events
  std::uint64_t virtual_ns = 0;       ///< virtual time that passed
  bool diverged = false;              ///< replaying only: a recorded choice did not fit
  std::optional<Finding> finding;     ///< none: everything held
  std::span<const Choice> choices;    ///< valid until the next run
  std::unique_ptr<Recording> recording;  ///< only if RunOptions::record
  // under Races::explore
  std::vector<std::uintptr_t> racy_sites;      ///< those it was run with
  std::vector<std::uintptr_t> new_racy_sites;  ///< sorted; those that it has found besides
  bool races_unclear = false;                  ///< a site is not known: it will be if the execution is watched
};

/// Runs `scenario` once, in this thread. Not reentrant, and not to be called from inside a simulation.
FORESEED_API Execution run_once(const Scenario& scenario, const RunOptions& options);

/// Where executions log their choices from now on: room that another process can read (ChoiceLog::shared_room()).
void log_choices_into(void* room);

/// Tells the isolation of globals where a series of runs begins and ends; nests nothing. Between runs of one series,
/// writable memory of the program under test is put back to what it was before each run. `run_once` outside a series
/// makes one of its own (slower).
class FORESEED_API RunSeries {
 public:
  RunSeries();
  ~RunSeries();
  RunSeries(const RunSeries&) = delete;
  RunSeries& operator=(const RunSeries&) = delete;
};

}  // namespace foreseed

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

class Strategy;

struct RunOptions {
  std::uint64_t seed = 0;                 ///< used unless `replay` is set
  Strategy* strategy = nullptr;           ///< who makes the choices instead; must outlive the run
  bool search = false;                    ///< `replay` was recorded under a strategy that searches
  std::string_view strategy_name = "uniform";  ///< for the trace
  bool replaying = false;
  std::span<const Choice> replay;         ///< must outlive the run
  std::string_view faults;                ///< a plan as JSON, or kinds to draw one of ("crash,slow"); must outlive the run
  bool record = false;                    ///< keep events with their stacks (about 100 times slower)
  std::uint32_t steps_per_instant_max = 100'000;  ///< more steps than that at one virtual instant: livelock
  std::uint64_t steps_max = 50'000'000;           ///< more steps than that in one execution: livelock
  std::uint32_t events_max = 1'000'000;           ///< a recording keeps the first so many events
};

struct Execution {
  std::uint64_t fingerprint = 0;      ///< equal for equal choices: across runs, compilers, optimisation, ASLR
  std::uint32_t steps = 0;            ///< events
  std::uint64_t virtual_ns = 0;       ///< virtual time that passed
  bool diverged = false;              ///< replaying only: a recorded choice did not fit
  std::optional<Finding> finding;     ///< none: everything held
  std::span<const Choice> choices;    ///< valid until the next run
  std::unique_ptr<Recording> recording;  ///< only if RunOptions::record
};

/// Runs `scenario` once, in this thread. Not reentrant, and not to be called from inside a simulation.
FORESEED_API Execution run_once(const Scenario& scenario, const RunOptions& options);

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

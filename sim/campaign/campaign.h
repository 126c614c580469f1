#pragma once
// Many executions of one scenario: seeds base, base+1, .. in this process or in forked workers.
//
// Every 64th seed is run twice and its fingerprints compared. The first failure is the one with the lowest seed, however
// many workers there are (where the campaign is bounded by a count; a time limit makes no such promise). Host code.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernel/execution.h"
#include "trace/trace.h"

namespace foreseed {

struct CampaignOptions {
  std::uint64_t base_seed = 0;
  std::uint64_t runs = 1000;           ///< 0 = no bound: then `seconds` is one
  double seconds = 0;                  ///< 0 = no bound
  unsigned jobs = 1;                   ///< worker processes, 1 .. 256; 1 runs in this process
  bool keep_going = false;
  std::uint32_t steps_per_instant_max = RunOptions{}.steps_per_instant_max;
  std::string faults;                  ///< RunOptions::faults
  std::string strategy = "portfolio";  ///< one of explore::strategy_names()
};

/// A seed that did not hold. `trace` is its recording.
struct Failure {
  enum class Kind { violated, not_deterministic, worker_died } kind = Kind::violated;
  std::uint64_t seed = 0;
  Trace trace;
  std::string message;  ///< not_deterministic: where the two runs part; worker_died: how
};

struct CampaignProgress {
  std::uint64_t executions = 0;
  std::uint64_t steps = 0;
  std::uint64_t failures = 0;  ///< seeds that failed, of which one per message is kept
  double seconds = 0;          ///< since the start
};

struct CampaignResult : CampaignProgress {
  std::vector<Failure> kept;
  bool interrupted = false;    ///< by Ctrl-C
};

/// Runs the campaign; `progress` is called a few times a second.
CampaignResult run_campaign(const Scenario& scenario, const CampaignOptions& options,
                            const std::function<void(const CampaignProgress&)>& progress);

/// One recorded run of `seed`: its trace. Runs it a second time where that is needed for the stacks of a race.
Trace record_seed(const Scenario& scenario, std::uint64_t seed, std::uint32_t steps_per_instant_max,
                  std::string_view strategy, std::string_view faults = {});
/// One recorded run that follows `choices`, found under `strategy`.
Trace record_choices(const Scenario& scenario, std::span<const Choice> choices, std::uint32_t steps_per_instant_max,
                     std::string_view strategy, std::string_view faults);

/// One recorded run that follows the choices of `trace`.
Trace replay_trace(const Scenario& scenario, const Trace& trace, bool& diverged);

/// "step 12: main mutex_lock (a.cc:3) there, T1 mutex_lock (a.cc:9) here": where two traces part.
std::string describe_difference(const Trace& expected, const Trace& actual);

}  // namespace foreseed

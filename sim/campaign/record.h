#pragma once
// One execution with everything that a trace wants, even where it takes its process down. Host code.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/foreseed/scenario.h"
#include "kernel/execution.h"
#include "trace/trace.h"

namespace foreseed {

/// How an execution is run: what a trace carries of it, besides the seed.
struct Setting {
  std::uint32_t steps_per_instant_max = RunOptions{}.steps_per_instant_max;
  std::string faults{};  ///< RunOptions::faults
  MemoryModel memory = MemoryModel::sc;
  std::string strategy = "portfolio";  ///< one of explore::strategy_names(), or, for record_choices(), of a search
  Races races = Races::stop;           ///< RunOptions::races
  std::uint32_t timeouts = 0;          ///< RunOptions::timeouts
  std::vector<std::uintptr_t> racy_sites{};  ///< RunOptions::racy_sites
};

/// The options of one execution; refers to `setting`.
RunOptions run_options(const Setting& setting, std::uint64_t seed);

/// The limits of an execution that a trace does not carry.
struct Limits {
  double hang_seconds = 10;                               ///< RunOptions::hang_seconds
  std::uint64_t heap_bytes_max = RunOptions{}.heap_bytes_max;
  bool in_child = true;                                   ///< in a process of its own
};

/// Runs it recorded, in a child. A process that dies of it leaves its choices, and the execution is run up to the step
/// before that: then the finding is of the kind `died`, or `hang`.
FORESEED_API Trace record(const Scenario& scenario, RunOptions options, const Limits& limits);

/// What an execution did, as far as a search looks at it.
struct Outcome {
  std::string text;             ///< signature_text() of its finding; "" = it held
  std::uint32_t steps = 0;
  std::vector<Choice> choices;
};

/// Runs it in a process of its own, without a trace.
Outcome observe_in_child(const Scenario& scenario, RunOptions options, const Limits& limits);

/// One recorded run of `seed`. In this process, where a death is the caller's.
FORESEED_API Trace record_seed(const Scenario& scenario, std::uint64_t seed, const Setting& setting,
                               const Limits& limits = {.hang_seconds = 0, .in_child = false});

/// One recorded run that follows `choices`, which a search made under setting.strategy.
FORESEED_API Trace record_choices(const Scenario& scenario, std::span<const Choice> choices, const Setting& setting,
                                  const Limits& limits = {.hang_seconds = 0, .in_child = false});

/// The options under which `trace` is followed; refers to it.
RunOptions replay_options(const Trace& trace);

/// One recorded run that follows the choices of `trace`; only up to step `until_step`, in this process, if that is not 0.
FORESEED_API Trace replay_trace(const Scenario& scenario, const Trace& trace, bool& diverged,
                                const Limits& limits = {.hang_seconds = 0, .in_child = false}, std::uint32_t until_step = 0);

/// "step 12: recorded main mutex_lock (a.cc:3), now T1 mutex_lock (a.cc:9)": where two traces part.
std::string describe_difference(const Trace& expected, const Trace& actual);

/// Whether two runs of the same choices are the same, but for where a hang was noticed.
bool same_execution(const Trace& a, const Trace& b);

}  // namespace foreseed

#pragma once
// Makes a failure small: the same failure, by fewest preemptions, then fewest faults, then fewest steps, then the
// shortest and lowest record of choices (shortlex). Host code.
//
// Choice 0 is benign and a missing choice reads as 0, so any edit of a record is a valid record. Two means are used until
// neither helps or the budget is spent:
//   - edits of the best record so far, large chunks first (delta debugging, Zeller and Hildebrandt 2002): zero, lower and
//     delete choices; what comes after an edit follows by position, or by (site, kind, task);
//   - a search over all schedules with fewer preemptions than the best, bound by bound (Musuvathi and Qadeer, "Iterative
//     context bounding", 2007), everything else answered as in the best; by sampling where they are too many.
// Where the scenario is a property (foreseed/property.h), its parameters come first: RapidCheck says what is simpler, each
// simpler value is run under the recorded choices and a few others, and whatever it costs, the first that fails so is taken.
// A candidate counts only if it ends in the same failure (trace/signature.h), seen with its stacks. What kills its process
// or hangs is run in a process of its own each time.

#include <compare>
#include <cstdint>
#include <span>
#include <string>

#include "api/foreseed/scenario.h"
#include "campaign/record.h"
#include "trace/trace.h"

namespace foreseed {

struct MinimizeOptions {
  double seconds = 2;               ///< of real time, in all
  std::uint64_t runs = 1'000'000;   ///< executions, in all
  Limits limits{.hang_seconds = 0, .in_child = false};
};

/// What a record costs its reader; less is better, members in order.
struct Cost {
  std::uint32_t preemptions = 0;
  std::uint32_t faults = 0;
  std::uint32_t steps = 0;
  std::uint32_t choices = 0;  ///< up to the last that is not 0

  friend auto operator<=>(const Cost&, const Cost&) = default;
};

FORESEED_API Cost cost_of(std::span<const Choice> choices, std::uint32_t steps);

struct Minimized {
  bool reproduced = false;   ///< false: the trace does not fail that way any more, and nothing else here is set
  Trace trace;
  Cost before;
  Cost after;
  std::uint64_t executions = 0;
  std::uint32_t simpler = 0;       ///< how often simpler parameters were taken
  std::uint64_t slipped = 0;       ///< executions with simpler parameters that failed in another way
  bool least_preemptions = false;  ///< every schedule with fewer preemptions was tried, all else being as in `trace`
};

FORESEED_API Minimized minimize(const Scenario& scenario, const Trace& trace, const MinimizeOptions& options);

/// "preemptions 7 -> 1, faults 0 -> 0, steps 60 -> 22, choices 41 -> 9".
FORESEED_API std::string describe(const Minimized& minimized);

}  // namespace foreseed

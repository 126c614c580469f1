#pragma once
// What looks dangerous in an execution though it held. Warnings are read off recorded events, so that executions that are
// not recorded pay nothing for them.
//
//   - Lock order: tasks take locks in orders that form a cycle, which could have deadlocked under another schedule. A cycle
//     is of edges "takes b while it holds a" of different tasks that could run at the same time (by the starts and joins of
//     threads alone) and that hold no lock in common: a lock around both orders (a gate) makes them harmless, and so do
//     read-write locks that are only read. Tries and timed waits end by themselves. (Bensalem and Havelund: Dynamic Deadlock
//     Analysis of Multi-threaded Programs, HVC 2005.)
//   - Tasks left running: threads of the scenario's own host that had not ended when the scenario did.
//   - Under --races explore: data races that did no harm.

#include <span>
#include <string>
#include <vector>

#include "trace/trace.h"

namespace foreseed {

struct Warning {
  std::string kind;                ///< "lock order", "left running", "data races"
  std::string message;
  std::vector<TracePlace> places;  ///< stacks as the events have them
};

/// Of a recording as it comes from an execution: to know whether there are any.
FORESEED_API std::vector<Warning> warnings_of(const Recording& recording);
FORESEED_API std::vector<Warning> warnings_of(const Trace& trace);

/// The same for the same warning of another execution: by source lines.
FORESEED_API std::string warning_key(const Trace& trace, const Warning& warning);
/// Several lines, each ending in '\n'.
FORESEED_API std::string describe_warning(const Trace& trace, const Warning& warning);

}  // namespace foreseed

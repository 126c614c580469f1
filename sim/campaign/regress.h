#pragma once
// Kept traces against the program as it is now. Host code.
//
// A trace is replayed as it is. Where the program asks other questions than it did, the choices are put where they
// belong, by (site, kind, task); where that does not bring the failure back, every schedule with as many preemptions as
// the trace has is tried. Failures are compared by functions, not lines, which move.

#include <string>

#include "campaign/record.h"
#include "trace/trace.h"

namespace foreseed {

struct Regression {
  enum class Verdict {
    still_fails,
    fixed,     ///< it asks the same questions and holds, or holds under every schedule with as few preemptions
    diverged,  ///< it asks other questions, and the failure was not found again in the time given
  };
  Verdict verdict = Verdict::diverged;
  bool exact = false;       ///< still_fails: event by event as recorded
  Trace now;                ///< still_fails: the execution that does
  std::string explanation;  ///< one line
};

FORESEED_API Regression regress_trace(const Scenario& scenario, const Trace& trace, const Limits& limits, double seconds = 2);

const char* to_string(Regression::Verdict verdict);

}  // namespace foreseed

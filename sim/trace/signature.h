#pragma once
// Which failures are the same one. A minimiser may make a failure smaller but not turn it into another, and a regression
// is the kept failure or it is not: both ask here. Host code.
//
// Two failures are the same if their kinds are, their messages are but for numbers (thread numbers, values, sizes), and
// the user's source lines that they point at are, in whatever order. Of a deadlock and a data race the message says who it
// befell, which is the schedule's matter, so that only its beginning counts; a livelock, a hang, a dead process and the
// end of memory are noticed wherever the program happens to be, so that lines do not. Threads that only wait for others to end are no
// part of a deadlock.

#include <string>
#include <vector>

#include "trace/trace.h"

namespace foreseed {

struct Signature {
  std::string text;                 ///< kind and message without numbers; "" = held
  std::vector<std::string> places;  ///< "file:line", or "file function"; sorted, distinct

  friend bool operator==(const Signature&, const Signature&) = default;
};

/// What places are told by: lines tell most; functions stay where they are when lines are added above.
enum class Places { lines, functions };

FORESEED_API Signature signature_of(const Trace& trace, Places by = Places::lines);

/// The part that needs no stacks, and so no recording.
std::string signature_text(FindingKind kind, const std::string& message);

}  // namespace foreseed

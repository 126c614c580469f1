#pragma once
// What was found wrong in one execution: the value that check, show and the trace pass around.

#include <foreseed/export.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/event.h"

namespace foreseed {

/// Kinds of findings; each name is the one used in traces and in `--json`.
enum class FindingKind {
  check_failed,        ///< a FORESEED_CHECK, an assert() or an EXPECT_* of GoogleTest did not hold
  uncaught_exception,  ///< an exception left a thread or the scenario, or std::terminate was called
  deadlock,            ///< tasks wait for each other, or for something that nobody will do
  livelock,            ///< more steps at one virtual instant, or in all, than the bound
  data_race,           ///< two plain accesses, one a write, not ordered by happens-before
  heap_leak,           ///< blocks of the execution still allocated at its end
  double_free,
  invalid_free,
  use_after_free,
  crash,               ///< a signal: segmentation fault, stack overflow, abort, division by zero
  unsupported,         ///< the program called what cannot be simulated yet
  misuse,              ///< undefined use of a synchronisation object, such as destroying a locked mutex
  hang,                ///< no step for longer than the limit of real time
  out_of_memory,       ///< more memory than the limit
  died,                ///< the process ended in a way that could not be caught in it
  out_of_bounds,       ///< an access beyond a heap block; beyond a local or a global too in an AddressSanitizer build
  use_after_scope,     ///< of a local whose scope has ended, in an AddressSanitizer build
  undefined_behavior,  ///< what UndefinedBehaviorSanitizer's instrumentation tells
  count_               ///< not a kind
};

FORESEED_API std::string_view to_string(FindingKind kind);
/// The kind of that name; false if there is none.
bool from_string(std::string_view name, FindingKind& kind);

/// One place that a finding points at: a task, what it did, and where.
struct Place {
  std::uint16_t task = 0;
  std::string role;  ///< such as "write", "previous read", "holds mutex#1, waits for mutex#2", "freed here"
  Stack stack;       ///< innermost first; may be empty where the execution was not recorded
};

struct Finding {
  FindingKind kind = FindingKind::check_failed;
  std::string message;        ///< one line, free of addresses
  std::uint64_t time_ns = 0;  ///< virtual time
  std::uint32_t step = 0;     ///< events before it
  std::vector<Place> places;  ///< the first is where it was found
  std::string details;        ///< further lines, such as the cycle of a deadlock; may be empty
};

}  // namespace foreseed

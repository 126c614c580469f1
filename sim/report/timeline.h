#pragma once
// What lasts in a trace, read off its events: locks held, waits, states that the scenario notes, faults, hosts that are down.
// The report draws it, and exports carry it. Host code only.

#include <cstdint>
#include <string>
#include <vector>

#include "trace/trace.h"

namespace foreseed::report {

/// Something that lasts from the step `from` to the step `to`; a `to` of 0: to the end of the trace.
struct Bar {
  std::uint32_t lane = 0;   ///< a task, or a host, or 0
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint64_t from_ns = 0;
  std::uint64_t to_ns = 0;
  std::string label;
  std::uint32_t object = 0;
};

struct Timeline {
  std::vector<Bar> holds;    ///< by task: locks
  std::vector<Bar> waits;    ///< by task: what for; sleeping too
  std::vector<Bar> states;   ///< lane: an index into `state_names`
  std::vector<std::string> state_names;
  std::vector<Bar> faults;   ///< of the fault plan
  std::vector<Bar> downs;    ///< by host: crashed, killed or paused
};

/// A note "NAME = VALUE" says that the state NAME is VALUE from there on.
Timeline timeline_of(const Trace& trace);

/// "mutex_lock mutex#3 = 16", with what was noted.
std::string event_text(const Trace& trace, const Event& event);
/// "waits: mutex_lock mutex#3".
std::string wait_text(const Trace& trace, const Wait& wait);

}  // namespace foreseed::report

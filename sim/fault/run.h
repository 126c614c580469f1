#pragma once
// A plan at work in the running world. Simulator code only.

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "api/foreseed/faults.h"
#include "fault/plan.h"
#include "kernel/world.h"

namespace foreseed::fault {

/// A fault of a plan that was started.
struct Running {
  Fault fault;
  std::uint64_t start_ns;  ///< of the plan
  bool drawn = false;      ///< its hosts are chosen when it begins
  std::vector<std::uint32_t> hosts;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> links;  ///< from, to
  bool active = false;
  bool struck = false;         ///< a host went down for it
  std::int64_t countdown = 0;  ///< passes until it strikes, see points.cc
};

/// All of this run, in the order in which they were started.
const std::vector<std::unique_ptr<Running>>& running();

/// Sets the alarms of a plan whose faults are all right, see check().
void start(const FaultPlan& plan);
/// The same for one fault; where it is `drawn`, so are its hosts.
void begin(const Fault& fault, bool drawn);

/// Makes up a plan and starts it: each kind is enrolled or not (swarm testing: Groce et al., ISSTA 2012), and strikes up
/// to `budget` times between 1 ms and 33 s after the start, for between 1 ms and 33 s, at hosts that are there by then. All
/// of it is chosen; choice 0 is no fault at all. After 66 s everything is healed.
void draw(const std::vector<DrawnKind>& kinds);

/// The number that is chosen, below `bound`.
std::uint32_t pick(std::uint64_t bound);

/// What the fault does to one of its hosts, at once.
void strike(Running& run, std::uint32_t host);
/// Writes "kind what hosts" into the trace.
void note(const Fault& fault, std::string_view what);

// --- points.cc

/// Whether the fault waits for a scheduling point or a FORESEED_POINT to strike.
bool waits_for_point(const Fault& fault);
/// Lets it wait there; to be called whenever one has become active or has ended.
void watch_points();

/// When the last fault that has an end is over, in the world's time.
std::uint64_t whole_at_ns();

void install(World& world);

}  // namespace foreseed::fault

// Faults that strike in the middle of things: at a scheduling point, or where the program has put a FORESEED_POINT.

#include <algorithm>
#include <string_view>

#include "api/foreseed/point.h"
#include "fault/run.h"
#include "net/link.h"

namespace foreseed::fault {

namespace {

bool concerns(const Running& run, std::uint32_t host) {
  return run.active && std::find(run.hosts.begin(), run.hosts.end(), host) != run.hosts.end();
}

bool happens(const Fault& fault) {
  return net::chance(Op::fault, static_cast<std::uint32_t>(fault.share * net::million + 0.5));
}

void hold_up(const Fault& fault) {
  World& world = World::get();
  world.wait(Op::fault, 0, world.now() + static_cast<std::uint64_t>(fault.amount.count()));
}

/// The running task has come to where the fault may strike.
void pass(Running& run) {
  World& world = World::get();
  const Fault& fault = run.fault;
  if (run.struck || --run.countdown != 0) return;
  note(fault, "strikes:");
  if (fault.kind != FaultKind::stall) {
    strike(run, world.current().host);
    watch_points();
    return world.yield_to_others();
  }
  run.struck = true;
  watch_points();
  hold_up(fault);
}

void at_scheduling_point() {
  World& world = World::get();
  const std::uint32_t host = world.current().host;
  for (std::size_t i = 0; i < running().size(); ++i) {  // other tasks may start plans meanwhile
    Running& run = *running()[i];
    if (!concerns(run, host)) continue;
    const Fault& fault = run.fault;
    if (fault.kind == FaultKind::slow_cpu) {
      hold_up(fault);
    } else if (waits_for_point(fault)) {
      if (fault.point.empty()) pass(run);
    } else if (fault.kind == FaultKind::stall && happens(fault)) {
      note(fault, "strikes:");
      hold_up(fault);
    }
  }
}

bool at_named_point(std::string_view name) {
  World& world = World::get();
  const std::uint32_t host = world.current().host;
  bool fails = false;
  for (std::size_t i = 0; i < running().size(); ++i) {
    Running& run = *running()[i];
    if (!concerns(run, host)) continue;
    const Fault& fault = run.fault;
    if (fault.kind == FaultKind::fail) {
      if (fault.point.empty() || fault.point == name) fails |= happens(fault);
    } else if (fault.point == name) {
      pass(run);
    }
  }
  return fails;
}

}  // namespace

bool waits_for_point(const Fault& fault) {
  return strikes_at_points(fault.kind) && (fault.number > 0 || !fault.point.empty());
}

void watch_points() {
  World& world = World::get();
  world.at_point = nullptr;
  for (const auto& run : running()) {
    if (!run->active) continue;
    const Fault& fault = run->fault;
    const bool waits = waits_for_point(fault);
    if (fault.kind == FaultKind::slow_cpu || (fault.kind == FaultKind::stall && !waits) ||
        (waits && fault.point.empty() && !run->struck)) {
      world.at_point = at_scheduling_point;
    }
  }
}

}  // namespace foreseed::fault

bool foreseed_point(const char* name) {
  using namespace foreseed;
  if (!simulated_code()) return false;
  const Entry entry;
  World& world = World::get();
  world.point(Op::point);
  const bool fails = fault::at_named_point(name);
  world.text_event(Op::point, name, fails ? -1 : 0);
  return fails;
}

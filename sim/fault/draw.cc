// Plans that are made up.

#include <chrono>

#include "fault/run.h"

namespace foreseed::fault {

namespace {

/// 1 ms to 33 s, each power of two as likely as the next.
nanoseconds chosen_span() { return std::chrono::milliseconds(std::int64_t{1} << pick(16)); }

/// 0: as soon as the fault begins; or so many scheduling points later.
std::int64_t chosen_point() { return pick(2) == 0 ? 0 : std::int64_t{1} + pick(std::uint64_t{1} << pick(12)); }

Fault chosen_fault(FaultKind kind) {
  Fault fault;
  fault.kind = kind;
  fault.at = chosen_span();
  fault.until = fault.at + chosen_span();
  switch (kind) {
    case FaultKind::partition:
      fault.one_way = pick(2) != 0;
      fault.share = 1 - pick(4) / 4.0;
      break;
    case FaultKind::loss:
    case FaultKind::duplicate:
    case FaultKind::reorder:
    case FaultKind::corrupt: fault.share = 0.01 * (1 << pick(6)); break;
    case FaultKind::refuse: fault.share = 1 - pick(4) / 4.0; break;
    case FaultKind::slow: fault.amount = chosen_span(); break;
    case FaultKind::clog: fault.number = 1'000'000 >> pick(12); break;
    case FaultKind::dribble: fault.number = 256 >> pick(9); break;
    case FaultKind::flap:
    case FaultKind::flap_random:
      fault.amount = chosen_span();
      fault.period = chosen_span();
      break;
    case FaultKind::reset: fault.until = fault.at; break;
    case FaultKind::step_clock:
      fault.until = fault.at;
      fault.amount = chosen_span() * (pick(2) != 0 ? -60 : 60);
      break;
    case FaultKind::drift_clock: fault.number = (std::int64_t{1} << pick(17)) * (pick(2) != 0 ? -1 : 1); break;
    case FaultKind::crash:
    case FaultKind::kill:
    case FaultKind::pause: fault.number = chosen_point(); break;
    case FaultKind::half_open: fault.until = fault.at; break;
    case FaultKind::truncate:
      fault.one_way = true;
      fault.number = 4096 >> pick(13);
      break;
    case FaultKind::stall:
      fault.amount = chosen_span();
      fault.number = chosen_point();
      fault.share = 0.001 * (1 << pick(6));
      break;
    case FaultKind::slow_cpu: fault.amount = std::chrono::nanoseconds(std::int64_t{1} << pick(20)); break;
    case FaultKind::disk_full: fault.number = 65536 >> pick(17); break;
    case FaultKind::disk_error: fault.share = 0.01 * (1 << pick(6)); break;
    case FaultKind::no_memory: fault.number = (1 << 20) >> pick(20); break;
    case FaultKind::no_descriptors: fault.number = 8 >> pick(4); break;
    case FaultKind::fail: fault.share = 0.01 * (1 << pick(6)); break;
    default: break;
  }
  return fault;
}

}  // namespace

std::uint32_t pick(std::uint64_t bound) {
  return World::get().choose(static_cast<std::uint32_t>(Op::fault), ChoiceKind::fault, bound);
}

void draw(const std::vector<DrawnKind>& kinds) {
  for (const DrawnKind& drawn : kinds) {
    if (pick(2) == 0) continue;
    for (std::uint32_t left = 1 + pick(drawn.budget); left != 0; --left) begin(chosen_fault(drawn.kind), true);
  }
}

}  // namespace foreseed::fault

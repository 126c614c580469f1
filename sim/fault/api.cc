// Plans as a scenario starts them, and what must be true once they are over.

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "api/foreseed/scenario.h"
#include "fault/run.h"

namespace foreseed {

namespace {

void inside() {
  if (simulated_code()) return;
  std::fputs("foreseed: fault plans are for use inside a scenario\n", stderr);
  std::abort();
}

void start_checked(const FaultPlan& plan) {
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    if (const std::string error = fault::check(plan.faults[i]); !error.empty()) {
      World::get().fail(FindingKind::misuse, "FaultPlan: faults[" + std::to_string(i) + "]: " + error);
    }
  }
  fault::start(plan);
}

}  // namespace

void FaultPlan::start() const {
  inside();
  const Entry entry;
  start_checked(*this);
}

void start_faults(std::string_view file) {
  inside();
  const Entry entry;
  FaultPlan plan;
  std::string error;
  try {
    plan = fault::from_file(std::string(file));
  } catch (const fault::PlanError& wrong) {
    error = wrong.what();
  }
  if (!error.empty()) World::get().fail(FindingKind::misuse, error);
  start_checked(plan);
}

void eventually(std::string_view what, const std::function<bool()>& condition, nanoseconds within, const char* file, int line) {
  inside();
  const auto sleep_until = [](std::uint64_t time_ns) {
    const Entry entry;
    while (World::get().now() < time_ns) World::get().wait(Op::sleep, 0, time_ns);
  };
  // Plans may be started meanwhile.
  while (World::get().now() < fault::whole_at_ns()) sleep_until(fault::whole_at_ns());
  const std::uint64_t deadline_ns = World::get().now() + static_cast<std::uint64_t>(within.count());
  for (std::uint64_t pause_ns = 1'000'000; !condition(); pause_ns = std::min<std::uint64_t>(2 * pause_ns, 1'000'000'000)) {
    const std::uint64_t now_ns = World::get().now();
    if (now_ns >= deadline_ns) {
      fail("FORESEED_EVENTUALLY(" + std::string(what) + ") within " + std::to_string(within.count()) + " ns after the faults",
           file, line);
    }
    sleep_until(std::min(now_ns + pause_ns, deadline_ns));
  }
}

}  // namespace foreseed

#pragma once
// --races explore: what a data race does. Races do not end such an execution; the plain accesses of their two sites are
// scheduling points instead, so that schedules can tear them apart, and a failure is told together with the races before
// it.
//
// Sites are code addresses (of the return from the compiler's instrumentation). They are given when an execution begins
// (RunOptions::racy_sites), so that its choices alone say what happens in it; who runs it adds those it has found and runs
// it again (run_once(), and the searches, which begin anew). The site of the earlier access of a race is known only where
// it was one already, or where the execution is made once more and the location watched (RunOptions::watch_races).

#include <cstddef>
#include <cstdint>

#include "kernel/world.h"

namespace foreseed::memory {

/// Whether the running execution is such a one.
FORESEED_HIDDEN extern bool exploring_races;

/// A plain access in place of access(), from the code at `site`: behind a scheduling point if that is racy.
void access_exploring(const void* address, std::size_t size, bool is_write, std::uintptr_t site);

/// Half of a race. The epoch tells earlier ones apart.
struct RacyAccess {
  std::uint32_t task;
  std::uint64_t epoch;
  bool writes;
  bool atomic;
};

/// `now`, the access that is under way, races with `before` within the 8 bytes around `address`.
void note_race(std::uintptr_t address, const RacyAccess& now, const RacyAccess& before);

/// "write", "atomic read".
const char* describe(bool is_write, bool is_atomic);

void racy_begin_run();
/// World::tell_races.
void tell_races(Execution& execution);

}  // namespace foreseed::memory

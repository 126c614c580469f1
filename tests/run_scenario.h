#pragma once
// Runs a function as a scenario, for tests of what executions do.

#include <cstdint>
#include <optional>
#include <string>

#include "api/foreseed/world.h"
#include "kernel/execution.h"

namespace foreseed::testing {

inline Scenario scenario_of(void (*body)()) { return {"test", "", body, __FILE__, __LINE__}; }

inline Execution run_seed(void (*body)(), std::uint64_t seed, bool record = false) {
  RunOptions options;
  options.seed = seed;
  options.record = record;
  return run_once(scenario_of(body), options);
}

/// The first finding of `body` in seeds 0 .. runs-1, with its seed in `seed`.
inline std::optional<Finding> first_finding(void (*body)(), std::uint64_t runs, std::uint64_t* seed = nullptr) {
  const RunSeries series;
  for (std::uint64_t s = 0; s < runs; ++s) {
    Execution execution = run_seed(body, s);
    if (!execution.finding) continue;
    if (seed != nullptr) *seed = s;
    return execution.finding;
  }
  return std::nullopt;
}

}  // namespace foreseed::testing

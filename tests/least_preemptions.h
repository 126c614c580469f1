#pragma once
// The least number of preemptions with which a program fails in a given way, by running every schedule: the yardstick for
// the minimiser, and written without it.

#include <cstdint>
#include <optional>
#include <vector>

#include "campaign/campaign.h"
#include "run_scenario.h"
#include "trace/signature.h"

namespace foreseed::testing {

class Exhaustive {
 public:
  Exhaustive(void (*body)(), const Trace& failure, std::uint64_t runs_max)
      : scenario_(scenario_of(body)), failure_(failure), wanted_(signature_of(failure)), runs_left_(runs_max) {}

  /// None: runs_max did not suffice.
  std::optional<std::uint32_t> least(std::uint32_t preemptions_max) {
    const RunSeries series;
    for (std::uint32_t bound = 0; bound <= preemptions_max; ++bound) {
      if (fails_within({}, bound)) return bound;
      if (runs_left_ == 0) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  using Record = std::vector<Choice>;

  bool fails_within(const Record& prefix, std::uint32_t bound) {
    if (runs_left_ == 0) return false;
    --runs_left_;
    const Execution execution = run_once(scenario_, options(prefix));
    const Record all(execution.choices.begin(), execution.choices.end());
    if (execution.finding && execution.finding->kind == failure_.finding.kind && same_failure(prefix)) return true;
    std::uint32_t used = 0;
    for (std::size_t i = 0; i < prefix.size(); ++i) used += is_preemption(all[i]);
    for (std::size_t i = prefix.size(); i < all.size(); ++i) {
      Record longer(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i + 1));
      for (std::uint32_t value = 1; value < all[i].bound && decides_who_runs(all[i].kind); ++value) {
        longer.back().value = value;
        if (used + is_preemption(longer.back()) <= bound && fails_within(longer, bound)) return true;
      }
    }
    return false;
  }

  bool same_failure(const Record& record) {
    RunOptions recorded = options(record);
    recorded.record = true;
    return signature_of(make_trace(scenario_, recorded, run_once(scenario_, recorded))) == wanted_;
  }

  RunOptions options(const Record& record) const {
    RunOptions options;
    options.replaying = true;
    options.replay = record;
    return options;
  }

  Scenario scenario_;
  const Trace& failure_;
  Signature wanted_;
  std::uint64_t runs_left_;
};

}  // namespace foreseed::testing

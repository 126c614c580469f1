// What check, explore and run say of executions that held but look dangerous.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/cli.h"
#include "kernel/time_stamps.h"
#include "trace/warnings.h"

namespace foreseed {

namespace {

using nlohmann::json;

/// Executions are recorded for it: few, and not where they are long.
constexpr std::uint64_t samples = 8;
constexpr std::uint64_t steps_max = 20'000;
constexpr double seconds_max = 0.5;

class Teller {
 public:
  explicit Teller(const Options& options) : options_(options) {}

  void tell(const Trace& trace) {
    for (const Warning& warning : warnings_of(trace)) {
      if (!told_.insert(warning_key(trace, warning)).second) continue;
      if (options_.json) {
        fmt::print("{}\n", json{{"event", "warning"}, {"scenario", trace.scenario}, {"seed", std::to_string(trace.seed)},
                                {"message", warning.message}}.dump(-1, ' ', false, json::error_handler_t::replace));
      } else {
        fmt::print("warning: {}: {}", trace.scenario, describe_warning(trace, warning));
      }
    }
  }

  bool any() const { return !told_.empty(); }

 private:
  const Options& options_;
  std::set<std::string> told_;
};

}  // namespace

bool tell_warnings(const Options& options, const Trace& trace) {
  Teller teller(options);
  teller.tell(trace);
  return teller.any();
}

bool tell_warnings(const Options& options, const Scenario& scenario, const Setting& setting, const Sampled& sampled) {
  if (sampled.executions == 0 || sampled.steps / sampled.executions > steps_max) return false;
  Teller teller(options);
  const auto start = RealClock::now();
  const RunSeries series;
  const std::uint64_t count = std::min(samples, sampled.executions);
  for (std::uint64_t i = 0; i < count; ++i) {
    RunOptions run = run_options(setting, sampled.first_seed + i * (sampled.executions / count) * sampled.seed_stride);
    run.record = true;
    run.hang_seconds = options.run_timeout_seconds;
    run.heap_bytes_max = options.memory_limit_bytes;
    const Execution execution = run_once(scenario, run);
    if (execution.finding) continue;
    if (!execution.racy_sites.empty() || !warnings_of(*execution.recording).empty()) teller.tell(make_trace(scenario, run, execution));
    if (std::chrono::duration<double>(RealClock::now() - start).count() > seconds_max) break;
  }
  return teller.any();
}

}  // namespace foreseed

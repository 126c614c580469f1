// replay --from STEP --runs N: how often does it still fail from there?

#include "campaign/likelihood.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "trace/signature.h"

namespace foreseed {

namespace {

using nlohmann::json;

constexpr std::uint64_t default_runs = 100;

/// "T1 mutex_lock mutex#1  a.cc:7".
std::string step_name(const Trace& trace, std::uint32_t step) {
  if (step == 0 || step > trace.events.size()) return {};
  const Event& event = trace.events[step - 1];
  return task_name(trace, event.task) + " " + step_text(trace, event);
}

void print_json(const Likelihood& row, const Trace& trace) {
  fmt::print("{}\n", json{{"event", "likelihood"}, {"scenario", trace.scenario}, {"step", row.step}, {"runs", row.runs},
                          {"same", row.same}, {"other", row.other}}.dump(-1, ' ', false, json::error_handler_t::replace));
}

void print_one(const Likelihood& row, const Trace& trace) {
  fmt::print("from step {}: {} of {} executions fail so ({:.0f} %)", row.step, row.same, row.runs, 100 * row.rate());
  if (row.other != 0) fmt::print(", {} in another way", row.other);
  fmt::print(": {}\n", printable(trace.finding.message));
}

void print_table(const std::vector<Likelihood>& table, const Trace& trace) {
  fmt::print("{}: {}\n  step  fails so  otherwise\n", printable(trace.scenario), printable(trace.finding.message));
  const std::size_t risen = steepest(table);
  for (std::size_t i = 0; i < table.size(); ++i) {
    const Likelihood& row = table[i];
    fmt::print("{:6} {:7.0f} % {:8.0f} %  {}{}\n", row.step, 100 * row.rate(),
               100 * static_cast<double>(row.other) / static_cast<double>(row.runs), step_name(trace, row.step),
               risen != 0 && i == risen ? "  <-- here it became likely" : "");
  }
}

}  // namespace

ExitCode replay_anew(const Options& options, const Scenario& scenario, const Trace& trace) {
  if (!trace.failed) throw UsageError(fmt::format("{}: this execution held; how often it fails can be asked of a failure", options.trace));
  bool diverged = false;
  const Trace now = replay_trace(scenario, trace, diverged, limits_of(options));
  if (signature_of(now, Places::functions) != signature_of(trace, Places::functions)) {
    fmt::print("diverged: {}: {}\n", options.trace, describe_difference(trace, now));
    return ExitCode::not_deterministic;
  }
  if (options.from > static_cast<std::int64_t>(now.steps)) {
    throw UsageError(fmt::format("--from {}: {} has {} steps", options.from, options.trace, now.steps));
  }
  const std::uint64_t runs = options.runs != 0 ? options.runs : default_runs;
  if (options.from >= 0) {
    const Likelihood row = likelihood_from(scenario, now, static_cast<std::uint32_t>(options.from), runs, limits_of(options));
    options.json ? print_json(row, now) : print_one(row, now);
    return ExitCode::held;
  }
  const std::vector<Likelihood> table = likelihoods(scenario, now, runs, limits_of(options));
  if (!options.json) print_table(table, now);
  else for (const Likelihood& row : table) print_json(row, now);
  return ExitCode::held;
}

}  // namespace foreseed

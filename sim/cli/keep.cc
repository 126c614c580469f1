// minimize, merge: what is done with kept failures.

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "campaign/child.h"
#include "campaign/minimize.h"
#include "cli/cli.h"
#include "cli/registry.h"
#include "trace/store.h"

namespace foreseed {

using nlohmann::json;

namespace {

json cost_json(const Cost& cost) {
  return {{"preemptions", cost.preemptions}, {"faults", cost.faults}, {"steps", cost.steps}, {"choices", cost.choices}};
}

void print(const Options& options, const Minimized& minimized) {
  if (options.json) {
    fmt::print("{}\n", json{{"event", "minimized"}, {"scenario", minimized.trace.scenario}, {"before", cost_json(minimized.before)},
                            {"after", cost_json(minimized.after)}, {"executions", minimized.executions},
                            {"least_preemptions", minimized.least_preemptions}}.dump());
  } else {
    fmt::print("minimized: {}: {} ({} executions{})\n", minimized.trace.scenario, describe(minimized), minimized.executions,
               minimized.least_preemptions && minimized.after.preemptions != 0 ? ", no schedule with fewer preemptions fails so" : "");
  }
}

MinimizeOptions minimize_options(const Options& options, double seconds) {
  MinimizeOptions result;
  result.seconds = seconds;
  if (options.runs != 0) result.runs = options.runs;
  result.limits = limits_of(options);
  result.limits.in_child = false;  // the minimiser itself is in one
  return result;
}

/// Whether a trace of that kind can be made smaller: the rest is either everywhere or nobody's.
bool worth_it(const Trace& trace) { return trace.failed && trace.finding.kind != FindingKind::unsupported; }

}  // namespace

Trace minimized_for_report(const Options& options, const Scenario& scenario, const Trace& trace) {
  if (!worth_it(trace)) return trace;
  Options without_runs = options;  // --runs is the campaign's
  without_runs.runs = 0;
  const MinimizeOptions how = minimize_options(without_runs, MinimizeOptions{}.seconds);
  const auto work = [&] {
    const Minimized minimized = minimize(scenario, trace, how);
    if (!minimized.reproduced) return std::string();
    if (minimized.trace != trace) print(options, minimized);
    return to_json(minimized.trace);
  };
  if (!options.fork) {
    const std::string text = work();
    return text.empty() ? trace : from_json(text, "the minimised trace");
  }
  // Its own executions may take a process down where the failure itself did not: then the trace stays as it is.
  const ChildResult result = in_child(work, options.run_timeout_seconds);
  return result.output.empty() ? trace : from_json(result.output, "the minimised trace");
}

ExitCode minimize_trace(const Options& options) {
  const Trace trace = load_trace(options.trace, options.database);
  const Scenario& scenario = scenario_named(trace.scenario);
  if (!trace.failed) throw UsageError(fmt::format("{}: this execution held; there is nothing to minimise", options.trace));
  const Minimized minimized = minimize(scenario, trace, minimize_options(options, options.seconds > 0 ? options.seconds : 10));
  if (!minimized.reproduced) {
    fmt::print("diverged: {}: it does not end in that failure any more; `replay` says where it parts\n", options.trace);
    return ExitCode::not_deterministic;
  }
  print(options, minimized);
  if (!options.trace_out.empty()) {
    write_json_file(minimized.trace, options.trace_out);
  } else if (const auto hash = options.trace.rfind('#'); std::filesystem::is_regular_file(options.trace)) {
    write_json_file(minimized.trace, options.trace);
  } else {
    Store store(hash == std::string::npos ? options.database : options.trace.substr(0, hash));
    store.replace_failure(std::stoll(options.trace.substr(hash == std::string::npos ? 0 : hash + 1)), minimized.trace);
  }
  const std::string& name = options.trace_out.empty() ? options.trace : options.trace_out;
  if (!options.json) {
    fmt::print("replay: {} replay {}\ntrace:  {}\nreport: {} show {}\n", options.program, name, name, options.program, name);
  }
  return ExitCode::held;
}

ExitCode merge_databases(const Options& options) {
  Store out(options.names.front());
  for (std::size_t i = 1; i < options.names.size(); ++i) {
    const std::string& name = options.names[i];
    if (!std::filesystem::exists(name)) throw UnreadableError(fmt::format("{}: there is no such database", name));
    if (std::filesystem::equivalent(name, options.names.front())) {
      throw UsageError(fmt::format("merge: {} is both read and written", name));
    }
    Store in(name);
    fmt::print("{}: {} new failures\n", name, out.merge(in));
  }
  return ExitCode::held;
}

}  // namespace foreseed

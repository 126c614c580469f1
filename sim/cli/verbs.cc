// list, describe, run, replay, show, fingerprint.

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "campaign/campaign.h"
#include "cli/cli.h"
#include "cli/registry.h"
#include "explore/random.h"
#include "report/export.h"
#include "trace/store.h"

namespace foreseed {

using nlohmann::json;

namespace {

void print_json(const json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) return size.ws_col;
  const char* const columns = std::getenv("COLUMNS");
  const int width = columns != nullptr ? std::atoi(columns) : 0;
  return width >= 60 ? static_cast<std::size_t>(width) : 120;
}

const Scenario& scenario_named(const std::string& name) {
  const Scenario* const scenario = find_scenario(name);
  if (scenario != nullptr) return *scenario;
  std::string message = fmt::format("there is no scenario named '{}' in this program", name);
  const auto nearest = nearest_scenarios(name);
  if (!nearest.empty()) message += fmt::format("; did you mean {}?", fmt::join(nearest, " or "));
  throw UsageError(message + " `list` shows all");
}

Setting setting_of(const Options& options) {
  return {options.max_steps, options.faults, options.memory, options.strategy, options.races, options.timeouts};
}

Limits limits_of(const Options& options) {
  return {.hang_seconds = options.run_timeout_seconds, .heap_bytes_max = options.memory_limit_bytes, .in_child = options.fork};
}

ExitCode report_failure(const Options& options, std::int64_t id, const Trace& trace) {
  std::string name = fmt::format("{}#{}", options.database, id);
  if (!options.trace_out.empty()) {
    write_json_file(trace, options.trace_out);
    name = options.trace_out;
  }
  if (options.json) {
    print_json({{"event", "failure"}, {"scenario", trace.scenario}, {"seed", std::to_string(trace.seed)},
                {"strategy", std::string(explore::member_for(trace.strategy.empty() ? "uniform" : trace.strategy, trace.seed))},
                {"kind", std::string(to_string(trace.finding.kind))}, {"message", trace.finding.message},
                {"trace", name}, {"replay", fmt::format("{} replay {}", options.program, name)},
                {"report", fmt::format("{} report {}", options.program, name)}});
  } else {
    fmt::print("failed: {}: {}", trace.scenario, describe_finding(trace));
    if (std::getenv("GITHUB_ACTIONS") != nullptr) {
      fmt::print("{}", report::github(trace, {name, fmt::format("{} replay {}", options.program, name)}));
    }
    fmt::print("replay: {} replay {}\ntrace:  {}\nreport: {} report {}\n", options.program, name, name, options.program, name);
  }
  return trace.finding.kind == FindingKind::unsupported ? ExitCode::internal : ExitCode::violated;
}

ExitCode list_scenarios(const Options& options) {
  for (const Scenario& scenario : scenarios()) {
    if (options.json) {
      print_json({{"scenario", scenario.name}, {"summary", scenario.summary}, {"file", scenario.file}, {"line", scenario.line}});
    } else {
      fmt::print("{:<24} {}\n", scenario.name, scenario.summary);
    }
  }
  return ExitCode::held;
}

ExitCode describe_scenario(const Options& options) {
  const Scenario& scenario = scenario_named(options.names.front());
  fmt::print("{}\n  {}\n  {}:{}\n", scenario.name, scenario.summary, scenario.file, scenario.line);
  return ExitCode::held;
}

ExitCode run_scenario(const Options& options) {
  const Scenario& scenario = scenario_named(options.names.front());
  Store store(options.database);
  const Trace trace = record_seed(scenario, options.seed, setting_of(options), limits_of(options));
  if (trace.failed) return report_failure(options, store.add_failure(0, trace), trace);
  if (!options.trace_out.empty()) write_json_file(trace, options.trace_out);
  if (options.json) {
    print_json({{"event", "held"}, {"scenario", trace.scenario}, {"seed", std::to_string(trace.seed)}, {"steps", trace.steps},
                {"fingerprint", fmt::format("{:016x}", trace.fingerprint)}});
  } else {
    fmt::print("held: {}: seed {}, {} steps, {:.6f} s of virtual time, fingerprint {:016x}\n", trace.scenario, trace.seed,
               trace.steps, static_cast<double>(trace.virtual_ns) / 1e9, trace.fingerprint);
  }
  return tell_warnings(options, trace) && options.strict ? ExitCode::violated : ExitCode::held;
}

ExitCode replay(const Options& options) {
  const Trace trace = load_trace(options.trace, options.database);
  const Scenario& scenario = scenario_named(trace.scenario);
  if (trace.build_id != own_build_id()) {
    fmt::print(stderr, "foreseed: note: {} was recorded by another build of {}\n", options.trace, trace.program);
  }
  if (options.gdb) replay_in_debugger(options, trace);
  if (options.from >= 0 || options.runs != 0) return replay_anew(options, scenario, trace);
  bool diverged = false;
  const Trace now = replay_trace(scenario, trace, diverged, limits_of(options), options.until);
  if (diverged) {
    const std::string where = describe_difference(trace, now);
    if (options.json) {
      print_json({{"event", "diverged"}, {"scenario", trace.scenario}, {"trace", options.trace}, {"where", where}});
    } else {
      fmt::print("diverged: {}: {}\n", options.trace, where);
    }
    return ExitCode::not_deterministic;
  }
  if (options.json) {
    print_json({{"event", "reproduced"}, {"scenario", trace.scenario}, {"failed", now.failed}, {"message", now.finding.message}});
  } else if (options.until != 0) {
    ShowOptions show_options;
    show_options.width = terminal_width();
    fmt::print("{}reproduced: {}: up to step {}\n", show(now, show_options), trace.scenario, now.steps);
  } else if (now.failed) {
    fmt::print("reproduced: {}: {}", trace.scenario, describe_finding(now));
  } else {
    fmt::print("reproduced: {}: held\n", trace.scenario);
  }
  return now.failed ? ExitCode::violated : ExitCode::held;
}

ExitCode show_trace(const Options& options) {
  ShowOptions show_options;
  show_options.width = terminal_width();
  show_options.last = options.last;
  show_options.until = options.until;
  fmt::print("{}", show(load_trace(options.trace, options.database), show_options));
  return ExitCode::held;
}

ExitCode print_fingerprints(const Options& options) {
  std::vector<std::string> names = options.names;
  if (options.all) {
    for (const Scenario& scenario : scenarios()) names.push_back(scenario.name);
  }
  if (names.empty()) throw UsageError("fingerprint: name a scenario, or --all");
  const std::uint64_t runs = options.runs != 0 ? options.runs : 100;
  const Setting setting = setting_of(options);
  for (const std::string& name : names) {
    const Scenario& scenario = scenario_named(name);
    const RunSeries series;
    std::uint64_t hash = 0;
    std::uint64_t steps = 0;
    for (std::uint64_t i = 0; i < runs && steps < options.steps_wanted; ++i) {
      const Execution execution = run_once(scenario, run_options(setting, options.seed + i));
      steps += execution.steps;
      hash = (hash ^ execution.fingerprint) * 0x9e3779b97f4a7c15ull;
      hash ^= hash >> 32;
    }
    fmt::print("{} {:016x}\n", name, hash);
  }
  return ExitCode::held;
}

}  // namespace foreseed

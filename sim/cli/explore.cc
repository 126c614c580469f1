// explore: a complete search.

#include "explore/explore.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "campaign/campaign.h"
#include "campaign/search.h"
#include "cli/cli.h"
#include "trace/store.h"

namespace foreseed {

namespace {

using nlohmann::json;

/// Accounts for each trace only up to so many executions: it takes memory.
constexpr std::uint64_t account_max = 5'000'000;

std::string bounds_text(const Options& options, const explore::ExploreResult& result) {
  std::string text;
  if (options.preemptions != ~0u) text += fmt::format(", at most {} preemptions", options.preemptions);
  if (result.counts.held != 0) text += fmt::format(", {} choices of many values taken as 0", result.counts.held);
  if (result.counts.patient != 0 && options.timeouts == 0) text += ", time-outs last (see --timeouts)";
  if (result.counts.patient != 0 && options.timeouts != 0) text += fmt::format(", at most {} time-outs of a task not last", options.timeouts);
  return text.empty() ? ", no bound" : text;
}

void print_summary(const Options& options, const Scenario& scenario, const SearchResult& result, const char* verdict) {
  const explore::SearchCounts& counts = result.counts;
  if (options.json) {
    fmt::print("{}\n", json{{"event", verdict}, {"scenario", scenario.name}, {"strategy", options.search},
                            {"finished", result.finished}, {"complete", counts.complete}, {"deadlocked", counts.deadlocked},
                            {"blocked", counts.blocked}, {"redundant", counts.redundant}, {"failures", result.failed},
                            {"depth", counts.depth}, {"steps", counts.steps}, {"held_at_0", counts.held},
                            {"timeouts", options.timeouts}, {"timeouts_last", counts.patient != 0},
                            {"seconds", result.seconds}}.dump());
    return;
  }
  fmt::print("{}: {}: {} executions complete, {} blocked, {} redundant, depth {}{}, {}, {:.2f} s ({:.0f} /s){}\n", verdict,
             scenario.name, counts.complete, counts.blocked, counts.redundant, counts.depth, bounds_text(options, result),
             options.search, result.seconds,
             result.seconds > 0 ? static_cast<double>(counts.complete + counts.blocked) / result.seconds : 0,
             options.races == Races::off ? ", data races not looked for" : "");
  if (!result.finished && result.failed == 0) {
    fmt::print("not complete: the search was {}{}\n", result.interrupted ? "interrupted" : "ended by its budget",
               options.checkpoint.empty() ? "" : "; go on with the same command and --resume");
  }
}

SearchResult search_of(const Scenario& scenario, const Options& options, const explore::ExploreOptions& search) {
  if (options.fork) {
    if (!options.checkpoint.empty() && !options.resume && std::filesystem::exists(options.checkpoint)) {
      throw UsageError(fmt::format("{} is there already: --resume goes on from it", options.checkpoint));
    }
    return search_in_workers(scenario, {search, options.jobs, options.checkpoint, options.resume});
  }
  if (options.jobs != 1 || !options.checkpoint.empty()) throw UsageError("--jobs and --checkpoint need processes: leave --no-fork out");
  SearchResult result;
  static_cast<explore::ExploreResult&>(result) = explore::explore(scenario, search);
  return result;
}

}  // namespace

ExitCode explore_scenario(const Options& options) {
  const Scenario& scenario = scenario_named(options.names.front());
  Store store(options.database);
  explore::ExploreOptions search;
  search.strategy = options.search;
  search.preemptions = options.preemptions;
  search.executions_max = options.executions_max;
  search.seconds_max = options.seconds;
  search.keep_going = options.keep_going;
  search.account = options.executions_max == 0 || options.executions_max <= account_max;
  Setting setting = setting_of(options);
  setting.strategy = options.search;
  search.steps_per_instant_max = setting.steps_per_instant_max;
  search.faults = setting.faults;
  search.memory = setting.memory;
  search.timeouts = setting.timeouts;
  search.races = setting.races;
  search.hang_seconds = options.run_timeout_seconds;
  search.heap_bytes_max = options.memory_limit_bytes;
  const SearchResult result = search_of(scenario, options, search);
  const char* const verdict = result.failed != 0 ? "failed" : result.finished ? "held" : "incomplete";
  print_summary(options, scenario, result, verdict);
  setting.racy_sites = result.racy_sites;
  ExitCode code = ExitCode::held;
  if (result.interrupted || (!result.finished && options.require_complete)) code = ExitCode::inconclusive;
  if (!result.failing.empty()) code = ExitCode::violated;
  for (const explore::Failing& failing : result.failing) {
    const Trace trace = record_choices(scenario, failing.choices, setting, limits_of(options));
    code = std::max(code, report_failure(options, store.add_failure(0, trace), trace));
  }
  if (result.failed == 0 && !result.interrupted) {
    setting.strategy = "portfolio";
    const Sampled sampled{0, 1, result.counts.complete, result.counts.steps};
    if (tell_warnings(options, scenario, setting, sampled) && options.strict) code = std::max(code, ExitCode::violated);
  }
  std::fflush(stdout);
  return code;
}

}  // namespace foreseed

#include "cli/cli.h"
#include "fault/plan.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <functional>

#include "api/foreseed/main.h"
#include "explore/random.h"

namespace foreseed {

namespace {

/// "90", "90s", "5m", "2h" in seconds.
double parse_duration(const std::string& text) {
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const std::string unit = text.substr(used);
  const double scale = unit.empty() || unit == "s" ? 1 : unit == "ms" ? 1e-3 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (used == 0 || scale == 0 || !(value > 0)) {
    throw CLI::ValidationError("--for", "'" + text + "' is no duration; write 500ms, 60s, 5m or 1h");
  }
  return value * scale;
}

void add_common(CLI::App& verb, Options& options) {
  verb.add_option("--db", options.database, "database of failures")->capture_default_str();
  verb.add_option("--max-steps", options.max_steps, "steps at one instant of virtual time that make a livelock")
      ->check(CLI::Range(1u, 4'000'000'000u))
      ->capture_default_str();
  verb.add_option("--faults", options.faults, "a plan (FILE.json), or kinds of which one is drawn: partition,slow,crash");
  verb.add_flag("--json", options.json, "one JSON object a line");
}

void add_strategy(CLI::App& verb, Options& options) {
  verb.add_option("--strategy", options.strategy, "who chooses the tasks")
      ->check(CLI::IsMember(explore::strategy_names()))
      ->capture_default_str();
}

void add_explore(CLI::App& verb, Options& options, std::string& duration) {
  verb.add_option("scenario", options.names)->required()->expected(1);
  auto* const strategy = verb.add_option("--strategy", options.search, "one execution of each trace, or of each schedule")
                             ->check(CLI::IsMember({"dpor", "dfs"}))
                             ->capture_default_str();
  verb.add_option_function<std::uint32_t>("--preemptions", [&options, strategy](const std::uint32_t& bound) {
    if (strategy->count() != 0 && options.search != "dfs") {
      throw CLI::ValidationError("--preemptions", "bounds --strategy dfs only");
    }
    options.search = "dfs";
    options.preemptions = bound;
  }, "only executions with at most so many (by dfs)")->trigger_on_parse(false);
  verb.add_option("--max-executions", options.executions_max, "stop after so many")->check(CLI::PositiveNumber);
  verb.add_option("--for", duration, "stop after 60s, 5m, 1h");
  verb.add_flag("--keep-going", options.keep_going, "do not stop at the first failure");
  verb.add_flag("--require-complete", options.require_complete, "exit 3 where a bound ends the search first");
  verb.add_option("--trace-out", options.trace_out, "write the trace of the failure as JSON");
}

struct Verb {
  CLI::App* app;
  ExitCode (*run)(const Options&);
};

std::vector<Verb> add_verbs(CLI::App& app, Options& options, std::string& duration) {
  std::vector<Verb> verbs;
  const auto add = [&](const char* name, const char* help, ExitCode (*run)(const Options&)) -> CLI::App& {
    verbs.push_back({app.add_subcommand(name, help), run});
    return *verbs.back().app;
  };
  add("list", "the scenarios of this program", list_scenarios).add_flag("--json", options.json);
  add("describe", "one scenario", describe_scenario).add_option("scenario", options.names)->required()->expected(1);

  CLI::App& run = add("run", "one execution, recorded", run_scenario);
  run.add_option("scenario", options.names)->required()->expected(1);
  run.add_option("--seed", options.seed)->capture_default_str();
  run.add_option("--trace-out", options.trace_out, "write the trace as JSON");
  add_strategy(run, options);
  add_common(run, options);

  CLI::App& check = add("check", "many executions, each under its seed", check_scenarios);
  check.add_option("scenario", options.names);
  check.add_flag("--all", options.all, "every scenario");
  check.add_option("--seed", options.seed, "the first seed")->capture_default_str();
  check.add_option("--runs", options.runs, "executions (default 1000)")->check(CLI::PositiveNumber);
  check.add_option("--for", duration, "stop after 60s, 5m, 1h");
  check.add_option("--jobs", options.jobs, "worker processes")->check(CLI::Range(1u, 256u))->capture_default_str();
  check.add_flag("--keep-going", options.keep_going, "do not stop at the first failure");
  check.add_option("--trace-out", options.trace_out, "write the trace of the failure as JSON");
  add_strategy(check, options);
  add_common(check, options);

  CLI::App& explores = add("explore", "every interleaving that matters", explore_scenario);
  add_explore(explores, options, duration);
  add_common(explores, options);

  CLI::App& replay_verb = add("replay", "follow a trace in a new execution", replay);
  replay_verb.add_option("trace", options.trace, "JSON file, DATABASE#NUMBER, or NUMBER in --db")->required();
  replay_verb.add_option("--db", options.database)->capture_default_str();
  replay_verb.add_flag("--json", options.json);

  CLI::App& show_verb = add("show", "print a trace, a column for each task", show_trace);
  show_verb.add_option("trace", options.trace, "JSON file, DATABASE#NUMBER, or NUMBER in --db")->required();
  show_verb.add_option("--db", options.database)->capture_default_str();
  show_verb.add_option("--last", options.last, "only the last steps")->capture_default_str();
  show_verb.add_flag_callback("--all", [&options] { options.last = 0; }, "every step");

  CLI::App& prints = add("fingerprint", "a hash over the fingerprints of many seeds, to compare builds", print_fingerprints);
  prints.add_option("scenario", options.names);
  prints.add_flag("--all", options.all, "every scenario");
  prints.add_option("--seed", options.seed)->capture_default_str();
  prints.add_option("--runs", options.runs)->check(CLI::PositiveNumber);
  return verbs;
}

int parse_and_run(int argc, char** argv) {
  Options options;
  options.program = argv[0];
  std::string duration;
  CLI::App app{"Runs C++ under a seed: finds failures that depend on timing, and replays them."};
  app.set_version_flag("--version", "foreseed 0.1.0");
  app.require_subcommand(1);
  const std::vector<Verb> verbs = add_verbs(app, options, duration);
  try {
    app.parse(argc, argv);
    if (!duration.empty()) options.seconds = parse_duration(duration);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  try {
    if (!options.faults.empty()) options.faults = fault::read_argument(options.faults);
  } catch (const fault::PlanError& error) {
    throw UsageError(error.what());
  }
  for (const Verb& verb : verbs) {
    if (verb.app->parsed()) return static_cast<int>(verb.run(options));
  }
  return static_cast<int>(ExitCode::usage);
}

}  // namespace

int foreseed_main(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const UsageError& error) {
    fmt::print(stderr, "foreseed: {}\n", error.what());
    return static_cast<int>(ExitCode::usage);
  } catch (const UnreadableError& error) {
    fmt::print(stderr, "foreseed: {}\n", error.what());
    return static_cast<int>(ExitCode::unreadable);
  } catch (const std::exception& error) {
    fmt::print(stderr, "foreseed: internal error: {}\n", error.what());
    return static_cast<int>(ExitCode::internal);
  }
}

}  // namespace foreseed

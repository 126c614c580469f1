#include "cli/cli.h"
#include "fault/plan.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <functional>

#include "api/foreseed/main.h"
#include "cli/reference.h"
#include "explore/random.h"

namespace foreseed {

namespace {

/// "90", "90s", "5m", "2h" in seconds.
double parse_duration(const std::string& option, const std::string& text) {
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
    throw CLI::ValidationError(option, "'" + text + "' is no duration; write 500ms, 60s, 5m or 1h");
  }
  return value * scale;
}

constexpr const char* scenario_name = "its name";
constexpr const char* trace_name = "JSON file, DATABASE#NUMBER, or NUMBER in --db";
constexpr const char* one_object_a_line = "one JSON object a line";

void add_common(CLI::App& verb, Options& options) {
  verb.add_option("--db", options.database, "database of failures")->capture_default_str();
  verb.add_option("--max-steps", options.max_steps, "steps at one instant of virtual time that change nothing or wait: more make a livelock")
      ->check(CLI::Range(1u, 4'000'000'000u))
      ->capture_default_str();
  verb.add_option("--faults", options.faults, "a plan (FILE.json), or kinds of which one is drawn: partition,slow,crash");
  verb.add_option_function<std::string>(
          "--memory", [&options](const std::string& name) { from_string(name, options.memory); },
          "what atomic operations may do: sc, tso (x86) or c11 (all that C++ allows but load buffering)")
      ->check(CLI::IsMember({"sc", "tso", "c11"}));
  verb.add_option("--timeouts", options.timeouts,
                  "so many sleeps and timed waits of each task may end while others can go on, as where those are slow")
      ->check(CLI::Range(0u, 1'000'000u))
      ->capture_default_str();
  verb.add_option_function<std::string>(
          "--races", [&options](const std::string& what) { from_string(what, options.races); },
          "a data race ends the execution (stop, the default), its accesses become scheduling points (explore): what does it do?, or they are not looked for (off)")
      ->check(CLI::IsMember({"stop", "explore", "off"}));
  verb.add_flag("--strict", options.strict, "exit 1 where there are warnings");
  verb.add_flag("--json", options.json, one_object_a_line);
}

/// What keeps an execution from taking foreseed down with it.
void add_limits(CLI::App& verb, Options& options) {
  verb.add_option_function<std::string>(
          "--run-timeout", [&options](const std::string& text) { options.run_timeout_seconds = parse_duration("--run-timeout", text); },
          "an execution that makes no step for so long is a hang (default 10s)");
  verb.add_option("--memory-limit", options.memory_limit_bytes, "bytes of heap in one execution: 512M, 4G (the default)")
      ->transform(CLI::AsSizeValue(false));
  verb.add_flag_callback("--no-fork", [&options] { options.fork = false; }, "run in this process");
}

void add_strategy(CLI::App& verb, Options& options) {
  verb.add_option("--strategy", options.strategy, "who chooses the tasks")
      ->check(CLI::IsMember(explore::strategy_names()))
      ->capture_default_str();
}

void add_explore(CLI::App& verb, Options& options, std::string& duration) {
  verb.add_option("scenario", options.names, scenario_name)->required()->expected(1);
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
  verb.add_option("--jobs", options.jobs, "worker processes")->check(CLI::Range(1u, 256u))->capture_default_str();
  auto* const checkpoint = verb.add_option("--checkpoint", options.checkpoint, "file that keeps how far the search is");
  verb.add_flag("--resume", options.resume, "go on where the checkpoint is, if there is one")->needs(checkpoint);
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
  add("list", "the scenarios of this program", list_scenarios).add_flag("--json", options.json, one_object_a_line);
  add("describe", "one scenario", describe_scenario).add_option("scenario", options.names, scenario_name)->required()->expected(1);

  CLI::App& run = add("run", "one execution, recorded", run_scenario);
  run.add_option("scenario", options.names, scenario_name)->required()->expected(1);
  run.add_option("--seed", options.seed, "the seed")->capture_default_str();
  run.add_option("--trace-out", options.trace_out, "write the trace as JSON");
  add_strategy(run, options);
  add_common(run, options);
  add_limits(run, options);

  CLI::App& check = add("check", "many executions, each under its seed", check_scenarios);
  check.add_option("scenario", options.names, "their names");
  check.add_flag("--all", options.all, "every scenario");
  check.add_option("--seed", options.seed, "the first seed")->capture_default_str();
  check.add_option("--runs", options.runs, "executions (default 1000)")->check(CLI::PositiveNumber);
  check.add_option("--for", duration, "stop after 60s, 5m, 1h");
  check.add_option("--jobs", options.jobs, "worker processes")->check(CLI::Range(1u, 256u))->capture_default_str();
  check.add_flag("--keep-going", options.keep_going, "do not stop at the first failure");
  check.add_option("--junit", options.junit, "write a JUnit report of the scenarios to that file");
  check.add_option("--trace-out", options.trace_out, "write the trace of the failure as JSON");
  check.add_option("--shard", options.shard, "run part i of n: i/n, or auto (SLURM, Kubernetes, GoogleTest), auto/n");
  check.add_flag("--resume", options.resume, "go on with the same campaign where it was interrupted");
  check.add_flag_callback("--no-minimize", [&options] { options.minimize = false; }, "keep failures as they were found");
  add_strategy(check, options);
  add_common(check, options);
  add_limits(check, options);

  CLI::App& explores = add("explore", "every interleaving that matters", explore_scenario);
  add_explore(explores, options, duration);
  add_common(explores, options);
  add_limits(explores, options);

  CLI::App& replay_verb = add("replay", "follow a trace in a new execution", replay);
  replay_verb.add_option("trace", options.trace, trace_name)->required();
  replay_verb.add_option("--db", options.database, "database of failures")->capture_default_str();
  auto* const until = replay_verb.add_option("--until", options.until, "stop after that step, and show the steps that led there")
                          ->check(CLI::PositiveNumber);
  auto* const gdb =
      replay_verb.add_flag("--gdb", options.gdb, "in gdb, stopped after --until, or the failing step, on the task's stack");
  replay_verb.add_option("--from", options.from, "keep the choices up to that step, draw the rest anew: how often does it fail?")
      ->check(CLI::NonNegativeNumber)
      ->excludes(until)
      ->excludes(gdb);
  replay_verb.add_option("--runs", options.runs, "so often (default 100); without --from, from each of some steps")
      ->check(CLI::PositiveNumber)
      ->excludes(until)
      ->excludes(gdb);
  replay_verb.add_flag("--json", options.json, one_object_a_line);
  add_limits(replay_verb, options);

  CLI::App& smaller = add("minimize", "make a trace small: fewest preemptions, faults, steps", minimize_trace);
  smaller.add_option("trace", options.trace, trace_name)->required();
  smaller.add_option("--db", options.database, "database of failures")->capture_default_str();
  smaller.add_option("--for", duration, "stop after 10s (the default), 5m, 1h");
  smaller.add_option("--runs", options.runs, "stop after so many executions")->check(CLI::PositiveNumber);
  smaller.add_option("--trace-out", options.trace_out, "write it there as JSON instead of in its place");
  smaller.add_flag("--json", options.json, one_object_a_line);
  add_limits(smaller, options);

  CLI::App& regress_verb = add("regress", "replay kept traces: which still fail, which are fixed", regress);
  regress_verb.add_option("directory", options.names, "of JSON traces, or a trace (default: results)");
  regress_verb.add_flag("--update", options.update, "write traces that were found again in another way");
  regress_verb.add_flag("--expect-fixed", options.expect_fixed, "everything that is not fixed is an error");
  regress_verb.add_flag("--bisect", options.bisect, "exit codes for git bisect run: 0 fixed, 1 still fails, 125 cannot tell");
  regress_verb.add_option("--for", duration, "time to look for a failure whose trace has diverged (default 2s)");
  regress_verb.add_flag("--json", options.json, one_object_a_line);
  add_limits(regress_verb, options);

  CLI::App& merge_verb = add("merge", "take over what other databases have found", merge_databases);
  merge_verb.add_option("databases", options.names, "OUT IN..")->required()->expected(2, 100'000);

  CLI::App& show_verb = add("show", "print a trace, a column for each task", show_trace);
  show_verb.add_option("trace", options.trace, trace_name)->required();
  show_verb.add_option("--db", options.database, "database of failures")->capture_default_str();
  show_verb.add_option("--last", options.last, "only the last steps")->capture_default_str();
  show_verb.add_option("--until", options.until, "the last step to show")->check(CLI::PositiveNumber);
  show_verb.add_flag_callback("--all", [&options] { options.last = 0; }, "every step");

  CLI::App& report = add("report", "one HTML file to look at a trace with", report_trace);
  report.add_option("trace", options.trace, trace_name)->required();
  report.add_option("--db", options.database, "database of failures")->capture_default_str();
  report.add_option("--out", options.out, "the file to write (default: beside the trace)");

  CLI::App& exports = add("export", "a trace in another tool's format", export_trace);
  exports.add_option("trace", options.trace, trace_name)->required();
  exports.add_option("--format", options.format, "chrome (and Perfetto), dot (Graphviz), junit, sarif, github")
      ->required()
      ->check(CLI::IsMember({"chrome", "dot", "junit", "sarif", "github"}));
  exports.add_option("--db", options.database, "database of failures")->capture_default_str();
  exports.add_option("--out", options.out, "the file to write (default: standard output)");

  CLI::App& diff = add("diff", "where two traces part, and what follows, side by side", diff_traces);
  diff.add_option("one", options.trace, trace_name)->required();
  diff.add_option("other", options.other_trace, "the other, in the same way")->required();
  diff.add_option("--db", options.database, "database of failures")->capture_default_str();
  diff.add_option("--last", options.last, "so many steps from there on")->capture_default_str();
  diff.add_flag_callback("--all", [&options] { options.last = 0; }, "every step from there on");

  CLI::App& prints = add("fingerprint", "a hash over the fingerprints of many seeds, to compare builds", print_fingerprints);
  prints.add_option("scenario", options.names, "their names");
  prints.add_option("--steps", options.steps_wanted, "of a scenario, no more executions than make so many steps");
  prints.add_flag("--all", options.all, "every scenario");
  prints.add_option("--seed", options.seed, "the first seed")->capture_default_str();
  prints.add_option("--runs", options.runs, "executions (default 100)")->check(CLI::PositiveNumber);
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
  std::string format;
  CLI::App* const generate = app.add_subcommand("generate", "man page, completions and reference of this command");
  generate->group("");  // for the build only
  generate->add_option("format", format)->required()->check(CLI::IsMember(reference_formats()));
  try {
    app.parse(argc, argv);
    if (!duration.empty()) options.seconds = parse_duration("--for", duration);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  try {
    if (!options.faults.empty()) options.faults = fault::read_argument(options.faults);
  } catch (const fault::PlanError& error) {
    throw UsageError(error.what());
  }
  if (generate->parsed()) fmt::print("{}", reference(app, format));
  if (generate->parsed()) return 0;
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

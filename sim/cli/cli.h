#pragma once
// The verbs of the foreseed command. Each takes its parsed options and returns the exit code; what goes wrong with input
// is thrown as UnreadableError or UsageError and told by foreseed_main.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "campaign/record.h"
#include "cli/exit_code.h"
#include "trace/trace.h"

namespace foreseed {

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Options {
  std::string program;                  ///< argv[0], for commands to paste
  std::vector<std::string> names;       ///< scenarios
  bool all = false;
  std::uint64_t seed = 0;
  std::uint64_t runs = 0;               ///< 0 = not given
  double seconds = 0;                   ///< --for
  unsigned jobs = 1;
  bool keep_going = false;
  bool json = false;
  std::string database = "results/foreseed.db";
  std::string trace_out;
  std::uint32_t max_steps = 100'000;
  std::string faults;                   ///< RunOptions::faults
  MemoryModel memory = MemoryModel::sc;
  std::uint32_t timeouts = 0;           ///< RunOptions::timeouts
  Races races = Races::stop;            ///< --races
  std::uint64_t steps_wanted = ~std::uint64_t{0};  ///< fingerprint
  std::string trace;                    ///< replay, show
  std::string shard;                    ///< check: "i/n" or "auto"
  bool resume = false;                  ///< check, explore
  std::string checkpoint;               ///< explore
  bool minimize = true;                 ///< check
  bool fork = true;                     ///< check, explore, replay
  double run_timeout_seconds = 10;      ///< an execution without a step for so long is a hang
  std::uint64_t memory_limit_bytes = std::uint64_t{4} << 30;
  bool update = false;                  ///< regress
  bool expect_fixed = false;            ///< regress
  bool bisect = false;                  ///< regress
  std::size_t last = 60;                ///< show; 0 = all
  std::uint32_t until = 0;              ///< show, replay: the last step; 0 = to the end
  std::int64_t from = -1;               ///< replay: choices after that step are drawn anew; -1 = none
  bool gdb = false;                     ///< replay: in a debugger, stopped at `until`
  std::string other_trace;              ///< diff
  std::string out;                      ///< report, export
  std::string format;                   ///< export
  std::string junit;                    ///< check: file for a JUnit report
  std::string strategy = "portfolio";   ///< run, check
  std::string search = "dpor";          ///< explore: --strategy
  std::uint32_t preemptions = ~0u;      ///< explore; the largest number: no bound
  std::uint64_t executions_max = 0;     ///< explore; 0 = no bound
  bool require_complete = false;        ///< explore
  bool strict = false;                  ///< run, check, explore: warnings are failures
};

/// Executions that held, of which some are recorded to be looked at.
struct Sampled {
  std::uint64_t first_seed = 0;
  std::uint64_t seed_stride = 1;
  std::uint64_t executions = 0;
  std::uint64_t steps = 0;   ///< of all
};

/// Print what looks dangerous, each once; false: nothing.
bool tell_warnings(const Options& options, const Trace& trace);
bool tell_warnings(const Options& options, const Scenario& scenario, const Setting& setting, const Sampled& sampled);

ExitCode list_scenarios(const Options& options);
ExitCode describe_scenario(const Options& options);
ExitCode run_scenario(const Options& options);
ExitCode check_scenarios(const Options& options);
ExitCode explore_scenario(const Options& options);
ExitCode replay(const Options& options);
ExitCode show_trace(const Options& options);
ExitCode report_trace(const Options& options);
ExitCode export_trace(const Options& options);
ExitCode diff_traces(const Options& options);
ExitCode print_fingerprints(const Options& options);
ExitCode minimize_trace(const Options& options);
ExitCode regress(const Options& options);
ExitCode merge_databases(const Options& options);

/// What --run-timeout, --memory-limit and --no-fork say.
Limits limits_of(const Options& options);
/// What --faults and the like say.
Setting setting_of(const Options& options);

/// Columns of the terminal, of COLUMNS, or 120.
std::size_t terminal_width();

/// Turns this process into gdb, which replays the trace up to --until, or the failing step. Returns never; throws.
[[noreturn]] void replay_in_debugger(const Options& options, const Trace& trace);

/// replay --from, --runs: how often it still fails where only the first choices of the trace are kept.
ExitCode replay_anew(const Options& options, const Scenario& scenario, const Trace& trace);

/// The scenario of that name, or UsageError with the nearest ones.
const Scenario& scenario_named(const std::string& name);

/// Prints a failure that is kept in the store as number `id`, writes --trace-out, and ends with the three last lines.
/// Returns the exit code it stands for.
ExitCode report_failure(const Options& options, std::int64_t id, const Trace& trace);

/// A smaller trace of the same failure, found in a process of its own, or the trace itself; says what it came to.
Trace minimized_for_report(const Options& options, const Scenario& scenario, const Trace& trace);

}  // namespace foreseed

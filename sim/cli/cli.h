#pragma once
// The verbs of the foreseed command. Each takes its parsed options and returns the exit code; what goes wrong with input
// is thrown as UnreadableError or UsageError and told by foreseed_main.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

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
  std::string trace;                    ///< replay, show
  std::size_t last = 60;                ///< show; 0 = all
  std::string strategy = "portfolio";   ///< run, check
  std::string search = "dpor";          ///< explore: --strategy
  std::uint32_t preemptions = ~0u;      ///< explore; the largest number: no bound
  std::uint64_t executions_max = 0;     ///< explore; 0 = no bound
  bool require_complete = false;        ///< explore
};

ExitCode list_scenarios(const Options& options);
ExitCode describe_scenario(const Options& options);
ExitCode run_scenario(const Options& options);
ExitCode check_scenarios(const Options& options);
ExitCode explore_scenario(const Options& options);
ExitCode replay(const Options& options);
ExitCode show_trace(const Options& options);
ExitCode print_fingerprints(const Options& options);

/// The scenario of that name, or UsageError with the nearest ones.
const Scenario& scenario_named(const std::string& name);

/// Keeps a failure in the store, or in --trace-out, and prints the three last lines. Returns the exit code it stands for.
class Store;
ExitCode report_failure(const Options& options, Store& store, std::int64_t campaign, const Trace& trace);

}  // namespace foreseed

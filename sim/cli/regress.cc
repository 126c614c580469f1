// regress: every kept trace against the program as it is now; as a verb, and inside GoogleTest.

#include "campaign/regress.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "campaign/gtest_support.h"
#include "cli/cli.h"
#include "cli/registry.h"

namespace foreseed {

using nlohmann::json;
using Verdict = Regression::Verdict;

namespace {

constexpr int cannot_tell = 125;  // git bisect run: skip this commit

/// The traces of a directory, by name; or the one file.
std::vector<std::string> traces_in(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_regular_file(name, error)) return {name};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(name, error)) {
    if (entry.path().extension() == ".json" && entry.is_regular_file()) files.push_back(entry.path().string());
  }
  if (error) throw UnreadableError(fmt::format("{}: cannot be read: {}; name a directory of traces", name, error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

struct Counts {
  int still_fail = 0;
  int fixed = 0;
  int diverged = 0;
  int skipped = 0;

  void add(Verdict verdict) {
    still_fail += verdict == Verdict::still_fails;
    fixed += verdict == Verdict::fixed;
    diverged += verdict == Verdict::diverged;
  }
};

void print(const Options& options, const std::string& file, const std::string& verdict, const std::string& explanation,
           const std::string& scenario) {
  if (options.json) {
    fmt::print("{}\n", json{{"event", verdict}, {"trace", file}, {"scenario", scenario}, {"explanation", explanation}}
                           .dump(-1, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{}: {}: {}: {}\n", verdict, file, scenario, explanation);
  }
}

void one(const Options& options, const std::string& file, Counts& counts) {
  const Trace trace = read_json_file(file);
  const Scenario* const scenario = find_scenario(trace.scenario);
  if (scenario == nullptr || !trace.failed) {
    ++counts.skipped;
    const char* const why = scenario == nullptr ? "this program has no such scenario" : "it is the trace of an execution that held";
    print(options, file, "skipped", why, trace.scenario);
    return;
  }
  const Regression result = regress_trace(*scenario, trace, limits_of(options), options.seconds > 0 ? options.seconds : 2);
  counts.add(result.verdict);
  std::string explanation = result.explanation;
  if (options.update && result.verdict == Verdict::still_fails && !result.exact) {
    write_json_file(result.now, file);
    explanation += " (trace updated)";
  }
  print(options, file, to_string(result.verdict), explanation, trace.scenario);
}

ExitCode exit_code(const Options& options, const Counts& counts) {
  if (options.bisect) {
    if (counts.still_fail != 0) return ExitCode::violated;
    return counts.fixed != 0 && counts.diverged == 0 ? ExitCode::held : static_cast<ExitCode>(cannot_tell);
  }
  if (counts.still_fail != 0 || (options.expect_fixed && counts.diverged != 0)) return ExitCode::violated;
  return counts.diverged != 0 ? ExitCode::not_deterministic : ExitCode::held;
}

}  // namespace

ExitCode regress(const Options& options) {
  Counts counts;
  try {
    for (const std::string& name : options.names.empty() ? std::vector<std::string>{"results"} : options.names) {
      for (const std::string& file : traces_in(name)) one(options, file, counts);
    }
  } catch (const UnreadableError& error) {
    if (!options.bisect) throw;
    fmt::print(stderr, "foreseed: {}\n", error.what());
    return static_cast<ExitCode>(cannot_tell);
  }
  if (!options.json) {
    fmt::print("{} still fail, {} fixed, {} diverged, {} skipped\n", counts.still_fail, counts.fixed, counts.diverged, counts.skipped);
  }
  return exit_code(options, counts);
}

namespace detail {

const char* const* gtest_regressions(const char* directory) {
  static std::vector<std::string> files;
  static std::vector<const char*> names;
  files.clear();
  try {
    for (const std::string& file : traces_in(directory)) {
      bool mine = true;  // what cannot be read is told by its test
      try {
        const Trace trace = read_json_file(file);
        mine = trace.failed && find_scenario(trace.scenario) != nullptr;
      } catch (const UnreadableError&) {
      }
      if (mine) files.push_back(file);
    }
  } catch (const UnreadableError&) {
    files = {directory};
  }
  names.clear();
  for (const std::string& file : files) names.push_back(file.c_str());
  names.push_back(nullptr);
  return names.data();
}

TestOutcome run_gtest_regression(const char* file) {
  static std::string message;
  try {
    const Trace trace = read_json_file(file);
    const Scenario* const scenario = find_scenario(trace.scenario);
    if (scenario == nullptr) throw UnreadableError(fmt::format("{}: this program has no scenario {}", file, trace.scenario));
    const Regression result = regress_trace(*scenario, trace, Limits{});
    if (result.verdict == Verdict::fixed) return {true, ""};
    message = fmt::format("{}: {}: {}\n", to_string(result.verdict), file, result.explanation);
    if (result.verdict == Verdict::still_fails) message += describe_finding(result.now);
  } catch (const UnreadableError& error) {
    message = fmt::format("{}\n", error.what());
  }
  return {false, message.c_str()};
}

}  // namespace detail

}  // namespace foreseed

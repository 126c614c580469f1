// What FORESEED_TEST runs; knows nothing of GoogleTest itself.

#include "campaign/gtest_support.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "campaign/campaign.h"

namespace foreseed::detail {

namespace {

std::string message;

std::uint64_t environment_number(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TestOutcome failed(const Trace& trace, const char* test_name) {
  const std::string file = fmt::format("results/{}-{}.json", test_name, trace.seed);
  message = describe_finding(trace);
  try {
    write_json_file(trace, file);
    message += fmt::format("replay: FORESEED_REPLAY={} {} --gtest_filter={}\n", file, own_program_name(), test_name);
  } catch (const UnreadableError& error) {
    message += fmt::format("{}\n", error.what());
  }
  return {false, message.c_str()};
}

TestOutcome replayed(const Scenario& scenario, const char* file, const char* test_name) {
  try {
    bool diverged = false;
    const Trace recorded = read_json_file(file);
    const Trace now = replay_trace(scenario, recorded, diverged);
    if (diverged) {
      message = fmt::format("{} diverged: {}\n", file, describe_difference(recorded, now));
      return {false, message.c_str()};
    }
    if (!now.failed) return {true, ""};
    message = fmt::format("reproduced from {}: {}", file, describe_finding(now));
  } catch (const UnreadableError& error) {
    message = fmt::format("{}: {}\n", test_name, error.what());
  }
  return {false, message.c_str()};
}

/// The failure of the lowest seed.
struct FirstFailure : CampaignObserver {
  std::optional<Failure> first;
  void failed(const Failure& failure) override {
    if (!first || failure.seed < first->seed) first = failure;
  }
};

}  // namespace

TestOutcome run_gtest_scenario(const Scenario& scenario, const char* test_name) {
  if (const char* const file = std::getenv("FORESEED_REPLAY"); file != nullptr) return replayed(scenario, file, test_name);
  CampaignOptions options;
  options.first_seed = environment_number("FORESEED_SEED", 0);
  options.runs = environment_number("FORESEED_RUNS", 100);
  options.fork = false;  // expectations and breakpoints work as everywhere else in the test
  options.limits.hang_seconds = 0;
  FirstFailure observer;
  run_campaign(scenario, options, observer);
  if (!observer.first) return {true, ""};
  const Failure& failure = *observer.first;
  if (!failure.not_deterministic) return failed(failure.trace, test_name);
  message = fmt::format("not deterministic: seed {}: {}\n", failure.seed, failure.message);
  return {false, message.c_str()};
}

}  // namespace foreseed::detail

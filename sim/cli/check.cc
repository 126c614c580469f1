// check: many executions, with progress.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "campaign/campaign.h"
#include "cli/cli.h"
#include "cli/registry.h"
#include "trace/store.h"

namespace foreseed {

namespace {

using nlohmann::json;

std::string rate_text(double per_second) {
  if (per_second >= 1e6) return fmt::format("{:.2f} M/s", per_second / 1e6);
  if (per_second >= 1e3) return fmt::format("{:.1f} k/s", per_second / 1e3);
  return fmt::format("{:.1f} /s", per_second);
}

double rate(const CampaignProgress& progress) {
  return progress.seconds > 0 ? static_cast<double>(progress.executions) / progress.seconds : 0;
}

/// One line that is rewritten on a terminal; elsewhere a line every 10 s.
class ProgressLine {
 public:
  ProgressLine(const std::string& name, const CampaignOptions& options)
      : name_(name), options_(options), terminal_(isatty(STDERR_FILENO) != 0) {}

  void show(const CampaignProgress& progress) {
    const double interval = terminal_ ? 0.2 : 10;
    if (progress.seconds < next_) return;
    next_ = progress.seconds + interval;
    if (!terminal_ && progress.seconds < interval) return;
    const std::string line = fmt::format("{}: {} executions, {}, {} found, {}", name_, progress.executions,
                                         rate_text(rate(progress)), progress.failures, left(progress));
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", line, terminal_ ? "\x1b[K" : "\n");
    std::fflush(stderr);
    shown_ = true;
  }

  ~ProgressLine() {
    if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  std::string left(const CampaignProgress& progress) const {
    double seconds = -1;
    if (options_.seconds > 0) seconds = options_.seconds - progress.seconds;
    if (options_.runs != 0 && rate(progress) > 0) {
      const double by_runs = static_cast<double>(options_.runs - std::min(options_.runs, progress.executions)) / rate(progress);
      seconds = seconds < 0 ? by_runs : std::min(seconds, by_runs);
    }
    return seconds < 0 ? "time left unknown" : fmt::format("{:.0f} s left", seconds);
  }

  const std::string& name_;
  const CampaignOptions& options_;
  bool terminal_;
  bool shown_ = false;
  double next_ = 0;
};

ExitCode report(const Options& options, Store& store, std::int64_t campaign, const Scenario& scenario, const Failure& failure) {
  if (failure.kind == Failure::Kind::violated) return report_failure(options, store, campaign, failure.trace);
  const char* const what = failure.kind == Failure::Kind::worker_died ? "worker died" : "not deterministic";
  if (options.json) {
    fmt::print("{}\n", json{{"event", what}, {"scenario", scenario.name}, {"seed", std::to_string(failure.seed)},
                            {"message", failure.message}}.dump());
  } else {
    fmt::print("{}: {}: seed {}: {}\n", what, scenario.name, failure.seed, failure.message);
  }
  return failure.kind == Failure::Kind::worker_died ? ExitCode::violated : ExitCode::not_deterministic;
}

void print_summary(const Options& options, const Scenario& scenario, const CampaignOptions& campaign, const CampaignResult& result) {
  const char* const verdict = result.failures != 0 || !result.kept.empty() ? "failed" : result.interrupted ? "interrupted" : "held";
  if (options.json) {
    fmt::print("{}\n", json{{"event", verdict}, {"scenario", scenario.name}, {"executions", result.executions},
                            {"steps", result.steps}, {"failures", result.failures}, {"seconds", result.seconds},
                            {"base_seed", std::to_string(campaign.base_seed)}}.dump());
    return;
  }
  std::string text = fmt::format("{}: {}: {} executions from seed {}, {} steps, {:.2f} s ({})", verdict, scenario.name,
                                 result.executions, campaign.base_seed, result.steps, result.seconds, rate_text(rate(result)));
  if (result.failures != 0) text += fmt::format(", {} seeds failed", result.failures);
  fmt::print("{}\n", text);
}

ExitCode check_one(const Options& options, const Scenario& scenario, Store& store) {
  CampaignOptions campaign;
  campaign.base_seed = options.seed;
  campaign.runs = options.runs != 0 ? options.runs : options.seconds > 0 ? 0 : 1000;
  campaign.seconds = options.seconds;
  campaign.jobs = options.jobs;
  campaign.keep_going = options.keep_going;
  campaign.steps_per_instant_max = options.max_steps;
  campaign.faults = options.faults;
  campaign.strategy = options.strategy;
  const std::int64_t id = store.begin_campaign(scenario.name, campaign.base_seed, campaign.runs);
  const std::string name = scenario.name;
  CampaignResult result;
  {
    ProgressLine line(name, campaign);
    result = run_campaign(scenario, campaign, [&line](const CampaignProgress& progress) { line.show(progress); });
  }
  store.update_campaign(id, {result.executions, result.steps, result.failures, result.seconds});
  print_summary(options, scenario, campaign, result);
  ExitCode code = result.interrupted ? ExitCode::inconclusive : ExitCode::held;
  for (const Failure& failure : result.kept) code = std::max(code, report(options, store, id, scenario, failure));
  if (code == ExitCode::inconclusive && !result.kept.empty()) code = ExitCode::violated;
  std::fflush(stdout);
  return code;
}

}  // namespace

ExitCode check_scenarios(const Options& options) {
  std::vector<const Scenario*> wanted;
  for (const std::string& name : options.names) wanted.push_back(&scenario_named(name));
  if (options.all) {
    for (const Scenario& scenario : scenarios()) wanted.push_back(&scenario);
  }
  if (wanted.empty()) throw UsageError("check: name a scenario, or --all");
  Store store(options.database);
  ExitCode code = ExitCode::held;
  for (const Scenario* const scenario : wanted) {
    const ExitCode one = check_one(options, *scenario, store);
    code = std::max(code, one);
    if (one == ExitCode::inconclusive || (one != ExitCode::held && !options.keep_going)) break;
  }
  return code;
}

}  // namespace foreseed

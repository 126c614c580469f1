// check: many executions, with progress.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "campaign/campaign.h"
#include "cli/cli.h"
#include "cli/registry.h"
#include "cli/shard.h"
#include "report/export.h"
#include "report/page.h"
#include "trace/signature.h"
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

void print_summary(const Options& options, const Scenario& scenario, const CampaignProgress& total, const char* verdict) {
  if (options.json) {
    fmt::print("{}\n", json{{"event", verdict}, {"scenario", scenario.name}, {"executions", total.executions},
                            {"steps", total.steps}, {"failures", total.failures}, {"seconds", total.seconds},
                            {"base_seed", std::to_string(options.seed)}}.dump());
    return;
  }
  std::string text = fmt::format("{}: {}: {} executions from seed {}, {} steps, {:.2f} s ({})", verdict, scenario.name,
                                 total.executions, options.seed, total.steps, total.seconds, rate_text(rate(total)));
  if (options.races == Races::off) text += ", data races not looked for";
  if (total.failures != 0) text += fmt::format(", {} seeds failed", total.failures);
  fmt::print("{}\n", text);
}

/// One campaign: writes down what it does as it does it, so that it can be gone on with after any end.
class Check : CampaignObserver {
 public:
  Check(const Options& options, const Scenario& scenario, Store& store)
      : options_(options), scenario_(scenario), store_(store), name_(scenario.name) {
    const Shard shard = options.shard.empty() ? Shard{} : parse_shard(options.shard);
    const std::uint64_t runs = options.runs != 0 ? options.runs : options.seconds > 0 ? 0 : 1000;
    campaign_.first_seed = options.seed + shard.index;
    campaign_.seed_stride = shard.count;
    campaign_.runs = runs == 0 ? 0 : runs / shard.count + (shard.index < runs % shard.count);
    campaign_.seconds = options.seconds;
    campaign_.jobs = options.jobs;
    campaign_.fork = options.fork;
    campaign_.keep_going = options.keep_going;
    campaign_.setting = setting_of(options);
    campaign_.limits = limits_of(options);
    nothing_to_do_ = runs != 0 && campaign_.runs == 0;
  }

  /// What a JUnit report says of it, once it has run.
  const report::JUnitCase& junit_case() const { return case_; }

  ExitCode run() {
    begin();
    CampaignResult result;
    const bool decided = nothing_to_do_ || (!options_.keep_going && !campaign_.known.empty());
    if (!decided) {
      ProgressLine line(name_, campaign_);
      line_ = &line;
      result = run_campaign(scenario_, campaign_, *this);
      line_ = nullptr;
    }
    const CampaignProgress total = with_earlier(result);
    case_.seconds = total.seconds;
    const std::vector<KeptFailure> kept = store_.failures(state_.id);
    const bool failed = total.failures != 0 || !kept.empty() || !not_deterministic_.empty();
    if (!result.interrupted && (campaign_.runs != 0 || (failed && !options_.keep_going))) store_.finish_campaign(state_.id);
    print_summary(options_, scenario_, total, failed ? "failed" : result.interrupted ? "interrupted" : "held");
    ExitCode code = result.interrupted ? ExitCode::inconclusive : ExitCode::held;
    for (const Failure& failure : not_deterministic_) report_difference(failure);
    report(kept, code);
    if (!not_deterministic_.empty()) code = ExitCode::not_deterministic;
    if (!failed && !result.interrupted) {
      const Sampled sampled{campaign_.first_seed, campaign_.seed_stride, total.executions, total.steps};
      if (tell_warnings(options_, scenario_, campaign_.setting, sampled) && options_.strict) code = ExitCode::violated;
    }
    if (result.interrupted && !options_.json) fmt::print("go on with the same command and --resume\n");
    std::fflush(stdout);
    return code;
  }

 private:
  void begin() {
    json configuration = {{"faults", options_.faults}, {"max_steps", options_.max_steps}, {"memory", to_string(options_.memory)}, {"strategy", options_.strategy}};
    if (options_.timeouts != 0) configuration["timeouts"] = options_.timeouts;
    if (options_.races != Races::stop) configuration["races"] = to_string(options_.races);
    const CampaignIdentity identity{scenario_.name, own_build_id(), configuration.dump(), campaign_.first_seed,
                                    campaign_.seed_stride, campaign_.runs};
    if (options_.resume) {
      if (const auto earlier = store_.unfinished_campaign(identity)) {
        state_ = *earlier;
        campaign_.done = state_.done;
        for (const KeptFailure& failure : store_.failures(state_.id)) {
          FindingKind kind{};
          if (!from_string(failure.kind, kind)) continue;
          const std::uint64_t run = (failure.seed - campaign_.first_seed) / campaign_.seed_stride;
          campaign_.known.push_back({signature_text(kind, failure.message), run});
        }
        return;
      }
      fmt::print(stderr, "foreseed: {} has no unfinished campaign like this one: it begins now\n", options_.database);
    }
    state_.id = store_.begin_campaign(identity);
  }

  CampaignProgress with_earlier(CampaignProgress progress) const {
    progress.executions += state_.counters.executions;
    progress.steps += state_.counters.steps;
    progress.failures += state_.counters.failures;
    progress.seconds += state_.counters.seconds;
    return progress;
  }

  void progress(const CampaignProgress& progress) override {
    if (line_ != nullptr) line_->show(with_earlier(progress));
  }

  void failed(const Failure& failure) override {
    if (failure.not_deterministic) not_deterministic_.push_back(failure);
    else store_.add_failure(state_.id, failure.trace);
  }

  void done(const std::vector<Range>& ranges, const CampaignProgress& progress) override {
    CampaignState now = state_;
    done_.insert(done_.end(), ranges.begin(), ranges.end());
    done_ = united(std::move(done_));
    now.done.insert(now.done.end(), done_.begin(), done_.end());
    const CampaignProgress total = with_earlier(progress);
    now.counters = {total.executions, total.steps, total.failures, total.seconds};
    store_.update_campaign(now);
  }

  /// One failure a message, each by its lowest seed; without --keep-going only the first of all.
  void report(const std::vector<KeptFailure>& kept, ExitCode& code) {
    std::map<std::string, KeptFailure> first;
    for (const KeptFailure& failure : kept) {
      const auto [known, fresh] = first.emplace(options_.keep_going ? failure.message : "", failure);
      if (!fresh && failure.seed - options_.seed < known->second.seed - options_.seed) known->second = failure;
    }
    std::vector<KeptFailure> sorted;
    for (const auto& [message, failure] : first) sorted.push_back(failure);
    std::sort(sorted.begin(), sorted.end(), [this](const KeptFailure& a, const KeptFailure& b) {
      return a.seed - options_.seed < b.seed - options_.seed;
    });
    for (const KeptFailure& failure : sorted) {
      const Trace trace = store_.load_failure(failure.id);
      const Trace smaller = options_.minimize ? minimized_for_report(options_, scenario_, trace) : trace;
      if (smaller != trace) store_.replace_failure(failure.id, smaller);
      const ExitCode one = report_failure(options_, failure.id, smaller);
      add_to_case(smaller.finding.message, fmt::format("seed {}: {}", failure.seed, describe_finding(smaller)));
      code = code == ExitCode::inconclusive ? one : std::max(code, one);
    }
  }

  void add_to_case(const std::string& message, const std::string& details) {
    if (case_.failure.empty()) case_.failure = message.empty() ? "failed" : message;
    case_.details += details;
  }

  void report_difference(const Failure& failure) {
    add_to_case(failure.message, fmt::format("seed {}: not deterministic: {}\n", failure.seed, failure.message));
    if (options_.json) {
      fmt::print("{}\n", json{{"event", "not deterministic"}, {"scenario", scenario_.name},
                              {"seed", std::to_string(failure.seed)}, {"message", failure.message}}.dump());
    } else {
      fmt::print("not deterministic: {}: seed {}: {}\n", scenario_.name, failure.seed, failure.message);
    }
  }

  const Options& options_;
  const Scenario& scenario_;
  Store& store_;
  const std::string name_;
  CampaignOptions campaign_;
  bool nothing_to_do_ = false;  ///< more parts than runs
  CampaignState state_;         ///< of the earlier part
  std::vector<Range> done_;     ///< in this one
  std::vector<Failure> not_deterministic_;
  report::JUnitCase case_{scenario_.name, 0, {}, {}};
  ProgressLine* line_ = nullptr;
};

}  // namespace

ExitCode check_scenarios(const Options& options) {
  std::vector<const Scenario*> wanted;
  for (const std::string& name : options.names) wanted.push_back(&scenario_named(name));
  if (options.all) {
    for (const Scenario& scenario : scenarios()) wanted.push_back(&scenario);
  }
  if (wanted.empty()) throw UsageError("check: name a scenario, or --all");
  Store store(options.database);
  std::vector<report::JUnitCase> cases;
  ExitCode code = ExitCode::held;
  for (const Scenario* const scenario : wanted) {
    Check check(options, *scenario, store);
    const ExitCode one = check.run();
    cases.push_back(check.junit_case());
    code = std::max(code, one);
    if (one == ExitCode::inconclusive || (one != ExitCode::held && !options.keep_going)) break;
  }
  if (!options.junit.empty()) report::write_text(report::junit(own_program_name(), cases), options.junit, "--junit");
  return code;
}

}  // namespace foreseed

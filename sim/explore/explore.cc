#include "explore/explore.h"

#include <algorithm>
#include <chrono>
#include <memory>

#include "explore/dfs.h"
#include "explore/dpor.h"
#include "kernel/time_stamps.h"

namespace foreseed::explore {

namespace {

std::unique_ptr<Search> make_search(const ExploreOptions& options) {
  if (options.strategy == "dfs") return std::make_unique<Dfs>(options.preemptions);
  return std::make_unique<Dpor>(options.account);
}

/// One for each message, the shortest.
void keep(std::vector<Failing>& failing, const Execution& execution, std::uint64_t number) {
  const auto known = std::find_if(failing.begin(), failing.end(),
                                  [&](const Failing& f) { return f.message == execution.finding->message; });
  if (known != failing.end() && known->steps <= execution.steps) return;
  Failing now{number, execution.steps, execution.finding->message, {execution.choices.begin(), execution.choices.end()}};
  known == failing.end() ? void(failing.push_back(std::move(now))) : void(*known = std::move(now));
}

}  // namespace

ExploreResult explore(const Scenario& scenario, const ExploreOptions& options,
                      const std::function<bool(const Execution&)>& each) {
  using Clock = RealClock;
  const auto start = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  const std::unique_ptr<Search> search = make_search(options);
  RunOptions run;
  run.strategy = search.get();
  run.steps_per_instant_max = options.steps_per_instant_max;
  run.faults = options.faults;
  run.memory = options.memory;
  ExploreResult result;
  const RunSeries series;
  for (std::uint64_t number = 1;; ++number) {
    const Execution execution = run_once(scenario, run);
    if (execution.finding) {
      ++result.failed;
      keep(result.failing, execution, number);
    }
    const bool go_on = (!each || each(execution)) && (!execution.finding || options.keep_going);
    result.finished = !search->next();
    if (result.finished || !go_on || number == options.executions_max) break;
    if (options.seconds_max > 0 && number % 16 == 0 && seconds() >= options.seconds_max) break;
  }
  result.counts = search->counts();
  result.seconds = seconds();
  return result;
}

}  // namespace foreseed::explore

#include "explore/explore.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <unordered_set>

#include "explore/dfs.h"
#include "explore/dpor.h"
#include "kernel/time_stamps.h"

namespace foreseed::explore {

namespace {

/// One for each message, the shortest.
void keep(std::vector<Failing>& failing, Failing now) {
  const auto known = std::find_if(failing.begin(), failing.end(), [&](const Failing& f) { return f.message == now.message; });
  if (known == failing.end()) {
    failing.push_back(std::move(now));
  } else if (now.steps < known->steps) {
    *known = std::move(now);
  }
}

}  // namespace

std::unique_ptr<Search> make_search(const ExploreOptions& options) {
  if (options.strategy == "dfs") return std::make_unique<Dfs>(options.preemptions);
  return std::make_unique<Dpor>(options.account);
}

Pause run_slice(const Scenario& scenario, Search& search, const ExploreOptions& options, const Slice& slice, Board& board,
                ExploreResult& result, const std::function<bool(const Execution&)>& each) {
  using Clock = RealClock;
  const auto start = Clock::now();
  RunOptions run;
  run.strategy = &search;
  run.steps_per_instant_max = options.steps_per_instant_max;
  run.faults = options.faults;
  run.memory = options.memory;
  run.timeouts = options.timeouts;
  run.races = options.races;
  run.racy_sites = search.racy_sites();
  run.hang_seconds = options.hang_seconds;
  run.heap_bytes_max = options.heap_bytes_max;
  run.record = slice.follow_death || slice.last_step != 0;
  run.events_max = 0;
  run.step_now = slice.follow_death ? &board.step : nullptr;
  run.last_step = slice.last_step;
  const RunSeries series;
  const auto run_next = [&](std::uint64_t number) {
    const Execution execution = run_once(scenario, run);
    if (!execution.new_racy_sites.empty()) search.add_racy_sites(execution.new_racy_sites);
    if (execution.finding) {
      ++result.failed;
      const auto choices = execution.choices;
      keep(result.failing, {number, execution.steps, execution.finding->message, {choices.begin(), choices.end()}});
    }
    const bool go_on = (!each || each(execution)) && (!execution.finding || options.keep_going);
    if (!search.next()) return Pause::finished;
    if (search.began_again()) return Pause::again;
    if (!go_on) return Pause::failed;
    return search.waits_for() != 0 ? Pause::unit : Pause::bound;
  };
  Pause pause = Pause::bound;
  for (std::uint64_t number = 1;; ++number) {
    pause = run_next(number);
    if (pause == Pause::again) {
      result = {};
      return pause;
    }
    board.executions.store(number, std::memory_order_relaxed);
    if (pause != Pause::bound || number == slice.executions_max || board.stop.load(std::memory_order_relaxed)) break;
    if (slice.seconds_max > 0 && std::chrono::duration<double>(Clock::now() - start).count() >= slice.seconds_max) break;
  }
  result.counts = search.counts();
  result.finished = pause == Pause::finished;
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return pause;
}

void append(ExploreResult& all, ExploreResult part) {
  const std::uint64_t before = all.counts.complete + all.counts.blocked;
  for (Failing& failing : part.failing) {
    failing.execution += before;
    keep(all.failing, std::move(failing));
  }
  all.counts.add(part.counts);
  all.failed += part.failed;
}

ExploreResult explore(const Scenario& scenario, const ExploreOptions& options,
                      const std::function<bool(const Execution&)>& each) {
  const std::unique_ptr<Search> search = make_search(options);
  Board board;
  ExploreResult result;
  while (run_slice(scenario, *search, options, {options.executions_max, options.seconds_max}, board, result, each) == Pause::again) {
  }
  result.racy_sites = search->racy_sites();
  const std::vector<std::uint64_t> traces = search->take_traces();
  if (!traces.empty()) {
    result.counts.redundant = traces.size() - std::unordered_set<std::uint64_t>(traces.begin(), traces.end()).size();
  }
  return result;
}

}  // namespace foreseed::explore
